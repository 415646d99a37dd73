// SPDX-License-Identifier: Apache-2.0
#include "pprof/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/utf8.h"
#include "pprof/builder.h"

#define DEFAULT_BYTES (256u << 20)
#define TABLE_MAX     (UINT32_MAX - 2) /* rows; an idmap keeps two numbers for itself */
#define LABELS_MAX    16               /* of a sample; the keys in use are seven */

#define vec_bytes(v)   ((size_t)(v)->room * sizeof(*(v)->at))
#define vec_growth(v)  ((v)->n < (v)->room ? 0 : (v)->room ? vec_bytes(v) : 8 * sizeof(*(v)->at))
#define table_bytes(t) (vec_bytes(&(t)->rows) + idmap_bytes(&(t)->index))
#define table_fini(t)  (vec_fini(&(t)->rows), idmap_fini(&(t)->index))

/* Append `row`, whose key was looked up in vain. Its number, or PPROF_NONE. */
#define table_add(b, t, hash, row)                                                                 \
	({                                                                                         \
		uint32_t id_ = PPROF_NONE;                                                         \
		if (affordable((b), vec_growth(&(t)->rows) + idmap_growth(&(t)->index)) &&         \
			vec_push(&(t)->rows, (row), TABLE_MAX)) {                                  \
			id_ = (t)->rows.n - 1;                                                     \
			if (idmap_add(&(t)->index, (hash), id_)) {                                 \
				(t)->rows.n--;                                                     \
				id_ = PPROF_NONE;                                                  \
			}                                                                          \
		}                                                                                  \
		id_;                                                                               \
	})

size_t pprof_builder_bytes(const struct pprof_builder *b)
{
	return sizeof(*b) + b->arena.bytes + b->scratch.room + table_bytes(&b->texts) +
	       table_bytes(&b->mappings) + table_bytes(&b->functions) + table_bytes(&b->locations) +
	       table_bytes(&b->samples);
}

uint64_t pprof_builder_refused(const struct pprof_builder *b)
{
	return b->n_refused;
}

static bool affordable(const struct pprof_builder *b, size_t extra)
{
	size_t used = pprof_builder_bytes(b);

	return used <= b->ceiling && extra <= b->ceiling - used;
}

static void *take(struct pprof_builder *b, size_t size)
{
	return affordable(b, arena_cost(&b->arena, size)) ? arena_take(&b->arena, size) : NULL;
}

/* Every number handed to a caller goes through here, so a refusal is counted once. */
static uint32_t answer(struct pprof_builder *b, uint32_t id)
{
	if (id == PPROF_NONE)
		b->n_refused++;
	return id;
}

/* ---- strings ------------------------------------------------------------------------- */

static bool same_text(const void *owner, uint32_t id, const void *key)
{
	const struct text_row *a = &((const struct pprof_builder *)owner)->texts.rows.at[id];
	const struct text_row *k = key;

	return a->len == k->len && memcmp(a->at, k->at, a->len) == 0;
}

static uint32_t intern_valid(struct pprof_builder *b, const char *s, size_t len)
{
	struct text_row row = {.at = s, .len = (uint32_t)len};
	uint64_t hash = idmap_hash(s, len);
	uint32_t id = idmap_find(&b->texts.index, hash, same_text, b, &row);
	char *copy;

	if (id != IDMAP_NONE)
		return id;
	copy = len < UINT32_MAX ? take(b, len + 1) : NULL;
	if (!copy)
		return PPROF_NONE;
	memcpy(copy, s, len);
	copy[len] = '\0';
	row.at = copy;
	return table_add(b, &b->texts, hash, row);
}

/* The number of the string, repaired when it must be; NULL counts as "". */
static uint32_t intern(struct pprof_builder *b, const char *s)
{
	size_t len = s ? strlen(s) : 0;

	if (utf8_valid(s, len))
		return intern_valid(b, s ? s : "", len);
	buf_clear(&b->scratch);
	/* a byte may become three, and a buf at most doubles */
	if (len > b->ceiling / 6 || !affordable(b, len * 6))
		return PPROF_NONE;
	utf8_append_repaired(&b->scratch, s, len);
	if (b->scratch.failed)
		return PPROF_NONE;
	return intern_valid(b, (const char *)b->scratch.bytes, b->scratch.len);
}

static uint32_t intern_build_id(struct pprof_builder *b, const struct build_id *build_id)
{
	static const char digits[] = "0123456789abcdef";
	char hex[2 * BUILD_ID_MAX + 1];
	size_t len = build_id->len <= BUILD_ID_MAX ? build_id->len : BUILD_ID_MAX;

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[build_id->bytes[i] >> 4];
		hex[2 * i + 1] = digits[build_id->bytes[i] & 15];
	}
	return intern_valid(b, hex, 2 * len);
}

/* ---- life ---------------------------------------------------------------------------- */

int pprof_builder_new(const struct pprof_limits *limits, struct pprof_builder **ret)
{
	struct pprof_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->ceiling = limits && limits->bytes ? limits->bytes : DEFAULT_BYTES;
	b->scratch = buf_with_ceiling(b->ceiling);
	b->main_mapping = PPROF_NONE;
	if (intern_valid(b, "", 0) != 0) {
		pprof_builder_free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void pprof_builder_free(struct pprof_builder *b)
{
	if (!b)
		return;
	table_fini(&b->texts);
	table_fini(&b->mappings);
	table_fini(&b->functions);
	table_fini(&b->locations);
	table_fini(&b->samples);
	buf_fini(&b->scratch);
	arena_fini(&b->arena);
	free(b);
}

/* ---- mappings, functions, locations -------------------------------------------------- */

static bool same_mapping(const void *owner, uint32_t id, const void *key)
{
	const struct mapping_row *a = &((const struct pprof_builder *)owner)->mappings.rows.at[id];

	return memcmp(&a->is, key, sizeof(a->is)) == 0;
}

uint32_t pprof_mapping(struct pprof_builder *b, const struct pprof_mapping *m)
{
	struct mapping_row row = {.is = {.start = m->start,
					  .limit = m->limit,
					  .offset = m->offset,
					  .filename = intern(b, m->filename),
					  .build_id = intern_build_id(b, &m->build_id)}};
	uint64_t hash = idmap_hash(&row.is, sizeof(row.is));
	struct mapping_row *at;
	uint32_t id;

	if (row.is.filename == PPROF_NONE || row.is.build_id == PPROF_NONE)
		return answer(b, PPROF_NONE);
	id = idmap_find(&b->mappings.index, hash, same_mapping, b, &row.is);
	if (id == IDMAP_NONE)
		id = table_add(b, &b->mappings, hash, row);
	if (id == PPROF_NONE)
		return answer(b, id);
	at = &b->mappings.rows.at[id];
	at->has_functions |= m->has_functions;
	at->has_filenames |= m->has_filenames;
	at->has_line_numbers |= m->has_line_numbers;
	at->has_inline_frames |= m->has_inline_frames;
	if (m->is_main && b->main_mapping == PPROF_NONE)
		b->main_mapping = id;
	return id;
}

static bool same_function(const void *owner, uint32_t id, const void *key)
{
	const struct function_row *a =
		&((const struct pprof_builder *)owner)->functions.rows.at[id];

	return memcmp(a, key, sizeof(*a)) == 0;
}

uint32_t pprof_function(struct pprof_builder *b, const char *name, const char *system_name,
	const char *filename, int64_t start_line)
{
	struct function_row row = {.start_line = start_line > 0 ? start_line : 0,
		.name = intern(b, name),
		.system_name = intern(b, system_name),
		.filename = intern(b, filename)};
	uint64_t hash = idmap_hash(&row, sizeof(row));
	uint32_t id;

	if (row.name == PPROF_NONE || row.system_name == PPROF_NONE || row.filename == PPROF_NONE)
		return answer(b, PPROF_NONE);
	id = idmap_find(&b->functions.index, hash, same_function, b, &row);
	return id != IDMAP_NONE ? id : answer(b, table_add(b, &b->functions, hash, row));
}

static bool same_location(const void *owner, uint32_t id, const void *key)
{
	const struct location_row *a =
		&((const struct pprof_builder *)owner)->locations.rows.at[id];

	return memcmp(&a->is, key, sizeof(a->is)) == 0;
}

/* Copies of the lines whose function exists: one refused at a ceiling has no number. */
static bool keep_lines(struct pprof_builder *b, struct location_row *row,
	const struct pprof_line *lines, size_t n_lines)
{
	struct pprof_line *copy;

	if (!n_lines)
		return true;
	if (n_lines > UINT32_MAX / sizeof(*copy))
		return false;
	copy = take(b, n_lines * sizeof(*copy));
	if (!copy)
		return false;
	row->lines = copy;
	for (size_t i = 0; i < n_lines; i++)
		if (lines[i].function < b->functions.rows.n)
			copy[row->n_lines++] = (struct pprof_line){.function = lines[i].function,
				.line = lines[i].line > 0 ? lines[i].line : 0};
	return true;
}

uint32_t pprof_location(struct pprof_builder *b, uint32_t mapping, uint64_t address,
	const struct pprof_line *lines, size_t n_lines)
{
	struct location_row row = {
		.is = {.address = address ? address : 1,
			.mapping = mapping < b->mappings.rows.n ? mapping : PPROF_NONE}};
	uint64_t hash = idmap_hash(&row.is, sizeof(row.is));
	uint32_t id = idmap_find(&b->locations.index, hash, same_location, b, &row.is);

	if (id != IDMAP_NONE)
		return id;
	if (!keep_lines(b, &row, lines, n_lines))
		return answer(b, PPROF_NONE);
	return answer(b, table_add(b, &b->locations, hash, row));
}

/* ---- samples ------------------------------------------------------------------------- */

static bool same_sample(const void *owner, uint32_t id, const void *key)
{
	const struct sample_row *a = &((const struct pprof_builder *)owner)->samples.rows.at[id];
	const struct sample_row *k = key;

	return a->n_locations == k->n_locations && a->n_labels == k->n_labels &&
	       memcmp(a->what, k->what, a->n_locations * sizeof(*a->what)) == 0 &&
	       memcmp(sample_labels(a), sample_labels(k), a->n_labels * sizeof(struct label_row)) ==
		       0;
}

static int check_sample(const struct pprof_builder *b, const uint32_t *locations,
	size_t n_locations, const int64_t *values, size_t n_values)
{
	bool any = false;

	if (!n_locations || n_locations > UINT32_MAX / 8 || !n_values ||
		n_values > PPROF_VALUES_MAX || (b->n_values && n_values != b->n_values))
		return -EINVAL;
	for (size_t i = 0; i < n_locations; i++)
		if (locations[i] >= b->locations.rows.n)
			return -EINVAL;
	for (size_t i = 0; i < n_values; i++) {
		if (values[i] < 0)
			return -EINVAL;
		any |= values[i] > 0;
	}
	return any ? 0 : -EINVAL;
}

/*
 * The labels in the order of their keys. One with an empty value is left out:
 * on the wire it could not be told from the number 0. Returns how many, or an error.
 */
static int sort_labels(struct pprof_builder *b, const struct pprof_label *labels, size_t n_labels,
	struct label_row *sorted)
{
	int n = 0;

	if (n_labels > LABELS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n_labels; i++) {
		struct label_row row = {intern(b, labels[i].key), intern(b, labels[i].value)};
		int at = n;

		if (row.key == PPROF_NONE || row.value == PPROF_NONE)
			return -ENOBUFS;
		if (!row.key)
			return -EINVAL;
		if (!row.value)
			continue;
		for (; at; at--) {
			int order = strcmp(b->texts.rows.at[sorted[at - 1].key].at,
				b->texts.rows.at[row.key].at);

			if (order == 0)
				return -EINVAL;
			if (order < 0)
				break;
			sorted[at] = sorted[at - 1];
		}
		sorted[at] = row;
		n++;
	}
	return n;
}

static void add_values(struct sample_row *s, const int64_t *values, size_t n_values)
{
	for (size_t i = 0; i < n_values; i++)
		if (__builtin_add_overflow(s->values[i], values[i], &s->values[i]))
			s->values[i] = INT64_MAX;
}

/* The sample's row, made when it is new; NULL at a ceiling. */
static struct sample_row *sample_row(struct pprof_builder *b, const uint32_t *locations,
	size_t n_locations, const struct label_row *labels, size_t n_labels)
{
	size_t locations_len = n_locations * sizeof(*locations);
	size_t labels_len = n_labels * sizeof(*labels);
	struct sample_row row = {
		.n_locations = (uint32_t)n_locations, .n_labels = (uint32_t)n_labels};
	uint8_t *what;
	uint64_t hash;
	uint32_t id;

	/* written to its final place at once; given back when the sample is known */
	what = take(b, locations_len + labels_len);
	if (!what)
		return NULL;
	memcpy(what, locations, locations_len);
	memcpy(what + locations_len, labels, labels_len);
	row.what = (const uint32_t *)what;
	hash = idmap_hash(what, locations_len + labels_len);
	id = idmap_find(&b->samples.index, hash, same_sample, b, &row);
	if (id != IDMAP_NONE)
		arena_untake(&b->arena, what);
	else
		id = table_add(b, &b->samples, hash, row);
	return id == PPROF_NONE ? NULL : &b->samples.rows.at[id];
}

int pprof_sample(struct pprof_builder *b, const uint32_t *locations, size_t n_locations,
	const struct pprof_label *labels, size_t n_labels, const int64_t *values, size_t n_values)
{
	struct label_row sorted[LABELS_MAX];
	struct sample_row *row;
	int n = check_sample(b, locations, n_locations, values, n_values);

	if (n)
		return n;
	n = sort_labels(b, labels, n_labels, sorted);
	row = n < 0 ? NULL : sample_row(b, locations, n_locations, sorted, (size_t)n);
	if (!row) {
		if (n == -EINVAL)
			return n;
		b->n_refused++;
		return -ENOBUFS;
	}
	b->n_values = (uint32_t)n_values;
	add_values(row, values, n_values);
	return 0;
}
