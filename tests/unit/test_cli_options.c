// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "options.h"

#define MAX_ARGS 32

static struct diag diag;

/* Split at blanks: enough for these tests. The words live until the next call. */
static int split(const char *line, char **argv)
{
	static char words[8192];
	int argc = 0;

	assert_true(strlen(line) < sizeof(words));
	strcpy(words, line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	assert_true(argc < MAX_ARGS);
	argv[argc] = NULL;
	return argc;
}

static int record(const char *line, struct record_options *ret)
{
	static const struct globals globals = {.socket = "/outer"};
	char *argv[MAX_ARGS];
	int argc = split(line, argv);

	memset(&diag, 0, sizeof(diag));
	return options_parse_record(argc, argv, &globals, ret, &diag);
}

static void assert_refused(const char *line, const char *says)
{
	struct record_options o;
	struct record_options before;

	memset(&o, 0x5a, sizeof(o));
	memcpy(&before, &o, sizeof(o));
	assert_int_equal(record(line, &o), -22);
	if (!strstr(diag.text, says))
		fail_msg("\"%s\": said \"%s\", not \"%s\"", line, diag.text, says);
	assert_memory_equal(&o, &before, sizeof(o));
}

static void defaults_are_thirty_seconds_of_pprof(void **state)
{
	struct record_options o;

	(void)state;
	assert_int_equal(record("record -a", &o), 0);
	assert_true(o.all);
	assert_int_equal(o.n_pids, 0);
	assert_int_equal(o.duration_ns, 30000000000);
	assert_int_equal(o.hz, 0);
	assert_int_equal(o.format, FORMAT_PPROF);
	assert_null(o.output);
	assert_int_equal(o.n_labels, 0);
	assert_false(o.no_symbols);
	assert_false(o.include_self);
	assert_string_equal(o.socket, "/outer");
}

static void every_option_is_understood_in_both_spellings(void **state)
{
	static const char *const lines[] = {
		"record -p 7,8 -p 9 -s 2.5 -F 999 -o out --format=folded --labels tid,cpu "
		"--no-symbols --socket /inner",
		"record --pid=7,8 --pid 9 --seconds=2.5 --frequency 999 --output out "
		"--format folded --labels=tid --labels=cpu,tid --no-symbols --socket=/inner",
	};
	struct record_options o;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(record(lines[i], &o), 0);
		assert_int_equal(o.n_pids, 3);
		assert_int_equal(o.pids[0], 7);
		assert_int_equal(o.pids[1], 8);
		assert_int_equal(o.pids[2], 9);
		assert_int_equal(o.duration_ns, 2500000000);
		assert_int_equal(o.hz, 999);
		assert_string_equal(o.output, "out");
		assert_int_equal(o.format, FORMAT_FOLDED);
		assert_int_equal(o.n_labels, 2);
		assert_int_equal(o.labels[0], CPROFD__CONTROL__LABEL__TID);
		assert_int_equal(o.labels[1], CPROFD__CONTROL__LABEL__CPU);
		assert_true(o.no_symbols);
		assert_string_equal(o.socket, "/inner");
	}
	assert_int_equal(record("record --all --include-self", &o), 0);
	assert_true(o.include_self);
}

static void every_label_has_a_name(void **state)
{
	static const Cprofd__Control__Label all[] = {1, 2, 3, 4, 5}; /* as in control.proto */
	struct record_options o;

	(void)state;
	assert_int_equal(record("record -a --labels tid,thread_name,cpu,comm,pid", &o), 0);
	assert_int_equal(o.n_labels, 5);
	assert_memory_equal(o.labels, all, sizeof(all));
}

static void seconds_are_exact_to_the_nanosecond(void **state)
{
	static const struct {
		const char *line;
		uint64_t ns;
	} cases[] = {
		{"record -a -s 1", 1000000000},
		{"record -a -s 0.5", 500000000},
		{"record -a -s .25", 250000000},
		{"record -a -s 0.000000001", 1},
		{"record -a -s 0.1", 100000000},
		{"record -a -s 1.0000000019", 1000000001},
		{"record -a -s 86400", 86400000000000},
		{"record -a -s 86400.0", 86400000000000},
		{"record -a -s 007", 7000000000},
	};
	struct record_options o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(record(cases[i].line, &o), 0);
		assert_int_equal(o.duration_ns, cases[i].ns);
	}
}

static void wrong_values_are_refused_with_what_is_accepted(void **state)
{
	static const char *const seconds[] = {"0", "0.0", "-1", "+1", "86401", "86400.000000001",
		"1e3", "nan", "inf", "0x10", "1,5", "1.", ".", "1.2.3", "30s",
		"99999999999999999999", "0.0000000001"};
	static const char *const hz[] = {"18", "10000", "0", "-99", "99.5", "abc", "4294967395"};
	static const char *const pids[] = {"0", "-1", "1,", ",1", "1,,2", "2147483648", "self",
		"99999999999999999999", "1;2", "0x1"};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		(void)snprintf(line, sizeof(line), "record -a -s %s", seconds[i]);
		assert_refused(line, "above 0, at most 86400");
	}
	for (size_t i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
		(void)snprintf(line, sizeof(line), "record -a -F %s", hz[i]);
		assert_refused(line, "from 19 to 9999");
	}
	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		(void)snprintf(line, sizeof(line), "record -p %s", pids[i]);
		assert_refused(line, "process IDs, whole numbers above 0");
	}
	assert_refused("record -a --format svg", "pprof, folded and top");
	assert_refused("record -a --format Top", "pprof, folded and top");
	assert_refused("record -a --labels host", "tid, thread_name, cpu, comm and pid");
	assert_refused("record -a --labels tid,", "tid, thread_name, cpu, comm and pid");
	assert_refused("record -a --labels ti", "tid, thread_name, cpu, comm and pid");
}

static void frequencies_at_both_ends_are_accepted(void **state)
{
	struct record_options o;

	(void)state;
	assert_int_equal(record("record -a -F 19", &o), 0);
	assert_int_equal(o.hz, 19);
	assert_int_equal(record("record -a -F 9999", &o), 0);
	assert_int_equal(o.hz, 9999);
}

static void what_to_record_must_be_said_once(void **state)
{
	(void)state;
	assert_refused("record", "-p PID for a process, or -a for the whole host");
	assert_refused("record -s 5", "-p PID for a process, or -a for the whole host");
	assert_refused("record -a -p 1", "exclude each other");
	assert_refused("record -p 1 --include-self", "belongs to -a");
}

static void unknown_options_are_named(void **state)
{
	(void)state;
	assert_refused("record -a -x", "no option -x");
	assert_refused("record -ax", "no option -x");
	assert_refused("record -a --frobnicate", "no option --frobnicate");
	assert_refused("record -a -s", "-s needs a value");
	assert_refused("record -a --seconds", "--seconds needs a value");
	assert_refused("record --all=yes", "--all=yes: the option takes no value");
	assert_refused("record -a 42", "42 is not expected here");
}

static void help_needs_nothing_else(void **state)
{
	struct record_options o;

	(void)state;
	assert_int_equal(record("record --help", &o), 0);
	assert_true(o.help);
	assert_int_equal(record("record -h -p 1 -a", &o), 0);
	assert_true(o.help);
}

static void a_pid_counts_once_and_256_are_the_most(void **state)
{
	char list[4096] = "record -p 5,5,5";
	struct record_options o;

	(void)state;
	assert_int_equal(record(list, &o), 0);
	assert_int_equal(o.n_pids, 1);
	strcpy(list, "record -p 1");
	for (int i = 2; i <= 256; i++)
		(void)sprintf(list + strlen(list), ",%d", i);
	assert_int_equal(record(list, &o), 0);
	assert_int_equal(o.n_pids, 256);
	assert_int_equal(o.pids[255], 256);
	(void)sprintf(list + strlen(list), ",257");
	assert_refused(list, "at most 256 processes");
}

static void globals_stop_at_the_command(void **state)
{
	char *argv[MAX_ARGS];
	struct globals g;
	int argc;

	(void)state;
	argc = split("cprofctl --socket /s record --help", argv);
	assert_int_equal(options_parse_globals(argc, argv, &g, &diag), 0);
	assert_string_equal(g.socket, "/s");
	assert_false(g.help);
	assert_int_equal(g.n_used, 3);
	argc = split("cprofctl -V", argv);
	assert_int_equal(options_parse_globals(argc, argv, &g, &diag), 0);
	assert_true(g.version);
	argc = split("cprofctl --socket", argv);
	assert_int_equal(options_parse_globals(argc, argv, &g, &diag), -22);
	assert_string_equal(diag.text, "--socket needs a value");
}

static void status_takes_json_and_a_socket(void **state)
{
	static const struct globals globals = {0};
	struct status_options o;
	char *argv[MAX_ARGS];
	int argc;

	(void)state;
	argc = split("status --json --socket /x", argv);
	assert_int_equal(options_parse_status(argc, argv, &globals, &o, &diag), 0);
	assert_true(o.json);
	assert_string_equal(o.socket, "/x");
	argc = split("status now", argv);
	assert_int_equal(options_parse_status(argc, argv, &globals, &o, &diag), -22);
	assert_string_equal(diag.text, "now is not expected here");
}

/* 1795237567 is 2026-11-21 05:06:07 UTC, by date(1). */
static void the_default_name_tells_who_and_when(void **state)
{
	static const struct {
		const char *line, *name;
	} cases[] = {
		{"record -p 4242", "cprofd.4242.20261121-050607.pb.gz"},
		{"record -a", "cprofd.all.20261121-050607.pb.gz"},
		{"record -p 12,34", "cprofd.12,34.20261121-050607.pb.gz"},
		{"record -p 1,2,3,4", "cprofd.1,2,3,4.20261121-050607.pb.gz"},
		{"record -p 1,2,3,4,5,6", "cprofd.1,2,3,4+2.20261121-050607.pb.gz"},
	};
	struct record_options o;
	char name[256];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(record(cases[i].line, &o), 0);
		options_default_name(&o, 1795237567, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
	setenv("TZ", "IST-5:30", 1);
	tzset();
	options_default_name(&o, 1795237567, name, sizeof(name));
	assert_string_equal(name, "cprofd.1,2,3,4+2.20261121-103607.pb.gz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_thirty_seconds_of_pprof),
		cmocka_unit_test(every_option_is_understood_in_both_spellings),
		cmocka_unit_test(every_label_has_a_name),
		cmocka_unit_test(seconds_are_exact_to_the_nanosecond),
		cmocka_unit_test(wrong_values_are_refused_with_what_is_accepted),
		cmocka_unit_test(frequencies_at_both_ends_are_accepted),
		cmocka_unit_test(what_to_record_must_be_said_once),
		cmocka_unit_test(unknown_options_are_named),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(a_pid_counts_once_and_256_are_the_most),
		cmocka_unit_test(globals_stop_at_the_command),
		cmocka_unit_test(status_takes_json_and_a_socket),
		cmocka_unit_test(the_default_name_tells_who_and_when),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
