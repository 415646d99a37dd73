// SPDX-License-Identifier: Apache-2.0
#include "collect/waiting.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Memory above this is given back once it is not needed. */
#define KEEP_BYTES (1u << 20)

static size_t ceiling(const struct waiting *w)
{
	return WAITING_LEAST + w->ring_bytes;
}

void waiting_fini(struct waiting *w)
{
	buf_fini(&w->records);
	vec_fini(&w->places);
	w->first = 0;
}

int waiting_add(struct waiting *w, const struct abi_sample *sample)
{
	size_t len = sizeof(*sample) +
		     ((size_t)sample->n_kernel + sample->n_user) * sizeof(sample->frames[0]);
	struct waiting_place place = {.time_ns = sample->time_ns, .at = (uint32_t)w->records.len};

	w->records.ceiling = ceiling(w);
	buf_append(&w->records, sample, len);
	if (w->records.failed) {
		w->records.failed = false;
		return -ENOBUFS;
	}
	if (!vec_push(&w->places, place, (uint32_t)(ceiling(w) / sizeof(*sample)))) {
		w->records.len -= len;
		return -ENOBUFS;
	}
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct waiting_place *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

void waiting_sort(struct waiting *w)
{
	uint32_t i = w->first + 1;

	/* mostly they are in order already, and then one pass is all it costs */
	while (i < w->places.n && w->places.at[i - 1].time_ns <= w->places.at[i].time_ns)
		i++;
	if (i < w->places.n)
		qsort(w->places.at + w->first, w->places.n - w->first, sizeof(*w->places.at),
			by_time);
}

const struct abi_sample *waiting_first(const struct waiting *w)
{
	if (w->first == w->places.n)
		return NULL;
	/* records are multiples of 8 bytes, and so are their places in malloc()ed memory */
	return (const struct abi_sample *)(const void *)(w->records.bytes +
							 w->places.at[w->first].at);
}

void waiting_drop_first(struct waiting *w)
{
	assert(w->first < w->places.n);
	w->first++;
}

/* Copy the records that still wait into a buffer of their own, in order. */
static int move_rest(struct waiting *w, struct buf *into)
{
	for (uint32_t i = w->first; i < w->places.n; i++) {
		const struct abi_sample *s = (const void *)(w->records.bytes + w->places.at[i].at);
		size_t len = sizeof(*s) + ((size_t)s->n_kernel + s->n_user) * sizeof(s->frames[0]);

		w->places.at[i - w->first] =
			(struct waiting_place){.time_ns = s->time_ns, .at = (uint32_t)into->len};
		buf_append(into, s, len);
	}
	return into->failed ? -ENOMEM : 0;
}

void waiting_compact(struct waiting *w)
{
	struct buf rest = buf_with_ceiling(ceiling(w));
	uint32_t n = w->places.n - w->first;

	if (!w->first)
		return;
	if (n) {
		/* room first: then nothing can fail half-way */
		if (!buf_reserve(&rest, w->records.len))
			return;
		(void)move_rest(w, &rest);
		buf_fini(&w->records);
		w->records = rest;
	} else if (w->records.room > KEEP_BYTES) {
		buf_fini(&w->records);
	} else {
		buf_clear(&w->records);
	}
	w->places.n = n;
	w->first = 0;
}

size_t waiting_count(const struct waiting *w)
{
	return w->places.n - w->first;
}

size_t waiting_bytes(const struct waiting *w)
{
	return w->records.room + w->places.room * sizeof(*w->places.at);
}
