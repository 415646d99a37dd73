// SPDX-License-Identifier: Apache-2.0
/*
 * opener.h - the one process that may call perf_event_open
 *
 * Debian kernels boot with perf_event_paranoid = 3, where CAP_PERFMON does not
 * open events and only CAP_SYS_ADMIN does. That capability is worth more than
 * everything else cprofd holds, so a child keeps it, alone: forked before
 * cprofd does anything else, not dumpable, under a seccomp filter of a handful of
 * system calls. It answers "clock or side-band event of CPU n" with a
 * descriptor, which works for a process without the capability.
 *
 * It keeps a mistake in cprofd from acting with CAP_SYS_ADMIN; it is no wall
 * against code that already runs in cprofd.
 */
#ifndef CPROFD_OPENER_OPENER_H
#define CPROFD_OPENER_OPENER_H

#include <stdint.h>
#include <sys/types.h>

struct opener {
	int channel; /* -1 when stopped */
	pid_t pid;
};

/*
 * Fork the opener. Call it first: single-threaded, before privileges are shed.
 * The child dies with its channel or with cprofd. Returns 0 or a negative errno
 * (-EPERM: the caller has no CAP_SYS_ADMIN to leave to it).
 */
int opener_start(struct opener *ret);

/*
 * The CPU clock (PERF_COUNT_SW_CPU_CLOCK) of `cpu`, `hz` times a second, for
 * whatever runs there; disabled. Gives a descriptor; or a negative errno:
 * -EINVAL when hz is above perf_event_max_sample_rate or 0, -ENODEV when the CPU
 * is offline, -EACCES or -EPERM when the kernel refuses, -EPIPE when the opener
 * is gone.
 */
int opener_open_clock(struct opener *o, unsigned cpu, unsigned hz);

/* What a side-band event reports beyond MMAP2, COMM, FORK and EXIT; older kernels refuse some. */
#define OPENER_BUILD_ID 0x1 /* build id in MMAP2, Linux 5.12 */
#define OPENER_CGROUP   0x2 /* CGROUP records, Linux 5.7 */
#define OPENER_KSYMBOL  0x4 /* KSYMBOL records, Linux 5.1 */

/*
 * The side-band of `cpu`: a dummy event that carries process records, stamped
 * with CLOCK_MONOTONIC, each record ending in the sample_id {u32 pid, u32 tid,
 * u64 time}; readable (poll) once `wakeup_bytes` wait in its ring; disabled.
 * Gives a descriptor; errors as opener_open_clock(), -EINVAL when the kernel does
 * not know one of `features`.
 */
int opener_open_sideband(struct opener *o, unsigned cpu, uint32_t features, uint32_t wakeup_bytes);

/* Close the channel and reap the child. A stopped or zeroed opener with channel -1 is accepted. */
void opener_stop(struct opener *o);

#endif
