// SPDX-License-Identifier: Apache-2.0
/*
 * The server's side is a socket pair's other end whose bytes are written before the
 * client reads them, so nothing here waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "control/client.h"
#include "control/frame.h"

/* Hello {version: 1, program: "x"}, field by field from the protobuf encoding rules. */
static const uint8_t hello[] = {7, 0, 0, 0, 0x0a, 5, 0x08, 1, 0x12, 1, 'x'};

static const struct control_client_options options = {.program = "test", .wake_fd = -1};
static struct diag diag;
static int server;
static int ours;

static int make_pair(void **state)
{
	int pair[2];

	(void)state;
	memset(&diag, 0, sizeof(diag));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	ours = pair[0];
	server = pair[1];
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	if (server >= 0)
		(void)close(server);
	return 0;
}

static void serve(const void *bytes, size_t len)
{
	assert_int_equal(write(server, bytes, len), len);
}

static void hang_up(void)
{
	(void)close(server);
	server = -1;
}

static struct control_client *greeted(const struct control_client_options *o)
{
	struct control_client *c = NULL;

	serve(hello, sizeof(hello));
	assert_int_equal(control_client_adopt(ours, o, &diag, &c), 0);
	return c;
}

static void assert_adopt_fails(int err, const char *says)
{
	struct control_client *c = NULL;

	assert_int_equal(control_client_adopt(ours, &options, &diag, &c), err);
	assert_null(c);
	if (!strstr(diag.text, says))
		fail_msg("said \"%s\", not \"%s\"", diag.text, says);
}

static void both_sides_say_hello(void **state)
{
	/* Hello {version: 1, program: "test"} */
	static const uint8_t expected[] = {
		10, 0, 0, 0, 0x0a, 8, 0x08, 1, 0x12, 4, 't', 'e', 's', 't'};
	struct control_client *c = greeted(&options);
	uint8_t got[64];

	(void)state;
	assert_int_equal(read(server, got, sizeof(got)), sizeof(expected));
	assert_memory_equal(got, expected, sizeof(expected));
	assert_string_equal(control_client_server(c), "x");
	control_client_free(c);
	assert_int_equal(read(server, got, sizeof(got)), 0); /* the socket is closed */
}

static void another_version_is_told_apart(void **state)
{
	static const uint8_t other[] = {4, 0, 0, 0, 0x0a, 2, 0x08, 2};

	(void)state;
	serve(other, sizeof(other));
	assert_adopt_fails(-EPROTONOSUPPORT, "version 2 of the control protocol");
}

static void errors_of_the_server_become_errno(void **state)
{
	static const int expected[] = {-EREMOTEIO, -EPROTONOSUPPORT, -EINVAL, -ESRCH, -EPERM,
		-EOPNOTSUPP, -EUSERS, -EREMOTEIO, -EREMOTEIO};
	struct control_client *c = greeted(&options);

	(void)state;
	for (size_t code = 0; code < sizeof(expected) / sizeof(expected[0]); code++) {
		/* Error {code, text: "no"} */
		const uint8_t error[] = {
			8, 0, 0, 0, 0x12, 6, 0x08, (uint8_t)code, 0x12, 2, 'n', 'o'};
		Cprofd__Control__ServerMessage *m = NULL;

		serve(error, sizeof(error));
		assert_int_equal(control_client_receive(c, &diag, &m), expected[code]);
		assert_null(m);
		assert_string_equal(diag.text, "no");
	}
	control_client_free(c);
}

static void an_error_instead_of_hello_is_passed_on(void **state)
{
	static const uint8_t error[] = {8, 0, 0, 0, 0x12, 6, 0x08, 4, 0x12, 2, 'n', 'o'};

	(void)state;
	serve(error, sizeof(error));
	hang_up(); /* before our Hello: sending it fails, and the reason must not be lost */
	assert_adopt_fails(-EPERM, "no");
}

static void the_end_of_the_stream_is_epipe_wherever_it_comes(void **state)
{
	static const uint8_t whole[] = {6, 0, 0, 0, 0x1a, 4, 0x08, 99, 0x10, 1}; /* Started */

	(void)state;
	close_pair(NULL);
	(void)close(ours);
	for (size_t len = 0; len < sizeof(whole); len++) {
		Cprofd__Control__ServerMessage *m = NULL;
		struct control_client *c;

		assert_int_equal(make_pair(NULL), 0);
		c = greeted(&options);
		serve(whole, len);
		hang_up();
		assert_int_equal(control_client_receive(c, &diag, &m), -EPIPE);
		assert_null(m);
		control_client_free(c);
	}
}

static void several_messages_may_come_at_once(void **state)
{
	static const uint8_t started[] = {6, 0, 0, 0, 0x1a, 4, 0x08, 99, 0x10, 1};
	struct control_client *c = greeted(&options);

	(void)state;
	serve(started, sizeof(started));
	serve(started, sizeof(started));
	for (int i = 0; i < 2; i++) {
		Cprofd__Control__ServerMessage *m = NULL;

		assert_int_equal(control_client_receive(c, &diag, &m), 0);
		assert_int_equal(m->kind_case, CPROFD__CONTROL__SERVER_MESSAGE__KIND_STARTED);
		assert_int_equal(m->started->hz, 99);
		assert_int_equal(m->started->start_unix_ns, 1);
		frame_free(&m->base);
	}
	control_client_free(c);
}

static void a_wake_up_goes_before_what_the_server_says(void **state)
{
	struct control_client_options woken = options;
	struct control_client *c = NULL;

	(void)state;
	woken.wake_fd = eventfd(1, EFD_CLOEXEC);
	serve(hello, sizeof(hello));
	assert_int_equal(control_client_adopt(ours, &woken, &diag, &c), -EINTR);
	assert_null(c);
	(void)close(woken.wake_fd);
}

static void a_wake_up_leaves_the_stream_in_order(void **state)
{
	static const uint8_t started[] = {6, 0, 0, 0, 0x1a, 4, 0x08, 99, 0x10, 1};
	struct control_client_options woken = options;
	Cprofd__Control__ServerMessage *m = NULL;
	struct control_client *c;
	eventfd_t value;

	(void)state;
	woken.wake_fd = eventfd(0, EFD_CLOEXEC);
	c = greeted(&woken);
	assert_int_equal(eventfd_write(woken.wake_fd, 1), 0);
	serve(started, 5);
	assert_int_equal(control_client_receive(c, &diag, &m), -EINTR);
	assert_int_equal(eventfd_read(woken.wake_fd, &value), 0);
	serve(started + 5, sizeof(started) - 5);
	assert_int_equal(control_client_receive(c, &diag, &m), 0);
	assert_int_equal(m->started->hz, 99);
	frame_free(&m->base);
	control_client_free(c);
	(void)close(woken.wake_fd);
}

static void silence_is_given_up(void **state)
{
	struct control_client_options hasty = options;
	struct control_client *c = NULL;

	(void)state;
	hasty.silence_ms = 1;
	assert_int_equal(control_client_adopt(ours, &hasty, &diag, &c), -ETIMEDOUT);
	assert_null(c);
}

static void what_no_server_sends_is_refused(void **state)
{
	static const struct {
		uint8_t bytes[16];
		size_t len;
	} cases[] = {
		{{0xff, 0xff, 0xff, 0xff}, 4},         /* 4 GiB */
		{{0x01, 0x00, 0x40, 0x00}, 4},         /* FRAME_MAX + 1 */
		{{0, 0, 0, 0}, 4},                     /* an empty message */
		{{2, 0, 0, 0, 0x0a, 0x7f}, 6},         /* a field longer than the frame */
		{{3, 0, 0, 0, 0x07, 0x07, 0x07}, 7},   /* wire type 7 does not exist */
		{{2, 0, 0, 0, 0x7a, 0x00}, 6},         /* nothing but an unknown field */
		{{4, 0, 0, 0, 'H', 'T', 'T', 'P'}, 8}, /* another protocol */
	};

	(void)state;
	close_pair(NULL);
	(void)close(ours);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(make_pair(NULL), 0);
		serve(cases[i].bytes, cases[i].len);
		assert_adopt_fails(-EPROTO, "does not speak the protocol of cprofd");
		close_pair(NULL);
		/* and likewise after a good beginning */
		Cprofd__Control__ServerMessage *m = NULL;
		struct control_client *c;

		assert_int_equal(make_pair(NULL), 0);
		c = greeted(&options);
		serve(cases[i].bytes, cases[i].len);
		assert_int_equal(control_client_receive(c, &diag, &m), -EPROTO);
		control_client_free(c);
		close_pair(NULL);
	}
	server = -1;
}

/* ProfileChunk of `len` bytes, written by hand: tags, varint lengths, payload. */
static void serve_chunk(size_t len)
{
	struct buf out = buf_with_ceiling(1 << 20);
	size_t inner = 1 + 3 + len; /* lengths from 2^14 to 2^21 take three bytes */
	size_t frame = 1 + 3 + inner;
	const uint8_t head[] = {(uint8_t)frame, (uint8_t)(frame >> 8), (uint8_t)(frame >> 16), 0,
		0x2a, (uint8_t)(inner | 0x80), (uint8_t)(inner >> 7 | 0x80), (uint8_t)(inner >> 14),
		0x0a, (uint8_t)(len | 0x80), (uint8_t)(len >> 7 | 0x80), (uint8_t)(len >> 14)};

	buf_append(&out, head, sizeof(head));
	assert_non_null(buf_reserve(&out, len));
	memset(buf_reserve(&out, len), 'z', len);
	buf_commit(&out, len);
	serve(out.bytes, out.len);
	buf_fini(&out);
}

static void a_chunk_has_a_ceiling(void **state)
{
	struct control_client *c = greeted(&options);
	Cprofd__Control__ServerMessage *m = NULL;
	int room = 4 << 20;

	(void)state;
	if (setsockopt(server, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0) {
		control_client_free(c); /* a whole chunk does not fit into a socket then */
		skip();
	}
	serve_chunk(262144);
	assert_int_equal(control_client_receive(c, &diag, &m), 0);
	assert_int_equal(m->kind_case, CPROFD__CONTROL__SERVER_MESSAGE__KIND_CHUNK);
	assert_int_equal(m->chunk->bytes.len, 262144);
	frame_free(&m->base);
	serve_chunk(262145);
	assert_int_equal(control_client_receive(c, &diag, &m), -EPROTO);
	control_client_free(c);
}

static void requests_are_what_the_protocol_says(void **state)
{
	/* Record {pids: [1, 300], duration_ns: 5, hz: 99, labels: [TID], no_symbols: true} */
	static const uint8_t record[] = {16, 0, 0, 0, 0x12, 14, 0x0a, 3, 1, 0xac, 0x02, 0x18, 5,
		0x20, 99, 0x2a, 1, 1, 0x30, 1};
	static const uint8_t stop[] = {2, 0, 0, 0, 0x1a, 0};
	static const uint8_t status[] = {2, 0, 0, 0, 0x22, 0};
	Cprofd__Control__Record r = CPROFD__CONTROL__RECORD__INIT;
	Cprofd__Control__Label labels[] = {CPROFD__CONTROL__LABEL__TID};
	struct control_client *c = greeted(&options);
	uint32_t pids[] = {1, 300};
	uint8_t got[64];

	(void)state;
	(void)!read(server, got, sizeof(got));
	r.n_pids = 2;
	r.pids = pids;
	r.duration_ns = 5;
	r.hz = 99;
	r.n_labels = 1;
	r.labels = labels;
	r.no_symbols = true;
	assert_int_equal(control_client_record(c, &r), 0);
	assert_int_equal(read(server, got, sizeof(got)), sizeof(record));
	assert_memory_equal(got, record, sizeof(record));
	assert_int_equal(control_client_stop(c), 0);
	assert_int_equal(read(server, got, sizeof(got)), sizeof(stop));
	assert_memory_equal(got, stop, sizeof(stop));
	assert_int_equal(control_client_status(c), 0);
	assert_int_equal(read(server, got, sizeof(got)), sizeof(status));
	assert_memory_equal(got, status, sizeof(status));
	control_client_free(c);
}

static void a_socket_that_is_not_there_is_told(void **state)
{
	struct control_client *c = NULL;
	char path[200];

	(void)state;
	assert_int_equal(
		control_client_connect("/nonexistent/socket", &options, &diag, &c), -ENOENT);
	assert_int_equal(control_client_connect("/dev/null", &options, &diag, &c), -ECONNREFUSED);
	assert_int_equal(control_client_connect("", &options, &diag, &c), -ENOENT);
	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_client_connect(path, &options, &diag, &c), -ENAMETOOLONG);
	assert_null(c);
}

int main(void)
{
#define over_a_pair(f) cmocka_unit_test_setup_teardown(f, make_pair, close_pair)
	const struct CMUnitTest tests[] = {
		over_a_pair(both_sides_say_hello),
		over_a_pair(another_version_is_told_apart),
		over_a_pair(errors_of_the_server_become_errno),
		over_a_pair(an_error_instead_of_hello_is_passed_on),
		over_a_pair(the_end_of_the_stream_is_epipe_wherever_it_comes),
		over_a_pair(several_messages_may_come_at_once),
		over_a_pair(a_wake_up_goes_before_what_the_server_says),
		over_a_pair(a_wake_up_leaves_the_stream_in_order),
		over_a_pair(silence_is_given_up),
		over_a_pair(what_no_server_sends_is_refused),
		over_a_pair(a_chunk_has_a_ceiling),
		over_a_pair(requests_are_what_the_protocol_says),
		cmocka_unit_test(a_socket_that_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
