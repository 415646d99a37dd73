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

int render_text(const struct buf *profile, enum output_format format, unsigned columns,
	struct buf *out, struct diag *diag)
{
	struct report_top_options top = {
		.n_functions = columns ? RENDER_TERMINAL_ROWS : 0,
		.columns = columns,
	};
	scoped(free_view) struct pprof_view *view = NULL;
	struct diag why = {0};
	int err = pprof_decode(profile->bytes, profile->len, &why, &view);

	/* whoever sent a broken profile is at fault, not the caller: never a usage error */
	if (err)
		return diag_set(diag, err == -ENOMEM ? err : -EPROTO,
			"cprofd sent a profile that can't be read: %s",
			why.text[0] ? why.text : strerror(-err));
	err = format == FORMAT_TOP ? report_top(view, &top, out) : report_folded(view, out);
	return err ? diag_set(diag, err, "cannot render the profile: %s", strerror(-err)) : 0;
}
