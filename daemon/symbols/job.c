// SPDX-License-Identifier: Apache-2.0
#include "symbols/job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "symbols/engine.h"
#include "tracker/object.h"

#define SLOTS_MAX   (1u << 22)
#define HELD_MAX    (1u << 16)
#define ACCURACY_US 1000

int symbols_job_new(struct symbols *s, struct symbols_job **ret)
{
	struct symbols_job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->owner = s;
	*ret = job;
	return 0;
}

/* Its `order` is worth nothing any more; a request that is out is nobody's. */
static void detach(struct symbols_job *job)
{
	if (job->state == JOB_RUNNING)
		TAILQ_REMOVE(&job->owner->jobs, job, link);
	if (job->owner->batch.job == job)
		job->owner->batch.job = NULL;
}

void symbols_job_free(struct symbols_job *job)
{
	if (!job)
		return;
	detach(job);
	sd_event_source_disable_unref(job->deadline);
	sd_event_source_disable_unref(job->finish);
	for (uint32_t i = 0; i < job->slots.n; i++)
		object_unref(job->slots.at[i].object);
	vec_fini(&job->slots);
	for (uint32_t i = 0; i < job->held.n; i++)
		cache_release(job->held.at[i]);
	vec_fini(&job->held);
	free(job->order);
	free(job);
}

long symbols_job_want(struct symbols_job *job, struct object *object, uint64_t address, bool caller)
{
	struct slot slot = {.object = object, .address = address, .caller = caller};

	assert(job->state == JOB_FILLING);
	if (!vec_push(&job->slots, slot, SLOTS_MAX))
		return -ENOMEM;
	if (object)
		(void)object_ref(object);
	return (long)job->slots.n - 1;
}

struct symbol symbols_job_result(const struct symbols_job *job, long slot)
{
	assert(slot >= 0 && slot < (long)job->slots.n);
	return job->slots.at[slot].symbol;
}

/* Keep the generation alive that the last answer's texts are in; false: no memory. */
static bool hold(struct symbols_job *job)
{
	struct cache_texts *texts = cache_hold(job->owner->cache);

	if (job->held.n && job->held.at[job->held.n - 1] == texts) {
		cache_release(texts);
		return true;
	}
	if (vec_push(&job->held, texts, HELD_MAX))
		return true;
	cache_release(texts);
	return false;
}

static void refuse(struct slot *slot, enum symbol_reason reason)
{
	slot->symbol = (struct symbol){.reason = reason};
	slot->answered = true;
}

static void give(struct symbols_job *job, struct slot *slot, const struct symbol *symbol)
{
	if (symbol->name && !hold(job)) {
		refuse(slot, SYMBOL_TOO_LARGE);
		return;
	}
	slot->symbol = *symbol;
	slot->answered = true;
}

/* What the object alone says: SYMBOL_OK when names are worth asking for. */
static enum symbol_reason verdict_of(const struct object *o)
{
	if (o->kind == OBJECT_ANON || o->kind == OBJECT_SPECIAL)
		return SYMBOL_ANONYMOUS;
	return o->state == OBJECT_OPEN ? SYMBOL_OK : SYMBOL_NO_OBJECT;
}

/* Look into the cache, then at what is known of the object. */
static bool answer_from_memory(struct symbols_job *job, struct slot *slot)
{
	struct symbols *s = job->owner;
	struct cache_key key = {
		.address = slot->address, .object = slot->known->number, .caller = slot->caller};
	struct symbol symbol;

	if (cache_get(s->cache, &key, &symbol)) {
		s->totals.cached++;
		give(job, slot, &symbol);
	} else if (slot->known->state == KNOWN_HOPELESS) {
		refuse(slot, slot->known->reason);
	}
	return slot->answered;
}

/* First look at a slot: has it an answer already? */
static bool settled(struct symbols_job *job, struct slot *slot)
{
	enum symbol_reason verdict = slot->object ? verdict_of(slot->object) : SYMBOL_OK;
	const struct known *k;

	if (verdict == SYMBOL_NO_OBJECT) {
		/* closed because it was another file: that says more */
		k = known_find(&job->owner->known, slot->object->id);
		verdict = k && k->state == KNOWN_HOPELESS ? k->reason : verdict;
	}
	if (verdict == SYMBOL_OK) {
		slot->known = known_get(&job->owner->known, slot->object);
		if (slot->known)
			return answer_from_memory(job, slot);
		verdict = SYMBOL_TOO_LARGE;
	}
	refuse(slot, verdict);
	return true;
}

static int by_object(const void *a, const void *b, void *ctx)
{
	const struct slot *slots = ctx;
	const struct slot *x = &slots[*(const uint32_t *)a], *y = &slots[*(const uint32_t *)b];

	if (x->known->number != y->known->number)
		return x->known->number < y->known->number ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (int)x->caller - (int)y->caller;
}

static int put_in_order(struct symbols_job *job)
{
	job->order = calloc((size_t)job->slots.n + 1, sizeof(*job->order));
	if (!job->order)
		return -ENOMEM;
	for (uint32_t i = 0; i < job->slots.n; i++)
		if (!settled(job, &job->slots.at[i]))
			job->order[job->n_order++] = i;
	if (job->n_order)
		qsort_r(job->order, job->n_order, sizeof(*job->order), by_object, job->slots.at);
	return 0;
}

struct slot *job_advance(struct symbols_job *job)
{
	for (; job->at < job->n_order; job->at++) {
		struct slot *slot = &job->slots.at[job->order[job->at]];

		if (!slot->answered && !answer_from_memory(job, slot))
			return slot;
	}
	return NULL;
}

static bool is_last(const struct batch *b, const struct slot *slot)
{
	return b->n && b->addresses[b->n - 1] == slot->address &&
	       b->callers[b->n - 1] == slot->caller;
}

void job_take_batch(struct symbols_job *job, struct batch *b)
{
	uint32_t i = job->at;

	b->job = job;
	b->known = job->slots.at[job->order[i]].known;
	b->n = 0;
	for (; i < job->n_order; i++) {
		struct slot *slot = &job->slots.at[job->order[i]];

		if (slot->known != b->known)
			break;
		if (is_last(b, slot) || slot->answered || answer_from_memory(job, slot))
			continue;
		if (b->n == BATCH_MAX)
			break;
		b->addresses[b->n] = slot->address;
		b->callers[b->n++] = slot->caller;
	}
	b->end = i;
}

void job_give(struct batch *b, uint32_t i, const struct symbol *symbol)
{
	struct symbols_job *job = b->job;

	/* both are in the same order, so the slots of one address are next to each other */
	for (; job->at < b->end; job->at++) {
		struct slot *slot = &job->slots.at[job->order[job->at]];

		if (slot->answered)
			continue;
		if (slot->address != b->addresses[i] || slot->caller != b->callers[i])
			return;
		give(job, slot, symbol);
	}
}

void job_give_up(struct symbols_job *job, enum symbol_reason reason)
{
	for (; job->at < job->n_order; job->at++) {
		struct slot *slot = &job->slots.at[job->order[job->at]];

		if (!slot->answered)
			refuse(slot, reason);
	}
}

void job_finish(struct symbols_job *job)
{
	detach(job);
	job->state = JOB_FINISHED;
	job->deadline = sd_event_source_disable_unref(job->deadline);
	(void)sd_event_source_set_enabled(job->finish, SD_EVENT_ONESHOT);
}

static int on_finish(sd_event_source *source, void *userdata)
{
	struct symbols_job *job = userdata;

	(void)source;
	job->done(job->ctx); /* may free the job */
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct symbols_job *job = userdata;

	(void)source;
	(void)usec;
	job_give_up(job, SYMBOL_LATE);
	job_finish(job);
	return 0;
}

/* `finish` is there but switched off, the deadline runs. */
static int add_sources(struct symbols_job *job, uint64_t deadline_ns)
{
	sd_event *loop = job->owner->loop;
	int err = sd_event_add_defer(loop, &job->finish, on_finish, job);

	if (err >= 0)
		err = sd_event_source_set_enabled(job->finish, SD_EVENT_OFF);
	if (err >= 0)
		err = sd_event_add_time(loop, &job->deadline, CLOCK_MONOTONIC,
			deadline_ns / 1000 + (deadline_ns % 1000 != 0), ACCURACY_US, on_deadline,
			job);
	return err < 0 ? err : 0;
}

int symbols_job_start(
	struct symbols_job *job, uint64_t deadline_ns, void (*done)(void *ctx), void *ctx)
{
	struct symbols *s = job->owner;
	int err;

	assert(job->state == JOB_FILLING);
	err = add_sources(job, deadline_ns);
	if (!err)
		err = put_in_order(job);
	if (err) {
		job->deadline = sd_event_source_disable_unref(job->deadline);
		job->finish = sd_event_source_disable_unref(job->finish);
		return err;
	}
	job->done = done;
	job->ctx = ctx;
	job->state = JOB_RUNNING;
	TAILQ_INSERT_TAIL(&s->jobs, job, link);
	ask_next(s);
	return 0;
}
