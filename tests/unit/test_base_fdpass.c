// SPDX-License-Identifier: Apache-2.0
#include "base/fdpass.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int n_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

struct pair {
	int a, b;
	int n_open_before;
};

static struct pair pair_new(void)
{
	struct pair p = {.n_open_before = n_open()};
	int fds[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	p.a = fds[0];
	p.b = fds[1];
	return p;
}

/* Also checks that nothing but the pair was left open. */
static void pair_close(struct pair *p)
{
	close(p->a);
	close(p->b);
	assert_int_equal(n_open(), p->n_open_before);
}

/* What a peer that does not keep to the rule would send: `n` descriptors at once. */
static void send_many(int sock, int fd, unsigned n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};
	struct iovec io = {.iov_base = (char[]){'x'}, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	for (unsigned i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), 1);
}

static void bytes_arrive_without_a_descriptor(void **state)
{
	struct pair p = pair_new();
	char got[10] = "";
	int fd = 99;

	(void)state;
	assert_int_equal(fdpass_send(p.a, "hello", 5, -1), 5);
	assert_int_equal(fdpass_recv(p.b, got, sizeof(got), &fd), 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(fd, -1);
	pair_close(&p);
}

static void a_descriptor_arrives_as_the_same_file_closed_on_exec(void **state)
{
	struct pair p = pair_new();
	int mine = memfd_create("passed", MFD_CLOEXEC), fd = -1;
	char got[10];

	(void)state;
	assert_int_equal(write(mine, "inside", 6), 6);
	assert_int_equal(fdpass_send(p.a, "x", 1, mine), 1);
	close(mine);
	assert_int_equal(fdpass_recv(p.b, got, sizeof(got), &fd), 1);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(pread(fd, got, sizeof(got), 0), 6);
	assert_memory_equal(got, "inside", 6);
	close(fd);
	pair_close(&p);
}

static void several_descriptors_are_a_breach_and_none_stays_open(void **state)
{
	static const unsigned counts[] = {2, 3, 8, 9, 16};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct pair p = pair_new();
		char got[10];
		int fd = 99;

		send_many(p.a, p.a, counts[i]);
		assert_int_equal(fdpass_recv(p.b, got, sizeof(got), &fd), -EPROTO);
		assert_int_equal(fd, 99);
		pair_close(&p);
	}
}

static void a_process_without_a_free_number_says_so(void **state)
{
	struct pair p = pair_new();
	struct rlimit before, none = {0};
	char got[10];
	int fd = 99;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(fdpass_send(p.a, "x", 1, p.a), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(fdpass_recv(p.b, got, sizeof(got), &fd), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(fd, 99);
	pair_close(&p);
}

static void the_end_of_the_stream_and_an_empty_one_differ(void **state)
{
	struct pair p = pair_new();
	char got[10];
	int fd = 99;

	(void)state;
	assert_int_equal(fdpass_recv(p.b, got, sizeof(got), &fd), -EAGAIN);
	assert_int_equal(fd, 99);
	assert_int_equal(shutdown(p.a, SHUT_WR), 0);
	assert_int_equal(fdpass_recv(p.b, got, sizeof(got), &fd), 0);
	assert_int_equal(fd, -1);
	pair_close(&p);
}

static void a_full_socket_takes_neither_bytes_nor_descriptor(void **state)
{
	struct pair p = pair_new();
	static char bytes[65536];
	size_t sent = 0, received = 0;
	ssize_t n;
	int fd;

	(void)state;
	while ((n = fdpass_send(p.a, bytes, sizeof(bytes), -1)) > 0)
		sent += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(fdpass_send(p.a, "x", 1, p.a), -EAGAIN);
	while ((n = fdpass_recv(p.b, bytes, sizeof(bytes), &fd)) > 0) {
		received += (size_t)n;
		assert_int_equal(fd, -1);
	}
	assert_int_equal(received, sent);
	pair_close(&p);
}

static void a_peer_that_left_is_an_error_and_no_signal(void **state)
{
	struct pair p = pair_new();

	(void)state;
	close(p.b);
	assert_int_equal(fdpass_send(p.a, "x", 1, p.a), -EPIPE);
	p.b = dup(p.a);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_arrive_without_a_descriptor),
		cmocka_unit_test(a_descriptor_arrives_as_the_same_file_closed_on_exec),
		cmocka_unit_test(several_descriptors_are_a_breach_and_none_stays_open),
		cmocka_unit_test(a_process_without_a_free_number_says_so),
		cmocka_unit_test(the_end_of_the_stream_and_an_empty_one_differ),
		cmocka_unit_test(a_full_socket_takes_neither_bytes_nor_descriptor),
		cmocka_unit_test(a_peer_that_left_is_an_error_and_no_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
