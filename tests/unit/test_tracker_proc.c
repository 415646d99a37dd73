// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracker/procfs.h"

static struct procmaps_line parsed(char *line)
{
	struct procmaps_line out = {0};

	assert_int_equal(procmaps_line(line, strlen(line), &out), 0);
	return out;
}

static void assert_path(const struct procmaps_line *m, const char *want)
{
	assert_int_equal(m->path_len, strlen(want));
	assert_memory_equal(m->path, want, m->path_len);
}

static void a_line_of_maps_is_taken_apart(void **state)
{
	char line[] =
		"7f12a000-7f12b000 r-xp 00003000 fe:0a 9979659                    /usr/lib/x.so";
	struct procmaps_line m = parsed(line);

	(void)state;
	assert_int_equal(m.start, 0x7f12a000);
	assert_int_equal(m.limit, 0x7f12b000);
	assert_int_equal(m.offset, 0x3000);
	assert_true(m.executable);
	assert_int_equal(m.dev_major, 0xfe);
	assert_int_equal(m.dev_minor, 0x0a);
	assert_int_equal(m.inode, 9979659);
	assert_path(&m, "/usr/lib/x.so");
}

static void a_newline_is_the_only_byte_that_the_kernel_escapes(void **state)
{
	/* as Linux 6.18 shows a file named "a b\040c\d\te\nf" once it is unlinked */
	char line[] =
		"7f3157-7f3159 r-xp 00000000 fe:00 9979659   /tmp/a b\\040c\\d\te\\012f (deleted)";
	struct procmaps_line m = parsed(line);

	(void)state;
	assert_path(&m, "/tmp/a b\\040c\\d\te\nf");
}

static void anonymous_and_special_mappings_have_their_names(void **state)
{
	char anon[] = "7f0000000000-7f0000001000 rwxp 00000000 00:00 0 ";
	char bare[] = "7f0000000000-7f0000001000 rw-p 00000000 00:00 0";
	char vdso[] = "7ffd1000-7ffd3000 r-xp 00000000 00:00 0                          [vdso]";
	char high[] = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]";
	struct procmaps_line m = parsed(anon);

	(void)state;
	assert_int_equal(m.path_len, 0);
	m = parsed(bare);
	assert_false(m.executable);
	m = parsed(vdso);
	assert_path(&m, "[vdso]");
	m = parsed(high);
	assert_true(m.start == 0xffffffffff600000);
}

static void lines_that_make_no_sense_are_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"7f12a000",
		"7f12b000-7f12a000 r-xp 00003000 fe:0a 1 /x",
		"7f12a000-7f12a000 r-xp 00003000 fe:0a 1 /x",
		"17f12a0000000000-27f12a00000000000 r-xp 0 0:0 0 /x",
		"7f12a000-7f12b000 r-xp zz fe:0a 1 /x",
		"7f12a000-7f12b000 r-xp 00003000 fe0a 1 /x",
		"7f12a000-7f12b000 r-xp 00003000 fe:0a /x",
		"7f12a000-7f12b000 r-xp 00003000 fe:0a 1x /x",
		"7f12a000-7f12b000 r-xp 00003000 1000000ff:0a 1 /x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct procmaps_line m;
		char line[128];

		strcpy(line, lines[i]);
		if (procmaps_line(line, strlen(line), &m) != -EBADMSG)
			fail_msg("accepted: %s", lines[i]);
	}
}

static int count_line(void *ctx, const struct procmaps_line *line)
{
	size_t *lens = ctx;

	lens[0]++;
	lens[1] = line->path_len;
	return 0;
}

static void a_path_of_4096_newlines_fits_and_one_more_is_refused(void **state)
{
	struct maps_text *text = calloc(1, sizeof(*text));
	static char line[80 + 4 * 5000];
	uint64_t malformed = 0;
	size_t lens[2] = {0};

	(void)state;
	for (int n = 4096; n <= 5000; n += n == 4096 ? 1 : 903) {
		char *at = line + sprintf(line, "400000-401000 r-xp 0 08:01 5 ");

		for (int i = 0; i < n; i++)
			at += sprintf(at, "\\012");
		*at++ = '\n';
		/* in pieces, as read() may give them */
		for (char *p = line; p < at; p += 1000)
			assert_int_equal(
				maps_text_feed(text, p, at - p < 1000 ? (size_t)(at - p) : 1000,
					count_line, lens, &malformed),
				0);
	}
	assert_int_equal(lens[0], 1);
	assert_int_equal(lens[1], 4096);
	assert_int_equal(malformed, 2);
	free(text);
}

static void a_line_of_stat_is_taken_apart(void **state)
{
	static const char text[] =
		"4242 (a) (b\n) S 1 4242 4242 0 -1 4194560 5 6 0 0 7 8 9 10 20 0 3 0 "
		"53071872 5176 44 18446744073709551615 1\n";
	struct procstat s;

	(void)state;
	assert_int_equal(procstat_parse(text, sizeof(text) - 1, &s), 0);
	assert_string_equal(s.comm, "a) (b\n");
	assert_false(s.kernel_thread);
	assert_false(s.gone);
	assert_int_equal(s.n_threads, 3);
	assert_int_equal(s.start_ticks, 53071872);
}

static void a_kernel_thread_and_a_zombie_are_known_by_their_stat(void **state)
{
	static const char kthread[] = "12 (kworker/u8:0-events_unbound) I 2 0 0 0 -1 69238880 0 0 "
				      "0 0 0 0 0 0 20 0 1 0 27 0\n";
	static const char zombie[] = "9 (x) Z 1 9 9 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 99 0\n";
	static const char leader[] = "9 (x) Z 1 9 9 0 -1 4 0 0 0 0 0 0 0 0 20 0 2 0 99 0\n";
	struct procstat s;

	(void)state;
	assert_int_equal(procstat_parse(kthread, sizeof(kthread) - 1, &s), 0);
	assert_true(s.kernel_thread);
	assert_string_equal(s.comm, "kworker/u8:0-ev");
	assert_int_equal(procstat_parse(zombie, sizeof(zombie) - 1, &s), 0);
	assert_true(s.gone);
	assert_int_equal(procstat_parse(leader, sizeof(leader) - 1, &s), 0);
	assert_false(s.gone); /* other threads run on */
}

static void a_truncated_stat_is_refused(void **state)
{
	static const char text[] = "9 (x) Z 1 9 9 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 99";
	struct procstat s;

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 3; len++)
		assert_int_equal(procstat_parse(text, len, &s), -EBADMSG);
	assert_int_equal(procstat_parse(text, sizeof(text) - 1, &s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_maps_is_taken_apart),
		cmocka_unit_test(a_newline_is_the_only_byte_that_the_kernel_escapes),
		cmocka_unit_test(anonymous_and_special_mappings_have_their_names),
		cmocka_unit_test(lines_that_make_no_sense_are_refused),
		cmocka_unit_test(a_path_of_4096_newlines_fits_and_one_more_is_refused),
		cmocka_unit_test(a_line_of_stat_is_taken_apart),
		cmocka_unit_test(a_kernel_thread_and_a_zombie_are_known_by_their_stat),
		cmocka_unit_test(a_truncated_stat_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
