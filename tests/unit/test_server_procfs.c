// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/procfs.h"

static pid_t parse(const char *text)
{
	return procfs_parse_tgid(text, strlen(text));
}

static void the_tgid_is_read(void **state)
{
	(void)state;
	assert_int_equal(parse("Name:\tx\nUmask:\t0022\nTgid:\t4242\nPid:\t4250\n"), 4242);
	assert_int_equal(parse("a\nTgid:\t1\n"), 1);
}

static void text_that_makes_no_sense_is_refused(void **state)
{
	static const char *const cases[] = {"", "\nTgid:\t", "\nTgid:\t\n", "\nTgid:\t12",
		"\nTgid:\t-3\n", "\nTgid:\t0\n", "\nTgid:\t99999999999999999999\n", "Tgid:\t7\n",
		"\nTgid: 7\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse(cases[i]), -EBADMSG);
}

/* A comm can hold a newline, but /proc escapes it, so the key stands at a line's start. */
static void a_name_cannot_forge_it(void **state)
{
	(void)state;
	assert_int_equal(parse("Name:\t\\nTgid:\t9\nTgid:\t5\n"), 5);
}

static void *tell_tgid(void *ret)
{
	*(pid_t *)ret = procfs_tgid((pid_t)syscall(SYS_gettid));
	return NULL;
}

static void a_thread_belongs_to_its_process(void **state)
{
	pthread_t thread;
	pid_t tgid = 0;

	(void)state;
	assert_int_equal(procfs_tgid(getpid()), getpid());
	assert_int_equal(pthread_create(&thread, NULL, tell_tgid, &tgid), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(tgid, getpid());
	/* above the largest pid_max there is */
	assert_int_equal(procfs_tgid((1 << 22) + 5), -ESRCH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tgid_is_read),
		cmocka_unit_test(text_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_name_cannot_forge_it),
		cmocka_unit_test(a_thread_belongs_to_its_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
