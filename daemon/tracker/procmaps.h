// SPDX-License-Identifier: Apache-2.0
/*
 * procmaps.h - the text of /proc/PID/maps and /proc/PID/stat
 *
 * Both contain names that the process chose. Parsed in place, within given
 * bounds; a line that makes no sense is refused whole.
 */
#ifndef CPROFD_TRACKER_PROCMAPS_H
#define CPROFD_TRACKER_PROCMAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracker/objects.h"

/* A line of the kernel's: 73 columns, then a path in which each newline takes four bytes. */
#define PROCMAPS_LINE_MAX (128 + 4 * OBJECT_PATH_MAX)

struct procmaps_line {
	uint64_t start, limit;
	uint64_t offset;
	bool executable;
	uint32_t dev_major, dev_minor;
	uint64_t inode;
	const char *path; /* points into the line; len 0: anonymous */
	size_t path_len;
};

/*
 * Parse one line, without its newline. The path is decoded where it stands, so
 * `line` is changed. show_map_vma() escapes newlines as \012 and nothing else: a
 * backslash followed by other digits is part of the name. " (deleted)" is taken off.
 * Returns 0 or -EBADMSG.
 */
int procmaps_line(char *line, size_t len, struct procmaps_line *ret);

struct procstat {
	char comm[16]; /* NUL-padded; the first 15 bytes of what stands in parentheses */
	bool kernel_thread;
	bool gone; /* a zombie with no thread left, or dead */
	uint32_t n_threads;
	uint64_t start_ticks; /* since boot, 1/100 s */
};

/* Parse /proc/PID/stat. Returns 0 or -EBADMSG. */
int procstat_parse(const char *text, size_t len, struct procstat *ret);

#endif
