// SPDX-License-Identifier: Apache-2.0
#include "sampler/cputime.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000000ull

/* two CPUs and a gap, in the words of proc(5) */
static const char stat_text[] = "cpu  2601 0 2591 296100 1048 0 52 12 0 0\n"
				"cpu0 736 0 813 149540 30 0 11 2 0 0\n"
				"cpu3 1864 0 1778 146560 1017 0 40 9 0 0\n"
				"intr 237433 0 0 0\n"
				"ctxt 492256\n";

static int parse(const char *text, struct cputime *ret)
{
	return cputime_parse(text, strlen(text), 100, ret);
}

static void idle_and_iowait_are_added_up_in_nanoseconds(void **state)
{
	struct cputime t = {0};

	(void)state;
	assert_int_equal(parse(stat_text, &t), 0);
	assert_int_equal(t.cpus.n, 4);
	assert_true(t.cpus.at[0].online);
	assert_int_equal(t.cpus.at[0].idle_ns, 1495700000000);
	assert_false(t.cpus.at[1].online);
	assert_false(t.cpus.at[2].online);
	assert_true(t.cpus.at[3].online);
	assert_int_equal(t.cpus.at[3].idle_ns, 1475770000000);
	cputime_fini(&t);
}

static void a_cut_or_malformed_line_is_refused_and_the_output_untouched(void **state)
{
	static const char *const bad[] = {"", "\n", "intr 1\n", "cpu  1 2 3 4 5\n", "cpu0 1 2 3 4",
		"cpu0 1 2 3 4 \n", "cpu0 1 2 3 x 5\n", "cpu0  1 2 3 4 5\n", "cpux 1 2 3 4 5\n",
		"cpu0 1 2 3 4 5\ncpu1 1 2\n", "cpu0 1 2 3 18446744073709551616 5\n",
		"cpu0 1 2 3 18446744073709551615 1\n", "cpu0 1 2 3 9223372036854775807 0\n",
		"cpu0 -1 2 3 4 5\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cputime t = {.cpus = {.n = 77}};

		assert_int_equal(parse(bad[i], &t), -EBADMSG);
		assert_int_equal(t.cpus.n, 77);
	}
}

static void a_cpu_number_beyond_every_kernel_is_refused(void **state)
{
	struct cputime t = {0};

	(void)state;
	assert_int_equal(parse("cpu8192 1 2 3 4 5\n", &t), -ERANGE);
	assert_int_equal(parse("cpu8191 1 2 3 4 5\n", &t), 0);
	assert_int_equal(t.cpus.n, 8192);
	cputime_fini(&t);
}

static void the_running_kernel_is_understood(void **state)
{
	struct cputime t = {0};
	unsigned online = 0;

	(void)state;
	assert_int_equal(cputime_read(AT_FDCWD, "/proc/stat", &t), 0);
	for (uint32_t i = 0; i < t.cpus.n; i++)
		online += t.cpus.at[i].online;
	assert_int_equal(online, sysconf(_SC_NPROCESSORS_ONLN));
	cputime_fini(&t);
	assert_int_equal(cputime_read(AT_FDCWD, "/proc/no such file", &t), -ENOENT);
}

static void idle_time_counts_cpus_that_stayed_online_and_never_runs_backwards(void **state)
{
	struct cputime before = {0}, after = {0};

	(void)state;
	assert_int_equal(
		parse("cpu0 0 0 0 100 0\ncpu1 0 0 0 100 0\ncpu2 0 0 0 100 50\n", &before), 0);
	/* cpu1 went, cpu2's iowait ran backwards, cpu3 came */
	assert_int_equal(
		parse("cpu0 0 0 0 150 10\ncpu2 0 0 0 100 40\ncpu3 0 0 0 900 0\n", &after), 0);
	assert_int_equal(cputime_idle_ns(&before, &after), 600000000);
	cputime_fini(&before);
	cputime_fini(&after);
}

/* hz, seconds and what follows by hand */
static void gaps_of_a_busy_cpu_are_late_and_gaps_of_a_sleeping_one_are_not(void **state)
{
	(void)state;
	/* never idle: every gap is late */
	assert_int_equal(sampler_late(463, 0, 0, 999), 463);
	/* 3 of 10 s asleep without a tick at 99 Hz: 297 of the 300 missing ticks */
	assert_int_equal(sampler_late(300, 0, 3 * SECOND, 99), 3);
	/* the same idle time, but 250 ticks were taken while idle: they left no gap */
	assert_int_equal(sampler_late(300, 250, 3 * SECOND, 99), 253);
	/* more idle ticks than idle time: rounding, no extra lateness */
	assert_int_equal(sampler_late(5, 300, 3 * SECOND, 99), 5);
	/* more sleep than gaps */
	assert_int_equal(sampler_late(10, 0, 3 * SECOND, 99), 0);
}

static void what_is_expected_is_the_busy_time_times_the_frequency(void **state)
{
	(void)state;
	/* 30 s on 2 CPUs, 20 s of it idle */
	assert_int_equal(sampler_expected(30 * SECOND, 2, 20 * SECOND, 99), 3960);
	assert_int_equal(sampler_expected(30 * SECOND, 2, 60 * SECOND, 99), 0);
	/* /proc/stat counts in steps of 10 ms: it may say a little more than there was */
	assert_int_equal(sampler_expected(1 * SECOND, 1, 1 * SECOND + 10000000, 99), 0);
	/* half a tick is one */
	assert_int_equal(sampler_expected(1500000, 1, 0, 999), 1);
	/* a year on 256 CPUs at the highest frequency: 31536000 * 256 * 9999 */
	assert_int_equal(sampler_expected(31536000 * SECOND, 256, 0, 9999), 80724086784000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(idle_and_iowait_are_added_up_in_nanoseconds),
		cmocka_unit_test(a_cut_or_malformed_line_is_refused_and_the_output_untouched),
		cmocka_unit_test(a_cpu_number_beyond_every_kernel_is_refused),
		cmocka_unit_test(the_running_kernel_is_understood),
		cmocka_unit_test(idle_time_counts_cpus_that_stayed_online_and_never_runs_backwards),
		cmocka_unit_test(gaps_of_a_busy_cpu_are_late_and_gaps_of_a_sleeping_one_are_not),
		cmocka_unit_test(what_is_expected_is_the_busy_time_times_the_frequency),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
