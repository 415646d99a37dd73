// SPDX-License-Identifier: Apache-2.0
/*
 * access.h - who may see what
 *
 * The one function that every way in asks.
 */
#ifndef CPROFD_SERVER_ACCESS_H
#define CPROFD_SERVER_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* Who stands at the other end, by the kernel's word. */
struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* for logs only: it may be gone */
};

/* The other end of a connected AF_UNIX socket. Returns 0 or a negative errno. */
int access_peer(int sock, struct peer *ret);

/* May `p` profile every process, and see the daemon's status? Root may. */
bool access_everything(const struct peer *p);

#endif
