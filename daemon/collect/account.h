// SPDX-License-Identifier: Apache-2.0
/*
 * account.h - what happened to every tick of a window
 *
 * A snapshot holds all counters as they stand; two of them make the account of
 * the time between: how many ticks were seen, how many were lost and why, how many
 * came late, how many there should have been. Shown with every profile.
 */
#ifndef CPROFD_COLLECT_ACCOUNT_H
#define CPROFD_COLLECT_ACCOUNT_H

#include <stdint.h>

struct account;
struct collect;
struct collect_parts;

/* Every way to lose a sample, in the order of its way from the tick to the store. */
enum loss {
	LOSS_RING_FULL = 0, /* the ring buffer had no room */
	LOSS_NO_SCRATCH,    /* no scratch buffer for that CPU */
	LOSS_FOREIGN_NS,    /* not in the daemon's PID namespace */
	LOSS_MALFORMED,     /* a record that contradicts itself */
	LOSS_NO_PROCESS,    /* the table of processes was full */
	LOSS_NO_ROOM,       /* no room to wait or in the store */
	LOSSES,
};

/* "ring_full", ...; static. */
const char *loss_name(enum loss loss);

#define ACCOUNT_CPUS 64 /* that are told apart in a window; the sums are over all */

struct account_window {
	uint64_t duration_ns;
	uint64_t seen, idle, stored;
	uint64_t lost[LOSSES];
	uint64_t lost_all;
	/*
	 * In the ring or waiting for their time at the second snapshot, less those at the
	 * first. seen = stored + lost_all + pending, to the sample.
	 */
	int64_t pending;
	/*
	 * Of the stored ones, those that made room for younger ones before the second
	 * snapshot: a profile of the window lacks them.
	 */
	uint64_t evicted;
	uint64_t late; /* ticks that never came, see sampler/cputime.h */
	uint64_t late_by_cpu[ACCOUNT_CPUS];
	uint64_t expected; /* busy CPU time x Hz */
	uint64_t self;
	uint64_t sideband_lost; /* side-band records */
};

/* Read every counter. Gives a snapshot, released with account_free(). 0 or -ENOMEM. */
int account_take(const struct collect *c, struct account **ret);
void account_free(struct account *a); /* NULL is accepted */

/* The window between two snapshots. */
void account_between(
	const struct account *from, const struct account *to, struct account_window *ret);

/*
 * Add to `w`, the window from `opened` to `closed`, what became until `later` of the samples that
 * were on their way when it closed: those lost behind the ring, those evicted. Samples of
 * the few milliseconds after the window may be among them.
 */
void account_add_rest(struct account_window *w, const struct account *opened,
	const struct account *closed, const struct account *later);

#endif
