// SPDX-License-Identifier: Apache-2.0
#include "profile/gather.h"

#include <stdlib.h>
#include <string.h>

#include "collect/collect.h"
#include "store/store.h"
#include "tracker/object.h"

/* Ceilings: a profile of more than this is refused by every consumer anyway. */
#define MAX_FRAMES       (1u << 21)
#define MAX_MAPPINGS     (1u << 18)
#define MAX_STACK_FRAMES (1u << 25)
#define MAX_STACKS       (1u << 20)
#define MAX_LABELS       (1u << 18)
#define MAX_GROUPS       (1u << 20)
#define MAX_IMAGES       (1u << 17)

#define EMPTY_STACK 0

/* A stack of the store, resolved; good for rows whose time lies in [from_ns, to_ns). */
struct gather_known {
	const struct image *image; /* NULL: a kernel stack */
	uint32_t store_stack;
	uint32_t stack;
	bool broken; /* cut at an address that is no code */
	uint64_t from_ns, to_ns;
};

struct gather_image {
	struct image *image; /* a reference */
	uint64_t samples;
};

/* What a pass over the rows carries along. */
struct pass {
	struct gather *g;
	struct profile_request *request;
	const struct store *store;
};

void gather_fini(struct gather *g)
{
	for (uint32_t i = 0; i < g->mappings.n; i++)
		object_unref(g->mappings.at[i].object);
	for (uint32_t i = 0; i < g->n_images; i++)
		image_unref(g->images[i].image);
	vec_fini(&g->frames);
	vec_fini(&g->mappings);
	vec_fini(&g->stack_frames);
	vec_fini(&g->stacks);
	vec_fini(&g->labels);
	vec_fini(&g->groups);
	free(g->known);
	free(g->images);
	idmap_fini(&g->frame_ids);
	idmap_fini(&g->mapping_ids);
	idmap_fini(&g->label_ids);
	idmap_fini(&g->group_ids);
	idmap_fini(&g->known_ids);
	idmap_fini(&g->image_ids);
	*g = (struct gather){0};
}

/* ---- mappings and frames ---- */

static bool same_mapping(const void *owner, uint32_t id, const void *key)
{
	const struct gather_mapping *a = &((const struct gather *)owner)->mappings.at[id];
	const struct gather_mapping *b = key;

	return a->object == b->object && a->start == b->start && a->limit == b->limit &&
	       a->offset == b->offset;
}

uint32_t gather_mapping_id(struct gather *g, const struct mapping *m)
{
	struct gather_mapping fresh = {
		.start = m->start, .limit = m->limit, .offset = m->offset, .object = m->object};
	const uint64_t key[] = {m->start, m->limit, m->offset, m->object->id};
	uint64_t hash = idmap_hash(key, sizeof(key));
	uint32_t id = idmap_find(&g->mapping_ids, hash, same_mapping, g, &fresh);

	if (id != IDMAP_NONE)
		return id;
	if (!vec_push(&g->mappings, fresh, MAX_MAPPINGS))
		return GATHER_NO_MAPPING;
	if (idmap_add(&g->mapping_ids, hash, g->mappings.n - 1)) {
		g->mappings.n--;
		return GATHER_NO_MAPPING;
	}
	(void)object_ref(m->object);
	return g->mappings.n - 1;
}

static bool same_frame(const void *owner, uint32_t id, const void *key)
{
	const struct gather_frame *a = &((const struct gather *)owner)->frames.at[id];
	const struct gather_frame *b = key;

	return a->address == b->address && a->mapping == b->mapping && a->caller == b->caller;
}

static uint32_t frame_id(struct gather *g, const struct gather_frame *frame)
{
	const uint64_t key[] = {frame->address, frame->mapping, frame->caller};
	uint64_t hash = idmap_hash(key, sizeof(key));
	uint32_t id = idmap_find(&g->frame_ids, hash, same_frame, g, frame);

	if (id != IDMAP_NONE)
		return id;
	if (!vec_push(&g->frames, *frame, MAX_FRAMES))
		return IDMAP_NONE;
	if (idmap_add(&g->frame_ids, hash, g->frames.n - 1)) {
		g->frames.n--;
		return IDMAP_NONE;
	}
	return g->frames.n - 1;
}

/* ---- stacks ---- */

/* Narrow the time for which a resolved stack is good by what one of its mappings says. */
static void narrow(struct gather_known *known, const struct mapping *m)
{
	if (m->from_ns > known->from_ns)
		known->from_ns = m->from_ns;
	if (m->to_ns < known->to_ns)
		known->to_ns = m->to_ns;
}

/* The frame for `address`, user or kernel; the mapping is looked up as of `time_ns`. */
static struct gather_frame resolve(struct gather *g, struct gather_known *known, uint64_t address,
	bool caller, uint64_t time_ns)
{
	struct gather_frame frame = {
		.address = address, .mapping = GATHER_KERNEL, .caller = caller};
	const struct mapping *m;

	if (!known->image)
		return frame;
	m = image_mapping_at(known->image, address - caller, time_ns);
	if (m) {
		narrow(known, m);
		frame.mapping = gather_mapping_id(g, m);
	} else {
		/* it may be mapped at another time: good for this sample only */
		known->from_ns = time_ns;
		known->to_ns = time_ns + 1;
		frame.mapping = GATHER_NO_MAPPING;
	}
	return frame;
}

/*
 * A return address outside all code means that the walk has left the chain of frame
 * pointers: what it found beyond is garbage as well. Not so at the leaf, nor when
 * the process's mappings are not known.
 */
static bool walk_is_lost(const struct gather_known *known, const struct gather_frame *frame)
{
	return frame->mapping == GATHER_NO_MAPPING && frame->caller && !known->image->maps_unknown;
}

/* Resolve the frames of a store's stack into a new stack. False at a ceiling. */
static bool add_stack(
	struct gather *g, struct gather_known *known, struct store_stack stack, uint64_t time_ns)
{
	struct gather_stack fresh = {.at = g->stack_frames.n};

	while (fresh.n < stack.n) {
		uint64_t address = stack.frames[fresh.n];
		struct gather_frame frame;
		uint32_t id;

		/* the chain led into zeroes: an end, and no address of anything */
		if (fresh.n && !address)
			break;
		frame = resolve(g, known, address, fresh.n > 0, time_ns);
		id = frame_id(g, &frame);
		if (id == IDMAP_NONE || !vec_push(&g->stack_frames, id, MAX_STACK_FRAMES))
			return false;
		fresh.n++;
		known->broken = walk_is_lost(known, &frame);
		if (known->broken)
			break;
	}
	if (!vec_push(&g->stacks, fresh, MAX_STACKS))
		return false;
	known->stack = g->stacks.n - 1;
	return true;
}

static bool same_known(const void *owner, uint32_t id, const void *key)
{
	const struct gather_known *a = &((const struct gather *)owner)->known[id];
	const struct gather_known *b = key;

	return a->image == b->image && a->store_stack == b->store_stack &&
	       b->from_ns >= a->from_ns && b->from_ns < a->to_ns;
}

/*
 * The stack of `g` for one of the store's: resolved once for each image and each
 * time in which all its mappings stood. IDMAP_NONE at a ceiling.
 */
static uint32_t stack_id(struct pass *p, const struct image *image, uint32_t store_stack_no,
	uint64_t time_ns, bool *ret_broken)
{
	struct gather *g = p->g;
	struct gather_known key = {
		.image = image, .store_stack = store_stack_no, .from_ns = time_ns};
	const uint64_t bytes[] = {(uintptr_t)image, store_stack_no};
	uint64_t hash = idmap_hash(bytes, sizeof(bytes));
	uint32_t id;

	if (!store_stack_no)
		return EMPTY_STACK;
	id = idmap_find(&g->known_ids, hash, same_known, g, &key);
	if (id != IDMAP_NONE) {
		*ret_broken = g->known[id].broken;
		return g->known[id].stack;
	}
	if (!vec_room(
		    (void **)&g->known, &g->known_room, g->n_known, sizeof(*g->known), MAX_STACKS))
		return IDMAP_NONE;
	key.from_ns = 0;
	key.to_ns = UINT64_MAX;
	if (!add_stack(g, &key, store_stack(p->store, store_stack_no), time_ns) ||
		idmap_add(&g->known_ids, hash, g->n_known))
		return IDMAP_NONE;
	g->known[g->n_known++] = key;
	*ret_broken = key.broken;
	return key.stack;
}

/* ---- labels and groups ---- */

static bool same_labels(const void *owner, uint32_t id, const void *key)
{
	return memcmp(&((const struct gather *)owner)->labels.at[id], key,
		       sizeof(struct gather_labels)) == 0;
}

static uint32_t labels_id(struct gather *g, const struct gather_labels *labels)
{
	uint64_t hash = idmap_hash(labels, sizeof(*labels));
	uint32_t id = idmap_find(&g->label_ids, hash, same_labels, g, labels);

	if (id != IDMAP_NONE)
		return id;
	if (!vec_push(&g->labels, *labels, MAX_LABELS))
		return IDMAP_NONE;
	if (idmap_add(&g->label_ids, hash, g->labels.n - 1)) {
		g->labels.n--;
		return IDMAP_NONE;
	}
	return g->labels.n - 1;
}

/* memset, not an initializer: padding is compared too. */
static void fill_labels(struct gather_labels *l, unsigned wanted, const struct image *image,
	const struct store_thread *thread, unsigned cpu)
{
	memset(l, 0, sizeof(*l));
	if (wanted & PROFILE_LABEL_PID)
		l->tgid = image->tgid;
	if (wanted & PROFILE_LABEL_TID)
		l->tid = thread->tid;
	if (wanted & PROFILE_LABEL_CPU)
		l->cpu_plus_1 = cpu + 1;
	if (wanted & PROFILE_LABEL_COMM)
		memcpy(l->comm, image->comm, sizeof(l->comm));
	if (wanted & PROFILE_LABEL_THREAD_NAME)
		memcpy(l->thread_name, thread->name, sizeof(l->thread_name));
}

static bool same_group(const void *owner, uint32_t id, const void *key)
{
	const struct gather_group *a = &((const struct gather *)owner)->groups.at[id];
	const struct gather_group *b = key;

	return a->labels == b->labels && a->kernel == b->kernel && a->user == b->user;
}

static bool count_group(struct gather *g, struct gather_group group)
{
	const uint32_t key[] = {group.labels, group.kernel, group.user};
	uint64_t hash = idmap_hash(key, sizeof(key));
	uint32_t id = idmap_find(&g->group_ids, hash, same_group, g, &group);

	if (id != IDMAP_NONE) {
		g->groups.at[id].count++;
		return true;
	}
	group.count = 1;
	if (!vec_push(&g->groups, group, MAX_GROUPS))
		return false;
	if (idmap_add(&g->group_ids, hash, g->groups.n - 1)) {
		g->groups.n--;
		return false;
	}
	return true;
}

/* ---- images ---- */

static bool same_image(const void *owner, uint32_t id, const void *key)
{
	return ((const struct gather *)owner)->images[id].image == key;
}

/* Count a sample of `image` and keep it alive: resolved stacks are known by its address. */
static bool count_image(struct gather *g, struct image *image)
{
	const uint64_t key = (uintptr_t)image;
	uint64_t hash = idmap_hash(&key, sizeof(key));
	uint32_t id = idmap_find(&g->image_ids, hash, same_image, g, image);

	if (id == IDMAP_NONE) {
		id = g->n_images;
		if (!vec_room((void **)&g->images, &g->images_room, id, sizeof(*g->images),
			    MAX_IMAGES) ||
			idmap_add(&g->image_ids, hash, id))
			return false;
		g->images[g->n_images++] = (struct gather_image){.image = image_ref(image)};
	}
	g->images[id].samples++;
	return true;
}

const struct image *gather_main_image(const struct gather *g)
{
	const struct gather_image *best = NULL;

	for (uint32_t i = 0; i < g->n_images; i++) {
		const struct gather_image *it = &g->images[i];

		if (it->image->kernel_thread)
			continue;
		if (!best || it->samples > best->samples ||
			(it->samples == best->samples && it->image->tgid < best->image->tgid))
			best = it;
	}
	return best ? best->image : NULL;
}

/* ---- the pass ---- */

static void count_flags(struct gather *g, unsigned flags)
{
	g->user_stale += !!(flags & ROW_USER_STALE);
	g->kernel_cut += !!(flags & ROW_KERNEL_CUT);
	g->user_cut += !!(flags & ROW_USER_CUT);
	g->kernel_error += !!(flags & ROW_KERNEL_ERROR);
	g->user_error += !!(flags & ROW_USER_ERROR);
}

static bool add_row(struct pass *p, const struct store_row *row, struct image *image,
	const struct store_thread *thread)
{
	struct gather *g = p->g;
	struct gather_group group;
	struct gather_labels labels;
	bool broken = false;

	/* first: a resolved stack is known by its image's address, so the image must stay */
	if (!count_image(g, image))
		return false;
	fill_labels(&labels, p->request->labels, image, thread, row->cpu);
	group.kernel = stack_id(p, NULL, row->kernel_stack, row->time_ns, &broken);
	group.user = stack_id(p, image, row->user_stack, row->time_ns, &broken);
	group.labels = labels_id(g, &labels);
	if (group.kernel == IDMAP_NONE || group.user == IDMAP_NONE || group.labels == IDMAP_NONE ||
		!count_group(g, group))
		return false;
	g->broken += broken;
	return true;
}

static bool on_row(void *ctx, const struct store_row *row)
{
	struct pass *p = ctx;
	const struct store_thread *thread = store_thread(p->store, row->thread);
	struct image *image = thread->owner;

	/* other events are other requests' own frequencies */
	if (row->event != 0)
		return true;
	if (!p->request->all && !profile_request_match(p->request, image))
		return true;
	if (p->request->all && !p->request->include_self && row->flags & ROW_SELF) {
		p->g->self++;
		return true;
	}
	if (!add_row(p, row, image, thread)) {
		p->g->no_room++;
		return true;
	}
	p->g->samples++;
	count_flags(p->g, row->flags);
	return true;
}

void gather_rows(struct gather *g, struct profile_request *r, const struct store *s)
{
	struct pass pass = {.g = g, .request = r, .store = s};
	struct gather_stack empty = {0};

	if (!vec_push(&g->stacks, empty, MAX_STACKS))
		return;
	store_each(s, r->from_ns, r->to_ns, on_row, &pass);
}
