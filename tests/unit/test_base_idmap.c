// SPDX-License-Identifier: Apache-2.0
#include "base/idmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define N_THINGS 20000

/* The array that owns the keys. hits	command
   2	/usr/bin/git
  25	/usr/bin/cat
  24	/usr/bin/mkdir may be anything, also the same for many. */
static struct thing {
	uint64_t key, hash;
	bool present;
} things[N_THINGS];

static uint64_t seed;

static uint64_t next_random(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool same(const void *owner, uint32_t id, const void *key)
{
	return ((const struct thing *)owner)[id].key == *(const uint64_t *)key;
}

static uint32_t find(const struct idmap *m, uint32_t i)
{
	return idmap_find(m, things[i].hash, same, things, &things[i].key);
}

static int set_up(void **state)
{
	const char *given = getenv("SEED");

	(void)state;
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("SEED=%llu\n", (unsigned long long)seed);
	return 0;
}

static void an_empty_map_finds_nothing(void **state)
{
	struct idmap m = {0};

	(void)state;
	assert_int_equal(find(&m, 0), IDMAP_NONE);
	assert_int_equal(idmap_bytes(&m), 0);
	idmap_fini(&m);
}

static void colliding_hashes_are_told_apart_by_the_keys(void **state)
{
	struct idmap m = {0};

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		things[i] = (struct thing){.key = i, .hash = 7};
		assert_int_equal(find(&m, i), IDMAP_NONE);
		assert_int_equal(idmap_add(&m, 7, i), 0);
	}
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(find(&m, i), i);
	for (uint32_t i = 0; i < 100; i += 2)
		idmap_remove(&m, 7, i);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(find(&m, i), i % 2 ? i : IDMAP_NONE);
	idmap_fini(&m);
}

/* Add and remove at random; `share` in 256 of the things are in the map in the end. */
static uint32_t churn(struct idmap *m, unsigned rounds, unsigned share, uint64_t n_hashes)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < N_THINGS; i++)
		n += things[i].present;
	for (unsigned round = 0; round < rounds; round++) {
		uint32_t i = (uint32_t)(next_random() % N_THINGS);
		bool want = next_random() % 256 < share;

		assert_int_equal(find(m, i), things[i].present ? i : IDMAP_NONE);
		if (want && !things[i].present) {
			things[i].key = next_random();
			things[i].hash = next_random() % n_hashes << 40; /* weak in its low bits */
			assert_int_equal(idmap_add(m, things[i].hash, i), 0);
			n++;
		} else if (!want && things[i].present) {
			idmap_remove(m, things[i].hash, i);
			n--;
		}
		things[i].present = want;
		assert_int_equal(m->n_used, n);
	}
	for (uint32_t i = 0; i < N_THINGS; i++)
		assert_int_equal(find(m, i), things[i].present ? i : IDMAP_NONE);
	return n;
}

static void a_map_agrees_with_an_array_of_flags(void **state)
{
	struct idmap m = {0};
	uint32_t n;

	(void)state;
	for (uint32_t i = 0; i < N_THINGS; i++)
		things[i] = (struct thing){0};
	n = churn(&m, 200000, 200, 1 << 20);
	assert_true(m.n_places >= n && m.n_places <= 65536);
	(void)churn(&m, 100000, 2, 1 << 20);
	(void)churn(&m, 100000, 250, 1 << 20);
	(void)churn(&m, 100000, 128, 1 << 20);
	idmap_fini(&m);
	assert_int_equal(m.n_places, 0);
}

static void a_map_that_was_emptied_shrinks_as_entries_come_and_go(void **state)
{
	struct idmap m = {0};

	(void)state;
	for (uint32_t i = 0; i < N_THINGS; i++) {
		things[i] = (struct thing){.key = i, .hash = next_random()};
		assert_int_equal(idmap_add(&m, things[i].hash, i), 0);
	}
	assert_int_equal(m.n_places, 32768);
	for (uint32_t i = 0; i < N_THINGS; i++)
		idmap_remove(&m, things[i].hash, i);
	for (uint32_t i = 0; i < 100000; i++) {
		uint64_t hash = next_random();

		assert_int_equal(idmap_add(&m, hash, i), 0);
		idmap_remove(&m, hash, i);
	}
	assert_int_equal(m.n_places, 16);
	idmap_fini(&m);
}

static void a_map_never_allocates_more_than_it_announces(void **state)
{
	struct idmap m = {0};

	(void)state;
	for (uint32_t i = 0; i < 90000; i++) {
		size_t announced = idmap_growth(&m), before = idmap_bytes(&m);

		assert_int_equal(idmap_add(&m, next_random(), i), 0);
		if (!announced)
			assert_int_equal(idmap_bytes(&m), before);
		else
			assert_in_range(idmap_bytes(&m), before, announced);
	}
	assert_in_range(idmap_bytes(&m), 12ull * 131072, 12ull * 131072 + 16384);
	idmap_fini(&m);
}

/* From the xxHash repository: XXH3_64bits of nothing, seed 0. */
static void the_hash_is_xxh3(void **state)
{
	(void)state;
	assert_true(idmap_hash("", 0) == 0x2d06800538d394c2);
	assert_true(idmap_hash("a", 1) != idmap_hash("b", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(colliding_hashes_are_told_apart_by_the_keys),
		cmocka_unit_test(a_map_agrees_with_an_array_of_flags),
		cmocka_unit_test(a_map_that_was_emptied_shrinks_as_entries_come_and_go),
		cmocka_unit_test(a_map_never_allocates_more_than_it_announces),
		cmocka_unit_test(the_hash_is_xxh3),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
