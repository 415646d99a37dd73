// SPDX-License-Identifier: Apache-2.0
#include "sampler/sizes.h"

#include "abi.h"
#include "base/clock.h"

/* what the kernel puts before each record: struct bpf_ringbuf_hdr */
#define RECORD_HEADER 8
#define RECORD_MAX    (RECORD_HEADER + sizeof(struct abi_sample) + 2 * ABI_MAX_FRAMES * sizeof(__u64))

uint64_t ring_bytes_per_s(unsigned hz, unsigned n_cpus)
{
	return (uint64_t)RECORD_MAX * hz * n_cpus;
}

size_t ring_bytes(size_t asked, size_t page, unsigned hz, unsigned n_cpus)
{
	uint64_t worst = 2 * ring_bytes_per_s(hz, n_cpus);
	uint64_t least = asked;
	size_t bytes = page;

	if (!asked)
		least = worst < RING_BYTES_DEFAULT_MAX ? worst : RING_BYTES_DEFAULT_MAX;
	if (least > RING_BYTES_MAX)
		return 0;
	while (bytes < least)
		bytes *= 2;
	return bytes;
}

uint64_t ring_interval_ns(size_t bytes, unsigned hz, unsigned n_cpus)
{
	uint64_t per_s = ring_bytes_per_s(hz, n_cpus);
	uint64_t ns = per_s ? (uint64_t)bytes / 2 * NS_PER_S / per_s : NS_PER_S;

	if (ns > NS_PER_S)
		return NS_PER_S;
	return ns < NS_PER_MS ? NS_PER_MS : ns;
}
