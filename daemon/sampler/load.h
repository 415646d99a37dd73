// SPDX-License-Identifier: Apache-2.0
/*
 * load.h - the sampling program, configured and in the kernel, attached to nothing
 */
#ifndef CPROFD_SAMPLER_LOAD_H
#define CPROFD_SAMPLER_LOAD_H

#include <stdbool.h>
#include <stddef.h>

struct diag;
struct sampler_bpf;

struct load_options {
	size_t ring_bytes;  /* a power of two, pages at least */
	unsigned n_cpus;    /* possible ones */
	unsigned n_scratch; /* scratch buffers: CPUs 0..n_scratch - 1 have one */
	bool without_task_btf;
};

/*
 * Load it. Gives a skeleton for sampler_bpf__destroy(). Returns 0 or a negative
 * errno, with the sentence for people in `diag`.
 */
int load_sampler(const struct load_options *options, struct diag *diag, struct sampler_bpf **ret);

/* Does this kernel lend the current task as a typed pointer? */
bool load_has_task_btf(void);

/* The number in /proc/sys/`name`, or `otherwise` when it can't be read. */
long load_sysctl(const char *name, long otherwise);

#endif
