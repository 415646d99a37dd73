// SPDX-License-Identifier: Apache-2.0
#include "sampler/explain.h"

#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "sampler/capture.h"

#define ALL_CAPABILITIES UINT64_MAX

/* as libbpf 1.1 prints it for a program that Linux 6.18 refused, its middle left out */
static const char refused_program[] =
	"libbpf: prog 'tick': BPF program load failed: Permission denied\n"
	"libbpf: prog 'tick': -- BEGIN PROG LOAD LOG --\n"
	"0: R1=ctx() R10=fp0\n"
	"498: (85) call bpf_ringbuf_output#130\n"
	"invalid access to map value, value_size=2112 off=0 size=2128\n"
	"R2 min value is outside of the allowed memory range\n"
	"processed 5176 insns (limit 1000000) max_states_per_insn 4 total_states 274 peak_states "
	"36\n"
	"-- END PROG LOAD LOG --\n"
	"libbpf: prog 'tick': failed to load: -13\n"
	"libbpf: failed to load object 'sampler_bpf'\n";

static void says(const struct diag *diag, const char *words)
{
	if (!strstr(diag->text, words))
		fail_msg("\"%s\" is not in \"%s\"", words, diag->text);
}

static int load_says(int err, bool btf, uint64_t capabilities, const char *said, const char *words)
{
	const struct load_refusal refusal = {
		.err = err, .has_btf = btf, .capabilities = capabilities, .said = said};
	struct diag diag;
	int result = explain_load(&refusal, &diag);

	says(&diag, words);
	assert_null(strchr(diag.text, '\n'));
	return result;
}

static void a_missing_capability_is_named(void **state)
{
	const uint64_t bpf = 1ull << 39, perfmon = 1ull << 38, admin = 1ull << CAP_SYS_ADMIN;

	(void)state;
	assert_int_equal(load_says(-EPERM, true, 0, "", "lacks CAP_BPF and CAP_PERFMON"), -EPERM);
	assert_int_equal(load_says(-EPERM, true, perfmon, "", "lacks CAP_BPF;"), -EPERM);
	assert_int_equal(load_says(-EPERM, true, bpf, "", "lacks CAP_PERFMON;"), -EPERM);
	/* CAP_SYS_ADMIN contains both: something else is in the way */
	assert_int_equal(load_says(-EPERM, true, admin, "", "although"), -EPERM);
	assert_int_equal(load_says(-EPERM, true, bpf | perfmon, "", "RLIMIT_MEMLOCK"), -EPERM);
}

static void a_kernel_without_types_is_told_from_one_without_bpf(void **state)
{
	(void)state;
	assert_int_equal(
		load_says(-ESRCH, false, ALL_CAPABILITIES,
			"libbpf: failed to find valid kernel BTF\n", "CONFIG_DEBUG_INFO_BTF"),
		-ENOTSUP);
	assert_int_equal(
		load_says(-ENOSYS, true, ALL_CAPABILITIES, "", "CONFIG_BPF_SYSCALL"), -ENOTSUP);
}

static void a_refused_program_comes_with_the_end_of_the_verifiers_log(void **state)
{
	(void)state;
	assert_int_equal(
		load_says(-EACCES, true, ALL_CAPABILITIES, refused_program,
			"off=0 size=2128|R2 min value is outside of the allowed memory range"),
		-ENOTSUP);
}

static void the_end_of_the_log_leaves_out_statistics_and_what_does_not_fit(void **state)
{
	char tail[128];

	(void)state;
	assert_true(explain_verifier_tail(refused_program, tail, sizeof(tail)));
	assert_string_equal(tail, "invalid access to map value, value_size=2112 off=0 size=2128|"
				  "R2 min value is outside of the allowed memory range");
	assert_true(explain_verifier_tail(refused_program, tail, 60));
	assert_string_equal(tail, "R2 min value is outside of the allowed memory range");
	assert_true(explain_verifier_tail(refused_program, tail, 10));
	assert_string_equal(tail, "ory range");
	assert_false(explain_verifier_tail("libbpf: something else\n", tail, sizeof(tail)));
	/* its beginning is lost, control characters are in it */
	assert_true(explain_verifier_tail(
		"half a line\n\x1b[31mred\n-- END PROG LOAD LOG --\n", tail, sizeof(tail)));
	assert_string_equal(tail, "half a line| [31mred");
}

static void anything_else_comes_with_libbpfs_last_line(void **state)
{
	(void)state;
	assert_int_equal(load_says(-ENOMEM, true, ALL_CAPABILITIES, "libbpf: one\nlibbpf: two\n",
				 "(Cannot allocate memory): libbpf: two"),
		-ENOMEM);
}

static int open_says(struct open_refusal refusal, const char *words)
{
	struct diag diag;
	int result = explain_open(&refusal, &diag);

	says(&diag, words);
	assert_null(strchr(diag.text, '\n'));
	return result;
}

static void a_frequency_above_the_sysctl_names_it_and_its_value(void **state)
{
	const struct open_refusal r = {.err = -EINVAL, .hz = 999, .max_rate = 500};

	(void)state;
	assert_int_equal(
		open_says(r, "999 Hz is above kernel.perf_event_max_sample_rate, which is 500"),
		-ERANGE);
	/* within the limit it is something else, and no sysctl is blamed */
	assert_int_equal(open_says((struct open_refusal){.err = -EINVAL, .hz = 99, .max_rate = 500},
				 "EINVAL"),
		-EINVAL);
}

static void a_refused_event_names_the_paranoid_level(void **state)
{
	(void)state;
	assert_int_equal(open_says((struct open_refusal){.err = -EACCES, .paranoid = 3},
				 "kernel.perf_event_paranoid = 3"),
		-EACCES);
	assert_int_equal(open_says((struct open_refusal){.err = -ENOSYS, .paranoid = LONG_MIN},
				 "CONFIG_PERF_EVENTS"),
		-ENOSYS);
}

static void other_failures_of_an_event_have_their_own_words(void **state)
{
	(void)state;
	assert_int_equal(open_says((struct open_refusal){.err = -EPIPE}, "opener"), -EPIPE);
	assert_int_equal(
		open_says((struct open_refusal){.err = -EMFILE}, "RLIMIT_NOFILE"), -EMFILE);
	assert_int_equal(open_says((struct open_refusal){.err = -ENODEV}, "online"), -ENODEV);
	assert_int_equal(open_says((struct open_refusal){.err = -EIO, .cpu = 7}, "CPU 7"), -EIO);
}

static void a_capture_keeps_the_end(void **state)
{
	static struct capture c;
	char line[32];

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		int len = snprintf(line, sizeof(line), "line %u\n", i);

		capture_append(&c, line, (size_t)len);
	}
	assert_int_equal(c.len, CAPTURE_MAX - 1);
	assert_int_equal(strlen(c.text), CAPTURE_MAX - 1);
	assert_string_equal(c.text + c.len - 20, "line 9998\nline 9999\n");
}

static void a_capture_takes_the_end_of_one_long_message(void **state)
{
	static struct capture c;
	static char text[3 * CAPTURE_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text + sizeof(text) - 4, "end", 4);
	capture_append(&c, text, strlen(text));
	assert_int_equal(c.len, CAPTURE_MAX - 1);
	assert_string_equal(c.text + c.len - 4, "xend");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_capability_is_named),
		cmocka_unit_test(a_kernel_without_types_is_told_from_one_without_bpf),
		cmocka_unit_test(a_refused_program_comes_with_the_end_of_the_verifiers_log),
		cmocka_unit_test(the_end_of_the_log_leaves_out_statistics_and_what_does_not_fit),
		cmocka_unit_test(anything_else_comes_with_libbpfs_last_line),
		cmocka_unit_test(a_frequency_above_the_sysctl_names_it_and_its_value),
		cmocka_unit_test(a_refused_event_names_the_paranoid_level),
		cmocka_unit_test(other_failures_of_an_event_have_their_own_words),
		cmocka_unit_test(a_capture_keeps_the_end),
		cmocka_unit_test(a_capture_takes_the_end_of_one_long_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
