// SPDX-License-Identifier: Apache-2.0
/*
 * events.h - one clock event per online CPU, and the program attached to each
 */
#ifndef CPROFD_SAMPLER_EVENTS_H
#define CPROFD_SAMPLER_EVENTS_H

#include <stdbool.h>

struct cpus;
struct diag;
struct opener;

struct event {
	unsigned cpu;
	int fd;
	int link; /* -1 when attached by ioctl, or not at all */
};

struct events {
	struct event *at;
	unsigned n;
	bool links; /* attached by BPF links */
};

/*
 * Open a disabled event of `hz` on each of `cpus`, through `opener`. A CPU that went
 * offline meanwhile is left out. Gives `ret`; on failure `diag` has the reason.
 */
int events_open(struct opener *opener, unsigned hz, const struct cpus *cpus, struct diag *diag,
	struct events *ret);

/*
 * Attach the program to each: by BPF link, which goes with its descriptor, or
 * by ioctl where the kernel has none (before Linux 5.15, commit b89fbfbb854c) or
 * `by_ioctl` says so.
 */
int events_attach(struct events *events, int prog_fd, bool by_ioctl, struct diag *diag);

/*
 * Enable or disable them all. Once disabling returned, no program runs any
 * more. Tries every event, and returns 0 or the first negative errno.
 */
int events_switch(const struct events *events, bool on);

/* Detach and close. The zero value is accepted. */
void events_fini(struct events *events);

#endif
