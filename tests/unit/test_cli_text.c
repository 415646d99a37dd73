// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "exits.h"
#include "json.h"
#include "private.h"
#include "progress.h"

static void assert_text(const struct buf *got, const char *expected)
{
	assert_false(got->failed);
	assert_int_equal(got->len, strlen(expected));
	assert_memory_equal(got->bytes, expected, got->len);
}

static void json_nests_objects_with_commas_where_they_belong(void **state)
{
	struct buf out = buf_with_ceiling(4096);
	struct json j = json_to(&out);

	(void)state;
	json_begin(&j, NULL);
	json_number(&j, "a", UINT64_MAX);
	json_begin(&j, "empty");
	json_end(&j);
	json_begin(&j, "o");
	json_number(&j, "b", 0);
	json_string(&j, "c", "d");
	json_end(&j);
	json_string(&j, "e", "");
	json_end(&j);
	assert_text(&out, "{\n\t\"a\": 18446744073709551615,\n\t\"empty\": {},\n\t\"o\": {\n"
			  "\t\t\"b\": 0,\n\t\t\"c\": \"d\"\n\t},\n\t\"e\": \"\"\n}\n");
	buf_fini(&out);
}

/* Expected values from RFC 8259 section 7 and Unicode table 3-7. */
static void json_strings_are_escaped_and_repaired(void **state)
{
	static const struct {
		const char *raw, *quoted;
	} cases[] = {
		{"plain", "plain"},
		{"a\"b", "a\\\"b"},
		{"a\\b", "a\\\\b"},
		{"a\nb\tc", "a\\u000ab\\u0009c"},
		{"\x1b[2J", "\\u001b[2J"},
		{"\x7f", "\\u007f"},
		{"\xc2\x85", "\\u0085"}, /* NEXT LINE, C1 */
		{"\xc2\x9b", "\\u009b"}, /* CSI, C1 */
		{"\xc2\xa0", "\xc2\xa0"},
		{"gr\xc3\xb6\xc3\x9f", "gr\xc3\xb6\xc3\x9f"},
		{"\xe2\x82\xac", "\xe2\x82\xac"},
		{"\xf0\x9f\x8e\x89", "\xf0\x9f\x8e\x89"},
		{"a\xff"
		 "b",
			"a\xef\xbf\xbd"
			"b"},
		{"\xe2\x82", "\xef\xbf\xbd"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = buf_with_ceiling(4096);
		struct json j = json_to(&out);
		char expected[256];

		(void)snprintf(expected, sizeof(expected), "{\n\t\"%s\": \"%s\"\n}\n",
			cases[i].quoted, cases[i].quoted);
		json_begin(&j, NULL);
		json_string(&j, cases[i].raw, cases[i].raw);
		json_end(&j);
		assert_text(&out, expected);
		buf_fini(&out);
	}
}

static void json_that_does_not_fit_says_so(void **state)
{
	struct buf out = buf_with_ceiling(8);
	struct json j = json_to(&out);

	(void)state;
	json_begin(&j, NULL);
	json_string(&j, "key", "value");
	json_end(&j);
	assert_true(out.failed);
	buf_fini(&out);
}

static void progress_tells_time_samples_and_losses(void **state)
{
	const struct progress_state s = {.elapsed_ns = 12340000000,
		.total_ns = 30000000000,
		.samples = 1234,
		.lost = 5,
		.late = 6};
	struct buf out = buf_with_ceiling(4096);

	(void)state;
	progress_text(&s, 200, &out);
	assert_text(&out, "12.3/30.0 s, 1234 samples, 5 lost, 6 late");
	buf_fini(&out);
}

static void progress_is_cut_to_its_width(void **state)
{
	const struct progress_state s = {.total_ns = 30000000000, .ending = true};
	static const char whole[] = "0.0/30.0 s, 0 samples, 0 lost, 0 late, ending";

	(void)state;
	for (unsigned columns = 0; columns <= sizeof(whole); columns++) {
		struct buf out = buf_with_ceiling(4096);
		size_t expected = columns < sizeof(whole) - 1 ? columns : sizeof(whole) - 1;

		buf_append_str(&out, "before");
		progress_text(&s, columns, &out);
		assert_int_equal(out.len, 6 + expected);
		assert_memory_equal(out.bytes + 6, whole, expected);
		buf_fini(&out);
	}
}

static void progress_never_passes_its_end(void **state)
{
	const struct progress_state s = {.elapsed_ns = UINT64_MAX, .total_ns = 1000000000};
	struct buf out = buf_with_ceiling(4096);

	(void)state;
	progress_text(&s, 9, &out);
	assert_text(&out, "1.0/1.0 s");
	buf_fini(&out);
}

static void progress_shows_nothing_where_there_is_no_terminal(void **state)
{
	const struct progress_state s = {.total_ns = 1000000000};
	struct progress p;
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	progress_init(&p, ends[1]);
	progress_show(&p, &s);
	progress_clear(&p);
	assert_int_equal(read(ends[0], &byte, 1), -1);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void errors_have_the_documented_exit_status(void **state)
{
	(void)state;
	assert_int_equal(exit_status_of(0), 0);
	assert_int_equal(exit_status_of(-EPROTO), 1);
	assert_int_equal(exit_status_of(-EPIPE), 1);
	assert_int_equal(exit_status_of(-EINVAL), 2);
	assert_int_equal(exit_status_of(-ESRCH), 3);
	assert_int_equal(exit_status_of(-EPERM), 4);
	assert_int_equal(exit_status_of(-EACCES), 4);
}

/* ---- where a private cprofd is looked for ----------------------------------------------- */

static char root[64];

static const char *under(const char *name)
{
	static char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void add(const char *name, mode_t mode)
{
	int fd = open(under(name), O_CREAT | O_WRONLY | O_EXCL, mode);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	(void)close(fd);
}

static void the_nearest_cprofd_is_taken(void **state)
{
	static const char *const dirs[] = {
		"bin", "sbin", "libexec", "libexec/cprofd", "lib", "lib/cprofd"};
	/* from the last choice to the first */
	static const char *const places[] = {
		"lib/cprofd/cprofd", "libexec/cprofd/cprofd", "sbin/cprofd", "bin/cprofd"};
	char exe[PATH_MAX], found[PATH_MAX];
	struct stat expected, got;

	(void)state;
	strcpy(root, "/tmp/test_cli_private.XXXXXX");
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(mkdir(under(dirs[i]), 0700), 0);
	strcpy(exe, under("bin/cprofctl"));
	assert_int_equal(private_find(exe, found, sizeof(found)), -ENOENT);
	for (size_t i = 0; i < 4; i++) {
		add(places[i], 0700);
		assert_int_equal(stat(under(places[i]), &expected), 0);
		assert_int_equal(private_find(exe, found, sizeof(found)), 0);
		assert_int_equal(stat(found, &got), 0);
		assert_int_equal(got.st_ino, expected.st_ino);
	}
	/* what can't be run does not count */
	assert_int_equal(chmod(under("bin/cprofd"), 0600), 0);
	assert_int_equal(private_find(exe, found, sizeof(found)), 0);
	assert_int_equal(stat(under("sbin/cprofd"), &expected), 0);
	assert_int_equal(stat(found, &got), 0);
	assert_int_equal(got.st_ino, expected.st_ino);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(unlink(under(places[i])), 0);
	for (size_t i = 6; i > 0; i--)
		assert_int_equal(rmdir(under(dirs[i - 1])), 0);
	assert_int_equal(rmdir(root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_nests_objects_with_commas_where_they_belong),
		cmocka_unit_test(json_strings_are_escaped_and_repaired),
		cmocka_unit_test(json_that_does_not_fit_says_so),
		cmocka_unit_test(progress_tells_time_samples_and_losses),
		cmocka_unit_test(progress_is_cut_to_its_width),
		cmocka_unit_test(progress_never_passes_its_end),
		cmocka_unit_test(progress_shows_nothing_where_there_is_no_terminal),
		cmocka_unit_test(errors_have_the_documented_exit_status),
		cmocka_unit_test(the_nearest_cprofd_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
