// SPDX-License-Identifier: Apache-2.0
/*
 * queue.h - records of several CPUs, waiting for their time
 *
 * Each ring is in order, all together are not. Records are copied in as they come
 * and handed out by time; those of equal time in the order of their arrival.
 */
#ifndef CPROFD_TRACKER_QUEUE_H
#define CPROFD_TRACKER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queued {
	uint64_t time_ns;
	uint32_t at, len; /* in struct queue's bytes */
};

struct queue {
	struct queued *entries; /* [head, n) wait */
	uint32_t head, n, room;
	uint8_t *bytes;
	uint32_t n_bytes, bytes_room;
	uint32_t ceiling; /* of all that is allocated */
	bool disordered;
};

/* The zero value with a ceiling is an empty queue. */
void queue_fini(struct queue *q);

/* Copy a record in. Returns 0, -ENOSPC at the ceiling or -ENOMEM. */
int queue_push(struct queue *q, uint64_t time_ns, const void *record, uint32_t len);

/*
 * Take the earliest record if its time is <= until_ns. NULL when there is none.
 * Borrowed until the next push.
 */
const void *queue_take(
	struct queue *q, uint64_t until_ns, uint64_t *ret_time_ns, uint32_t *ret_len);

size_t queue_bytes(const struct queue *q);

#endif
