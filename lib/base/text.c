// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <string.h>

bool text_skip(struct cursor *at, char c)
{
	if (!cursor_left(at) || *at->at != (uint8_t)c)
		return false;
	(void)cursor_u8(at);
	return true;
}

static bool digit_next(const struct cursor *at)
{
	return cursor_left(at) && *at->at >= '0' && *at->at <= '9';
}

uint64_t text_number(struct cursor *at)
{
	uint64_t v = 0;

	if (!digit_next(at))
		at->failed = true;
	while (digit_next(at)) {
		unsigned digit = cursor_u8(at) - '0';

		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
			at->failed = true;
	}
	return at->failed ? 0 : v;
}

struct cursor text_line(struct cursor *at)
{
	size_t left = cursor_left(at);
	const uint8_t *newline = left ? memchr(at->at, '\n', left) : NULL;
	struct cursor line = cursor_take(at, newline ? (size_t)(newline - at->at) : left);

	(void)text_skip(at, '\n');
	return line;
}
