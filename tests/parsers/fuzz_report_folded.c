// SPDX-License-Identifier: Apache-2.0
/* Reports of a profile that anybody may have written: text, in whole lines, fit for a terminal. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/report.h"

#define OUT_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(const struct buf *out)
{
	if (!out->len)
		return;
	if (out->bytes[out->len - 1] != '\n' || !utf8_valid((const char *)out->bytes, out->len))
		abort();
	for (size_t i = 0; i < out->len; i++)
		if ((out->bytes[i] < 0x20 && out->bytes[i] != '\n') || out->bytes[i] == 0x7f)
			abort();
}

static void check_folded(const struct buf *out)
{
	check_lines(out);
	for (size_t i = 0; i < out->len; i++)
		if (out->bytes[i] == ' ' && (i == 0 || out->bytes[i - 1] == '\n'))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct report_top_options options[] = {
		{0}, {.columns = 80, .cumulative = true}, {.columns = 1, .n_functions = 2}};
	struct buf out = buf_with_ceiling(OUT_MAX);
	struct pprof_view *v;

	if (pprof_decode(data, size, NULL, &v))
		return 0;
	if (!report_folded(v, &out))
		check_folded(&out);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		buf_clear(&out);
		if (!report_top(v, &options[i], &out))
			check_lines(&out);
	}
	buf_fini(&out);
	pprof_view_free(v);
	return 0;
}
