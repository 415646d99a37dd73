// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "symbolizer/kallsyms.h"

#define PLENTY (1u << 20)

static struct source *index_of(const char *text)
{
	struct source *s = NULL;

	assert_int_equal(kallsyms_new(text, strlen(text), PLENTY, &s), REASON_NONE);
	return s;
}

/* "name@start" or "name@start[module]"; NULL: no name. */
static void expect(const struct source *s, uint64_t address, const char *want)
{
	struct source_answer a;
	char got[256];

	if (!s->type->find(s, address, &a)) {
		if (want)
			fail_msg("0x%lx has no name, should be %s", (unsigned long)address, want);
		return;
	}
	(void)snprintf(got, sizeof(got), "%.*s@%lx%s%.*s%s", (int)a.name_len, a.name,
		(unsigned long)a.start, a.module ? "[" : "", (int)a.module_len,
		a.module ? a.module : "", a.module ? "]" : "");
	if (!want)
		fail_msg("0x%lx is %s, should have no name", (unsigned long)address, got);
	assert_string_equal(got, want);
}

static void expect_range(const struct source *s, size_t i, const char *want)
{
	const struct kallsyms_range *ranges;
	char got[256] = "none";

	if (i < kallsyms_ranges(s, &ranges))
		(void)snprintf(got, sizeof(got), "%.*s %lx-%lx", (int)ranges[i].name_len,
			ranges[i].name, (unsigned long)ranges[i].start,
			(unsigned long)ranges[i].limit);
	assert_string_equal(got, want);
}

static const char kernel[] = "ffffffff81002000 t local_function\n"
			     "ffffffff81000000 T _stext\n"
			     "ffffffff81000000 T _text\n"
			     "ffffffff81800000 D some_data\n"
			     "ffffffff81002ff0 t __pfx_padded\n"
			     "ffffffff81003000 T padded\n"
			     "ffffffff81003100 W weak_one\n"
			     "ffffffff81004000 T _etext\n"
			     "ffffffff82000000 T start_kernel\n"
			     "0000000000000000 A fixed_percpu_data\n"
			     "ffffffffc0102010 t second_module_function\t[second]\n"
			     "ffffffffc0101000 t init_module\t[first]\n"
			     "ffffffffc0101040 d a_variable\t[first]\n"
			     "ffffffffc0101080 T exported\t[first]\n"
			     "ffffffffc0103000 t bpf_prog_6deef7357e7b4530\t[bpf]\n"
			     "ffffffffc0104000 t again\t[first]\n";

static void functions_reach_to_the_next_one(void **state)
{
	struct source *s = index_of(kernel);

	(void)state;
	expect(s, 0xffffffff81001fff, "_text@ffffffff81000000");
	expect(s, 0xffffffff81002000, "local_function@ffffffff81002000");
	expect(s, 0xffffffff81003fff, "weak_one@ffffffff81003100");
	expect(s, 0xffffffffc0101050, "init_module@ffffffffc0101000[first]");
	expect(s, 0xffffffffc0102010, "second_module_function@ffffffffc0102010[second]");
	expect(s, 0xffffffffc0103001, "bpf_prog_6deef7357e7b4530@ffffffffc0103000[bpf]");
	expect(s, 0xfffffffe00000000, NULL);
	s->type->free(s);
}

static void functions_do_not_leave_their_range(void **state)
{
	struct source *s = index_of(kernel);

	(void)state;
	expect(s, 0xffffffff81004000, NULL); /* _etext */
	expect(s, 0xffffffff82000000, NULL); /* init code, long gone */
	expect(s, 0xffffffffc0100fff, NULL);
	expect(s, 0xffffffffc0101fff, "exported@ffffffffc0101080[first]");
	expect(s, 0xffffffffc0102000, NULL);
	expect(s, 0xffffffffc0105000, NULL);
	s->type->free(s);
}

static void paddings_belong_to_what_they_pad(void **state)
{
	struct source *s = index_of(kernel);

	(void)state;
	expect(s, 0xffffffff81002fef, "local_function@ffffffff81002000");
	expect(s, 0xffffffff81002ff0, "padded@ffffffff81003000");
	expect(s, 0xffffffff81003000, "padded@ffffffff81003000");
	s->type->free(s);
	s = index_of("0000000000001000 t f\n"
		     "0000000000001ff0 t __pfx_somebody\n"
		     "0000000000002000 t somebody_else\n");
	expect(s, 0x1ff8, "f@1000");
	s->type->free(s);
}

static void ranges_are_the_kernel_and_runs_of_each_module(void **state)
{
	struct source *s = index_of(kernel);

	(void)state;
	expect_range(s, 0, "kernel.kallsyms ffffffff81000000-ffffffff81004000");
	expect_range(s, 1, "first ffffffffc0101000-ffffffffc0102000");
	expect_range(s, 2, "second ffffffffc0102010-ffffffffc0103000");
	expect_range(s, 3, "bpf ffffffffc0103000-ffffffffc0104000");
	expect_range(s, 4, "first ffffffffc0104000-ffffffffc0105000");
	expect_range(s, 5, "none");
	s->type->free(s);
}

static void ranges_never_overlap(void **state)
{
	struct source *s = index_of("0000000000010000 T _text\n"
				    "0000000000020000 T _etext\n"
				    "000000000000f000 t a\t[a]\n"
				    "000000000000f800 t b\t[b]\n"
				    "0000000000018000 t inside\t[c]\n"
				    "ffffffffffffff00 t last\t[d]\n");

	(void)state;
	expect_range(s, 0, "kernel.kallsyms 10000-20000");
	expect_range(s, 1, "a f000-f800");
	expect_range(s, 2, "b f800-10000");
	expect_range(s, 3, "d ffffffffffffff00-ffffffffffffffff");
	expect_range(s, 4, "none");
	expect(s, 0x18000, "_text@10000");
	s->type->free(s);
	/* the kernel begins with a padding that pads nothing */
	s = index_of("0000000000001f00 t a\t[a]\n"
		     "0000000000001f80 t __pfx_gone\n"
		     "0000000000001f90 t f\n");
	expect_range(s, 0, "kernel.kallsyms 1f80-2000");
	expect_range(s, 1, "a 1f00-1f80");
	s->type->free(s);
}

static void a_text_without_bounds_goes_from_first_to_last(void **state)
{
	struct source *s = index_of("0000000000012345 t b\n0000000000011111 T a\n");

	(void)state;
	expect_range(s, 0, "kernel.kallsyms 11111-13000");
	expect(s, 0x12fff, "b@12345");
	expect(s, 0x13000, NULL);
	s->type->free(s);
}

static void the_better_of_two_names_is_shown(void **state)
{
	struct source *s = index_of("0000000000001000 T __x64_sys_read\n"
				    "0000000000001000 t short\n"
				    "0000000000003000 T __pfx_z\n"
				    "0000000000003000 t longer_than_that\n"
				    "0000000000002000 t __memcpy\n"
				    "0000000000002000 t memcpy_orig\n"
				    "0000000000002000 t memcpy\n");

	(void)state;
	expect(s, 0x1000, "__x64_sys_read@1000"); /* global before local */
	expect(s, 0x2000, "memcpy@2000");
	expect(s, 0x3000, "longer_than_that@3000");
	s->type->free(s);
}

static void hidden_addresses_are_told_apart_from_none(void **state)
{
	static const struct {
		const char *text;
		reason_t why;
	} cases[] = {
		{"0000000000000000 T _text\n0000000000000000 t f\n", REASON(KALLSYMS_HIDDEN)},
		{"", REASON(MALFORMED)},
		{"what is this?\n", REASON(MALFORMED)},
		{"ffffffff81000000\n", REASON(MALFORMED)},
		{"ffffffff81000000 T \n", REASON(MALFORMED)},
		{"1ffffffff81000000 T f\n", REASON(MALFORMED)},
		{"ffffffff81000000 D data\n", REASON(NO_SYMBOLS)},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct source *s = NULL;

		assert_int_equal(kallsyms_new(cases[i].text, strlen(cases[i].text), PLENTY, &s),
			cases[i].why);
		assert_null(s);
	}
}

static void bad_lines_cost_only_themselves(void **state)
{
	struct source *s = index_of("garbage\n\n0000000000001000 T a\nzz T b\n"
				    "0000000000002000 T\n0000000000003000 T c");

	(void)state;
	assert_int_equal(s->n_symbols, 2);
	expect(s, 0x1fff, "a@1000");
	expect(s, 0x3000, "c@3000");
	s->type->free(s);
}

static void an_index_above_its_ceiling_is_refused(void **state)
{
	struct source *s = NULL;

	(void)state;
	assert_int_equal(kallsyms_new(kernel, strlen(kernel), 100, &s), REASON(TOO_LARGE));
	assert_int_equal(kallsyms_new(kernel, strlen(kernel), 300, &s), REASON(TOO_LARGE));
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_reach_to_the_next_one),
		cmocka_unit_test(functions_do_not_leave_their_range),
		cmocka_unit_test(paddings_belong_to_what_they_pad),
		cmocka_unit_test(ranges_are_the_kernel_and_runs_of_each_module),
		cmocka_unit_test(ranges_never_overlap),
		cmocka_unit_test(a_text_without_bounds_goes_from_first_to_last),
		cmocka_unit_test(the_better_of_two_names_is_shown),
		cmocka_unit_test(hidden_addresses_are_told_apart_from_none),
		cmocka_unit_test(bad_lines_cost_only_themselves),
		cmocka_unit_test(an_index_above_its_ceiling_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
