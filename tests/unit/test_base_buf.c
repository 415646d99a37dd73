// SPDX-License-Identifier: Apache-2.0
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* An allocation that cannot succeed returns NULL under the sanitizer as well. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void check_holds(const struct buf *b, const char *text)
{
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(b->bytes, text, b->len);
}

static void appends_follow_each_other(void **state)
{
	struct buf b = buf_with_ceiling(100);

	(void)state;
	assert_null(b.bytes);
	buf_append(&b, "ab", 2);
	buf_append(&b, NULL, 0);
	buf_append_str(&b, "cd");
	buf_append_str(&b, "");
	buf_printf(&b, "%d-%s", 42, "x");
	assert_false(b.failed);
	check_holds(&b, "abcd42-x");
	buf_fini(&b);
	assert_null(b.bytes);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void the_ceiling_can_be_reached_exactly_but_not_passed(void **state)
{
	struct buf b = buf_with_ceiling(5);

	(void)state;
	buf_append_str(&b, "12345");
	assert_false(b.failed);
	assert_int_equal(b.room, 5);
	buf_append(&b, "", 0);
	assert_false(b.failed);
	buf_append(&b, "6", 1);
	assert_true(b.failed);
	check_holds(&b, "12345");
	buf_fini(&b);
}

static void printf_reaches_the_ceiling_exactly_too(void **state)
{
	struct buf b = buf_with_ceiling(2000);

	(void)state;
	buf_printf(&b, "%*d", 2000, 7); /* longer than what is formatted in place */
	assert_false(b.failed);
	assert_int_equal(b.len, 2000);
	assert_int_equal(b.bytes[1998], ' ');
	assert_int_equal(b.bytes[1999], '7');
	buf_printf(&b, "%s", "");
	assert_false(b.failed);
	buf_printf(&b, "%d", 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 2000);
	buf_fini(&b);
}

static void printf_keeps_every_byte_around_the_size_it_formats_in_place(void **state)
{
	(void)state;
	for (int width = 505; width < 520; width++) {
		struct buf b = buf_with_ceiling(10000);

		buf_printf(&b, "%0*d|", width, 0);
		assert_int_equal(b.len, width + 1);
		assert_int_equal(b.bytes[width - 1], '0');
		assert_int_equal(b.bytes[width], '|');
		buf_fini(&b);
	}
}

static void a_refusal_latches_until_the_buf_is_cleared(void **state)
{
	struct buf b = buf_with_ceiling(4);

	(void)state;
	buf_append_str(&b, "abc");
	buf_append_str(&b, "de"); /* refused whole */
	buf_append_str(&b, "f");  /* would fit, but a gap must not go unseen */
	assert_true(b.failed);
	check_holds(&b, "abc");
	assert_null(buf_reserve(&b, 1));
	buf_clear(&b);
	assert_false(b.failed);
	buf_append_str(&b, "wxyz");
	assert_false(b.failed);
	check_holds(&b, "wxyz");
	buf_fini(&b);
}

static void memory_that_cannot_be_had_latches_as_well(void **state)
{
	struct buf b = buf_with_ceiling(SIZE_MAX);

	(void)state;
	buf_append_str(&b, "kept");
	assert_null(buf_reserve(&b, SIZE_MAX / 2));
	assert_true(b.failed);
	check_holds(&b, "kept");
	buf_clear(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_true(b.failed);
	buf_fini(&b);
}

static void what_is_reserved_counts_once_it_is_committed(void **state)
{
	struct buf b = buf_with_ceiling(1000);
	uint8_t *at;

	(void)state;
	assert_non_null(buf_reserve(&b, 0));
	at = buf_reserve(&b, 1000);
	assert_non_null(at);
	memset(at, 'x', 1000);
	assert_int_equal(b.len, 0);
	buf_commit(&b, 3);
	check_holds(&b, "xxx");
	assert_null(buf_reserve(&b, 998));
	buf_fini(&b);
}

static void consuming_keeps_the_rest(void **state)
{
	struct buf b = buf_with_ceiling(10);

	(void)state;
	buf_consume(&b, 5); /* nothing there */
	buf_append_str(&b, "0123456789");
	buf_consume(&b, 0);
	buf_consume(&b, 7);
	check_holds(&b, "789");
	buf_append_str(&b, "abcdefg"); /* the room is free again */
	assert_false(b.failed);
	check_holds(&b, "789abcdefg");
	buf_consume(&b, 11);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void a_buf_of_many_small_appends_holds_them_all(void **state)
{
	struct buf b = buf_with_ceiling(1 << 20);

	(void)state;
	for (uint32_t i = 0; i < 200000; i++)
		buf_append(&b, &(uint8_t){(uint8_t)(i % 251)}, 1);
	assert_false(b.failed);
	assert_int_equal(b.len, 200000);
	assert_true(b.room <= b.ceiling);
	for (uint32_t i = 0; i < 200000; i++)
		assert_int_equal(b.bytes[i], i % 251);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_follow_each_other),
		cmocka_unit_test(the_ceiling_can_be_reached_exactly_but_not_passed),
		cmocka_unit_test(printf_reaches_the_ceiling_exactly_too),
		cmocka_unit_test(printf_keeps_every_byte_around_the_size_it_formats_in_place),
		cmocka_unit_test(a_refusal_latches_until_the_buf_is_cleared),
		cmocka_unit_test(memory_that_cannot_be_had_latches_as_well),
		cmocka_unit_test(what_is_reserved_counts_once_it_is_committed),
		cmocka_unit_test(consuming_keeps_the_rest),
		cmocka_unit_test(a_buf_of_many_small_appends_holds_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
