// SPDX-License-Identifier: Apache-2.0
/*
 * process.h - images with what the tracker alone knows of them, and their table
 *
 * The table holds the newest image of every PID: the living one, or for a moment
 * the one that ended, because samples come after the EXIT record.
 */
#ifndef CPROFD_TRACKER_PROCESS_H
#define CPROFD_TRACKER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/idmap.h"
#include "base/vec.h"
#include "tracker/image.h"
#include "tracker/ledger.h"

struct process {
	struct image image; /* first: what the world sees */
	struct ledger *ledger;
	uint64_t start_ticks;   /* as /proc tells it, 1/100 s; 0: not told */
	uint32_t n_threads;     /* 0: not known */
	uint64_t threads_at_ns; /* when they were counted: earlier records are in the count */
	uint32_t loss_epoch;    /* the losses that its mappings have been checked after */
	bool by_exec;           /* it began with an exec that was seen */
	bool ran;               /* user code of this image was seen running */
	bool sampled;
	bool maps_stale;         /* records were skipped: read the maps when it is sampled */
	uint64_t next_rescan_ns; /* CLOCK_MONOTONIC */
	uint64_t work_from_ns;   /* the second in which `work` was done for its records */
	uint32_t work;
};

static inline struct process *process_of(struct image *i)
{
	return (struct process *)i;
}

/* With one reference, living, without mappings. NULL when memory is out or at the ledger's ceiling.
 */
struct process *process_new(struct ledger *ledger, uint32_t tgid, uint64_t from_ns);

static inline bool process_lives(const struct process *p)
{
	return p->image.to_ns == TIME_FOREVER;
}

struct processes {
	VEC(struct process *) slots; /* NULL: free */
	VEC(uint32_t) free_slots;
	struct idmap map;
	uint32_t max;
};

void processes_fini(struct processes *t);

/* The newest image of a PID, living or not, or NULL. */
struct process *processes_find(const struct processes *t, uint32_t tgid);

/*
 * Put `p` in the place of whatever holds its PID, which is released. Takes the
 * reference when it succeeds. Returns 0, -ENOMEM or -ENOSPC at the ceiling.
 */
int processes_put(struct processes *t, struct process *p);

/* Release what the table holds for p->image.tgid, if that is still `p`. */
void processes_drop(struct processes *t, const struct process *p);

size_t processes_bytes(const struct processes *t);

#endif
