// SPDX-License-Identifier: Apache-2.0
#include "cprofd/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/scope.h"

#define BACKLOG 16

/* Directory of our own executable, without the trailing slash. */
static int own_directory(char *out, size_t room)
{
	ssize_t n = readlink("/proc/self/exe", out, room - 1);
	char *slash;

	if (n < 0)
		return -errno;
	out[n] = '\0';
	slash = strrchr(out, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

int paths_open_symbolizer(struct diag *diag)
{
	static const char *const places[] = {"", "/../libexec/cprofd", "/../lib/cprofd"};
	char directory[PATH_MAX], path[PATH_MAX + 64];
	int err = own_directory(directory, sizeof(directory));

	if (err)
		return diag_set(diag, err, "/proc/self/exe: %s", strerror(-err));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd;

		(void)snprintf(path, sizeof(path), "%s%s/cprofd-symbolizer", directory, places[i]);
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	return diag_set(diag, -ENOENT,
		"cprofd-symbolizer is neither in %s nor in %s/../libexec/cprofd: install or build "
		"it",
		directory, directory);
}

/* Is anybody listening at `address`? */
static bool answers(const struct sockaddr_un *address)
{
	scoped(scope_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
				  errno == EAGAIN);
}

/* Remove what a cprofd that is gone left behind; anything but a dead socket stays. */
static int remove_stale(const struct sockaddr_un *address, struct diag *diag)
{
	struct stat st;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0
				       : diag_set(diag, -errno, "%s: %s", address->sun_path,
						 strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return diag_set(diag, -EEXIST, "%s exists and is not a socket", address->sun_path);
	if (answers(address))
		return diag_set(
			diag, -EADDRINUSE, "a cprofd is already running on %s", address->sun_path);
	if (unlink(address->sun_path))
		return diag_set(diag, -errno, "%s: %s", address->sun_path, strerror(errno));
	return 0;
}

int paths_listen(const char *path, struct diag *diag)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	scoped(scope_close) int fd = -1;
	mode_t mask;
	int err;

	if (strlen(path) >= sizeof(address.sun_path))
		return diag_set(diag, -ENAMETOOLONG, "%s: a socket's path has at most %zu bytes",
			path, sizeof(address.sun_path) - 1);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	err = remove_stale(&address, diag);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* only root is served: others need not even take up a place */
	mask = umask(0177);
	err = fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) ||
			      listen(fd, BACKLOG)
		      ? -errno
		      : 0;
	(void)umask(mask);
	if (err)
		return diag_set(diag, err, "cannot listen on %s: %s", path, strerror(-err));
	return take_fd(&fd);
}
