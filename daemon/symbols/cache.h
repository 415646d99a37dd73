// SPDX-License-Identifier: Apache-2.0
/*
 * cache.h - answers that need not be asked for again
 *
 * Two generations of half the ceiling each: when the younger is full the older is
 * forgotten whole and the younger takes its place; what is asked for again moves
 * up. Texts are stored once in a generation and live as long as somebody
 * holds it, the cache or a job whose results point there.
 */
#ifndef CPROFD_SYMBOLS_CACHE_H
#define CPROFD_SYMBOLS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/symbols.h"

struct cache;
struct cache_texts; /* the texts of a generation */

struct cache_key {
	uint64_t address;
	uint32_t object;
	uint32_t caller; /* 0 or 1: a return address may mean another function than the same leaf */
};

/* At most `ceiling` bytes, but never less than 64 KiB. Returns 0 or -ENOMEM. */
int cache_new(size_t ceiling, struct cache **ret);
void cache_free(struct cache *c); /* NULL is accepted; held texts must have been released */

/* Is there an answer? Its texts belong to the generation that cache_hold() gives next. */
bool cache_get(struct cache *c, const struct cache_key *key, struct symbol *ret);

/*
 * Remember an answer that is not there yet. `ret` is the same with texts of the cache.
 * Returns 0 or -ENOMEM.
 */
int cache_put(struct cache *c, const struct cache_key *key, const struct symbol *answer,
	struct symbol *ret);

/* Keep the texts that the last get or put pointed to alive, until cache_release(). */
struct cache_texts *cache_hold(struct cache *c);
void cache_release(struct cache_texts *t); /* NULL is accepted */

/* Bytes allocated, with texts that are only held by now. */
size_t cache_bytes(const struct cache *c);

#endif
