// SPDX-License-Identifier: Apache-2.0
#include "tracker/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fs.h>
#include <sys/ioctl.h>

#include "base/scope.h"

#define MAPS_TEXT_MAX (32u << 20)
#define READ_BYTES    16384

/* struct procmap_query of linux/fs.h, Linux 6.11 (ed5d583a88a9): older headers lack it. */
struct maps_query {
	uint64_t size, query_flags, query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor, vma_name_size, build_id_size;
	uint64_t vma_name_addr, build_id_addr;
};
#define MAPS_QUERY _IOWR('f', 17, struct maps_query)

int procfs_open(int proc_fd, uint32_t tgid)
{
	char name[16];
	int fd;

	(void)snprintf(name, sizeof(name), "%u", tgid);
	fd = openat(proc_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void scope_closedir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static DIR *open_threads(int dir_fd)
{
	int fd = openat(dir_fd, "task", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *threads = fd < 0 ? NULL : fdopendir(fd);

	if (!threads && fd >= 0)
		(void)close(fd);
	return threads;
}

/* Has it memory? An ended main thread has not, nor has a kernel thread. */
static bool has_program(int dir_fd)
{
	char byte;

	return readlinkat(dir_fd, "exe", &byte, 1) >= 0 || errno != ENOENT;
}

int procfs_open_living(int proc_fd, int dir_fd)
{
	scoped(scope_closedir) DIR *threads = has_program(dir_fd) ? NULL : open_threads(dir_fd);
	int own = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);

	for (struct dirent *d; threads && (d = readdir(threads));) {
		scoped(scope_close) int fd = -1;

		if (d->d_name[0] == '.')
			continue;
		/* every thread has a directory there, but only processes are listed */
		fd = openat(proc_fd, d->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || !has_program(fd) ||
			faccessat(dirfd(threads), d->d_name, F_OK, AT_SYMLINK_NOFOLLOW))
			continue;
		scope_close(&own);
		return take_fd(&fd);
	}
	return own < 0 ? -errno : own;
}

static int open_file(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static ssize_t read_some(int fd, char *into, size_t room)
{
	ssize_t n;

	do
		n = read(fd, into, room);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int procfs_stat(int dir_fd, struct procstat *ret)
{
	scoped(scope_close) int fd = open_file(dir_fd, "stat");
	char text[1024]; /* 52 numbers of at most 20 digits, most of them short, and a name */
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read_some(fd, text, sizeof(text));
	return n < 0 ? (int)n : procstat_parse(text, (size_t)n, ret);
}

static int one_line(struct maps_text *text,
	int (*each)(void *ctx, const struct procmaps_line *line), void *ctx, uint64_t *malformed)
{
	struct procmaps_line line;
	bool overlong = text->overlong;
	size_t len = text->len;

	text->overlong = false;
	text->len = 0;
	if (overlong || procmaps_line(text->line, len, &line)) {
		(*malformed)++;
		return 0;
	}
	return line.executable ? each(ctx, &line) : 0;
}

int maps_text_feed(struct maps_text *text, const char *bytes, size_t len,
	int (*each)(void *ctx, const struct procmaps_line *line), void *ctx, uint64_t *malformed)
{
	while (len) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end ? (size_t)(end - bytes) : len;

		if (n > sizeof(text->line) - text->len)
			text->overlong = true;
		else
			memcpy(text->line + text->len, bytes, n);
		text->len = text->overlong ? 0 : text->len + n;
		if (end) {
			int err = one_line(text, each, ctx, malformed);

			if (err)
				return err;
			n++;
		}
		bytes += n;
		len -= n;
	}
	return 0;
}

struct walk {
	int fd;
	bool no_query;
	int (*each)(void *ctx, const struct procmaps_line *line, const struct build_id *build_id);
	void *ctx;
};

/* The build id of the file at an address; none where the kernel does not answer. */
static void query_build_id(struct walk *w, const struct procmaps_line *line, struct build_id *ret)
{
	uint8_t bytes[BUILD_ID_MAX] = {0};
	struct maps_query q = {
		.size = sizeof(q),
		.query_addr = line->start,
		.build_id_size = sizeof(bytes),
		.build_id_addr = (uintptr_t)bytes,
	};

	if (w->no_query || !line->inode)
		return;
	if (ioctl(w->fd, MAPS_QUERY, &q)) {
		w->no_query = errno == ENOTTY;
		return;
	}
	if (q.vma_start != line->start || q.inode != line->inode || q.build_id_size > sizeof(bytes))
		return;
	ret->len = (uint8_t)q.build_id_size;
	memcpy(ret->bytes, bytes, ret->len);
}

static int on_line(void *ctx, const struct procmaps_line *line)
{
	struct build_id build_id = {0};
	struct walk *w = ctx;

	query_build_id(w, line, &build_id);
	return w->each(w->ctx, line, &build_id);
}

int procfs_maps(int dir_fd,
	int (*each)(void *ctx, const struct procmaps_line *line, const struct build_id *build_id),
	void *ctx, uint64_t *malformed)
{
	scoped(scope_close) int fd = open_file(dir_fd, "maps");
	struct walk walk = {.fd = fd, .each = each, .ctx = ctx};
	scoped(scope_free) struct maps_text *text = NULL;
	char block[READ_BYTES];

	if (fd < 0)
		return fd;
	text = calloc(1, sizeof(*text));
	if (!text)
		return -ENOMEM;
	for (size_t sum = 0; sum < MAPS_TEXT_MAX;) {
		ssize_t n = read_some(fd, block, sizeof(block));
		int err =
			n <= 0 ? (int)n
			       : maps_text_feed(text, block, (size_t)n, on_line, &walk, malformed);

		if (n <= 0 || err)
			return err;
		sum += (size_t)n;
	}
	return -EFBIG;
}
