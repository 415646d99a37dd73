// SPDX-License-Identifier: Apache-2.0
/*
 * sampler.h - from the CPU's clock tick to a record in the daemon's hands
 *
 * One BPF program on a CPU-clock event of every online CPU takes the kernel and
 * user stack of whoever runs and sends one abi_sample to a ring buffer. There is
 * no wakeup: the owner drains on its own timer.
 *
 * Conservation, to the sample: seen = sent + every lost[reason], and seen + idle
 * is the kernel's own run count of the program. Read live, the counters are a
 * moment's picture in which the sums hold as well, unless the machine is so slow that
 * a tick stays under way (a millisecond): then each CPU's `seen` may be one ahead.
 */
#ifndef CPROFD_SAMPLER_SAMPLER_H
#define CPROFD_SAMPLER_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

struct diag;
struct opener;
struct sampler;

#define SAMPLER_HZ_MIN     19
#define SAMPLER_HZ_MAX     9999
#define SAMPLER_HZ_DEFAULT 99

struct sampler_options {
	unsigned hz;       /* SAMPLER_HZ_MIN..SAMPLER_HZ_MAX */
	size_t ring_bytes; /* 0: two seconds of the worst case, capped at 4 MiB; rounded up to a
			      power of two */

	/* for tests, to walk the paths that this kernel would not take; 0 otherwise */
	bool without_links;    /* attach by ioctl, as before Linux 5.15 */
	bool without_task_btf; /* read the task by probe, as before Linux 5.11 */
	unsigned n_scratch;    /* scratch buffers for fewer CPUs than there are */
};

/* Everything is a total since sampler_new(). */
struct sampler_counters {
	uint64_t seen, idle, sent;
	uint64_t lost[ABI_LOST_REASONS];
	uint64_t gap_ticks; /* see cputime.h; a throttled event leaves gaps as well */
};

/*
 * Call it before privileges are shed. Kernels before Linux 5.11 charge BPF maps to
 * RLIMIT_MEMLOCK, 64 KiB by default, which only CAP_SYS_RESOURCE may raise: raise it.
 * Never fails; where it was needed and not possible sampler_new() says so.
 */
void sampler_prepare(void);

/*
 * Load the program, open an event per online CPU through `opener` (borrowed),
 * attach. Nothing ticks yet. On failure `diag` says in one line what is missing
 * and what to do (BTF, a capability, perf_event_max_sample_rate, the end of the
 * verifier's log). Returns 0 or a negative errno: -EINVAL for options out of
 * range, -ERANGE when hz is above kernel.perf_event_max_sample_rate, -EPERM,
 * -ENOTSUP when the kernel lacks what is needed.
 */
int sampler_new(struct opener *opener, const struct sampler_options *options, struct diag *diag,
	struct sampler **ret);

/* Enable every event / disable every event. Returns 0 or a negative errno. */
int sampler_start(struct sampler *s);
int sampler_stop(struct sampler *s);

/*
 * Called for each record, in the order of the ring (not of time). The record is
 * valid during the call. It has been checked: at least a header, and exactly as
 * long as its frame counts say.
 */
typedef void (*sampler_sink)(void *ctx, const struct abi_sample *sample);

/*
 * Hand every waiting record to `sink`. Returns how many there were, or a
 * negative errno. Records that were malformed are counted, see sampler_malformed().
 */
long sampler_drain(struct sampler *s, sampler_sink sink, void *ctx);

/* Records that a drain refused because their size and frame counts disagree: a program error. */
uint64_t sampler_malformed(const struct sampler *s);

/* Sum over all CPUs. */
void sampler_counters(const struct sampler *s, struct sampler_counters *ret);

/* Possible CPUs, and the live counters of one of them (cpu < sampler_n_cpus()). */
unsigned sampler_n_cpus(const struct sampler *s);
const struct abi_cpu_counters *sampler_cpu(const struct sampler *s, unsigned cpu);

/* How often to drain so that a worst-case second half-fills the ring, at most once a second. */
uint64_t sampler_drain_interval_ns(const struct sampler *s);

unsigned sampler_hz(const struct sampler *s);
size_t sampler_ring_bytes(const struct sampler *s);
int sampler_prog_fd(const struct sampler *s);         /* borrowed */
size_t sampler_kernel_bytes(const struct sampler *s); /* maps and ring, as asked of the kernel */

/* What this kernel offered, for people: "links, task_btf, ..." Borrowed, static. */
const char *sampler_features(const struct sampler *s);

/* Detach, close, release. NULL is accepted. */
void sampler_free(struct sampler *s);

#endif
