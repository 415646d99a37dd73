// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "report/frames.h"
#include "report/names.h"
#include "report/report.h"

#define FRAME_TEXT_MAX PPROF_DECODE_MAX /* no name in a profile is longer */

/*
 * Frames are interned as text, stacks as the bytes of their frames' numbers, root
 * first; counts go by stack.
 */
struct folding {
	const struct pprof_view *v;
	struct names frames;
	struct names stacks;
	VEC(int64_t) counts;
	struct buf scratch; /* a frame's text as it is in the profile */
	struct buf clean;   /* and as it is printed */
	struct buf stack;   /* uint32_t numbers */
};

static const char *label_of(const struct pprof_view_sample *s, const char *key)
{
	for (size_t i = 0; i < s->n_labels; i++)
		if (strcmp(s->labels[i].key, key) == 0)
			return s->labels[i].value;
	return NULL;
}

/* C0, DEL, C1 (C2 80 .. C2 9F) and the separator become '_'; the text is UTF-8. */
static void append_clean(struct buf *out, const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool c1 = s[i] == 0xc2 && i + 1 < len && s[i + 1] < 0xa0;

		if (c1 || s[i] < 0x20 || s[i] == 0x7f || s[i] == ';')
			buf_append(out, "_", 1);
		else
			buf_append(out, &s[i], 1);
		i += c1;
	}
}

/* Put the frame in f->scratch on the stack. */
static int push_frame(struct folding *f)
{
	struct buf *clean = &f->clean;
	uint32_t frame;

	buf_clear(clean);
	append_clean(clean, f->scratch.bytes, f->scratch.len);
	if (f->scratch.failed || clean->failed)
		return -ENOMEM;
	if (!f->stack.len && clean->len && clean->bytes[0] == ' ')
		clean->bytes[0] = '_';
	frame = names_add(&f->frames, clean->bytes, clean->len);
	buf_append(&f->stack, &frame, sizeof(frame));
	return frame == NAMES_NONE || f->stack.failed ? -ENOMEM : 0;
}

static int push_location(struct folding *f, const struct pprof_view_location *l)
{
	for (size_t i = frames_of(l); i--;) {
		int err;

		buf_clear(&f->scratch);
		frame_name(l, i, &f->scratch);
		err = push_frame(f);
		if (err)
			return err;
	}
	return 0;
}

static int push_sample(struct folding *f, const struct pprof_view_sample *s)
{
	const char *comm = label_of(s, "comm"), *pid = label_of(s, "pid");
	int err = 0;

	buf_clear(&f->stack);
	if (comm && pid) {
		buf_clear(&f->scratch);
		buf_printf(&f->scratch, "%s (%s)", comm, pid);
		err = push_frame(f);
	}
	for (size_t i = s->n_locations; i-- && !err;)
		err = push_location(f, s->locations[i]);
	if (!err && !f->stack.len) {
		buf_clear(&f->scratch);
		buf_append_str(&f->scratch, "[unknown]");
		err = push_frame(f);
	}
	return err;
}

static int count_sample(struct folding *f, const struct pprof_view_sample *s)
{
	int err = push_sample(f, s);
	uint32_t stack = err ? NAMES_NONE : names_add(&f->stacks, f->stack.bytes, f->stack.len);
	int64_t sum;

	if (stack == NAMES_NONE)
		return -ENOMEM;
	if (stack == f->counts.n && !vec_push(&f->counts, 0, UINT32_MAX))
		return -ENOMEM;
	if (__builtin_add_overflow(f->counts.at[stack], s->values[0], &sum))
		sum = s->values[0] > 0 ? INT64_MAX : INT64_MIN;
	f->counts.at[stack] = sum;
	return 0;
}

/* As the lines would sort: frames have no ';' in them, so it decides where one ends. */
static int compare_frames(const struct folding *f, uint32_t a, bool last_a, uint32_t b, bool last_b)
{
	size_t len_a, len_b;
	const char *text_a = names_at(&f->frames, a, &len_a);
	const char *text_b = names_at(&f->frames, b, &len_b);
	size_t shared = len_a < len_b ? len_a : len_b;
	int order = memcmp(text_a, text_b, shared);

	if (order || (len_a == len_b && last_a == last_b))
		return order;
	if (len_a == shared)
		return last_a ? -1 : ';' - (len_b == shared ? 0 : (int)(uint8_t)text_b[shared]);
	return last_b ? 1 : (int)(uint8_t)text_a[shared] - ';';
}

static int compare_stacks(const void *a, const void *b, void *folding)
{
	const struct folding *f = folding;
	size_t len_a, len_b;
	const char *bytes_a = names_at(&f->stacks, *(const uint32_t *)a, &len_a);
	const char *bytes_b = names_at(&f->stacks, *(const uint32_t *)b, &len_b);
	size_t shared = len_a < len_b ? len_a : len_b;

	for (size_t at = 0; at < shared; at += sizeof(uint32_t)) {
		uint32_t frame_a, frame_b;
		bool last_a = at + sizeof(uint32_t) == len_a;
		bool last_b = at + sizeof(uint32_t) == len_b;

		memcpy(&frame_a, bytes_a + at, sizeof(frame_a));
		memcpy(&frame_b, bytes_b + at, sizeof(frame_b));
		if (frame_a != frame_b || last_a != last_b)
			return compare_frames(f, frame_a, last_a, frame_b, last_b);
	}
	return 0;
}

static void print_stack(const struct folding *f, uint32_t stack, struct buf *out)
{
	size_t len;
	const char *bytes = names_at(&f->stacks, stack, &len);

	for (size_t at = 0; at < len; at += sizeof(uint32_t)) {
		uint32_t frame;
		const char *text;
		size_t text_len;

		memcpy(&frame, bytes + at, sizeof(frame));
		text = names_at(&f->frames, frame, &text_len);
		if (at)
			buf_append(out, ";", 1);
		buf_append(out, text, text_len);
	}
	buf_printf(out, " %lld\n", (long long)f->counts.at[stack]);
}

static int print_all(struct folding *f, struct buf *out)
{
	uint32_t n = f->counts.n;
	scoped(scope_free) uint32_t *order = calloc(n + 1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), compare_stacks, f);
	for (uint32_t i = 0; i < n; i++)
		if (f->counts.at[order[i]])
			print_stack(f, order[i], out);
	return out->failed ? -ENOBUFS : 0;
}

static void folding_fini(struct folding *f)
{
	names_fini(&f->frames);
	names_fini(&f->stacks);
	vec_fini(&f->counts);
	buf_fini(&f->scratch);
	buf_fini(&f->clean);
	buf_fini(&f->stack);
}

int report_folded(const struct pprof_view *v, struct buf *out)
{
	scoped(folding_fini) struct folding f = {.v = v,
		.frames = names_new(),
		.stacks = names_new(),
		.scratch = buf_with_ceiling(FRAME_TEXT_MAX),
		.clean = buf_with_ceiling(FRAME_TEXT_MAX),
		.stack = buf_with_ceiling(FRAME_TEXT_MAX)};
	int err = 0;

	for (size_t i = 0; i < v->n_samples && !err; i++)
		err = count_sample(&f, &v->samples[i]);
	return err ? err : print_all(&f, out);
}
