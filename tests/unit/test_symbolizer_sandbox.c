// SPDX-License-Identifier: Apache-2.0
/* Each case enters the sandbox in a child of its own, which then tries one thing. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdpass.h"
#include "symbolizer/sandbox.h"

#define CHANNEL 3
#define NOBODY  65534
#define FDS     100

/* Returns what the child's exit status shall be. */
typedef int (*attempt)(int sock);

static void become_nobody(void)
{
	if (getuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
				     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		_exit(100);
}

static void child(int sock, attempt try_it)
{
	uint32_t fds;

	become_nobody();
	if (dup2(sock, CHANNEL) != CHANNEL || sandbox_enter(CHANNEL, FDS, &fds) < 0)
		_exit(101);
	_exit(try_it(CHANNEL));
}

static int status_of(attempt try_it)
{
	int sockets[2], status;
	pid_t pid;

	assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), errno);
	assert_int_equal(fdpass_send(sockets[0], "x", 1, sockets[0]), 1);
	pid = fork();
	if (pid == 0)
		child(sockets[1], try_it);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(sockets[0]);
	(void)close(sockets[1]);
	return status;
}

static int nothing(int sock)
{
	(void)sock;
	return 7;
}

static int its_work(int sock)
{
	char byte, *memory = malloc(1 << 20);
	int fd = -1;

	if (!memory || fdpass_recv(sock, &byte, 1, &fd) != 1 || fd < 0)
		return 1;
	memory[0] = byte;
	free(memory);
	if (pread(fd, &byte, 1, 0) >= 0 || errno != ESPIPE)
		return 2;
	return close(fd) == 0 && fdpass_send(sock, "y", 1, -1) == 1 ? 7 : 3;
}

static int sees_no_environment(int sock)
{
	(void)sock;
	return environ && *environ ? 1 : 7;
}

static int opens(int sock)
{
	return open("/dev/null", O_RDONLY) + sock;
}

static int stats(int sock)
{
	struct stat st;

	return stat("/", &st) + sock;
}

static int connects(int sock)
{
	return socket(AF_INET, SOCK_STREAM, 0) + sock;
}

static int forks(int sock)
{
	return fork() + sock;
}

static int executes(int sock)
{
	char *none[] = {NULL};

	return execve("/bin/true", none, none) + sock;
}

static int maps_code(int sock)
{
	return sock + (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0) == MAP_FAILED);
}

static int makes_code(int sock)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return sock + mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int signals_others(int sock)
{
	return kill(1, 0) + sock;
}

static int traces(int sock)
{
	return (int)ptrace(PTRACE_ATTACH, 1, NULL, NULL) + sock;
}

static int writes(int sock)
{
	return (int)write(sock, "x", 1);
}

static int raises_its_limits(int sock)
{
	struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

	return setrlimit(RLIMIT_AS, &limit) + sock;
}

static void the_work_itself_is_allowed(void **state)
{
	(void)state;
	assert_int_equal(status_of(nothing), 7 << 8);
	assert_int_equal(status_of(its_work), 7 << 8);
	assert_int_equal(status_of(sees_no_environment), 7 << 8);
}

static void anything_else_is_death(void **state)
{
	static const attempt attempts[] = {opens, stats, connects, forks, executes, maps_code,
		makes_code, signals_others, traces, writes, raises_its_limits};

	(void)state;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		int status = status_of(attempts[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("attempt %zu ended with status 0x%x", i, status);
	}
}

/* In a child: what sandbox_enter() says to somebody with these ids, as exit status. */
static int refusal(uid_t uid, gid_t gid, bool keep_capabilities)
{
	pid_t pid = fork();
	uint32_t fds;
	int status;

	if (pid == 0) {
		if (prctl(PR_SET_KEEPCAPS, keep_capabilities, 0, 0, 0) < 0 ||
			setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
			setresuid(uid, uid, uid) < 0)
			_exit(100);
		_exit(-sandbox_enter(CHANNEL, FDS, &fds));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void the_privileged_are_refused(void **state)
{
	(void)state;
	if (getuid() != 0)
		skip();
	assert_int_equal(refusal(0, 0, false), EPERM);
	assert_int_equal(refusal(0, NOBODY, false), EPERM);
	assert_int_equal(refusal(NOBODY, 0, false), EPERM);
	assert_int_equal(refusal(NOBODY, NOBODY, true), EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_work_itself_is_allowed),
		cmocka_unit_test(anything_else_is_death),
		cmocka_unit_test(the_privileged_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
