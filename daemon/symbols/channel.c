// SPDX-License-Identifier: Apache-2.0
#include "symbols/channel.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "base/fdpass.h"
#include "base/scope.h"
#include "control/frame.h"

#define OUT_MAX   (1u << 20) /* one request and a good many DropObjects */
#define PIECE     (64u << 10)
#define KEPT_ROOM (64u << 10) /* what an empty buffer may go on holding */

struct channel channel_over(int sock)
{
	return (struct channel){.sock = sock,
		.in = buf_with_ceiling(FRAME_HEADER_LEN + FRAME_MAX + PIECE),
		.out = buf_with_ceiling(OUT_MAX),
		.fd = -1};
}

void channel_fini(struct channel *c)
{
	buf_fini(&c->in);
	buf_fini(&c->out);
	scope_close(&c->sock);
	*c = channel_over(-1);
}

int channel_queue(struct channel *c, const ProtobufCMessage *message, int fd)
{
	size_t at = c->out.len;
	int err;

	assert(fd < 0 || c->fd < 0);
	err = frame_pack(&c->out, message);
	if (err)
		return err;
	if (fd >= 0) {
		c->fd = fd;
		c->fd_at = at;
	}
	return 0;
}

/* A buffer that held one large message should not hold its memory for good. */
static void empty(struct buf *b)
{
	if (b->room > KEPT_ROOM)
		buf_fini(b);
	else
		buf_clear(b);
}

int channel_flush(struct channel *c)
{
	while (c->sent < c->out.len) {
		bool carry = c->fd >= 0 && c->fd_at == c->sent;
		size_t end = c->fd >= 0 && !carry ? c->fd_at : c->out.len;
		ssize_t n = fdpass_send(
			c->sock, c->out.bytes + c->sent, end - c->sent, carry ? c->fd : -1);

		if (n == -EAGAIN)
			return 1;
		if (n < 0)
			return (int)n;
		if (carry)
			c->fd = -1;
		c->sent += (size_t)n;
	}
	empty(&c->out);
	c->sent = 0;
	return 0;
}

bool channel_idle(const struct channel *c)
{
	return c->out.len == 0;
}

int channel_fill(struct channel *c)
{
	uint8_t *at = buf_reserve(&c->in, PIECE);
	int fd = -1;
	ssize_t n;

	if (!at)
		return -EMSGSIZE;
	n = fdpass_recv(c->sock, at, PIECE, &fd);
	scope_close(&fd);
	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return n ? (int)n : -EPIPE;
	buf_commit(&c->in, (size_t)n);
	return fd >= 0 ? -EPROTO : 1;
}

int channel_next(const struct channel *c, const uint8_t **ret_at, size_t *ret_len)
{
	return frame_next(&c->in, FRAME_MAX, ret_at, ret_len);
}

void channel_drop(struct channel *c)
{
	frame_drop(&c->in);
	if (!c->in.len)
		empty(&c->in);
}

size_t channel_bytes(const struct channel *c)
{
	return c->in.room + c->out.room;
}
