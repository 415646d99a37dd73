// SPDX-License-Identifier: Apache-2.0
/*
 * known.h - what the symbolizer was told about, and what it said
 *
 * One entry for an object (and one for the kernel) from the first question or
 * prefetch on. It holds a reference, so that the descriptor is there to be handed
 * over again after a restart. An object that nobody else refers to any more is
 * forgotten by known_sweep(), except one that was set aside: forgetting that would
 * mean to try it again.
 */
#ifndef CPROFD_SYMBOLS_KNOWN_H
#define CPROFD_SYMBOLS_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/build_id.h"
#include "base/idmap.h"
#include "base/vec.h"
#include "symbols/symbols.h"

#define KNOWN_KERNEL UINT32_MAX /* the kernel's number; objects are numbered by their id */
#define KNOWN_MAX    8192
#define KNOWN_ASIDE_KEPT                                                                           \
	256 /* set aside and referred to by nobody else: their descriptors stay open */

enum known_state {
	KNOWN_WAITING = 0, /* the running symbolizer has no index of it (yet) */
	KNOWN_INDEXED,     /* ask for names */
	KNOWN_HOPELESS,    /* no address of it will get a name: `reason` */
};

struct known {
	uint32_t number;       /* on the wire */
	struct object *object; /* referenced; NULL: the kernel */
	enum known_state state;
	enum symbol_reason
		reason; /* KNOWN_HOPELESS: SYMBOL_SET_ASIDE or what the symbolizer said */
	bool told;      /* the running symbolizer holds its number: it must be dropped there too */
	bool queued;    /* in the list of those to be added when there is nothing better to do */
	struct build_id build_id;
	uint64_t index_bytes; /* in the running symbolizer */
	TAILQ_ENTRY(known) link;
};

struct known_table {
	VEC(struct known *) all; /* entries don't move; NULL: a hole */
	uint32_t n_holes;
	struct idmap by_number;
	TAILQ_HEAD(, known) queue;
};

void known_init(struct known_table *t);
void known_fini(struct known_table *t);

struct known *known_find(const struct known_table *t, uint32_t number);

/*
 * The entry for `object` (NULL: the kernel), made on first sight, which takes a reference.
 * NULL at the ceiling or without memory.
 */
struct known *known_get(struct known_table *t, struct object *object);

/* Put it in line for being added; no effect when it is there or needs no adding. */
void known_queue(struct known_table *t, struct known *k);
void known_unqueue(struct known_table *t, struct known *k);

/* The symbolizer has gone and with it what it knew: all that it had are in line again. */
void known_forgotten(struct known_table *t);

/*
 * Forget what nobody else refers to, but not `busy`. `drop` is asked first where
 * the symbolizer has to be told; false: not now.
 */
void known_sweep(struct known_table *t, const struct known *busy,
	bool (*drop)(void *ctx, struct known *k), void *ctx);

uint32_t known_count(const struct known_table *t);
uint64_t known_index_bytes(const struct known_table *t);
size_t known_bytes(const struct known_table *t);

#endif
