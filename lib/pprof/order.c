// SPDX-License-Identifier: Apache-2.0
#include "pprof/order.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define USED UINT32_MAX /* in ids, before the order is known */

typedef int (*compare_rows)(const void *a, const void *b, void *file_order);

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int order_init(struct file_order *o, struct order *order, uint32_t n_rows)
{
	order->ids = arena_zeroed(&o->arena, n_rows, sizeof(*order->ids));
	order->rows = arena_zeroed(&o->arena, n_rows, sizeof(*order->rows));
	return order->ids && order->rows ? 0 : -ENOMEM;
}

static void order_rows(
	struct file_order *o, struct order *order, uint32_t n_rows, compare_rows compare)
{
	for (uint32_t row = 0; row < n_rows; row++)
		if (order->ids[row])
			order->rows[order->n++] = row;
	qsort_r(order->rows, order->n, sizeof(*order->rows), compare, o);
	for (uint32_t i = 0; i < order->n; i++)
		order->ids[order->rows[i]] = i + 1;
}

/* ---- what the samples reach ---------------------------------------------------------- */

static void reach_mapping(struct file_order *o, uint32_t mapping)
{
	const struct mapping_row *m = &o->b->mappings.rows.at[mapping];

	o->mappings.ids[mapping] = USED;
	o->strings.ids[m->is.filename] = USED;
	o->strings.ids[m->is.build_id] = USED;
}

static void reach_function(struct file_order *o, uint32_t function)
{
	const struct function_row *f = &o->b->functions.rows.at[function];

	o->functions.ids[function] = USED;
	o->strings.ids[f->name] = USED;
	o->strings.ids[f->system_name] = USED;
	o->strings.ids[f->filename] = USED;
}

static void reach_location(struct file_order *o, uint32_t location)
{
	const struct location_row *l = &o->b->locations.rows.at[location];

	if (o->locations.ids[location])
		return;
	o->locations.ids[location] = USED;
	if (l->is.mapping != PPROF_NONE)
		reach_mapping(o, l->is.mapping);
	for (uint32_t i = 0; i < l->n_lines; i++)
		reach_function(o, l->lines[i].function);
}

static void reach_all(struct file_order *o)
{
	const struct pprof_builder *b = o->b;

	if (b->main_mapping != PPROF_NONE)
		reach_mapping(o, b->main_mapping);
	for (uint32_t row = 0; row < b->samples.rows.n; row++) {
		const struct sample_row *s = &b->samples.rows.at[row];
		const struct label_row *labels = sample_labels(s);

		o->samples.ids[row] = USED;
		for (uint32_t i = 0; i < s->n_locations; i++)
			reach_location(o, s->what[i]);
		for (uint32_t i = 0; i < s->n_labels; i++) {
			o->strings.ids[labels[i].key] = USED;
			o->strings.ids[labels[i].value] = USED;
		}
	}
	o->strings.ids[0] = USED;
	for (uint32_t i = b->texts.rows.n; i < o->n_texts; i++)
		o->strings.ids[i] = USED;
}

/* ---- strings ------------------------------------------------------------------------- */

/* The first eight bytes as a number settle nearly every comparison without a cache miss. */
struct text_place {
	uint64_t prefix;
	uint32_t row;
};

static int compare_texts(const void *a, const void *b, void *file_order)
{
	const struct file_order *o = file_order;
	const struct text_place *pa = a, *pb = b;
	const struct text_row *ta = &o->texts[pa->row], *tb = &o->texts[pb->row];
	int order;

	if (pa->prefix != pb->prefix)
		return compare_u64(pa->prefix, pb->prefix);
	order = memcmp(ta->at, tb->at, ta->len < tb->len ? ta->len : tb->len);
	return order ? order : compare_u64(ta->len, tb->len);
}

static uint64_t text_prefix(const struct text_row *t)
{
	uint64_t prefix = 0;

	memcpy(&prefix, t->at, t->len < sizeof(prefix) ? t->len : sizeof(prefix));
	return be64toh(prefix);
}

static int order_strings(struct file_order *o)
{
	struct order *order = &o->strings;
	struct text_place *places = arena_zeroed(&o->arena, o->n_texts, sizeof(*places));
	uint32_t n = 0;

	if (!places)
		return -ENOMEM;
	for (uint32_t row = 0; row < o->n_texts; row++)
		if (order->ids[row])
			places[n++] = (struct text_place){text_prefix(&o->texts[row]), row};
	qsort_r(places, n, sizeof(*places), compare_texts, o);
	for (uint32_t i = 0; i < n; i++) {
		/* the header's may repeat the builder's */
		if (!i || compare_texts(&places[i - 1], &places[i], o))
			order->rows[order->n++] = places[i].row;
		order->ids[places[i].row] = order->n - 1;
	}
	return 0;
}

/* ---- the rest, by the order of what they refer to ------------------------------------ */

static int compare_functions(const void *a, const void *b, void *file_order)
{
	const struct file_order *o = file_order;
	const struct function_row *fa = &o->b->functions.rows.at[*(const uint32_t *)a];
	const struct function_row *fb = &o->b->functions.rows.at[*(const uint32_t *)b];
	const uint32_t *ids = o->strings.ids;

	if (fa->name != fb->name)
		return compare_u64(ids[fa->name], ids[fb->name]);
	if (fa->system_name != fb->system_name)
		return compare_u64(ids[fa->system_name], ids[fb->system_name]);
	if (fa->filename != fb->filename)
		return compare_u64(ids[fa->filename], ids[fb->filename]);
	return compare_u64((uint64_t)fa->start_line, (uint64_t)fb->start_line);
}

static int compare_mappings(const void *a, const void *b, void *file_order)
{
	const struct file_order *o = file_order;
	uint32_t ra = *(const uint32_t *)a, rb = *(const uint32_t *)b;
	const struct mapping_identity *ma = &o->b->mappings.rows.at[ra].is;
	const struct mapping_identity *mb = &o->b->mappings.rows.at[rb].is;
	const uint32_t *ids = o->strings.ids;

	if (ra == rb)
		return 0;
	if (ra == o->b->main_mapping || rb == o->b->main_mapping)
		return ra == o->b->main_mapping ? -1 : 1;
	if (ma->start != mb->start)
		return compare_u64(ma->start, mb->start);
	if (ma->limit != mb->limit)
		return compare_u64(ma->limit, mb->limit);
	if (ma->offset != mb->offset)
		return compare_u64(ma->offset, mb->offset);
	if (ma->filename != mb->filename)
		return compare_u64(ids[ma->filename], ids[mb->filename]);
	return compare_u64(ids[ma->build_id], ids[mb->build_id]);
}

static uint32_t mapping_id(const struct file_order *o, const struct location_row *l)
{
	return l->is.mapping == PPROF_NONE ? 0 : o->mappings.ids[l->is.mapping];
}

static int compare_locations(const void *a, const void *b, void *file_order)
{
	const struct file_order *o = file_order;
	const struct location_row *la = &o->b->locations.rows.at[*(const uint32_t *)a];
	const struct location_row *lb = &o->b->locations.rows.at[*(const uint32_t *)b];

	if (la->is.mapping != lb->is.mapping)
		return compare_u64(mapping_id(o, la), mapping_id(o, lb));
	return compare_u64(la->is.address, lb->is.address);
}

static int compare_labels(
	const struct file_order *o, const struct sample_row *a, const struct sample_row *b)
{
	const struct label_row *la = sample_labels(a), *lb = sample_labels(b);
	const uint32_t *ids = o->strings.ids;

	for (uint32_t i = 0; i < a->n_labels && i < b->n_labels; i++) {
		if (la[i].key != lb[i].key)
			return compare_u64(ids[la[i].key], ids[lb[i].key]);
		if (la[i].value != lb[i].value)
			return compare_u64(ids[la[i].value], ids[lb[i].value]);
	}
	return compare_u64(a->n_labels, b->n_labels);
}

/* By stack from the root, so that neighbours share their callers, which deflate likes. */
static int compare_samples(const void *a, const void *b, void *file_order)
{
	const struct file_order *o = file_order;
	const struct sample_row *sa = &o->b->samples.rows.at[*(const uint32_t *)a];
	const struct sample_row *sb = &o->b->samples.rows.at[*(const uint32_t *)b];
	uint32_t shared = sa->n_locations < sb->n_locations ? sa->n_locations : sb->n_locations;

	for (uint32_t i = 1; i <= shared; i++) {
		uint32_t la = sa->what[sa->n_locations - i], lb = sb->what[sb->n_locations - i];

		if (la != lb)
			return compare_u64(o->locations.ids[la], o->locations.ids[lb]);
	}
	if (sa->n_locations != sb->n_locations)
		return compare_u64(sa->n_locations, sb->n_locations);
	return compare_labels(o, sa, sb);
}

/* ---- life ---------------------------------------------------------------------------- */

/* One array of all strings, so that one number names any of them. */
static int gather_texts(
	struct file_order *o, const struct text_row *more_texts, uint32_t n_more_texts)
{
	const struct pprof_builder *b = o->b;
	struct text_row *texts;

	o->n_texts = b->texts.rows.n + n_more_texts;
	texts = arena_zeroed(&o->arena, o->n_texts, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	memcpy(texts, b->texts.rows.at, b->texts.rows.n * sizeof(*texts));
	if (n_more_texts)
		memcpy(texts + b->texts.rows.n, more_texts, n_more_texts * sizeof(*texts));
	o->texts = texts;
	return 0;
}

int file_order_init(struct file_order *o, const struct pprof_builder *b,
	const struct text_row *more_texts, uint32_t n_more_texts)
{
	*o = (struct file_order){.b = b};
	if (gather_texts(o, more_texts, n_more_texts) || order_init(o, &o->strings, o->n_texts) ||
		order_init(o, &o->mappings, b->mappings.rows.n) ||
		order_init(o, &o->functions, b->functions.rows.n) ||
		order_init(o, &o->locations, b->locations.rows.n) ||
		order_init(o, &o->samples, b->samples.rows.n))
		return -ENOMEM;
	reach_all(o);
	if (order_strings(o))
		return -ENOMEM;
	order_rows(o, &o->mappings, b->mappings.rows.n, compare_mappings);
	order_rows(o, &o->functions, b->functions.rows.n, compare_functions);
	order_rows(o, &o->locations, b->locations.rows.n, compare_locations);
	order_rows(o, &o->samples, b->samples.rows.n, compare_samples);
	return 0;
}

void file_order_fini(struct file_order *o)
{
	arena_fini(&o->arena);
}
