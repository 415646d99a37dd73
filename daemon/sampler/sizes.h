// SPDX-License-Identifier: Apache-2.0
/*
 * sizes.h - how large the ring, and how often to empty it
 *
 * The worst case is every CPU busy with stacks of full depth.
 */
#ifndef CPROFD_SAMPLER_SIZES_H
#define CPROFD_SAMPLER_SIZES_H

#include <stddef.h>
#include <stdint.h>

#define RING_BYTES_DEFAULT_MAX ((size_t)4 << 20)
#define RING_BYTES_MAX         ((size_t)1 << 30) /* more is a slip of the pen */

/* Bytes a second that `n_cpus` can put into a ring. */
uint64_t ring_bytes_per_s(unsigned hz, unsigned n_cpus);

/*
 * The size of the ring: a power of two of at least a page, not below `asked`; for
 * `asked` = 0 two seconds of the worst case, at most RING_BYTES_DEFAULT_MAX. Returns 0
 * when `asked` is above RING_BYTES_MAX.
 */
size_t ring_bytes(size_t asked, size_t page, unsigned hz, unsigned n_cpus);

/* After how long the worst case half-fills such a ring; at least 1 ms, at most 1 s. */
uint64_t ring_interval_ns(size_t bytes, unsigned hz, unsigned n_cpus);

#endif
