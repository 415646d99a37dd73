// SPDX-License-Identifier: Apache-2.0
#include "tracker/process.h"

#include <errno.h>
#include <stdlib.h>

#include "tracker/mapset.h"
#include "tracker/object.h"

struct process *process_new(struct ledger *ledger, uint32_t tgid, uint64_t from_ns)
{
	struct process *p;

	if (!ledger_has_room(ledger, sizeof(*p)))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->image.maps = mapset_new(ledger);
	if (!p->image.maps) {
		free(p);
		return NULL;
	}
	p->image.refs = 1;
	p->image.tgid = tgid;
	p->image.from_ns = from_ns;
	p->image.to_ns = TIME_FOREVER;
	p->ledger = ledger_ref(ledger);
	ledger->images++;
	ledger->bytes += sizeof(*p);
	return p;
}

struct image *image_ref(struct image *i)
{
	i->refs++;
	return i;
}

void image_unref(struct image *i)
{
	struct process *p = process_of(i);

	if (!i || --i->refs)
		return;
	mapset_unref(i->maps);
	p->ledger->images--;
	p->ledger->bytes -= sizeof(*p);
	ledger_unref(p->ledger);
	free(p);
}

uint64_t image_start_ns(const struct image *i)
{
	const struct process *p = (const struct process *)i; /* its first member */

	return i->start_boottime_ns ? i->start_boottime_ns : p->start_ticks * START_TICK_NS;
}

const struct mapping *image_mapping_at(const struct image *i, uint64_t address, uint64_t time_ns)
{
	return mapset_at(i->maps, address, time_ns);
}

static const struct mapping *lowest(const struct mapping *at, uint32_t n,
	const struct object *object, const struct mapping *so_far)
{
	for (uint32_t i = 0; i < n; i++)
		if (at[i].object == object && (!so_far || at[i].start < so_far->start))
			so_far = &at[i];
	return so_far;
}

const struct mapping *image_main_mapping(const struct image *i)
{
	const struct mapset *s = i->maps;
	const struct mapping *m;

	if (!s->main)
		return NULL;
	m = lowest(s->live, s->n_live, s->main, NULL);
	return m ? m : lowest(s->past, s->n_past, s->main, NULL);
}

/* ---- table ------------------------------------------------------------------------------ */

static uint64_t hash_of(uint32_t tgid)
{
	return tgid * 0x9e3779b97f4a7c15ull;
}

static bool same_tgid(const void *owner, uint32_t slot, const void *key)
{
	const struct processes *t = owner;

	return t->slots.at[slot]->image.tgid == *(const uint32_t *)key;
}

void processes_fini(struct processes *t)
{
	for (uint32_t i = 0; i < t->slots.n; i++)
		if (t->slots.at[i])
			image_unref(&t->slots.at[i]->image);
	vec_fini(&t->slots);
	vec_fini(&t->free_slots);
	idmap_fini(&t->map);
}

static uint32_t slot_of(const struct processes *t, uint32_t tgid)
{
	return idmap_find(&t->map, hash_of(tgid), same_tgid, t, &tgid);
}

struct process *processes_find(const struct processes *t, uint32_t tgid)
{
	uint32_t slot = slot_of(t, tgid);

	return slot == IDMAP_NONE ? NULL : t->slots.at[slot];
}

/* A slot of its own for `p`; IDMAP_NONE without memory. */
static uint32_t slot_take(struct processes *t, struct process *p)
{
	uint32_t slot = t->slots.n;

	if (t->free_slots.n) {
		slot = t->free_slots.at[--t->free_slots.n];
		t->slots.at[slot] = p;
		return slot;
	}
	/* room for every slot to come free is made now, when there still is somebody to tell */
	if (!vec_room((void **)&t->free_slots.at, &t->free_slots.room, slot,
		    sizeof(*t->free_slots.at), UINT32_MAX - 1))
		return IDMAP_NONE;
	return vec_push(&t->slots, p, UINT32_MAX - 2) ? slot : IDMAP_NONE;
}

int processes_put(struct processes *t, struct process *p)
{
	uint32_t slot = slot_of(t, p->image.tgid);

	if (slot != IDMAP_NONE) {
		image_unref(&t->slots.at[slot]->image);
		t->slots.at[slot] = p;
		return 0;
	}
	if (p->ledger->images > t->max)
		return -ENOSPC;
	slot = slot_take(t, p);
	if (slot == IDMAP_NONE)
		return -ENOMEM;
	if (idmap_add(&t->map, hash_of(p->image.tgid), slot)) {
		t->slots.at[slot] = NULL;
		t->free_slots.at[t->free_slots.n++] = slot;
		return -ENOMEM;
	}
	return 0;
}

void processes_drop(struct processes *t, const struct process *p)
{
	uint32_t slot = slot_of(t, p->image.tgid);

	if (slot == IDMAP_NONE || t->slots.at[slot] != p)
		return;
	idmap_remove(&t->map, hash_of(p->image.tgid), slot);
	t->slots.at[slot] = NULL;
	t->free_slots.at[t->free_slots.n++] = slot;
	image_unref(&((struct process *)(uintptr_t)p)->image);
}

size_t processes_bytes(const struct processes *t)
{
	return t->slots.room * sizeof(*t->slots.at) +
	       t->free_slots.room * sizeof(*t->free_slots.at) + idmap_bytes(&t->map);
}
