/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * abi.h - records that cross between the BPF programs and the daemon
 *
 * Included by both sides, so: fixed-width types, no pointers, no enums as
 * fields, no implicit padding. The assertions below are the contract; a change
 * that moves a field fails the build on both sides.
 */
#ifndef CPROFD_BPF_ABI_H
#define CPROFD_BPF_ABI_H

#include <linux/types.h>

#define ABI_MAX_FRAMES 127 /* of each stack; the kernel's perf_event_max_stack default */
#define ABI_COMM_LEN   16

/* abi_sample.flags */
#define ABI_SAMPLE_KERNEL_CUT   0x0001 /* the kernel stack is deeper than ABI_MAX_FRAMES */
#define ABI_SAMPLE_USER_CUT     0x0002 /* the user stack likewise */
#define ABI_SAMPLE_KERNEL_ERROR 0x0004 /* the kernel stack could not be read: n_kernel is 0 */
#define ABI_SAMPLE_USER_ERROR   0x0008 /* the user stack likewise */
#define ABI_SAMPLE_NO_MM        0x0010 /* a kernel thread, or past exit_mm(): no user stack */
#define ABI_SAMPLE_IN_EXEC      0x0020 /* in execve(): the user registers may be the old image's */
#define ABI_SAMPLE_USER_MODE    0x0040 /* the tick interrupted user mode: n_kernel is 0 */
#define ABI_SAMPLE_KTHREAD      0x0080 /* PF_KTHREAD: never had a user side */

/* One tick that found somebody running. Followed by frames, the kernel's first, leaf first. */
struct abi_sample {
	__u64 time_ns;           /* CLOCK_MONOTONIC */
	__u64 start_boottime_ns; /* of the thread group leader, CLOCK_BOOTTIME of the initial time
				    ns */
	__u64 cgroup_id;         /* in the cgroup v2 hierarchy */
	__u64 kernel_stack_id;   /* seeded hash of the frames; 0 when there are none */
	__u64 user_stack_id;     /* likewise */
	__u32 tgid;              /* in the daemon's PID namespace, as are all ids here */
	__u32 tid;
	__u32 exec_id;   /* task_struct.self_exec_id: how many execs, inherited over fork */
	__u32 period_ns; /* of the event that ticked */
	__u16 cpu;
	__u16 flags; /* ABI_SAMPLE_* */
	__u8 n_kernel;
	__u8 n_user;
	__u8 event;              /* which event: 0 is the base frequency's */
	__u8 reserved;           /* zero */
	char comm[ABI_COMM_LEN]; /* of the thread; any bytes, NUL-padded */
	__u64 frames[];          /* n_kernel + n_user addresses, return addresses as they stand */
};

/* Why a seen sample did not reach the ring: index into abi_cpu_counters.lost */
#define ABI_LOST_RING_FULL 0 /* the ring buffer had no room */
#define ABI_LOST_NO_SCRATCH                                                                        \
	1 /* the CPU has no scratch buffer (more CPUs than the kernel said possible) */
#define ABI_LOST_FOREIGN_NS 2 /* the task has no id in the daemon's PID namespace */
#define ABI_LOST_REASONS    3

/*
 * One per possible CPU, in an mmapped array, so that reading them costs no
 * bpf() call (which would make the kernel skip the program unseen).
 * seen = sent + every lost[]; seen + idle = the kernel's run count of the program.
 */
struct abi_cpu_counters {
	__u64 seen; /* ticks that found a task running */
	__u64 idle; /* ticks that found the idle task */
	__u64 sent; /* samples put into the ring */
	__u64 lost[ABI_LOST_REASONS];
	__u64 gap_ticks;    /* periods that passed without a tick: late, or the CPU slept */
	__u64 last_tick_ns; /* CLOCK_MONOTONIC; 0 before the first */
	__u64 reserved[8];
};

#ifndef __cplusplus
_Static_assert(sizeof(struct abi_sample) == 80, "abi_sample changed size");
_Static_assert(sizeof(struct abi_cpu_counters) == 128, "abi_cpu_counters changed size");
#endif

#endif
