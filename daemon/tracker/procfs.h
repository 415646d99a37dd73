// SPDX-License-Identifier: Apache-2.0
/*
 * procfs.h - bounded reading of /proc/PID
 *
 * All files of a process are read through one descriptor of its directory, so
 * that they are of one process even when its PID is reused meanwhile.
 */
#ifndef CPROFD_TRACKER_PROCFS_H
#define CPROFD_TRACKER_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracker/procmaps.h"

/* The directory of a process in `proc_fd`. Gives a descriptor, or a negative errno. */
int procfs_open(int proc_fd, uint32_t tgid);

/*
 * Where maps, exe, map_files and root of the process at `dir_fd` can be read: there, or,
 * once its main thread has ended and others run on, where one of those has them.
 * Gives a descriptor, or a negative errno.
 */
int procfs_open_living(int proc_fd, int dir_fd);

int procfs_stat(int dir_fd, struct procstat *ret);

/*
 * Call `each` for every executable mapping, in order of address, until it returns
 * non-zero, which is then the result. Stops with -EFBIG after 32 MiB of text; lines that
 * make no sense are added to *malformed. Where the kernel answers PROCMAP_QUERY (6.11),
 * `build_id` is what the file calls itself.
 */
int procfs_maps(int dir_fd,
	int (*each)(void *ctx, const struct procmaps_line *line, const struct build_id *build_id),
	void *ctx, uint64_t *malformed);

/* Split `len` bytes of maps text. For procfs_maps() and its tests. */
struct maps_text {
	char line[PROCMAPS_LINE_MAX];
	size_t len;
	bool overlong; /* the line under way is too long: skip to its end */
};
int maps_text_feed(struct maps_text *text, const char *bytes, size_t len,
	int (*each)(void *ctx, const struct procmaps_line *line), void *ctx, uint64_t *malformed);

#endif
