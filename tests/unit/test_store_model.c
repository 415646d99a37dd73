// SPDX-License-Identifier: Apache-2.0
/*
 * The store against the simplest thing that could be right: an array of every
 * sample ever added, of which the store must hold a suffix.
 */
#include "unit/store_samples.h"

#include <stdio.h>
#include <time.h>

#define N_SAMPLES  30000
#define N_OWNERS   8
#define N_STACKS   600
#define MAX_FRAMES 30

static struct {
	uint64_t seed;
	struct test_owner owners[N_OWNERS];
	uint64_t frames[N_STACKS][MAX_FRAMES];
	uint16_t depth[N_STACKS];
	struct store_sample all[N_SAMPLES];
	size_t n;
} model;

/* splitmix64 (public domain algorithm) */
static uint64_t next_random(void)
{
	uint64_t z = model.seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return next_random() % n;
}

static int set_up(void **state)
{
	const char *given = getenv("SEED");

	(void)state;
	model.seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("SEED=%llu\n", (unsigned long long)model.seed);
	for (size_t i = 0; i < N_STACKS; i++) {
		model.depth[i] = (uint16_t)below(MAX_FRAMES + 1);
		for (size_t f = 0; f < MAX_FRAMES; f++)
			model.frames[i][f] = below(4); /* many have a beginning in common */
	}
	return 0;
}

static struct store_sample random_sample(uint64_t now)
{
	size_t k = below(N_STACKS), u = below(N_STACKS);
	struct store_sample s =
		test_sample(&model.owners[below(N_OWNERS)], now, (uint32_t)below(5));

	s.thread_name[0] = (char)('a' + below(3));
	s.kernel_frames = model.frames[k];
	s.user_frames = model.frames[u];
	s.n_kernel = model.depth[k];
	s.n_user = model.depth[u];
	/* few ids: collisions are the rule; the same stack has the same id, as it must */
	s.kernel_stack_id = s.n_kernel % 7;
	s.user_stack_id = s.n_user % 7;
	s.cpu = (uint16_t)below(4);
	s.event = (uint8_t)below(256);
	s.flags = (uint8_t)below(256);
	return s;
}

struct walk {
	const struct store *store;
	size_t next; /* in model.all */
	uint64_t from_ns, to_ns;
	size_t n;
};

static bool inside(const struct walk *w, uint64_t time_ns)
{
	return time_ns >= w->from_ns && time_ns < w->to_ns;
}

static void check_stack(const struct walk *w, uint32_t number, const uint64_t *frames, uint16_t n)
{
	struct store_stack got = store_stack(w->store, number);

	assert_int_equal(got.n, n);
	if (n)
		assert_memory_equal(got.frames, frames, n * sizeof(*frames));
	else
		assert_int_equal(number, 0);
}

static bool check_row(void *ctx, const struct store_row *row)
{
	struct walk *w = ctx;
	const struct store_thread *thread = store_thread(w->store, row->thread);
	const struct store_sample *want;

	while (w->next < model.n && !inside(w, model.all[w->next].time_ns))
		w->next++;
	assert_true(w->next < model.n);
	want = &model.all[w->next++];
	assert_int_equal(row->time_ns, want->time_ns);
	assert_int_equal(row->cpu, want->cpu);
	assert_int_equal(row->event, want->event);
	assert_int_equal(row->flags, want->flags);
	assert_ptr_equal(thread->owner, want->owner);
	assert_int_equal(thread->tid, want->tid);
	assert_memory_equal(thread->name, want->thread_name, STORE_NAME_LEN);
	check_stack(w, row->kernel_stack, want->kernel_frames, want->n_kernel);
	check_stack(w, row->user_stack, want->user_frames, want->n_user);
	w->n++;
	return true;
}

/* An edge that is exactly a sample's time, one beside it, or anything. */
static uint64_t random_edge(uint64_t now)
{
	return below(4) ? model.all[below(model.n)].time_ns + below(3) - 1 : below(now + 2);
}

static void check_window(const struct store *s, uint64_t from_ns, uint64_t to_ns)
{
	struct store_totals totals = test_totals(s);
	struct walk w = {.store = s, .next = totals.evicted, .from_ns = from_ns, .to_ns = to_ns};
	size_t want = 0;

	for (size_t i = totals.evicted; i < model.n; i++)
		want += inside(&w, model.all[i].time_ns);
	store_each(s, from_ns, to_ns, check_row, &w);
	assert_int_equal(w.n, want);
}

/* Every thread that is held has one reference, and there are no others. */
static void check_owners(const struct store *s)
{
	uint64_t refs = 0;

	for (size_t i = 0; i < N_OWNERS; i++)
		refs += (uint64_t)model.owners[i].refs;
	assert_int_equal(refs, test_totals(s).threads);
}

static void run(size_t budget_bytes)
{
	struct store *s = test_store(budget_bytes);
	uint64_t now = 1000000;

	for (model.n = 0; model.n < N_SAMPLES;) {
		/* mostly forward, sometimes back, seldom far */
		now += below(1000) ? below(20000000) : below(20000000000);
		now -= below(10) ? 0 : below(now < 600000000 ? now : 600000000);
		model.all[model.n] = random_sample(now);
		assert_int_equal(store_add(s, &model.all[model.n]), 0);
		model.n++;
		assert_true(test_totals(s).bytes <= budget_bytes);
		assert_int_equal(test_totals(s).rows + test_totals(s).evicted, model.n);
		if (model.n % 500 == 0) {
			check_window(s, random_edge(now), random_edge(now));
			check_window(s, random_edge(now), UINT64_MAX);
			check_owners(s);
		}
	}
	check_window(s, 0, UINT64_MAX);
	store_free(s);
	for (size_t i = 0; i < N_OWNERS; i++)
		assert_int_equal(model.owners[i].refs, 0);
}

static void a_roomy_store_holds_what_the_array_holds(void **state)
{
	(void)state;
	run(16 << 20);
}

static void a_tight_store_holds_a_suffix_of_the_array(void **state)
{
	(void)state;
	run(100000);
}

static void a_very_tight_store_holds_a_suffix_of_the_array(void **state)
{
	(void)state;
	run(20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_roomy_store_holds_what_the_array_holds),
		cmocka_unit_test(a_tight_store_holds_a_suffix_of_the_array),
		cmocka_unit_test(a_very_tight_store_holds_a_suffix_of_the_array),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
