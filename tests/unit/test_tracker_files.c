// SPDX-License-Identifier: Apache-2.0
/* The scan, rescans and opening of objects, against a /proc made of files in a directory. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tracker/tracker.h"
#include "unit/records.h"

#define FAR_NS 1000000000000000000ull /* later than any clock of this test */

static char dir[64];  /* holds proc/ and root/ */
static char proc[96]; /* the /proc of the tests */

static const char *in(const char *base, const char *name)
{
	static char path[2][512];
	static unsigned turn;

	turn = !turn;
	(void)snprintf(path[turn], sizeof(path[turn]), "%s/%s", base, name);
	return path[turn];
}

static void write_file(const char *base, const char *name, const char *text)
{
	FILE *f = fopen(in(base, name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void make_dir(const char *base, const char *name)
{
	assert_int_equal(mkdir(in(base, name), 0700), 0);
}

/* /proc/PID of a program with one mapping of /lib/x.so and one of the program itself. */
static void make_process(unsigned pid, const char *stat, const char *maps)
{
	char base[128];

	(void)snprintf(base, sizeof(base), "%s/%u", proc, pid);
	assert_int_equal(mkdir(base, 0700), 0);
	make_dir(base, "map_files");
	write_file(base, "stat", stat);
	write_file(base, "maps", maps);
	assert_int_equal(symlink("../../root", in(base, "root")), 0);
	assert_int_equal(symlink("/bin/prog", in(base, "exe")), 0);
}

static const char stat_7[] = "7 (prog) S 1 7 7 0 -1 4194560 5 6 0 0 7 8 9 10 20 0 1 0 500 1 1\n";
static const char maps_7[] = "400000-401000 r-xp 00000000 08:01 21                     /lib/x.so\n"
			     "500000-501000 r--p 00000000 08:01 22                     /bin/prog\n"
			     "501000-503000 r-xp 00001000 08:01 22                     /bin/prog\n"
			     "7ffff7fc0000-7ffff7fc2000 r-xp 00000000 00:00 0          [vdso]\n";

static int start(void **state)
{
	struct tracker_options options = {.proc = proc, .max_open_objects = 3};
	struct tracker *t;

	(void)snprintf(dir, sizeof(dir), "/tmp/cprofd-test-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(proc, sizeof(proc), "%s/proc", dir);
	make_dir(dir, "proc");
	make_dir(dir, "root");
	make_dir(dir, "root/lib");
	write_file(dir, "root/lib/x.so", "library");
	make_process(7, stat_7, maps_7);
	if (tracker_new(&options, &t))
		return -1;
	*state = t;
	return 0;
}

static int stop(void **state)
{
	char command[128];

	tracker_free(*state);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void feed(struct tracker *t, struct record_bytes r)
{
	tracker_feed(t, r.at, r.len);
}

/* Process 7 maps /lib/x.so as the file that now stands at root/lib/x.so; build id if given. */
static const struct mapping *map_library(struct tracker *t, uint8_t build_id)
{
	struct record_bytes r;
	struct stat st;
	uint32_t dev[2];

	assert_int_equal(lstat(in(dir, "root/lib/x.so"), &st), 0);
	feed(t, record_comm(100, 7, 7, "prog", 1));
	r = record_mmap(110, 7, 0x400000, 0x1000, 0, st.st_ino, build_id, "/lib/x.so");
	if (!build_id) { /* header, pid, tid, three u64: then the device */
		dev[0] = major(st.st_dev);
		dev[1] = minor(st.st_dev);
		memcpy(r.at + 40, dev, sizeof(dev));
		memset(r.at + 56, 0, 8); /* no generation */
	}
	feed(t, r);
	tracker_advance(t, 200);
	return image_mapping_at(tracker_find(t, 7), 0x400000, 200);
}

static struct object *opened(struct tracker *t, const struct mapping *m)
{
	tracker_open_object(t, tracker_find(t, 7), m);
	return m->object;
}

static void assert_reads(const struct object *o, const char *want)
{
	char got[64] = {0};

	assert_int_equal(o->state, OBJECT_OPEN);
	assert_true(pread(o->fd, got, sizeof(got) - 1, 0) >= 0);
	assert_string_equal(got, want);
	assert_int_equal(fcntl(o->fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(o->fd, F_GETFD) & FD_CLOEXEC);
}

static void the_mapping_itself_is_opened_even_when_its_path_is_another_file(void **state)
{
	const struct mapping *m = map_library(*state, 0);

	assert_int_equal(rename(in(dir, "root/lib/x.so"), in(dir, "old")), 0);
	write_file(dir, "root/lib/x.so", "upgraded");
	assert_int_equal(symlink("../../../old", in(proc, "7/map_files/400000-401000")), 0);
	assert_reads(opened(*state, m), "library");
}

static void a_mapping_that_was_split_is_found_by_its_address(void **state)
{
	struct tracker *t = *state;
	const struct mapping *m;
	char line[160];
	struct stat st;

	m = map_library(t, 0);
	assert_int_equal(stat(in(dir, "root/lib/x.so"), &st), 0);
	(void)snprintf(line, sizeof(line), "400800-402000 r-xp 00000000 %02x:%02x %llu /lib/x.so\n",
		major(st.st_dev), minor(st.st_dev), (unsigned long long)st.st_ino);
	write_file(proc, "7/maps", line);
	assert_int_equal(rename(in(dir, "root/lib/x.so"), in(dir, "old")), 0);
	assert_int_equal(symlink("../../../old", in(proc, "7/map_files/400800-402000")), 0);
	assert_reads(opened(t, m), "library");
}

static void without_map_files_the_path_is_taken_below_the_processs_root(void **state)
{
	assert_reads(opened(*state, map_library(*state, 0)), "library");
}

static void with_a_build_id_the_path_is_opened_and_left_to_the_symbolizer_to_check(void **state)
{
	struct object *o = opened(*state, map_library(*state, 5));

	assert_reads(o, "library");
	assert_int_equal(o->build_id.len, 20);
}

static void assert_unreadable(const struct object *o, enum object_why why)
{
	assert_int_equal(o->state, OBJECT_UNREADABLE);
	assert_int_equal(o->why, why);
	assert_int_equal(o->fd, -1);
}

static void a_file_that_was_replaced_is_not_the_one_that_was_mapped(void **state)
{
	const struct mapping *m = map_library(*state, 0);

	write_file(dir, "root/lib/new", "upgraded");
	assert_int_equal(rename(in(dir, "root/lib/new"), in(dir, "root/lib/x.so")), 0);
	assert_unreadable(opened(*state, m), OBJECT_WHY_REPLACED);
}

static void a_deleted_file_is_gone(void **state)
{
	const struct mapping *m = map_library(*state, 0);

	assert_int_equal(unlink(in(dir, "root/lib/x.so")), 0);
	assert_unreadable(opened(*state, m), OBJECT_WHY_GONE);
}

static void a_fifo_at_the_path_neither_blocks_nor_opens(void **state)
{
	const struct mapping *m = map_library(*state, 5);

	assert_int_equal(unlink(in(dir, "root/lib/x.so")), 0);
	assert_int_equal(mkfifo(in(dir, "root/lib/x.so"), 0600), 0);
	assert_unreadable(opened(*state, m), OBJECT_WHY_NOT_REGULAR);
}

static void a_directory_is_no_file(void **state)
{
	const struct mapping *m = map_library(*state, 5);

	assert_int_equal(unlink(in(dir, "root/lib/x.so")), 0);
	make_dir(dir, "root/lib/x.so");
	assert_unreadable(opened(*state, m), OBJECT_WHY_NOT_REGULAR);
}

static void a_symlink_at_the_path_is_not_followed(void **state)
{
	const struct mapping *m = map_library(*state, 5);

	assert_int_equal(rename(in(dir, "root/lib/x.so"), in(dir, "root/lib/y.so")), 0);
	assert_int_equal(symlink("y.so", in(dir, "root/lib/x.so")), 0);
	assert_unreadable(opened(*state, m), OBJECT_WHY_REPLACED);
}

static void a_symlink_on_the_way_is_not_followed(void **state)
{
	const struct mapping *m = map_library(*state, 5);

	assert_int_equal(rename(in(dir, "root/lib"), in(dir, "root/moved")), 0);
	assert_int_equal(symlink("moved", in(dir, "root/lib")), 0);
	assert_unreadable(opened(*state, m), OBJECT_WHY_REPLACED);
}

static void a_file_above_the_size_cap_is_not_opened(void **state)
{
	const struct mapping *m = map_library(*state, 5);

	assert_int_equal(truncate(in(dir, "root/lib/x.so"), (4ll << 30) + 1), 0);
	assert_unreadable(opened(*state, m), OBJECT_WHY_TOO_LARGE);
}

static void descriptors_have_a_ceiling(void **state)
{
	struct tracker *t = *state;
	struct tracker_totals totals;

	(void)map_library(t, 0);
	for (uint8_t i = 1; i <= 4; i++) {
		feed(t, record_mmap(
				200 + i, 7, 0x500000 + i * 0x1000, 0x1000, 0, 0, i, "/lib/x.so"));
		tracker_advance(t, 300);
		(void)opened(t, image_mapping_at(tracker_find(t, 7), 0x500000 + i * 0x1000, 300));
	}
	tracker_totals(t, &totals);
	assert_int_equal(totals.objects_open, 3);
	assert_int_equal(totals.objects_unreadable, 1);
	assert_unreadable(
		image_mapping_at(tracker_find(t, 7), 0x504000, 300)->object, OBJECT_WHY_TOO_MANY);
}

static void an_object_that_could_not_be_opened_is_tried_again_for_a_later_mapping(void **state)
{
	struct tracker *t = *state;
	const struct mapping *m = map_library(t, 5);
	uint64_t later = 0;
	struct timespec now;

	assert_int_equal(rename(in(dir, "root/lib/x.so"), in(dir, "root/lib/y.so")), 0);
	assert_unreadable(opened(t, m), OBJECT_WHY_GONE);
	assert_int_equal(rename(in(dir, "root/lib/y.so"), in(dir, "root/lib/x.so")), 0);
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	later = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 500000000;
	feed(t, record_mmap(later, 7, 0x600000, 0x1000, 0, 0, 5, "/lib/x.so"));
	tracker_advance(t, FAR_NS);
	assert_reads(opened(t, image_mapping_at(tracker_find(t, 7), 0x600000, later)), "library");
}

static void the_vdso_is_a_sealed_copy_of_our_own(void **state)
{
	struct tracker *t = *state;
	const struct object *o;
	char magic[4];

	feed(t, record_mmap(100, 7, 0x7ffff7fc0000, 0x2000, 0, 0, 0, "[vdso]"));
	tracker_advance(t, 200);
	o = opened(t, image_mapping_at(tracker_find(t, 7), 0x7ffff7fc0000, 200));
	assert_int_equal(o->state, OBJECT_OPEN);
	assert_int_equal(pread(o->fd, magic, 4, 0), 4);
	assert_memory_equal(magic, "\177ELF", 4);
	assert_true(pwrite(o->fd, magic, 4, 0) < 0);
}

/* ---- scan and rescan -------------------------------------------------------------------- */

static const char *path_at(struct tracker *t, uint64_t address, uint64_t time)
{
	const struct mapping *m = image_mapping_at(tracker_find(t, 7), address, time);

	return m ? m->object->path : "-";
}

static void the_scan_tells_of_those_who_were_there_before(void **state)
{
	struct tracker *t = *state;
	const struct image *i;

	make_process(2, "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 1 0 0 20 0 1 0 27 0\n", "");
	make_process(9, "9 (gone) Z 1 9 9 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 99 0\n", "");
	make_process(10, "nonsense", "");
	assert_int_equal(tracker_scan(t), 0);
	i = tracker_find(t, 7);
	assert_non_null(i);
	assert_string_equal(i->comm, "prog");
	assert_int_equal(i->from_ns, 0);
	assert_string_equal(path_at(t, 0x400000, 1), "/lib/x.so");
	assert_string_equal(path_at(t, 0x500000, 1), "-"); /* not executable */
	assert_int_equal(image_mapping_at(i, 0x501000, 1)->offset, 0x1000);
	assert_string_equal(image_main_mapping(i)->object->path, "/bin/prog");
	assert_true(tracker_find(t, 2)->kernel_thread);
	assert_null(tracker_find(t, 9));
	assert_true(tracker_find(t, 10)->maps_unknown);
}

static void a_mapping_both_scanned_and_told_is_one(void **state)
{
	struct tracker *t = *state;
	struct tracker_totals totals;
	struct record_bytes r = record_mmap(500, 7, 0x400000, 0x1000, 0, 21, 0, "/lib/x.so");

	memset(r.at + 56, 0, 8);
	assert_int_equal(tracker_scan(t), 0);
	feed(t, r);
	tracker_advance(t, 600);
	tracker_totals(t, &totals);
	assert_int_equal(totals.mappings_now, 3);
	assert_string_equal(path_at(t, 0x400000, 100), "/lib/x.so");
}

static void a_start_in_ticks_is_compared_in_ticks(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = {.tgid = 7, .tid = 7, .time_ns = 100, .exec_id = 3};
	enum tracker_user user;
	struct image *i;

	assert_int_equal(tracker_scan(t), 0);
	i = tracker_find(t, 7);
	assert_true(image_start_ns(i) == 5000000000);
	s.start_boottime_ns = 5009999999; /* tick 500 is [5.00 s, 5.01 s) */
	assert_ptr_equal(tracker_attribute(t, &s, &user), i);
	assert_true(i->start_boottime_ns == 5009999999);
	assert_true(image_start_ns(i) == 5009999999);
	assert_int_equal(i->exec_id, 3);
}

static void the_start_of_a_process_can_be_asked_for(void **state)
{
	struct tracker *t = *state;

	assert_true(tracker_start_ns(t, 7) == 5000000000); /* 500 ticks of 10 ms */
	assert_true(tracker_start_ns(t, 8) == TIME_UNKNOWN);
	make_process(8, "8 (cut) S 1", "");
	assert_true(tracker_start_ns(t, 8) == TIME_UNKNOWN);
}

static void a_start_in_another_tick_is_another_process(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = {
		.tgid = 7, .tid = 7, .time_ns = 100, .start_boottime_ns = 5010000000};
	enum tracker_user user;
	struct image *i;

	assert_int_equal(tracker_scan(t), 0);
	i = image_ref(tracker_find(t, 7));
	assert_ptr_not_equal(tracker_attribute(t, &s, &user), i);
	assert_true(tracker_find(t, 7)->maps_unknown); /* and /proc still shows the other one */
	image_unref(i);
}

static void a_process_that_only_samples_tell_of_is_read_from_proc(void **state)
{
	struct tracker *t = *state;
	struct abi_sample s = {
		.tgid = 7, .tid = 8, .time_ns = 100, .start_boottime_ns = 5000000000};
	enum tracker_user user;
	struct image *i = tracker_attribute(t, &s, &user);

	assert_false(i->maps_unknown);
	assert_string_equal(i->comm, "prog");
	assert_string_equal(path_at(t, 0x400000, 100), "/lib/x.so");
}

static void a_rescan_keeps_what_is_known_and_ends_what_is_gone(void **state)
{
	struct tracker *t = *state;
	struct tracker_totals totals;

	feed(t, record_comm(100, 7, 7, "prog", 1));
	feed(t, record_mmap(110, 7, 0x501000, 0x2000, 0x1000, 0, 5, "/bin/prog"));
	feed(t, record_mmap(120, 7, 0x900000, 0x1000, 0, 0, 6, "/lib/closed.so"));
	tracker_advance(t, 200);
	assert_true(tracker_rescan(t, tracker_find(t, 7), 300));
	assert_string_equal(path_at(t, 0x400000, 300), "/lib/x.so");
	assert_string_equal(path_at(t, 0x900000, 250), "/lib/closed.so");
	assert_string_equal(path_at(t, 0x900000, 300), "-");
	/* the object keeps the build id that the record told */
	assert_int_equal(
		image_mapping_at(tracker_find(t, 7), 0x501000, 300)->object->build_id.len, 20);
	assert_string_equal(path_at(t, 0x501000, 110), "/bin/prog");
	tracker_totals(t, &totals);
	assert_int_equal(totals.mappings_now, 4);
	assert_int_equal(totals.rescans, 1);
}

static void a_second_rescan_at_once_is_refused(void **state)
{
	struct tracker *t = *state;
	struct tracker_totals totals;

	assert_int_equal(tracker_scan(t), 0);
	assert_true(tracker_rescan(t, tracker_find(t, 7), 300));
	assert_false(tracker_rescan(t, tracker_find(t, 7), 301));
	tracker_totals(t, &totals);
	assert_int_equal(totals.rescans, 1);
	assert_int_equal(totals.rescans_refused, 1);
}

static void a_pid_that_went_to_another_process_is_not_read(void **state)
{
	struct tracker *t = *state;

	assert_int_equal(tracker_scan(t), 0);
	write_file(proc, "7/stat", "7 (new) S 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 501 1\n");
	write_file(proc, "7/maps", "400000-401000 r-xp 00000000 08:01 33 /lib/other.so\n");
	assert_false(tracker_rescan(t, tracker_find(t, 7), 300));
	assert_string_equal(path_at(t, 0x400000, 400), "/lib/x.so");
	assert_string_equal(tracker_find(t, 7)->comm, "prog");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_mapping_itself_is_opened_even_when_its_path_is_another_file),
		CASE(a_mapping_that_was_split_is_found_by_its_address),
		CASE(without_map_files_the_path_is_taken_below_the_processs_root),
		CASE(with_a_build_id_the_path_is_opened_and_left_to_the_symbolizer_to_check),
		CASE(a_file_that_was_replaced_is_not_the_one_that_was_mapped),
		CASE(a_deleted_file_is_gone),
		CASE(a_fifo_at_the_path_neither_blocks_nor_opens),
		CASE(a_directory_is_no_file),
		CASE(a_symlink_at_the_path_is_not_followed),
		CASE(a_symlink_on_the_way_is_not_followed),
		CASE(a_file_above_the_size_cap_is_not_opened),
		CASE(descriptors_have_a_ceiling),
		CASE(an_object_that_could_not_be_opened_is_tried_again_for_a_later_mapping),
		CASE(the_vdso_is_a_sealed_copy_of_our_own),
		CASE(the_scan_tells_of_those_who_were_there_before),
		CASE(a_mapping_both_scanned_and_told_is_one),
		CASE(a_start_in_ticks_is_compared_in_ticks),
		CASE(the_start_of_a_process_can_be_asked_for),
		CASE(a_start_in_another_tick_is_another_process),
		CASE(a_process_that_only_samples_tell_of_is_read_from_proc),
		CASE(a_rescan_keeps_what_is_known_and_ends_what_is_gone),
		CASE(a_second_rescan_at_once_is_refused),
		CASE(a_pid_that_went_to_another_process_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
