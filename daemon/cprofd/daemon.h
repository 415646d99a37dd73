// SPDX-License-Identifier: Apache-2.0
/*
 * daemon.h - the parts of cprofd, wired in order
 */
#ifndef CPROFD_CPROFD_DAEMON_H
#define CPROFD_CPROFD_DAEMON_H

#include "cprofd/options.h"

struct daemon;
struct diag;

/*
 * Take what needs root, start the opener, shed privileges, load, attach, listen;
 * sampling runs when it returns. On failure `diag` has one line for the user.
 * Returns 0 or a negative errno: -ERANGE when the frequency is above
 * kernel.perf_event_max_sample_rate.
 */
int daemon_new(const struct options *options, struct diag *diag, struct daemon **ret);

/* Serve until a signal or until the private client leaves. Returns 0 or a negative errno. */
int daemon_run(struct daemon *d);

/* Everything stopped and released, in reverse; NULL and half-built are accepted. */
void daemon_free(struct daemon *d);

#endif
