// SPDX-License-Identifier: Apache-2.0
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* A memfd of `len` bytes of the pattern, read from its beginning. */
static int file_of(size_t len)
{
	int fd = memfd_create("io", MFD_CLOEXEC);
	uint8_t *bytes = test_malloc(len + 1);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++)
		bytes[i] = pattern(i);
	assert_int_equal(io_write_all(fd, bytes, len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	test_free(bytes);
	return fd;
}

static void check_pattern(const struct buf *b, size_t len)
{
	assert_int_equal(b->len, len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(b->bytes[i], pattern(i));
}

static void a_file_of_exactly_the_ceiling_is_read(void **state)
{
	static const size_t sizes[] = {0, 1, 4096, 16383, 16384, 16385, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf b = buf_with_ceiling(sizes[i]);
		int fd = file_of(sizes[i]);

		assert_int_equal(io_read_fd(fd, &b), 0);
		assert_false(b.failed);
		check_pattern(&b, sizes[i]);
		close(fd);
		buf_fini(&b);
	}
}

static void one_byte_past_the_ceiling_is_too_large(void **state)
{
	static const size_t ceilings[] = {0, 1, 16384, 16385, 100000};

	(void)state;
	for (size_t i = 0; i < sizeof(ceilings) / sizeof(ceilings[0]); i++) {
		struct buf b = buf_with_ceiling(ceilings[i]);
		int fd = file_of(ceilings[i] + 1);

		assert_int_equal(io_read_fd(fd, &b), -EFBIG);
		assert_true(b.len <= ceilings[i]);
		close(fd);
		buf_fini(&b);
	}
}

static void reading_appends(void **state)
{
	struct buf b = buf_with_ceiling(1000);
	int fd = file_of(10);

	(void)state;
	buf_append_str(&b, "before");
	assert_int_equal(io_read_fd(fd, &b), 0);
	assert_int_equal(b.len, 16);
	assert_memory_equal(b.bytes, "before", 6);
	assert_int_equal(b.bytes[15], pattern(9));
	close(fd);
	buf_fini(&b);
}

static void a_descriptor_that_cannot_be_read_says_why(void **state)
{
	struct buf b = buf_with_ceiling(10);
	int pair[2];

	(void)state;
	assert_int_equal(io_read_fd(-1, &b), -EBADF);
	assert_int_equal(pipe2(pair, O_NONBLOCK), 0);
	assert_int_equal(io_read_fd(pair[0], &b), -EAGAIN);
	close(pair[0]);
	close(pair[1]);
	buf_fini(&b);
}

static void files_are_opened_without_links_and_without_waiting(void **state)
{
	struct buf b = buf_with_ceiling(10000);
	char dir[] = "/tmp/test_base_io.XXXXXX";
	int dir_fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir_fd >= 0);
	assert_int_equal(mkfifoat(dir_fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("/proc/self/stat", dir_fd, "link"), 0);
	assert_int_equal(io_read_file(dir_fd, "fifo", &b), 0); /* nobody writes: empty, at once */
	assert_int_equal(b.len, 0);
	assert_int_equal(io_read_file(dir_fd, "link", &b), -ELOOP);
	assert_int_equal(io_read_file(dir_fd, "none", &b), -ENOENT);
	assert_int_equal(io_read_file(AT_FDCWD, dir, &b), -EISDIR);
	assert_int_equal(io_read_file(dir_fd, "/proc/self/comm", &b), 0);
	assert_int_equal(b.bytes[b.len - 1], '\n');
	assert_int_equal(unlinkat(dir_fd, "fifo", 0), 0);
	assert_int_equal(unlinkat(dir_fd, "link", 0), 0);
	close(dir_fd);
	assert_int_equal(rmdir(dir), 0);
	buf_fini(&b);
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int signal)
{
	(void)signal;
	n_alarms++;
}

/* Reads to the end, after a while and in small steps; 0 when it was `want` bytes of the pattern. */
static int read_slowly(int fd, size_t want)
{
	uint8_t bytes[777];
	size_t at = 0;
	ssize_t n;

	usleep(20000);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (bytes[i] != pattern(at++))
				return 1;
	return at == want ? 0 : 2;
}

/* Signals arrive while the write blocks: it returns early, with a part or with EINTR. */
static void everything_is_written_though_signals_cut_it_into_parts(void **state)
{
	enum {
		LEN = 2000000
	};
	static const struct itimerval often = {{0, 1000}, {0, 1000}}, never;
	struct sigaction action = {.sa_handler = on_alarm};
	uint8_t *bytes = test_malloc(LEN);
	int pair[2], status;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		bytes[i] = pattern(i);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	child = fork();
	if (!child) {
		close(pair[1]);
		_exit(read_slowly(pair[0], LEN));
	}
	close(pair[0]);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	assert_int_equal(io_write_all(pair[1], bytes, LEN), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_true(n_alarms > 0);
	close(pair[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	test_free(bytes);
}

static void a_full_disk_and_a_full_pipe_are_errors(void **state)
{
	static const uint8_t zeros[1 << 20];
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	int pair[2];

	(void)state;
	assert_int_equal(io_write_all(full, "x", 1), -ENOSPC);
	assert_int_equal(io_write_all(full, "", 0), 0);
	assert_int_equal(io_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(pipe2(pair, O_NONBLOCK), 0);
	assert_int_equal(io_write_all(pair[1], zeros, sizeof(zeros)), -EAGAIN);
	close(pair[0]);
	close(pair[1]);
	close(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_of_exactly_the_ceiling_is_read),
		cmocka_unit_test(one_byte_past_the_ceiling_is_too_large),
		cmocka_unit_test(reading_appends),
		cmocka_unit_test(a_descriptor_that_cannot_be_read_says_why),
		cmocka_unit_test(files_are_opened_without_links_and_without_waiting),
		cmocka_unit_test(everything_is_written_though_signals_cut_it_into_parts),
		cmocka_unit_test(a_full_disk_and_a_full_pipe_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
