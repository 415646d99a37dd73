// SPDX-License-Identifier: Apache-2.0
/*
 * private.h - a cprofd of our own, for as long as one recording
 *
 * Started from the same installation as this program, never through $PATH, with a
 * connected socket as descriptor 3. It ends when that socket hangs up, so also
 * when we are killed. It runs in a session of its own: Ctrl-C is for us alone.
 */
#ifndef CPROFD_CLI_PRIVATE_H
#define CPROFD_CLI_PRIVATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"

struct private_daemon {
	pid_t pid; /* 0: none */
};

/*
 * Start cprofd sampling at `hz`. Gives the socket to talk over in *ret_sock;
 * the daemon is to be ended with private_end(). 0, or -ENOENT when there is no
 * cprofd beside this program, or what fork and exec say.
 */
int private_start(uint32_t hz, struct diag *diag, struct private_daemon *ret, int *ret_sock);

/*
 * Wait for it to end; the socket must be closed already. When it does not, it is
 * killed. Returns 0, or -ECHILD when it did not end well, and `diag` says how.
 * Nothing to do, and 0, when there is none.
 */
int private_end(struct private_daemon *d, struct diag *diag);

/* The cprofd that belongs to the program file `exe`, into `ret`. 0 or -ENOENT. */
int private_find(const char *exe, char *ret, size_t room);

#endif
