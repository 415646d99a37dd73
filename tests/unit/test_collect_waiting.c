// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collect/waiting.h"

/* A sample with `n` user frames, each of the value `mark`. */
union room {
	struct abi_sample sample;
	uint8_t bytes[sizeof(struct abi_sample) + ABI_MAX_FRAMES * sizeof(uint64_t)];
};

static const struct abi_sample *make(union room *room, uint64_t time_ns, uint8_t n, uint64_t mark)
{
	memset(room, 0, sizeof(*room));
	room->sample.time_ns = time_ns;
	room->sample.n_user = n;
	for (unsigned i = 0; i < n; i++)
		memcpy(room->bytes + sizeof(struct abi_sample) + i * sizeof(mark), &mark,
			sizeof(mark));
	return &room->sample;
}

static void expect_next(struct waiting *w, uint64_t time_ns, uint8_t n, uint64_t mark)
{
	const struct abi_sample *s = waiting_first(w);

	assert_non_null(s);
	assert_int_equal(s->time_ns, time_ns);
	assert_int_equal(s->n_user, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(s->frames[i], mark);
	waiting_drop_first(w);
}

static void samples_leave_in_the_order_of_time(void **state)
{
	struct waiting w = {0};
	union room room;

	(void)state;
	assert_int_equal(waiting_add(&w, make(&room, 30, 2, 0xc)), 0);
	assert_int_equal(waiting_add(&w, make(&room, 10, 1, 0xa)), 0);
	assert_int_equal(waiting_add(&w, make(&room, 20, 0, 0xb)), 0);
	waiting_sort(&w);
	expect_next(&w, 10, 1, 0xa);
	expect_next(&w, 20, 0, 0xb);
	expect_next(&w, 30, 2, 0xc);
	assert_null(waiting_first(&w));
	waiting_fini(&w);
}

static void equal_times_keep_their_order(void **state)
{
	struct waiting w = {0};
	union room room;

	(void)state;
	assert_int_equal(waiting_add(&w, make(&room, 9, 1, 9)), 0);
	for (uint64_t i = 0; i < 20; i++)
		assert_int_equal(waiting_add(&w, make(&room, 5, 1, i)), 0);
	waiting_sort(&w);
	for (uint64_t i = 0; i < 20; i++)
		expect_next(&w, 5, 1, i);
	expect_next(&w, 9, 1, 9);
	waiting_fini(&w);
}

static void what_waits_survives_compaction(void **state)
{
	struct waiting w = {0};
	union room room;

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(waiting_add(&w, make(&room, 100 - i, (uint8_t)(i % 7), i)), 0);
	waiting_sort(&w);
	for (uint64_t i = 0; i < 40; i++)
		expect_next(&w, i + 1, (uint8_t)((99 - i) % 7), 99 - i);
	waiting_compact(&w);
	assert_int_equal(waiting_count(&w), 60);
	/* and takes part in the next sort */
	assert_int_equal(waiting_add(&w, make(&room, 50, 1, 0x50)), 0);
	waiting_sort(&w);
	for (uint64_t i = 40; i < 50; i++)
		expect_next(&w, i + 1, (uint8_t)((99 - i) % 7), 99 - i);
	expect_next(&w, 50, 1, 0x50);
	expect_next(&w, 51, (uint8_t)(49 % 7), 49);
	waiting_fini(&w);
}

static void a_full_waiting_room_refuses_and_goes_on(void **state)
{
	struct waiting w = {0};
	union room room;
	size_t n = 0;

	(void)state;
	while (waiting_add(&w, make(&room, n + 1, ABI_MAX_FRAMES, n)) == 0)
		n++;
	assert_int_equal(n, WAITING_LEAST / (sizeof(struct abi_sample) + ABI_MAX_FRAMES * 8));
	assert_int_equal(waiting_count(&w), n);
	waiting_sort(&w);
	expect_next(&w, 1, ABI_MAX_FRAMES, 0);
	while (waiting_first(&w))
		waiting_drop_first(&w);
	waiting_compact(&w);
	assert_int_equal(waiting_add(&w, make(&room, 7, 3, 7)), 0);
	expect_next(&w, 7, 3, 7);
	waiting_fini(&w);
}

/* Or a ring that the user made large to lose nothing would be emptied into nowhere. */
static void a_full_ring_finds_room(void **state)
{
	struct waiting w = {.ring_bytes = 8u << 20};
	union room room;
	size_t n = 0;

	(void)state;
	while (waiting_add(&w, make(&room, n + 1, ABI_MAX_FRAMES, n)) == 0)
		n++;
	assert_int_equal(n,
		(WAITING_LEAST + w.ring_bytes) / (sizeof(struct abi_sample) + ABI_MAX_FRAMES * 8));
	waiting_sort(&w);
	expect_next(&w, 1, ABI_MAX_FRAMES, 0);
	waiting_compact(&w);
	assert_int_equal(waiting_count(&w), n - 1);
	waiting_fini(&w);
}

static void an_emptied_room_gives_large_memory_back(void **state)
{
	struct waiting w = {0};
	union room room;

	(void)state;
	for (uint64_t i = 0; i < 8000; i++)
		assert_int_equal(waiting_add(&w, make(&room, i, ABI_MAX_FRAMES, i)), 0);
	assert_true(waiting_bytes(&w) > 8u << 20);
	while (waiting_first(&w))
		waiting_drop_first(&w);
	waiting_compact(&w);
	assert_true(waiting_bytes(&w) < 2u << 20);
	waiting_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_leave_in_the_order_of_time),
		cmocka_unit_test(equal_times_keep_their_order),
		cmocka_unit_test(what_waits_survives_compaction),
		cmocka_unit_test(a_full_waiting_room_refuses_and_goes_on),
		cmocka_unit_test(a_full_ring_finds_room),
		cmocka_unit_test(an_emptied_room_gives_large_memory_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
