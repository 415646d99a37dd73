// SPDX-License-Identifier: Apache-2.0
#include "store/stacks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/heap.h"

struct slot {
	uint64_t id;
	uint64_t *frames;
	uint32_t n_frames;
	uint32_t n_rows;
};

void stacks_init(struct stacks *st)
{
	*st = (struct stacks){.slots.size = sizeof(struct slot)};
}

void stacks_fini(struct stacks *st)
{
	assert(!st->slots.n_live);
	slots_fini(&st->slots);
	idmap_fini(&st->index);
}

/* Numbers that rows see are one more than the slot's: 0 is the empty stack. */
static struct slot *slot_of(const struct stacks *st, uint32_t number)
{
	return slots_at(&st->slots, number - 1);
}

static bool same_stack(const void *owner, uint32_t number, const void *key)
{
	const struct slot *slot = slot_of(owner, number);
	const struct store_stack *stack = key;

	return slot->n_frames == stack->n &&
	       !memcmp(slot->frames, stack->frames, stack->n * sizeof(*stack->frames));
}

uint32_t stacks_find(const struct stacks *st, uint64_t id, struct store_stack stack)
{
	return stack.n ? idmap_find(&st->index, id, same_stack, st, &stack) : 0;
}

size_t stacks_need(const struct stacks *st, uint32_t n_frames)
{
	return heap_need(n_frames * sizeof(uint64_t)) + slots_growth(&st->slots) +
	       idmap_growth(&st->index);
}

int stacks_add(struct stacks *st, uint64_t id, struct store_stack stack, uint32_t *ret_number)
{
	size_t len = stack.n * sizeof(*stack.frames);
	uint32_t number;
	struct slot *slot;

	assert(stack.n);
	number = slots_take(&st->slots) + 1;
	if (number == SLOTS_NONE + 1)
		return -ENOMEM;
	slot = slot_of(st, number);
	slot->id = id;
	slot->n_frames = stack.n;
	slot->frames = malloc(len);
	if (!slot->frames || idmap_add(&st->index, id, number)) {
		free(slot->frames);
		slots_give(&st->slots, number - 1);
		return -ENOMEM;
	}
	memcpy(slot->frames, stack.frames, len);
	st->frame_bytes += heap_bytes(slot->frames);
	*ret_number = number;
	return 0;
}

void stacks_hold(struct stacks *st, uint32_t number)
{
	if (number)
		slot_of(st, number)->n_rows++;
}

void stacks_release(struct stacks *st, uint32_t number)
{
	struct slot *slot;

	if (!number)
		return;
	slot = slot_of(st, number);
	assert(slot->n_rows);
	if (--slot->n_rows)
		return;
	idmap_remove(&st->index, slot->id, number);
	st->frame_bytes -= heap_bytes(slot->frames);
	free(slot->frames);
	slots_give(&st->slots, number - 1);
	if (!st->slots.n_live)
		idmap_fini(&st->index);
}

struct store_stack stacks_get(const struct stacks *st, uint32_t number)
{
	const struct slot *slot;

	if (!number)
		return (struct store_stack){0};
	slot = slot_of(st, number);
	return (struct store_stack){.n = slot->n_frames, .frames = slot->frames};
}

size_t stacks_bytes(const struct stacks *st)
{
	return slots_bytes(&st->slots) + idmap_bytes(&st->index) + st->frame_bytes;
}
