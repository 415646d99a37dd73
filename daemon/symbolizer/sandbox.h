// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox.h - give everything away before the first stranger's byte is read
 *
 * cprofd starts the symbolizer as another user and without capabilities. That is
 * checked here, not believed: a symbolizer that still could do something refuses to
 * run. Then follow what a process can only take from itself.
 *
 *  - only the channel stays open; the environment is empty
 *  - no new privileges, not dumpable, killed when its parent dies
 *  - rlimits: no core, no file may grow, no process; 320 MiB of data, 8 GiB of
 *    address space (tables of objects are mapped), a descriptor for each object
 *  - seccomp: an allow-list; anything else kills the process. Nothing in it opens,
 *    connects, forks, executes or makes memory executable. Descriptors come from the
 *    channel alone.
 */
#ifndef CPROFD_SYMBOLIZER_SANDBOX_H
#define CPROFD_SYMBOLIZER_SANDBOX_H

#include <stdint.h>

/*
 * Enter it, keeping the descriptor `channel`. At most `want_fds` descriptors can be open
 * afterwards; how many they really are is in *ret_fds.
 *
 * Returns 0; -EPERM when the process has uid 0, gid 0 or a capability; or a negative errno.
 * After a failure the process must not go on.
 */
int sandbox_enter(int channel, uint32_t want_fds, uint32_t *ret_fds);

#endif
