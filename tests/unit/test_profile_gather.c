// SPDX-License-Identifier: Apache-2.0
/* From rows to groups: which samples, which mapping, counted how often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "collect/collect.h"
#include "profile/gather.h"
#include "store/store.h"
#include "tracker/tracker.h"
#include "unit/records.h"

#define TEXT 0x400000u
#define LIB  0x700000u

struct world {
	struct tracker *tracker;
	struct store *store;
};

static void ref_owner(void *image)
{
	(void)image_ref(image);
}

static void unref_owner(void *image)
{
	image_unref(image);
}

static int make_world(void **state)
{
	static struct world w;
	const struct tracker_options tracker = {.proc = "/sys"}; /* holds no process */
	const struct store_options store = {
		.budget_bytes = 4u << 20, .owner_ref = ref_owner, .owner_unref = unref_owner};

	*state = &w;
	return tracker_new(&tracker, &w.tracker) || store_new(&store, &w.store);
}

static int end_world(void **state)
{
	struct world *w = *state;

	store_free(w->store);
	tracker_free(w->tracker);
	return 0;
}

static void feed(struct world *w, struct record_bytes r)
{
	tracker_feed(w->tracker, r.at, r.len);
}

/* A process that was forked and has executed `path`, mapped at TEXT. */
static void spawn(struct world *w, uint64_t time, uint32_t pid, const char *path, uint64_t inode)
{
	feed(w, record_fork(time, pid, pid, 1));
	feed(w, record_comm(time + 1, pid, pid, "prog", 1));
	feed(w, record_mmap(time + 2, pid, TEXT, 0x10000, 0, inode, 0, path));
}

/* A sample of `pid` at `time`: a user stack of one or two frames, kernel frames when `kernel`. */
static void sample(struct world *w, uint64_t time, uint32_t pid, uint64_t leaf, uint64_t caller,
	uint64_t kernel, uint8_t flags)
{
	const uint64_t user[] = {leaf, caller}, kern[] = {kernel};
	struct abi_sample abi = {.time_ns = time,
		.tgid = pid,
		.tid = pid,
		.start_boottime_ns = pid * 1000000000ull,
		.n_user = caller ? 2 : 1};
	struct store_sample s = {.time_ns = time,
		.tid = pid,
		.thread_name = "thread",
		.kernel_stack_id = kernel,
		.user_stack_id = leaf * 31 + caller,
		.kernel_frames = kern,
		.user_frames = user,
		.n_kernel = kernel != 0,
		.n_user = caller ? 2 : 1,
		.cpu = 1,
		.flags = flags};
	enum tracker_user user_half;

	tracker_advance(w->tracker, time);
	s.owner = tracker_attribute(w->tracker, &abi, &user_half);
	assert_non_null(s.owner);
	assert_int_equal(store_add(w->store, &s), 0);
}

static struct profile_request of_pid(uint32_t pid)
{
	struct profile_request r = {
		.processes = {{.tgid = pid}}, .n_processes = 1, .from_ns = 0, .to_ns = UINT64_MAX};

	return r;
}

static const struct gather_frame *frame(const struct gather *g, uint32_t stack, uint32_t i)
{
	assert_true(i < g->stacks.at[stack].n);
	return &g->frames.at[g->stack_frames.at[g->stacks.at[stack].at + i]];
}

static const char *path_of(const struct gather *g, const struct gather_frame *f)
{
	assert_true(f->mapping < g->mappings.n);
	return g->mappings.at[f->mapping].object->path;
}

static void equal_stacks_are_counted_and_others_kept_apart(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	for (uint64_t t = 0; t < 5; t++)
		sample(w, 1000 + t, 10, TEXT + 0x10, TEXT + 0x99, 0, 0);
	sample(w, 2000, 10, TEXT + 0x20, 0, 0xffffffff81000000, 0);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 6);
	assert_int_equal(g.groups.n, 2);
	assert_int_equal(g.groups.at[0].count, 5);
	assert_int_equal(g.stacks.at[g.groups.at[0].kernel].n, 0);
	assert_int_equal(frame(&g, g.groups.at[0].user, 0)->address, TEXT + 0x10);
	assert_false(frame(&g, g.groups.at[0].user, 0)->caller);
	assert_true(frame(&g, g.groups.at[0].user, 1)->caller);
	assert_string_equal(path_of(&g, frame(&g, g.groups.at[0].user, 0)), "/bin/a");
	assert_int_equal(g.groups.at[1].count, 1);
	assert_int_equal(frame(&g, g.groups.at[1].kernel, 0)->mapping, GATHER_KERNEL);
	gather_fini(&g);
}

static void one_process_is_not_another_at_the_same_addresses(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(11);
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	spawn(w, 200, 11, "/bin/b", 8);
	sample(w, 1000, 10, TEXT + 0x10, 0, 0, 0);
	sample(w, 1001, 11, TEXT + 0x10, 0, 0, 0);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 1);
	assert_string_equal(path_of(&g, frame(&g, g.groups.at[0].user, 0)), "/bin/b");
	gather_fini(&g);
	r = (struct profile_request){.all = true, .to_ns = UINT64_MAX};
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 2);
	assert_int_equal(g.groups.n, 2);
	assert_int_equal(g.mappings.n, 2);
	gather_fini(&g);
}

/* The same stack, the same process, another library at the address: time decides. */
static void a_library_that_took_anothers_place_is_told_apart(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	feed(w, record_mmap(500, 10, LIB, 0x1000, 0, 20, 0, "/lib/one.so"));
	for (uint64_t t = 0; t < 3; t++)
		sample(w, 1000 + t, 10, LIB + 0x10, 0, 0, 0);
	feed(w, record_mmap(2000, 10, LIB, 0x1000, 0, 21, 0, "/lib/two.so"));
	for (uint64_t t = 0; t < 2; t++)
		sample(w, 3000 + t, 10, LIB + 0x10, 0, 0, 0);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.groups.n, 2);
	assert_int_equal(g.groups.at[0].count, 3);
	assert_string_equal(path_of(&g, frame(&g, g.groups.at[0].user, 0)), "/lib/one.so");
	assert_int_equal(g.groups.at[1].count, 2);
	assert_string_equal(path_of(&g, frame(&g, g.groups.at[1].user, 0)), "/lib/two.so");
	gather_fini(&g);
}

static void a_call_that_ends_a_mapping_belongs_to_it(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	/* a noreturn call may be the last instruction: its return address is one past the end */
	sample(w, 1000, 10, TEXT + 0x10, TEXT + 0x10000, 0, 0);
	/* as a sampled address it belongs to nobody */
	sample(w, 1001, 10, TEXT + 0x10000, 0, 0, 0);
	gather_rows(&g, &r, w->store);
	assert_string_equal(path_of(&g, frame(&g, g.groups.at[0].user, 1)), "/bin/a");
	assert_int_equal(frame(&g, g.groups.at[1].user, 0)->mapping, GATHER_NO_MAPPING);
	gather_fini(&g);
}

/* Code without frame pointers leads the walk into data. */
static void a_walk_ends_where_it_leaves_the_code(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};
	const uint64_t user[] = {TEXT + 0x10, 0x7ffd00001234, TEXT + 0x20};
	struct abi_sample abi = {.time_ns = 1000, .tgid = 10, .tid = 10, .n_user = 3};
	struct store_sample s = {
		.time_ns = 1000, .tid = 10, .user_stack_id = 99, .user_frames = user, .n_user = 3};
	enum tracker_user user_half;

	spawn(w, 100, 10, "/bin/a", 7);
	tracker_advance(w->tracker, 1000);
	s.owner = tracker_attribute(w->tracker, &abi, &user_half);
	assert_non_null(s.owner);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(store_add(w->store, &s), 0);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.stacks.at[g.groups.at[0].user].n, 2);
	assert_int_equal(frame(&g, g.groups.at[0].user, 1)->mapping, GATHER_NO_MAPPING);
	assert_int_equal(g.broken, 3); /* samples, not stacks */
	gather_fini(&g);
}

static void the_daemons_own_samples_are_left_out_of_the_host_but_counted(void **state)
{
	struct world *w = *state;
	struct profile_request r = {.all = true, .to_ns = UINT64_MAX};
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	sample(w, 1000, 10, TEXT + 0x10, 0, 0, ROW_SELF);
	sample(w, 1001, 10, TEXT + 0x10, 0, 0, ROW_USER_CUT);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 1);
	assert_int_equal(g.self, 1);
	assert_int_equal(g.user_cut, 1);
	gather_fini(&g);
	r.include_self = true;
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 2);
	gather_fini(&g);
	/* who asks for the daemon itself gets it */
	r = of_pid(10);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 2);
	gather_fini(&g);
}

static void labels_split_groups_only_when_asked_for(void **state)
{
	struct world *w = *state;
	struct profile_request r = {.all = true, .to_ns = UINT64_MAX};
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	spawn(w, 200, 11, "/bin/a", 7);
	sample(w, 1000, 10, TEXT + 0x10, 0, 0, 0);
	sample(w, 1001, 11, TEXT + 0x10, 0, 0, 0);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.labels.n, 1);
	assert_int_equal(g.labels.at[0].tgid, 0);
	assert_int_equal(g.labels.at[0].cpu_plus_1, 0);
	gather_fini(&g);
	r.labels = PROFILE_LABEL_PID | PROFILE_LABEL_CPU | PROFILE_LABEL_THREAD_NAME;
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.labels.n, 2);
	assert_int_equal(g.labels.at[1].tgid, 11);
	assert_int_equal(g.labels.at[1].tid, 0);
	assert_int_equal(g.labels.at[1].cpu_plus_1, 2);
	assert_string_equal(g.labels.at[1].thread_name, "thread");
	gather_fini(&g);
}

static void a_reused_pid_is_another_process(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct image *now;
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	sample(w, 1000, 10, TEXT + 0x10, 0, 0, 0);
	now = tracker_find(w->tracker, 10);
	assert_non_null(now);
	r.processes[0].start_boottime_ns = now->start_boottime_ns + 5000000000;
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 0);
	gather_fini(&g);
}

static void a_return_address_of_zero_is_no_frame(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};
	const uint64_t user[] = {TEXT + 0x10, TEXT + 0x20, 0};
	struct abi_sample abi = {.time_ns = 1000, .tgid = 10, .tid = 10, .n_user = 3};
	struct store_sample s = {
		.time_ns = 1000, .tid = 10, .user_stack_id = 99, .user_frames = user, .n_user = 3};
	enum tracker_user user_half;

	spawn(w, 100, 10, "/bin/a", 7);
	tracker_advance(w->tracker, 1000);
	s.owner = tracker_attribute(w->tracker, &abi, &user_half);
	assert_int_equal(store_add(w->store, &s), 0);
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.stacks.at[g.groups.at[0].user].n, 2);
	assert_int_equal(frame(&g, g.groups.at[0].user, 1)->address, TEXT + 0x20);
	assert_int_equal(g.broken, 0);
	gather_fini(&g);
}

/* What /proc told before the first sample is enough to tell the two apart. */
static void an_idle_process_is_not_the_next_one_with_its_pid(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};
	const struct image *idle;

	spawn(w, 100, 10, "/bin/a", 7);
	tracker_advance(w->tracker, 500);
	idle = tracker_find(w->tracker, 10);
	assert_true(image_start_ns(idle) == TIME_UNKNOWN);
	r.processes[0].start_boottime_ns = 4990000000;
	assert_true(profile_process_owns(&r.processes[0], idle));
	sample(w, 1000, 10, TEXT + 0x10, 0, 0, 0); /* started at 10 s */
	assert_false(profile_process_owns(&r.processes[0], tracker_find(w->tracker, 10)));
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 0);
	gather_fini(&g);
}

static void the_window_has_exact_edges(void **state)
{
	struct world *w = *state;
	struct profile_request r = of_pid(10);
	struct gather g = {0};

	spawn(w, 100, 10, "/bin/a", 7);
	for (uint64_t t = 0; t < 10; t++)
		sample(w, 1000 + t, 10, TEXT + 0x10, 0, 0, 0);
	r.from_ns = 1002;
	r.to_ns = 1007;
	gather_rows(&g, &r, w->store);
	assert_int_equal(g.samples, 5);
	assert_ptr_equal(gather_main_image(&g), tracker_find(w->tracker, 10));
	gather_fini(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			equal_stacks_are_counted_and_others_kept_apart, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			one_process_is_not_another_at_the_same_addresses, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			a_library_that_took_anothers_place_is_told_apart, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			a_call_that_ends_a_mapping_belongs_to_it, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			a_walk_ends_where_it_leaves_the_code, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			a_return_address_of_zero_is_no_frame, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			an_idle_process_is_not_the_next_one_with_its_pid, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			the_daemons_own_samples_are_left_out_of_the_host_but_counted, make_world,
			end_world),
		cmocka_unit_test_setup_teardown(
			labels_split_groups_only_when_asked_for, make_world, end_world),
		cmocka_unit_test_setup_teardown(
			a_reused_pid_is_another_process, make_world, end_world),
		cmocka_unit_test_setup_teardown(the_window_has_exact_edges, make_world, end_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
