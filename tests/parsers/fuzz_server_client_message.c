// SPDX-License-Identifier: Apache-2.0
/*
 * All that a client may send to the daemon: a connection is served as the daemon
 * serves it, up to the point where a request would start to sample.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/commands.h"
#include "server/connection.h"

#define INPUT_MAX 60000 /* a socket takes that much at once */

static void on_closed(void *ctx, struct connection *c)
{
	(void)c;
	*(bool *)ctx = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static sd_event *loop;
	const struct server_parts parts = {0};
	const struct server_counts counts = {0};
	bool closed = false;
	/* nobody: every request is refused, after it was taken apart */
	const struct connection_options options = {.parts = &parts,
		.counts = &counts,
		.peer = {.uid = 65534, .gid = 65534},
		.command = command_run,
		.closed = on_closed,
		.ctx = &closed};
	struct connection *c;
	int pair[2];

	if (size > INPUT_MAX || (!loop && sd_event_default(&loop) < 0) ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	if (write(pair[1], data, size) != (ssize_t)size ||
		connection_new(loop, pair[0], &options, &c))
		abort();
	while (!closed && sd_event_run(loop, 0) > 0)
		;
	(void)shutdown(pair[1], SHUT_WR);
	while (!closed && sd_event_run(loop, 0) > 0)
		;
	if (!closed)
		abort();
	connection_free(c);
	(void)close(pair[1]);
	return 0;
}
