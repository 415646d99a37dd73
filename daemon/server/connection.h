// SPDX-License-Identifier: Apache-2.0
/*
 * connection.h - one client: its bytes, and the request it has open
 */
#ifndef CPROFD_SERVER_CONNECTION_H
#define CPROFD_SERVER_CONNECTION_H

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "proto/control.pb-c.h"
#include "server/access.h"
#include "server/server.h"

struct connection;
struct recording;

/* Bytes that a client may leave unread before it is dropped: the largest profile, in frames. */
#define CONNECTION_MAX_WAITING (80u << 20)

/* Frames from a client are small: a request, never data. */
#define CONNECTION_MAX_FRAME 65536

struct connection_options {
	const struct server_parts *parts;   /* borrowed */
	const struct server_counts *counts; /* borrowed */
	struct peer peer;
	/* carries out one message of a client that has said Hello; answers by connection_send() */
	void (*command)(struct connection *c, const Cprofd__Control__ClientMessage *message);
	/* the client is gone or was dropped; the connection must be freed, not from within */
	void (*closed)(void *ctx, struct connection *c);
	void *ctx;
};

/* Serve `fd`, which is taken in any case. Returns 0 or a negative errno. */
int connection_new(
	sd_event *loop, int fd, const struct connection_options *options, struct connection **ret);
void connection_free(struct connection *c); /* NULL is accepted */

/* ---- for the commands ---- */

const struct server_parts *connection_parts(const struct connection *c);
const struct server_counts *connection_counts(const struct connection *c);
const struct peer *connection_peer(const struct connection *c);
sd_event *connection_loop(const struct connection *c);

/* The recording it has open; NULL when none. connection_set_recording(c, NULL) frees it. */
struct recording *connection_recording(const struct connection *c);
void connection_set_recording(struct connection *c, struct recording *r);

/* Queue a message. A client for which too much waits is dropped. */
void connection_send(struct connection *c, const Cprofd__Control__ServerMessage *message);

/* Queue an Error. */
void connection_send_error(struct connection *c, Cprofd__Control__ErrorCode code,
	const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Send of what is queued what the socket takes at once, read no more, close. */
void connection_end(struct connection *c);

#endif
