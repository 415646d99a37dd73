// SPDX-License-Identifier: Apache-2.0
#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void numbers_are_little_endian(void **state)
{
	static const uint8_t bytes[] = {
		0x81, 0x02, 0x83, 4, 5, 6, 0x87, 8, 9, 10, 11, 12, 13, 14, 0x8f};
	struct cursor c = cursor_over(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u8(&c), 0x81);
	assert_int_equal(cursor_u16le(&c), 0x8302);
	assert_int_equal(cursor_u32le(&c), 0x87060504);
	assert_int_equal(cursor_u64le(&c), 0x8f0e0d0c0b0a0908 & UINT64_MAX);
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.failed);
}

static void a_read_across_the_end_latches_and_yields_zero(void **state)
{
	static const uint8_t bytes[] = {0xff, 0xff, 0xff};
	struct cursor c = cursor_over(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cursor_u32le(&c), 0);
	assert_true(c.failed);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0); /* though there is one */
	assert_int_equal(cursor_uleb128(&c), 0);
	assert_true(cursor_take(&c, 0).failed);
}

static void an_empty_cursor_needs_no_bytes(void **state)
{
	struct cursor c = cursor_over(NULL, 0);
	struct cursor none;

	(void)state;
	assert_int_equal(cursor_left(&c), 0);
	none = cursor_take(&c, 0);
	assert_false(none.failed);
	assert_false(c.failed);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.failed);
}

static void taking_splits_the_bytes(void **state)
{
	static const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	struct cursor part = cursor_take(&c, 3);

	(void)state;
	assert_int_equal(cursor_left(&part), 3);
	assert_int_equal(cursor_left(&c), 2);
	assert_int_equal(cursor_u8(&part), 1);
	assert_int_equal(cursor_u32le(&part), 0); /* bytes of the whole are not the part's */
	assert_true(part.failed);
	assert_int_equal(cursor_u16le(&c), 0x0504);
	assert_false(c.failed);
}

static void taking_too_much_fails_both(void **state)
{
	static const uint8_t bytes[] = {1, 2};
	struct cursor c = cursor_over(bytes, sizeof(bytes));
	struct cursor part = cursor_take(&c, SIZE_MAX);

	(void)state;
	assert_true(c.failed);
	assert_true(part.failed);
	assert_int_equal(cursor_u8(&part), 0);
}

/* Numbers and encodings from the DWARF 5 standard, figure 22 in section 7.6, and its rules. */
static void uleb128_reads_what_dwarf_writes(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint64_t value;
	} cases[] = {
		{"\x02", 1, 2},
		{"\x7f", 1, 127},
		{"\x80\x01", 2, 128},
		{"\x81\x01", 2, 129},
		{"\xb9\x64", 2, 12857},
		{"\x00", 1, 0},
		{"\x80\x80\x00", 3, 0},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10, 1ull << 63},
		{"\x85\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 13, 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cursor c = cursor_over(cases[i].bytes, cases[i].len);

		assert_int_equal(cursor_uleb128(&c), cases[i].value);
		assert_false(c.failed);
		assert_int_equal(cursor_left(&c), 0);
	}
}

static void uleb128_refuses_what_64_bits_cannot_hold(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"\x80", 1}, /* no end */
		{"", 0},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cursor c = cursor_over(cases[i].bytes, cases[i].len);

		assert_int_equal(cursor_uleb128(&c), 0);
		assert_true(c.failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(a_read_across_the_end_latches_and_yields_zero),
		cmocka_unit_test(an_empty_cursor_needs_no_bytes),
		cmocka_unit_test(taking_splits_the_bytes),
		cmocka_unit_test(taking_too_much_fails_both),
		cmocka_unit_test(uleb128_reads_what_dwarf_writes),
		cmocka_unit_test(uleb128_refuses_what_64_bits_cannot_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
