// SPDX-License-Identifier: Apache-2.0
#include "base/idmap.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define FIRST_PLACES 16
/* what malloc adds to each of the two blocks at most: rounding, or whole pages when it maps them */
#define LARGE_PLACES   8192u
#define BLOCK_OVERHEAD 40u
#define PAGE_OVERHEAD  4112u
#define PLACE_BYTES    (sizeof(uint64_t) + sizeof(uint32_t))
#define FREE_PLACE     IDMAP_NONE       /* never used: a search ends here */
#define DEAD_PLACE     (IDMAP_NONE - 1) /* removed: a search goes on */

void idmap_fini(struct idmap *m)
{
	free(m->hashes);
	free(m->ids);
	*m = (struct idmap){0};
}

static uint32_t first_place(const struct idmap *m, uint64_t hash)
{
	/* the caller's hash may be weak in its low bits, a stack id's are not its best */
	return (uint32_t)((hash * 0x9e3779b97f4a7c15ull) >> 32) & (m->n_places - 1);
}

uint32_t idmap_find(
	const struct idmap *m, uint64_t hash, idmap_same same, const void *owner, const void *key)
{
	if (!m->n_places)
		return IDMAP_NONE;
	for (uint32_t at = first_place(m, hash);; at = (at + 1) & (m->n_places - 1)) {
		uint32_t id = m->ids[at];

		if (id == FREE_PLACE)
			return IDMAP_NONE;
		if (id != DEAD_PLACE && m->hashes[at] == hash && same(owner, id, key))
			return id;
	}
}

static void put(struct idmap *m, uint64_t hash, uint32_t id)
{
	uint32_t at = first_place(m, hash);

	while (m->ids[at] != FREE_PLACE)
		at = (at + 1) & (m->n_places - 1);
	m->hashes[at] = hash;
	m->ids[at] = id;
	m->n_used++;
}

/* A table of `n_places`, with the living entries moved over and the dead swept. */
static int rebuild(struct idmap *m, uint32_t n_places)
{
	struct idmap fresh = {.n_places = n_places};

	fresh.hashes = malloc(n_places * sizeof(*fresh.hashes));
	fresh.ids = malloc(n_places * sizeof(*fresh.ids));
	if (!fresh.hashes || !fresh.ids) {
		idmap_fini(&fresh);
		return -ENOMEM;
	}
	memset(fresh.ids, 0xff, n_places * sizeof(*fresh.ids)); /* FREE_PLACE */
	for (uint32_t at = 0; at < m->n_places; at++)
		if (m->ids[at] < DEAD_PLACE)
			put(&fresh, m->hashes[at], m->ids[at]);
	idmap_fini(m);
	*m = fresh;
	return 0;
}

/* Places of the table that replaces a full one; 0 when none can be that large. */
static uint32_t places_wanted(const struct idmap *m)
{
	uint32_t want = m->n_places ? m->n_places : FIRST_PLACES;

	if (m->n_used >= want / 2)
		return want * 2;
	return m->n_used < want / 8 && want > FIRST_PLACES ? want / 2 : want;
}

/* The table is full, so that it is rebuilt: larger, smaller, or as large but without the dead. */
static bool is_full(const struct idmap *m)
{
	return m->n_used + m->n_dead >= m->n_places / 4 * 3;
}

int idmap_add(struct idmap *m, uint64_t hash, uint32_t id)
{
	assert(id < DEAD_PLACE);
	if (is_full(m)) {
		uint32_t want = places_wanted(m);

		if (!want || rebuild(m, want))
			return -ENOMEM;
	}
	put(m, hash, id);
	return 0;
}

size_t idmap_growth(const struct idmap *m)
{
	uint32_t places = places_wanted(m);

	if (!is_full(m))
		return 0;
	return places * PLACE_BYTES + 2 * (places < LARGE_PLACES ? BLOCK_OVERHEAD : PAGE_OVERHEAD);
}

void idmap_remove(struct idmap *m, uint64_t hash, uint32_t id)
{
	uint32_t at;

	assert(m->n_places);
	at = first_place(m, hash);
	while (m->ids[at] != id || m->hashes[at] != hash) {
		assert(m->ids[at] != FREE_PLACE);
		at = (at + 1) & (m->n_places - 1);
	}
	m->ids[at] = DEAD_PLACE;
	m->n_used--;
	m->n_dead++;
}

size_t idmap_bytes(const struct idmap *m)
{
	if (!m->n_places)
		return 0;
	return malloc_usable_size(m->hashes) + malloc_usable_size(m->ids) + 2 * sizeof(size_t);
}

uint64_t idmap_hash(const void *bytes, size_t len)
{
	return XXH3_64bits(bytes, len);
}
