// SPDX-License-Identifier: Apache-2.0
#include "store/threads.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/heap.h"

struct slot {
	struct store_thread thread;
	uint32_t n_rows;
};

void threads_init(struct threads *t, void (*owner_ref)(void *), void (*owner_unref)(void *))
{
	*t = (struct threads){.slots.size = sizeof(struct slot),
		.owner_ref = owner_ref,
		.owner_unref = owner_unref};
}

void threads_fini(struct threads *t)
{
	assert(!t->slots.n_live);
	slots_fini(&t->slots);
	idmap_fini(&t->index);
}

static struct slot *slot_of(const struct threads *t, uint32_t number)
{
	return slots_at(&t->slots, number);
}

/* Field by field into bytes: the struct has padding. */
static uint64_t hash_of(const struct store_thread *thread)
{
	uint8_t key[sizeof(thread->owner) + sizeof(thread->tid) + STORE_NAME_LEN];
	uint8_t *at = mempcpy(key, &thread->owner, sizeof(thread->owner));

	at = mempcpy(at, &thread->tid, sizeof(thread->tid));
	memcpy(at, thread->name, STORE_NAME_LEN);
	return idmap_hash(key, sizeof(key));
}

static bool same_thread(const void *owner, uint32_t number, const void *key)
{
	const struct store_thread *a = &slot_of(owner, number)->thread;
	const struct store_thread *b = key;

	return a->owner == b->owner && a->tid == b->tid &&
	       !memcmp(a->name, b->name, STORE_NAME_LEN);
}

uint32_t threads_find(const struct threads *t, const struct store_thread *thread)
{
	return idmap_find(&t->index, hash_of(thread), same_thread, t, thread);
}

size_t threads_need(const struct threads *t)
{
	return slots_growth(&t->slots) + idmap_growth(&t->index);
}

int threads_add(struct threads *t, const struct store_thread *thread, uint32_t *ret_number)
{
	uint32_t number = slots_take(&t->slots);

	if (number == SLOTS_NONE)
		return -ENOMEM;
	if (idmap_add(&t->index, hash_of(thread), number)) {
		slots_give(&t->slots, number);
		return -ENOMEM;
	}
	slot_of(t, number)->thread = *thread;
	t->owner_ref(thread->owner);
	*ret_number = number;
	return 0;
}

void threads_hold(struct threads *t, uint32_t number)
{
	slot_of(t, number)->n_rows++;
}

void threads_release(struct threads *t, uint32_t number)
{
	struct slot *slot = slot_of(t, number);
	void *owner = slot->thread.owner;

	assert(slot->n_rows);
	if (--slot->n_rows)
		return;
	idmap_remove(&t->index, hash_of(&slot->thread), number);
	slots_give(&t->slots, number);
	if (!t->slots.n_live)
		idmap_fini(&t->index);
	t->owner_unref(owner);
}

const struct store_thread *threads_get(const struct threads *t, uint32_t number)
{
	return &slot_of(t, number)->thread;
}

size_t threads_bytes(const struct threads *t)
{
	return slots_bytes(&t->slots) + idmap_bytes(&t->index);
}
