// SPDX-License-Identifier: Apache-2.0
/*
 * ledger.h - what all images, mapsets and objects of a tracker cost together
 *
 * They may outlive the tracker, so the ledger is reference counted: whoever adds
 * to it holds a reference until it has taken everything off again. One thread.
 */
#ifndef CPROFD_TRACKER_LEDGER_H
#define CPROFD_TRACKER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ledger {
	uint32_t refs;
	uint64_t images, mappings;
	uint64_t objects, objects_open, objects_unreadable;
	size_t bytes;
	size_t max_bytes; /* nothing new is made above it */
};

/* One reference is the caller's. NULL when memory is out. */
struct ledger *ledger_new(size_t max_bytes);
struct ledger *ledger_ref(struct ledger *l);
void ledger_unref(struct ledger *l); /* NULL is accepted */

/* May `bytes` more be allocated? */
static inline bool ledger_has_room(const struct ledger *l, size_t bytes)
{
	return l->bytes <= l->max_bytes && bytes <= l->max_bytes - l->bytes;
}

#endif
