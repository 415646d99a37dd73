// SPDX-License-Identifier: Apache-2.0
/*
 * interrupt.h - Ctrl-C as something that can be polled
 *
 * SIGINT, SIGTERM and SIGHUP arrive on a descriptor rather than end the program.
 * Those that were ignored when the program started (nohup, a background job of a
 * script) stay ignored.
 */
#ifndef CPROFD_CLI_INTERRUPT_H
#define CPROFD_CLI_INTERRUPT_H

#include <signal.h>

struct interrupt {
	int fd; /* readable once a signal has come */
	sigset_t before;
};

/* Returns 0 or a negative errno. */
int interrupt_init(struct interrupt *i);

/* From here on they act as they did before; one that still waits acts now. */
void interrupt_fini(struct interrupt *i);

/* How many have come since the last call. */
unsigned interrupt_take(struct interrupt *i);

#endif
