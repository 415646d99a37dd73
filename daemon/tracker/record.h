// SPDX-License-Identifier: Apache-2.0
/*
 * record.h - a side-band record, taken apart
 *
 * The layouts are those of enum perf_event_type in linux/perf_event.h, each ending
 * in the sample_id {u32 pid, u32 tid, u64 time} that opener.h asks for.
 */
#ifndef CPROFD_TRACKER_RECORD_H
#define CPROFD_TRACKER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracker/image.h"
#include "tracker/objects.h"

enum record_type {
	RECORD_MMAP, /* MMAP2 */
	RECORD_COMM,
	RECORD_FORK,
	RECORD_EXIT,
	RECORD_LOST,
};

struct record {
	enum record_type type;
	uint64_t time_ns;
	uint32_t pid, tid; /* whom it is about; pid is the thread group's. Not for LOST */
	union {
		struct {
			uint64_t start, limit, offset;
			bool executable;
			struct file_name file; /* its path points into the record */
		} mmap;
		struct {
			char comm[IMAGE_COMM_LEN];
			bool exec;
		} comm;
		struct {
			uint32_t parent_pid; /* who called fork() */
		} task;
		struct {
			uint64_t n;
		} lost;
	};
};

/*
 * Is it of a type that concerns us (or too short to say)? To be asked before its time:
 * the kernel leaves the trailer of KSYMBOL records uninitialised, seen on 6.18.
 */
bool record_matters(const void *bytes, size_t len);

/* The time in the trailer; 0 when the record is too short for one. */
uint64_t record_time(const void *bytes, size_t len);

/*
 * Take a record apart. `bytes` is borrowed, also by *ret. Returns 0; -ENOMSG when
 * it is of a type that does not concern us; -EBADMSG when it contradicts itself.
 */
int record_decode(const void *bytes, size_t len, struct record *ret);

#endif
