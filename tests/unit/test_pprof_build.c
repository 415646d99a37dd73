// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "pprof/build.h"
#include "pprof/decode.h"

static const int64_t one[2] = {1, 10};

static const struct pprof_header header = {
	.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}},
	.period_type = {"cpu", "nanoseconds"},
	.period = 10101010,
	.time_ns = 1700000000000000000,
	.duration_ns = 1000000000,
};

static struct pprof_builder *builder_new(size_t bytes)
{
	struct pprof_limits limits = {.bytes = bytes};
	struct pprof_builder *b;

	assert_int_equal(pprof_builder_new(&limits, &b), 0);
	return b;
}

static struct pprof_view *finish_and_read(struct pprof_builder *b)
{
	struct buf out = buf_with_ceiling(1 << 20);
	struct pprof_view *view;
	struct diag diag;

	assert_int_equal(pprof_finish(b, &header, &out), 0);
	assert_int_equal(pprof_decode(out.bytes, out.len, &diag, &view), 0);
	buf_fini(&out);
	return view;
}

static void equal_things_get_equal_numbers(void **state)
{
	struct pprof_builder *b = builder_new(0);
	struct pprof_mapping m = {.start = 1, .limit = 2, .filename = "/bin/x"};
	uint32_t mapping = pprof_mapping(b, &m);
	uint32_t function = pprof_function(b, "f", "f", "f.c", 3);
	struct pprof_line line = {function, 4};

	(void)state;
	assert_int_equal(pprof_mapping(b, &m), mapping);
	m.build_id = (struct build_id){.len = 1};
	assert_int_not_equal(pprof_mapping(b, &m), mapping);
	assert_int_equal(pprof_function(b, "f", "f", "f.c", 3), function);
	assert_int_not_equal(pprof_function(b, "f", "f", "f.c", 4), function);
	assert_int_not_equal(pprof_function(b, "f", NULL, "f.c", 3), function);
	assert_int_equal(
		pprof_location(b, mapping, 1, &line, 1), pprof_location(b, mapping, 1, &line, 1));
	assert_int_not_equal(pprof_location(b, mapping, 1, &line, 1),
		pprof_location(b, PPROF_NONE, 1, &line, 1));
	assert_int_equal(pprof_builder_refused(b), 0);
	pprof_builder_free(b);
}

static void the_lines_of_the_first_call_stand(void **state)
{
	struct pprof_builder *b = builder_new(0);
	struct pprof_line first = {pprof_function(b, "first", "", "", 0), 1};
	struct pprof_line second = {pprof_function(b, "second", "", "", 0), 2};
	uint32_t location = pprof_location(b, PPROF_NONE, 7, &first, 1);
	struct pprof_view *v;

	(void)state;
	assert_int_equal(pprof_location(b, PPROF_NONE, 7, &second, 1), location);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 2), 0);
	v = finish_and_read(b);
	assert_int_equal(v->samples[0].locations[0]->n_lines, 1);
	assert_string_equal(v->samples[0].locations[0]->lines[0].function->name, "first");
	pprof_view_free(v);
	pprof_builder_free(b);
}

static void what_a_mapping_has_is_united_and_the_first_main_wins(void **state)
{
	struct pprof_builder *b = builder_new(0);
	struct pprof_mapping lib = {.start = 1, .limit = 2, .filename = "lib"};
	struct pprof_mapping app = {.start = 3, .limit = 4, .filename = "app", .is_main = true};
	struct pprof_mapping late = {.start = 5, .limit = 6, .filename = "late", .is_main = true};
	uint32_t where[3] = {
		pprof_mapping(b, &lib), pprof_mapping(b, &app), pprof_mapping(b, &late)};
	struct pprof_view *v;

	(void)state;
	lib.has_functions = true;
	assert_int_equal(pprof_mapping(b, &lib), where[0]);
	for (size_t i = 0; i < 3; i++) {
		uint32_t location = pprof_location(b, where[i], 2 * i + 1, NULL, 0);

		assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 2), 0);
	}
	v = finish_and_read(b);
	assert_int_equal(v->n_mappings, 3);
	assert_string_equal(v->mappings[0].filename, "app");
	assert_string_equal(v->mappings[1].filename, "lib");
	assert_string_equal(v->mappings[2].filename, "late");
	pprof_view_free(v);
	pprof_builder_free(b);
}

static void equal_samples_add_up_and_stop_at_the_largest_number(void **state)
{
	struct pprof_builder *b = builder_new(0);
	const struct pprof_label ab[] = {{"comm", "x"}, {"pid", "1"}};
	const struct pprof_label ba[] = {{"pid", "1"}, {"comm", "x"}, {"unit", ""}};
	const int64_t huge[2] = {1, INT64_MAX};
	uint32_t location = pprof_location(b, PPROF_NONE, 7, NULL, 0);
	struct pprof_view *v;

	(void)state;
	assert_int_equal(pprof_sample(b, &location, 1, ab, 2, one, 2), 0);
	assert_int_equal(pprof_sample(b, &location, 1, ba, 3, huge, 2), 0);
	v = finish_and_read(b);
	assert_int_equal(v->n_samples, 1);
	assert_int_equal(v->samples[0].values[0], 2);
	assert_true(v->samples[0].values[1] == INT64_MAX);
	assert_int_equal(v->samples[0].n_labels, 2);
	assert_string_equal(v->samples[0].labels[0].key, "comm");
	assert_string_equal(v->samples[0].labels[1].value, "1");
	pprof_view_free(v);
	pprof_builder_free(b);
}

static void samples_that_no_reader_takes_are_refused(void **state)
{
	struct pprof_builder *b = builder_new(0);
	uint32_t location = pprof_location(b, PPROF_NONE, 7, NULL, 0), none = PPROF_NONE;
	const int64_t zero[2] = {0, 0}, negative[2] = {1, -1}, many[5] = {1, 1, 1, 1, 1};
	const struct pprof_label twice[] = {{"pid", "1"}, {"comm", "x"}, {"pid", "2"}};
	const struct pprof_label nameless[] = {{"", "1"}};

	(void)state;
	assert_int_equal(pprof_sample(b, &location, 0, NULL, 0, one, 2), -EINVAL);
	assert_int_equal(pprof_sample(b, &none, 1, NULL, 0, one, 2), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, zero, 2), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, negative, 2), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, many, 5), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 0), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, twice, 3, one, 2), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, nameless, 1, one, 2), -EINVAL);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 2), 0);
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 1), -EINVAL);
	pprof_builder_free(b);
}

static void an_address_of_zero_is_written_as_one(void **state)
{
	struct pprof_builder *b = builder_new(0);
	uint32_t location = pprof_location(b, PPROF_NONE, 0, NULL, 0);
	struct pprof_view *v;

	(void)state;
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 2), 0);
	v = finish_and_read(b);
	assert_int_equal(v->samples[0].locations[0]->address, 1);
	pprof_view_free(v);
	pprof_builder_free(b);
}

static void a_line_without_a_function_is_left_out(void **state)
{
	struct pprof_builder *b = builder_new(0);
	struct pprof_line lines[2] = {{PPROF_NONE, 1}, {pprof_function(b, "f", "", "", 0), 2}};
	uint32_t location = pprof_location(b, PPROF_NONE, 9, lines, 2);
	struct pprof_view *v;

	(void)state;
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 2), 0);
	v = finish_and_read(b);
	assert_int_equal(v->samples[0].locations[0]->n_lines, 1);
	assert_int_equal(v->samples[0].locations[0]->lines[0].line, 2);
	pprof_view_free(v);
	pprof_builder_free(b);
}

static void memory_stays_below_its_ceiling_and_refusals_are_counted(void **state)
{
	const size_t ceiling = 300000;
	struct pprof_builder *b = builder_new(ceiling);
	uint64_t refused = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char name[64];
		struct pprof_line line = {0, (int64_t)i};
		uint32_t location;

		snprintf(name, sizeof(name), "function number \xff %u", i);
		line.function = pprof_function(b, name, name, "", 0);
		refused += line.function == PPROF_NONE;
		location = pprof_location(b, PPROF_NONE, i + 1, &line, 1);
		refused += location == PPROF_NONE;
		if (location != PPROF_NONE)
			refused += pprof_sample(b, &location, 1, NULL, 0, one, 2) == -ENOBUFS;
		assert_true(pprof_builder_bytes(b) <= ceiling);
	}
	assert_true(refused > 1000);
	assert_int_equal(pprof_builder_refused(b), refused);
	pprof_view_free(finish_and_read(b));
	pprof_builder_free(b);
}

static void finishing_twice_gives_the_same_bytes(void **state)
{
	struct pprof_builder *b = builder_new(0);
	struct buf first = buf_with_ceiling(1 << 20), second = buf_with_ceiling(1 << 20);
	uint32_t location = pprof_location(b, PPROF_NONE, 9, NULL, 0);

	(void)state;
	assert_int_equal(pprof_sample(b, &location, 1, NULL, 0, one, 2), 0);
	assert_int_equal(pprof_finish(b, &header, &first), 0);
	assert_int_equal(pprof_finish(b, &header, &second), 0);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.bytes, second.bytes, first.len);
	buf_fini(&first);
	buf_fini(&second);
	pprof_builder_free(b);
}

static void the_ceiling_of_the_output_is_kept(void **state)
{
	struct pprof_builder *b = builder_new(0);

	(void)state;
	for (size_t ceiling = 0; ceiling < 60; ceiling += 7) {
		struct buf out = buf_with_ceiling(ceiling);

		assert_int_equal(pprof_finish(b, &header, &out), -ENOBUFS);
		buf_fini(&out);
	}
	pprof_builder_free(b);
}

static void nothing_is_freed_without_a_complaint(void **state)
{
	(void)state;
	pprof_builder_free(NULL);
	pprof_view_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_things_get_equal_numbers),
		cmocka_unit_test(the_lines_of_the_first_call_stand),
		cmocka_unit_test(what_a_mapping_has_is_united_and_the_first_main_wins),
		cmocka_unit_test(equal_samples_add_up_and_stop_at_the_largest_number),
		cmocka_unit_test(samples_that_no_reader_takes_are_refused),
		cmocka_unit_test(an_address_of_zero_is_written_as_one),
		cmocka_unit_test(a_line_without_a_function_is_left_out),
		cmocka_unit_test(memory_stays_below_its_ceiling_and_refusals_are_counted),
		cmocka_unit_test(finishing_twice_gives_the_same_bytes),
		cmocka_unit_test(the_ceiling_of_the_output_is_kept),
		cmocka_unit_test(nothing_is_freed_without_a_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
