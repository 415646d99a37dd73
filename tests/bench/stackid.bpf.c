// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * stackid.bpf.c - what a sampler in the style of bcc's profile does on a tick
 *
 * Two stack ids from a stack map, and one count under both. The yardstick of
 * bench_sampler_kernelcost, with the sizes that bcc's tools take.
 */
#include <linux/bpf.h>

#include <linux/bpf_perf_event.h>

#include <bpf/bpf_helpers.h>

#define MAX_FRAMES 127

char LICENSE[] SEC("license") = "GPL";

struct count_key {
	__u32 tgid;
	__s32 kernel_stack_id;
	__s32 user_stack_id;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, MAX_FRAMES * sizeof(__u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 40960);
	__type(key, struct count_key);
	__type(value, __u64);
} counts SEC(".maps");

SEC("perf_event")
int count_tick(struct bpf_perf_event_data *ctx)
{
	const __u64 one = 1;
	struct count_key key = {.tgid = bpf_get_current_pid_tgid() >> 32};
	__u64 *count;

	if (!key.tgid)
		return 0;
	key.kernel_stack_id = bpf_get_stackid(ctx, &stacks, 0);
	key.user_stack_id = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	bpf_get_current_comm(key.comm, sizeof(key.comm));
	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&counts, &key, &one, BPF_NOEXIST);
	return 0;
}
