// SPDX-License-Identifier: Apache-2.0
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

struct pair {
	uint32_t a;
	uint64_t b;
};

static void elements_stay_what_they_were_as_the_array_grows(void **state)
{
	VEC(struct pair) v = {0};

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		assert_true(vec_push(&v, ((struct pair){i, ~(uint64_t)i}), 1u << 20));
	assert_int_equal(v.n, 10000);
	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(v.at[i].a, i);
		assert_true(v.at[i].b == ~(uint64_t)i);
	}
	vec_fini(&v);
	assert_null(v.at);
	assert_int_equal(v.n, 0);
	assert_int_equal(v.room, 0);
	vec_fini(&v);
}

static void the_ceiling_can_be_reached_but_not_passed(void **state)
{
	static const uint32_t ceilings[] = {1, 7, 8, 9, 100};

	(void)state;
	for (size_t c = 0; c < sizeof(ceilings) / sizeof(ceilings[0]); c++) {
		VEC(uint8_t) v = {0};

		for (uint32_t i = 0; i < ceilings[c]; i++)
			assert_true(vec_push(&v, (uint8_t)i, ceilings[c]));
		assert_false(vec_push(&v, 0, ceilings[c]));
		assert_int_equal(v.n, ceilings[c]);
		assert_int_equal(v.room, ceilings[c] < 8 ? ceilings[c] : v.room);
		assert_true(v.room <= ceilings[c]);
		vec_fini(&v);
	}
}

static void a_ceiling_of_nothing_allocates_nothing(void **state)
{
	VEC(int) v = {0};

	(void)state;
	assert_false(vec_push(&v, 1, 0));
	assert_null(v.at);
	vec_fini(&v);
}

static void an_element_can_be_pushed_again(void **state)
{
	VEC(uint64_t) v = {0};

	(void)state;
	assert_true(vec_push(&v, 42, 100));
	while (v.n < v.room) /* until the next one makes the array move */
		assert_true(vec_push(&v, 42, 100));
	assert_true(vec_push(&v, v.at[0], 100));
	assert_int_equal(v.at[v.n - 1], 42);
	vec_fini(&v);
}

static void memory_that_cannot_be_had_leaves_the_array_alone(void **state)
{
	uint64_t one = 1;
	void *at = &one;
	uint32_t room = 1;
	void *none = NULL;
	uint32_t no_room = 0;

	(void)state;
	assert_false(vec_room(&none, &no_room, 0, SIZE_MAX / 16, UINT32_MAX));
	assert_null(none);
	assert_int_equal(no_room, 0);
	assert_true(vec_room(&at, &room, 0, sizeof(one), 1)); /* enough already */
	assert_ptr_equal(at, &one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_stay_what_they_were_as_the_array_grows),
		cmocka_unit_test(the_ceiling_can_be_reached_but_not_passed),
		cmocka_unit_test(a_ceiling_of_nothing_allocates_nothing),
		cmocka_unit_test(an_element_can_be_pushed_again),
		cmocka_unit_test(memory_that_cannot_be_had_leaves_the_array_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
