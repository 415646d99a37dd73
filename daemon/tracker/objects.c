// SPDX-License-Identifier: Apache-2.0
#include "tracker/objects.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/vec.h"

#define RETRY_FIRST_NS  (100 * NS_PER_MS)
#define RETRY_DOUBLINGS 10

struct entry {
	struct object object;  /* first: what the world sees */
	struct objects *table; /* NULL once the tracker is gone */
	struct ledger *ledger;
	uint64_t hash;
	uint64_t retry_ns;
	uint32_t slot;
	uint32_t tries;
	size_t bytes;
};

struct objects {
	struct ledger *ledger;
	VEC(struct entry *) slots; /* NULL: free */
	VEC(uint32_t) free_slots;
	struct idmap map;
	uint32_t last_id;
};

struct lookup {
	enum object_kind kind;
	const struct file_name *name;
};

struct objects *objects_new(struct ledger *ledger)
{
	struct objects *t = calloc(1, sizeof(*t));

	if (t)
		t->ledger = ledger_ref(ledger);
	return t;
}

void objects_free(struct objects *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->slots.n; i++)
		if (t->slots.at[i])
			t->slots.at[i]->table = NULL;
	vec_fini(&t->slots);
	vec_fini(&t->free_slots);
	idmap_fini(&t->map);
	ledger_unref(t->ledger);
	free(t);
}

size_t objects_table_bytes(const struct objects *t)
{
	return sizeof(*t) + t->slots.room * sizeof(*t->slots.at) +
	       t->free_slots.room * sizeof(*t->free_slots.at) + idmap_bytes(&t->map);
}

static bool is(const char *path, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(path, name, len) == 0;
}

static bool begins(const char *path, size_t len, const char *with)
{
	return len >= strlen(with) && memcmp(path, with, strlen(with)) == 0;
}

size_t path_without_deleted(const char *path, size_t len)
{
	static const char mark[] = " (deleted)";
	const size_t n = sizeof(mark) - 1;

	return len > n && memcmp(path + len - n, mark, n) == 0 ? len - n : len;
}

enum object_kind object_kind_of(const char *path, size_t len, uint64_t address)
{
	if (is(path, len, "[vdso]")) /* a 32-bit process has another vDSO than ours */
		return address >> 32 ? OBJECT_VDSO : OBJECT_SPECIAL;
	/* shared anonymous memory bears the names of the files that hold it */
	if (!len || is(path, len, "//anon") || begins(path, len, "[anon") ||
		is(path, len, "/dev/zero") || is(path, len, "/anon_hugepage") ||
		begins(path, len, "/SYSV"))
		return OBJECT_ANON;
	return path[0] == '/' && !begins(path, len, "//") ? OBJECT_FILE : OBJECT_SPECIAL;
}

static uint64_t hash_of(enum object_kind kind, const struct file_name *name)
{
	uint64_t fixed[5] = {kind, (uint64_t)name->dev_major << 32 | name->dev_minor, name->inode,
		name->inode_generation, 0};

	if (kind == OBJECT_VDSO || kind == OBJECT_ANON)
		return kind;
	fixed[4] = idmap_hash(name->path, name->path_len);
	if (name->build_id.len) {
		fixed[1] = idmap_hash(name->build_id.bytes, name->build_id.len);
		fixed[2] = fixed[3] = 0;
	}
	return idmap_hash(fixed, sizeof(fixed));
}

static bool same_path(const struct object *o, const struct file_name *name)
{
	return strlen(o->path) == name->path_len &&
	       memcmp(o->path, name->path, name->path_len) == 0;
}

static bool same_object(const void *owner, uint32_t slot, const void *key)
{
	const struct objects *t = owner;
	const struct lookup *want = key;
	const struct object *o = &t->slots.at[slot]->object;

	if (o->kind != want->kind)
		return false;
	if (o->kind == OBJECT_VDSO || o->kind == OBJECT_ANON)
		return true;
	if (!same_path(o, want->name))
		return false;
	if (o->build_id.len || want->name->build_id.len)
		return build_id_same(&o->build_id, &want->name->build_id);
	return o->dev_major == want->name->dev_major && o->dev_minor == want->name->dev_minor &&
	       o->inode == want->name->inode && o->inode_generation == want->name->inode_generation;
}

bool object_may_be(const struct object *o, const struct file_name *name)
{
	if (!same_path(o, name))
		return false;
	if (o->build_id.len && name->build_id.len)
		return build_id_same(&o->build_id, &name->build_id);
	if (!o->inode || !name->inode)
		return true;
	return o->inode == name->inode && o->dev_major == name->dev_major &&
	       o->dev_minor == name->dev_minor;
}

static bool slot_take(struct objects *t, struct entry *e)
{
	if (t->free_slots.n) {
		e->slot = t->free_slots.at[--t->free_slots.n];
		t->slots.at[e->slot] = e;
		return true;
	}
	e->slot = t->slots.n;
	/* room for every slot to come free is made now, when there still is somebody to tell */
	return vec_push(&t->slots, e, UINT32_MAX - 2) &&
	       (vec_room((void **)&t->free_slots.at, &t->free_slots.room, t->slots.n,
			sizeof(*t->free_slots.at), UINT32_MAX) ||
		       (t->slots.n--, false));
}

static void slot_give(struct objects *t, struct entry *e)
{
	t->slots.at[e->slot] = NULL;
	t->free_slots.at[t->free_slots.n++] = e->slot;
}

static struct entry *entry_new(
	struct objects *t, enum object_kind kind, const struct file_name *name)
{
	const char *path = kind == OBJECT_ANON ? "//anon" : name->path;
	size_t len = kind == OBJECT_ANON ? strlen(path) : name->path_len;
	struct entry *e = calloc(1, sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	e->bytes = sizeof(*e) + len + 1;
	e->object = (struct object){
		.refs = 1,
		.kind = kind,
		.build_id = name->build_id,
		.dev_major = name->dev_major,
		.dev_minor = name->dev_minor,
		.inode = name->inode,
		.inode_generation = name->inode_generation,
		.path = (char *)(e + 1),
		.fd = -1,
	};
	if (len)
		memcpy(e->object.path, path, len);
	e->table = t;
	return e;
}

static int entry_add(struct objects *t, struct entry *e, uint64_t hash)
{
	if (!slot_take(t, e))
		return -ENOMEM;
	if (idmap_add(&t->map, hash, e->slot)) {
		slot_give(t, e);
		return -ENOMEM;
	}
	e->hash = hash;
	e->object.id = ++t->last_id;
	e->ledger = ledger_ref(t->ledger);
	e->ledger->objects++;
	e->ledger->bytes += e->bytes;
	return 0;
}

static bool may_retry(const struct entry *e, uint64_t now_ns)
{
	enum object_why why = e->object.why;

	return e->object.state == OBJECT_UNREADABLE && now_ns >= e->retry_ns &&
	       why != OBJECT_WHY_NO_FILE && why != OBJECT_WHY_TOO_LARGE;
}

int objects_get(struct objects *t, enum object_kind kind, const struct file_name *name,
	uint64_t now_ns, struct object **ret)
{
	struct lookup want = {kind, name};
	uint64_t hash = hash_of(kind, name);
	uint32_t slot = idmap_find(&t->map, hash, same_object, t, &want);
	struct entry *e;
	int err;

	if (slot != IDMAP_NONE) {
		e = t->slots.at[slot];
		if (may_retry(e, now_ns)) {
			e->object.state = OBJECT_UNOPENED;
			e->object.why = OBJECT_WHY_NONE;
			e->ledger->objects_unreadable--;
		}
		*ret = object_ref(&e->object);
		return 0;
	}
	if (name->path_len > OBJECT_PATH_MAX || t->last_id == UINT32_MAX ||
		!ledger_has_room(t->ledger, sizeof(*e) + name->path_len + 1))
		return -ENOSPC;
	e = entry_new(t, kind, name);
	if (!e)
		return -ENOMEM;
	err = entry_add(t, e, hash);
	if (err) {
		free(e);
		return err;
	}
	*ret = &e->object;
	return 0;
}

void object_opened(struct object *o, int fd, enum object_why why, uint64_t now_ns)
{
	struct entry *e = (struct entry *)o;
	unsigned doublings = e->tries < RETRY_DOUBLINGS ? e->tries : RETRY_DOUBLINGS;

	assert(o->state == OBJECT_UNOPENED);
	e->tries++;
	e->retry_ns = now_ns + (RETRY_FIRST_NS << doublings);
	o->fd = fd;
	o->why = fd >= 0 ? OBJECT_WHY_NONE : why;
	o->state = fd >= 0 ? OBJECT_OPEN : OBJECT_UNREADABLE;
	if (fd >= 0)
		e->ledger->objects_open++;
	else
		e->ledger->objects_unreadable++;
}

void object_refuted(struct object *o)
{
	struct entry *e = (struct entry *)o;

	assert(o->state == OBJECT_OPEN);
	(void)close(o->fd);
	o->fd = -1;
	o->why = OBJECT_WHY_REPLACED;
	o->state = OBJECT_UNREADABLE;
	e->ledger->objects_open--;
	e->ledger->objects_unreadable++;
}

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	struct entry *e = (struct entry *)o;

	if (!o || --o->refs)
		return;
	if (o->state == OBJECT_OPEN) {
		(void)close(o->fd);
		e->ledger->objects_open--;
	} else if (o->state == OBJECT_UNREADABLE) {
		e->ledger->objects_unreadable--;
	}
	if (e->table) {
		idmap_remove(&e->table->map, e->hash, e->slot);
		slot_give(e->table, e);
	}
	e->ledger->objects--;
	e->ledger->bytes -= e->bytes;
	ledger_unref(e->ledger);
	free(e);
}
