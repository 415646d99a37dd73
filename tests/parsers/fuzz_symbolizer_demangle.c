// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a symbol: what comes out is UTF-8, not empty, and not above its ceiling. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "symbolizer/demangle.h"
#include "symbolizer/symbol_name.h"

#define MOST 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = buf_with_ceiling(1 << 16);
	const char *name = (const char *)data;
	size_t len = strnlen(name, size);
	size_t plain = symbol_name_unversioned(name, len);

	if (!len)
		return 0;
	demangle_append(&out, name, plain, MOST);
	if (out.failed || !out.len || out.len > MOST ||
		!utf8_valid((const char *)out.bytes, out.len))
		abort();
	if (symbol_name_better(name, plain, name, len) &&
		symbol_name_better(name, len, name, plain))
		abort();
	buf_fini(&out);
	return 0;
}
