// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/scope.h"
#include "tracker/procfs.h"
#include "tracker/state.h"

#define FILE_BYTES_MAX (4ull << 30)

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static enum object_why why_of(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return OBJECT_WHY_DENIED;
	case -ELOOP: /* the kernel's path had no symlink in it when the file was mapped */
	case -EXDEV:
		return OBJECT_WHY_REPLACED;
	case -EMFILE:
	case -ENFILE:
		return OBJECT_WHY_TOO_MANY;
	default:
		return OBJECT_WHY_GONE;
	}
}

/* Is it a file that we may read? OBJECT_WHY_NONE when it is. */
static enum object_why check_file(const struct object *o, const struct stat *st, bool is_mapping)
{
	if (!is_mapping && o->inode &&
		(st->st_ino != o->inode || major(st->st_dev) != o->dev_major ||
			minor(st->st_dev) != o->dev_minor))
		return S_ISREG(st->st_mode) ? OBJECT_WHY_REPLACED : OBJECT_WHY_NOT_REGULAR;
	if (!S_ISREG(st->st_mode))
		return OBJECT_WHY_NOT_REGULAR;
	return (uint64_t)st->st_size > FILE_BYTES_MAX ? OBJECT_WHY_TOO_LARGE : OBJECT_WHY_NONE;
}

/* The same inode number may be another file by now: its generation tells, where one is kept. */
static bool other_generation(const struct object *o, int fd)
{
	int generation = 0;

	return o->inode_generation && ioctl(fd, FS_IOC_GETVERSION, &generation) == 0 &&
	       (uint32_t)generation != (uint32_t)o->inode_generation;
}

/*
 * Make a readable descriptor of an O_PATH one, after looking at what it is: opening
 * a FIFO would wait, opening a device may do something. Takes `path_fd`.
 */
static enum object_why open_checked(
	const struct object *o, int path_fd, bool is_mapping, int *ret_fd)
{
	scoped(scope_close) int held = path_fd;
	scoped(scope_close) int fd = -1;
	enum object_why why;
	struct stat st;
	char link[32];

	if (fstat(held, &st))
		return why_of(-errno);
	why = check_file(o, &st, is_mapping);
	if (why)
		return why;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", held);
	fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return why_of(-errno);
	if (!is_mapping && other_generation(o, fd))
		return OBJECT_WHY_REPLACED;
	*ret_fd = take_fd(&fd);
	return OBJECT_WHY_NONE;
}

static int open_map_file(int dir_fd, uint64_t start, uint64_t limit)
{
	char name[64];
	int fd;

	(void)snprintf(name, sizeof(name), "map_files/%llx-%llx", (unsigned long long)start,
		(unsigned long long)limit);
	fd = openat(dir_fd, name, O_PATH | O_CLOEXEC); /* a link of the kernel's, to be followed */
	return fd < 0 ? -errno : fd;
}

struct present {
	const struct mapping *m;
	uint64_t start, limit;
};

static int is_present(void *ctx, const struct procmaps_line *line, const struct build_id *build_id)
{
	struct file_name name = {
		.build_id = *build_id,
		.dev_major = line->dev_major,
		.dev_minor = line->dev_minor,
		.inode = line->inode,
		.path = line->path,
		.path_len = line->path_len,
	};
	struct present *p = ctx;

	if (line->limit <= p->m->start || line->start >= p->m->limit ||
		!object_may_be(p->m->object, &name))
		return 0;
	p->start = line->start;
	p->limit = line->limit;
	return 1;
}

/* Through the mapping: what is opened is what is mapped, whatever happened to its path. */
static enum object_why open_mapped(
	struct tracker *t, int dir_fd, const struct mapping *m, int *ret_fd)
{
	struct present now = {.m = m};
	int fd = open_map_file(dir_fd, m->start, m->limit);

	/* split or merged since: find the mapping that is there now */
	if (fd == -ENOENT && procfs_maps(dir_fd, is_present, &now, &t->totals.malformed) == 1)
		fd = open_map_file(dir_fd, now.start, now.limit);
	return fd < 0 ? why_of(fd) : open_checked(m->object, fd, true, ret_fd);
}

/* By its path below `root_fd`, through no symlink. */
static enum object_why open_path(const struct object *o, int root_fd, int *ret_fd)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;
	int fd;

	if (root_fd < 0)
		return OBJECT_WHY_GONE;
	fd = (int)syscall(SYS_openat2, root_fd, o->path, &how, sizeof(how));
	if (fd < 0)
		return why_of(-errno);
	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		(void)close(fd);
		return OBJECT_WHY_REPLACED;
	}
	return open_checked(o, fd, false, ret_fd);
}

/* A directory that a process had before its PID went to another one is not its own. */
static bool is_other(int dir_fd, const struct image *i)
{
	struct procstat stat;

	return i->start_boottime_ns && procfs_stat(dir_fd, &stat) == 0 &&
	       stat.start_ticks != i->start_boottime_ns / (10 * NS_PER_MS);
}

static enum object_why open_file(
	struct tracker *t, const struct image *i, const struct mapping *m, int *ret_fd)
{
	scoped(scope_close) int dir_fd = procfs_open(t->proc_fd, i->tgid);
	scoped(scope_close) int living_fd = -1, root_fd = -1;
	enum object_why first = OBJECT_WHY_GONE, why;

	if (dir_fd >= 0 && !is_other(dir_fd, i)) {
		living_fd = procfs_open_living(t->proc_fd, dir_fd);
		first = open_mapped(t, living_fd, m, ret_fd);
		if (first != OBJECT_WHY_GONE && first != OBJECT_WHY_DENIED)
			return first;
		root_fd = openat(living_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
		why = open_path(m->object, root_fd, ret_fd);
		if (why == OBJECT_WHY_NONE)
			return why;
		if (why != OBJECT_WHY_GONE)
			first = why;
	}
	why = open_path(m->object, t->root_fd, ret_fd);
	/* what stands in our root says why only when the process had none to look at */
	if (why == OBJECT_WHY_NONE || (root_fd < 0 && first == OBJECT_WHY_GONE))
		return why;
	return first;
}

/* ---- the vDSO --------------------------------------------------------------------------- */

struct vdso {
	uint64_t start, limit;
};

static int is_vdso(void *ctx, const struct procmaps_line *line, const struct build_id *build_id)
{
	struct vdso *v = ctx;

	(void)build_id;
	if (v->start != line->start)
		return 0;
	v->limit = line->limit;
	return 1;
}

static int make_memfd(void)
{
	int fd = memfd_create("vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	return fd < 0 && errno == EINVAL ? memfd_create("vdso", MFD_CLOEXEC | MFD_ALLOW_SEALING)
					 : fd;
}

/* A sealed copy of our own: it is the same for all 64-bit processes. */
static enum object_why open_vdso(int *ret_fd)
{
	struct vdso v = {.start = getauxval(AT_SYSINFO_EHDR)};
	scoped(scope_close) int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
	scoped(scope_close) int fd = -1;
	uint64_t malformed = 0;
	int err;

	if (!v.start || self < 0 || procfs_maps(self, is_vdso, &v, &malformed) != 1)
		return OBJECT_WHY_GONE;
	fd = make_memfd();
	if (fd < 0)
		return why_of(-errno);
	err = io_write_all(fd, (const void *)(uintptr_t)v.start, v.limit - v.start);
	if (err || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		return OBJECT_WHY_DENIED;
	*ret_fd = take_fd(&fd);
	return OBJECT_WHY_NONE;
}

void tracker_open_object(struct tracker *t, const struct image *i, const struct mapping *m)
{
	struct object *o = m->object;
	enum object_why why = OBJECT_WHY_NO_FILE;
	int fd = -1;

	if (o->state != OBJECT_UNOPENED)
		return;
	if (o->kind == OBJECT_FILE || o->kind == OBJECT_VDSO) {
		if (t->ledger->objects_open >= t->options.max_open_objects)
			why = OBJECT_WHY_TOO_MANY;
		else if (o->kind == OBJECT_VDSO)
			why = open_vdso(&fd);
		else
			why = open_file(t, i, m, &fd);
	}
	object_opened(o, fd, why, clock_monotonic_ns());
}
