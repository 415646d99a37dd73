/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * stack.bpf.h - read a stack, and give it its id
 *
 * The id is a hash keyed by three secret numbers, drawn anew at each load, so
 * that nobody can prepare two stacks with one id. Return addresses of user stacks are whatever
 * the program left in its frames: all 64 bits of each are a stranger's choice.
 */
#ifndef CPROFD_BPF_STACK_BPF_H
#define CPROFD_BPF_STACK_BPF_H

#include "abi.h"
#include "kernel.bpf.h"

/*
 * `first` and `second` are odd, and secret like `seed`.
 *
 * Two multiplications a frame: after one alone a difference in the top bit
 * comes out as a known difference, which the next frame could cancel.
 */
static __always_inline __u64 stack_id(
	const __u64 *frames, __u32 n, __u64 seed, __u64 first, __u64 second)
{
	__u64 h = seed;

	if (!n)
		return 0;
	for (__u32 i = 0; i < ABI_MAX_FRAMES; i++) {
		if (i >= n)
			break;
		h = (h ^ frames[i]) * first;
		h = (h ^ h >> 32) * second;
	}
	h ^= h >> 32;
	return h ? h : 1;
}

/*
 * Put one stack of at most `max` frames at `frames`. Returns how many; sets
 * `if_cut` or `if_error` in *flags. A stack that is exactly `max` deep counts as cut:
 * the helper doesn't tell.
 */
static __always_inline __u32 stack_read(struct bpf_perf_event_data *ctx, __u64 *frames, __u32 max,
	__u64 which, __u32 *flags, __u32 if_cut, __u32 if_error)
{
	long bytes = bpf_get_stack(ctx, frames, max * sizeof(*frames), which);
	__u32 n;

	if (bytes < 0) {
		*flags |= if_error;
		return 0;
	}
	n = (__u64)bytes / sizeof(*frames);
	if (n >= max) {
		*flags |= if_cut;
		return max;
	}
	return n;
}

#endif
