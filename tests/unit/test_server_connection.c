// SPDX-License-Identifier: Apache-2.0
/*
 * A connection and the recording it has open, without a daemon behind them: the
 * recording here is two numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <systemd/sd-event.h>

#include "base/buf.h"
#include "control/frame.h"
#include "server/connection.h"
#include "server/recording.h"

struct recording {
	unsigned freed, touched;
};

static struct recording the_recording;

/* Instead of the daemon's. */
void recording_free(struct recording *r)
{
	if (r)
		r->freed++;
}

struct served {
	sd_event *loop;
	struct connection *connection;
	int client;
	unsigned commands, closed;
};

static void send_progress(struct connection *c)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Progress progress = CPROFD__CONTROL__PROGRESS__INIT;

	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_PROGRESS;
	message.progress = &progress;
	connection_send(c, &message);
}

/* As the end of a recording does: several messages, out of memory that is the recording's. */
static void on_command(struct connection *c, const Cprofd__Control__ClientMessage *message)
{
	(void)message;
	connection_set_recording(c, &the_recording);
	for (unsigned i = 0; i < 3 && !the_recording.freed; i++) {
		send_progress(c);
		the_recording.touched++;
	}
}

static void on_closed(void *ctx, struct connection *c)
{
	struct served *s = ctx;

	assert_ptr_equal(c, s->connection);
	s->closed++;
}

static void write_message(int fd, const Cprofd__Control__ClientMessage *message)
{
	assert_int_equal(frame_write(fd, &message->base, -1), 0);
}

static void write_hello(int fd)
{
	Cprofd__Control__ClientMessage message = CPROFD__CONTROL__CLIENT_MESSAGE__INIT;
	Cprofd__Control__Hello hello = CPROFD__CONTROL__HELLO__INIT;

	hello.version = CPROFD__CONTROL__LIMIT__VERSION;
	message.kind_case = CPROFD__CONTROL__CLIENT_MESSAGE__KIND_HELLO;
	message.hello = &hello;
	write_message(fd, &message);
}

static void write_status(int fd)
{
	Cprofd__Control__ClientMessage message = CPROFD__CONTROL__CLIENT_MESSAGE__INIT;
	Cprofd__Control__StatusRequest status = CPROFD__CONTROL__STATUS_REQUEST__INIT;

	message.kind_case = CPROFD__CONTROL__CLIENT_MESSAGE__KIND_STATUS;
	message.status = &status;
	write_message(fd, &message);
}

static int serve(void **state)
{
	static struct served s;
	static const struct server_parts parts;
	static const struct server_counts counts;
	const struct connection_options options = {.parts = &parts,
		.counts = &counts,
		.command = on_command,
		.closed = on_closed,
		.ctx = &s};
	int pair[2];

	s = (struct served){0};
	the_recording = (struct recording){0};
	assert_true(sd_event_new(&s.loop) >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s.client = pair[1];
	assert_int_equal(connection_new(s.loop, pair[0], &options, &s.connection), 0);
	*state = &s;
	return 0;
}

static int end(void **state)
{
	struct served *s = *state;

	connection_free(s->connection);
	if (s->client >= 0)
		(void)close(s->client);
	sd_event_unref(s->loop);
	return 0;
}

static void run(struct served *s)
{
	while (!s->closed && sd_event_run(s->loop, 0) > 0)
		;
}

static void a_client_that_goes_while_it_is_answered_leaves_the_recording_alone(void **state)
{
	struct served *s = *state;

	write_hello(s->client);
	run(s);
	write_status(s->client);
	/* what it wrote can be read, what is written to it cannot be sent */
	(void)close(s->client);
	s->client = -1;
	run(s);
	assert_int_equal(s->closed, 1);
	assert_int_equal(the_recording.freed, 0);
	connection_free(s->connection);
	s->connection = NULL;
	assert_int_equal(the_recording.freed, 1);
}

static void a_client_is_answered_message_by_message(void **state)
{
	struct served *s = *state;
	char byte;

	write_hello(s->client);
	write_status(s->client);
	run(s);
	assert_int_equal(s->closed, 0);
	assert_int_equal(the_recording.touched, 3);
	assert_int_equal(recv(s->client, &byte, 1, MSG_DONTWAIT), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_client_that_goes_while_it_is_answered_leaves_the_recording_alone, serve,
			end),
		cmocka_unit_test_setup_teardown(
			a_client_is_answered_message_by_message, serve, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
