// SPDX-License-Identifier: Apache-2.0
/*
 * state.h - struct tracker, shared by the files that work on it
 */
#ifndef CPROFD_TRACKER_STATE_H
#define CPROFD_TRACKER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracker/ledger.h"
#include "tracker/objects.h"
#include "tracker/process.h"
#include "tracker/queue.h"
#include "tracker/record.h"
#include "tracker/sideband.h"
#include "tracker/tracker.h"

/* An image that ended and may still get samples. */
struct ended {
	struct process *process; /* a reference */
	uint64_t to_ns;
};

struct tracker {
	struct tracker_options options; /* with the defaults filled in */
	struct tracker_totals totals;   /* counters only; the rest is put in when asked */
	struct ledger *ledger;
	struct objects *objects;
	struct processes processes;
	struct sideband sideband;
	struct queue queue;
	VEC(struct ended) ended; /* in order of time, from n_ended_done on */
	uint32_t n_ended_done;
	uint64_t earliest_ns;    /* records before it make no sense: nobody listened then */
	uint64_t advanced_ns;    /* records up to here are applied */
	uint32_t loss_epoch;     /* counts the times that records were lost */
	uint64_t rescan_from_ns; /* the second in which n_rescans were made */
	uint32_t n_rescans;
	uint64_t sweep_ns; /* when the table was last swept for processes that are gone */
	uint32_t sweep_at;
	uint32_t sweep_epoch; /* the last loss that the sweep knows of */
	uint32_t sweep_hurry; /* slots still to be asked because of it */
	int proc_fd;          /* options.proc, O_PATH */
	int root_fd;          /* the daemon's own root, O_PATH */
};

/* apply.c: what one record changes */
void apply_record(struct tracker *t, const struct record *r);

/* End `p` at `time_ns`; the table keeps it for a moment. No effect when it has ended. */
void end_process(struct tracker *t, struct process *p, uint64_t time_ns);

/* A new image of `tgid` in the table, ending the one that was there; NULL (counted) at a ceiling.
 */
struct process *begin_process(struct tracker *t, uint32_t tgid, uint64_t from_ns);

/* Release the images that ended a while before `now_ns`. */
void forget_ended(struct tracker *t, uint64_t now_ns);

/* rescan.c: read the maps of `p`, unless it is too soon. `now_ns` dates what has changed. */
bool rescan_process(struct tracker *t, struct process *p, uint64_t now_ns);

/* rescan.c: read stat and maps, without limit of rate. Returns 0 or a negative errno. */
int read_process(struct tracker *t, int dir_fd, struct process *p, uint64_t now_ns);

#endif
