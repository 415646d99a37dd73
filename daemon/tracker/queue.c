// SPDX-License-Identifier: Apache-2.0
#include "tracker/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 256
#define FIRST_BYTES   32768
#define IDLE_BYTES    (1u << 20) /* an empty queue keeps no more than this */

void queue_fini(struct queue *q)
{
	free(q->entries);
	free(q->bytes);
	*q = (struct queue){.ceiling = q->ceiling};
}

size_t queue_bytes(const struct queue *q)
{
	return q->room * sizeof(*q->entries) + q->bytes_room;
}

/* Nothing waits: begin at the front, give back what a burst took. */
static void start_over(struct queue *q)
{
	q->head = q->n = 0;
	q->n_bytes = 0;
	q->disordered = false;
	if (queue_bytes(q) > IDLE_BYTES)
		queue_fini(q);
}

static bool grow(void **at, uint32_t *room, uint64_t want, size_t size, uint64_t may)
{
	void *bigger;

	if (want * size > may)
		return false;
	bigger = reallocarray(*at, want, size);
	if (!bigger)
		return false;
	*at = bigger;
	*room = (uint32_t)want;
	return true;
}

/* Move what waits to the front of fresh memory, so that what was taken costs nothing. */
static int compact(struct queue *q)
{
	uint32_t n = q->n - q->head, n_bytes = 0;
	uint8_t *fresh = malloc(q->bytes_room ? q->bytes_room : 1);

	if (!fresh)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct queued e = q->entries[q->head + i];

		memcpy(fresh + n_bytes, q->bytes + e.at, e.len);
		e.at = n_bytes;
		n_bytes += e.len;
		q->entries[i] = e;
	}
	free(q->bytes);
	q->bytes = fresh;
	q->n_bytes = n_bytes;
	q->n = n;
	q->head = 0;
	return 0;
}

static bool fits(const struct queue *q, uint32_t len)
{
	return q->n < q->room && q->bytes_room - q->n_bytes >= len;
}

static int make_room(struct queue *q, uint32_t len)
{
	uint64_t entries = q->room ? (uint64_t)q->room * 2 : FIRST_ENTRIES;
	uint64_t bytes = q->bytes_room ? (uint64_t)q->bytes_room * 2 : FIRST_BYTES;

	if (fits(q, len))
		return 0;
	if (q->head > q->n / 2 && compact(q) == 0 && fits(q, len))
		return 0;
	while (bytes - q->n_bytes < len)
		bytes *= 2;
	if (q->n == q->room && !grow((void **)&q->entries, &q->room, entries, sizeof(*q->entries),
				       (uint64_t)q->ceiling - q->bytes_room))
		return -ENOSPC;
	if (q->bytes_room - q->n_bytes < len &&
		!grow((void **)&q->bytes, &q->bytes_room, bytes, 1,
			(uint64_t)q->ceiling - q->room * sizeof(*q->entries)))
		return -ENOSPC;
	return 0;
}

int queue_push(struct queue *q, uint64_t time_ns, const void *record, uint32_t len)
{
	int err;

	if (q->head == q->n)
		start_over(q);
	err = make_room(q, len);
	if (err)
		return err;
	if (q->n > q->head && q->entries[q->n - 1].time_ns > time_ns)
		q->disordered = true;
	memcpy(q->bytes + q->n_bytes, record, len);
	q->entries[q->n++] = (struct queued){.time_ns = time_ns, .at = q->n_bytes, .len = len};
	q->n_bytes += len;
	return 0;
}

/* The end of the run, in order already, that begins at `from`. */
static uint32_t run_end(const struct queued *at, uint32_t from, uint32_t n)
{
	while (++from < n && at[from - 1].time_ns <= at[from].time_ns)
		;
	return from < n ? from : n;
}

static void merge(const struct queued *a, uint32_t n_a, const struct queued *b, uint32_t n_b,
	struct queued *out)
{
	while (n_a && n_b) {
		if (a->time_ns <= b->time_ns)
			*out++ = *a++, n_a--;
		else
			*out++ = *b++, n_b--;
	}
	memcpy(out, a, n_a * sizeof(*a));
	memcpy(out + n_a, b, n_b * sizeof(*b));
}

/* One pass: neighbouring runs become one. True when everything is one run. */
static bool merge_runs(const struct queued *from, struct queued *to, uint32_t n)
{
	uint32_t at = 0, runs = 0;

	while (at < n) {
		uint32_t middle = run_end(from, at, n);
		uint32_t end = middle < n ? run_end(from, middle, n) : n;

		merge(from + at, middle - at, from + middle, end - middle, to + at);
		at = end;
		runs++;
	}
	return runs <= 1;
}

/* Each drained ring is a run: a merge of a few runs beats sorting, and is stable. */
static int order(struct queue *q)
{
	uint32_t n = q->n - q->head;
	struct queued *spare = reallocarray(NULL, n, sizeof(*spare));
	struct queued *here = q->entries + q->head;
	bool done = false;

	if (!spare)
		return -ENOMEM;
	while (!done) {
		done = merge_runs(here, spare, n);
		memcpy(here, spare, n * sizeof(*spare));
	}
	free(spare);
	q->disordered = false;
	return 0;
}

const void *queue_take(struct queue *q, uint64_t until_ns, uint64_t *ret_time_ns, uint32_t *ret_len)
{
	const struct queued *e;

	if (q->head == q->n || (q->disordered && order(q)))
		return NULL;
	e = &q->entries[q->head];
	if (e->time_ns > until_ns)
		return NULL;
	q->head++;
	*ret_time_ns = e->time_ns;
	*ret_len = e->len;
	return q->bytes + e->at;
}
