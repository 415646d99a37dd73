// SPDX-License-Identifier: Apache-2.0
#include "profile/assemble.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "pprof/build.h"
#include "profile/comments.h"
#include "profile/names.h"
#include "tracker/object.h"

#define MAX_LABELS 5
#define MAX_DEPTH  256 /* two stacks of 127 frames, and one that explains */

/* Kernel addresses are the upper half of the address space. */
#define KERNEL_HALF 0xffff800000000000ull

struct assembly {
	const struct assemble_input *in;
	struct pprof_builder *builder;
	uint32_t *locations; /* by frame of the gather */
	uint32_t *mappings;  /* by mapping of the gather; PPROF_NONE until used */
	uint32_t kernel_unknown;
	VEC(struct nameless) nameless;
};

static void assembly_fini(struct assembly *a)
{
	pprof_builder_free(a->builder);
	free(a->locations);
	free(a->mappings);
	vec_fini(&a->nameless);
}

static void note_nameless(struct assembly *a, const char *filename, enum symbol_reason reason)
{
	struct nameless fresh = {.filename = filename, .reason = reason, .frames = 1};

	for (uint32_t i = 0; i < a->nameless.n; i++) {
		struct nameless *it = &a->nameless.at[i];

		if (it->reason == reason && strcmp(it->filename, filename) == 0) {
			it->frames++;
			return;
		}
	}
	(void)vec_push(&a->nameless, fresh, NAMELESS_MAX);
}

/* ---- mappings ---- */

static uint32_t user_mapping(struct assembly *a, uint32_t id, bool is_main)
{
	const struct gather_mapping *m = &a->in->gather->mappings.at[id];
	struct pprof_mapping out = {
		.start = m->start,
		.limit = m->limit,
		.offset = m->offset,
		.filename = mapping_filename(m->object),
		.build_id = m->object->build_id,
		.has_functions = a->in->job != NULL,
		.is_main = is_main,
	};

	if (a->mappings[id] != PPROF_NONE)
		return a->mappings[id];
	if (!out.build_id.len)
		out.build_id = symbols_build_id(a->in->symbols, m->object);
	return a->mappings[id] = pprof_mapping(a->builder, &out);
}

/* The named range of the kernel that holds `address`, NULL when none does. */
static const struct symbols_range *kernel_range(const struct assembly *a, uint64_t address)
{
	const struct symbols_range *ranges;
	size_t low = 0, high = symbols_kernel_ranges(a->in->symbols, &ranges);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (address < ranges[mid].start)
			high = mid;
		else if (address >= ranges[mid].limit)
			low = mid + 1;
		else
			return &ranges[mid];
	}
	return NULL;
}

static const char *kernel_name(const struct assembly *a, const struct symbols_range *range)
{
	const struct symbols_range *all;

	if (range)
		return range->name;
	return symbols_kernel_ranges(a->in->symbols, &all) ? KERNEL_UNKNOWN_NAME : KERNEL_NAME;
}

static uint32_t kernel_mapping(struct assembly *a, uint64_t address, const char **ret_filename)
{
	const struct symbols_range *range = kernel_range(a, address);
	struct pprof_mapping out = {
		.start = range ? range->start : KERNEL_HALF,
		.limit = range ? range->limit : UINT64_MAX,
		.filename = kernel_name(a, range),
		.has_functions = a->in->job != NULL,
	};

	*ret_filename = out.filename;
	return pprof_mapping(a->builder, &out);
}

/* ---- frames ---- */

/*
 * The function of a frame without a name. Where the kernel hides its addresses
 * from everybody, its frames are told apart by their address: one name for the
 * whole kernel would fold it into one frame.
 */
static uint32_t nameless_line(struct assembly *a, const struct gather_frame *f, uint64_t address,
	const char *filename, enum symbol_reason reason)
{
	char name[256];

	note_nameless(a, filename, reason);
	if (f->mapping == GATHER_KERNEL)
		(void)snprintf(name, sizeof(name), "0x%" PRIx64, address);
	else
		(void)nameless_function(filename, name, sizeof(name));
	return pprof_function(a->builder, name, name, "", 0);
}

/* Why a frame was not asked about. */
static enum symbol_reason unasked_reason(const struct gather *g, const struct gather_frame *f)
{
	const struct object *o;

	if (f->mapping == GATHER_NO_MAPPING)
		return SYMBOL_NO_MAPPING;
	o = g->mappings.at[f->mapping].object;
	return o->kind == OBJECT_ANON || o->kind == OBJECT_SPECIAL ? SYMBOL_ANONYMOUS
								   : SYMBOL_NO_OBJECT;
}

static uint32_t add_location(struct assembly *a, uint32_t index)
{
	const struct gather_frame *f = &a->in->gather->frames.at[index];
	const char *filename = "[unknown]";
	uint32_t mapping = PPROF_NONE;
	struct symbol symbol = {0};
	struct pprof_line line = {0};
	uint64_t address;

	if (a->in->job && a->in->slots[index] >= 0)
		symbol = symbols_job_result(a->in->job, a->in->slots[index]);
	else if (a->in->job)
		symbol.reason = unasked_reason(a->in->gather, f);
	/* a caller is one byte into its call instruction, unless the kernel put the address there
	 */
	address = f->address - (f->caller && !symbol.trampoline);
	if (f->mapping == GATHER_KERNEL) {
		mapping = kernel_mapping(a, address, &filename);
	} else if (f->mapping != GATHER_NO_MAPPING) {
		filename = mapping_filename(a->in->gather->mappings.at[f->mapping].object);
		mapping = user_mapping(a, f->mapping, false);
	}
	if (!a->in->job)
		return pprof_location(a->builder, mapping, address, NULL, 0);
	line.function = symbol.name
				? pprof_function(a->builder, symbol.name, symbol.system_name, "", 0)
				: nameless_line(a, f, address, filename, symbol.reason);
	return pprof_location(a->builder, mapping, address, &line, 1);
}

/* ---- frames that stand for something else ---- */

enum note {
	NOTE_NO_STACK = 1, /* also their addresses in the mapping [cprofd] */
	NOTE_LOST,
	NOTE_LIMIT,
};

static uint32_t note_location(struct assembly *a, enum note note)
{
	static const char *const names[] = {
		[NOTE_NO_STACK] = "[no stack]", [NOTE_LOST] = "[lost samples]"};
	struct pprof_mapping mapping = {.start = NOTE_NO_STACK,
		.limit = NOTE_LIMIT,
		.filename = "[cprofd]",
		.has_functions = true};
	struct pprof_line line = {
		.function = pprof_function(a->builder, names[note], names[note], "", 0)};

	return pprof_location(a->builder, pprof_mapping(a->builder, &mapping), note, &line, 1);
}

/* ---- samples ---- */

/* Numbers as text, for as long as a sample's labels are in use. */
struct label_text {
	char pid[16], tid[16], cpu[16];
	char comm[IMAGE_COMM_LEN + 1], thread_name[IMAGE_COMM_LEN + 1];
};

static size_t add_label(struct pprof_label *out, size_t n, const char *key, const char *value)
{
	out[n] = (struct pprof_label){.key = key, .value = value};
	return n + 1;
}

static size_t labels_of(const struct gather_labels *l, unsigned wanted, struct label_text *text,
	struct pprof_label *out)
{
	size_t n = 0;

	(void)snprintf(text->pid, sizeof(text->pid), "%" PRIu32, l->tgid);
	(void)snprintf(text->tid, sizeof(text->tid), "%" PRIu32, l->tid);
	(void)snprintf(text->cpu, sizeof(text->cpu), "%" PRIu32, l->cpu_plus_1 - 1);
	(void)snprintf(text->comm, sizeof(text->comm), "%.*s", IMAGE_COMM_LEN, l->comm);
	(void)snprintf(text->thread_name, sizeof(text->thread_name), "%.*s", IMAGE_COMM_LEN,
		l->thread_name);
	if (wanted & PROFILE_LABEL_PID)
		n = add_label(out, n, "pid", text->pid);
	if (wanted & PROFILE_LABEL_COMM)
		n = add_label(out, n, "comm", text->comm);
	if (wanted & PROFILE_LABEL_TID)
		n = add_label(out, n, "tid", text->tid);
	if (wanted & PROFILE_LABEL_THREAD_NAME)
		n = add_label(out, n, "thread_name", text->thread_name);
	if (wanted & PROFILE_LABEL_CPU)
		n = add_label(out, n, "cpu", text->cpu);
	return n;
}

static size_t add_stack(
	const struct assembly *a, const struct gather_stack *stack, uint32_t *out, size_t n)
{
	for (uint32_t i = 0; i < stack->n && n < MAX_DEPTH; i++)
		out[n++] = a->locations[a->in->gather->stack_frames.at[stack->at + i]];
	return n;
}

static int add_sample(struct assembly *a, const uint32_t *locations, size_t n,
	const struct pprof_label *labels, size_t n_labels, uint64_t count)
{
	const int64_t values[] = {(int64_t)count, (int64_t)(count * (NS_PER_S / a->in->hz))};

	return pprof_sample(a->builder, locations, n, labels, n_labels, values, 2);
}

static int add_group(struct assembly *a, const struct gather_group *group)
{
	const struct gather *g = a->in->gather;
	uint32_t locations[MAX_DEPTH];
	struct pprof_label labels[MAX_LABELS];
	struct label_text text;
	size_t n_labels =
		labels_of(&g->labels.at[group->labels], a->in->request->labels, &text, labels);
	size_t n = add_stack(a, &g->stacks.at[group->kernel], locations, 0);

	n = add_stack(a, &g->stacks.at[group->user], locations, n);
	if (!n)
		locations[n++] = note_location(a, NOTE_NO_STACK);
	return add_sample(a, locations, n, labels, n_labels, group->count);
}

/* What the whole host lost is what a whole-host profile lost. */
static int add_lost(struct assembly *a)
{
	uint32_t location;
	uint64_t lost = a->in->gather->no_room;

	if (a->in->request->all)
		lost += a->in->window->lost_all + a->in->window->evicted;
	if (!lost)
		return 0;
	location = note_location(a, NOTE_LOST);
	return add_sample(a, &location, 1, NULL, 0, lost);
}

/* ---- all together ---- */

static int assembly_init(struct assembly *a, const struct assemble_input *in)
{
	const struct gather *g = in->gather;
	int err = pprof_builder_new(NULL, &a->builder);

	a->in = in;
	a->locations = calloc(g->frames.n ? g->frames.n : 1, sizeof(*a->locations));
	a->mappings = malloc((g->mappings.n ? g->mappings.n : 1) * sizeof(*a->mappings));
	if (err || !a->locations || !a->mappings)
		return -ENOMEM;
	for (uint32_t i = 0; i < g->mappings.n; i++)
		a->mappings[i] = PPROF_NONE;
	return 0;
}

/* The program's own mapping comes first, whether or not a sample fell into it. */
static void add_program(struct assembly *a)
{
	const struct mapping *m = a->in->program ? image_main_mapping(a->in->program) : NULL;
	struct pprof_mapping out;

	if (!m)
		return;
	for (uint32_t i = 0; i < a->in->gather->mappings.n; i++) {
		const struct gather_mapping *it = &a->in->gather->mappings.at[i];

		if (it->object == m->object && it->start == m->start && it->limit == m->limit) {
			(void)user_mapping(a, i, true);
			return;
		}
	}
	out = (struct pprof_mapping){
		.start = m->start,
		.limit = m->limit,
		.offset = m->offset,
		.filename = mapping_filename(m->object),
		.build_id = m->object->build_id,
		.has_functions = a->in->job != NULL,
		.is_main = true,
	};
	if (!out.build_id.len)
		out.build_id = symbols_build_id(a->in->symbols, m->object);
	(void)pprof_mapping(a->builder, &out);
}

static int finish(struct assembly *a, struct buf *out)
{
	const struct profile_request *r = a->in->request;
	scoped(comments_fini) struct comments comments = {0};
	struct pprof_header header = {
		.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
		.period_type = {"cpu", "nanoseconds"},
		.period = (int64_t)(NS_PER_S / a->in->hz),
		.time_ns = (int64_t)r->from_unix_ns,
		.duration_ns = (int64_t)(r->to_ns - r->from_ns),
	};

	comments_write(&comments, a->in, a->nameless.at, a->nameless.n);
	header.comments = comments.lines;
	header.n_comments = comments.n;
	return pprof_finish(a->builder, &header, out);
}

int assemble_profile(const struct assemble_input *in, struct buf *out)
{
	scoped(assembly_fini) struct assembly a = {0};
	int err = assembly_init(&a, in);

	if (err)
		return err;
	add_program(&a);
	for (uint32_t i = 0; i < in->gather->frames.n; i++)
		a.locations[i] = add_location(&a, i);
	/* a frame without its function or mapping would be a lie */
	if (pprof_builder_refused(a.builder))
		return -ENOBUFS;
	for (uint32_t i = 0; !err && i < in->gather->groups.n; i++)
		err = add_group(&a, &in->gather->groups.at[i]);
	if (!err)
		err = add_lost(&a);
	return err ? err : finish(&a, out);
}
