// SPDX-License-Identifier: Apache-2.0
/*
 * capture.h - keep what libbpf would print, to put its end into a sentence
 *
 * libbpf has one print function for the whole process and prints a refused
 * program's whole verifier log through it, which can be megabytes. A capture takes its
 * place for a while and keeps the last CAPTURE_MAX bytes of the warnings. One at a time.
 */
#ifndef CPROFD_SAMPLER_CAPTURE_H
#define CPROFD_SAMPLER_CAPTURE_H

#include <stddef.h>

#define CAPTURE_MAX 8192

struct capture {
	char text[CAPTURE_MAX]; /* NUL-terminated */
	size_t len;
	void *previous; /* libbpf's print function before */
};

/* Start with nothing kept. The capture is borrowed until capture_end(). */
void capture_begin(struct capture *c);

/* Give libbpf its print function back. What was kept stays in `text`. */
void capture_end(struct capture *c);

/* Append, and drop from the front what no longer fits. */
void capture_append(struct capture *c, const char *text, size_t len);

#endif
