// SPDX-License-Identifier: Apache-2.0
#include "sampler/events.h"

#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>

#include <bpf/bpf.h>

#include "base/cpus.h"
#include "base/diag.h"
#include "base/scope.h"
#include "opener/opener.h"
#include "sampler/explain.h"
#include "sampler/load.h"

static int refused(int err, unsigned cpu, unsigned hz, struct diag *diag)
{
	const struct open_refusal refusal = {.err = err,
		.cpu = cpu,
		.hz = hz,
		.max_rate = load_sysctl("kernel/perf_event_max_sample_rate", -1),
		.paranoid = load_sysctl("kernel/perf_event_paranoid", LONG_MIN)};

	return explain_open(&refusal, diag);
}

int events_open(struct opener *opener, unsigned hz, const struct cpus *cpus, struct diag *diag,
	struct events *ret)
{
	scoped(events_fini) struct events opened = {.at = calloc(cpus->n, sizeof(struct event))};

	if (!opened.at)
		return diag_set(diag, -ENOMEM, "out of memory for %u events", cpus->n);
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		int fd;

		if (!cpus_has(cpus, cpu))
			continue;
		fd = opener_open_clock(opener, cpu, hz);
		if (fd == -ENODEV)
			continue;
		if (fd < 0)
			return refused(fd, cpu, hz, diag);
		opened.at[opened.n++] = (struct event){.cpu = cpu, .fd = fd, .link = -1};
	}
	if (!opened.n)
		return refused(-ENODEV, 0, hz, diag);
	*ret = opened;
	opened = (struct events){0};
	return 0;
}

static int attach_by_ioctl(struct event *event, int prog_fd, struct diag *diag)
{
	if (!ioctl(event->fd, PERF_EVENT_IOC_SET_BPF, prog_fd))
		return 0;
	return diag_set(diag, -errno, "attaching the program to the clock of CPU %u failed (%s)%s",
		event->cpu, strerror(errno),
		errno == EEXIST ? ": another program holds this event" : "");
}

int events_attach(struct events *events, int prog_fd, bool by_ioctl, struct diag *diag)
{
	for (unsigned i = 0; i < events->n; i++) {
		struct event *event = &events->at[i];
		int err = 0;

		if (!by_ioctl)
			event->link = bpf_link_create(prog_fd, event->fd, BPF_PERF_EVENT, NULL);
		if (event->link < 0) {
			event->link = -1;
			err = attach_by_ioctl(event, prog_fd, diag);
		}
		if (err)
			return err;
	}
	events->links = events->n && events->at[0].link >= 0;
	return 0;
}

int events_switch(const struct events *events, bool on)
{
	unsigned long request = on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE;
	int err = 0;

	for (unsigned i = 0; i < events->n; i++)
		if (ioctl(events->at[i].fd, request, 0) && !err)
			err = -errno;
	return err;
}

void events_fini(struct events *events)
{
	for (unsigned i = 0; i < events->n; i++) {
		scope_close(&events->at[i].link);
		scope_close(&events->at[i].fd);
	}
	free(events->at);
	*events = (struct events){0};
}
