// SPDX-License-Identifier: Apache-2.0
/*
 * frames.h - the words that reports show for a frame
 */
#ifndef CPROFD_REPORT_FRAMES_H
#define CPROFD_REPORT_FRAMES_H

#include <stddef.h>

#include "base/buf.h"
#include "pprof/decode.h"

/* A location has a frame for each line, or one when it has no lines. */
static inline size_t frames_of(const struct pprof_view_location *l)
{
	return l->n_lines ? l->n_lines : 1;
}

/*
 * Append the name of a location's `i`-th frame (innermost first): its function's,
 * else its object in brackets, as go tool pprof shows it, else "[unknown]".
 */
void frame_name(const struct pprof_view_location *l, size_t i, struct buf *out);

/* The last part of a mapping's file name, borrowed from it; "" when there is no mapping or name. */
const char *frame_object(const struct pprof_view_location *l);

#endif
