// SPDX-License-Identifier: Apache-2.0
/*
 * record.h - is this piece of the ring one whole sample?
 */
#ifndef CPROFD_SAMPLER_RECORD_H
#define CPROFD_SAMPLER_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

/* At least a header, no more frames than may be, and exactly as long as its counts say. */
static inline bool record_is_whole(const void *bytes, size_t len)
{
	const struct abi_sample *sample = bytes;

	return len >= sizeof(*sample) && sample->n_kernel <= ABI_MAX_FRAMES &&
	       sample->n_user <= ABI_MAX_FRAMES &&
	       len == sizeof(*sample) + ((size_t)sample->n_kernel + sample->n_user) * sizeof(__u64);
}

#endif
