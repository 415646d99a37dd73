// SPDX-License-Identifier: Apache-2.0
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_error_comes_back_with_or_without_a_listener(void **state)
{
	struct diag d;

	(void)state;
	assert_int_equal(diag_set(&d, -1, "no process %d", 4242), -1);
	assert_string_equal(d.text, "no process 4242");
	assert_int_equal(diag_set(NULL, -22, "%s", "unheard"), -22);
}

static void overlong_text_is_cut(void **state)
{
	struct diag d;

	(void)state;
	memset(&d, 'z', sizeof(d));
	(void)diag_set(&d, 0, "%*d", DIAG_MAX + 100, 1);
	assert_int_equal(strnlen(d.text, sizeof(d.text)), DIAG_MAX - 1);
	(void)diag_set(&d, 0, "%*d", DIAG_MAX - 1, 1);
	assert_int_equal(d.text[DIAG_MAX - 2], '1');
}

static void a_sentence_can_be_wrapped_in_another(void **state)
{
	struct diag d;

	(void)state;
	(void)diag_set(&d, 0, "no such file");
	(void)diag_set(&d, 0, "%s: %s (%s)", "cannot start", d.text, d.text);
	assert_string_equal(d.text, "cannot start: no such file (no such file)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_error_comes_back_with_or_without_a_listener),
		cmocka_unit_test(overlong_text_is_cut),
		cmocka_unit_test(a_sentence_can_be_wrapped_in_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
