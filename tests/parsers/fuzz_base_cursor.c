// SPDX-License-Identifier: Apache-2.0
/*
 * The input's first half says what to read from its second half. A cursor never
 * leaves its bytes, and nothing is read after a refusal.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* One read of the kind that `op` names; how many bytes it must have taken, 0 for as many as it
 * likes. */
static size_t read_one(struct cursor *c, uint8_t op, uint64_t *ret_value)
{
	switch (op % 6) {
	case 0:
		*ret_value = cursor_u8(c);
		return 1;
	case 1:
		*ret_value = cursor_u16le(c);
		return 2;
	case 2:
		*ret_value = cursor_u32le(c);
		return 4;
	case 3:
		*ret_value = cursor_u64le(c);
		return 8;
	case 4:
		*ret_value = cursor_uleb128(c);
		return 0;
	default: {
		struct cursor part = cursor_take(c, op / 6);

		must(part.failed == c->failed);
		must(cursor_left(&part) == (part.failed ? 0 : op / 6));
		*ret_value = cursor_u64le(&part) & 0; /* within its own bytes, or refused */
		return op / 6;
	}
	}
}

static void check_read(struct cursor *c, uint8_t op)
{
	size_t left = cursor_left(c), taken;
	bool failed = c->failed;
	const uint8_t *at = c->at;
	uint64_t value, expected = 0;

	taken = read_one(c, op, &value);
	must(!failed || c->failed);
	if (c->failed) {
		must(value == 0 && cursor_left(c) == 0);
		return;
	}
	must(cursor_left(c) <= left);
	must(op % 6 == 4 ? left - cursor_left(c) >= 1 : left - cursor_left(c) == taken);
	if (op % 6 < 4) {
		memcpy(&expected, at, taken);
		must(value == expected);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = size / 2;
	uint8_t *copy = malloc(size - half); /* on its own, so that a read past its end is seen */
	struct cursor c;

	if (!copy)
		return 0;
	memcpy(copy, data + half, size - half);
	c = cursor_over(copy, size - half);
	for (size_t i = 0; i < half; i++)
		check_read(&c, data[i]);
	free(copy);
	return 0;
}
