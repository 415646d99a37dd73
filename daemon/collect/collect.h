// SPDX-License-Identifier: Apache-2.0
/*
 * collect.h - samples and process records, put together in the order of time
 *
 * The sampler's ring and the side-band's rings tell two halves of one story. On
 * each drain everything that waits is fetched; then, up to a horizon a little in
 * the past (so that no record of that time can still be on its way), each sample is
 * given to the image that ran at its time, the files under its new stacks are
 * opened while their process lives, and the sample goes to the store.
 *
 * Drains happen by themselves, on a timer and when a side-band ring fills; a
 * request that needs an exact edge calls collect_drain() once its edge lies behind
 * the horizon.
 */
#ifndef CPROFD_COLLECT_COLLECT_H
#define CPROFD_COLLECT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

struct collect;
struct sampler;
struct store;
struct symbols;
struct tracker;

/* How far behind now a drain stops: records are in their rings long before. */
#define COLLECT_SLACK_NS (10 * 1000000ull)

/* store_row.flags */
#define ROW_SELF         0x01 /* of the daemon's own programs */
#define ROW_USER_STALE   0x02 /* the user stack was the old image's, during exec: dropped */
#define ROW_KERNEL_CUT   0x04 /* deeper than ABI_MAX_FRAMES */
#define ROW_USER_CUT     0x08
#define ROW_KERNEL_ERROR 0x10 /* could not be read */
#define ROW_USER_ERROR   0x20

/* Borrowed for the life of `collect`. */
struct collect_parts {
	struct sampler *sampler;
	struct tracker *tracker;
	struct store *store;
	struct symbols *symbols;
	pid_t opener_pid; /* whose samples are the daemon's own, with ours and the symbolizer's */
};

/* Why samples that left the ring did not reach the store; totals. */
struct collect_totals {
	uint64_t drained;    /* taken out of the ring, by whatever fate */
	uint64_t pending;    /* of these: waiting for the horizon */
	uint64_t no_process; /* the table of processes is full */
	uint64_t no_room;    /* too many waiting, or the store refused */
	uint64_t self;       /* stored samples of the daemon's own programs */
	size_t bytes;        /* of the waiting room */
};

int collect_new(sd_event *loop, const struct collect_parts *parts, struct collect **ret);
void collect_free(struct collect *c); /* NULL is accepted */

/* Fetch everything now and store what is older than the horizon. */
void collect_drain(struct collect *c);

/* As collect_drain(), but store all there is: for the end, once the sampler is stopped. */
void collect_flush(struct collect *c);

/* What it was made of. Borrowed. */
const struct collect_parts *collect_parts(const struct collect *c);

void collect_totals(const struct collect *c, struct collect_totals *ret);

#endif
