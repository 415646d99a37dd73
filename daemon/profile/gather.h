// SPDX-License-Identifier: Apache-2.0
/*
 * gather.h - the rows of a window, as stacks of places in files
 *
 * The first half of building a profile: the store's rows become groups (labels,
 * kernel stack, user stack) with a count, and addresses become frames: a mapping
 * as it was at the sample's time, and an address in it. Afterwards neither the
 * store nor the tracker is needed any more, however long the names take.
 */
#ifndef CPROFD_PROFILE_GATHER_H
#define CPROFD_PROFILE_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/idmap.h"
#include "base/vec.h"
#include "profile/request.h"
#include "tracker/image.h"

struct store;

#define GATHER_NO_MAPPING UINT32_MAX /* a user address that nothing mapped explains */
#define GATHER_KERNEL                                                                              \
	(UINT32_MAX - 1) /* a kernel address: its mapping is known by the symbolizer */

struct gather_frame {
	uint64_t address; /* as sampled, or the return address as it stands */
	uint32_t mapping; /* index into mappings, or one of the above */
	bool caller;      /* a return address */
};

struct gather_mapping {
	uint64_t start, limit, offset;
	struct object *object; /* a reference */
};

/* Frames [at, at + n) of stack_frames, leaf first. */
struct gather_stack {
	uint32_t at, n;
};

/* Only the labels that were asked for are set; the rest is zero, so that equal means equal. */
struct gather_labels {
	uint32_t tgid, tid;
	uint32_t cpu_plus_1;
	char comm[IMAGE_COMM_LEN];
	char thread_name[IMAGE_COMM_LEN];
};

struct gather_group {
	uint32_t labels;       /* index */
	uint32_t kernel, user; /* stacks, index; stack 0 is empty */
	uint64_t count;
};

struct gather {
	VEC(struct gather_frame) frames;
	VEC(struct gather_mapping) mappings;
	VEC(uint32_t) stack_frames; /* indices into frames */
	VEC(struct gather_stack) stacks;
	VEC(struct gather_labels) labels;
	VEC(struct gather_group) groups;
	struct idmap frame_ids, mapping_ids, label_ids, group_ids;

	/* stacks of the store that were resolved already */
	struct gather_known *known;
	uint32_t n_known, known_room;
	struct idmap known_ids;

	/* how much each image ran, to find the main program */
	struct gather_image *images;
	uint32_t n_images, images_room;
	struct idmap image_ids;

	uint64_t samples; /* in the groups */
	uint64_t self;    /* left out: the daemon's own */
	uint64_t user_stale, kernel_cut, user_cut, kernel_error, user_error; /* of those samples */
	uint64_t broken;  /* of those samples: user stack cut at an address that is no code */
	uint64_t no_room; /* samples of the selection that met a ceiling here */
};

/*
 * Read the window and the selection of `r` from `s`. Learns start times in r.
 * `g` starts as the zero value; release with gather_fini() in any case.
 */
void gather_rows(struct gather *g, struct profile_request *r, const struct store *s);
void gather_fini(struct gather *g);

/*
 * The image with most samples, NULL when there are none. Borrowed.
 * Ties go to the lower PID, so that equal data gives an equal answer.
 */
const struct image *gather_main_image(const struct gather *g);

/* Index of a mapping, added when it is new; GATHER_NO_MAPPING at the ceiling. */
uint32_t gather_mapping_id(struct gather *g, const struct mapping *m);

#endif
