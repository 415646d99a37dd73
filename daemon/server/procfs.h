// SPDX-License-Identifier: Apache-2.0
/*
 * procfs.h - the one question about a PID that only /proc can answer
 */
#ifndef CPROFD_SERVER_PROCFS_H
#define CPROFD_SERVER_PROCFS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The process that task `pid` belongs to: pid itself, or its thread group leader
 * when pid is a thread. -ESRCH when there is no such task, -EBADMSG when
 * /proc/PID/status makes no sense.
 */
pid_t procfs_tgid(pid_t pid);

/* The number behind "Tgid:" in the text of a /proc/PID/status; -EBADMSG without one. */
pid_t procfs_parse_tgid(const char *text, size_t len);

#endif
