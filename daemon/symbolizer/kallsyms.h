// SPDX-License-Identifier: Apache-2.0
/*
 * kallsyms.h - names of kernel functions, from the text of /proc/kallsyms
 *
 * The text has no order, no sizes and half a million bytes of paddings: lines of
 * types t T w W i count; `__pfx_f`, the padding in front of f, belongs to f when f
 * is what follows; a function reaches to the next one, but never out of its range.
 *
 * Ranges are what a profile shows as mappings. "[kernel.kallsyms]" is _stext (or
 * _text) to _etext, or first to last function where the text has no such names. A
 * module's functions make one range for each run of neighbours, up to the end of
 * the page that the last one starts in, for where that one ends is not known, and
 * never into the next range. `[bpf]` and the like are modules too.
 */
#ifndef CPROFD_SYMBOLIZER_KALLSYMS_H
#define CPROFD_SYMBOLIZER_KALLSYMS_H

#include <stddef.h>
#include <stdint.h>

#include "symbolizer/reason.h"
#include "symbolizer/source.h"

struct kallsyms_range {
	const char *name; /* without brackets; "kernel.kallsyms" is the kernel itself */
	size_t name_len;
	uint64_t start, limit;
};

/*
 * Index `text`, which is not needed afterwards. Gives a source, released by its
 * type's free().
 *
 * Returns REASON_NONE; KALLSYMS_HIDDEN when all addresses are zero (kptr_restrict);
 * NO_SYMBOLS when it has no function; MALFORMED when not one line can be read;
 * TOO_LARGE when the index would pass `ceiling` bytes.
 */
reason_t kallsyms_new(const char *text, size_t len, size_t ceiling, struct source **ret);

/* Its ranges, the kernel's first, then by address. Borrowed from the source. */
size_t kallsyms_ranges(const struct source *s, const struct kallsyms_range **ret);

#endif
