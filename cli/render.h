// SPDX-License-Identifier: Apache-2.0
/*
 * render.h - turn the pprof bytes that cprofd sent into text
 */
#ifndef CPROFD_CLI_RENDER_H
#define CPROFD_CLI_RENDER_H

#include "base/buf.h"
#include "base/diag.h"
#include "options.h"

#define RENDER_TERMINAL_ROWS 40 /* functions of a table on a terminal */

/*
 * Append `profile` as FORMAT_FOLDED or FORMAT_TOP. `columns` is the width of the
 * terminal that will show it, 0 when none will: then nothing is cut, and a table has
 * all functions. 0 or a negative errno with a sentence in `diag`.
 */
int render_text(const struct buf *profile, enum output_format format, unsigned columns,
	struct buf *out, struct diag *diag);

#endif
