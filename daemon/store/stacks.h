// SPDX-License-Identifier: Apache-2.0
/*
 * stacks.h - each distinct stack once, as long as a row uses it
 *
 * Found by the id that the sampler gave it, told apart by its frames: stacks
 * whose ids collide are two stacks. Number 0 is the empty stack: always there,
 * never counted. Every other number is held by the rows that name it.
 */
#ifndef CPROFD_STORE_STACKS_H
#define CPROFD_STORE_STACKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/idmap.h"
#include "store/slots.h"
#include "store/store.h"

struct stacks {
	struct slots slots;
	struct idmap index;
	size_t frame_bytes;
};

void stacks_init(struct stacks *st);

/* Every stack must have been released. */
void stacks_fini(struct stacks *st);

/* The number of this stack; IDMAP_NONE when it is not held. */
uint32_t stacks_find(const struct stacks *st, uint64_t id, struct store_stack stack);

/* At most the bytes that stacks_add() of `n_frames` would allocate. */
size_t stacks_need(const struct stacks *st, uint32_t n_frames);

/*
 * Add a stack that stacks_find() did not find; its frames are copied. The caller
 * holds it next. Returns 0 or -ENOMEM.
 */
int stacks_add(struct stacks *st, uint64_t id, struct store_stack stack, uint32_t *ret_number);

/* One more row uses it; one less. With the last one it is forgotten. */
void stacks_hold(struct stacks *st, uint32_t number);
void stacks_release(struct stacks *st, uint32_t number);

/* Its frames, borrowed until it is released. */
struct store_stack stacks_get(const struct stacks *st, uint32_t number);

/* Bytes allocated. */
size_t stacks_bytes(const struct stacks *st);

#endif
