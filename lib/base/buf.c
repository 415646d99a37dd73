// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"

#define FIRST_ROOM 256

struct buf buf_with_ceiling(size_t ceiling)
{
	return (struct buf){.ceiling = ceiling};
}

void buf_fini(struct buf *b)
{
	free(b->bytes);
	*b = (struct buf){.ceiling = b->ceiling};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Room for `want` bytes in all: doubled, but never past the ceiling. */
static bool grow(struct buf *b, size_t want)
{
	size_t room = b->room ? b->room : FIRST_ROOM;
	uint8_t *bytes;

	while (room < want)
		room = room > SIZE_MAX / 2 ? want : room * 2;
	if (room > b->ceiling)
		room = b->ceiling;
	bytes = realloc(b->bytes, room);
	if (!bytes)
		return false;
	b->bytes = bytes;
	b->room = room;
	return true;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
	if (b->failed)
		return NULL;
	if (len > b->ceiling - b->len || (b->len + len > b->room && !grow(b, b->len + len))) {
		b->failed = true;
		return NULL;
	}
	/* len 0 on a buf without memory: any non-NULL place will do */
	return b->bytes ? b->bytes + b->len : (uint8_t *)b;
}

void buf_commit(struct buf *b, size_t len)
{
	assert(len <= b->room - b->len);
	b->len += len;
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
	uint8_t *at;

	if (!len)
		return;
	at = buf_reserve(b, len);
	if (!at)
		return;
	memcpy(at, bytes, len);
	buf_commit(b, len);
}

void buf_append_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	scoped(scope_free) char *long_text = NULL;
	char text[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len >= (int)sizeof(text)) {
		va_start(args, format);
		len = vasprintf(&long_text, format, args);
		va_end(args);
		if (len < 0)
			long_text = NULL; /* what it points to then is anybody's guess */
	}
	if (len < 0)
		b->failed = true;
	else
		buf_append(b, long_text ? long_text : text, (size_t)len);
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->bytes, b->bytes + len, b->len - len);
	b->len -= len;
}
