// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int real_stderr, captured;

static int capture(void **state)
{
	(void)state;
	real_stderr = dup(STDERR_FILENO);
	captured = memfd_create("stderr", MFD_CLOEXEC);
	return dup2(captured, STDERR_FILENO) < 0;
}

static int release(void **state)
{
	(void)state;
	(void)dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	return close(captured);
}

static void check_logged(const char *want)
{
	char got[8192];
	ssize_t n = pread(captured, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, want);
	assert_int_equal(ftruncate(captured, 0), 0);
	assert_int_equal(lseek(captured, 0, SEEK_SET), 0);
}

static void lines_carry_the_name_and_the_chatty_ones_are_dropped(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	log_init("prog", LOG_LEVEL_INFO);
	log_error("cannot %s", "start");
	log_info("ready");
	log_debug("unseen");
	check_logged("prog: cannot start\nprog: ready\n");
}

static void lines_for_the_journal_carry_their_level(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_init("prog", LOG_LEVEL_DEBUG);
	log_error("a");
	log_warning("b");
	log_info("c");
	log_debug("d");
	check_logged("<3>a\n<4>b\n<6>c\n<7>d\n");
	unsetenv("JOURNAL_STREAM");
}

static void an_overlong_line_is_cut_and_still_ends(void **state)
{
	char want[8192];

	(void)state;
	log_init("p", LOG_LEVEL_INFO);
	log_info("%05000d", 0);
	memset(want, '0', sizeof(want));
	memcpy(want, "p: ", 3);
	strcpy(want + 3 + 2047, "\n");
	check_logged(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			lines_carry_the_name_and_the_chatty_ones_are_dropped, capture, release),
		cmocka_unit_test_setup_teardown(
			lines_for_the_journal_carry_their_level, capture, release),
		cmocka_unit_test_setup_teardown(
			an_overlong_line_is_cut_and_still_ends, capture, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
