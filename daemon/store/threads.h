// SPDX-License-Identifier: Apache-2.0
/*
 * threads.h - each distinct thread once, as long as a row uses it
 *
 * A thread is an owner, a tid and a name: one that renames itself becomes
 * another. Each keeps one reference to its owner, from its first row to its last.
 */
#ifndef CPROFD_STORE_THREADS_H
#define CPROFD_STORE_THREADS_H

#include <stddef.h>
#include <stdint.h>

#include "base/idmap.h"
#include "store/slots.h"
#include "store/store.h"

struct threads {
	struct slots slots;
	struct idmap index;
	void (*owner_ref)(void *owner);
	void (*owner_unref)(void *owner);
};

void threads_init(struct threads *t, void (*owner_ref)(void *), void (*owner_unref)(void *));

/* Every thread must have been released. */
void threads_fini(struct threads *t);

/* The number of this thread; IDMAP_NONE when it is not held. */
uint32_t threads_find(const struct threads *t, const struct store_thread *thread);

/* At most the bytes that threads_add() would allocate. */
size_t threads_need(const struct threads *t);

/*
 * Add a thread that threads_find() did not find, with a reference to its owner.
 * The caller holds it next. Returns 0 or -ENOMEM.
 */
int threads_add(struct threads *t, const struct store_thread *thread, uint32_t *ret_number);

/* One more row uses it; one less. With the last one it and its reference go. */
void threads_hold(struct threads *t, uint32_t number);
void threads_release(struct threads *t, uint32_t number);

/* Borrowed until the next thread is added, or this one released. */
const struct store_thread *threads_get(const struct threads *t, uint32_t number);

/* Bytes allocated. */
size_t threads_bytes(const struct threads *t);

#endif
