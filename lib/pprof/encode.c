// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "proto/profile.pb-c.h"

#include "base/scope.h"
#include "base/utf8.h"
#include "pprof/build.h"
#include "pprof/builder.h"
#include "pprof/gzip.h"
#include "pprof/order.h"

#define BATCH             256 /* samples encoded at a time: bounds the memory it takes */
#define HEADER_TEXTS_BASE (2 * PPROF_VALUES_MAX + 2)

typedef Perftools__Profiles__Profile profile_msg;
typedef Perftools__Profiles__Sample sample_msg;
typedef Perftools__Profiles__Label label_msg;
typedef Perftools__Profiles__Mapping mapping_msg;
typedef Perftools__Profiles__Location location_msg;
typedef Perftools__Profiles__Line line_msg;
typedef Perftools__Profiles__Function function_msg;
typedef Perftools__Profiles__ValueType value_type_msg;

/*
 * The file is one message, written as several: fields that are concatenated in
 * ascending order make the same bytes.
 */
struct encoder {
	const struct pprof_builder *b;
	const struct pprof_header *header;
	size_t n_types;
	struct arena arena;     /* the header's strings */
	struct text_row *texts; /* types and units, the period's two, comments */
	uint32_t n_texts;
	struct file_order order;
	struct gzip_writer gzip;
	struct buf packed;
};

/* ---- the header ---------------------------------------------------------------------- */

static bool good_type(const char *const pair[2])
{
	return pair[0] && pair[0][0] && !strchr(pair[0], '-') && pair[1] && pair[1][0] &&
	       !strchr(pair[1], '-');
}

static bool good_comments(const struct pprof_header *h)
{
	static const char reserved[] = "executableInfo=";

	for (size_t i = 0; i < h->n_comments; i++)
		if (!h->comments[i] || strncmp(h->comments[i], reserved, sizeof(reserved) - 1) == 0)
			return false;
	return true;
}

static int check_header(struct encoder *e)
{
	const struct pprof_header *h = e->header;

	while (e->n_types < PPROF_VALUES_MAX && h->sample_types[e->n_types][0]) {
		if (!good_type(h->sample_types[e->n_types]))
			return -EINVAL;
		e->n_types++;
	}
	if (!e->n_types || (e->b->n_values && e->b->n_values != e->n_types))
		return -EINVAL;
	if (!good_type(h->period_type) || h->period <= 0 || h->time_ns <= 0 || h->duration_ns <= 0)
		return -EINVAL;
	return h->n_comments < UINT32_MAX / 2 && good_comments(h) ? 0 : -EINVAL;
}

static int add_text(struct encoder *e, const char *s)
{
	size_t len = strlen(s);
	scoped(buf_fini) struct buf repaired = buf_with_ceiling(3 * len + 1);
	char *copy;

	utf8_append_repaired(&repaired, s, len);
	copy = repaired.failed ? NULL : arena_zeroed(&e->arena, repaired.len + 1, 1);
	if (!copy)
		return -ENOMEM;
	if (repaired.len)
		memcpy(copy, repaired.bytes, repaired.len);
	e->texts[e->n_texts++] = (struct text_row){copy, (uint32_t)repaired.len};
	return 0;
}

static int add_header_texts(struct encoder *e)
{
	const struct pprof_header *h = e->header;
	int err = 0;

	e->texts = arena_zeroed(&e->arena, HEADER_TEXTS_BASE + h->n_comments, sizeof(*e->texts));
	if (!e->texts)
		return -ENOMEM;
	for (size_t i = 0; i < e->n_types && !err; i++) {
		err = add_text(e, h->sample_types[i][0]);
		err = err ? err : add_text(e, h->sample_types[i][1]);
	}
	err = err ? err : add_text(e, h->period_type[0]);
	err = err ? err : add_text(e, h->period_type[1]);
	for (size_t i = 0; i < h->n_comments && !err; i++)
		err = add_text(e, h->comments[i]);
	return err;
}

/* The id in the file of the header's i-th string. */
static int64_t header_string(const struct encoder *e, size_t i)
{
	return e->order.strings.ids[e->b->texts.rows.n + i];
}

static int64_t string_id(const struct encoder *e, uint32_t text)
{
	return e->order.strings.ids[text];
}

/* ---- writing ------------------------------------------------------------------------- */

static int write_part(struct encoder *e, const profile_msg *part, bool last)
{
	size_t len = perftools__profiles__profile__get_packed_size(part);
	uint8_t *at;

	buf_clear(&e->packed);
	at = buf_reserve(&e->packed, len);
	if (!at)
		return -ENOMEM;
	(void)perftools__profiles__profile__pack(part, at);
	return gzip_write(&e->gzip, at, len, last);
}

/* `n` messages of one type and the array of pointers that protobuf-c wants; NULL without memory. */
#define messages_new(arena, n, type, init, ret_messages)                                           \
	({                                                                                         \
		type *messages_ = arena_zeroed((arena), (n), sizeof(type));                        \
		type **pointers_ = arena_zeroed((arena), (n), sizeof(*pointers_));                 \
		for (size_t i_ = 0; messages_ && pointers_ && i_ < (n); i_++) {                    \
			init(&messages_[i_]);                                                      \
			pointers_[i_] = &messages_[i_];                                            \
		}                                                                                  \
		*(ret_messages) = messages_;                                                       \
		messages_ ? pointers_ : NULL;                                                      \
	})

static int write_types(struct encoder *e)
{
	profile_msg part = PERFTOOLS__PROFILES__PROFILE__INIT;
	value_type_msg types[PPROF_VALUES_MAX], *pointers[PPROF_VALUES_MAX];

	for (size_t i = 0; i < e->n_types; i++) {
		perftools__profiles__value_type__init(&types[i]);
		types[i].type = header_string(e, 2 * i);
		types[i].unit = header_string(e, 2 * i + 1);
		pointers[i] = &types[i];
	}
	part.n_sample_type = e->n_types;
	part.sample_type = pointers;
	return write_part(e, &part, false);
}

static int fill_labels(
	const struct encoder *e, struct arena *arena, const struct sample_row *row, sample_msg *m)
{
	const struct label_row *labels = sample_labels(row);
	label_msg *at;

	m->n_label = row->n_labels;
	m->label = messages_new(
		arena, row->n_labels, label_msg, perftools__profiles__label__init, &at);
	if (!m->label)
		return -ENOMEM;
	for (uint32_t i = 0; i < row->n_labels; i++) {
		at[i].key = string_id(e, labels[i].key);
		at[i].str = string_id(e, labels[i].value);
	}
	return 0;
}

static int fill_sample(
	const struct encoder *e, struct arena *arena, const struct sample_row *row, sample_msg *m)
{
	m->n_location_id = row->n_locations;
	m->location_id = arena_take(arena, row->n_locations * sizeof(*m->location_id));
	m->n_value = e->n_types;
	m->value = arena_take(arena, e->n_types * sizeof(*m->value));
	if (!m->location_id || !m->value)
		return -ENOMEM;
	for (uint32_t i = 0; i < row->n_locations; i++)
		m->location_id[i] = e->order.locations.ids[row->what[i]];
	memcpy(m->value, row->values, e->n_types * sizeof(*m->value));
	return row->n_labels ? fill_labels(e, arena, row, m) : 0;
}

static int write_samples(struct encoder *e, uint32_t first, uint32_t n)
{
	scoped(arena_fini) struct arena arena = {0};
	profile_msg part = PERFTOOLS__PROFILES__PROFILE__INIT;
	sample_msg *samples;

	part.n_sample = n;
	part.sample =
		messages_new(&arena, n, sample_msg, perftools__profiles__sample__init, &samples);
	if (!part.sample)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (fill_sample(e, &arena, &e->b->samples.rows.at[e->order.samples.rows[first + i]],
			    &samples[i]))
			return -ENOMEM;
	return write_part(e, &part, false);
}

static int write_all_samples(struct encoder *e)
{
	uint32_t n = e->order.samples.n;
	int err = 0;

	for (uint32_t first = 0; first < n && !err; first += BATCH)
		err = write_samples(e, first, n - first < BATCH ? n - first : BATCH);
	return err;
}

static int write_mappings(struct encoder *e)
{
	scoped(arena_fini) struct arena arena = {0};
	profile_msg part = PERFTOOLS__PROFILES__PROFILE__INIT;
	mapping_msg *at;

	part.n_mapping = e->order.mappings.n;
	part.mapping = messages_new(
		&arena, part.n_mapping, mapping_msg, perftools__profiles__mapping__init, &at);
	if (!part.mapping)
		return -ENOMEM;
	for (size_t i = 0; i < part.n_mapping; i++) {
		const struct mapping_row *row = &e->b->mappings.rows.at[e->order.mappings.rows[i]];

		at[i].id = i + 1;
		at[i].memory_start = row->is.start;
		at[i].memory_limit = row->is.limit;
		at[i].file_offset = row->is.offset;
		at[i].filename = string_id(e, row->is.filename);
		at[i].build_id = string_id(e, row->is.build_id);
		at[i].has_functions = row->has_functions;
		at[i].has_filenames = row->has_filenames;
		at[i].has_line_numbers = row->has_line_numbers;
		at[i].has_inline_frames = row->has_inline_frames;
	}
	return write_part(e, &part, false);
}

static int fill_location(const struct encoder *e, struct arena *arena,
	const struct location_row *row, location_msg *m)
{
	line_msg *at;

	m->address = row->is.address;
	if (row->is.mapping != PPROF_NONE)
		m->mapping_id = e->order.mappings.ids[row->is.mapping];
	m->n_line = row->n_lines;
	m->line = messages_new(arena, row->n_lines, line_msg, perftools__profiles__line__init, &at);
	if (!m->line)
		return -ENOMEM;
	for (uint32_t i = 0; i < row->n_lines; i++) {
		at[i].function_id = e->order.functions.ids[row->lines[i].function];
		at[i].line = row->lines[i].line;
	}
	return 0;
}

static int write_locations(struct encoder *e)
{
	scoped(arena_fini) struct arena arena = {0};
	profile_msg part = PERFTOOLS__PROFILES__PROFILE__INIT;
	location_msg *at;

	part.n_location = e->order.locations.n;
	part.location = messages_new(
		&arena, part.n_location, location_msg, perftools__profiles__location__init, &at);
	if (!part.location)
		return -ENOMEM;
	for (size_t i = 0; i < part.n_location; i++) {
		at[i].id = i + 1;
		if (fill_location(e, &arena, &e->b->locations.rows.at[e->order.locations.rows[i]],
			    &at[i]))
			return -ENOMEM;
	}
	return write_part(e, &part, false);
}

static int write_functions(struct encoder *e)
{
	scoped(arena_fini) struct arena arena = {0};
	profile_msg part = PERFTOOLS__PROFILES__PROFILE__INIT;
	function_msg *at;

	part.n_function = e->order.functions.n;
	part.function = messages_new(
		&arena, part.n_function, function_msg, perftools__profiles__function__init, &at);
	if (!part.function)
		return -ENOMEM;
	for (size_t i = 0; i < part.n_function; i++) {
		const struct function_row *row =
			&e->b->functions.rows.at[e->order.functions.rows[i]];

		at[i].id = i + 1;
		at[i].name = string_id(e, row->name);
		at[i].system_name = string_id(e, row->system_name);
		at[i].filename = string_id(e, row->filename);
		at[i].start_line = row->start_line;
	}
	return write_part(e, &part, false);
}

/* The ids of the comments that say something. */
static size_t fill_comments(const struct encoder *e, int64_t *comments)
{
	size_t n = 0;

	for (size_t i = 2 * e->n_types + 2; i < e->n_texts; i++)
		if (e->texts[i].len)
			comments[n++] = header_string(e, i);
	return n;
}

static int write_rest(struct encoder *e)
{
	scoped(arena_fini) struct arena arena = {0};
	profile_msg part = PERFTOOLS__PROFILES__PROFILE__INIT;
	value_type_msg period_type = PERFTOOLS__PROFILES__VALUE_TYPE__INIT;
	size_t n = e->order.strings.n;
	const char **strings = arena_zeroed(&arena, n, sizeof(*strings));

	part.comment = arena_zeroed(&arena, e->n_texts, sizeof(*part.comment));
	if (!strings || !part.comment)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		strings[i] = e->order.texts[e->order.strings.rows[i]].at;
	part.n_string_table = n;
	memcpy(&part.string_table, &strings, sizeof(strings)); /* protobuf-c knows no const */
	part.time_nanos = e->header->time_ns;
	part.duration_nanos = e->header->duration_ns;
	period_type.type = header_string(e, 2 * e->n_types);
	period_type.unit = header_string(e, 2 * e->n_types + 1);
	part.period_type = &period_type;
	part.period = e->header->period;
	part.n_comment = fill_comments(e, part.comment);
	return write_part(e, &part, true);
}

static void encoder_fini(struct encoder *e)
{
	arena_fini(&e->arena);
	file_order_fini(&e->order);
	gzip_end(&e->gzip);
	buf_fini(&e->packed);
}

int pprof_finish(const struct pprof_builder *b, const struct pprof_header *header, struct buf *out)
{
	scoped(encoder_fini) struct encoder e = {
		.b = b, .header = header, .packed = buf_with_ceiling(SIZE_MAX / 2)};
	int (*const steps[])(struct encoder *) = {write_types, write_all_samples, write_mappings,
		write_locations, write_functions, write_rest};
	int err = check_header(&e);

	err = err ? err : add_header_texts(&e);
	err = err ? err : file_order_init(&e.order, b, e.texts, e.n_texts);
	err = err ? err : gzip_begin(&e.gzip, out);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !err; i++)
		err = steps[i](&e);
	return err;
}
