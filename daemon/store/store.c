// SPDX-License-Identifier: Apache-2.0
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/heap.h"
#include "store/stacks.h"
#include "store/threads.h"

/* 5 KiB: a busy machine pays little for the headers, a quiet one wastes little of the last chunk */
#define CHUNK_ROWS 256

/* A chunk's base lies before its first row, so that a CPU that is a little behind still fits in. */
#define STEP_BACK_NS 250000000ull

struct row {
	uint32_t delta_ns; /* to the chunk's base */
	uint32_t thread;
	uint32_t kernel_stack;
	uint32_t user_stack;
	uint16_t cpu;
	uint8_t event;
	uint8_t flags;
};
_Static_assert(sizeof(struct row) == 20, "a row is 20 bytes");

struct chunk {
	struct chunk *younger;
	uint64_t base_ns;
	uint64_t min_ns, max_ns; /* of its rows */
	uint32_t n;              /* never 0 once it is in the list */
	struct row rows[CHUNK_ROWS];
};

struct store {
	struct stacks stacks;
	struct threads threads;
	struct chunk *oldest, *youngest;
	size_t budget_bytes;
	size_t chunk_bytes;
	uint64_t n_rows, n_stored, n_refused, n_evicted;
};

int store_new(const struct store_options *options, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->budget_bytes =
		options->budget_bytes < STORE_BUDGET_MAX ? options->budget_bytes : STORE_BUDGET_MAX;
	stacks_init(&s->stacks);
	threads_init(&s->threads, options->owner_ref, options->owner_unref);
	*ret = s;
	return 0;
}

static void release_row(struct store *s, const struct row *row)
{
	threads_release(&s->threads, row->thread);
	stacks_release(&s->stacks, row->kernel_stack);
	stacks_release(&s->stacks, row->user_stack);
}

/* Drop the oldest chunk; false when there is none. */
static bool drop_oldest(struct store *s)
{
	struct chunk *c = s->oldest;

	if (!c)
		return false;
	s->oldest = c->younger;
	if (!s->oldest)
		s->youngest = NULL;
	for (uint32_t i = 0; i < c->n; i++)
		release_row(s, &c->rows[i]);
	s->n_rows -= c->n;
	s->n_evicted += c->n;
	s->chunk_bytes -= heap_bytes(c);
	free(c);
	return true;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	while (drop_oldest(s))
		;
	stacks_fini(&s->stacks);
	threads_fini(&s->threads);
	free(s);
}

static size_t bytes_held(const struct store *s)
{
	return sizeof(*s) + s->chunk_bytes + stacks_bytes(&s->stacks) + threads_bytes(&s->threads);
}

static bool fits(const struct store *s, size_t need)
{
	size_t held = bytes_held(s);

	return held <= s->budget_bytes && need <= s->budget_bytes - held;
}

/* What it needs is asked anew after each eviction: freed slots may spare a larger array. */
static int intern_thread(struct store *s, const struct store_sample *sample, uint32_t *ret)
{
	struct store_thread thread = {.owner = sample->owner, .tid = sample->tid};
	uint32_t number;
	int r = 0;

	memcpy(thread.name, sample->thread_name, sizeof(thread.name));
	number = threads_find(&s->threads, &thread);
	if (number == IDMAP_NONE) {
		while (!fits(s, threads_need(&s->threads)))
			if (!drop_oldest(s))
				return -ENOBUFS;
		r = threads_add(&s->threads, &thread, &number);
	}
	if (r)
		return r;
	threads_hold(&s->threads, number);
	*ret = number;
	return 0;
}

static int intern_stack(struct store *s, uint64_t id, struct store_stack stack, uint32_t *ret)
{
	uint32_t number = stacks_find(&s->stacks, id, stack);
	int r = 0;

	if (number == IDMAP_NONE) {
		while (!fits(s, stacks_need(&s->stacks, stack.n)))
			if (!drop_oldest(s))
				return -ENOBUFS;
		r = stacks_add(&s->stacks, id, stack, &number);
	}
	if (r)
		return r;
	stacks_hold(&s->stacks, number);
	*ret = number;
	return 0;
}

/* Hold everything the row names, or nothing. */
static int intern_all(struct store *s, const struct store_sample *sample, struct row *ret)
{
	struct store_stack kernel = {.n = sample->n_kernel, .frames = sample->kernel_frames};
	struct store_stack user = {.n = sample->n_user, .frames = sample->user_frames};
	struct row row = {.cpu = sample->cpu, .event = sample->event, .flags = sample->flags};
	int r = intern_thread(s, sample, &row.thread);

	if (r)
		return r;
	r = intern_stack(s, sample->kernel_stack_id, kernel, &row.kernel_stack);
	if (!r)
		r = intern_stack(s, sample->user_stack_id, user, &row.user_stack);
	if (r) {
		release_row(s, &row); /* stacks not reached are 0, the empty one */
		return r;
	}
	*ret = row;
	return 0;
}

static bool takes(const struct chunk *c, uint64_t time_ns)
{
	return c && c->n < CHUNK_ROWS && time_ns >= c->base_ns &&
	       time_ns - c->base_ns <= UINT32_MAX;
}

/* The chunk for a row at `time_ns`: the youngest, or a new one after it. */
static int chunk_for(struct store *s, uint64_t time_ns, struct chunk **ret)
{
	struct chunk *c = s->youngest;

	if (!takes(c, time_ns)) {
		while (!fits(s, heap_need(sizeof(*c))))
			if (!drop_oldest(s))
				return -ENOBUFS;
		c = malloc(sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->younger = NULL;
		c->base_ns = time_ns > STEP_BACK_NS ? time_ns - STEP_BACK_NS : 0;
		c->min_ns = c->max_ns = time_ns;
		c->n = 0;
		*(s->youngest ? &s->youngest->younger : &s->oldest) = c;
		s->youngest = c;
		s->chunk_bytes += heap_bytes(c);
	}
	*ret = c;
	return 0;
}

static void append(struct store *s, struct chunk *c, uint64_t time_ns, struct row row)
{
	row.delta_ns = (uint32_t)(time_ns - c->base_ns);
	c->rows[c->n++] = row;
	if (time_ns < c->min_ns)
		c->min_ns = time_ns;
	if (time_ns > c->max_ns)
		c->max_ns = time_ns;
	s->n_rows++;
	s->n_stored++;
}

int store_add(struct store *s, const struct store_sample *sample)
{
	struct chunk *c;
	struct row row;
	int r = intern_all(s, sample, &row);

	if (!r) {
		r = chunk_for(s, sample->time_ns, &c);
		if (r)
			release_row(s, &row);
	}
	if (r) {
		s->n_refused++;
		return r;
	}
	append(s, c, sample->time_ns, row);
	return 0;
}

/* The rows of one chunk; false when `each` wants no more. */
static bool each_of(const struct chunk *c, uint64_t from_ns, uint64_t to_ns,
	bool (*each)(void *ctx, const struct store_row *row), void *ctx)
{
	for (uint32_t i = 0; i < c->n; i++) {
		const struct row *row = &c->rows[i];
		struct store_row seen = {
			.time_ns = c->base_ns + row->delta_ns,
			.thread = row->thread,
			.kernel_stack = row->kernel_stack,
			.user_stack = row->user_stack,
			.cpu = row->cpu,
			.event = row->event,
			.flags = row->flags,
		};

		if (seen.time_ns >= from_ns && seen.time_ns < to_ns && !each(ctx, &seen))
			return false;
	}
	return true;
}

void store_each(const struct store *s, uint64_t from_ns, uint64_t to_ns,
	bool (*each)(void *ctx, const struct store_row *row), void *ctx)
{
	for (const struct chunk *c = s->oldest; c; c = c->younger)
		if (c->max_ns >= from_ns && c->min_ns < to_ns &&
			!each_of(c, from_ns, to_ns, each, ctx))
			return;
}

struct store_stack store_stack(const struct store *s, uint32_t stack)
{
	return stacks_get(&s->stacks, stack);
}

const struct store_thread *store_thread(const struct store *s, uint32_t thread)
{
	return threads_get(&s->threads, thread);
}

void store_totals(const struct store *s, struct store_totals *ret)
{
	uint64_t oldest_ns = s->oldest ? UINT64_MAX : 0;

	for (const struct chunk *c = s->oldest; c; c = c->younger)
		if (c->min_ns < oldest_ns)
			oldest_ns = c->min_ns;
	*ret = (struct store_totals){
		.stored = s->n_stored,
		.refused = s->n_refused,
		.evicted = s->n_evicted,
		.rows = s->n_rows,
		.stacks = s->stacks.slots.n_live,
		.threads = s->threads.slots.n_live,
		.bytes = bytes_held(s),
		.oldest_ns = oldest_ns,
	};
}
