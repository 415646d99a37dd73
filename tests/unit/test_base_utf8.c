// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

/*
 * Made with Python: bytes, bytes.decode('utf-8', errors='replace').encode(), and
 * whether bytes.decode('utf-8') accepts them.
 */
static const struct {
	const char *bytes;
	size_t len;
	const char *repaired;
	size_t repaired_len;
	bool valid;
} table[] = {
	/* clang-format off */
	{"", 0, "", 0, true},
	{"\x70\x6c\x61\x69\x6e", 5, "\x70\x6c\x61\x69\x6e", 5, true},
	{"\x7f", 1, "\x7f", 1, true},
	{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, true},
	{"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 20, "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 20, true},
	{"\x80", 1, "\xef\xbf\xbd", 3, false},
	{"\xbf\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6, false},
	{"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6, false},
	{"\xc1\xbf", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6, false},
	{"\xc2", 1, "\xef\xbf\xbd", 3, false},
	{"\xc2\x41", 2, "\xef\xbf\xbd\x41", 4, false},
	{"\xc2\x80", 2, "\xc2\x80", 2, true},
	{"\xdf\xbf", 2, "\xdf\xbf", 2, true},
	{"\xe0\x80\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9, false},
	{"\xe0\x9f\xbf", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9, false},
	{"\xe0\xa0", 2, "\xef\xbf\xbd", 3, false},
	{"\xe0\xa0\x41", 3, "\xef\xbf\xbd\x41", 4, false},
	{"\xe0\xa0\x80", 3, "\xe0\xa0\x80", 3, true},
	{"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9, false},
	{"\xed\xbf\xbf", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9, false},
	{"\xed\x9f\xbf", 3, "\xed\x9f\xbf", 3, true},
	{"\xee\x80\x80", 3, "\xee\x80\x80", 3, true},
	{"\xef\xbf", 2, "\xef\xbf\xbd", 3, false},
	{"\xef\xbf\xbe", 3, "\xef\xbf\xbe", 3, true},
	{"\xf0\x80\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 12, false},
	{"\xf0\x8f\xbf\xbf", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 12, false},
	{"\xf0\x90\x80", 3, "\xef\xbf\xbd", 3, false},
	{"\xf0\x90\x80\x41", 4, "\xef\xbf\xbd\x41", 4, false},
	{"\xf0\x90\x80\xf0", 4, "\xef\xbf\xbd\xef\xbf\xbd", 6, false},
	{"\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf", 4, true},
	{"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 12, false},
	{"\xf5\x80\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 12, false},
	{"\xf8\x88\x80\x80\x80", 5, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 15, false},
	{"\xff\xfe", 2, "\xef\xbf\xbd\xef\xbf\xbd", 6, false},
	{"\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64", 13, "\x61\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x62\xef\xbf\xbd\x63\xef\xbf\xbd\xef\xbf\xbd\x64", 22, false},
	{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", 9, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\x41", 13, false},
	{"\xe2\x82\xac\xe2\x82", 5, "\xe2\x82\xac\xef\xbf\xbd", 6, false},
	{"\x6f\x6b\xed\xb0\x80\xf4\x8f\xbf\xc3\xa9", 10, "\x6f\x6b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9", 16, false},
	/* clang-format on */
};
enum {
	N_TABLE = sizeof(table) / sizeof(table[0])
};

static void what_python_decodes_is_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TABLE; i++)
		assert_int_equal(utf8_valid(table[i].bytes, table[i].len), table[i].valid);
}

static void repairs_are_those_of_python(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TABLE; i++) {
		struct buf b = buf_with_ceiling(1000);

		utf8_append_repaired(&b, table[i].bytes, table[i].len);
		assert_int_equal(b.len, table[i].repaired_len);
		if (b.len)
			assert_memory_equal(b.bytes, table[i].repaired, b.len);
		assert_true(utf8_valid((const char *)b.bytes, b.len));
		buf_fini(&b);
	}
}

static void a_nul_is_a_character_like_others(void **state)
{
	struct buf b = buf_with_ceiling(10);

	(void)state;
	assert_true(utf8_valid("a\0b", 3));
	utf8_append_repaired(&b, "a\0b", 3);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.bytes, "a\0b", 3);
	buf_fini(&b);
}

static void check_printable(const char *bytes, size_t len, const char *want)
{
	struct buf b = buf_with_ceiling(1000);

	utf8_append_printable(&b, bytes, len);
	assert_false(b.failed);
	assert_int_equal(b.len, strlen(want));
	if (b.len)
		assert_memory_equal(b.bytes, want, b.len);
	buf_fini(&b);
}

static void controls_and_backslashes_are_written_out(void **state)
{
	(void)state;
	check_printable("", 0, "");
	check_printable("plain ~", 7, "plain ~");
	check_printable(
		"\0\x01\t\n\x1b[31m\x1f \x7f", 12, "\\x00\\x01\\x09\\x0a\\x1b[31m\\x1f \\x7f");
	check_printable("a\\x41", 5, "a\\\\x41");
	/* U+0080, U+0085 and U+009F are controls, U+00A0 is a space, U+00E9 a letter */
	check_printable(
		"\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0\xc3\xa9", 10, "\\x80\\x85\\x9f\xc2\xa0\xc3\xa9");
	check_printable("\x9b"
			"31m",
		4,
		"\xef\xbf\xbd"
		"31m"); /* a bare C1 byte is no UTF-8 */
}

static void a_full_buf_latches(void **state)
{
	struct buf b = buf_with_ceiling(4);

	(void)state;
	utf8_append_repaired(&b,
		"ab\xff"
		"c",
		4);
	assert_true(b.failed);
	assert_int_equal(b.len, 2); /* no half of a replacement */
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_python_decodes_is_valid),
		cmocka_unit_test(repairs_are_those_of_python),
		cmocka_unit_test(a_nul_is_a_character_like_others),
		cmocka_unit_test(controls_and_backslashes_are_written_out),
		cmocka_unit_test(a_full_buf_latches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
