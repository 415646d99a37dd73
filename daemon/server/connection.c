// SPDX-License-Identifier: Apache-2.0
#include "server/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "control/frame.h"
#include "server/recording.h"

#define READ_STEP      16384
#define UNPACK_CEILING (1u << 20)

struct connection {
	struct connection_options options;
	sd_event *loop; /* borrowed */
	sd_event_source *io;
	int fd;
	struct buf in, out;
	size_t sent; /* of `out` */
	bool said_hello, ending, closed;
	struct recording *recording;
};

const struct server_parts *connection_parts(const struct connection *c)
{
	return c->options.parts;
}

const struct server_counts *connection_counts(const struct connection *c)
{
	return c->options.counts;
}

const struct peer *connection_peer(const struct connection *c)
{
	return &c->options.peer;
}

sd_event *connection_loop(const struct connection *c)
{
	return c->loop;
}

struct recording *connection_recording(const struct connection *c)
{
	return c->recording;
}

void connection_set_recording(struct connection *c, struct recording *r)
{
	recording_free(c->recording);
	c->recording = r;
}

void connection_free(struct connection *c)
{
	if (!c)
		return;
	recording_free(c->recording);
	sd_event_source_disable_unref(c->io);
	scope_close(&c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

/*
 * Nothing goes in or out any more; the owner is told once. The recording stays until
 * connection_free(): it may be in the middle of telling its end or its progress here.
 */
static void shut(struct connection *c)
{
	if (c->closed)
		return;
	c->closed = true;
	(void)sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
	(void)shutdown(c->fd, SHUT_RDWR);
	c->options.closed(c->options.ctx, c);
}

/* ---- out ---- */

static void update_interest(struct connection *c)
{
	uint32_t events = (c->ending ? 0 : EPOLLIN) | (c->out.len > c->sent ? EPOLLOUT : 0);

	(void)sd_event_source_set_io_events(c->io, events);
}

static void flush(struct connection *c)
{
	while (!c->closed && c->sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.bytes + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && !c->ending)
			break;
		/* last words that nobody reads are not waited for */
		if (n < 0) {
			shut(c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (c->sent == c->out.len) {
		/* a profile may have made it large, and the next one is far away */
		buf_fini(&c->out);
		c->sent = 0;
		if (c->ending) {
			shut(c);
			return;
		}
	}
	update_interest(c);
}

void connection_send(struct connection *c, const Cprofd__Control__ServerMessage *message)
{
	if (c->closed)
		return;
	if (frame_pack(&c->out, &message->base)) {
		shut(c);
		return;
	}
	flush(c);
}

void connection_send_error(
	struct connection *c, Cprofd__Control__ErrorCode code, const char *format, ...)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Error error = CPROFD__CONTROL__ERROR__INIT;
	char text[4096];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error.code = code;
	error.text = text;
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_ERROR;
	message.error = &error;
	connection_send(c, &message);
}

void connection_end(struct connection *c)
{
	c->ending = true;
	if (!c->closed)
		flush(c);
}

/* ---- in ---- */

static void greet(struct connection *c, const Cprofd__Control__Hello *theirs)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Hello hello = CPROFD__CONTROL__HELLO__INIT;

	if (theirs->version != CPROFD__CONTROL__LIMIT__VERSION) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__VERSION_DIFFERS,
			"cprofd %s speaks version %d of the control protocol, the client version "
			"%u: "
			"use the cprofctl that came with it",
			CPROFD_VERSION, CPROFD__CONTROL__LIMIT__VERSION, theirs->version);
		connection_end(c);
		return;
	}
	c->said_hello = true;
	hello.version = CPROFD__CONTROL__LIMIT__VERSION;
	hello.program = (char *)"cprofd " CPROFD_VERSION;
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_HELLO;
	message.hello = &hello;
	connection_send(c, &message);
}

static void breach(struct connection *c, const char *what)
{
	connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST, "%s", what);
	connection_end(c);
}

static void handle(struct connection *c, const uint8_t *bytes, size_t len)
{
	Cprofd__Control__ClientMessage *message = (Cprofd__Control__ClientMessage *)frame_unpack(
		&cprofd__control__client_message__descriptor, bytes, len, UNPACK_CEILING);

	if (!message)
		breach(c, "not a message of the control protocol");
	else if (message->kind_case == CPROFD__CONTROL__CLIENT_MESSAGE__KIND_HELLO)
		greet(c, message->hello);
	else if (!c->said_hello)
		breach(c, "the first message must be Hello");
	else
		c->options.command(c, message);
	if (message)
		frame_free(&message->base);
}

static void handle_all(struct connection *c)
{
	const uint8_t *bytes;
	size_t len;
	int whole;

	while (!c->closed && !c->ending &&
		(whole = frame_next(&c->in, CONNECTION_MAX_FRAME, &bytes, &len)) != 0) {
		if (whole < 0) {
			breach(c, "a message of the control protocol is at most 64 KiB");
			return;
		}
		handle(c, bytes, len);
		frame_drop(&c->in);
	}
}

static void receive(struct connection *c)
{
	uint8_t *at = buf_reserve(&c->in, READ_STEP);
	ssize_t n;

	if (!at) {
		breach(c, "too many messages at once");
		return;
	}
	n = recv(c->fd, at, READ_STEP, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		shut(c);
		return;
	}
	buf_commit(&c->in, (size_t)n);
	handle_all(c);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct connection *c = ctx;

	(void)source;
	(void)fd;
	if (events & EPOLLOUT)
		flush(c);
	if (!c->closed && !c->ending && events & EPOLLIN)
		receive(c);
	else if (!c->closed && events & (EPOLLHUP | EPOLLERR))
		shut(c);
	return 0;
}

int connection_new(
	sd_event *loop, int fd, const struct connection_options *options, struct connection **ret)
{
	struct connection *c = calloc(1, sizeof(*c));
	int err;

	if (!c) {
		(void)close(fd);
		return -ENOMEM;
	}
	c->options = *options;
	c->loop = loop;
	c->fd = fd;
	c->in = buf_with_ceiling(2 * CONNECTION_MAX_FRAME);
	c->out = buf_with_ceiling(CONNECTION_MAX_WAITING);
	if (fcntl(fd, F_SETFL, O_NONBLOCK)) {
		err = -errno;
		connection_free(c);
		return err;
	}
	err = sd_event_add_io(loop, &c->io, fd, EPOLLIN, on_io, c);
	if (err < 0) {
		connection_free(c);
		return err;
	}
	*ret = c;
	return 0;
}
