// SPDX-License-Identifier: Apache-2.0
/*
 * heap.h - what an allocation really costs
 *
 * A budget that counts only the bytes asked for is a hope: glibc's malloc adds
 * a header, rounds up, and gives large blocks whole pages.
 */
#ifndef CPROFD_STORE_HEAP_H
#define CPROFD_STORE_HEAP_H

#include <malloc.h>
#include <stddef.h>

#define HEAP_LARGE 65536u /* such blocks may be mapped on their own */
#define HEAP_PAGE  4096u

/* Bytes that the block at `p` takes; 0 for NULL. */
static inline size_t heap_bytes(void *p)
{
	return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

/* At most what a block of `size` bytes would take; 0 for 0. */
static inline size_t heap_need(size_t size)
{
	/* header, rounding to 16, and a remainder too small to be split off */
	size_t need = size + sizeof(size_t) + 15 + 16;

	return !size ? 0 : size < HEAP_LARGE ? need : need + HEAP_PAGE;
}

#endif
