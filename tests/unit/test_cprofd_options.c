// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "cprofd/options.h"

#define MAX_ARGS 8

/* Parse "cprofd" and the words of `line`. */
static int parse(const char *line, struct diag *diag, struct options *ret)
{
	char words[256], *argv[MAX_ARGS + 2] = {(char *)"cprofd"};
	int argc = 1;

	(void)strcpy(words, line);
	for (char *w = strtok(words, " "); w && argc <= MAX_ARGS; w = strtok(NULL, " "))
		argv[argc++] = w;
	return options_parse(argc, argv, diag, ret);
}

static void defaults_are_those_of_the_manual(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse("--socket /run/x", NULL, &o), 0);
	assert_int_equal(o.hz, 99);
	assert_int_equal(o.store_bytes, 24u << 20);
	assert_int_equal(o.ring_bytes, 0);
	assert_false(o.private);
}

static void sizes_take_suffixes(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse("--private --ring-size 16K --store-size 2G --hz 999", NULL, &o), 0);
	assert_int_equal(o.ring_bytes, 16384);
	assert_int_equal(o.store_bytes, 2147483648u);
	assert_int_equal(o.hz, 999);
	assert_true(o.private);
}

static void wrong_words_are_refused_with_what_is_accepted(void **state)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"", "--socket"},
		{"--socket a --private", "--socket"},
		{"--socket=", "--socket"},
		{"--private --hz 18", "19 to 9999"},
		{"--private --hz 10000", "19 to 9999"},
		{"--private --hz 99x", "19 to 9999"},
		{"--private --hz -99", "19 to 9999"},
		{"--private --ring-size 1", "4K to 256M"},
		{"--private --ring-size 99999999999999999999", "4K to 256M"},
		{"--private --ring-size 18014398509482000K", "4K to 256M"},
		{"--private --store-size 65G", "1M to 64G"},
		{"--private --frequency 3", "--help"},
		{"--private more", "'more'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct diag diag = {0};
		struct options o = {.hz = 7};

		assert_int_equal(parse(cases[i].line, &diag, &o), -EINVAL);
		assert_non_null(strstr(diag.text, cases[i].says));
		assert_int_equal(o.hz, 7); /* untouched */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(sizes_take_suffixes),
		cmocka_unit_test(wrong_words_are_refused_with_what_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
