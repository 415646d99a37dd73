// SPDX-License-Identifier: Apache-2.0
#include "symbols/cache.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CEILING (256u << 10)

static struct cache *cache(void)
{
	struct cache *c;

	assert_int_equal(cache_new(CEILING, &c), 0);
	return c;
}

static struct symbol put(struct cache *c, uint64_t address, const char *name)
{
	struct cache_key key = {.object = 1, .address = address};
	struct symbol s = {.name = name, .system_name = name}, kept;

	assert_int_equal(cache_put(c, &key, &s, &kept), 0);
	return kept;
}

static bool has(struct cache *c, uint64_t address, struct symbol *ret)
{
	return cache_get(c, &(struct cache_key){.object = 1, .address = address}, ret);
}

/* Addresses from `first` on, with names of their own, until `n` are in. */
static void fill(struct cache *c, uint64_t first, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "a_name_of_some_length_%" PRIu64, first + i);
		(void)put(c, first + i, name);
		assert_true(cache_bytes(c) <= CEILING);
	}
}

static void object_address_and_caller_are_told_apart(void **state)
{
	struct cache *c = cache();
	struct symbol found;

	(void)state;
	(void)put(c, 7, "seven");
	assert_true(has(c, 7, &found));
	assert_string_equal(found.name, "seven");
	assert_false(has(c, 8, &found));
	assert_false(cache_get(c, &(struct cache_key){.object = 2, .address = 7}, &found));
	assert_false(
		cache_get(c, &(struct cache_key){.object = 1, .address = 7, .caller = 1}, &found));
	cache_free(c);
}

static void an_answer_without_a_name_is_remembered_too(void **state)
{
	struct cache *c = cache();
	struct cache_key key = {.object = 1, .address = 1};
	struct symbol none = {.reason = SYMBOL_NO_SYMBOL}, found;

	(void)state;
	assert_int_equal(cache_put(c, &key, &none, &found), 0);
	assert_true(cache_get(c, &key, &found));
	assert_null(found.name);
	assert_int_equal(found.reason, SYMBOL_NO_SYMBOL);
	cache_free(c);
}

static void equal_texts_are_stored_once_and_copied(void **state)
{
	struct cache *c = cache();
	char name[] = "twice";
	struct symbol a = put(c, 1, name), b = put(c, 2, "twice");

	(void)state;
	name[0] = 'X';
	assert_ptr_equal(a.name, b.name);
	assert_ptr_equal(a.name, a.system_name);
	assert_string_equal(a.name, "twice");
	cache_free(c);
}

static void the_ceiling_holds_and_the_oldest_go(void **state)
{
	struct cache *c = cache();
	struct symbol found;

	(void)state;
	fill(c, 0, 20000);
	assert_true(has(c, 19999, &found));
	assert_string_equal(found.name, "a_name_of_some_length_19999");
	assert_false(has(c, 0, &found));
	cache_free(c);
}

static void what_is_asked_for_again_stays(void **state)
{
	struct cache *c = cache();
	struct symbol found;

	(void)state;
	(void)put(c, 1000000, "wanted");
	for (uint64_t i = 0; i < 200; i++) {
		fill(c, i * 100, 100);
		assert_true(has(c, 1000000, &found));
		assert_string_equal(found.name, "wanted");
	}
	cache_free(c);
}

static void held_texts_outlive_their_generation(void **state)
{
	struct cache *c = cache();
	struct symbol first = put(c, 1000000, "held"), found;
	struct cache_texts *held = cache_hold(c);
	size_t with, without;

	(void)state;
	/* the texts that are held are on top of the ceiling, the account says so */
	for (uint64_t i = 0; i < 20000; i++)
		(void)put(c, i, "filler");
	assert_false(has(c, 1000000, &found));
	assert_string_equal(first.name, "held");
	with = cache_bytes(c);
	cache_release(held);
	without = cache_bytes(c);
	assert_true(without < with);
	cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_address_and_caller_are_told_apart),
		cmocka_unit_test(an_answer_without_a_name_is_remembered_too),
		cmocka_unit_test(equal_texts_are_stored_once_and_copied),
		cmocka_unit_test(the_ceiling_holds_and_the_oldest_go),
		cmocka_unit_test(what_is_asked_for_again_stays),
		cmocka_unit_test(held_texts_outlive_their_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
