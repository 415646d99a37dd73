// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracker/tracker.h"
#include "unit/records.h"

static char proc_dir[] = "/tmp/cprofd-test-XXXXXX"; /* an empty /proc: nothing to be read again */

static void feed(struct tracker *t, struct record_bytes r)
{
	tracker_feed(t, r.at, r.len);
}

static int start_with(void **state, struct tracker_options o)
{
	struct tracker *t;

	o.proc = proc_dir;
	if (tracker_new(&o, &t))
		return -1;
	*state = t;
	return 0;
}

static int start(void **state)
{
	return start_with(state, (struct tracker_options){0});
}

static int stop(void **state)
{
	tracker_free(*state);
	return 0;
}

static struct tracker_totals totals(struct tracker *t)
{
	struct tracker_totals out;

	tracker_totals(t, &out);
	return out;
}

/* The path mapped at `address` of the living image of `pid`, or "-". */
static const char *path_at(struct tracker *t, uint32_t pid, uint64_t address, uint64_t time)
{
	struct image *i = tracker_find(t, pid);
	const struct mapping *m = i ? image_mapping_at(i, address, time) : NULL;

	return m ? m->object->path : "-";
}

static struct abi_sample sample(uint64_t time, uint32_t pid, uint64_t started, uint32_t exec_id)
{
	return (struct abi_sample){.time_ns = time,
		.tgid = pid,
		.tid = pid,
		.start_boottime_ns = started,
		.exec_id = exec_id,
		.comm = "prog"};
}

/* exec of `path` by `pid` at `time`, the way the kernel tells it: COMM, then mappings */
static void feed_exec(
	struct tracker *t, uint64_t time, uint32_t pid, const char *path, uint64_t inode)
{
	feed(t, record_comm(time, pid, pid, "prog", 1));
	feed(t, record_mmap(time + 1, pid, 0x400000, 0x1000, 0x2000, inode, 0, path));
}

static void a_program_has_the_mappings_that_came_after_its_exec(void **state)
{
	struct tracker *t = *state;

	feed(t, record_fork(100, 7, 7, 1));
	feed_exec(t, 200, 7, "/bin/a", 10);
	feed(t, record_mmap(210, 7, 0x700000, 0x3000, 0x5000, 11, 0, "/lib/x.so (deleted)"));
	tracker_advance(t, 300);
	assert_string_equal(path_at(t, 7, 0x400010, 300), "/bin/a");
	assert_string_equal(path_at(t, 7, 0x700fff, 300), "/lib/x.so");
	assert_string_equal(path_at(t, 7, 0x702fff, 300), "/lib/x.so");
	assert_string_equal(path_at(t, 7, 0x703000, 300), "-");
	assert_string_equal(path_at(t, 7, 0x3fffff, 300), "-");
	assert_string_equal(tracker_find(t, 7)->comm, "prog");
	assert_int_equal(image_mapping_at(tracker_find(t, 7), 0x700000, 300)->offset, 0x5000);
	assert_string_equal(image_main_mapping(tracker_find(t, 7))->object->path, "/bin/a");
}

static void a_mapping_is_valid_from_its_record_on(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 200, 7, "/bin/a", 10);
	feed(t, record_mmap(500, 7, 0x700000, 0x1000, 0, 11, 0, "/lib/x.so"));
	tracker_advance(t, 600);
	assert_string_equal(path_at(t, 7, 0x700000, 499), "-");
	assert_string_equal(path_at(t, 7, 0x700000, 500), "/lib/x.so");
}

static void another_library_at_the_same_address_ends_the_first(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 200, 7, "/bin/a", 10);
	feed(t, record_mmap(300, 7, 0x700000, 0x3000, 0, 11, 0, "/lib/x.so"));
	feed(t, record_mmap(400, 7, 0x701000, 0x1000, 0, 12, 0, "/lib/y.so"));
	tracker_advance(t, 500);
	assert_string_equal(path_at(t, 7, 0x701800, 399), "/lib/x.so");
	assert_string_equal(path_at(t, 7, 0x701800, 400), "/lib/y.so");
	assert_string_equal(path_at(t, 7, 0x700800, 400), "/lib/x.so");
	assert_string_equal(path_at(t, 7, 0x702800, 400), "/lib/x.so");
	/* what is left above the hole keeps its place in the file */
	assert_int_equal(image_mapping_at(tracker_find(t, 7), 0x702000, 450)->offset, 0x2000);
}

static void a_fork_has_its_parents_mappings_and_its_own_ones_alone(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 200, 7, "/bin/a", 10);
	feed(t, record_fork(300, 8, 8, 7));
	feed(t, record_mmap(400, 8, 0x700000, 0x1000, 0, 11, 0, "/lib/child.so"));
	feed(t, record_mmap(410, 7, 0x700000, 0x1000, 0, 12, 0, "/lib/parent.so"));
	tracker_advance(t, 500);
	assert_string_equal(path_at(t, 8, 0x400000, 450), "/bin/a");
	assert_string_equal(path_at(t, 8, 0x700000, 450), "/lib/child.so");
	assert_string_equal(path_at(t, 7, 0x700000, 450), "/lib/parent.so");
	assert_string_equal(tracker_find(t, 8)->comm, "prog");
}

static void an_exec_begins_a_new_image_and_the_old_one_stays_readable(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = sample(250, 7, 50, 4);
	enum tracker_user user;
	struct image *old;

	feed_exec(t, 200, 7, "/bin/a", 10);
	feed_exec(t, 300, 7, "/bin/b", 11);
	tracker_advance(t, 250);
	old = image_ref(tracker_attribute(t, &s, &user));
	assert_int_equal(old->exec_id, 4);
	tracker_advance(t, 400);
	assert_ptr_not_equal(tracker_find(t, 7), old);
	assert_int_equal(tracker_find(t, 7)->exec_id, 5);
	assert_true(tracker_find(t, 7)->exec_id_known);
	assert_int_equal(tracker_find(t, 7)->start_boottime_ns, 50);
	assert_int_equal(old->to_ns, 300);
	assert_string_equal(image_mapping_at(old, 0x400000, 250)->object->path, "/bin/a");
	assert_string_equal(path_at(t, 7, 0x400000, 350), "/bin/b");
	image_unref(old);
}

static void the_leaders_exit_is_not_the_end_while_a_thread_runs(void **state)
{
	struct tracker *t = *state;

	feed(t, record_fork(100, 7, 7, 1));
	feed_exec(t, 110, 7, "/bin/a", 10);
	feed(t, record_fork(200, 7, 9, 7));
	feed(t, record_exit(300, 7, 7));
	tracker_advance(t, 350);
	assert_non_null(tracker_find(t, 7));
	feed(t, record_exit(400, 7, 9));
	tracker_advance(t, 450);
	assert_null(tracker_find(t, 7));
}

static void a_threads_exit_and_name_leave_the_process_alone(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 110, 7, "/bin/a", 10);
	feed(t, record_fork(200, 7, 9, 7));
	feed(t, record_comm(210, 7, 9, "worker", 0));
	feed(t, record_exit(300, 7, 9));
	tracker_advance(t, 350);
	assert_non_null(tracker_find(t, 7));
	assert_string_equal(tracker_find(t, 7)->comm, "prog");
	feed(t, record_comm(400, 7, 7, "renamed", 0));
	tracker_advance(t, 450);
	assert_string_equal(tracker_find(t, 7)->comm, "renamed");
}

static void a_thread_that_execs_takes_over_from_its_leader(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 110, 7, "/bin/a", 10);
	feed(t, record_fork(200, 7, 9, 7));
	feed(t, record_exit(300, 7, 7));
	feed_exec(t, 310, 7, "/bin/b", 11);
	tracker_advance(t, 350);
	assert_string_equal(path_at(t, 7, 0x400000, 350), "/bin/b");
	feed(t, record_exit(400, 7, 7));
	tracker_advance(t, 450);
	assert_null(tracker_find(t, 7));
}

static void a_sample_after_the_exit_still_finds_its_image(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = sample(400, 7, 50, 1);
	enum tracker_user user;
	struct image *i;

	feed_exec(t, 110, 7, "/bin/a", 10);
	feed(t, record_exit(300, 7, 7));
	tracker_advance(t, 400);
	assert_null(tracker_find(t, 7));
	i = tracker_attribute(t, &s, &user);
	assert_int_equal(i->to_ns, 300);
	assert_string_equal(image_mapping_at(i, 0x400000, 400)->object->path, "/bin/a");
	assert_int_equal(totals(t).images_ever, 1);
}

static void ended_images_go_when_nobody_holds_them(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 110, 7, "/bin/a", 10);
	feed(t, record_exit(300, 7, 7));
	tracker_advance(t, 400);
	assert_int_equal(totals(t).images_now, 1);
	tracker_advance(t, 3000000000);
	assert_int_equal(totals(t).images_now, 0);
	assert_int_equal(totals(t).mappings_now, 0);
	assert_int_equal(totals(t).objects_now, 0);
}

static void a_fork_of_a_pid_in_use_ends_who_had_it(void **state)
{
	struct tracker *t = *state;
	struct image *old;

	feed_exec(t, 110, 7, "/bin/a", 10);
	feed_exec(t, 120, 5, "/bin/shell", 12);
	tracker_advance(t, 150);
	old = image_ref(tracker_find(t, 7));
	feed(t, record_fork(200, 7, 7, 5));
	tracker_advance(t, 250);
	assert_int_equal(old->to_ns, 200);
	assert_string_equal(path_at(t, 7, 0x400000, 250), "/bin/shell");
	image_unref(old);
}

static void another_start_time_under_a_pid_is_another_process(void **state)
{
	struct tracker *t = *state;
	struct abi_sample first = sample(200, 7, 50, 1), second = sample(300, 7, 250, 1);
	enum tracker_user user;
	struct image *a, *b;

	feed_exec(t, 110, 7, "/bin/a", 10);
	tracker_advance(t, 200);
	a = image_ref(tracker_attribute(t, &first, &user));
	assert_ptr_equal(a, tracker_attribute(t, &first, &user));
	tracker_advance(t, 300);
	b = tracker_attribute(t, &second, &user);
	assert_ptr_not_equal(a, b);
	assert_true(b->maps_unknown);
	assert_int_equal(a->to_ns, 300);
	assert_int_equal(b->start_boottime_ns, 250);
	assert_int_equal(totals(t).rescans, 1);
	image_unref(a);
}

static void an_exec_that_was_missed_shows_in_the_exec_count(void **state)
{
	struct tracker *t = *state;
	struct abi_sample first = sample(200, 7, 50, 1), second = sample(300, 7, 50, 2);
	enum tracker_user user;
	struct image *a;

	feed_exec(t, 110, 7, "/bin/a", 10);
	tracker_advance(t, 300);
	a = image_ref(tracker_attribute(t, &first, &user));
	assert_ptr_not_equal(a, tracker_attribute(t, &second, &user));
	assert_null(image_mapping_at(tracker_find(t, 7), 0x400000, 300));
	image_unref(a);
}

static void user_registers_are_stale_between_comm_and_the_return_from_exec(void **state)
{
	struct tracker *t = *state;
	struct abi_sample before = sample(150, 7, 50, 1), in = sample(350, 7, 50, 1),
			  late = sample(360, 7, 50, 2), after = sample(370, 7, 50, 2),
			  again = sample(380, 7, 50, 2);
	enum tracker_user user;
	struct image *old, *i;

	feed_exec(t, 110, 7, "/bin/a", 10);
	feed_exec(t, 300, 7, "/bin/b", 11);
	in.flags = late.flags = again.flags = ABI_SAMPLE_IN_EXEC;
	tracker_advance(t, 150);
	old = image_ref(tracker_attribute(t, &before, &user));
	assert_int_equal(user, TRACKER_USER_OK);
	tracker_advance(t, 350);
	i = tracker_attribute(t, &in, &user); /* self_exec_id has not risen yet */
	assert_ptr_not_equal(i, old);
	assert_int_equal(user, TRACKER_USER_STALE);
	assert_ptr_equal(tracker_attribute(t, &late, &user), i);
	assert_int_equal(user, TRACKER_USER_STALE);
	assert_ptr_equal(tracker_attribute(t, &after, &user), i);
	assert_int_equal(user, TRACKER_USER_OK);
	/* the next execve(), before its COMM: memory and registers are both of this image */
	assert_ptr_equal(tracker_attribute(t, &again, &user), i);
	assert_int_equal(user, TRACKER_USER_OK);
	image_unref(old);
}

static void records_are_applied_by_time_whatever_order_they_come_in(void **state)
{
	struct tracker *t = *state;

	feed(t, record_mmap(400, 7, 0x700000, 0x1000, 0, 12, 0, "/lib/second.so"));
	feed(t, record_mmap(300, 7, 0x700000, 0x1000, 0, 11, 0, "/lib/first.so"));
	feed(t, record_comm(200, 7, 7, "prog", 1));
	feed(t, record_fork(100, 7, 7, 1));
	tracker_advance(t, 350);
	assert_string_equal(path_at(t, 7, 0x700000, 350), "/lib/first.so");
	tracker_advance(t, 450);
	assert_string_equal(path_at(t, 7, 0x700000, 450), "/lib/second.so");
	assert_int_equal(totals(t).out_of_order, 0);
	assert_int_equal(totals(t).records, 4);
}

static void a_record_that_comes_too_late_is_counted_and_applied_now(void **state)
{
	struct tracker *t = *state;

	feed_exec(t, 100, 7, "/bin/a", 10);
	tracker_advance(t, 500);
	feed(t, record_mmap(300, 7, 0x700000, 0x1000, 0, 11, 0, "/lib/late.so"));
	tracker_advance(t, 600);
	assert_int_equal(totals(t).out_of_order, 1);
	assert_string_equal(path_at(t, 7, 0x700000, 499), "-");
	assert_string_equal(path_at(t, 7, 0x700000, 500), "/lib/late.so");
}

static void malformed_records_are_counted_and_change_nothing(void **state)
{
	struct tracker *t = *state;
	struct record_bytes whole = record_mmap(100, 7, 0x700000, 0x1000, 0, 1, 0, "/lib/x.so");
	struct record_bytes r = record_mmap(100, 7, -0x1000ull, 0x2000, 0, 1, 0, "/lib/x.so");
	struct record_bytes early = record_comm(0, 7, 7, "prog", 1);
	struct record_bytes future = record_comm(UINT64_MAX / 2, 7, 7, "prog", 1);

	for (uint16_t len = 0; len < whole.len; len++)
		tracker_feed(t, whole.at, len);
	feed(t, r); /* wraps around the end of memory */
	feed(t, early);
	feed(t, future);
	tracker_advance(t, UINT64_MAX);
	assert_int_equal(totals(t).malformed, whole.len + 3);
	assert_int_equal(totals(t).records, 0);
	assert_null(tracker_find(t, 7));
}

static void records_of_other_types_are_no_business_of_ours(void **state)
{
	struct tracker *t = *state;
	struct record_bytes r;

	/* KSYMBOL, with the trailer that the kernel forgets to fill in */
	record_begin(&r, 17, 0);
	record_str(&r, "bpf_prog_0123456789abcdef_handler");
	record_end(&r, 0xc0012345, 0, 0);
	feed(t, r);
	tracker_advance(t, 200);
	assert_int_equal(totals(t).malformed, 0);
	assert_int_equal(totals(t).records, 0);
}

static void what_is_outside_our_pid_namespace_is_no_process(void **state)
{
	struct tracker *t = *state;

	feed(t, record_comm(100, 0, 0, "alien", 1));
	feed(t, record_mmap(110, 0, 0x400000, 0x1000, 0, 1, 0, "/bin/alien"));
	feed(t, record_exit(120, UINT32_MAX, UINT32_MAX));
	feed(t, record_fork(130, 0, 0, 7));
	tracker_advance(t, 200);
	assert_int_equal(totals(t).images_ever, 0);
	assert_int_equal(totals(t).malformed, 0);
}

static void lost_records_are_counted_and_each_sampled_process_is_read_once(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = sample(200, 7, 50, 1);
	enum tracker_user user;

	feed_exec(t, 100, 7, "/bin/a", 10);
	tracker_advance(t, 150);
	(void)tracker_attribute(t, &s, &user);
	assert_int_equal(totals(t).rescans, 0);
	feed(t, record_lost(250, 42));
	tracker_advance(t, 300);
	assert_int_equal(totals(t).lost, 42);
	s.time_ns = 300;
	(void)tracker_attribute(t, &s, &user);
	assert_int_equal(totals(t).rescans, 1);
	for (int i = 0; i < 10; i++)
		(void)tracker_attribute(t, &s, &user);
	assert_int_equal(totals(t).rescans, 1);
}

/* a stripped copy has the build id of its original, but other symbols and another name */
static void one_build_id_under_two_paths_is_two_objects(void **state)
{
	struct tracker *t = *state;

	feed(t, record_comm(100, 7, 7, "prog", 1));
	feed(t, record_mmap(110, 7, 0x400000, 0x1000, 0, 0, 9, "/a/lib.so"));
	feed(t, record_mmap(120, 7, 0x500000, 0x1000, 0, 0, 9, "/b/lib.so"));
	feed(t, record_mmap(130, 7, 0x600000, 0x1000, 0, 0, 9, "/a/lib.so"));
	tracker_advance(t, 200);
	assert_int_equal(totals(t).objects_now, 2);
	assert_string_equal(path_at(t, 7, 0x500000, 200), "/b/lib.so");
	assert_int_equal(
		image_mapping_at(tracker_find(t, 7), 0x400000, 200)->object->build_id.len, 20);
}

static void one_path_with_two_build_ids_is_two_objects(void **state)
{
	struct tracker *t = *state;

	feed(t, record_comm(100, 7, 7, "prog", 1));
	feed(t, record_mmap(110, 7, 0x400000, 0x1000, 0, 0, 9, "/a/lib.so"));
	feed(t, record_mmap(120, 7, 0x500000, 0x1000, 0, 0, 8, "/a/lib.so"));
	tracker_advance(t, 200);
	assert_int_equal(totals(t).objects_now, 2);
}

static void one_inode_under_two_paths_is_two_objects(void **state)
{
	struct tracker *t = *state;

	feed(t, record_comm(100, 7, 7, "prog", 1));
	feed(t, record_mmap(110, 7, 0x400000, 0x1000, 0, 5, 0, "/a/lib.so"));
	feed(t, record_mmap(120, 7, 0x500000, 0x1000, 0, 5, 0, "/b/lib.so"));
	feed(t, record_mmap(130, 7, 0x600000, 0x1000, 0, 5, 0, "/a/lib.so"));
	tracker_advance(t, 200);
	assert_int_equal(totals(t).objects_now, 2);
}

static void names_without_a_file_are_told_apart(void **state)
{
	struct tracker *t = *state;
	const struct image *i;

	feed(t, record_comm(100, 7, 7, "prog", 1));
	feed(t, record_mmap(110, 7, 0x400000, 0x1000, 0x400000, 0, 0, "//anon"));
	feed(t, record_mmap(111, 7, 0x500000, 0x1000, 0, 0, 0, "[heap]"));
	feed(t, record_mmap(112, 7, 0x7ffff7fc0000, 0x1000, 0, 0, 0, "[vdso]"));
	feed(t, record_mmap(113, 7, 0xf7fc0000, 0x1000, 0, 0, 0, "[vdso]"));
	feed(t, record_mmap(114, 7, 0x600000, 0x1000, 0, 3, 0, "/dev/zero (deleted)"));
	feed(t, record_mmap(115, 7, 0x700000, 0x1000, 0, 3, 0, "/memfd:jit (deleted)"));
	tracker_advance(t, 200);
	i = tracker_find(t, 7);
	assert_int_equal(image_mapping_at(i, 0x400000, 200)->object->kind, OBJECT_ANON);
	assert_int_equal(image_mapping_at(i, 0x500000, 200)->object->kind, OBJECT_SPECIAL);
	assert_int_equal(image_mapping_at(i, 0x7ffff7fc0000, 200)->object->kind, OBJECT_VDSO);
	assert_int_equal(image_mapping_at(i, 0xf7fc0000, 200)->object->kind, OBJECT_SPECIAL);
	assert_int_equal(image_mapping_at(i, 0x600000, 200)->object->kind, OBJECT_ANON);
	assert_int_equal(image_mapping_at(i, 0x700000, 200)->object->kind, OBJECT_FILE);
	assert_string_equal(image_main_mapping(i)->object->path, "/memfd:jit");
}

static int start_small(void **state)
{
	return start_with(
		state, (struct tracker_options){
			       .max_images = 3, .max_mappings = 8, .max_queue_bytes = 65536});
}

static void images_above_the_ceiling_are_refused_and_counted(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = sample(500, 99, 50, 1);
	enum tracker_user user;

	for (uint32_t pid = 1; pid <= 5; pid++)
		feed(t, record_comm(100 + pid, pid, pid, "prog", 1));
	tracker_advance(t, 500);
	assert_int_equal(totals(t).images_now, 3);
	assert_int_equal(totals(t).dropped, 2);
	assert_null(tracker_attribute(t, &s, &user));
	assert_int_equal(totals(t).dropped, 3);
}

static void at_the_ceiling_of_mappings_the_oldest_history_goes_first(void **state)
{
	struct tracker *t = *state;

	feed(t, record_comm(100, 7, 7, "prog", 1));
	for (uint32_t i = 0; i < 40; i++)
		feed(t, record_mmap(200 + i, 7, 0x400000, 0x1000, 0, i + 1, 0, "/lib/churn.so"));
	tracker_advance(t, 500);
	assert_true(totals(t).mappings_now <= 8);
	assert_true(totals(t).dropped > 0);
	assert_int_equal(image_mapping_at(tracker_find(t, 7), 0x400000, 500)->object->inode, 40);
	assert_int_equal(image_mapping_at(tracker_find(t, 7), 0x400000, 238)->object->inode, 39);
	assert_null(image_mapping_at(tracker_find(t, 7), 0x400000, 200));
}

static void the_queue_has_a_ceiling(void **state)
{
	struct tracker *t = *state;

	for (uint32_t i = 0; i < 5000; i++)
		feed(t, record_comm(100 + i, 7, 7, "prog", 0));
	assert_true(totals(t).dropped > 0);
	assert_true(totals(t).bytes < 65536 + 8192);
	tracker_advance(t, 10000);
	assert_int_equal(totals(t).records + totals(t).dropped, 5000);
}

static void images_outlive_the_tracker(void **state)
{
	struct tracker *t;
	struct image *i;

	(void)state;
	assert_int_equal(tracker_new(&(struct tracker_options){.proc = proc_dir}, &t), 0);
	feed_exec(t, 100, 7, "/bin/a", 10);
	tracker_advance(t, 200);
	i = image_ref(tracker_find(t, 7));
	tracker_free(t);
	assert_string_equal(image_mapping_at(i, 0x400000, 200)->object->path, "/bin/a");
	image_unref(i);
}

#define CASE(f)       cmocka_unit_test_setup_teardown(f, start, stop)
#define SMALL_CASE(f) cmocka_unit_test_setup_teardown(f, start_small, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_program_has_the_mappings_that_came_after_its_exec),
		CASE(a_mapping_is_valid_from_its_record_on),
		CASE(another_library_at_the_same_address_ends_the_first),
		CASE(a_fork_has_its_parents_mappings_and_its_own_ones_alone),
		CASE(an_exec_begins_a_new_image_and_the_old_one_stays_readable),
		CASE(the_leaders_exit_is_not_the_end_while_a_thread_runs),
		CASE(a_threads_exit_and_name_leave_the_process_alone),
		CASE(a_thread_that_execs_takes_over_from_its_leader),
		CASE(a_sample_after_the_exit_still_finds_its_image),
		CASE(ended_images_go_when_nobody_holds_them),
		CASE(a_fork_of_a_pid_in_use_ends_who_had_it),
		CASE(another_start_time_under_a_pid_is_another_process),
		CASE(an_exec_that_was_missed_shows_in_the_exec_count),
		CASE(user_registers_are_stale_between_comm_and_the_return_from_exec),
		CASE(records_are_applied_by_time_whatever_order_they_come_in),
		CASE(a_record_that_comes_too_late_is_counted_and_applied_now),
		CASE(malformed_records_are_counted_and_change_nothing),
		CASE(records_of_other_types_are_no_business_of_ours),
		CASE(what_is_outside_our_pid_namespace_is_no_process),
		CASE(lost_records_are_counted_and_each_sampled_process_is_read_once),
		CASE(one_build_id_under_two_paths_is_two_objects),
		CASE(one_path_with_two_build_ids_is_two_objects),
		CASE(one_inode_under_two_paths_is_two_objects),
		CASE(names_without_a_file_are_told_apart),
		SMALL_CASE(images_above_the_ceiling_are_refused_and_counted),
		SMALL_CASE(at_the_ceiling_of_mappings_the_oldest_history_goes_first),
		SMALL_CASE(the_queue_has_a_ceiling),
		cmocka_unit_test(images_outlive_the_tracker),
	};
	int failed;

	if (!mkdtemp(proc_dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(proc_dir);
	return failed;
}
