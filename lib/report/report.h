// SPDX-License-Identifier: Apache-2.0
/*
 * report.h - a profile as text for people and other tools
 *
 * Works on any decoded pprof profile. The value shown is the last sample type
 * (for a CPU profile: nanoseconds), as go tool pprof does.
 */
#ifndef CPROFD_REPORT_REPORT_H
#define CPROFD_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "pprof/decode.h"

/*
 * Folded stacks, as flamegraph.pl, inferno and speedscope read them: one line per
 * distinct stack, "root;...;leaf COUNT", sorted; the count is the first sample
 * type. Inlined frames are frames of their own. ';' and control characters in names
 * become '_', a line never starts with a blank. Labels comm and pid, where a sample
 * has both, make its first frame "comm (pid)". A frame without a function is its object in
 * brackets. Stacks whose count comes to 0 are left out.
 * Returns 0 or -ENOBUFS at the buf's ceiling, -ENOMEM.
 */
int report_folded(const struct pprof_view *v, struct buf *out);

struct report_top_options {
	size_t n_functions; /* 0: all */
	unsigned columns;   /* of the terminal; 0: not cut; a narrow one gets no objects */
	bool cumulative;    /* sort by it */
};

/*
 * A table: flat, flat %, cum, cum %, function and the object it lives in; the
 * busiest first, ties by name. A function counts once per sample in cum, however
 * often it recurs. Functions are told apart by name, as go tool pprof -top does; an object
 * with a '+' behind it is the first of several. Names are made printable. Two lines
 * come first: what the values are, their total, the window, the samples; and the
 * columns' names. Errors as report_folded().
 */
int report_top(
	const struct pprof_view *v, const struct report_top_options *options, struct buf *out);

#endif
