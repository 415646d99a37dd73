// SPDX-License-Identifier: Apache-2.0
#include "unit/store_samples.h"

struct rows {
	struct store_row at[64];
	size_t n;
};

static bool take_row(void *ctx, const struct store_row *row)
{
	struct rows *rows = ctx;

	rows->at[rows->n++] = *row;
	return true;
}

static struct rows rows_of(const struct store *s)
{
	struct rows rows = {.n = 0};

	store_each(s, 0, UINT64_MAX, take_row, &rows);
	return rows;
}

static void check_frames(struct store_stack got, const uint64_t *frames, uint32_t n)
{
	assert_int_equal(got.n, n);
	assert_memory_equal(got.frames, frames, n * sizeof(*frames));
}

static void a_row_gives_back_everything_that_was_added(void **state)
{
	static const uint64_t kernel[] = {0xffffffff81000010, 0xffffffff81000020};
	static const uint64_t user[] = {0x401000, 0x402000, 0x403000};
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);
	struct store_sample sample = {.time_ns = 12345678901234,
		.owner = &owner,
		.tid = 4711,
		.thread_name = "sixteen bytes!!", /* fifteen and a NUL */
		.kernel_stack_id = 0xdead,
		.user_stack_id = 0xbeef,
		.kernel_frames = kernel,
		.user_frames = user,
		.n_kernel = 2,
		.n_user = 3,
		.cpu = 65535,
		.event = 255,
		.flags = 254};
	const struct store_thread *thread;
	struct rows rows;

	(void)state;
	assert_int_equal(store_add(s, &sample), 0);
	rows = rows_of(s);
	assert_int_equal(rows.n, 1);
	assert_int_equal(rows.at[0].time_ns, 12345678901234);
	assert_int_equal(rows.at[0].cpu, 65535);
	assert_int_equal(rows.at[0].event, 255);
	assert_int_equal(rows.at[0].flags, 254);
	check_frames(store_stack(s, rows.at[0].kernel_stack), kernel, 2);
	check_frames(store_stack(s, rows.at[0].user_stack), user, 3);
	thread = store_thread(s, rows.at[0].thread);
	assert_ptr_equal(thread->owner, &owner);
	assert_int_equal(thread->tid, 4711);
	assert_memory_equal(thread->name, "sixteen bytes!!", 16);
	assert_int_equal(store_stack(s, 0).n, 0);
	store_free(s);
}

static void equal_things_share_a_number_and_others_do_not(void **state)
{
	static const uint64_t frames[] = {1, 2, 3};
	struct test_owner a = {0}, b = {0};
	struct store *s = test_store(1 << 20);
	struct store_sample sample = test_sample(&a, 1, 7);
	struct store_totals totals;
	struct rows rows;

	(void)state;
	sample.user_frames = frames;
	sample.user_stack_id = 9;
	sample.n_user = 3;
	assert_int_equal(store_add(s, &sample), 0);
	assert_int_equal(store_add(s, &sample), 0);
	sample.tid = 8;
	assert_int_equal(store_add(s, &sample), 0);
	sample.owner = &b;
	assert_int_equal(store_add(s, &sample), 0);
	sample.thread_name[15] = 'x'; /* the last byte counts, and any byte may stand before it */
	sample.thread_name[8] = '\xff';
	assert_int_equal(store_add(s, &sample), 0);
	rows = rows_of(s);
	totals = test_totals(s);
	assert_int_equal(totals.threads, 4);
	assert_int_equal(totals.stacks, 1);
	assert_int_equal(rows.at[0].thread, rows.at[1].thread);
	for (size_t i = 1; i < 5; i++)
		for (size_t j = i + 1; j < 5; j++)
			assert_int_not_equal(rows.at[i].thread, rows.at[j].thread);
	assert_int_equal(a.refs, 2);
	assert_int_equal(b.refs, 2);
	store_free(s);
	assert_int_equal(a.refs, 0);
	assert_int_equal(b.refs, 0);
}

static void stacks_whose_ids_collide_stay_two_stacks(void **state)
{
	static const uint64_t one[] = {1, 2, 3}, other[] = {1, 2, 4}, longer[] = {1, 2, 3, 4};
	static const struct store_stack stacks[] = {{3, one}, {3, other}, {4, longer}, {2, one}};
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);
	struct rows rows;

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 4; i++) {
			struct store_sample sample = test_sample(&owner, i, 1);

			sample.user_stack_id = 42;
			sample.user_frames = stacks[i].frames;
			sample.n_user = (uint16_t)stacks[i].n;
			assert_int_equal(store_add(s, &sample), 0);
		}
	rows = rows_of(s);
	assert_int_equal(test_totals(s).stacks, 4);
	for (unsigned i = 0; i < 8; i++)
		check_frames(store_stack(s, rows.at[i].user_stack), stacks[i % 4].frames,
			stacks[i % 4].n);
	store_free(s);
}

static void a_stack_without_frames_is_the_empty_stack_whatever_its_id(void **state)
{
	static const uint64_t frame = 77;
	struct test_owner owner = {0};
	struct store *s = test_store(1 << 20);
	struct store_sample sample = test_sample(&owner, 1, 1);
	struct rows rows;

	(void)state;
	sample.kernel_stack_id = 5;
	sample.user_stack_id = 0; /* a hash may well be 0 */
	sample.user_frames = &frame;
	sample.n_user = 1;
	assert_int_equal(store_add(s, &sample), 0);
	rows = rows_of(s);
	assert_int_equal(rows.at[0].kernel_stack, 0);
	assert_int_not_equal(rows.at[0].user_stack, 0);
	check_frames(store_stack(s, rows.at[0].user_stack), &frame, 1);
	assert_int_equal(test_totals(s).stacks, 1);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_gives_back_everything_that_was_added),
		cmocka_unit_test(equal_things_share_a_number_and_others_do_not),
		cmocka_unit_test(stacks_whose_ids_collide_stay_two_stacks),
		cmocka_unit_test(a_stack_without_frames_is_the_empty_stack_whatever_its_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
