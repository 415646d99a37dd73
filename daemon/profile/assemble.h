// SPDX-License-Identifier: Apache-2.0
/*
 * assemble.h - from gathered frames and their names to a pprof profile
 *
 * The second half of building a profile. Kernel frames, user frames and the
 * few frames that stand for something lost are brought into one profile, by the
 * rules that its consumers set.
 */
#ifndef CPROFD_PROFILE_ASSEMBLE_H
#define CPROFD_PROFILE_ASSEMBLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/vec.h"
#include "collect/account.h"
#include "profile/gather.h"
#include "profile/request.h"
#include "symbols/symbols.h"

/* Frames of one file that got no name, for one reason. */
struct nameless {
	const char *filename; /* borrowed from the mapping */
	enum symbol_reason reason;
	uint64_t frames; /* distinct */
};

#define NAMELESS_MAX 4096

/* Everything that goes in; borrowed during the call. */
struct assemble_input {
	const struct profile_request *request;
	const struct gather *gather;
	const struct symbols *symbols;
	const struct symbols_job *job; /* NULL: no names were asked for */
	const long *slots;             /* by frame: the job's slot, -1 when it was not asked */
	const struct account_window *window;
	const struct image *program; /* whose file comes first; may be NULL */
	unsigned hz;
};

/*
 * Append the gzipped profile to `out`. Returns 0 or a negative errno: -ENOMEM,
 * -ENOBUFS at a ceiling.
 */
int assemble_profile(const struct assemble_input *in, struct buf *out);

#endif
