// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "output.h"

static char dir[64];
static char path[512];
static struct diag diag;

static const char *in_dir(const char *name)
{
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void assert_holds(const char *name, const char *text)
{
	char got[256] = "";
	FILE *f = fopen(in_dir(name), "r");

	assert_non_null(f);
	(void)!fread(got, 1, sizeof(got) - 1, f);
	(void)fclose(f);
	assert_string_equal(got, text);
}

static int n_entries(void)
{
	DIR *d = opendir(dir);
	int n = -2; /* . and .. */

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_cli_output.XXXXXX");
	unsetenv("SUDO_UID");
	unsetenv("SUDO_GID");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	(void)state;
	while (d && (entry = readdir(d)))
		(void)remove(in_dir(entry->d_name));
	(void)closedir(d);
	return rmdir(dir);
}

/* Both ways: nameless until it is done, and under a temporary name. */
static const unsigned ways[] = {0, OUTPUT_NAMED};
#define each_way(w) for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++)

static void write_file(const char *name, unsigned flags, const char *text)
{
	struct output o = OUTPUT_NONE;

	assert_int_equal(output_open(in_dir(name), flags, &diag, &o), 0);
	assert_int_equal(output_commit(&o, text, strlen(text), &diag), 0);
	output_fini(&o);
}

static void a_file_appears_whole_for_its_owner_alone(void **state)
{
	mode_t umask_before = umask(0777);

	(void)state;
	each_way(w)
	{
		struct stat st;

		write_file("new", ways[w], "profile");
		assert_int_equal(stat(in_dir("new"), &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_uid, getuid());
		assert_int_equal(n_entries(), 1);
		if (getuid() == 0)
			assert_holds("new", "profile");
		assert_int_equal(st.st_size, 7);
		assert_int_equal(unlink(in_dir("new")), 0);
	}
	umask(umask_before);
}

static void without_commit_nothing_remains(void **state)
{
	(void)state;
	each_way(w)
	{
		struct output o = OUTPUT_NONE;

		assert_int_equal(output_open(in_dir("new"), ways[w], &diag, &o), 0);
		if (!ways[w])
			assert_int_equal(n_entries(), 0);
		else
			assert_int_equal(access(in_dir("new"), F_OK), -1);
		output_fini(&o);
		assert_int_equal(n_entries(), 0);
	}
}

static void an_old_file_is_replaced_and_not_written_into(void **state)
{
	(void)state;
	each_way(w)
	{
		struct output o = OUTPUT_NONE;
		char old[sizeof(path)];

		put("out", "old");
		strcpy(old, path);
		assert_int_equal(link(old, in_dir("hard-link")), 0);
		assert_int_equal(output_open(in_dir("out"), ways[w], &diag, &o), 0);
		assert_holds("out", "old");
		assert_int_equal(output_commit(&o, "new", 3, &diag), 0);
		output_fini(&o);
		assert_holds("out", "new");
		assert_holds("hard-link", "old");
		assert_int_equal(n_entries(), 2);
		assert_int_equal(unlink(in_dir("hard-link")), 0);
	}
}

static void a_symbolic_link_is_refused(void **state)
{
	struct output o = OUTPUT_NONE;

	(void)state;
	put("victim", "precious");
	assert_int_equal(symlink("victim", in_dir("out")), 0);
	each_way(w)
	{
		assert_int_equal(output_open(in_dir("out"), ways[w], &diag, &o), -ELOOP);
		assert_non_null(strstr(diag.text, "is a symbolic link"));
	}
	assert_holds("victim", "precious");
}

static void a_symbolic_link_planted_meanwhile_is_replaced(void **state)
{
	(void)state;
	put("victim", "precious");
	each_way(w)
	{
		struct output o = OUTPUT_NONE;
		struct stat st;

		assert_int_equal(output_open(in_dir("out"), ways[w], &diag, &o), 0);
		assert_int_equal(symlink("victim", in_dir("out")), 0);
		assert_int_equal(output_commit(&o, "new", 3, &diag), 0);
		output_fini(&o);
		assert_int_equal(lstat(in_dir("out"), &st), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_holds("out", "new");
		assert_holds("victim", "precious");
		assert_int_equal(unlink(in_dir("out")), 0);
	}
}

static void a_unique_name_never_replaces(void **state)
{
	(void)state;
	each_way(w)
	{
		unsigned flags = ways[w] | OUTPUT_UNIQUE;

		put("a.pb.gz", "first");
		write_file("a.pb.gz", flags, "second");
		write_file("a.pb.gz", flags, "third");
		assert_holds("a.pb.gz", "first");
		assert_holds("a-2.pb.gz", "second");
		assert_holds("a-3.pb.gz", "third");
		assert_int_equal(n_entries(), 3);
		assert_int_equal(unlink(in_dir("a-2.pb.gz")), 0);
		assert_int_equal(unlink(in_dir("a-3.pb.gz")), 0);
	}
}

static void a_unique_name_tells_where_it_went(void **state)
{
	struct output o = OUTPUT_NONE;

	(void)state;
	put("a.pb.gz", "first");
	assert_int_equal(output_open(in_dir("a.pb.gz"), OUTPUT_UNIQUE, &diag, &o), 0);
	assert_int_equal(output_commit(&o, "x", 1, &diag), 0);
	assert_string_equal(o.path, in_dir("a-2.pb.gz"));
	output_fini(&o);
}

static void places_that_cannot_be_written_are_told_at_once(void **state)
{
	static const struct {
		const char *path;
		int err;
	} cases[] = {
		{"/nonexistent/out", -ENOENT},
		{"/tmp/", -EISDIR},
		{"/tmp", -EISDIR},
		{"..", -EISDIR},
		{".", -EISDIR},
		{"", -ENOENT},
		{"/etc/passwd/out", -ENOTDIR},
		{"/proc/out", -ENOENT},
		{"/dev/fd/999", -EBADF},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct output o = OUTPUT_NONE;

		assert_int_equal(output_open(cases[i].path, 0, &diag, &o), cases[i].err);
		assert_memory_equal(diag.text, "cannot write ", 13);
	}
}

static void devices_are_written_to_and_stay_devices(void **state)
{
	struct output o = OUTPUT_NONE;
	struct stat st;

	(void)state;
	assert_int_equal(output_open("/dev/null", OUTPUT_BINARY, &diag, &o), 0);
	assert_true(output_is_stream(&o));
	assert_int_equal(output_commit(&o, "x", 1, &diag), 0);
	output_fini(&o);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void a_full_device_is_an_error(void **state)
{
	struct output o = OUTPUT_NONE;

	(void)state;
	assert_int_equal(output_open("/dev/full", 0, &diag, &o), 0);
	assert_int_equal(output_commit(&o, "x", 1, &diag), -ENOSPC);
	assert_string_equal(diag.text, "cannot write /dev/full: No space left on device");
	output_fini(&o);
}

static void a_fifo_that_nobody_reads_does_not_hang(void **state)
{
	struct output o = OUTPUT_NONE;

	(void)state;
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	assert_int_equal(output_open(in_dir("fifo"), 0, &diag, &o), -ENXIO);
	/* nor is it taken for a name that we chose ourselves */
	assert_int_equal(output_open(in_dir("fifo"), OUTPUT_UNIQUE, &diag, &o), -EPERM);
}

static void a_fifo_of_a_stranger_is_refused(void **state)
{
	struct output o = OUTPUT_NONE;
	int reader;

	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(mkfifo(in_dir("fifo"), 0666), 0);
	assert_int_equal(chown(path, 12345, 12345), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	assert_int_equal(output_open(in_dir("fifo"), 0, &diag, &o), -EPERM);
	/* through sudo it is the user's own */
	setenv("SUDO_UID", "12345", 1);
	assert_int_equal(output_open(in_dir("fifo"), 0, &diag, &o), 0);
	output_fini(&o);
	(void)close(reader);
}

static void through_sudo_the_file_is_the_users(void **state)
{
	struct stat st;

	(void)state;
	if (getuid() != 0)
		skip();
	each_way(w)
	{
		setenv("SUDO_UID", "12345", 1);
		setenv("SUDO_GID", "54321", 1);
		write_file("out", ways[w], "x");
		assert_int_equal(stat(in_dir("out"), &st), 0);
		assert_int_equal(st.st_uid, 12345);
		assert_int_equal(st.st_gid, 54321);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
}

static void nonsense_from_sudo_leaves_the_file_with_root(void **state)
{
	static const char *const values[] = {
		"", "-1", " 1", "4294967295", "1x", "99999999999999999999"};
	struct stat st;

	(void)state;
	if (getuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		setenv("SUDO_UID", values[i], 1);
		setenv("SUDO_GID", "54321", 1);
		write_file("out", 0, "x");
		assert_int_equal(stat(in_dir("out"), &st), 0);
		assert_int_equal(st.st_uid, 0);
		assert_int_equal(st.st_gid, 0);
	}
}

static void binary_is_not_for_a_terminal(void **state)
{
	struct output o = OUTPUT_NONE;
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64];
	int terminal, err;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	(void)snprintf(name, sizeof(name), "/dev/fd/%d", terminal);
	assert_int_equal(output_open(name, OUTPUT_BINARY, &diag, &o), -EINVAL);
	assert_non_null(strstr(diag.text, "terminal"));
	/* the same by its name: this process's own, or, without a devpts of ours, none */
	err = output_open(ptsname(master), OUTPUT_BINARY, &diag, &o);
	assert_int_equal(err, -EINVAL);
	assert_int_equal(output_open(name, 0, &diag, &o), 0);
	output_fini(&o);
	assert_int_not_equal(fcntl(terminal, F_GETFD), -1); /* borrowed */
	(void)close(terminal);
	(void)close(master);
}

static void a_long_name_still_gets_a_temporary_one(void **state)
{
	char name[NAME_MAX + 2];

	(void)state;
	memset(name, 'n', NAME_MAX + 1);
	name[NAME_MAX] = '\0';
	each_way(w)
	{
		struct output o = OUTPUT_NONE;
		char full[64 + NAME_MAX + 2];

		(void)snprintf(full, sizeof(full), "%s/%s", dir, name);
		assert_int_equal(output_open(full, ways[w], &diag, &o), 0);
		assert_int_equal(output_commit(&o, "x", 1, &diag), 0);
		output_fini(&o);
		assert_int_equal(access(full, F_OK), 0);
		assert_int_equal(n_entries(), 1);
		assert_int_equal(unlink(full), 0);
	}
}

int main(void)
{
#define in_a_directory(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
	const struct CMUnitTest tests[] = {
		in_a_directory(a_file_appears_whole_for_its_owner_alone),
		in_a_directory(without_commit_nothing_remains),
		in_a_directory(an_old_file_is_replaced_and_not_written_into),
		in_a_directory(a_symbolic_link_is_refused),
		in_a_directory(a_symbolic_link_planted_meanwhile_is_replaced),
		in_a_directory(a_unique_name_never_replaces),
		in_a_directory(a_unique_name_tells_where_it_went),
		cmocka_unit_test(places_that_cannot_be_written_are_told_at_once),
		cmocka_unit_test(devices_are_written_to_and_stay_devices),
		cmocka_unit_test(a_full_device_is_an_error),
		in_a_directory(a_fifo_that_nobody_reads_does_not_hang),
		in_a_directory(a_fifo_of_a_stranger_is_refused),
		in_a_directory(through_sudo_the_file_is_the_users),
		in_a_directory(nonsense_from_sudo_leaves_the_file_with_root),
		cmocka_unit_test(binary_is_not_for_a_terminal),
		in_a_directory(a_long_name_still_gets_a_temporary_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
