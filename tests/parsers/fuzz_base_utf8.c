// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes: a repair is valid, leaves valid text alone, and repairing it again
 * changes nothing; what is printable holds no control character.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool same(const struct buf *b, const void *bytes, size_t len)
{
	return b->len == len && (!len || !memcmp(b->bytes, bytes, len));
}

static void check_repair(const char *text, size_t size)
{
	struct buf once = buf_with_ceiling(3 * size), twice = buf_with_ceiling(3 * size);

	utf8_append_repaired(&once, text, size);
	must(!once.failed);
	must(utf8_valid((const char *)once.bytes, once.len));
	must(utf8_valid(text, size) == same(&once, text, size));
	utf8_append_repaired(&twice, (const char *)once.bytes, once.len);
	must(same(&twice, once.bytes, once.len));
	buf_fini(&once);
	buf_fini(&twice);
}

static void check_printable(const char *text, size_t size)
{
	struct buf b = buf_with_ceiling(4 * size);

	utf8_append_printable(&b, text, size);
	must(!b.failed);
	must(utf8_valid((const char *)b.bytes, b.len));
	for (size_t i = 0; i < b.len; i++) {
		must(b.bytes[i] >= 0x20 && b.bytes[i] != 0x7f);
		must(b.bytes[i] != 0xc2 || b.bytes[i + 1] >= 0xa0);
	}
	buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_repair((const char *)data, size);
	check_printable((const char *)data, size);
	return 0;
}
