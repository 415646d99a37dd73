// SPDX-License-Identifier: Apache-2.0
/*
 * request.h - what somebody wants to know
 *
 * The one description of a CPU profile that every way in (control socket, later
 * HTTP) fills and every stage of the profile builder reads.
 */
#ifndef CPROFD_PROFILE_REQUEST_H
#define CPROFD_PROFILE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image;

#define PROFILE_MAX_PIDS 256

/* profile_request.labels */
#define PROFILE_LABEL_PID         0x01
#define PROFILE_LABEL_COMM        0x02 /* of the process */
#define PROFILE_LABEL_TID         0x04
#define PROFILE_LABEL_THREAD_NAME 0x08
#define PROFILE_LABEL_CPU         0x10

/* A process as it was when the request came: a PID that is reused later is another one. */
struct profile_process {
	uint32_t tgid;
	uint64_t start_boottime_ns; /* TIME_UNKNOWN: not known yet, the first sample tells */
	struct image *image;        /* a reference, to know its end and its program; may be NULL */
};

struct profile_request {
	bool all; /* the whole host; then n_processes is 0 */
	struct profile_process processes[PROFILE_MAX_PIDS];
	size_t n_processes;
	unsigned labels; /* PROFILE_LABEL_* */
	bool no_symbols;
	bool include_self;       /* keep ROW_SELF samples in a whole-host profile */
	uint64_t from_ns, to_ns; /* CLOCK_MONOTONIC, [from, to) */
	uint64_t from_unix_ns;   /* wall clock at from_ns */
};

/* Drop the references. */
void profile_request_fini(struct profile_request *r);

/*
 * Is `image` a program of the process `p`? Learns p's start time when it is not
 * known yet, so it must see the images in the order of time.
 */
bool profile_process_owns(struct profile_process *p, const struct image *image);

/*
 * The process that an image belongs to, or NULL when it was not asked for. Learns
 * start times, so it must see the images in the order of time.
 */
struct profile_process *profile_request_match(struct profile_request *r, const struct image *image);

#endif
