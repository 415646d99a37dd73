// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "term.h"

#define MODE      0600
#define MAX_TRIES 100

static int cannot(struct diag *diag, int err, const char *path)
{
	return diag_set(diag, err, "cannot write %s: %s", path, strerror(-err));
}

bool output_is_stream(const struct output *o)
{
	return o->dir_fd < 0;
}

void output_fini(struct output *o)
{
	if (o->temp[0])
		(void)unlinkat(o->dir_fd, o->temp, 0);
	if (!o->borrowed)
		scope_close(&o->fd);
	scope_close(&o->dir_fd);
	*o = (struct output)OUTPUT_NONE;
}

/* ---- streams ---------------------------------------------------------------------------- */

/* N for "-", "/dev/stdout", "/dev/fd/N": what the shell opened, which openat() would refuse as a
 * link. */
static int given_fd(const char *path)
{
	int fd, end = 0;

	if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	if (sscanf(path, "/dev/fd/%9d%n", &fd, &end) == 1 && end && !path[end] && fd >= 0)
		return fd;
	return -1;
}

static int open_given(struct output *o, int fd, struct diag *diag)
{
	int mode = fcntl(fd, F_GETFL);

	if (fd == STDOUT_FILENO)
		(void)snprintf(o->path, sizeof(o->path), "standard output");
	if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY)
		return cannot(diag, -EBADF, o->path);
	if ((o->flags & OUTPUT_BINARY) && term_is(fd))
		return diag_set(diag, -EINVAL,
			"not writing a binary profile to a terminal: give -o FILE, or --format "
			"top");
	o->fd = fd;
	o->borrowed = true;
	return 0;
}

/* A number from sudo's environment, which counts only when the caller is root anyway. */
static bool sudo_number(const char *name, uint32_t *ret)
{
	const char *text = getenv(name);
	char *end;
	unsigned long value;

	if (getuid() != 0 || geteuid() != 0 || !text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value >= UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* A pipe that a stranger left in a shared directory must not get the profile. */
static bool trusted(const struct stat *st)
{
	uint32_t uid;

	return st->st_uid == 0 || st->st_uid == geteuid() ||
	       (sudo_number("SUDO_UID", &uid) && st->st_uid == uid);
}

static int open_special(struct output *o, const struct stat *st, struct diag *diag)
{
	scoped(scope_close) int fd = -1;

	if ((o->flags & OUTPUT_UNIQUE) || !trusted(st))
		return diag_set(diag, -EPERM, "%s is not a regular file", o->path);
	/* not to hang on a FIFO that nobody reads: that is ENXIO then */
	fd = openat(o->dir_fd, o->name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return cannot(diag, -errno, o->path);
	if ((o->flags & OUTPUT_BINARY) && term_is(fd))
		return diag_set(
			diag, -EINVAL, "not writing a binary profile to a terminal (%s)", o->path);
	o->fd = take_fd(&fd);
	scope_close(&o->dir_fd);
	o->dir_fd = -1;
	return 0;
}

/* ---- files ------------------------------------------------------------------------------ */

/* Open the directory that `path` lies in and keep its last component. */
static int open_dir(struct output *o)
{
	const char *slash = strrchr(o->path, '/');
	const char *name = slash ? slash + 1 : o->path;
	char dir[PATH_MAX];

	if (!*name)
		return slash ? -EISDIR : -ENOENT;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EISDIR;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	(void)snprintf(o->name, sizeof(o->name), "%s", name);
	(void)snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - o->path + 1) : 2,
		slash ? o->path : "./");
	o->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return o->dir_fd < 0 ? -errno : 0;
}

/* rename() would say so only at the end: in /tmp others' files can't be replaced. */
static bool sticky_refuses(const struct output *o, const struct stat *file)
{
	struct stat dir;

	return fstat(o->dir_fd, &dir) == 0 && (dir.st_mode & S_ISVTX) && geteuid() != 0 &&
	       file->st_uid != geteuid() && dir.st_uid != geteuid();
}

/* May what already has the name be replaced? */
static int check_existing(const struct output *o, const struct stat *st, struct diag *diag)
{
	if (S_ISDIR(st->st_mode))
		return cannot(diag, -EISDIR, o->path);
	if (S_ISLNK(st->st_mode))
		return diag_set(
			diag, -ELOOP, "%s is a symbolic link: name the file itself", o->path);
	if (faccessat(o->dir_fd, o->name, W_OK, AT_EACCESS) < 0)
		return cannot(diag, -errno, o->path);
	return sticky_refuses(o, st) ? cannot(diag, -EPERM, o->path) : 0;
}

/* Make a file under a name nobody can guess: ".NAME.0123456789abcdef". */
static int temp_name(const struct output *o, char *ret)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return -EIO;
	(void)snprintf(ret, NAME_MAX + 1, ".%.200s.%016" PRIx64, o->name, number);
	return 0;
}

static int open_named(struct output *o)
{
	char name[NAME_MAX + 1];
	int err = temp_name(o, name);

	if (err)
		return err;
	o->fd = openat(o->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, MODE);
	if (o->fd < 0)
		return -errno;
	memcpy(o->temp, name, sizeof(name));
	return 0;
}

static int open_temp(struct output *o)
{
	if (o->flags & OUTPUT_NAMED)
		return open_named(o);
	o->fd = openat(o->dir_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, MODE);
	if (o->fd >= 0)
		return 0;
	/* EISDIR: a kernel or file system that takes O_TMPFILE for an open of the directory */
	return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? open_named(o) : -errno;
}

/* The umask may have taken from the mode; through sudo the file is the user's. */
static int set_owner(struct output *o)
{
	uint32_t uid, gid;

	if (fchmod(o->fd, MODE) < 0)
		return -errno;
	if (!sudo_number("SUDO_UID", &uid) || !sudo_number("SUDO_GID", &gid))
		return 0;
	return fchown(o->fd, uid, gid) < 0 ? -errno : 0;
}

static int open_path(struct output *o, struct diag *diag)
{
	struct stat st;
	int err = open_dir(o);

	if (err)
		return cannot(diag, err, o->path);
	if (fstatat(o->dir_fd, o->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode))
			return open_special(o, &st, diag);
		if (!(o->flags & OUTPUT_UNIQUE))
			err = check_existing(o, &st, diag);
		if (err)
			return err;
	} else if (errno != ENOENT) {
		return cannot(diag, -errno, o->path);
	}
	err = open_temp(o);
	if (!err)
		err = set_owner(o);
	return err ? cannot(diag, err, o->path) : 0;
}

int output_open(const char *path, unsigned flags, struct diag *diag, struct output *ret)
{
	scoped(output_fini) struct output o = OUTPUT_NONE;
	int fd = given_fd(path);
	int err;

	if (strlen(path) >= sizeof(o.path))
		return cannot(diag, -ENAMETOOLONG, path);
	o.flags = flags;
	(void)snprintf(o.path, sizeof(o.path), "%s", path);
	err = fd >= 0 ? open_given(&o, fd, diag) : open_path(&o, diag);
	if (err)
		return err;
	*ret = o;
	o = (struct output)OUTPUT_NONE;
	return 0;
}

/* ---- writing and putting in place ------------------------------------------------------- */

/* Pipes and terminals that others share with us may be non-blocking. */
static int write_all(int fd, const uint8_t *at, size_t len)
{
	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd wait = {.fd = fd, .events = POLLOUT};

			(void)poll(&wait, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Network file systems tell about a full disk at close: so a copy is closed first. */
static int flush(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return copy < 0 || close(copy) < 0 ? -errno : 0;
}

static int link_nameless(const struct output *o, const char *name)
{
	char proc[64];

	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", o->fd);
	return linkat(AT_FDCWD, proc, o->dir_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* Give the bytes the name that they shall not take from another file. -EEXIST. */
static int place_new(struct output *o)
{
	if (!o->temp[0])
		return link_nameless(o, o->name);
	if (linkat(o->dir_fd, o->temp, o->dir_fd, o->name, 0) == 0)
		return 0; /* output_fini() removes the other name */
	if (errno != EPERM)
		return -errno;
	/* no hard links here (FAT) */
	if (renameat2(o->dir_fd, o->temp, o->dir_fd, o->name, RENAME_NOREPLACE) < 0)
		return -errno;
	o->temp[0] = '\0';
	return 0;
}

static int place_over(struct output *o)
{
	char name[NAME_MAX + 1];
	int err;

	if (!o->temp[0]) {
		err = temp_name(o, name);
		if (!err)
			err = link_nameless(o, name);
		if (err)
			return err;
		memcpy(o->temp, name, sizeof(name));
	}
	if (renameat(o->dir_fd, o->temp, o->dir_fd, o->name) < 0)
		return -errno;
	o->temp[0] = '\0';
	return 0;
}

/* Turn "NAME.pb.gz" of the path into "NAME-2.pb.gz". */
static bool rename_unique(struct output *o, const char *first, unsigned number)
{
	const char *end = strstr(first, ".pb.gz");
	size_t stem = end ? (size_t)(end - first) : strlen(first);
	size_t dir = strlen(o->path) - strlen(o->name);
	int n = snprintf(
		o->name, sizeof(o->name), "%.*s-%u%s", (int)stem, first, number, end ? end : "");

	if (n < 0 || (size_t)n >= sizeof(o->name) || dir + (size_t)n >= sizeof(o->path))
		return false;
	memcpy(o->path + dir, o->name, (size_t)n + 1);
	return true;
}

static int place(struct output *o)
{
	char first[NAME_MAX + 1];
	int err = place_new(o);

	if (err != -EEXIST)
		return err;
	if (!(o->flags & OUTPUT_UNIQUE))
		return place_over(o);
	memcpy(first, o->name, sizeof(first));
	for (unsigned i = 2; err == -EEXIST && i < MAX_TRIES && rename_unique(o, first, i); i++)
		err = place_new(o);
	return err;
}

int output_commit(struct output *o, const void *bytes, size_t len, struct diag *diag)
{
	int err = write_all(o->fd, bytes, len);

	if (!err && !o->borrowed)
		err = flush(o->fd);
	if (!err && !output_is_stream(o))
		err = place(o);
	return err ? cannot(diag, err, o->path) : 0;
}
