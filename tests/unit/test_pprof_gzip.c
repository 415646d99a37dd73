// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "pprof/gzip.h"

/* printf 'hello, hello\n' | gzip -n9, from the gzip program */
static const uint8_t hello[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb,
	0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x00, 0x51, 0x5c, 0x00, 0xdb, 0x25, 0x26, 0x1f,
	0x0d, 0x00, 0x00, 0x00};
static const char text[] = "hello, hello\n";

static void a_member_is_expanded_up_to_the_ceiling_and_not_beyond(void **state)
{
	(void)state;
	for (size_t ceiling = 0; ceiling < 16; ceiling++) {
		struct buf out = buf_with_ceiling(ceiling);
		int err = gzip_expand(hello, sizeof(hello), &out);

		assert_int_equal(err, ceiling < strlen(text) ? -EFBIG : 0);
		assert_true(out.len <= ceiling);
		if (!err)
			assert_memory_equal(out.bytes, text, strlen(text));
		buf_fini(&out);
	}
}

static void every_cut_is_noticed(void **state)
{
	(void)state;
	for (size_t len = 0; len < sizeof(hello); len++) {
		struct buf out = buf_with_ceiling(100);

		assert_int_equal(gzip_expand(hello, len, &out), -EBADMSG);
		buf_fini(&out);
	}
}

static void large_input_makes_one_member_that_comes_back(void **state)
{
	static uint8_t noise[300000];
	struct buf out = buf_with_ceiling(1 << 20), back = buf_with_ceiling(sizeof(noise));
	struct gzip_writer w;
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	assert_int_equal(gzip_begin(&w, &out), 0);
	for (size_t at = 0; at < sizeof(noise); at += 100000)
		assert_int_equal(gzip_write(&w, noise + at, 100000, at == 200000), 0);
	gzip_end(&w);
	assert_true(gzip_is(out.bytes, out.len));
	assert_memory_equal(out.bytes + 4, "\0\0\0\0", 4); /* no time */
	assert_int_equal(out.bytes[9], 255);
	assert_int_equal(gzip_expand(out.bytes, out.len, &back), 0);
	assert_int_equal(back.len, sizeof(noise));
	assert_memory_equal(back.bytes, noise, sizeof(noise));
	buf_fini(&out);
	buf_fini(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_member_is_expanded_up_to_the_ceiling_and_not_beyond),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(large_input_makes_one_member_that_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
