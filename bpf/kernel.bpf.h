/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * kernel.bpf.h - the few kernel types that the programs touch
 *
 * Written by hand rather than dumped from the kernel of whoever builds: only
 * the members in use, each found by name in the running kernel's BTF when the
 * program is loaded (CO-RE), so order and offsets here mean nothing.
 *
 * The current task is read in one of two ways. Where the kernel has
 * bpf_get_current_task_btf() (Linux 5.11, commit 3ca1032ab7ab) its members are
 * plain loads that the verifier checked; before that they are probe reads.
 */
#ifndef CPROFD_BPF_KERNEL_BPF_H
#define CPROFD_BPF_KERNEL_BPF_H

#include <linux/bpf.h>

#include <linux/bpf_perf_event.h>

#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h, the same bit since 2.6.27 */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

/* One entry of numbers[] per namespace level, the outermost first. */
struct pid {
	unsigned int level;
	struct upid
		numbers[1]; /* [] since 6.5, commit b69f0aeb0689: take its offset, never its size */
};

struct mm_struct;

struct task_struct {
	int pid;
	int tgid;
	unsigned int flags;
	unsigned int in_execve : 1;
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime; /* real_start_time before 5.5, commit cf25e24db61c */
	__u64 self_exec_id;   /* 32 bits before 5.7, commit d1e7fd6462ca */
};

#pragma clang attribute pop

/* What a sample says about the task, whichever way it was read. */
struct task_facts {
	__u32 pid;
	__u32 tgid;
	__u32 flags;
	__u32 exec_id;
	__u64 start_boottime_ns; /* of the thread group leader */
	const struct pid *thread_pid;
	const struct pid *leader_pid;
	bool in_execve;
	bool has_mm;
};

static __always_inline void task_facts_direct(struct task_facts *ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;

	ret->pid = task->pid;
	ret->tgid = task->tgid;
	ret->flags = task->flags;
	ret->exec_id = task->self_exec_id;
	ret->start_boottime_ns = leader->start_boottime;
	ret->thread_pid = task->thread_pid;
	ret->leader_pid = leader->thread_pid;
	ret->in_execve = BPF_CORE_READ_BITFIELD(task, in_execve);
	ret->has_mm = task->mm;
}

static __always_inline void task_facts_probed(struct task_facts *ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	ret->pid = BPF_CORE_READ(task, pid);
	ret->tgid = BPF_CORE_READ(task, tgid);
	ret->flags = BPF_CORE_READ(task, flags);
	ret->exec_id = BPF_CORE_READ(task, self_exec_id);
	ret->start_boottime_ns = BPF_CORE_READ(leader, start_boottime);
	ret->thread_pid = BPF_CORE_READ(task, thread_pid);
	ret->leader_pid = BPF_CORE_READ(leader, thread_pid);
	ret->in_execve = BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
	ret->has_mm = BPF_CORE_READ(task, mm);
}

/* Does the kernel lend the current task as a typed pointer? Decided when the program is loaded. */
static __always_inline bool task_btf_exists(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/*
 * The number of `pid` in the namespace at `level` whose struct lies at
 * `ns_address`; 0 when it has none there. A deeper level alone proves nothing: a
 * sibling namespace has the same depth, hence the comparison of addresses.
 */
static __always_inline __u32 pid_number(const struct pid *pid, __u32 level, __u64 ns_address)
{
	const struct upid *at;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	at = (const void *)((const char *)pid + bpf_core_field_offset(struct pid, numbers) +
			    level * bpf_core_type_size(struct upid));
	return (__u64)BPF_CORE_READ(at, ns) == ns_address ? BPF_CORE_READ(at, nr) : 0;
}

/* Was user code running when the event fired? */
static __always_inline bool interrupted_user_mode(const struct bpf_perf_event_data *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return ctx->regs.cs & 3;
#elif defined(__TARGET_ARCH_arm64)
	return !(ctx->regs.pstate & 0xf); /* PSR_MODE_EL0t */
#else
#error "say how this architecture's registers tell user mode from kernel mode"
#endif
}

#endif
