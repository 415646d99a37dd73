// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "report/unit.h"

static void check(const char *name, int64_t largest, int64_t value, const char *expected)
{
	char text[UNIT_TEXT_MAX];
	struct unit u = unit_for(name, largest);

	assert_string_equal(unit_print(&u, value, text), expected);
}

static void a_table_has_the_unit_that_fits_its_largest_value(void **state)
{
	(void)state;
	check("nanoseconds", 999, 999, "999ns");
	check("nanoseconds", 1000, 999, "1.00us");
	check("nanoseconds", 1500000, 10000, "0.01ms");
	check("nanoseconds", 60000000000, 1500000000, "1.50s");
	check("nanoseconds", 60000000000, 0, "0");
	check("nanoseconds", 999999990, 999999990, "1.00s");
	check("nanoseconds", 999994999, 999994999, "999.99ms");
	check("microseconds", 2500, 2500, "2.50ms");
	check("seconds", 5, 5, "5s");
	check("bytes", 1023, 1000, "1000B");
	check("bytes", 3 << 20, 1 << 20, "1.00MB");
	check("kilobytes", 2048, 1024, "1.00MB");
}

static void counts_and_unknown_units_are_plain_numbers(void **state)
{
	(void)state;
	check("count", INT64_MAX, INT64_MAX, "9223372036854775807");
	check("", 5, -5, "-5");
	check("parsecs", INT64_MIN, INT64_MIN, "-9223372036854775808");
	check("nanoseconds", INT64_MIN, INT64_MIN, "-9223372036.85s");
	check("nanoseconds", 0, 0, "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_has_the_unit_that_fits_its_largest_value),
		cmocka_unit_test(counts_and_unknown_units_are_plain_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
