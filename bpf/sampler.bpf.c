// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * sampler.bpf.c - one clock tick becomes one record: who ran, and its two stacks
 */
#include "abi.h"
#include "kernel.bpf.h"
#include "stack.bpf.h"

char LICENSE[] SEC("license") = "GPL"; /* of the two, the one that the kernel asks for */

/* Set before the load, constants to the verifier. */
const volatile __u64 stack_seed = 1, stack_first = 1, stack_second = 1; /* see stack.bpf.h */
const volatile __u32 ns_level = 0;   /* depth of the daemon's PID namespace */
const volatile __u64 ns_address = 0; /* its struct pid_namespace; not needed at level 0 */
const volatile __u32 max_frames = ABI_MAX_FRAMES;
const volatile bool without_task_btf = false;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* set at load */
} ring SEC(".maps");

/* Per possible CPU; an array of its own because only that can be mapped by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set at load */
	__type(key, __u32);
	__type(value, struct abi_cpu_counters);
} counters SEC(".maps");

/* Room for the longest record: an abi_sample with its frames behind it. */
struct scratch {
	__u64 words[sizeof(struct abi_sample) / sizeof(__u64) + 2 * ABI_MAX_FRAMES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set at load */
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/*
 * A clock timer that fires late skips the periods it missed without a word. The
 * timer keeps its phase, so a missed one shows as a gap of two periods give or
 * take microseconds: round, do not floor. A CPU that slept has gaps as well; its idle
 * time is known to user space only, which takes it off.
 */
static __always_inline void count_gap(struct abi_cpu_counters *c, __u64 now, __u64 period)
{
	__u64 gap = now - c->last_tick_ns;

	if (c->last_tick_ns && period && 2 * gap >= 3 * period)
		c->gap_ticks += (gap + period / 2) / period - 1;
	c->last_tick_ns = now;
}

/* The task's numbers in the daemon's namespace; 0 when it has none. */
static __always_inline void number_task(struct abi_sample *s, const struct task_facts *task)
{
	if (!ns_level) {
		s->tgid = task->tgid;
		s->tid = task->pid;
		return;
	}
	s->tid = pid_number(task->thread_pid, ns_level, ns_address);
	s->tgid = task->leader_pid == task->thread_pid
			  ? s->tid
			  : pid_number(task->leader_pid, ns_level, ns_address);
}

static __always_inline __u32 task_flags(const struct task_facts *task)
{
	return (task->has_mm ? 0 : ABI_SAMPLE_NO_MM) | (task->in_execve ? ABI_SAMPLE_IN_EXEC : 0) |
	       (task->flags & PF_KTHREAD ? ABI_SAMPLE_KTHREAD : 0);
}

/* Both stacks into `s`, the kernel's first. Returns the flags that they earned. */
static __always_inline __u32 take_stacks(
	struct bpf_perf_event_data *ctx, struct abi_sample *s, bool has_user_side)
{
	__u32 flags = 0, n_kernel = 0, n_user = 0;

	if (interrupted_user_mode(ctx))
		flags |= ABI_SAMPLE_USER_MODE;
	else
		n_kernel = stack_read(ctx, s->frames, max_frames, 0, &flags, ABI_SAMPLE_KERNEL_CUT,
			ABI_SAMPLE_KERNEL_ERROR);
	if (has_user_side)
		n_user = stack_read(ctx, s->frames + n_kernel, max_frames, BPF_F_USER_STACK, &flags,
			ABI_SAMPLE_USER_CUT, ABI_SAMPLE_USER_ERROR);
	s->n_kernel = n_kernel;
	s->n_user = n_user;
	return flags;
}

/*
 * A frame count, read back from the record through a volatile at every use.
 * Held in a register, each way out of a loop over the frames would leave the verifier
 * another range for it, and all that follows would be walked once for each
 * (a hundred times the instructions). The mask shows it the bound.
 */
static __always_inline __u64 count_again(const __u8 *n)
{
	_Static_assert((ABI_MAX_FRAMES & (ABI_MAX_FRAMES + 1)) == 0, "a mask");

	return *(const volatile __u8 *)n & ABI_MAX_FRAMES;
}

/* Give both stacks of `s` their ids. Returns the bytes of their frames. */
static __always_inline __u64 name_stacks(struct abi_sample *s)
{
	__u64 seed = stack_seed, first = stack_first, second = stack_second;

	s->kernel_stack_id = stack_id(s->frames, count_again(&s->n_kernel), seed, first, second);
	s->user_stack_id = stack_id(s->frames + count_again(&s->n_kernel), count_again(&s->n_user),
		seed, first, second);
	return (count_again(&s->n_kernel) + count_again(&s->n_user)) * sizeof(s->frames[0]);
}

SEC("perf_event")
int tick(struct bpf_perf_event_data *ctx)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct abi_cpu_counters *c = bpf_map_lookup_elem(&counters, &cpu);
	__u64 now = bpf_ktime_get_ns();
	struct task_facts task;
	struct abi_sample *s;
	__u64 bytes;

	if (!c) /* more CPUs than possible ones: there is nowhere to count it */
		return 0;
	count_gap(c, now, ctx->sample_period);
	if (task_btf_exists() && !without_task_btf)
		task_facts_direct(&task);
	else
		task_facts_probed(&task);
	if (!task.pid) {
		c->idle++;
		return 0;
	}
	c->seen++;
	s = bpf_map_lookup_elem(&scratches, &cpu);
	if (!s) {
		c->lost[ABI_LOST_NO_SCRATCH]++;
		return 0;
	}
	number_task(s, &task);
	if (!s->tid || !s->tgid) {
		c->lost[ABI_LOST_FOREIGN_NS]++;
		return 0;
	}
	s->time_ns = now;
	s->start_boottime_ns = task.start_boottime_ns;
	s->cgroup_id = bpf_get_current_cgroup_id();
	s->exec_id = task.exec_id;
	s->period_ns = ctx->sample_period;
	s->cpu = cpu;
	bpf_get_current_comm(s->comm, sizeof(s->comm));
	s->flags =
		task_flags(&task) | take_stacks(ctx, s, task.has_mm && !(task.flags & PF_KTHREAD));
	bytes = name_stacks(s);
	if (bpf_ringbuf_output(&ring, s, sizeof(*s) + bytes, BPF_RB_NO_WAKEUP))
		c->lost[ABI_LOST_RING_FULL]++;
	else
		c->sent++;
	return 0;
}
