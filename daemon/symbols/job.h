// SPDX-License-Identifier: Apache-2.0
/*
 * job.h - questions that are answered together (private to this part)
 *
 * Its slots that memory cannot answer are put in order of object and address, so that
 * one request covers neighbours, and are worked off from the front. What has become
 * known meanwhile, an answer for another job or that the object is set
 * aside, is seen when the slot's turn comes.
 */
#ifndef CPROFD_SYMBOLS_JOB_H
#define CPROFD_SYMBOLS_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <protobuf-c/protobuf-c.h>
#include <systemd/sd-event.h>

#include "base/vec.h"
#include "symbols/symbols.h"

struct cache_texts;
struct known;

struct slot {
	struct object *object; /* referenced; NULL: the kernel */
	struct known *known;   /* lives as long as the object is referred to */
	uint64_t address;
	bool caller;
	bool answered;
	struct symbol symbol;
};

enum job_state {
	JOB_FILLING = 0,
	JOB_RUNNING,
	JOB_FINISHED
};

struct symbols_job {
	struct symbols *owner;
	enum job_state state;
	VEC(struct slot) slots;
	uint32_t *order; /* of the slots that memory did not answer */
	uint32_t n_order, at;
	VEC(struct cache_texts *) held; /* the names of its answers */
	sd_event_source *deadline, *finish;
	void (*done)(void *ctx);
	void *ctx;
	TAILQ_ENTRY(symbols_job) link; /* while it runs */
};

/* A stretch of a job's order that one request asks about, each address once. */
struct batch {
	struct known *known;
	struct symbols_job *job; /* NULL: it ended meanwhile, the answers go to the cache alone */
	uint32_t end;            /* of the stretch, which begins at job->at */
	uint32_t n;
	uint64_t *addresses; /* BATCH_MAX of them */
	protobuf_c_boolean *callers;
};

/*
 * Far below the protocol's ceiling: with the longest names that there are the answer still fits
 * a frame.
 */
#define BATCH_MAX 512

/* Answer what memory can, from the front. The first slot that needs the symbolizer, or NULL. */
struct slot *job_advance(struct symbols_job *job);

/* What to ask next; job_advance() has just returned a slot. */
void job_take_batch(struct symbols_job *job, struct batch *b);

/* The answer for batch address `i`, whose texts are in the young generation of the cache. */
void job_give(struct batch *b, uint32_t i, const struct symbol *symbol);

/* Every slot without an answer gets `reason`. */
void job_give_up(struct symbols_job *job, enum symbol_reason reason);

/* All is answered: `done` is called from the loop. */
void job_finish(struct symbols_job *job);

#endif
