// SPDX-License-Identifier: Apache-2.0
/*
 * cputime.h - how long each CPU was idle, and what the sampler owes for the rest
 *
 * A tick that comes late, or not at all, leaves a gap. A CPU that sleeps
 * leaves one as well: a virtual machine's idle CPU may get no tick for seconds.
 * /proc/stat tells the two apart. It counts in USER_HZ (10 ms), and in some
 * kernels only at ticks, so over short windows these figures are rough.
 */
#ifndef CPROFD_SAMPLER_CPUTIME_H
#define CPROFD_SAMPLER_CPUTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct cputime_cpu {
	bool online;
	uint64_t idle_ns; /* idle and iowait since boot */
};

/* Indexed by CPU number. The zero value is empty. */
struct cputime {
	VEC(struct cputime_cpu) cpus;
};

/*
 * Read /proc/stat text whose times count `ticks_per_s` a second. Returns 0,
 * -EBADMSG when there is no line of a CPU or a malformed one, -ERANGE for a CPU number
 * at or above 8192, -ENOMEM. Release what it gives with cputime_fini().
 */
int cputime_parse(const void *text, size_t len, unsigned ticks_per_s, struct cputime *ret);

/* The same from the file `path`, relative to `proc_dir_fd` (or AT_FDCWD): "stat" of a /proc. */
int cputime_read(int proc_dir_fd, const char *path, struct cputime *ret);

void cputime_fini(struct cputime *t);

/* Idle time of all CPUs that are online in both, from `before` to `after`. */
uint64_t cputime_idle_ns(const struct cputime *before, const struct cputime *after);

/*
 * Periods of one CPU that passed without a tick although it was busy. All are
 * differences over one window: `gap_ticks` and `idle_ticks` as the sampler counted them
 * (abi_cpu_counters.gap_ticks and .idle), `idle_ns` from /proc/stat. Idle time
 * that its ticks account for left no gap; the remainder did, and is taken off.
 */
uint64_t sampler_late(uint64_t gap_ticks, uint64_t idle_ticks, uint64_t idle_ns, unsigned hz);

/* How many samples the busy time of `n_cpus` over `elapsed_ns` is worth. */
uint64_t sampler_expected(uint64_t elapsed_ns, unsigned n_cpus, uint64_t idle_ns, unsigned hz);

#endif
