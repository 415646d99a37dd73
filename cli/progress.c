// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/scope.h"
#include "term.h"

#define LINE_MAX_BYTES 1024

void progress_init(struct progress *p, int fd)
{
	*p = (struct progress){.fd = fd, .on = term_is(fd)};
}

void progress_text(const struct progress_state *state, unsigned columns, struct buf *out)
{
	uint64_t elapsed_ns =
		state->elapsed_ns < state->total_ns ? state->elapsed_ns : state->total_ns;
	size_t before = out->len;

	buf_printf(out, "%.1f/%.1f s, %" PRIu64 " samples, %" PRIu64 " lost, %" PRIu64 " late%s",
		(double)elapsed_ns / NS_PER_S, (double)state->total_ns / NS_PER_S, state->samples,
		state->lost, state->late, state->ending ? ", ending" : "");
	if (out->len - before > columns)
		out->len = before + columns;
}

/* Blanks instead of an escape sequence: they work on every terminal. */
static void overwrite(struct progress *p, struct buf *line, unsigned n)
{
	for (unsigned i = n; i < p->shown; i++)
		buf_append_str(line, " ");
	buf_append_str(line, "\r");
	(void)io_write_all(p->fd, line->bytes, line->len);
	p->shown = n;
}

void progress_show(struct progress *p, const struct progress_state *state)
{
	scoped(buf_fini) struct buf line = buf_with_ceiling(LINE_MAX_BYTES);
	unsigned columns;

	if (!p->on)
		return;
	/* a character in the last column makes some terminals wrap */
	columns = term_columns(p->fd) - 1;
	if (p->shown > columns)
		p->shown = columns;
	buf_append_str(&line, "\r");
	progress_text(state, columns, &line);
	overwrite(p, &line, (unsigned)line.len - 1);
}

void progress_clear(struct progress *p)
{
	scoped(buf_fini) struct buf line = buf_with_ceiling(LINE_MAX_BYTES);

	if (!p->shown)
		return;
	buf_append_str(&line, "\r");
	overwrite(p, &line, 0);
}
