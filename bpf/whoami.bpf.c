// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * whoami.bpf.c - which PID namespace is the daemon's own?
 *
 * Run once with BPF_PROG_TEST_RUN, which runs a raw tracepoint program in the
 * caller's context (Linux 5.10, commit 1b4d60ec162f). The sampler needs the answer as a
 * constant, hence a program of its own.
 */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "GPL";

__u32 my_level = 0;
__u64 my_ns_address = 0; /* struct pid_namespace */

SEC("raw_tp/sys_enter")
int whoami(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	const struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	const struct upid *at;

	at = (const void *)((const char *)pid + bpf_core_field_offset(struct pid, numbers) +
			    level * bpf_core_type_size(struct upid));
	my_ns_address = (__u64)BPF_CORE_READ(at, ns);
	my_level = level;
	return 0;
}
