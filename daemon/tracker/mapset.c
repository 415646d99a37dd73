// SPDX-License-Identifier: Apache-2.0
#include "tracker/mapset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "tracker/object.h"

#define PAST_UNSORTED 64 /* looked through one by one before sorting is worth it */

struct mapset *mapset_new(struct ledger *ledger)
{
	struct mapset *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->refs = 1;
	s->ledger = ledger_ref(ledger);
	ledger->bytes += sizeof(*s);
	return s;
}

struct mapset *mapset_ref(struct mapset *s)
{
	s->refs++;
	return s;
}

void mapset_unref(struct mapset *s)
{
	if (!s || --s->refs)
		return;
	for (uint32_t i = 0; i < s->n_live; i++)
		object_unref(s->live[i].object);
	for (uint32_t i = 0; i < s->n_past; i++)
		object_unref(s->past[i].object);
	object_unref(s->main);
	s->ledger->mappings -= s->n_live + s->n_past;
	s->ledger->bytes -= sizeof(*s) +
			    ((size_t)s->live_room + s->past_room) * sizeof(struct mapping) +
			    s->reach_room * sizeof(*s->reach);
	ledger_unref(s->ledger);
	free(s->live);
	free(s->past);
	free(s->reach);
	free(s);
}

/* ---- room ------------------------------------------------------------------------------- */

/* Room for `n` elements at least, on the ledger's account. */
static int make_room(struct ledger *l, void **at, uint32_t *room, uint32_t n, size_t size)
{
	uint32_t want = *room ? *room : 8;
	void *bigger;

	if (n <= *room)
		return 0;
	while (want < n)
		want += want / 2 + 1;
	if (!ledger_has_room(l, (want - *room) * size))
		return -ENOSPC;
	bigger = reallocarray(*at, want, size);
	if (!bigger)
		return -ENOMEM;
	l->bytes += (want - *room) * size;
	*at = bigger;
	*room = want;
	return 0;
}

static int live_make_room(struct mapset *s, uint32_t n)
{
	return make_room(s->ledger, (void **)&s->live, &s->live_room, n, sizeof(*s->live));
}

static int past_make_room(struct mapset *s, uint32_t n)
{
	return make_room(s->ledger, (void **)&s->past, &s->past_room, n, sizeof(*s->past));
}

/* Forget what ended in the first half of the time that the past spans. */
static void forget_half(struct mapset *s, uint64_t *forgotten)
{
	uint64_t first = UINT64_MAX, middle;
	uint32_t kept = 0, before = s->n_past;

	for (uint32_t i = 0; i < s->n_past; i++)
		if (s->past[i].to_ns < first)
			first = s->past[i].to_ns;
	middle = first + (s->past_to_ns - first) / 2;
	for (uint32_t i = 0; i < s->n_past; i++) {
		if (s->past[i].to_ns > middle)
			s->past[kept++] = s->past[i];
		else
			object_unref(s->past[i].object);
	}
	s->n_past = kept;
	s->n_sorted = 0;
	s->ledger->mappings -= before - kept;
	*forgotten += before - kept;
}

/* Will `live` and `past` more fit under the ceiling and into memory? */
static int prepare(
	struct mapset *s, uint32_t live, uint32_t past, uint32_t ceiling, uint64_t *forgotten)
{
	int err;

	if ((uint64_t)s->n_live + live + s->n_past + past > ceiling && s->n_past)
		forget_half(s, forgotten);
	if ((uint64_t)s->n_live + live + s->n_past + past > ceiling)
		return -ENOSPC;
	err = live_make_room(s, s->n_live + live);
	return err ? err : past_make_room(s, s->n_past + past);
}

int mapset_own(struct mapset **slot, uint64_t since_ns)
{
	struct mapset *old = *slot, *s;
	int err;

	if (old->refs == 1)
		return 0;
	s = mapset_new(old->ledger);
	if (!s)
		return -ENOMEM;
	err = live_make_room(s, old->n_live);
	if (!err)
		err = past_make_room(s, old->n_past);
	if (err) {
		mapset_unref(s);
		return err;
	}
	for (; s->n_live < old->n_live; s->n_live++) {
		s->live[s->n_live] = old->live[s->n_live];
		(void)object_ref(s->live[s->n_live].object);
	}
	for (uint32_t i = 0; i < old->n_past; i++)
		if (old->past[i].to_ns > since_ns) {
			s->past[s->n_past++] = old->past[i];
			(void)object_ref(old->past[i].object);
		}
	s->past_to_ns = old->past_to_ns;
	s->main = old->main ? object_ref(old->main) : NULL;
	s->ledger->mappings += s->n_live + s->n_past;
	*slot = s;
	mapset_unref(old);
	return 0;
}

/* ---- change ----------------------------------------------------------------------------- */

/* The first live mapping that ends after `address`. */
static uint32_t live_find(const struct mapset *s, uint64_t address)
{
	uint32_t low = 0, high = s->n_live;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->live[middle].limit <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What is left of `m` inside [start, limit). */
static struct mapping clip(const struct mapping *m, uint64_t start, uint64_t limit)
{
	struct mapping part = *m;

	if (start > part.start) {
		if (m->object->kind == OBJECT_FILE)
			part.offset += start - part.start;
		part.start = start;
	}
	if (limit < part.limit)
		part.limit = limit;
	return part;
}

/* Move `m` with its reference to the past, unless it was never valid. Room was made. */
static void end_mapping(struct mapset *s, struct mapping m, uint64_t time_ns)
{
	s->ledger->mappings--;
	if (m.from_ns >= time_ns) {
		object_unref(m.object);
		return;
	}
	m.to_ns = time_ns;
	s->past[s->n_past++] = m;
	s->ledger->mappings++;
	if (time_ns > s->past_to_ns)
		s->past_to_ns = time_ns;
}

/* Live mappings [low, high) give way to `parts`; references are the caller's business. */
static void splice(
	struct mapset *s, uint32_t low, uint32_t high, const struct mapping *parts, uint32_t n)
{
	memmove(s->live + low + n, s->live + high, (s->n_live - high) * sizeof(*s->live));
	memcpy(s->live + low, parts, n * sizeof(*parts));
	s->n_live = s->n_live - (high - low) + n;
}

/* [start, limit) is cleared at `time_ns` and given to `m`, if there is one. */
static int put(struct mapset *s, uint64_t start, uint64_t limit, uint64_t time_ns,
	const struct mapping *m, uint32_t ceiling, uint64_t *forgotten)
{
	uint32_t low = live_find(s, start), high = low, n = 0;
	struct mapping parts[3];
	int err;

	while (high < s->n_live && s->live[high].start < limit)
		high++;
	if (low == high && !m)
		return 0;
	err = prepare(s, 2, high - low, ceiling, forgotten);
	if (err)
		return err;
	if (low < high && s->live[low].start < start)
		parts[n++] = clip(&s->live[low], 0, start);
	if (m)
		parts[n++] = *m;
	if (low < high && s->live[high - 1].limit > limit)
		parts[n++] = clip(&s->live[high - 1], limit, UINT64_MAX);
	for (uint32_t i = 0; i < n; i++)
		(void)object_ref(parts[i].object);
	s->ledger->mappings += n;
	for (uint32_t i = low; i < high; i++)
		end_mapping(s, clip(&s->live[i], start, limit), time_ns);
	splice(s, low, high, parts, n);
	return 0;
}

/* Does `held` already say everything that `m` does? */
static bool covers(const struct mapping *held, const struct mapping *m)
{
	return held->start <= m->start && m->limit <= held->limit && held->object == m->object &&
	       (m->object->kind != OBJECT_FILE ||
		       held->offset + (m->start - held->start) == m->offset);
}

int mapset_map(struct mapset *s, const struct mapping *m, uint32_t ceiling, uint64_t *forgotten)
{
	uint32_t at = live_find(s, m->start);

	if (!s->main && m->object->kind == OBJECT_FILE)
		s->main = object_ref(m->object);
	if (at < s->n_live && covers(&s->live[at], m))
		return 0;
	return put(s, m->start, m->limit, m->from_ns, m, ceiling, forgotten);
}

int mapset_unmap(struct mapset *s, uint64_t start, uint64_t limit, uint64_t time_ns,
	uint32_t ceiling, uint64_t *forgotten)
{
	return put(s, start, limit, time_ns, NULL, ceiling, forgotten);
}

/* How `m`, just read, enters: as it was known, or new. */
static struct mapping merged(
	const struct mapset *s, const struct mapping *m, uint64_t since_ns, uint64_t now_ns)
{
	uint32_t at = live_find(s, m->start);
	struct mapping out = *m;

	if (at < s->n_live && covers(&s->live[at], m))
		out.from_ns = s->live[at].from_ns;
	else if (at < s->n_live && s->live[at].start < m->limit)
		out.from_ns = now_ns;
	else
		out.from_ns = s->past_to_ns > since_ns ? s->past_to_ns : since_ns;
	out.to_ns = TIME_FOREVER;
	return out;
}

/*
 * The parts of `old` that no fresh mapping continues have ended. One fresh mapping that
 * continues any part of it is taken for all of it: a split at most costs some history.
 */
static bool continues(const struct mapping *fresh, uint32_t n, const struct mapping *old)
{
	uint32_t low = 0, high = n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (fresh[middle].limit <= old->start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < n && fresh[low].start < old->limit && covers(old, &fresh[low]);
}

int mapset_replace(struct mapset *s, const struct mapping *fresh, uint32_t n, uint64_t since_ns,
	uint64_t now_ns, uint32_t ceiling, uint64_t *forgotten)
{
	uint32_t more = n > s->n_live ? n - s->n_live : 0;
	struct mapping *old = s->live;
	uint32_t n_old = s->n_live;
	size_t old_bytes = s->live_room * sizeof(*old);
	struct mapping *now;
	int err = prepare(s, more, s->n_live, ceiling, forgotten);

	if (err)
		return err;
	old = s->live;
	old_bytes = s->live_room * sizeof(*old);
	now = calloc(n ? n : 1, sizeof(*now));
	if (!now)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		now[i] = merged(s, &fresh[i], since_ns, now_ns);
	s->ledger->mappings += n;
	for (uint32_t i = 0; i < n_old; i++) {
		if (continues(fresh, n, &old[i])) {
			s->ledger->mappings--;
			object_unref(old[i].object);
		} else {
			end_mapping(s, old[i], now_ns);
		}
	}
	s->ledger->bytes -= old_bytes;
	free(old);
	s->live = now;
	s->n_live = n;
	s->live_room = n ? n : 1;
	s->ledger->bytes += s->live_room * sizeof(*now);
	return 0;
}

/* ---- look-up ---------------------------------------------------------------------------- */

static int by_start_and_time(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

/* Sort the past when its unsorted tail has become long. Without memory it stays as it is. */
static void sort_past(struct mapset *s)
{
	uint64_t reach = 0;

	if (s->n_past - s->n_sorted <= PAST_UNSORTED + s->n_sorted / 16)
		return;
	if (make_room(s->ledger, (void **)&s->reach, &s->reach_room, s->n_past, sizeof(*s->reach)))
		return;
	qsort(s->past, s->n_past, sizeof(*s->past), by_start_and_time);
	for (uint32_t i = 0; i < s->n_past; i++) {
		if (s->past[i].limit > reach)
			reach = s->past[i].limit;
		s->reach[i] = reach;
	}
	s->n_sorted = s->n_past;
}

/* How many of the sorted past come at or before (start, from). */
static uint32_t past_until(const struct mapset *s, uint64_t start, uint64_t from_ns)
{
	const struct mapping key = {.start = start, .from_ns = from_ns};
	uint32_t low = 0, high = s->n_sorted;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (by_start_and_time(&s->past[middle], &key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool holds(const struct mapping *m, uint64_t address, uint64_t time_ns)
{
	return m->start <= address && address < m->limit && m->from_ns <= time_ns &&
	       time_ns < m->to_ns;
}

static const struct mapping *past_at(struct mapset *s, uint64_t address, uint64_t time_ns)
{
	uint32_t i;

	sort_past(s);
	for (i = s->n_sorted; i < s->n_past; i++)
		if (holds(&s->past[i], address, time_ns))
			return &s->past[i];
	i = past_until(s, address, UINT64_MAX);
	/* mappings that start at one address follow each other in time: one look for each start */
	while (i && s->reach[i - 1] > address) {
		uint64_t start = s->past[i - 1].start;
		uint32_t k = past_until(s, start, time_ns);

		if (k && s->past[k - 1].start == start && holds(&s->past[k - 1], address, time_ns))
			return &s->past[k - 1];
		if (!start)
			return NULL;
		i = past_until(s, start - 1, UINT64_MAX);
	}
	return NULL;
}

const struct mapping *mapset_at(struct mapset *s, uint64_t address, uint64_t time_ns)
{
	uint32_t at = live_find(s, address);

	if (at < s->n_live && holds(&s->live[at], address, time_ns))
		return &s->live[at];
	return s->n_past && time_ns < s->past_to_ns ? past_at(s, address, time_ns) : NULL;
}
