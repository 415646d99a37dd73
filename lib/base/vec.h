// SPDX-License-Identifier: Apache-2.0
/*
 * vec.h - arrays that grow, up to a ceiling
 *
 * `VEC(struct row) rows;` declares one; the zero value is empty. Elements are
 * plain values that may move when the array grows: keep indices, not pointers.
 */
#ifndef CPROFD_BASE_VEC_H
#define CPROFD_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *at;                                                                          \
		uint32_t n;                                                                        \
		uint32_t room;                                                                     \
	}

/*
 * Append `value` unless the array already holds `ceiling` elements or memory is
 * out. True when it was appended; the caller counts what was refused.
 */
#define vec_push(v, value, ceiling)                                                                \
	(vec_room((void **)&(v)->at, &(v)->room, (v)->n, sizeof(*(v)->at), (ceiling)) &&           \
		((v)->at[(v)->n++] = (value), true))

/* Release the memory; the array is empty afterwards. */
#define vec_fini(v) (vec_release((void **)&(v)->at), (v)->n = (v)->room = 0)

/* Behind vec_push(): make room for one more than `n` elements of `size` bytes. */
bool vec_room(void **at, uint32_t *room, uint32_t n, size_t size, uint32_t ceiling);

/* Behind vec_fini(). */
void vec_release(void **at);

#endif
