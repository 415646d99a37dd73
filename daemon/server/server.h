// SPDX-License-Identifier: Apache-2.0
/*
 * server.h - the control channel's end in the daemon
 *
 * Accepts clients on a Unix socket, or serves the one client that started a
 * private daemon. A client that sends garbage is told so and dropped; one that
 * stops reading costs itself: what may wait for it is bounded.
 */
#ifndef CPROFD_SERVER_SERVER_H
#define CPROFD_SERVER_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

struct collect;
struct account;
struct server;

#define SERVER_MAX_CLIENTS 64

/* Borrowed for the life of the server. */
struct server_parts {
	struct collect *collect;
	const struct account *started; /* the snapshot at the start of sampling */
	uint64_t started_ns;           /* CLOCK_MONOTONIC */
	size_t store_budget_bytes;
};

struct server_counts {
	uint64_t clients; /* now */
	uint64_t refused; /* above SERVER_MAX_CLIENTS */
};

int server_new(sd_event *loop, const struct server_parts *parts, struct server **ret);
void server_free(struct server *s); /* closes every connection; NULL is accepted */

/* Accept on `listen_fd`, a listening socket, which it takes. Returns 0 or a negative errno. */
int server_listen(struct server *s, int listen_fd);

/*
 * Serve one connected socket, which it takes; when its client goes, the loop
 * ends (sd_event_exit). Its peer is root: it started us.
 */
int server_serve_private(struct server *s, int fd);

#endif
