// SPDX-License-Identifier: Apache-2.0
/*
 * idmap.h - find a small number by the hash of what it stands for
 *
 * The project keeps its things (stacks, strings, objects, threads) in arrays
 * and names them by index. An idmap finds the index again: it stores pairs of
 * (64-bit hash, index) and asks the owner of the array, through a callback,
 * whether an index is the one meant. So keys live in one place, the array, and
 * colliding hashes cost a comparison, never a wrong answer.
 *
 * Open addressing with linear probing, at most 3/4 full; 12 bytes a place. It
 * grows with what it holds; one that was emptied shrinks as entries come and go.
 */
#ifndef CPROFD_BASE_IDMAP_H
#define CPROFD_BASE_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDMAP_NONE UINT32_MAX /* "no such index"; never a valid index */

struct idmap {
	uint64_t *hashes;
	uint32_t *ids;
	uint32_t n_places; /* power of two, or 0 */
	uint32_t n_used;
	uint32_t n_dead; /* places that were removed and not yet swept */
};

/* Is `id` what the caller looks for? `key` is what was given to idmap_find(). */
typedef bool (*idmap_same)(const void *owner, uint32_t id, const void *key);

/* The zero value is an empty map. Release with idmap_fini(). */
void idmap_fini(struct idmap *m);

/* The index for `key`, or IDMAP_NONE. `owner` and `key` are handed to `same`. */
uint32_t idmap_find(
	const struct idmap *m, uint64_t hash, idmap_same same, const void *owner, const void *key);

/*
 * Remember `id` under `hash`; the caller has made sure that its key is not in
 * the map yet. Returns 0 or -ENOMEM (the map is as before).
 */
int idmap_add(struct idmap *m, uint64_t hash, uint32_t id);

/* Forget `id`, which was added under `hash`. Not being there is a program error. */
void idmap_remove(struct idmap *m, uint64_t hash, uint32_t id);

/*
 * At most the bytes that the next idmap_add() would allocate, before it releases what
 * it had; the allocator's overhead included. 0 mostly.
 */
size_t idmap_growth(const struct idmap *m);

/* Bytes allocated, the allocator's overhead included. */
size_t idmap_bytes(const struct idmap *m);

/* A well-mixed 64-bit hash of some bytes (XXH3). */
uint64_t idmap_hash(const void *bytes, size_t len);

#endif
