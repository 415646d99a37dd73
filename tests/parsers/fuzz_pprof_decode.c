// SPDX-License-Identifier: Apache-2.0
/* A profile that anybody may have written: what is accepted has no bad index in it. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/utf8.h"
#include "pprof/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
	if (!good)
		abort();
}

static void check_text(const char *text)
{
	check(utf8_valid(text, strlen(text)));
}

static void check_location(const struct pprof_view_location *l)
{
	if (l->mapping) {
		check_text(l->mapping->filename);
		check_text(l->mapping->build_id);
	}
	for (size_t i = 0; i < l->n_lines; i++) {
		check_text(l->lines[i].function->name);
		check_text(l->lines[i].function->system_name);
		check_text(l->lines[i].function->filename);
	}
}

static void check_sample(const struct pprof_view *v, const struct pprof_view_sample *s)
{
	volatile int64_t sum = 0;

	for (size_t i = 0; i < s->n_locations; i++)
		check_location(s->locations[i]);
	for (size_t i = 0; i < v->n_sample_types; i++)
		sum = s->values[i];
	(void)sum;
	for (size_t i = 0; i < s->n_labels; i++) {
		check_text(s->labels[i].key);
		check_text(s->labels[i].value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = {{0}};
	struct pprof_view *v;

	if (pprof_decode(data, size, &diag, &v)) {
		check(diag.text[0]);
		return 0;
	}
	for (size_t i = 0; i < v->n_sample_types; i++)
		check_text(v->sample_types[i][0]);
	for (size_t i = 0; i < v->n_comments; i++)
		check_text(v->comments[i]);
	check_text(v->period_type[0]);
	check_text(v->period_type[1]);
	for (size_t i = 0; i < v->n_samples; i++)
		check_sample(v, &v->samples[i]);
	pprof_view_free(v);
	return 0;
}
