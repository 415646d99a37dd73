/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * garbage.bpf.c - records that no sampler writes, into the ring of one that runs
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "abi.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* the sampler's takes its place */
} ring SEC(".maps");

/* Three: too short, with frames that are not there, with more frames than there may be. */
SEC("syscall")
int write_garbage(void *ctx)
{
	struct abi_sample sample = {.n_user = 3};

	bpf_ringbuf_output(&ring, &sample, sizeof(sample) / 2, BPF_RB_NO_WAKEUP);
	bpf_ringbuf_output(&ring, &sample, sizeof(sample), BPF_RB_NO_WAKEUP);
	sample.n_user = 255;
	bpf_ringbuf_output(&ring, &sample, sizeof(sample), BPF_RB_NO_WAKEUP);
	return 0;
}
