// SPDX-License-Identifier: Apache-2.0
/*
 * arena.h - many small things that are released together
 *
 * Memory comes in chunks and never moves, so pointers into it stay good until
 * arena_fini(). The zero value is an empty arena.
 */
#ifndef CPROFD_PPROF_ARENA_H
#define CPROFD_PPROF_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *newest;
	size_t bytes; /* allocated, with what is not handed out yet */
};

void arena_fini(struct arena *a);

/* `size` bytes, aligned for any number or pointer, contents undefined; NULL without memory. */
void *arena_take(struct arena *a, size_t size);

/* Give back `at`, the latest thing taken, unless it had a chunk of its own. */
void arena_untake(struct arena *a, void *at);

/* Room for `n` elements of `size` bytes, all zero; NULL also when n * size overflows. */
void *arena_zeroed(struct arena *a, size_t n, size_t size);

/* How many bytes arena_take() would have to allocate for `size`; 0 when the chunk has room. */
size_t arena_cost(const struct arena *a, size_t size);

#endif
