// SPDX-License-Identifier: Apache-2.0
#include "json.h"

#include <inttypes.h>
#include <string.h>

#include "base/scope.h"
#include "base/utf8.h"

struct json json_to(struct buf *out)
{
	return (struct json){.out = out, .first = true};
}

/* The character at `p`, which is well-formed UTF-8; returns its length. */
static size_t append_char(struct buf *out, const uint8_t *p)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (p[0] == '"' || p[0] == '\\')
		buf_printf(out, "\\%c", p[0]);
	else if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0))
		buf_printf(out, "\\u%04x", p[n - 1]);
	else
		buf_append(out, p, n);
	return n;
}

static void append_quoted(struct buf *out, const char *value)
{
	scoped(buf_fini) struct buf clean = buf_with_ceiling(SIZE_MAX);

	utf8_append_repaired(&clean, value, strlen(value));
	out->failed |= clean.failed;
	buf_append_str(out, "\"");
	for (size_t at = 0; at < clean.len;)
		at += append_char(out, clean.bytes + at);
	buf_append_str(out, "\"");
}

static void next_line(struct json *j)
{
	buf_append_str(j->out, "\n");
	for (unsigned i = 0; i < j->depth; i++)
		buf_append_str(j->out, "\t");
}

static void member(struct json *j, const char *key)
{
	if (!j->first)
		buf_append_str(j->out, ",");
	j->first = false;
	if (!key)
		return;
	next_line(j);
	append_quoted(j->out, key);
	buf_append_str(j->out, ": ");
}

void json_begin(struct json *j, const char *key)
{
	member(j, key);
	buf_append_str(j->out, "{");
	j->depth++;
	j->first = true;
}

void json_end(struct json *j)
{
	j->depth--;
	if (!j->first)
		next_line(j);
	buf_append_str(j->out, "}");
	j->first = false;
	if (!j->depth)
		buf_append_str(j->out, "\n");
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	member(j, key);
	buf_printf(j->out, "%" PRIu64, value);
}

void json_string(struct json *j, const char *key, const char *value)
{
	member(j, key);
	append_quoted(j->out, value);
}
