// SPDX-License-Identifier: Apache-2.0
#include "pprof/decode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/profile.pb-c.h"

#include "base/buf.h"
#include "base/diag.h"
#include "base/idmap.h"
#include "base/pballoc.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "pprof/arena.h"
#include "pprof/gzip.h"

/*
 * A Line of two small numbers is 6 bytes in the file and about 100 in memory; less
 * dense input than that is what anybody writes, denser is an attack.
 */
#define MEMORY_PER_BYTE 32
#define MEMORY_SPARE    (1u << 20)
#define MEMORY_MAX      ((size_t)2 << 30)

#define N_ROWS_MAX (UINT32_MAX / 2) /* an idmap numbers them in 32 bits */

typedef Perftools__Profiles__Profile profile_msg;
typedef Perftools__Profiles__Sample sample_msg;
typedef Perftools__Profiles__Label label_msg;
typedef Perftools__Profiles__Mapping mapping_msg;
typedef Perftools__Profiles__Location location_msg;
typedef Perftools__Profiles__Function function_msg;
typedef Perftools__Profiles__ValueType value_type_msg;

/* The view first: pprof_view_free() gets its address. It borrows from the message. */
struct decoded {
	struct pprof_view view;
	struct arena arena;
	profile_msg *message;
};

/* An id in the file -> the index of its row; ids may be any numbers but 0. */
struct ids {
	struct idmap map;
	uint64_t *at; /* by index */
};

struct decoder {
	struct decoded *d;
	const profile_msg *m;
	struct diag *diag;
	const char **strings; /* valid UTF-8 */
	struct pprof_view_mapping *mappings;
	struct pprof_view_function *functions;
	struct pprof_view_location *locations;
	struct ids mapping_ids, function_ids, location_ids;
};

/* ---- ids and strings ----------------------------------------------------------------- */

static bool same_id(const void *owner, uint32_t index, const void *key)
{
	return ((const struct ids *)owner)->at[index] == *(const uint64_t *)key;
}

static uint32_t ids_find(const struct ids *ids, uint64_t id)
{
	return idmap_find(&ids->map, idmap_hash(&id, sizeof(id)), same_id, ids, &id);
}

static int ids_add(
	struct decoder *c, struct ids *ids, const char *what, uint64_t id, uint32_t index)
{
	if (!id)
		return diag_set(c->diag, -EBADMSG, "not a valid profile: a %s has id 0", what);
	if (ids_find(ids, id) != IDMAP_NONE)
		return diag_set(c->diag, -EBADMSG, "not a valid profile: two %ss have id %" PRIu64,
			what, id);
	ids->at[index] = id;
	return idmap_add(&ids->map, idmap_hash(&id, sizeof(id)), index);
}

static int ids_init(struct decoder *c, struct ids *ids, size_t n)
{
	if (n > N_ROWS_MAX)
		return -ENOMEM;
	ids->at = arena_zeroed(&c->d->arena, n, sizeof(*ids->at));
	return ids->at ? 0 : -ENOMEM;
}

static int unknown_id(struct decoder *c, const char *who, const char *what, uint64_t id)
{
	return diag_set(c->diag, -EBADMSG,
		"not a valid profile: a %s refers to %s %" PRIu64 ", which is not there", who, what,
		id);
}

static int string_at(struct decoder *c, const char *what, int64_t index, const char **ret)
{
	if (index < 0 || (uint64_t)index >= c->m->n_string_table)
		return diag_set(c->diag, -EBADMSG,
			"not a valid profile: a %s has string %" PRId64 " of %zu", what, index,
			c->m->n_string_table);
	*ret = c->strings[index];
	return 0;
}

/* The string itself when it is UTF-8, else a repaired copy; NULL without memory. */
static const char *valid_string(struct decoder *c, const char *s)
{
	size_t len = strlen(s);
	scoped(buf_fini) struct buf repaired = buf_with_ceiling(3 * len + 1);
	char *copy;

	if (utf8_valid(s, len))
		return s;
	utf8_append_repaired(&repaired, s, len);
	buf_append(&repaired, "", 1);
	copy = repaired.failed ? NULL : arena_take(&c->d->arena, repaired.len);
	return copy ? memcpy(copy, repaired.bytes, repaired.len) : NULL;
}

static int decode_strings(struct decoder *c)
{
	const profile_msg *m = c->m;

	if (!m->n_string_table || m->string_table[0][0])
		return diag_set(c->diag, -EBADMSG,
			"not a valid profile: its string table does not start with an empty "
			"string");
	c->strings = arena_zeroed(&c->d->arena, m->n_string_table, sizeof(*c->strings));
	if (!c->strings)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_string_table; i++) {
		c->strings[i] = valid_string(c, m->string_table[i]);
		if (!c->strings[i])
			return -ENOMEM;
	}
	return 0;
}

/* ---- the header ---------------------------------------------------------------------- */

static int decode_type(struct decoder *c, const value_type_msg *type, const char *ret[2])
{
	const char *pair[2];
	int err = string_at(c, "sample type", type->type, &pair[0]);

	err = err ? err : string_at(c, "sample type", type->unit, &pair[1]);
	if (!err)
		memcpy(ret, pair, sizeof(pair));
	return err;
}

static int decode_types(struct decoder *c)
{
	const profile_msg *m = c->m;
	const char *(*types)[2] = arena_zeroed(&c->d->arena, m->n_sample_type, sizeof(*types));
	int err = 0;

	if (!types)
		return -ENOMEM;
	if (!m->n_sample_type && m->n_sample)
		return diag_set(c->diag, -EBADMSG,
			"not a valid profile: it has samples but no sample type");
	for (size_t i = 0; i < m->n_sample_type && !err; i++)
		err = decode_type(c, m->sample_type[i], types[i]);
	c->d->view.sample_types = types;
	c->d->view.n_sample_types = m->n_sample_type;
	return err;
}

static int decode_comments(struct decoder *c)
{
	const profile_msg *m = c->m;
	const char **comments = arena_zeroed(&c->d->arena, m->n_comment, sizeof(*comments));
	int err = 0;

	if (!comments)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_comment && !err; i++)
		err = string_at(c, "comment", m->comment[i], &comments[i]);
	c->d->view.comments = comments;
	c->d->view.n_comments = m->n_comment;
	return err;
}

static int decode_header(struct decoder *c)
{
	struct pprof_view *v = &c->d->view;
	const profile_msg *m = c->m;
	const char *unused;
	int err = decode_types(c);

	v->period_type[0] = v->period_type[1] = "";
	if (m->period_type)
		err = err ? err : decode_type(c, m->period_type, v->period_type);
	err = err ? err : string_at(c, "drop_frames", m->drop_frames, &unused);
	err = err ? err : string_at(c, "keep_frames", m->keep_frames, &unused);
	err = err ? err : string_at(c, "default sample type", m->default_sample_type, &unused);
	err = err ? err : string_at(c, "doc_url", m->doc_url, &unused);
	v->period = m->period;
	v->time_ns = m->time_nanos;
	v->duration_ns = m->duration_nanos;
	return err ? err : decode_comments(c);
}

/* ---- mappings, functions, locations -------------------------------------------------- */

static int decode_mapping(struct decoder *c, uint32_t index)
{
	const mapping_msg *m = c->m->mapping[index];
	struct pprof_view_mapping *at = &c->mappings[index];
	int err = ids_add(c, &c->mapping_ids, "mapping", m->id, index);

	at->start = m->memory_start;
	at->limit = m->memory_limit;
	at->offset = m->file_offset;
	err = err ? err : string_at(c, "mapping", m->filename, &at->filename);
	return err ? err : string_at(c, "mapping", m->build_id, &at->build_id);
}

static int decode_mappings(struct decoder *c)
{
	size_t n = c->m->n_mapping;
	int err = ids_init(c, &c->mapping_ids, n);

	c->mappings = arena_zeroed(&c->d->arena, n, sizeof(*c->mappings));
	if (err || !c->mappings)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !err; i++)
		err = decode_mapping(c, i);
	c->d->view.mappings = c->mappings;
	c->d->view.n_mappings = n;
	return err;
}

static int decode_function(struct decoder *c, uint32_t index)
{
	const function_msg *m = c->m->function[index];
	struct pprof_view_function *at = &c->functions[index];
	int err = ids_add(c, &c->function_ids, "function", m->id, index);

	at->start_line = m->start_line;
	err = err ? err : string_at(c, "function", m->name, &at->name);
	err = err ? err : string_at(c, "function", m->system_name, &at->system_name);
	return err ? err : string_at(c, "function", m->filename, &at->filename);
}

static int decode_functions(struct decoder *c)
{
	size_t n = c->m->n_function;
	int err = ids_init(c, &c->function_ids, n);

	c->functions = arena_zeroed(&c->d->arena, n, sizeof(*c->functions));
	if (err || !c->functions)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !err; i++)
		err = decode_function(c, i);
	return err;
}

static int decode_lines(struct decoder *c, const location_msg *m, struct pprof_view_location *at)
{
	struct pprof_view_line *lines = arena_zeroed(&c->d->arena, m->n_line, sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_line; i++) {
		uint32_t function = ids_find(&c->function_ids, m->line[i]->function_id);

		if (function == IDMAP_NONE)
			return unknown_id(c, "line", "function", m->line[i]->function_id);
		lines[i].function = &c->functions[function];
		lines[i].line = m->line[i]->line;
	}
	at->lines = lines;
	at->n_lines = m->n_line;
	return 0;
}

static int decode_location(struct decoder *c, uint32_t index)
{
	const location_msg *m = c->m->location[index];
	struct pprof_view_location *at = &c->locations[index];
	int err = ids_add(c, &c->location_ids, "location", m->id, index);

	if (err)
		return err;
	at->address = m->address;
	if (m->mapping_id) {
		uint32_t mapping = ids_find(&c->mapping_ids, m->mapping_id);

		if (mapping == IDMAP_NONE)
			return unknown_id(c, "location", "mapping", m->mapping_id);
		at->mapping = &c->mappings[mapping];
	}
	return decode_lines(c, m, at);
}

static int decode_locations(struct decoder *c)
{
	size_t n = c->m->n_location;
	int err = ids_init(c, &c->location_ids, n);

	c->locations = arena_zeroed(&c->d->arena, n, sizeof(*c->locations));
	if (err || !c->locations)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !err; i++)
		err = decode_location(c, i);
	return err;
}

/* ---- samples ------------------------------------------------------------------------- */

static int decode_stack(struct decoder *c, const sample_msg *m, struct pprof_view_sample *at)
{
	const struct pprof_view_location **stack =
		arena_zeroed(&c->d->arena, m->n_location_id, sizeof(*stack));

	if (!stack)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_location_id; i++) {
		uint32_t location = ids_find(&c->location_ids, m->location_id[i]);

		if (location == IDMAP_NONE)
			return unknown_id(c, "sample", "location", m->location_id[i]);
		stack[i] = &c->locations[location];
	}
	at->locations = stack;
	at->n_locations = m->n_location_id;
	return 0;
}

static int decode_labels(struct decoder *c, const sample_msg *m, struct pprof_view_sample *at)
{
	struct pprof_view_label *labels = arena_zeroed(&c->d->arena, m->n_label, sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	at->labels = labels;
	for (size_t i = 0; i < m->n_label; i++) {
		const label_msg *label = m->label[i];
		struct pprof_view_label *to = &labels[at->n_labels];
		const char *unit;
		int err = string_at(c, "label", label->key, &to->key);

		err = err ? err : string_at(c, "label", label->str, &to->value);
		err = err ? err : string_at(c, "label", label->num_unit, &unit);
		if (err)
			return err;
		at->n_labels += label->str != 0;
	}
	return 0;
}

static int decode_sample(struct decoder *c, const sample_msg *m, struct pprof_view_sample *at)
{
	int err;

	if (m->n_value != c->m->n_sample_type)
		return diag_set(c->diag, -EBADMSG,
			"not a valid profile: a sample has %zu values for %zu sample types",
			m->n_value, c->m->n_sample_type);
	at->values = m->value;
	err = decode_stack(c, m, at);
	return err ? err : decode_labels(c, m, at);
}

static int decode_samples(struct decoder *c)
{
	const profile_msg *m = c->m;
	struct pprof_view_sample *samples =
		arena_zeroed(&c->d->arena, m->n_sample, sizeof(*samples));
	int err = 0;

	if (!samples)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_sample && !err; i++)
		err = decode_sample(c, m->sample[i], &samples[i]);
	c->d->view.samples = samples;
	c->d->view.n_samples = m->n_sample;
	return err;
}

/* ---- the whole ----------------------------------------------------------------------- */

static void decoder_fini(struct decoder *c)
{
	idmap_fini(&c->mapping_ids.map);
	idmap_fini(&c->function_ids.map);
	idmap_fini(&c->location_ids.map);
}

static int decode_message(struct decoded *d, struct diag *diag)
{
	scoped(decoder_fini) struct decoder c = {.d = d, .m = d->message, .diag = diag};
	int (*const steps[])(struct decoder *) = {decode_strings, decode_header, decode_mappings,
		decode_functions, decode_locations, decode_samples};
	int err = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !err; i++)
		err = steps[i](&c);
	return err == -ENOMEM ? diag_set(diag, err, "out of memory while reading a profile") : err;
}

static int expand(const void *bytes, size_t len, struct diag *diag, struct buf *plain)
{
	int err = gzip_expand(bytes, len, plain);

	if (err == -EFBIG)
		return diag_set(diag, err, "the profile is larger than %u MiB uncompressed",
			PPROF_DECODE_MAX >> 20);
	if (err == -EBADMSG)
		return diag_set(diag, err, "the compressed profile is cut short or damaged");
	return err ? diag_set(diag, err, "out of memory while reading a profile") : 0;
}

static int unpack(struct decoded *d, const void *bytes, size_t len, struct diag *diag)
{
	size_t memory = len * MEMORY_PER_BYTE + MEMORY_SPARE;
	ProtobufCMessage *message;

	if (!len)
		return diag_set(diag, -EBADMSG, "not a profile: it is empty");
	message = pballoc_unpack(&perftools__profiles__profile__descriptor, bytes, len,
		memory < MEMORY_MAX ? memory : MEMORY_MAX);
	if (!message)
		return diag_set(diag, -EBADMSG, "not a pprof profile, or not a sane one");
	d->message = (profile_msg *)message;
	return 0;
}

static void scope_decoded(struct decoded **d)
{
	if (*d)
		pprof_view_free(&(*d)->view);
}

int pprof_decode(const void *bytes, size_t len, struct diag *diag, struct pprof_view **ret)
{
	scoped(buf_fini) struct buf plain = buf_with_ceiling(PPROF_DECODE_MAX);
	scoped(scope_decoded) struct decoded *d = calloc(1, sizeof(*d));
	int err = d ? 0 : diag_set(diag, -ENOMEM, "out of memory while reading a profile");

	if (!err && gzip_is(bytes, len)) {
		err = expand(bytes, len, diag, &plain);
		bytes = plain.bytes;
		len = plain.len;
	} else if (!err && len > PPROF_DECODE_MAX) {
		err = diag_set(
			diag, -EFBIG, "the profile is larger than %u MiB", PPROF_DECODE_MAX >> 20);
	}
	err = err ? err : unpack(d, bytes, len, diag);
	err = err ? err : decode_message(d, diag);
	if (err)
		return err;
	*ret = &take_ptr(d)->view;
	return 0;
}

void pprof_view_free(struct pprof_view *v)
{
	struct decoded *d = (struct decoded *)v;

	if (!d)
		return;
	pballoc_release((ProtobufCMessage *)d->message);
	arena_fini(&d->arena);
	free(d);
}
