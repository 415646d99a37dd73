// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/demangle.h"

#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/utf8.h"

#define MARK     "..."
#define MARK_LEN (sizeof(MARK) - 1)

/* Where the demangler writes. It cannot be told to stop, so a full one jumps out of it. */
struct sink {
	char *at;
	size_t len, room;
	jmp_buf full;
};

static void write_sink(const char *bytes, size_t len, void *arg)
{
	struct sink *s = arg;
	size_t fits = len < s->room - s->len ? len : s->room - s->len;

	if (fits) /* the demangler also says nothing, at no address */
		memcpy(s->at + s->len, bytes, fits);
	s->len += fits;
	if (fits < len)
		longjmp(s->full, 1);
}

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/*
 * Demangle into `s`. Neither of the callback demanglers holds memory but the stack,
 * so jumping out of them leaks nothing.
 */
static bool demangle(const char *name, struct sink *s)
{
	if (!starts_with(name, "_R") && !starts_with(name, "_Z") && !starts_with(name, "_GLOBAL_"))
		return false;
	if (setjmp(s->full))
		return true;
	if (rust_demangle_callback(name, 0, write_sink, s))
		return true;
	s->len = 0; /* it may have written something before it found out */
	return cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI, write_sink, s) != 0;
}

/* The longest part of `text`, of at most `most` bytes, that ends between two characters. */
static size_t cut_at_character(const uint8_t *text, size_t most)
{
	while (most && (text[most] & 0xc0) == 0x80)
		most--;
	return most;
}

void name_append(struct buf *out, const char *bytes, size_t len, size_t most)
{
	size_t before = out->len;
	/* each byte becomes one byte or U+FFFD: what lies behind `most` never shows */
	size_t looked_at = len < most + 4 ? len : most + 4;

	utf8_append_repaired(out, bytes, looked_at);
	if (out->failed || out->len - before <= most)
		return;
	out->len = before + cut_at_character(out->bytes + before, most - MARK_LEN);
	buf_append(out, MARK, MARK_LEN);
}

void demangle_append(struct buf *out, const char *name, size_t len, size_t most)
{
	char mangled[DEMANGLE_MAX_INPUT + 1];
	char plain[DEMANGLE_MAX_INPUT + 1];
	struct sink sink = {.at = plain, .room = sizeof(plain)};

	if (len <= DEMANGLE_MAX_INPUT) {
		memcpy(mangled, name, len);
		mangled[len] = '\0';
		if (demangle(mangled, &sink) && sink.len) {
			name_append(out, plain, sink.len, most);
			return;
		}
	}
	name_append(out, name, len, most);
}
