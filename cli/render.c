// SPDX-License-Identifier: Apache-2.0
#include "render.h"

#include <errno.h>
#include <string.h>

#include "base/scope.h"
#include "pprof/decode.h"
#include "report/report.h"

static void free_view(struct pprof_view **slot)
{
	pprof_view_free(*slot);
}

/* A table gets no narrower than its numbers; a terminal may. One code point is one column. */
static void append_cut(struct buf *out, const struct buf *text, unsigned columns)
{
	unsigned column = 0;

	for (size_t i = 0; i < text->len; i++) {
		uint8_t byte = text->bytes[i];

		if (byte == '\n')
			column = 0;
		else if ((byte & 0xc0) != 0x80)
			column++;
		if (column <= columns)
			buf_append(out, &byte, 1);
	}
	out->failed |= text->failed;
}

static int render_top(const struct pprof_view *view, unsigned columns, struct buf *out)
{
	struct report_top_options options = {
		.n_functions = columns ? RENDER_TERMINAL_ROWS : 0,
		.columns = columns,
	};
	scoped(buf_fini) struct buf text = buf_with_ceiling(out->ceiling);
	int err;

	if (!columns)
		return report_top(view, &options, out);
	err = report_top(view, &options, &text);
	if (!err)
		append_cut(out, &text, columns);
	return err ? err : out->failed ? -ENOBUFS : 0;
}

int render_text(const struct buf *profile, enum output_format format, unsigned columns,
	struct buf *out, struct diag *diag)
{
	scoped(free_view) struct pprof_view *view = NULL;
	struct diag why = {0};
	int err = pprof_decode(profile->bytes, profile->len, &why, &view);

	/* whoever sent a broken profile is at fault, not the caller: never a usage error */
	if (err)
		return diag_set(diag, err == -ENOMEM ? err : -EPROTO,
			"cprofd sent a profile that can't be read: %s",
			why.text[0] ? why.text : strerror(-err));
	err = format == FORMAT_TOP ? render_top(view, columns, out) : report_folded(view, out);
	return err ? diag_set(diag, err, "cannot render the profile: %s", strerror(-err)) : 0;
}
