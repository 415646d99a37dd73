// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "report/frames.h"
#include "report/names.h"
#include "report/report.h"
#include "report/unit.h"

#define TEXT_MAX         PPROF_DECODE_MAX
#define NUMBERS_WIDTH    37 /* columns in front of the function's name */
#define NAME_WIDTH_LEAST 16
#define NAME_WIDTH_MOST  60 /* of the padding, when the terminal does not say */
#define OBJECT_WIDTH_80  14
#define OBJECT_WIDTH     24
#define WIDE_TERMINAL    100

struct row {
	int64_t flat, cum;
	uint64_t last_sample; /* + 1: of the sample that was counted in cum */
	uint32_t name;
	const char *object; /* borrowed from the view */
	bool more_objects;
};

/* Rows are numbered as the names are. */
struct table {
	const struct pprof_view *v;
	const struct report_top_options *options;
	size_t value; /* which of a sample's */
	struct names names;
	VEC(struct row) rows;
	int64_t total;
	int64_t n_samples;
	struct unit unit;
	struct buf scratch;
};

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

static int64_t magnitude(int64_t value)
{
	return value == INT64_MIN ? INT64_MAX : value < 0 ? -value : value;
}

/* ---- counting ------------------------------------------------------------------------ */

static struct row *row_of(struct table *t, const struct pprof_view_location *l, size_t i)
{
	const char *object = frame_object(l);
	uint32_t name;

	buf_clear(&t->scratch);
	frame_name(l, i, &t->scratch);
	if (t->scratch.failed)
		return NULL;
	name = names_add(&t->names, t->scratch.bytes, t->scratch.len);
	if (name == NAMES_NONE)
		return NULL;
	if (name == t->rows.n) {
		const struct row row = {.name = name, .object = object};

		if (!vec_push(&t->rows, row, UINT32_MAX))
			return NULL;
	}
	t->rows.at[name].more_objects |= strcmp(t->rows.at[name].object, object) != 0;
	return &t->rows.at[name];
}

static int count_location(struct table *t, size_t sample, const struct pprof_view_location *l,
	bool leaf, int64_t value)
{
	for (size_t i = 0; i < frames_of(l); i++) {
		struct row *row = row_of(t, l, i);

		if (!row)
			return -ENOMEM;
		if (leaf && i == 0)
			row->flat = add(row->flat, value);
		if (row->last_sample != sample + 1)
			row->cum = add(row->cum, value);
		row->last_sample = sample + 1;
	}
	return 0;
}

static int count_sample(struct table *t, size_t sample)
{
	const struct pprof_view_sample *s = &t->v->samples[sample];
	int64_t value = s->values[t->value];
	int err = 0;

	t->total = add(t->total, magnitude(value));
	for (size_t i = 0; i < s->n_locations && !err; i++)
		err = count_location(t, sample, s->locations[i], i == 0, value);
	return err;
}

static int count_all(struct table *t)
{
	const struct pprof_view *v = t->v;
	bool counts = v->n_sample_types && strcmp(v->sample_types[0][1], "count") == 0;
	int err = 0;

	for (size_t i = 0; i < v->n_samples && !err; i++) {
		err = count_sample(t, i);
		t->n_samples = add(t->n_samples, counts ? v->samples[i].values[0] : 1);
	}
	return err;
}

static int compare_rows(const void *a, const void *b, void *table)
{
	const struct table *t = table;
	const struct row *ra = &t->rows.at[*(const uint32_t *)a];
	const struct row *rb = &t->rows.at[*(const uint32_t *)b];
	int64_t first_a = magnitude(t->options->cumulative ? ra->cum : ra->flat);
	int64_t first_b = magnitude(t->options->cumulative ? rb->cum : rb->flat);
	int64_t second_a = magnitude(t->options->cumulative ? ra->flat : ra->cum);
	int64_t second_b = magnitude(t->options->cumulative ? rb->flat : rb->cum);

	if (first_a != first_b)
		return first_a < first_b ? 1 : -1;
	if (second_a != second_b)
		return second_a < second_b ? 1 : -1;
	return names_compare(&t->names, ra->name, rb->name);
}

/* ---- printing ------------------------------------------------------------------------ */

/* Columns of a terminal, taking a code point for one. */
static size_t width_of(const uint8_t *s, size_t len)
{
	size_t width = 0;

	for (size_t i = 0; i < len; i++)
		width += (s[i] & 0xc0) != 0x80;
	return width;
}

/* How many bytes the first `width` code points take. */
static size_t prefix_of(const uint8_t *s, size_t len, size_t width)
{
	size_t i = 0;

	for (; i < len; i++)
		if ((s[i] & 0xc0) != 0x80 && width-- == 0)
			break;
	return i;
}

static void pad(struct buf *out, size_t columns)
{
	buf_printf(out, "%*s", (int)columns, "");
}

/* Append the text, cut to `most` columns with "..." (0: whole); returns its width. */
static size_t print_cut(struct buf *out, const struct buf *text, size_t most)
{
	size_t width = width_of(text->bytes, text->len);

	if (!most || width <= most) {
		buf_append(out, text->bytes, text->len);
		return width;
	}
	buf_append(out, text->bytes, prefix_of(text->bytes, text->len, most - 3));
	buf_append_str(out, "...");
	return most;
}

static void set_name(struct table *t, const struct row *row)
{
	size_t len;
	const char *name = names_at(&t->names, row->name, &len);

	buf_clear(&t->scratch);
	utf8_append_printable(&t->scratch, name, len);
}

static void set_object(struct table *t, const struct row *row)
{
	buf_clear(&t->scratch);
	utf8_append_printable(&t->scratch, row->object, strlen(row->object));
	if (row->more_objects)
		buf_append_str(&t->scratch, "+");
}

/* The widths of the last two columns; a `*_most` of 0 does not cut. */
struct layout {
	size_t name, name_most, object_most;
	bool no_objects; /* a narrow terminal */
};

static size_t longest(struct table *t, const uint32_t *order, size_t n,
	void (*set)(struct table *, const struct row *))
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t width;

		set(t, &t->rows.at[order[i]]);
		width = width_of(t->scratch.bytes, t->scratch.len);
		most = width > most ? width : most;
	}
	return most;
}

static struct layout lay_out(struct table *t, const uint32_t *order, size_t n)
{
	unsigned columns = t->options->columns;
	size_t name = longest(t, order, n, set_name);
	size_t object = longest(t, order, n, set_object);
	size_t object_most = columns < WIDE_TERMINAL ? OBJECT_WIDTH_80 : OBJECT_WIDTH;
	size_t room = NAME_WIDTH_LEAST;

	if (name < strlen("function"))
		name = strlen("function");
	if (!columns)
		return (struct layout){.name = name < NAME_WIDTH_MOST ? name : NAME_WIDTH_MOST};
	if (object < object_most)
		object_most = object > strlen("object") ? object : strlen("object");
	if (columns < NUMBERS_WIDTH + NAME_WIDTH_LEAST + 2 + object_most) {
		room = columns > NUMBERS_WIDTH + room ? columns - NUMBERS_WIDTH : room;
		return (struct layout){.name_most = room, .no_objects = true};
	}
	room = columns - NUMBERS_WIDTH - 2 - object_most;
	return (struct layout){
		.name = name < room ? name : room, .name_most = room, .object_most = object_most};
}

static double percent(const struct table *t, int64_t value)
{
	return t->total ? 100.0 * (double)value / (double)t->total : 0;
}

static void print_row(
	struct table *t, const struct row *row, const struct layout *layout, struct buf *out)
{
	char flat[UNIT_TEXT_MAX], cum[UNIT_TEXT_MAX];
	size_t width;

	buf_printf(out, "%9s %6.2f%% %9s %6.2f%%  ", unit_print(&t->unit, row->flat, flat),
		percent(t, row->flat), unit_print(&t->unit, row->cum, cum), percent(t, row->cum));
	set_name(t, row);
	width = print_cut(out, &t->scratch, layout->name_most);
	set_object(t, row);
	if (t->scratch.len && !layout->no_objects) {
		pad(out, (width < layout->name ? layout->name - width : 0) + 2);
		(void)print_cut(out, &t->scratch, layout->object_most);
	}
	buf_append_str(out, "\n");
}

static void print_title(struct table *t, size_t n_shown, struct buf *out)
{
	const struct pprof_view *v = t->v;
	const char *type = v->n_sample_types ? v->sample_types[t->value][0] : "nothing";
	char total[UNIT_TEXT_MAX];

	buf_clear(&t->scratch);
	utf8_append_printable(&t->scratch, type, strlen(type));
	buf_append(out, t->scratch.bytes, t->scratch.len);
	buf_printf(out, ": %s", unit_print(&t->unit, t->total, total));
	if (v->duration_ns > 0)
		buf_printf(out, " in %.2fs", (double)v->duration_ns / (double)NS_PER_S);
	buf_printf(out, ", %lld sample%s", (long long)t->n_samples, t->n_samples == 1 ? "" : "s");
	if (n_shown < t->rows.n)
		buf_printf(out, ", %zu of %u functions", n_shown, t->rows.n);
	buf_append_str(out, "\n");
}

static void print_columns(const struct layout *layout, struct buf *out)
{
	buf_printf(out, "%9s %7s %9s %7s  ", "flat", "flat%", "cum", "cum%");
	if (layout->no_objects)
		buf_append_str(out, "function\n");
	else
		buf_printf(out, "%-*sobject\n", (int)layout->name + 2, "function");
}

static int print_all(struct table *t, struct buf *out)
{
	uint32_t n = t->rows.n;
	size_t n_shown = t->options->n_functions;
	scoped(scope_free) uint32_t *order = calloc((size_t)n + 1, sizeof(*order));
	struct layout layout;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), compare_rows, t);
	n_shown = !n_shown || n_shown > n ? n : n_shown;
	layout = lay_out(t, order, n_shown);
	print_title(t, n_shown, out);
	if (n_shown)
		print_columns(&layout, out);
	for (size_t i = 0; i < n_shown; i++)
		print_row(t, &t->rows.at[order[i]], &layout, out);
	if (t->scratch.failed)
		return -ENOMEM;
	return out->failed ? -ENOBUFS : 0;
}

static void table_fini(struct table *t)
{
	names_fini(&t->names);
	vec_fini(&t->rows);
	buf_fini(&t->scratch);
}

int report_top(
	const struct pprof_view *v, const struct report_top_options *options, struct buf *out)
{
	scoped(table_fini) struct table t = {.v = v,
		.options = options,
		.value = v->n_sample_types ? v->n_sample_types - 1 : 0,
		.names = names_new(),
		.scratch = buf_with_ceiling(TEXT_MAX)};
	int err = count_all(&t);

	if (err)
		return err;
	t.unit = unit_for(v->n_sample_types ? v->sample_types[t.value][1] : "", t.total);
	return print_all(&t, out);
}
