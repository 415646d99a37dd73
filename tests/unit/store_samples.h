// SPDX-License-Identifier: Apache-2.0
/*
 * store_samples.h - samples for the store's tests, and readers of what it holds
 */
#ifndef CPROFD_TESTS_STORE_SAMPLES_H
#define CPROFD_TESTS_STORE_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"

/* An owner that counts its references. */
struct test_owner {
	int refs;
};

static inline void test_owner_ref(void *owner)
{
	((struct test_owner *)owner)->refs++;
}

static inline void test_owner_unref(void *owner)
{
	struct test_owner *o = owner;

	assert_true(o->refs > 0);
	o->refs--;
}

static inline struct store *test_store(size_t budget_bytes)
{
	struct store_options options = {.budget_bytes = budget_bytes,
		.owner_ref = test_owner_ref,
		.owner_unref = test_owner_unref};
	struct store *s;

	assert_int_equal(store_new(&options, &s), 0);
	return s;
}

/* A sample at `time_ns` of thread `tid`, without stacks. */
static inline struct store_sample test_sample(
	struct test_owner *owner, uint64_t time_ns, uint32_t tid)
{
	return (struct store_sample){
		.time_ns = time_ns, .owner = owner, .tid = tid, .thread_name = "worker"};
}

/* What a window holds: the times of its rows, in their order. */
struct test_times {
	uint64_t at[4096];
	size_t n;
};

static inline bool test_take_time(void *ctx, const struct store_row *row)
{
	struct test_times *times = ctx;

	assert_true(times->n < sizeof(times->at) / sizeof(times->at[0]));
	times->at[times->n++] = row->time_ns;
	return true;
}

static inline struct store_totals test_totals(const struct store *s)
{
	struct store_totals totals;

	store_totals(s, &totals);
	return totals;
}

#endif
