// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "report/report.h"

static const struct pprof_view_function leaf = {"leaf", "", "", 0}, top = {"main", "", "", 0};
static const struct pprof_view_line inlined[] = {{&leaf, 1}, {&top, 2}};
static const struct pprof_view_mapping libc = {1, 2, 0, "/lib/libc.so.6", ""};
static const struct pprof_view_location locations[] = {
	{&libc, 1, inlined, 2},
	{&libc, 2, NULL, 0},
	{NULL, 3, NULL, 0},
};
static const struct pprof_view_location *const stack[] = {
	&locations[0], &locations[1], &locations[2]};
static const char *types[][2] = {{"samples", "count"}, {"cpu", "nanoseconds"}};
static const int64_t values[] = {3, 30}, nothing[] = {0, 5};
static const struct pprof_view_sample samples[] = {
	{stack, 3, values, NULL, 0},
	{stack, 0, values, NULL, 0},
	{stack + 1, 2, nothing, NULL, 0},
};
static const struct pprof_view view = {
	.sample_types = types, .n_sample_types = 2, .samples = samples, .n_samples = 3};
static const struct pprof_view empty;

static void expect_folded(const struct pprof_view *v, const char *expected)
{
	struct buf out = buf_with_ceiling(1000);

	assert_int_equal(report_folded(v, &out), 0);
	buf_append(&out, "", 1);
	assert_string_equal((const char *)out.bytes, expected);
	buf_fini(&out);
}

static void expect_top(const struct pprof_view *v, bool cumulative, const char *expected)
{
	const struct report_top_options options = {.cumulative = cumulative};
	struct buf out = buf_with_ceiling(1000);

	assert_int_equal(report_top(v, &options, &out), 0);
	buf_append(&out, "", 1);
	assert_string_equal((const char *)out.bytes, expected);
	buf_fini(&out);
}

static void folded_has_inlined_frames_and_a_name_for_the_nameless(void **state)
{
	(void)state;
	expect_folded(&view, "[unknown] 3\n[unknown];[libc.so.6];main;leaf 3\n");
}

static void an_empty_profile_has_no_stacks_and_a_title(void **state)
{
	(void)state;
	expect_folded(&empty, "");
	expect_top(&empty, false, "nothing: 0, 0 samples\n");
}

static void top_shows_flat_of_the_leaf_alone(void **state)
{
	(void)state;
	expect_top(&view, false,
		"cpu: 65ns, 6 samples\n"
		"     flat   flat%       cum    cum%  function     object\n"
		"     30ns  46.15%      30ns  46.15%  leaf         libc.so.6\n"
		"      5ns   7.69%      35ns  53.85%  [libc.so.6]  libc.so.6\n"
		"        0   0.00%      35ns  53.85%  [unknown]\n"
		"        0   0.00%      30ns  46.15%  main         libc.so.6\n");
}

static void top_by_cum_breaks_ties_by_flat_and_name(void **state)
{
	(void)state;
	expect_top(&view, true,
		"cpu: 65ns, 6 samples\n"
		"     flat   flat%       cum    cum%  function     object\n"
		"      5ns   7.69%      35ns  53.85%  [libc.so.6]  libc.so.6\n"
		"        0   0.00%      35ns  53.85%  [unknown]\n"
		"     30ns  46.15%      30ns  46.15%  leaf         libc.so.6\n"
		"        0   0.00%      30ns  46.15%  main         libc.so.6\n");
}

static void a_full_buffer_is_an_error(void **state)
{
	const struct report_top_options options = {0};
	struct buf out = buf_with_ceiling(10);

	(void)state;
	assert_int_equal(report_folded(&view, &out), -ENOBUFS);
	buf_clear(&out);
	assert_int_equal(report_top(&view, &options, &out), -ENOBUFS);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folded_has_inlined_frames_and_a_name_for_the_nameless),
		cmocka_unit_test(an_empty_profile_has_no_stacks_and_a_title),
		cmocka_unit_test(top_shows_flat_of_the_leaf_alone),
		cmocka_unit_test(top_by_cum_breaks_ties_by_flat_and_name),
		cmocka_unit_test(a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
