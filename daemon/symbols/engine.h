// SPDX-License-Identifier: Apache-2.0
/*
 * engine.h - the insides that the files of this part share
 *
 * supervise.c: the process - start, events of its channel, loss, restart.
 * ask.c:       the talk - what to ask next, what an answer means.
 * job.c:       questions. symbols.c: the rest of symbols.h.
 *
 * One question is out at a time, so whatever goes wrong is the doing of the object
 * that the question is about.
 */
#ifndef CPROFD_SYMBOLS_ENGINE_H
#define CPROFD_SYMBOLS_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <systemd/sd-event.h>

#include "base/vec.h"
#include "symbols/answer.h"
#include "symbols/cache.h"
#include "symbols/channel.h"
#include "symbols/child.h"
#include "symbols/job.h"
#include "symbols/known.h"
#include "symbols/symbols.h"

enum loss {
	LOSS_CRASH,
	LOSS_HANG,
	LOSS_NONSENSE
};

struct symbols {
	sd_event *loop;
	struct symbols_options options;
	struct symbols_totals totals; /* the counters of it */

	struct child child;
	struct channel channel;
	bool started;        /* ever */
	bool ready;          /* Hello was exchanged */
	unsigned early_ends; /* in a row, before Hello */
	uint64_t ready_since_ns;
	uint64_t backoff_ns; /* before the next start but one */
	sd_event_source *io, *end, *patience, *restart, *sweep;

	struct asked asked;
	unsigned patience_left; /* quarters of the deadline */
	struct batch batch;     /* asked.kind ASKED_NAMES; `known` also for ASKED_ADD */
	uint32_t last_request;

	struct known_table known;
	struct cache *cache;
	VEC(struct symbols_range) ranges;
	TAILQ_HEAD(, symbols_job) jobs; /* those that run; the one to be served next first */
};

/* supervise.c */
int supervise_init(struct symbols *s);
void supervise_fini(struct symbols *s);
void supervise_asked(struct symbols *s); /* a question was queued: send it, watch the clock */
void supervise_answered(struct symbols *s);
bool supervise_alive(
	struct symbols *s); /* is the idle symbolizer still there? Else it is replaced */
void supervise_lost(struct symbols *s, enum loss why, bool blame);
bool symbols_unavailable(const struct symbols *s);

/* ask.c */
int ask_init(struct symbols *s);
void ask_fini(struct symbols *s);
void ask_hello(struct symbols *s);
void ask_next(struct symbols *s); /* finish jobs that can be, ask when nothing is asked */
bool ask_drop(void *ctx, struct known *k);
int ask_take_answer(struct symbols *s, const uint8_t *bytes, size_t len); /* 0 or -EBADMSG */
size_t ask_bytes(const struct symbols *s);

#endif
