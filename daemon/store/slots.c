// SPDX-License-Identifier: Apache-2.0
#include "store/slots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/heap.h"

#define FIRST_ROOM 16

void slots_fini(struct slots *s)
{
	free(s->at);
	*s = (struct slots){.size = s->size};
}

/* Grown by half: an array that doubles would waste up to half of the budget's share. */
static uint32_t next_room(const struct slots *s)
{
	return s->room ? s->room + s->room / 2 : FIRST_ROOM;
}

static int grow(struct slots *s)
{
	uint32_t room = next_room(s);
	void *at = room > s->room ? reallocarray(s->at, room, s->size) : NULL;

	if (!at)
		return -1;
	s->at = at;
	s->room = room;
	return 0;
}

uint32_t slots_take(struct slots *s)
{
	uint32_t number;

	if (s->freed) {
		number = s->freed - 1;
		memcpy(&s->freed, slots_at(s, number), sizeof(s->freed));
	} else {
		if (s->n == s->room && grow(s))
			return SLOTS_NONE;
		number = s->n++;
	}
	memset(slots_at(s, number), 0, s->size);
	s->n_live++;
	return number;
}

void slots_give(struct slots *s, uint32_t number)
{
	assert(number < s->n && s->n_live);
	memcpy(slots_at(s, number), &s->freed, sizeof(s->freed));
	s->freed = number + 1;
	if (!--s->n_live)
		slots_fini(s);
}

size_t slots_growth(const struct slots *s)
{
	return s->freed || s->n < s->room ? 0 : heap_need(next_room(s) * s->size);
}

size_t slots_bytes(const struct slots *s)
{
	return heap_bytes(s->at);
}
