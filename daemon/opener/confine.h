// SPDX-License-Identifier: Apache-2.0
/*
 * confine.h - what the opener's process gives up before it serves
 */
#ifndef CPROFD_OPENER_CONFINE_H
#define CPROFD_OPENER_CONFINE_H

#include <sys/types.h>

#define CONFINED_CHANNEL 3 /* where the channel ends up; nothing else is open */

/*
 * Turn the calling process, a fresh fork of `parent`, into the opener: only
 * the channel stays open, only CAP_SYS_ADMIN stays held, and a seccomp filter kills it
 * for any system call but those that it serves with. Takes `channel`.
 *
 * The user id stays what it was: under this filter it opens no file either way, and an
 * id shared with others would let them kill it.
 *
 * Returns 0 or a negative errno (-EPERM: no CAP_SYS_ADMIN to keep); the process
 * is then half confined and should exit.
 */
int confine_self(int channel, pid_t parent);

#endif
