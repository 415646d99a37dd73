// SPDX-License-Identifier: Apache-2.0
#include "unit/store_samples.h"

#include <errno.h>
#include <malloc.h>

#define DEPTH 40 /* frames */

/* A sample whose user stack is the `n`th of all. */
static int add_distinct(struct store *s, struct test_owner *owner, uint64_t n, uint16_t depth)
{
	uint64_t frames[1000];
	struct store_sample sample = test_sample(owner, n, (uint32_t)(n % 50));

	for (uint16_t i = 0; i < depth; i++)
		frames[i] = n * 1000003 + i;
	sample.user_stack_id = n * 0x9e3779b97f4a7c15;
	sample.user_frames = frames;
	sample.n_user = depth;
	return store_add(s, &sample);
}

static void the_oldest_rows_go_first_and_are_counted(void **state)
{
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 18);
	struct test_times *times = test_calloc(1, sizeof(*times));
	struct store_totals totals;

	(void)state;
	for (uint64_t n = 1; n <= 5000; n++)
		assert_int_equal(add_distinct(s, &owner, n, DEPTH), 0);
	totals = test_totals(s);
	assert_int_equal(totals.stored, 5000);
	assert_int_equal(totals.refused, 0);
	assert_true(totals.evicted > 0);
	assert_int_equal(totals.rows + totals.evicted, totals.stored);
	assert_int_equal(totals.stacks, totals.rows); /* each row has its own */
	assert_int_equal(totals.oldest_ns, totals.evicted + 1);
	store_each(s, 0, UINT64_MAX, test_take_time, times);
	assert_int_equal(times->n, totals.rows);
	for (size_t i = 0; i < times->n; i++)
		assert_int_equal(times->at[i], totals.evicted + 1 + i);
	test_free(times);
	store_free(s);
	assert_int_equal(owner.refs, 0);
}

static void the_budget_holds_after_every_sample(void **state)
{
	static const size_t budgets[] = {16384, 65536, 300000, 4000000};
	struct test_owner owner = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		struct store *s = test_store(budgets[i]);

		for (uint64_t n = 1; n <= 40000; n++) {
			assert_int_equal(add_distinct(s, &owner, n, (uint16_t)(1 + n % 60)), 0);
			assert_true(test_totals(s).bytes <= budgets[i]);
		}
		/* and it is used, but for what a chunk or a larger array would take */
		assert_true(test_totals(s).bytes > budgets[i] / 3);
		store_free(s);
		assert_int_equal(owner.refs, 0);
	}
}

#ifndef __SANITIZE_ADDRESS__ /* which has a heap of its own */
static void the_account_is_what_the_heap_grew_by(void **state)
{
	struct test_owner owner = {0};
	struct mallinfo2 before = mallinfo2(), now;
	struct store *s = test_store(4 << 20);
	size_t bytes, heap;

	(void)state;
	for (uint64_t n = 1; n <= 30000; n++) {
		assert_int_equal(add_distinct(s, &owner, n, DEPTH), 0);
		if (n % 1000)
			continue;
		now = mallinfo2();
		heap = now.uordblks + now.hblkhd - before.uordblks - before.hblkhd;
		bytes = test_totals(s).bytes;
		assert_in_range(heap, bytes * 8 / 10, bytes * 12 / 10);
	}
	assert_true(test_totals(s).evicted > 0);
	store_free(s);
	now = mallinfo2();
	/* nothing stays but what malloc keeps at hand for this thread and calls in use */
	assert_in_range(now.uordblks + now.hblkhd - before.uordblks - before.hblkhd, 0, 65536);
}
#endif

static void a_sample_that_can_never_fit_is_refused_and_counted(void **state)
{
	struct test_owner owner = {0};
	struct store *s = test_store(8192);
	struct store_totals totals;

	(void)state;
	assert_int_equal(add_distinct(s, &owner, 1, 10), 0);
	assert_int_equal(add_distinct(s, &owner, 2, 1000), -ENOBUFS);
	totals = test_totals(s);
	assert_int_equal(totals.refused, 1);
	assert_int_equal(totals.stored, 1);
	assert_int_equal(totals.rows + totals.evicted, 1);
	assert_true(totals.bytes <= 8192);
	assert_int_equal(add_distinct(s, &owner, 3, 10), 0); /* life goes on */
	store_free(s);
	assert_int_equal(owner.refs, 0);
}

/* Whatever it is that finds no room, the thread, a stack or the chunk: nothing is kept. */
static void a_refused_sample_leaves_nothing_behind(void **state)
{
	unsigned n_refused = 0;

	(void)state;
	for (size_t budget = 0; budget < 12000; budget += 50) {
		struct test_owner owner = {0};
		struct store *s = test_store(budget);
		int r = add_distinct(s, &owner, 1, 30);
		struct store_totals totals = test_totals(s);

		assert_true(r == 0 || r == -ENOBUFS);
		assert_int_equal(totals.refused, r != 0);
		assert_int_equal(totals.threads, r == 0);
		assert_int_equal(totals.stacks, r == 0);
		assert_int_equal(totals.rows, r == 0);
		assert_int_equal(owner.refs, r == 0);
		n_refused += r != 0;
		store_free(s);
		assert_int_equal(owner.refs, 0);
	}
	assert_in_range(n_refused, 100, 200); /* a chunk alone is 5 KiB */
}

static void a_store_that_held_much_takes_what_a_fresh_one_takes(void **state)
{
	struct test_owner owner = {0};
	struct store *fresh = test_store(16384), *used = test_store(16384);
	uint16_t depth = 1;

	(void)state;
	while (depth < 1000 && !add_distinct(fresh, &owner, 50, depth + 1))
		depth++;
	assert_in_range(depth, 500, 1000);
	for (uint64_t n = 1; n < 3000; n++)
		assert_int_equal(add_distinct(used, &owner, n * 50, 1), 0);
	assert_int_equal(add_distinct(used, &owner, 50, depth), 0);
	store_free(fresh);
	store_free(used);
}

static void things_in_use_by_younger_rows_outlive_the_older_ones(void **state)
{
	static const uint64_t frames[] = {0xaaa, 0xbbb};
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 17);
	struct store_sample sample = test_sample(&owner, 0, 99);

	(void)state;
	sample.kernel_stack_id = 3;
	sample.kernel_frames = frames;
	sample.n_kernel = 2;
	for (uint64_t n = 1; n <= 20000; n++) {
		sample.time_ns = n;
		if (n % 64 == 0)
			assert_int_equal(store_add(s, &sample), 0);
		else
			assert_int_equal(add_distinct(s, &owner, n, 20), 0);
		if (n > 1000) /* in every chunk there are some of it */
			assert_true(owner.refs == 51);
	}
	assert_true(test_totals(s).evicted > 10000);
	store_free(s);
	assert_int_equal(owner.refs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_rows_go_first_and_are_counted),
		cmocka_unit_test(the_budget_holds_after_every_sample),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(the_account_is_what_the_heap_grew_by),
#endif
		cmocka_unit_test(a_sample_that_can_never_fit_is_refused_and_counted),
		cmocka_unit_test(a_refused_sample_leaves_nothing_behind),
		cmocka_unit_test(a_store_that_held_much_takes_what_a_fresh_one_takes),
		cmocka_unit_test(things_in_use_by_younger_rows_outlive_the_older_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
