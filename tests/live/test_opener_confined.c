// SPDX-License-Identifier: Apache-2.0
/*
 * Is the opener what it claims: one descriptor, one capability, five system
 * calls? Read off its /proc, and tried: children confined like it attempt what they
 * must not, and must die of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/io.h"
#include "base/scope.h"
#include "opener/confine.h"
#include "opener/opener.h"
#include "opener/request.h"

static void status_line_is(const char *status, const char *name, const char *wanted)
{
	const char *line = strstr(status, name);

	assert_non_null(line);
	line += strlen(name) + strspn(line + strlen(name), "\t ");
	if (strncmp(line, wanted, strlen(wanted)) || line[strlen(wanted)] != '\n')
		fail_msg("%s is %.40s, not %s", name, line, wanted);
}

static void its_status_shows_what_it_gave_up(void **state)
{
	scoped(buf_fini) struct buf status = buf_with_ceiling(16384);
	struct opener o;
	char path[64];

	(void)state;
	assert_int_equal(opener_start(&o), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", o.pid);
	assert_int_equal(io_read_file(AT_FDCWD, path, &status), 0);
	buf_append(&status, "", 1);
	opener_stop(&o);
	status_line_is((char *)status.bytes, "Name:", "cprofd-opener");
	status_line_is(
		(char *)status.bytes, "\nCapEff:", "0000000000200000"); /* bit 21, CAP_SYS_ADMIN */
	status_line_is((char *)status.bytes, "\nCapPrm:", "0000000000200000");
	status_line_is((char *)status.bytes, "\nCapInh:", "0000000000000000");
	status_line_is((char *)status.bytes, "\nCapAmb:", "0000000000000000");
	status_line_is((char *)status.bytes, "\nCapBnd:", "0000000000000000");
	status_line_is((char *)status.bytes, "\nNoNewPrivs:", "1");
	status_line_is((char *)status.bytes, "\nSeccomp:", "2");
}

static void its_channel_is_all_it_has_open(void **state)
{
	/* three that it must not keep, close-on-exec or not */
	int inherited[3] = {open("/dev/null", O_RDONLY), open("/etc/passwd", O_RDONLY | O_CLOEXEC),
		dup2(0, 200)};
	struct dirent *entry;
	struct opener o;
	char path[64];
	DIR *dir;

	(void)state;
	assert_int_equal(opener_start(&o), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", o.pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			assert_string_equal(entry->d_name, "3");
	(void)closedir(dir);
	opener_stop(&o);
	for (size_t i = 0; i < 3; i++)
		(void)close(inherited[i]);
}

static void it_opens_events_and_refuses_what_is_out_of_range(void **state)
{
	struct opener o;
	int fd;

	(void)state;
	assert_int_equal(opener_start(&o), 0);
	fd = opener_open_clock(&o, 0, 99);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(fd);
	fd = opener_open_sideband(&o, 0, OPENER_KSYMBOL, 4096);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(opener_open_clock(&o, 0, 0), -EINVAL);
	assert_int_equal(opener_open_clock(&o, 0, 100001), -EINVAL);
	assert_int_equal(opener_open_clock(&o, 8192, 99), -EINVAL);
	assert_int_equal(opener_open_sideband(&o, 0, 0x80, 4096), -EINVAL);
	/* and is still there */
	fd = opener_open_clock(&o, 0, 99);
	assert_true(fd >= 0);
	(void)close(fd);
	opener_stop(&o);
	assert_int_equal(o.channel, -1);
	opener_stop(&o);
}

static void a_message_that_is_no_request_ends_it(void **state)
{
	static const size_t lengths[] = {
		1, sizeof(struct opener_request) - 1, sizeof(struct opener_request) + 1, 4096};
	static const char nonsense[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct opener o;

		assert_int_equal(opener_start(&o), 0);
		assert_int_equal(send(o.channel, nonsense, lengths[i], 0), lengths[i]);
		assert_int_equal(opener_open_clock(&o, 0, 99), -EPIPE);
		opener_stop(&o);
	}
}

static void a_killed_opener_is_an_error_not_a_hang(void **state)
{
	struct opener o;

	(void)state;
	assert_int_equal(opener_start(&o), 0);
	assert_int_equal(kill(o.pid, SIGKILL), 0);
	assert_int_equal(opener_open_clock(&o, 0, 99), -EPIPE);
	assert_int_equal(opener_open_clock(&o, 0, 99), -EPIPE);
	opener_stop(&o);
}

static void a_terminals_interrupt_does_not_end_it(void **state)
{
	struct opener o;
	int fd;

	(void)state;
	assert_int_equal(opener_start(&o), 0);
	assert_int_equal(kill(o.pid, SIGINT), 0);
	assert_int_equal(kill(o.pid, SIGTERM), 0);
	fd = opener_open_clock(&o, 0, 99);
	assert_true(fd >= 0);
	(void)close(fd);
	opener_stop(&o);
}

/* ---- what it must not do ---- */

static void try_open(void)
{
	(void)open("/etc/passwd", O_RDONLY);
}

static void try_socket(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void try_fork(void)
{
	(void)syscall(SYS_fork);
}

static void try_exec(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void try_ptrace(void)
{
	(void)ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void try_mount(void)
{
	(void)syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL);
}

static void try_bpf(void)
{
	(void)syscall(SYS_bpf, 0, NULL, 0);
}

static void try_write(void)
{
	(void)syscall(SYS_write, CONFINED_CHANNEL, "x", 1);
}

static void try_other_socket(void)
{
	(void)syscall(SYS_sendmsg, 4, NULL, 0);
}

static void try_one_process(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .type = PERF_TYPE_SOFTWARE};

	(void)syscall(SYS_perf_event_open, &attr, 1L, -1L, -1L, (long)PERF_FLAG_FD_CLOEXEC);
}

static void try_cgroup(void)
{
	struct perf_event_attr attr = {.size = sizeof(attr), .type = PERF_TYPE_SOFTWARE};

	(void)syscall(SYS_perf_event_open, &attr, 3L, 0L, -1L,
		(long)(PERF_FLAG_FD_CLOEXEC | PERF_FLAG_PID_CGROUP));
}

static void try_nothing(void)
{
}

/* The wait status of a child that is confined as the opener is and then tries. */
static int status_of(void (*attempt)(void))
{
	pid_t parent = getpid(), pid;
	int pair[2], status = -1;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		if (confine_self(pair[1], parent))
			_exit(2);
		attempt();
		/* not _exit(): before that the address sanitizer makes calls of its own */
		(void)syscall(SYS_exit_group, 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return status;
}

static void whatever_else_it_tries_kills_it(void **state)
{
	static void (*const attempts[])(void) = {try_open, try_socket, try_fork, try_exec,
		try_ptrace, try_mount, try_bpf, try_write, try_other_socket, try_one_process,
		try_cgroup};

	(void)state;
	assert_int_equal(status_of(try_nothing), 0);
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		int status = status_of(attempts[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("attempt %zu ended with status %#x", i, status);
	}
}

static void without_the_capability_it_does_not_start(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		struct opener o;

		if (setresuid(65534, 65534, 65534))
			_exit(3);
		_exit(opener_start(&o) == -EPERM ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_status_shows_what_it_gave_up),
		cmocka_unit_test(its_channel_is_all_it_has_open),
		cmocka_unit_test(it_opens_events_and_refuses_what_is_out_of_range),
		cmocka_unit_test(a_message_that_is_no_request_ends_it),
		cmocka_unit_test(a_killed_opener_is_an_error_not_a_hang),
		cmocka_unit_test(a_terminals_interrupt_does_not_end_it),
		cmocka_unit_test(whatever_else_it_tries_kills_it),
		cmocka_unit_test(without_the_capability_it_does_not_start),
	};

	if (geteuid()) {
		(void)printf("skip - needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
