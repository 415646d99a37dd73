// SPDX-License-Identifier: Apache-2.0
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"

#define CHILD_SOCKET 3
#define END_WAIT_MS  10000

int private_find(const char *exe, char *ret, size_t room)
{
	/* the build tree and /usr/local/bin; Debian's layout; two ways to hide a daemon */
	static const char *const places[] = {
		"cprofd",
		"../sbin/cprofd",
		"../libexec/cprofd/cprofd",
		"../lib/cprofd/cprofd",
	};
	const char *slash = strrchr(exe, '/');
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
		int n = snprintf(
			path, sizeof(path), "%.*s%s", (int)(slash - exe + 1), exe, places[i]);

		if (n < 0 || (size_t)n >= sizeof(path) || (size_t)n >= room)
			continue;
		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0) {
			memcpy(ret, path, (size_t)n + 1);
			return 0;
		}
	}
	return -ENOENT;
}

static int find_ours(char *ret, size_t room, struct diag *diag)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return diag_set(diag, -errno, "cannot read /proc/self/exe: %s", strerror(errno));
	exe[n] = '\0';
	if (private_find(exe, ret, room) < 0)
		return diag_set(diag, -ENOENT,
			"there is no cprofd beside %s, nor in ../sbin, ../libexec/cprofd or "
			"../lib/cprofd from there",
			exe);
	return 0;
}

/* Its stdin is empty and its stdout our stderr: our stdout may be carrying a profile. */
static int set_files(posix_spawn_file_actions_t *files, int sock)
{
	int err = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (!err)
		err = posix_spawn_file_actions_adddup2(files, STDERR_FILENO, STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(files, sock, CHILD_SOCKET);
	if (!err)
		err = posix_spawn_file_actions_addclosefrom_np(files, CHILD_SOCKET + 1);
	return -err;
}

static int set_signals(posix_spawnattr_t *attributes)
{
	sigset_t none, usual;
	int err;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGCHLD);
	err = posix_spawnattr_setsigmask(attributes, &none);
	if (!err)
		err = posix_spawnattr_setsigdefault(attributes, &usual);
	if (!err)
		err = posix_spawnattr_setflags(attributes,
			POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	return -err;
}

static int spawn(char *path, uint32_t hz, int sock, pid_t *ret)
{
	scoped(posix_spawn_file_actions_destroy) posix_spawn_file_actions_t files;
	scoped(posix_spawnattr_destroy) posix_spawnattr_t attributes;
	char name[] = "cprofd", private_flag[] = "--private", hz_flag[] = "--hz", hz_text[16];
	char *argv[] = {name, private_flag, hz_flag, hz_text, NULL};
	int err;

	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attributes);
	(void)snprintf(hz_text, sizeof(hz_text), "%" PRIu32, hz);
	err = set_files(&files, sock);
	if (!err)
		err = set_signals(&attributes);
	return err ? err : -posix_spawn(ret, path, &files, &attributes, argv, environ);
}

int private_start(uint32_t hz, struct diag *diag, struct private_daemon *ret, int *ret_sock)
{
	scoped(scope_close) int ours = -1;
	scoped(scope_close) int theirs = -1;
	char path[PATH_MAX];
	int pair[2];
	int err = find_ours(path, sizeof(path), diag);

	if (err)
		return err;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return diag_set(diag, -errno, "cannot make a socket: %s", strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	err = spawn(path, hz, theirs, &ret->pid);
	if (err)
		return diag_set(diag, err, "cannot run %s: %s", path, strerror(-err));
	*ret_sock = take_fd(&ours);
	return 0;
}

/* Did it end by itself within the time it is given? */
static bool ends(pid_t pid)
{
	scoped(scope_close) int fd = pidfd_open(pid, 0);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int n;

	/* no pidfd: waitpid() will have to do */
	if (fd < 0)
		return true;
	do
		n = poll(&wait, 1, END_WAIT_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

int private_end(struct private_daemon *d, struct diag *diag)
{
	bool ended = !d->pid || ends(d->pid);
	int status = 0;
	pid_t got = 0;

	if (!d->pid)
		return 0;
	if (!ended)
		(void)kill(d->pid, SIGKILL);
	do
		got = waitpid(d->pid, &status, 0);
	while (got < 0 && errno == EINTR);
	d->pid = 0;
	if (got < 0)
		return diag_set(diag, -ECHILD, "lost sight of cprofd: %s", strerror(errno));
	if (!ended)
		return diag_set(diag, -ECHILD, "cprofd did not end by itself and was killed");
	if (WIFSIGNALED(status))
		return diag_set(diag, -ECHILD, "cprofd ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		return diag_set(
			diag, -ECHILD, "cprofd ended with exit status %d", WEXITSTATUS(status));
	return 0;
}
