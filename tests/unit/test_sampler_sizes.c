// SPDX-License-Identifier: Apache-2.0
#include "sampler/sizes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sampler/record.h"

/* a record at its longest: 8 of the ring's, 80 of the header, 254 frames of 8 */
#define LONGEST 2120u

static void the_default_ring_holds_two_seconds_of_the_worst_case(void **state)
{
	(void)state;
	assert_int_equal(ring_bytes_per_s(99, 2), LONGEST * 198);
	/* 2 * 419760 = 839520 bytes: the next power of two */
	assert_int_equal(ring_bytes(0, 4096, 99, 2), 1u << 20);
	/* 64 CPUs at 999 Hz would be 271 MB: capped */
	assert_int_equal(ring_bytes(0, 4096, 999, 64), 4u << 20);
}

static void a_ring_that_was_asked_for_is_rounded_up_and_bounded(void **state)
{
	(void)state;
	assert_int_equal(ring_bytes(1, 4096, 99, 2), 4096);
	assert_int_equal(ring_bytes(16384, 4096, 99, 2), 16384);
	assert_int_equal(ring_bytes(16385, 4096, 99, 2), 32768);
	assert_int_equal(ring_bytes(1, 65536, 99, 2), 65536);
	assert_int_equal(ring_bytes((size_t)1 << 30, 4096, 99, 2), 1u << 30);
	assert_int_equal(ring_bytes(((size_t)1 << 30) + 1, 4096, 99, 2), 0);
	assert_int_equal(ring_bytes(SIZE_MAX, 4096, 99, 2), 0);
}

static void draining_is_timed_for_half_a_ring_of_the_worst_case(void **state)
{
	(void)state;
	/* half of 4 MiB at 2 * 999 * 2120 bytes a second: 495.1 ms */
	assert_in_range(ring_interval_ns(4u << 20, 999, 2), 495000000, 495200000);
	/* never more than a second */
	assert_int_equal(ring_interval_ns(4u << 20, 99, 2), 1000000000);
	/* nor less than a millisecond */
	assert_int_equal(ring_interval_ns(4096, 9999, 64), 1000000);
}

static void a_record_must_be_exactly_as_long_as_its_frames(void **state)
{
	union {
		struct abi_sample sample;
		__u64 words[10 + 256];
	} room = {.sample = {.n_kernel = 3, .n_user = 4}};

	(void)state;
	assert_true(record_is_whole(&room, 80 + 7 * 8));
	assert_false(record_is_whole(&room, 80 + 7 * 8 - 1));
	assert_false(record_is_whole(&room, 80 + 7 * 8 + 8));
	assert_false(record_is_whole(&room, 79));
	assert_false(record_is_whole(&room, 0));
	room.sample.n_kernel = 127;
	room.sample.n_user = 127;
	assert_true(record_is_whole(&room, 80 + 254 * 8));
	room.sample.n_kernel = 128;
	assert_false(record_is_whole(&room, 80 + 255 * 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_ring_holds_two_seconds_of_the_worst_case),
		cmocka_unit_test(a_ring_that_was_asked_for_is_rounded_up_and_bounded),
		cmocka_unit_test(draining_is_timed_for_half_a_ring_of_the_worst_case),
		cmocka_unit_test(a_record_must_be_exactly_as_long_as_its_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
