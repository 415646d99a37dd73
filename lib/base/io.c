// SPDX-License-Identifier: Apache-2.0
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scope.h"

/* /proc files hand out at most a page or a seq_file buffer per read: more room only helps files */
#define READ_STEP 16384

int io_read_fd(int fd, struct buf *into)
{
	for (;;) {
		size_t left = into->ceiling - into->len;
		size_t step = left < READ_STEP ? left : READ_STEP;
		uint8_t beyond; /* at the ceiling one more byte is asked for: is there an end? */
		uint8_t *at = left ? buf_reserve(into, step) : &beyond;
		ssize_t n;

		if (!at)
			return -ENOMEM;
		n = read(fd, at, left ? step : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		if (!left)
			return -EFBIG;
		buf_commit(into, (size_t)n);
	}
}

int io_read_file(int dir_fd, const char *path, struct buf *into)
{
	scoped(scope_close) int fd =
		openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : io_read_fd(fd, into);
}

int io_write_all(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO; /* nothing written, no error: asking again could
						     last forever */
		at += n;
		len -= (size_t)n;
	}
	return 0;
}
