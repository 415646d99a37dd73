// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/scope.h"
#include "term.h"

static struct control_client_options client_options(const struct session_options *options)
{
	return (struct control_client_options){
		.program = "cprofctl " CPROFD_VERSION,
		.wake_fd = options->wake_fd,
		.silence_ms = options->silence_ms,
	};
}

static int open_private(const struct session_options *options, struct diag *diag, struct session *s)
{
	struct control_client_options client = client_options(options);
	int sock;
	int err;

	term_say("no cprofd is running; sampling with a private one for this recording");
	err = private_start(options->private_hz, diag, &s->daemon, &sock);
	return err ? err : control_client_adopt(sock, &client, diag, &s->client);
}

int session_open(const struct session_options *options, struct diag *diag, struct session *ret)
{
	struct control_client_options client = client_options(options);
	const char *path = options->socket ? options->socket : CONTROL_SOCKET_PATH;
	int err;

	*ret = (struct session){0};
	err = control_client_connect(path, &client, diag, &ret->client);
	if (options->socket || (err != -ENOENT && err != -ECONNREFUSED))
		return err;
	if (options->private_hz && geteuid() == 0)
		return open_private(options, diag, ret);
	return diag_set(diag, err, "no cprofd is running (tried %s)%s", path,
		options->private_hz ? "; start one, or run this as root" : "");
}

int session_close(struct session *s, struct diag *diag)
{
	control_client_free(take_ptr(s->client));
	return private_end(&s->daemon, diag);
}
