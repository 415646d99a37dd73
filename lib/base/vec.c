// SPDX-License-Identifier: Apache-2.0
#include "base/vec.h"

#include <stdlib.h>

#define FIRST_ROOM 8

bool vec_room(void **at, uint32_t *room, uint32_t n, size_t size, uint32_t ceiling)
{
	uint64_t want;
	void *bigger;

	if (n >= ceiling)
		return false;
	if (n < *room)
		return true;
	want = *room ? (uint64_t)*room * 2 : FIRST_ROOM;
	if (want > ceiling)
		want = ceiling;
	bigger = reallocarray(*at, want, size);
	if (!bigger)
		return false;
	*at = bigger;
	*room = (uint32_t)want;
	return true;
}

void vec_release(void **at)
{
	free(*at);
	*at = NULL;
}
