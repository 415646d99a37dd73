// SPDX-License-Identifier: Apache-2.0
/*
 * frame.h - one process boundary format for the whole project
 *
 * A frame is a 32-bit little-endian length and that many bytes of a protobuf
 * message. Every boundary has a ceiling for a frame, checked before a byte of it
 * is allocated; and messages are unpacked through an allocator with a ceiling of
 * its own, for protobuf-c makes 71 MB out of 1 MB of hostile input.
 */
#ifndef CPROFD_CONTROL_FRAME_H
#define CPROFD_CONTROL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"

#define FRAME_HEADER_LEN 4
#define FRAME_MAX        (4u << 20) /* bytes of a message, on any boundary */

/* Append `message` as a frame. Returns 0 or -EMSGSIZE (above FRAME_MAX) or -ENOBUFS (the buf's
 * ceiling). */
int frame_pack(struct buf *out, const ProtobufCMessage *message);

/*
 * The first frame in `in`: its bytes in *ret_at and *ret_len, borrowed until `in`
 * changes. Returns 1 when it is whole, 0 when more must come, -EMSGSIZE when its
 * length is above `ceiling`.
 */
int frame_next(const struct buf *in, size_t ceiling, const uint8_t **ret_at, size_t *ret_len);

/* Drop the first frame, which frame_next() found whole. */
void frame_drop(struct buf *in);

/*
 * Unpack through an allocator that hands out at most `memory_ceiling` bytes.
 * Gives a message, released with frame_free(); NULL when it is malformed or would
 * need more memory.
 */
ProtobufCMessage *frame_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
	size_t len, size_t memory_ceiling);
void frame_free(ProtobufCMessage *message);

/*
 * Blocking, for clients and for the symbolizer: read one whole frame from `sock`
 * into `in` (cleared first; its contents are the message, without the header). A
 * descriptor that came with it is given in *ret_fd when ret_fd is not NULL, else
 * refused. Returns 1, 0 at the end of the stream between two frames, -EMSGSIZE,
 * -EPROTO (the stream ends inside a frame, an unwanted descriptor), or a negative errno.
 */
int frame_read(int sock, size_t ceiling, struct buf *in, int *ret_fd);

/* Blocking: send one frame, with a descriptor when `fd` >= 0 (borrowed). 0 or a negative errno. */
int frame_write(int sock, const ProtobufCMessage *message, int fd);

#endif
