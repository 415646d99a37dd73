// SPDX-License-Identifier: Apache-2.0
#include "symbols/known.h"

#include <stdlib.h>

#include "tracker/object.h"

void known_init(struct known_table *t)
{
	*t = (struct known_table){0};
	TAILQ_INIT(&t->queue);
}

static void known_free(struct known *k)
{
	if (k)
		object_unref(k->object);
	free(k);
}

void known_fini(struct known_table *t)
{
	for (uint32_t i = 0; i < t->all.n; i++)
		known_free(t->all.at[i]);
	vec_fini(&t->all);
	idmap_fini(&t->by_number);
	TAILQ_INIT(&t->queue);
}

static uint64_t hash_of(uint32_t number)
{
	return idmap_hash(&number, sizeof(number));
}

static bool same_number(const void *owner, uint32_t id, const void *key)
{
	const struct known_table *t = owner;
	const uint32_t *number = key;

	return t->all.at[id]->number == *number;
}

struct known *known_find(const struct known_table *t, uint32_t number)
{
	uint32_t id = idmap_find(&t->by_number, hash_of(number), same_number, t, &number);

	return id == IDMAP_NONE ? NULL : t->all.at[id];
}

/* A place in `all` that holds nothing; IDMAP_NONE when there is no room. */
static uint32_t empty_place(struct known_table *t)
{
	uint32_t i = 0;

	if (!t->n_holes)
		return vec_push(&t->all, NULL, KNOWN_MAX) ? (t->n_holes++, t->all.n - 1)
							  : IDMAP_NONE;
	while (t->all.at[i])
		i++;
	return i;
}

static struct known *add(struct known_table *t, uint32_t number)
{
	uint32_t place = empty_place(t);
	struct known *k = place == IDMAP_NONE ? NULL : calloc(1, sizeof(*k));

	if (!k || idmap_add(&t->by_number, hash_of(number), place) < 0) {
		free(k);
		return NULL;
	}
	k->number = number;
	t->all.at[place] = k;
	t->n_holes--;
	return k;
}

struct known *known_get(struct known_table *t, struct object *object)
{
	uint32_t number = object ? object->id : KNOWN_KERNEL;
	struct known *k = known_find(t, number);

	if (k)
		return k;
	k = add(t, number);
	if (k && object)
		k->object = object_ref(object);
	return k;
}

void known_queue(struct known_table *t, struct known *k)
{
	if (k->queued || k->state != KNOWN_WAITING)
		return;
	k->queued = true;
	TAILQ_INSERT_TAIL(&t->queue, k, link);
}

void known_unqueue(struct known_table *t, struct known *k)
{
	if (!k->queued)
		return;
	k->queued = false;
	TAILQ_REMOVE(&t->queue, k, link);
}

void known_forgotten(struct known_table *t)
{
	for (uint32_t i = 0; i < t->all.n; i++) {
		struct known *k = t->all.at[i];

		if (!k)
			continue;
		k->told = false;
		k->index_bytes = 0;
		if (k->state == KNOWN_INDEXED)
			k->state = KNOWN_WAITING;
		known_queue(t, k);
	}
}

static bool set_aside(const struct known *k)
{
	return k->state == KNOWN_HOPELESS && k->reason == SYMBOL_SET_ASIDE;
}

static void forget(struct known_table *t, uint32_t i)
{
	struct known *k = t->all.at[i];

	known_unqueue(t, k);
	idmap_remove(&t->by_number, hash_of(k->number), i);
	t->all.at[i] = NULL;
	t->n_holes++;
	known_free(k);
}

void known_sweep(struct known_table *t, const struct known *busy,
	bool (*drop)(void *ctx, struct known *k), void *ctx)
{
	uint32_t aside = 0;

	for (uint32_t i = t->all.n; i-- > 0;) {
		struct known *k = t->all.at[i];

		if (!k || !k->object || k->object->refs > 1 || k == busy)
			continue;
		if (set_aside(k) && ++aside <= KNOWN_ASIDE_KEPT)
			continue;
		if (!k->told || drop(ctx, k))
			forget(t, i);
	}
}

uint32_t known_count(const struct known_table *t)
{
	return t->all.n - t->n_holes;
}

uint64_t known_index_bytes(const struct known_table *t)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < t->all.n; i++)
		bytes += t->all.at[i] ? t->all.at[i]->index_bytes : 0;
	return bytes;
}

size_t known_bytes(const struct known_table *t)
{
	return known_count(t) * sizeof(struct known) + t->all.room * sizeof(struct known *) +
	       idmap_bytes(&t->by_number);
}
