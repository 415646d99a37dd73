// SPDX-License-Identifier: Apache-2.0
#include "unit/store_samples.h"

static void add_at(struct store *s, struct test_owner *owner, uint64_t time_ns)
{
	struct store_sample sample = test_sample(owner, time_ns, 1);

	assert_int_equal(store_add(s, &sample), 0);
}

static struct test_times window(const struct store *s, uint64_t from_ns, uint64_t to_ns)
{
	struct test_times times = {.n = 0};

	store_each(s, from_ns, to_ns, test_take_time, &times);
	return times;
}

static void a_window_holds_its_first_nanosecond_and_not_its_last(void **state)
{
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);
	struct test_times got;

	(void)state;
	add_at(s, &owner, 1000);
	add_at(s, &owner, 2000);
	add_at(s, &owner, 3000);
	got = window(s, 1000, 3000);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.at[0], 1000);
	assert_int_equal(got.at[1], 2000);
	assert_int_equal(window(s, 1001, 3001).n, 2);
	assert_int_equal(window(s, 1001, 2000).n, 0);
	assert_int_equal(window(s, 3000, 3001).n, 1);
	assert_int_equal(window(s, 3001, UINT64_MAX).n, 0);
	assert_int_equal(window(s, 0, 1000).n, 0);
	assert_int_equal(window(s, 2000, 2000).n, 0);
	store_free(s);
}

static void rows_come_in_the_order_they_were_added_when_time_steps_back(void **state)
{
	/* by a little, by more than a chunk can express, to the beginning of time, from its end */
	static const uint64_t times[] = {5000000000, 4999999000, 5000001000, 100000000000,
		4999999999, 200000000, 0, 3, 1ull << 62, 7, UINT64_MAX - 1, 9};
	enum {
		N = sizeof(times) / sizeof(times[0])
	};
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);
	struct test_times got;

	(void)state;
	for (size_t i = 0; i < N; i++)
		add_at(s, &owner, times[i]);
	got = window(s, 0, UINT64_MAX);
	assert_int_equal(got.n, N);
	assert_memory_equal(got.at, times, sizeof(times));
	got = window(s, 4999999000, 5000000000);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.at[0], 4999999000);
	assert_int_equal(got.at[1], 4999999999);
	assert_int_equal(window(s, 0, 1).n, 1);
	assert_int_equal(test_totals(s).oldest_ns, 0);
	store_free(s);
}

static void rows_a_minute_apart_keep_their_nanoseconds(void **state)
{
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);

	(void)state;
	for (uint64_t i = 0; i < 50; i++)
		add_at(s, &owner, i * 60000000000 + i);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t t = i * 60000000000 + i;
		struct test_times got = window(s, t, t + 1);

		assert_int_equal(got.n, 1);
		assert_int_equal(got.at[0], t);
	}
	store_free(s);
}

static bool take_two(void *ctx, const struct store_row *row)
{
	(void)row;
	return ++*(int *)ctx < 2;
}

static void a_reader_can_stop_early(void **state)
{
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);
	int n = 0;

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		add_at(s, &owner, i * 10000000000); /* a chunk each */
	store_each(s, 0, UINT64_MAX, take_two, &n);
	assert_int_equal(n, 2);
	store_free(s);
}

static void an_empty_store_has_no_rows_and_no_oldest_time(void **state)
{
	struct store *s = test_store(1 << 20);
	struct store_totals totals = test_totals(s);

	(void)state;
	assert_int_equal(window(s, 0, UINT64_MAX).n, 0);
	assert_int_equal(totals.oldest_ns, 0);
	assert_int_equal(totals.rows, 0);
	assert_int_equal(totals.stored, 0);
	store_free(s);
	store_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_window_holds_its_first_nanosecond_and_not_its_last),
		cmocka_unit_test(rows_come_in_the_order_they_were_added_when_time_steps_back),
		cmocka_unit_test(rows_a_minute_apart_keep_their_nanoseconds),
		cmocka_unit_test(a_reader_can_stop_early),
		cmocka_unit_test(an_empty_store_has_no_rows_and_no_oldest_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
