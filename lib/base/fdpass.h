// SPDX-License-Identifier: Apache-2.0
/*
 * fdpass.h - bytes and at most one descriptor over an AF_UNIX socket
 */
#ifndef CPROFD_BASE_FDPASS_H
#define CPROFD_BASE_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Send up to `len` bytes, with `fd` attached to the first of them when it is
 * >= 0. `fd` is borrowed. Never raises SIGPIPE.
 *
 * Returns the number of bytes sent, or a negative errno (-EAGAIN on a
 * non-blocking socket that is full; nothing was sent then, the descriptor neither).
 */
ssize_t fdpass_send(int sock, const void *bytes, size_t len, int fd);

/*
 * Receive up to `len` bytes and, if one came along, a descriptor (close-on-exec),
 * which it gives in *ret_fd; -1 when there was none. More than one descriptor in
 * a message is a breach: all of them are closed and the result is -EPROTO. When
 * this process has no number left for one, the result is -EMFILE; in both cases
 * the bytes are gone too.
 *
 * Returns the number of bytes, 0 at the end of the stream, or a negative errno.
 */
ssize_t fdpass_recv(int sock, void *bytes, size_t len, int *ret_fd);

#endif
