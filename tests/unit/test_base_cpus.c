// SPDX-License-Identifier: Apache-2.0
#include "base/cpus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int parse(const char *text, struct cpus *ret)
{
	return cpus_parse(text, strlen(text), ret);
}

static void ranges_and_single_cpus_are_read(void **state)
{
	struct cpus cpus;

	(void)state;
	assert_int_equal(parse("0-2,8,10-11\n", &cpus), 0);
	assert_int_equal(cpus.n, 6);
	for (unsigned cpu = 0; cpu < 16; cpu++)
		assert_int_equal(
			cpus_has(&cpus, cpu), cpu <= 2 || cpu == 8 || cpu == 10 || cpu == 11);
	assert_false(cpus_has(&cpus, CPUS_MAX));
}

static void the_largest_machine_fits(void **state)
{
	struct cpus cpus;

	(void)state;
	assert_int_equal(parse("0-8191", &cpus), 0);
	assert_int_equal(cpus.n, 8192);
	assert_int_equal(parse("0-8192", &cpus), -ERANGE);
	assert_int_equal(parse("99999999999", &cpus), -ERANGE);
}

static void what_is_no_list_is_refused_and_the_output_untouched(void **state)
{
	static const char *const bad[] = {"", "\n", ",", "1,", "1-", "-1", "3-1", "1,,2", "0-3,2",
		"1;2", "1\n2", "18446744073709551616", " 1", "0x1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct cpus cpus = {.n = 77};

		assert_int_equal(parse(bad[i], &cpus), -EBADMSG);
		assert_int_equal(cpus.n, 77);
	}
}

static void the_running_kernel_is_understood(void **state)
{
	struct cpus cpus;

	(void)state;
	assert_int_equal(cpus_online(&cpus), 0);
	assert_int_equal(cpus.n, sysconf(_SC_NPROCESSORS_ONLN));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_and_single_cpus_are_read),
		cmocka_unit_test(the_largest_machine_fits),
		cmocka_unit_test(what_is_no_list_is_refused_and_the_output_untouched),
		cmocka_unit_test(the_running_kernel_is_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
