// SPDX-License-Identifier: Apache-2.0
#include "pprof/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64u << 10)
#define ALIGNMENT   8

struct arena_chunk {
	struct arena_chunk *older;
	size_t size; /* of `bytes` */
	size_t used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

void arena_fini(struct arena *a)
{
	while (a->newest) {
		struct arena_chunk *older = a->newest->older;

		free(a->newest);
		a->newest = older;
	}
	a->bytes = 0;
}

static size_t aligned(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

size_t arena_cost(const struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		return SIZE_MAX;
	if (a->newest && a->newest->size - a->newest->used >= aligned(size))
		return 0;
	return sizeof(struct arena_chunk) + (size > CHUNK_BYTES / 4 ? aligned(size) : CHUNK_BYTES);
}

static struct arena_chunk *chunk_new(struct arena *a, size_t cost)
{
	struct arena_chunk *chunk = malloc(cost);

	if (!chunk)
		return NULL;
	chunk->size = cost - sizeof(*chunk);
	chunk->used = 0;
	a->bytes += cost;
	/* one made to measure is full at once: keep filling the one we have */
	if (a->newest && chunk->size != CHUNK_BYTES) {
		chunk->older = a->newest->older;
		a->newest->older = chunk;
	} else {
		chunk->older = a->newest;
		a->newest = chunk;
	}
	return chunk;
}

void *arena_take(struct arena *a, size_t size)
{
	size_t cost = arena_cost(a, size);
	struct arena_chunk *chunk = a->newest;
	void *at;

	if (cost == SIZE_MAX)
		return NULL;
	if (cost)
		chunk = chunk_new(a, cost);
	if (!chunk)
		return NULL;
	at = chunk->bytes + chunk->used;
	chunk->used += aligned(size);
	return at;
}

void arena_untake(struct arena *a, void *at)
{
	struct arena_chunk *chunk = a->newest;
	unsigned char *byte = at;

	if (byte >= chunk->bytes && byte < chunk->bytes + chunk->used)
		chunk->used = (size_t)(byte - chunk->bytes);
}

void *arena_zeroed(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	void *at;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	at = arena_take(a, bytes);
	if (at)
		memset(at, 0, bytes);
	return at;
}
