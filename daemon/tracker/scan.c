// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "tracker/procfs.h"
#include "tracker/state.h"

#define DRAIN_EVERY 64 /* processes: the rings fill while we read */

static void scope_closedir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static uint32_t pid_of_name(const char *name)
{
	uint64_t pid = 0;

	for (; isdigit((unsigned char)*name) && pid < UINT32_MAX; name++)
		pid = pid * 10 + (uint64_t)(*name - '0');
	return *name || pid > UINT32_MAX ? 0 : (uint32_t)pid;
}

uint64_t tracker_start_ns(const struct tracker *t, uint32_t tgid)
{
	scoped(scope_close) int dir_fd = procfs_open(t->proc_fd, tgid);
	struct procstat stat;

	if (dir_fd < 0 || procfs_stat(dir_fd, &stat))
		return TIME_UNKNOWN;
	return stat.start_ticks * START_TICK_NS;
}

static void scan_process(struct tracker *t, uint32_t tgid)
{
	scoped(scope_close) int dir_fd = procfs_open(t->proc_fd, tgid);
	struct process *p;
	int err;

	/* what records have told already is better than what /proc shows now */
	if (dir_fd < 0 || processes_find(&t->processes, tgid))
		return;
	p = begin_process(t, tgid, 0);
	if (!p)
		return;
	err = read_process(t, dir_fd, p, clock_monotonic_ns());
	if (err == -ESRCH || err == -ENOENT)
		processes_drop(&t->processes, p);
	else if (err)
		p->image.maps_unknown = true;
}

int tracker_scan(struct tracker *t)
{
	scoped(scope_closedir) DIR *dir = NULL;
	int fd = openat(t->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned n = 0;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		uint32_t tgid = pid_of_name(d->d_name);

		if (!tgid)
			continue;
		scan_process(t, tgid);
		if (++n % DRAIN_EVERY == 0)
			tracker_drain(t);
	}
	tracker_drain(t);
	return 0;
}
