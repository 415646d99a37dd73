// SPDX-License-Identifier: Apache-2.0
/*
 * io.h - whole reads and whole writes
 */
#ifndef CPROFD_BASE_IO_H
#define CPROFD_BASE_IO_H

#include <stddef.h>

struct buf;

/* Append everything `fd` still holds. Returns 0, -EFBIG at the buf's ceiling, or a negative errno.
 */
int io_read_fd(int fd, struct buf *into);

/*
 * Append the contents of the file `path` (relative to `dir_fd`, or AT_FDCWD).
 * Opened without following a final symlink and without blocking. Errors as
 * io_read_fd() and openat(2).
 */
int io_read_file(int dir_fd, const char *path, struct buf *into);

/* Write all of it, whatever partial writes happen. Returns 0 or a negative errno. */
int io_write_all(int fd, const void *bytes, size_t len);

#endif
