// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scope.h"
#include "server/access.h"
#include "server/commands.h"
#include "server/connection.h"

/* A client that cannot be accepted for want of a descriptor goes on knocking. */
#define ACCEPTS_MAX    500
#define ACCEPTS_PER_US 1000000

struct server {
	sd_event *loop; /* borrowed */
	struct server_parts parts;
	int listen_fd;
	sd_event_source *accepting;
	sd_event_source *sweep; /* frees connections that closed */
	struct connection *clients[SERVER_MAX_CLIENTS];
	struct connection *private_client;
	bool gone[SERVER_MAX_CLIENTS];
	struct server_counts counts;
};

static int on_sweep(sd_event_source *source, void *ctx)
{
	struct server *s = ctx;

	(void)source;
	for (unsigned i = 0; i < SERVER_MAX_CLIENTS; i++) {
		if (!s->gone[i])
			continue;
		connection_free(s->clients[i]);
		s->clients[i] = NULL;
		s->gone[i] = false;
		s->counts.clients--;
	}
	return 0;
}

int server_new(sd_event *loop, const struct server_parts *parts, struct server **ret)
{
	struct server *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->parts = *parts;
	s->listen_fd = -1;
	err = sd_event_add_defer(loop, &s->sweep, on_sweep, s);
	if (err >= 0)
		err = sd_event_source_set_enabled(s->sweep, SD_EVENT_OFF);
	if (err < 0) {
		server_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < SERVER_MAX_CLIENTS; i++)
		connection_free(s->clients[i]);
	sd_event_source_disable_unref(s->accepting);
	sd_event_source_disable_unref(s->sweep);
	scope_close(&s->listen_fd);
	free(s);
}

static void on_closed(void *ctx, struct connection *c)
{
	struct server *s = ctx;

	for (unsigned i = 0; i < SERVER_MAX_CLIENTS; i++)
		if (s->clients[i] == c)
			s->gone[i] = true;
	if (c == s->private_client)
		(void)sd_event_exit(s->loop, 0);
	else
		(void)sd_event_source_set_enabled(s->sweep, SD_EVENT_ONESHOT);
}

/* Serve `fd`, which is taken. */
static int add_client(struct server *s, int fd, const struct peer *peer, struct connection **ret)
{
	const struct connection_options options = {.parts = &s->parts,
		.counts = &s->counts,
		.peer = *peer,
		.command = command_run,
		.closed = on_closed,
		.ctx = s};
	unsigned at = 0;
	int err;

	while (at < SERVER_MAX_CLIENTS && s->clients[at])
		at++;
	if (at == SERVER_MAX_CLIENTS) {
		s->counts.refused++;
		(void)close(fd);
		return -EBUSY;
	}
	err = connection_new(s->loop, fd, &options, &s->clients[at]);
	if (err)
		return err;
	s->counts.clients++;
	*ret = s->clients[at];
	return 0;
}

static int on_connect(sd_event_source *source, int listen_fd, uint32_t events, void *ctx)
{
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;
	struct peer peer;

	(void)source;
	(void)events;
	if (fd < 0)
		return 0;
	if (access_peer(fd, &peer))
		(void)close(fd);
	else
		(void)add_client(ctx, fd, &peer, &c);
	return 0;
}

int server_listen(struct server *s, int listen_fd)
{
	int err;

	s->listen_fd = listen_fd;
	err = sd_event_add_io(s->loop, &s->accepting, listen_fd, EPOLLIN, on_connect, s);
	if (err >= 0)
		err = sd_event_source_set_ratelimit(s->accepting, ACCEPTS_PER_US, ACCEPTS_MAX);
	return err < 0 ? err : 0;
}

int server_serve_private(struct server *s, int fd)
{
	const struct peer root = {0};

	return add_client(s, fd, &root, &s->private_client);
}
