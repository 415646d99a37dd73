// SPDX-License-Identifier: Apache-2.0
/*
 * store.h - samples, kept exactly, within a budget
 *
 * A row is 20 bytes: a time, a thread, two stacks, a CPU, an event and flags.
 * Threads and stacks are interned and counted by the rows that use them, so they
 * go with the last of these. Rows live in chunks in the order of time; when the
 * budget is reached the oldest chunk is evicted, and counted. Any number of
 * readers look at any windows: reading changes nothing.
 *
 * The store knows no symbols and no processes: a thread belongs to an owner,
 * an opaque pointer that the store keeps alive through two callbacks.
 *
 * Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef CPROFD_STORE_STORE_H
#define CPROFD_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_BUDGET_DEFAULT (24u << 20) /* bytes */
#define STORE_BUDGET_MAX                                                                           \
	(64ull << 30)     /* a larger one counts as this: numbers of rows are 32 bits */
#define STORE_NAME_LEN 16 /* a comm, with its NUL */

struct store_options {
	size_t budget_bytes; /* rows, chunks, stacks, threads and their indices, allocator overhead
				included */
	void (*owner_ref)(void *owner);
	void (*owner_unref)(void *owner);
};

/* What a caller adds. */
struct store_sample {
	uint64_t time_ns;
	void *owner; /* the process image it belongs to; a reference is taken */
	uint32_t tid;
	char thread_name[STORE_NAME_LEN]; /* NUL-padded, any bytes */
	uint64_t kernel_stack_id;         /* hash of the frames; 0 for none */
	uint64_t user_stack_id;
	const uint64_t *kernel_frames; /* leaf first; borrowed during the call */
	const uint64_t *user_frames;
	uint16_t n_kernel, n_user;
	uint16_t cpu;
	uint8_t event;
	uint8_t flags; /* the caller's own, given back as they are */
};

struct store_stack {
	uint32_t n;
	const uint64_t *frames; /* leaf first */
};

struct store_thread {
	void *owner;
	uint32_t tid;
	char name[STORE_NAME_LEN];
};

/*
 * One row as a reader sees it. The numbers are stable names within one
 * store_each() call: equal numbers, equal things.
 */
struct store_row {
	uint64_t time_ns;
	uint32_t thread;
	uint32_t kernel_stack, user_stack; /* 0: the empty stack */
	uint16_t cpu;
	uint8_t event, flags;
};

struct store_totals {
	uint64_t stored;  /* rows ever added */
	uint64_t refused; /* samples that found no room even after evicting everything else, or no
			     memory */
	uint64_t evicted; /* rows that made room for younger ones */
	uint64_t rows, stacks, threads; /* held now */
	size_t bytes;                   /* held now, by the store's own account; <= budget */
	uint64_t oldest_ns;             /* time of the oldest row held; 0 when empty */
};

int store_new(const struct store_options *options, struct store **ret);
void store_free(struct store *s);

/*
 * Add a sample. Times may step back a little (records of several CPUs): a
 * row keeps its exact time, and store_each() finds it by that.
 * Returns 0; -ENOBUFS or -ENOMEM when it was refused (counted).
 */
int store_add(struct store *s, const struct store_sample *sample);

/*
 * Call `each` for every row with from_ns <= time < to_ns, in the order they
 * were added; it must not add to the store. Stops early when `each` returns false.
 */
void store_each(const struct store *s, uint64_t from_ns, uint64_t to_ns,
	bool (*each)(void *ctx, const struct store_row *row), void *ctx);

/* What a row's numbers stand for; borrowed until the next store_add() or eviction. */
struct store_stack store_stack(const struct store *s, uint32_t stack);
const struct store_thread *store_thread(const struct store *s, uint32_t thread);

void store_totals(const struct store *s, struct store_totals *ret);

#endif
