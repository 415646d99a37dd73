// SPDX-License-Identifier: Apache-2.0
/*
 * mapset.h - the executable mappings of one image, present and past
 *
 * Present mappings are disjoint and sorted by address; what was replaced moves to
 * the past with the time at which it ended. The kernel does not report munmap(),
 * so a mapping ends when another is made over it. At any time at most one mapping
 * holds an address.
 *
 * Shared between a process and its forks until one of them writes: call
 * mapset_own() before every change.
 */
#ifndef CPROFD_TRACKER_MAPSET_H
#define CPROFD_TRACKER_MAPSET_H

#include <stddef.h>
#include <stdint.h>

#include "tracker/image.h"
#include "tracker/ledger.h"

struct mapset {
	uint32_t refs;
	struct ledger *ledger;
	struct mapping *live; /* sorted by start, disjoint */
	uint32_t n_live, live_room;
	struct mapping *past; /* the first n_sorted by (start, from), the rest as they came */
	uint32_t n_past, past_room, n_sorted;
	uint64_t *reach; /* of past[0..n_sorted): the highest limit so far */
	uint32_t reach_room;
	uint64_t past_to_ns; /* when the youngest of the past ended */
	struct object *main; /* the program itself; NULL while unknown */
};

struct mapset *mapset_new(struct ledger *ledger); /* NULL when memory is out */
struct mapset *mapset_ref(struct mapset *s);
void mapset_unref(struct mapset *s); /* NULL is accepted */

/*
 * Make *slot the caller's alone, copied if it was shared, without what had ended
 * by `since_ns`. Returns 0, -ENOMEM or -ENOSPC; on failure *slot is as before.
 */
int mapset_own(struct mapset **slot, uint64_t since_ns);

/*
 * From m->from_ns on `m` is what is mapped there; what was there before ends then.
 * Mapping anew what is mapped already changes nothing. A reference to its object is
 * taken. At `ceiling` mappings, present and past, the older half of the past is
 * forgotten and added to *forgotten. Returns 0, -ENOMEM or -ENOSPC (nothing changed).
 */
int mapset_map(struct mapset *s, const struct mapping *m, uint32_t ceiling, uint64_t *forgotten);

/* Nothing executable is mapped in [start, limit) from `time_ns` on. Errors as mapset_map(). */
int mapset_unmap(struct mapset *s, uint64_t start, uint64_t limit, uint64_t time_ns,
	uint32_t ceiling, uint64_t *forgotten);

/*
 * /proc was read: `fresh`, sorted and disjoint, is all that is mapped at `now_ns`.
 * What was known stays as it was; what is not there any more ends now. What is new
 * is valid since `since_ns` or since the last change that was seen, so that it
 * answers for the sample that asked. Takes the references of `fresh`, not its memory.
 */
int mapset_replace(struct mapset *s, const struct mapping *fresh, uint32_t n, uint64_t since_ns,
	uint64_t now_ns, uint32_t ceiling, uint64_t *forgotten);

const struct mapping *mapset_at(struct mapset *s, uint64_t address, uint64_t time_ns);

#endif
