// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/engine.h"
#include "tracker/object.h"

typedef Cprofd__Symbolize__Request request;

int ask_init(struct symbols *s)
{
	s->batch.addresses = calloc(BATCH_MAX, sizeof(*s->batch.addresses));
	s->batch.callers = calloc(BATCH_MAX, sizeof(*s->batch.callers));
	return s->batch.addresses && s->batch.callers ? 0 : -ENOMEM;
}

static void clear_ranges(struct symbols *s)
{
	for (uint32_t i = 0; i < s->ranges.n; i++)
		free((char *)(uintptr_t)s->ranges.at[i].name);
	s->ranges.n = 0;
}

void ask_fini(struct symbols *s)
{
	clear_ranges(s);
	vec_fini(&s->ranges);
	free(s->batch.addresses);
	free(s->batch.callers);
}

size_t ask_bytes(const struct symbols *s)
{
	size_t bytes = BATCH_MAX * (sizeof(*s->batch.addresses) + sizeof(*s->batch.callers)) +
		       s->ranges.room * sizeof(*s->ranges.at);

	for (uint32_t i = 0; i < s->ranges.n; i++)
		bytes += strlen(s->ranges.at[i].name) + 1;
	return bytes;
}

/* ---- questions ---- */

static void send_question(struct symbols *s, request *r, const struct asked *asked, int fd)
{
	s->asked = *asked;
	/* no memory for a few kilobytes: a fresh start is as good as anything */
	if (channel_queue(&s->channel, &r->base, fd) < 0)
		supervise_lost(s, LOSS_CRASH, false);
	else
		supervise_asked(s);
}

void ask_hello(struct symbols *s)
{
	Cprofd__Symbolize__Hello hello = CPROFD__SYMBOLIZE__HELLO__INIT;
	request r = CPROFD__SYMBOLIZE__REQUEST__INIT;

	hello.version = CPROFD__SYMBOLIZE__LIMIT__VERSION;
	r.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_HELLO;
	r.hello = &hello;
	send_question(s, &r, &(struct asked){.kind = ASKED_HELLO}, -1);
}

static void ask_add(struct symbols *s, struct known *k)
{
	Cprofd__Symbolize__AddObject add = CPROFD__SYMBOLIZE__ADD_OBJECT__INIT;
	request r = CPROFD__SYMBOLIZE__REQUEST__INIT;
	struct object *o = k->object;

	known_unqueue(&s->known, k);
	s->batch.known = k;
	s->batch.job = NULL;
	k->told = true;
	add.object = k->number;
	add.kind =
		o ? CPROFD__SYMBOLIZE__OBJECT_KIND__ELF : CPROFD__SYMBOLIZE__OBJECT_KIND__KALLSYMS;
	if (o)
		add.expected_build_id =
			(ProtobufCBinaryData){.len = o->build_id.len, .data = o->build_id.bytes};
	r.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_ADD;
	r.add = &add;
	send_question(s, &r,
		&(struct asked){.kind = ASKED_ADD, .number = k->number, .kallsyms = !o},
		o ? o->fd : s->options.kallsyms_fd);
}

static void ask_names(struct symbols *s, struct symbols_job *job)
{
	Cprofd__Symbolize__Resolve resolve = CPROFD__SYMBOLIZE__RESOLVE__INIT;
	request r = CPROFD__SYMBOLIZE__REQUEST__INIT;
	struct batch *b = &s->batch;

	job_take_batch(job, b);
	s->totals.asked += b->n;
	resolve.request = ++s->last_request;
	resolve.object = b->known->number;
	resolve.addresses = b->addresses;
	resolve.callers = b->callers;
	resolve.n_addresses = resolve.n_callers = b->n;
	r.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_RESOLVE;
	r.resolve = &resolve;
	send_question(s, &r,
		&(struct asked){
			.kind = ASKED_NAMES, .number = resolve.request, .n_addresses = b->n},
		-1);
}

bool ask_drop(void *ctx, struct known *k)
{
	Cprofd__Symbolize__DropObject drop = CPROFD__SYMBOLIZE__DROP_OBJECT__INIT;
	request r = CPROFD__SYMBOLIZE__REQUEST__INIT;
	struct symbols *s = ctx;

	drop.object = k->number;
	r.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_DROP;
	r.drop = &drop;
	return s->ready && channel_queue(&s->channel, &r.base, -1) == 0;
}

/* The symbolizer is idle: let it work for this slot. */
static void ask_for(struct symbols *s, struct symbols_job *job, struct slot *slot)
{
	/* whoever waits longest is next after this one */
	TAILQ_REMOVE(&s->jobs, job, link);
	TAILQ_INSERT_TAIL(&s->jobs, job, link);
	if (slot->known->state == KNOWN_WAITING)
		ask_add(s, slot->known);
	else
		ask_names(s, job);
}

/* Finish the jobs that need nothing more; the first that does, and its slot. */
static struct symbols_job *settle_jobs(struct symbols *s, struct slot **ret_slot)
{
	struct symbols_job *job, *next, *first = NULL;

	for (job = TAILQ_FIRST(&s->jobs); job; job = next) {
		struct slot *slot;

		next = TAILQ_NEXT(job, link);
		/* the stretch that is asked about begins at its position, which has to stay */
		if (job == s->batch.job)
			continue;
		slot = job_advance(job);
		if (slot && symbols_unavailable(s)) {
			job_give_up(job, SYMBOL_NO_SYMBOLIZER);
			slot = NULL;
		}
		if (!slot)
			job_finish(job);
		else if (!first) {
			first = job;
			*ret_slot = slot;
		}
	}
	return first;
}

void ask_next(struct symbols *s)
{
	struct slot *slot = NULL;
	struct symbols_job *job;

	job = settle_jobs(s, &slot);
	if (!s->ready || s->asked.kind != ASKED_NOTHING)
		return;
	if (!job && TAILQ_EMPTY(&s->known.queue))
		return;
	if (!supervise_alive(s))
		return;
	if (job)
		ask_for(s, job, slot);
	else
		ask_add(s, TAILQ_FIRST(&s->known.queue));
}

/* ---- answers ---- */

static int by_start(const void *a, const void *b)
{
	const struct symbols_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void take_ranges(struct symbols *s, const Cprofd__Symbolize__ObjectInfo *info)
{
	clear_ranges(s);
	for (size_t i = 0; i < info->n_ranges; i++) {
		struct symbols_range range = {.name = strdup(info->ranges[i]->name),
			.start = info->ranges[i]->start,
			.limit = info->ranges[i]->limit};

		if (!range.name ||
			!vec_push(&s->ranges, range, CPROFD__SYMBOLIZE__LIMIT__MAX_RANGES)) {
			free((char *)(uintptr_t)range.name);
			break;
		}
	}
	if (s->ranges.n)
		qsort(s->ranges.at, s->ranges.n, sizeof(*s->ranges.at), by_start);
}

static void take_info(struct symbols *s, const Cprofd__Symbolize__ObjectInfo *info)
{
	struct known *k = s->batch.known;

	k->state = info->reason ? KNOWN_HOPELESS : KNOWN_INDEXED;
	k->reason = (enum symbol_reason)info->reason;
	k->index_bytes = info->index_bytes;
	k->build_id.len = (uint8_t)info->build_id.len;
	if (info->build_id.len)
		memcpy(k->build_id.bytes, info->build_id.data, info->build_id.len);
	if (!k->object)
		take_ranges(s, info);
	else if (k->reason == SYMBOL_BUILD_ID_DIFFERS)
		object_refuted(k->object);
}

/* The answer for address `i`, its texts still in the message. */
static struct symbol answer_at(const Cprofd__Symbolize__Names *names, uint32_t i)
{
	const Cprofd__Symbolize__Function *f;

	if (!names->function[i])
		return (struct symbol){.reason = (enum symbol_reason)names->reasons[i]};
	f = names->functions[names->function[i] - 1];
	return (struct symbol){.name = f->name,
		.system_name = f->system_name,
		.module = f->module[0] ? f->module : NULL,
		.trampoline = names->trampoline[i]};
}

static void take_names(struct symbols *s, const Cprofd__Symbolize__Names *names)
{
	struct batch *b = &s->batch;

	for (uint32_t i = 0; i < b->n; i++) {
		struct cache_key key = {.address = b->addresses[i],
			.object = b->known->number,
			.caller = b->callers[i]};
		struct symbol answer = answer_at(names, i), kept;

		answer.trampoline = answer.trampoline && b->callers[i];
		if (cache_put(s->cache, &key, &answer, &kept) < 0)
			kept = (struct symbol){.reason = SYMBOL_TOO_LARGE};
		if (b->job)
			job_give(b, i, &kept);
	}
}

int ask_take_answer(struct symbols *s, const uint8_t *bytes, size_t len)
{
	Cprofd__Symbolize__Reply *reply;
	int err = answer_read(&s->asked, bytes, len, &reply);

	if (err)
		return err;
	if (s->asked.kind == ASKED_ADD)
		take_info(s, reply->info);
	else if (s->asked.kind == ASKED_NAMES)
		take_names(s, reply->names);
	answer_free(reply);
	return 0;
}
