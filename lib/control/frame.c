// SPDX-License-Identifier: Apache-2.0
#include "control/frame.h"

#include <errno.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/fdpass.h"
#include "base/pballoc.h"
#include "base/scope.h"

static void put_u32le(uint8_t *at, uint32_t v)
{
	for (size_t i = 0; i < FRAME_HEADER_LEN; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

int frame_pack(struct buf *out, const ProtobufCMessage *message)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	uint8_t *at;

	if (len > FRAME_MAX)
		return -EMSGSIZE;
	at = buf_reserve(out, FRAME_HEADER_LEN + len);
	if (!at)
		return -ENOBUFS;
	put_u32le(at, (uint32_t)len);
	(void)protobuf_c_message_pack(message, at + FRAME_HEADER_LEN);
	buf_commit(out, FRAME_HEADER_LEN + len);
	return 0;
}

int frame_next(const struct buf *in, size_t ceiling, const uint8_t **ret_at, size_t *ret_len)
{
	struct cursor c = cursor_over(in->bytes, in->len);
	uint32_t len = cursor_u32le(&c);

	if (c.failed)
		return 0;
	if (len > ceiling)
		return -EMSGSIZE;
	if (cursor_left(&c) < len)
		return 0;
	*ret_at = c.at;
	*ret_len = len;
	return 1;
}

void frame_drop(struct buf *in)
{
	struct cursor c = cursor_over(in->bytes, in->len);
	uint32_t len = cursor_u32le(&c);

	buf_consume(in, FRAME_HEADER_LEN + (size_t)len);
}

ProtobufCMessage *frame_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *bytes,
	size_t len, size_t memory_ceiling)
{
	return pballoc_unpack(type, bytes, len, memory_ceiling);
}

void frame_free(ProtobufCMessage *message)
{
	pballoc_release(message);
}

/*
 * Receive exactly `len` bytes into `at`. A descriptor on the way is given in
 * *fd, which must be -1; a second one is a breach. Returns how many bytes came
 * before the end of the stream, or a negative errno.
 */
static ssize_t receive_all(int sock, uint8_t *at, size_t len, int *fd)
{
	size_t got = 0;

	while (got < len) {
		int came = -1;
		ssize_t n = fdpass_recv(sock, at + got, len - got, &came);

		if (came >= 0 && *fd >= 0) {
			(void)close(came);
			return -EPROTO;
		}
		if (came >= 0)
			*fd = came;
		if (n < 0)
			return n;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int frame_read(int sock, size_t ceiling, struct buf *in, int *ret_fd)
{
	scoped(scope_close) int fd = -1;
	uint8_t header[FRAME_HEADER_LEN];
	ssize_t n = receive_all(sock, header, sizeof(header), &fd);
	struct cursor c = cursor_over(header, sizeof(header));
	uint32_t len = cursor_u32le(&c);
	uint8_t *at;

	if (n <= 0)
		return (int)n;
	if (n < (ssize_t)sizeof(header))
		return -EPROTO;
	if (len > ceiling)
		return -EMSGSIZE;
	buf_clear(in);
	at = buf_reserve(in, len);
	if (!at)
		return -ENOMEM;
	n = receive_all(sock, at, len, &fd);
	if (n < 0)
		return (int)n;
	if ((size_t)n < len || (fd >= 0 && !ret_fd))
		return -EPROTO;
	buf_commit(in, len);
	if (ret_fd)
		*ret_fd = take_fd(&fd);
	return 1;
}

int frame_write(int sock, const ProtobufCMessage *message, int fd)
{
	struct buf out = buf_with_ceiling(FRAME_HEADER_LEN + FRAME_MAX);
	int err = frame_pack(&out, message);

	/* the descriptor travels with the first byte; after a partial send it is there already */
	for (size_t sent = 0; !err && sent < out.len;) {
		ssize_t n = fdpass_send(sock, out.bytes + sent, out.len - sent, sent ? -1 : fd);

		if (n < 0)
			err = (int)n;
		else
			sent += (size_t)n;
	}
	buf_fini(&out);
	return err;
}
