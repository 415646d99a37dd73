// SPDX-License-Identifier: Apache-2.0
#include "control/client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/scope.h"
#include "control/frame.h"

#define READ_STEP 65536

struct control_client {
	int sock;
	int wake_fd;
	unsigned silence_ms;
	struct buf in;
	char *server;
};

static void free_client(struct control_client **slot)
{
	control_client_free(*slot);
}

void control_client_free(struct control_client *c)
{
	if (!c)
		return;
	scope_close(&c->sock);
	buf_fini(&c->in);
	free(c->server);
	free(c);
}

static struct control_client *new_client(int sock, const struct control_client_options *options)
{
	struct control_client *c = calloc(1, sizeof(*c));

	if (!c) {
		scope_close(&sock);
		return NULL;
	}
	c->sock = sock;
	c->wake_fd = options->wake_fd;
	c->silence_ms = options->silence_ms;
	/* a read is only made while the first frame is not whole: it adds one step at most */
	c->in = buf_with_ceiling(FRAME_HEADER_LEN + FRAME_MAX + READ_STEP);
	return c;
}

static int send_message(struct control_client *c, const Cprofd__Control__ClientMessage *message)
{
	int err = frame_write(c->sock, &message->base, -1);

	return err == -EPIPE || err == -ECONNRESET ? 0 : err;
}

int control_client_record(struct control_client *c, const Cprofd__Control__Record *record)
{
	Cprofd__Control__ClientMessage message = CPROFD__CONTROL__CLIENT_MESSAGE__INIT;
	Cprofd__Control__Record copy = *record;

	message.kind_case = CPROFD__CONTROL__CLIENT_MESSAGE__KIND_RECORD;
	message.record = &copy;
	return send_message(c, &message);
}

int control_client_stop(struct control_client *c)
{
	Cprofd__Control__ClientMessage message = CPROFD__CONTROL__CLIENT_MESSAGE__INIT;
	Cprofd__Control__Stop stop = CPROFD__CONTROL__STOP__INIT;

	message.kind_case = CPROFD__CONTROL__CLIENT_MESSAGE__KIND_STOP;
	message.stop = &stop;
	return send_message(c, &message);
}

int control_client_status(struct control_client *c)
{
	Cprofd__Control__ClientMessage message = CPROFD__CONTROL__CLIENT_MESSAGE__INIT;
	Cprofd__Control__StatusRequest status = CPROFD__CONTROL__STATUS_REQUEST__INIT;

	message.kind_case = CPROFD__CONTROL__CLIENT_MESSAGE__KIND_STATUS;
	message.status = &status;
	return send_message(c, &message);
}

static int errno_of(Cprofd__Control__ErrorCode code)
{
	switch (code) {
	case CPROFD__CONTROL__ERROR_CODE__VERSION_DIFFERS:
		return -EPROTONOSUPPORT;
	case CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST:
		return -EINVAL;
	case CPROFD__CONTROL__ERROR_CODE__NO_SUCH_PROCESS:
		return -ESRCH;
	case CPROFD__CONTROL__ERROR_CODE__NOT_PERMITTED:
		return -EPERM;
	case CPROFD__CONTROL__ERROR_CODE__UNAVAILABLE:
		return -EOPNOTSUPP;
	case CPROFD__CONTROL__ERROR_CODE__LIMIT_REACHED:
		return -EUSERS;
	default:
		return -EREMOTEIO;
	}
}

static int report_error(const Cprofd__Control__Error *error, struct diag *diag)
{
	return diag_set(diag, errno_of(error->code), "%s",
		error->text[0] ? error->text : "cprofd refused without saying why");
}

/* Milliseconds until `deadline_ns`, for poll(): rounded up, 0 once it has passed. */
static int left_ms(uint64_t deadline_ns)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t left = deadline_ns > now ? (deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS : 0;

	return left > INT_MAX ? INT_MAX : (int)left;
}

/* Wait until the socket has something to say. A wake-up goes before it. */
static int wait_readable(struct control_client *c, uint64_t deadline_ns, struct diag *diag)
{
	struct pollfd fds[] = {
		{.fd = c->sock, .events = POLLIN},
		{.fd = c->wake_fd, .events = POLLIN},
	};
	int n = poll(fds, 2, c->silence_ms ? left_ms(deadline_ns) : -1);

	if (n < 0 && errno != EINTR)
		return diag_set(diag, -errno, "cannot wait for cprofd: %s", strerror(errno));
	if (n > 0 && fds[1].revents)
		return -EINTR;
	if (n == 0)
		return diag_set(
			diag, -ETIMEDOUT, "cprofd has not answered for %u s", c->silence_ms / 1000);
	return 0;
}

/* Read what is there. A descriptor that came along is dropped by the kernel. */
static int read_more(struct control_client *c, struct diag *diag)
{
	uint8_t *at = buf_reserve(&c->in, READ_STEP);
	ssize_t n;

	if (!at)
		return diag_set(diag, -ENOMEM, "out of memory");
	n = recv(c->sock, at, READ_STEP, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return diag_set(diag, -EPIPE, "cprofd closed the connection");
	if (n < 0)
		return diag_set(diag, -errno, "cannot read from cprofd: %s", strerror(errno));
	buf_commit(&c->in, (size_t)n);
	return 0;
}

static int refuse(struct diag *diag)
{
	return diag_set(diag, -EPROTO, "what answers does not speak the protocol of cprofd");
}

/* The bytes of a whole frame as a message that keeps the protocol's rules. */
static int unpack(
	const uint8_t *bytes, size_t len, struct diag *diag, Cprofd__Control__ServerMessage **ret)
{
	ProtobufCMessage *base = frame_unpack(&cprofd__control__server_message__descriptor, bytes,
		len, CONTROL_CLIENT_MEMORY_MAX);
	Cprofd__Control__ServerMessage *m = (Cprofd__Control__ServerMessage *)base;
	int err = 0;

	if (!m)
		return refuse(diag);
	if (m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND_ERROR)
		err = report_error(m->error, diag);
	else if (m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND__NOT_SET)
		err = refuse(diag);
	else if (m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND_CHUNK &&
		 m->chunk->bytes.len > CPROFD__CONTROL__LIMIT__MAX_CHUNK)
		err = refuse(diag);
	if (err) {
		frame_free(base);
		return err;
	}
	*ret = m;
	return 0;
}

int control_client_receive(
	struct control_client *c, struct diag *diag, Cprofd__Control__ServerMessage **ret)
{
	uint64_t deadline_ns = clock_monotonic_ns() + c->silence_ms * NS_PER_MS;
	const uint8_t *bytes;
	size_t len;
	int err;

	for (;;) {
		err = frame_next(&c->in, FRAME_MAX, &bytes, &len);
		if (err < 0)
			return refuse(diag);
		if (err > 0)
			break;
		err = wait_readable(c, deadline_ns, diag);
		if (!err)
			err = read_more(c, diag);
		if (err)
			return err;
	}
	err = unpack(bytes, len, diag, ret);
	frame_drop(&c->in);
	return err;
}

const char *control_client_server(const struct control_client *c)
{
	return c->server;
}

static int say_hello(struct control_client *c, const char *program)
{
	Cprofd__Control__ClientMessage message = CPROFD__CONTROL__CLIENT_MESSAGE__INIT;
	Cprofd__Control__Hello hello;
	scoped(scope_free) char *name = strdup(program);

	if (!name)
		return -ENOMEM;
	/* the static initializer casts const away */
	cprofd__control__hello__init(&hello);
	hello.version = CPROFD__CONTROL__LIMIT__VERSION;
	hello.program = name;
	message.kind_case = CPROFD__CONTROL__CLIENT_MESSAGE__KIND_HELLO;
	message.hello = &hello;
	return send_message(c, &message);
}

static int check_hello(
	struct control_client *c, const Cprofd__Control__ServerMessage *m, struct diag *diag)
{
	if (m->kind_case != CPROFD__CONTROL__SERVER_MESSAGE__KIND_HELLO)
		return refuse(diag);
	if (m->hello->version != CPROFD__CONTROL__LIMIT__VERSION)
		return diag_set(diag, -EPROTONOSUPPORT,
			"cprofd speaks version %u of the control protocol, this program version "
			"%u: install both from one release",
			m->hello->version, (unsigned)CPROFD__CONTROL__LIMIT__VERSION);
	c->server = strdup(m->hello->program);
	return c->server ? 0 : diag_set(diag, -ENOMEM, "out of memory");
}

/* For sends and for connect(2), which waits while the server's backlog is full. */
static void bound_sends(int sock, unsigned silence_ms)
{
	struct timeval most = {silence_ms / 1000, silence_ms % 1000 * 1000};

	(void)setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
}

int control_client_adopt(int sock, const struct control_client_options *options, struct diag *diag,
	struct control_client **ret)
{
	scoped(free_client) struct control_client *c = new_client(sock, options);
	Cprofd__Control__ServerMessage *m;
	int err;

	if (!c)
		return diag_set(diag, -ENOMEM, "out of memory");
	bound_sends(c->sock, c->silence_ms);
	err = say_hello(c, options->program);
	if (err)
		return diag_set(diag, err, "cannot greet cprofd: %s", strerror(-err));
	err = control_client_receive(c, diag, &m);
	if (err)
		return err;
	err = check_hello(c, m, diag);
	frame_free(&m->base);
	if (err)
		return err;
	*ret = take_ptr(c);
	return 0;
}

int control_client_connect(const char *path, const struct control_client_options *options,
	struct diag *diag, struct control_client **ret)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	scoped(scope_close) int sock = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return diag_set(diag, -ENAMETOOLONG,
			"%s: a socket's path has at most %zu characters", path,
			sizeof(address.sun_path) - 1);
	/* no file, but an address that anybody may listen at */
	if (!*path)
		return diag_set(diag, -ENOENT, "a socket's path is empty");
	memcpy(address.sun_path, path, strlen(path));
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return diag_set(diag, -errno, "cannot make a socket: %s", strerror(errno));
	bound_sends(sock, options->silence_ms);
	if (connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return diag_set(
			diag, -errno, "cannot reach a cprofd at %s: %s", path, strerror(errno));
	return control_client_adopt(take_fd(&sock), options, diag, ret);
}
