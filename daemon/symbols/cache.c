// SPDX-License-Identifier: Apache-2.0
#include "symbols/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/idmap.h"
#include "base/scope.h"
#include "base/vec.h"

#define CEILING_LEAST (64u << 10)
#define BLOCK_BYTES   (8u << 10)
#define ENTRIES_MAX   (1u << 24)

struct block {
	struct block *next;
	size_t used, room;
	char bytes[];
};

struct cache_texts {
	struct cache *cache;
	uint32_t refs;
	struct block *blocks; /* the newest first; texts in them never move */
	size_t bytes;
};

struct entry {
	struct cache_key key;
	struct symbol symbol;
};

struct generation {
	struct cache_texts *texts; /* NULL: there is no such generation */
	VEC(const char *) strings;
	struct idmap string_ids;
	VEC(struct entry) entries;
	struct idmap entry_ids;
};

struct cache {
	size_t ceiling; /* of one generation */
	size_t text_bytes;
	struct generation young, old;
};

static struct cache_texts *texts_new(struct cache *c)
{
	struct cache_texts *t = calloc(1, sizeof(*t));

	if (t) {
		t->cache = c;
		t->refs = 1;
	}
	return t;
}

void cache_release(struct cache_texts *t)
{
	if (!t || --t->refs)
		return;
	t->cache->text_bytes -= t->bytes;
	while (t->blocks) {
		struct block *next = t->blocks->next;

		free(t->blocks);
		t->blocks = next;
	}
	free(t);
}

struct cache_texts *cache_hold(struct cache *c)
{
	c->young.texts->refs++;
	return c->young.texts;
}

static void generation_fini(struct generation *g)
{
	cache_release(g->texts);
	vec_fini(&g->strings);
	idmap_fini(&g->string_ids);
	vec_fini(&g->entries);
	idmap_fini(&g->entry_ids);
	*g = (struct generation){0};
}

static size_t index_bytes(const struct generation *g)
{
	return g->strings.room * sizeof(*g->strings.at) + idmap_bytes(&g->string_ids) +
	       g->entries.room * sizeof(*g->entries.at) + idmap_bytes(&g->entry_ids);
}

/* What the next insertion may add to tables that double: all that they hold now. */
static size_t growth(const struct generation *g)
{
	size_t bytes = 3 * sizeof(struct block) + BLOCK_BYTES;

	if (g->entries.n == g->entries.room)
		bytes += g->entries.room * sizeof(*g->entries.at);
	/* three strings in an entry */
	if (g->strings.n + 3 > g->strings.room)
		bytes += g->strings.room * sizeof(*g->strings.at);
	bytes += idmap_growth(&g->string_ids) + idmap_growth(&g->entry_ids);
	return bytes;
}

static bool full(const struct cache *c)
{
	const struct generation *g = &c->young;

	return g->entries.n && g->texts->bytes + index_bytes(g) + growth(g) > c->ceiling;
}

/* The young generation becomes the old one, whose end this is. */
static int turn(struct cache *c)
{
	struct cache_texts *texts = texts_new(c);

	if (!texts)
		return -ENOMEM;
	generation_fini(&c->old);
	c->old = c->young;
	c->young = (struct generation){.texts = texts};
	return 0;
}

int cache_new(size_t ceiling, struct cache **ret)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->ceiling = (ceiling < CEILING_LEAST ? CEILING_LEAST : ceiling) / 2;
	c->young.texts = texts_new(c);
	if (!c->young.texts) {
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	generation_fini(&c->young);
	generation_fini(&c->old);
	free(c);
}

static const char *store_text(struct cache_texts *t, const char *s, size_t size)
{
	struct block *b = t->blocks;

	if (!b || b->room - b->used < size) {
		size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;

		b = malloc(sizeof(*b) + room);
		if (!b)
			return NULL;
		*b = (struct block){.next = t->blocks, .room = room};
		t->blocks = b;
		t->bytes += sizeof(*b) + room;
		t->cache->text_bytes += sizeof(*b) + room;
	}
	b->used += size;
	return memcpy(b->bytes + b->used - size, s, size);
}

static bool same_string(const void *owner, uint32_t id, const void *key)
{
	const struct generation *g = owner;

	return strcmp(g->strings.at[id], key) == 0;
}

/* `*s` becomes the generation's own copy; NULL stays NULL. */
static int intern(struct generation *g, const char **s)
{
	uint64_t hash;
	uint32_t id;
	const char *copy;

	if (!*s)
		return 0;
	hash = idmap_hash(*s, strlen(*s));
	id = idmap_find(&g->string_ids, hash, same_string, g, *s);
	if (id != IDMAP_NONE) {
		*s = g->strings.at[id];
		return 0;
	}
	copy = store_text(g->texts, *s, strlen(*s) + 1);
	if (!copy)
		return -ENOMEM;
	/* without room in the table it is only stored twice when it comes again */
	if (vec_push(&g->strings, copy, ENTRIES_MAX) &&
		idmap_add(&g->string_ids, hash, g->strings.n - 1) < 0)
		g->strings.n--;
	*s = copy;
	return 0;
}

static bool same_key(const void *owner, uint32_t id, const void *key)
{
	const struct generation *g = owner;

	return memcmp(&g->entries.at[id].key, key, sizeof(struct cache_key)) == 0;
}

static const struct entry *look_up(const struct generation *g, const struct cache_key *key)
{
	uint32_t id = idmap_find(&g->entry_ids, idmap_hash(key, sizeof(*key)), same_key, g, key);

	return id == IDMAP_NONE ? NULL : &g->entries.at[id];
}

int cache_put(struct cache *c, const struct cache_key *key, const struct symbol *answer,
	struct symbol *ret)
{
	struct entry e = {.key = *key, .symbol = *answer};
	struct generation *g = &c->young;

	if (full(c) && turn(c) < 0)
		return -ENOMEM;
	if (intern(g, &e.symbol.name) < 0 || intern(g, &e.symbol.system_name) < 0 ||
		intern(g, &e.symbol.module) < 0)
		return -ENOMEM;
	/* an answer that finds no room is still an answer */
	if (vec_push(&g->entries, e, ENTRIES_MAX) &&
		idmap_add(&g->entry_ids, idmap_hash(key, sizeof(*key)), g->entries.n - 1) < 0)
		g->entries.n--;
	*ret = e.symbol;
	return 0;
}

bool cache_get(struct cache *c, const struct cache_key *key, struct symbol *ret)
{
	const struct entry *e = look_up(&c->young, key);
	struct cache_texts *source;
	struct symbol found;
	int err;

	if (e) {
		*ret = e->symbol;
		return true;
	}
	e = look_up(&c->old, key);
	if (!e)
		return false;
	/* putting it into the young generation may be the end of the old one */
	source = c->old.texts;
	source->refs++;
	found = e->symbol;
	err = cache_put(c, key, &found, ret);
	cache_release(source);
	return err == 0;
}

size_t cache_bytes(const struct cache *c)
{
	return sizeof(*c) + c->text_bytes + index_bytes(&c->young) + index_bytes(&c->old);
}
