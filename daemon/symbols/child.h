// SPDX-License-Identifier: Apache-2.0
/*
 * child.h - start the symbolizer with nothing in its hands, and end it
 *
 * The program is executed by descriptor. What it gets: /dev/null on 0 to 2, its
 * channel on 3, and nothing else: no environment, no capability (not in the
 * bounding set either where that can be emptied), no uid 0, no way to gain
 * anything by another exec. It is in a session of its own, so that a Ctrl-C meant
 * for us does not reach it, dies with us, and is the kernel's choice before us
 * when memory runs out.
 */
#ifndef CPROFD_SYMBOLS_CHILD_H
#define CPROFD_SYMBOLS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_CHANNEL_FD 3

struct child {
	pid_t pid; /* 0: none */
	int pidfd; /* readable once it has ended; -1: none */
};

#define CHILD_NONE ((struct child){.pid = 0, .pidfd = -1})

/*
 * Start the program open at `program_fd` (O_PATH will do; borrowed). Gives the
 * child and our end of its channel, non-blocking and close-on-exec. A program that
 * cannot be executed shows as a child that ends at once. Returns 0 or a negative errno.
 */
int child_start(int program_fd, struct child *ret, int *ret_sock);

/* SIGKILL. It must still be reaped. */
void child_kill(const struct child *c);

/* Collect it if it has ended; true when there is no child (any more). Never blocks. */
bool child_reap(struct child *c);

/* Kill it, wait up to a second for its end, close the descriptor. CHILD_NONE is accepted. */
void child_fini(struct child *c);

#endif
