// SPDX-License-Identifier: Apache-2.0
/*
 * session.h - reach a cprofd: the one that is asked for, the one that runs, or our own
 */
#ifndef CPROFD_CLI_SESSION_H
#define CPROFD_CLI_SESSION_H

#include <stdint.h>

#include "base/diag.h"
#include "control/client.h"
#include "private.h"

struct session {
	struct control_client *client;
	struct private_daemon daemon;
};

struct session_options {
	const char *socket;  /* NULL: the usual place */
	uint32_t private_hz; /* for one of our own, when none runs and we are root; 0: never */
	int wake_fd;
	unsigned silence_ms;
};

/*
 * Open a session; it is to be closed, also when this failed. Errors as
 * control_client_connect(). Says on stderr when it starts a cprofd.
 */
int session_open(const struct session_options *options, struct diag *diag, struct session *ret);

/*
 * Hang up, and wait for a private cprofd to end. 0, or -ECHILD when it did not end
 * well. The zero value and a closed session are accepted.
 */
int session_close(struct session *s, struct diag *diag);

#endif
