// SPDX-License-Identifier: Apache-2.0
/*
 * waiting.h - samples between the ring and the horizon
 *
 * Samples come out of the ring nearly in the order of time (the CPUs share it);
 * this is where they wait, whole, until their time is safely past. Bounded: it takes
 * what a full ring holds beside WAITING_LEAST, and no more.
 */
#ifndef CPROFD_COLLECT_WAITING_H
#define CPROFD_COLLECT_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "base/buf.h"
#include "base/vec.h"

#define WAITING_LEAST (16u << 20) /* bytes of records */

struct waiting_place {
	uint64_t time_ns;
	uint32_t at; /* offset into `records` */
};

/* The zero value is empty. */
struct waiting {
	size_t ring_bytes; /* of the ring that fills it: room beside WAITING_LEAST */
	struct buf records;
	VEC(struct waiting_place) places; /* in order of time once sorted */
	uint32_t first;                   /* places before it are done */
};

void waiting_fini(struct waiting *w);

/* Copy a sample in. Returns 0 or -ENOBUFS. */
int waiting_add(struct waiting *w, const struct abi_sample *sample);

/* Put what was added into the order of time; samples of equal time keep their order. */
void waiting_sort(struct waiting *w);

/* The earliest sample, or NULL; borrowed until something is added or compacted. */
const struct abi_sample *waiting_first(const struct waiting *w);
void waiting_drop_first(struct waiting *w);

/* Give back the room of what was dropped. */
void waiting_compact(struct waiting *w);

size_t waiting_count(const struct waiting *w);
size_t waiting_bytes(const struct waiting *w);

#endif
