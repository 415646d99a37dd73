// SPDX-License-Identifier: Apache-2.0
/*
 * channel.h - frames to and from the symbolizer, without ever waiting
 *
 * Frames go into a buffer and leave when the socket takes them; a descriptor
 * leaves with the first byte of its frame. What comes in is gathered until it is a
 * whole frame. Both buffers have ceilings, whatever the other side does.
 */
#ifndef CPROFD_SYMBOLS_CHANNEL_H
#define CPROFD_SYMBOLS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"

struct channel {
	int sock; /* owned; -1: closed */
	struct buf in, out;
	size_t sent;  /* bytes of `out` that left */
	int fd;       /* waits to leave, borrowed; -1: none */
	size_t fd_at; /* with which byte of `out` */
};

/* A channel over `sock`, which it takes (-1: a closed one). Allocates nothing. */
struct channel channel_over(int sock);
void channel_fini(struct channel *c); /* closes it; a closed one is accepted */

/*
 * Put a frame in line, with `fd` when it is >= 0 (borrowed until it has left; one at a
 * time). Sends nothing yet. Returns 0, -EMSGSIZE, -ENOBUFS.
 */
int channel_queue(struct channel *c, const ProtobufCMessage *message, int fd);

/* Send what the socket takes: 0 when all has left, 1 when some waits, or a negative errno. */
int channel_flush(struct channel *c);

/* Has everything that was queued left? */
bool channel_idle(const struct channel *c);

/*
 * Take in what has arrived, at most a moderate piece at a time. Returns 1 when
 * something came, 0 when nothing waits; -EPIPE at the end of the stream, -EPROTO when a
 * descriptor came along, -EMSGSIZE above the ceiling, or another negative errno.
 */
int channel_fill(struct channel *c);

/* As frame_next() and frame_drop() of what came in. */
int channel_next(const struct channel *c, const uint8_t **ret_at, size_t *ret_len);
void channel_drop(struct channel *c);

size_t channel_bytes(const struct channel *c);

#endif
