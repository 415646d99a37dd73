// SPDX-License-Identifier: Apache-2.0
/*
 * All that a server may say to a client, from its Hello on: frames, messages and
 * their rules.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/client.h"
#include "control/frame.h"

#define INPUT_MAX 65536 /* a socket takes that much at once */

static void check(const Cprofd__Control__ServerMessage *m)
{
	if (m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND_ERROR ||
		m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND__NOT_SET)
		abort();
	if (m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND_CHUNK &&
		m->chunk->bytes.len > CPROFD__CONTROL__LIMIT__MAX_CHUNK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct control_client_options options = {.program = "fuzz", .wake_fd = -1};
	struct control_client *c;
	struct diag diag;
	int pair[2];

	if (size > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	if (write(pair[1], data, size) != (ssize_t)size || shutdown(pair[1], SHUT_WR) < 0)
		abort();
	if (control_client_adopt(pair[0], &options, &diag, &c) == 0) {
		Cprofd__Control__ServerMessage *m;

		while (control_client_receive(c, &diag, &m) == 0) {
			check(m);
			frame_free(&m->base);
		}
		control_client_free(c);
	}
	(void)close(pair[1]);
	return 0;
}
