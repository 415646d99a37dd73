// SPDX-License-Identifier: Apache-2.0
/*
 * client.h - the asking side of the control channel
 *
 * A client is one connection to a cprofd, past its Hello. Calls block, but never
 * for good: a descriptor of the caller's choice (a signalfd, say) wakes them, and a
 * server that stays silent for too long is given up.
 *
 * The server is not trusted with our memory: frames, the memory behind a message
 * and the size of a chunk have ceilings. Its texts are handed on as they came, so
 * whoever prints them makes them printable (base/utf8.h).
 *
 * Errors that the server reports come back as errno, with its text in `diag`:
 *   -EPROTONOSUPPORT  the two sides speak different versions
 *   -EINVAL           the request makes no sense
 *   -ESRCH            no such process
 *   -EPERM            not permitted
 *   -EOPNOTSUPP       it cannot sample here
 *   -EUSERS           a limit is reached
 *   -EREMOTEIO        it failed inside
 * Those of the connection: -EPIPE when the server hung up, -EPROTO when it sent
 * what no server would, -ETIMEDOUT when it was silent for too long, -EINTR when
 * the wake descriptor became readable, -ENOMEM.
 */
#ifndef CPROFD_CONTROL_CLIENT_H
#define CPROFD_CONTROL_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "proto/control.pb-c.h"

#define CONTROL_SOCKET_PATH "/run/cprofd/control.sock"

/* What one message from a server may take once unpacked. */
#define CONTROL_CLIENT_MEMORY_MAX (16u << 20) /* bytes */

struct control_client;

struct control_client_options {
	const char *program; /* "cprofctl 0.1": said in Hello; borrowed during the call */
	int wake_fd;         /* borrowed while the client lives; -1: nothing wakes it */
	unsigned silence_ms; /* longest wait for one message; 0: for ever */
};

/*
 * Connect to the socket at `path` and greet. Gives a client, released with
 * control_client_free(). Errors as above, or what connect(2) says (-ENOENT and
 * -ECONNREFUSED: nobody listens; -EACCES; -ENAMETOOLONG).
 */
int control_client_connect(const char *path, const struct control_client_options *options,
	struct diag *diag, struct control_client **ret);

/* The same over a connected stream socket, which it takes, also on failure. */
int control_client_adopt(int sock, const struct control_client_options *options, struct diag *diag,
	struct control_client **ret);

void control_client_free(struct control_client *c); /* NULL is accepted */

/* What the server called itself in its Hello: any bytes, valid while the client lives. */
const char *control_client_server(const struct control_client *c);

/*
 * Ask. `record` is borrowed. 0 or a negative errno; a server that has hung up is no
 * error here, since its reason may still wait to be received.
 */
int control_client_record(struct control_client *c, const Cprofd__Control__Record *record);
int control_client_stop(struct control_client *c);
int control_client_status(struct control_client *c);

/*
 * Wait for the next message. Gives it, released with frame_free(&m->base); it is
 * never an Error, and a chunk in it is no longer than MAX_CHUNK. Returns 0 or an
 * error as above; after -EINTR the client can go on, after any other it cannot.
 */
int control_client_receive(
	struct control_client *c, struct diag *diag, Cprofd__Control__ServerMessage **ret);

#endif
