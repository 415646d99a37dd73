// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "symbolizer/demangle.h"

#define MOST 2048

static char text[1 << 16];

static const char *demangled(const char *name, size_t len, size_t most)
{
	struct buf out = buf_with_ceiling(sizeof(text) - 1);

	demangle_append(&out, name, len, most);
	assert_false(out.failed);
	assert_true(out.len <= most);
	memcpy(text, out.bytes, out.len);
	text[out.len] = '\0';
	buf_fini(&out);
	return text;
}

static void expect(const char *name, const char *want)
{
	assert_string_equal(demangled(name, strlen(name), MOST), want);
}

/* The Itanium C++ ABI's encodings, worked out by its section 5.1. */
static void cxx_names_show_their_parameters(void **state)
{
	(void)state;
	expect("_Z1fv", "f()");
	expect("_ZN3foo3barEiPKc", "foo::bar(int, char const*)");
	expect("_ZNSt6vectorIiSaIiEE9push_backERKi",
		"std::vector<int, std::allocator<int> >::push_back(int const&)");
	expect("_ZN3fooC1Ev", "foo::foo()");
	expect("_ZN3foo3barEv.cold", "foo::bar() [clone .cold]");
}

/* As in the rustc book's chapter on v0 mangling and its RFC 2603; legacy loses its hash. */
static void rust_names_are_paths(void **state)
{
	(void)state;
	expect("_RNvCskwGfYPst2Cb_3foo16example_function", "foo::example_function");
	expect("_RNvC6_123foo3bar", "123foo::bar");
	expect("_RINvNtC3std3mem8align_ofjE", "std::mem::align_of::<usize>");
	expect("_ZN3foo3bar17h05af221e174051e9E", "foo::bar");
	expect("_ZN4core3ptr46drop_in_place$LT$alloc..vec..Vec$LT$u8$GT$$GT$17h0123456789abcdefE",
		"core::ptr::drop_in_place<alloc::vec::Vec<u8>>");
}

static void other_names_stay_as_they_are(void **state)
{
	(void)state;
	expect("main", "main");
	expect("_start", "_start");
	expect("_Z", "_Z");
	expect("_Zwhat", "_Zwhat");
	expect("_R", "_R");
	expect("_ZN3fo", "_ZN3fo");
	expect("main.main", "main.main");
	assert_string_equal(demangled("_Z1fv_and_more", 5, MOST), "f()");
}

/* A<A<A<...>>> with each level twice in the next: 2^60 characters in 600 bytes. */
static void a_name_that_explodes_is_cut(void **state)
{
	char name[1024] = "_Z1f1AIiiES_IS0_S0_E";
	size_t len = strlen(name);
	const char *got;

	(void)state;
	for (int i = 1; i < 36; i++) {
		const char digit = (char)(i < 10 ? '0' + i : 'A' + i - 10);

		len += (size_t)snprintf(
			name + len, sizeof(name) - len, "S_IS%c_S%c_E", digit, digit);
	}
	got = demangled(name, len, MOST);
	assert_int_equal(strlen(got), MOST);
	assert_memory_equal(got, "f(A<int, int>, A<A<int, int>, A<int, int> >", 43);
	assert_string_equal(got + MOST - 3, "...");
}

static void deep_nesting_ends(void **state)
{
	static char name[DEMANGLE_MAX_INPUT];

	(void)state;
	memset(name, 'P', sizeof(name));
	memcpy(name, "_Z1f", 4);
	name[sizeof(name) - 1] = 'i';
	(void)demangled(name, sizeof(name), MOST);
	memset(name, 'T', sizeof(name));
	memcpy(name, "_RINvC1a1b", 10);
	(void)demangled(name, sizeof(name), MOST);
}

static void names_too_long_to_demangle_are_cut(void **state)
{
	static char name[DEMANGLE_MAX_INPUT + 100];
	const char *got;

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name, "_Z9999", 6);
	got = demangled(name, sizeof(name), MOST);
	assert_int_equal(strlen(got), MOST);
	assert_memory_equal(got, "_Z9999xxx", 9);
	assert_string_equal(got + MOST - 4, "x...");
}

static void names_are_made_utf8_and_cut_between_characters(void **state)
{
	struct buf out = buf_with_ceiling(100);

	(void)state;
	name_append(&out,
		"a\xff"
		"b",
		3, 20);
	assert_int_equal(out.len, 5);
	assert_memory_equal(out.bytes,
		"a\xef\xbf\xbd"
		"b",
		5);
	buf_clear(&out);
	/* six two-byte letters, cut to nine bytes: three letters and the mark */
	name_append(&out, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 12, 9);
	assert_int_equal(out.len, 9);
	assert_memory_equal(out.bytes, "\xc3\xa4\xc3\xa4\xc3\xa4...", 9);
	buf_clear(&out);
	name_append(&out, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 12, 10);
	assert_int_equal(out.len, 9);
	assert_true(utf8_valid((const char *)out.bytes, out.len));
	buf_clear(&out);
	name_append(&out, "exactly ten", 11, 11);
	assert_int_equal(out.len, 11);
	assert_memory_equal(out.bytes, "exactly ten", 11);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cxx_names_show_their_parameters),
		cmocka_unit_test(rust_names_are_paths),
		cmocka_unit_test(other_names_stay_as_they_are),
		cmocka_unit_test(a_name_that_explodes_is_cut),
		cmocka_unit_test(deep_nesting_ends),
		cmocka_unit_test(names_too_long_to_demangle_are_cut),
		cmocka_unit_test(names_are_made_utf8_and_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
