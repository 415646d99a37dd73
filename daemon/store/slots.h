// SPDX-License-Identifier: Apache-2.0
/*
 * slots.h - an array of equal things whose numbers are reused
 *
 * Stacks and threads come and go by the million; the numbers by which rows name
 * them must stay small. A freed slot goes on a list and is taken again before
 * the array grows. Slots may move when it does: keep numbers, not pointers.
 */
#ifndef CPROFD_STORE_SLOTS_H
#define CPROFD_STORE_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#define SLOTS_NONE UINT32_MAX

/* Set `size` (bytes of a slot, at least 4); everything else starts as zero. */
struct slots {
	size_t size;
	void *at;
	uint32_t n, room; /* slots ever taken, allocated */
	uint32_t n_live;  /* taken now */
	uint32_t freed;   /* the list of freed ones: number + 1, or 0 */
};

/* A free slot, zeroed; SLOTS_NONE when there is no memory. */
uint32_t slots_take(struct slots *s);

/* Give it back. With the last one the array is released. */
void slots_give(struct slots *s, uint32_t number);

/* Bytes that the next slots_take() would allocate, while it still has the old array. */
size_t slots_growth(const struct slots *s);

/* Bytes allocated. */
size_t slots_bytes(const struct slots *s);

void slots_fini(struct slots *s);

static inline void *slots_at(const struct slots *s, uint32_t number)
{
	return (char *)s->at + number * s->size;
}

#endif
