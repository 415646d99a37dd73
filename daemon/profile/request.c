// SPDX-License-Identifier: Apache-2.0
#include "profile/request.h"

#include "tracker/image.h"

void profile_request_fini(struct profile_request *r)
{
	for (size_t i = 0; i < r->n_processes; i++)
		image_unref(r->processes[i].image);
	r->n_processes = 0;
}

static bool same_start(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns == b_ns || a_ns / START_TICK_NS == b_ns / START_TICK_NS;
}

bool profile_process_owns(struct profile_process *p, const struct image *image)
{
	uint64_t start_ns = image_start_ns(image);

	if (p->tgid != image->tgid)
		return false;
	/* one that never ran has no samples to be taken for somebody else's */
	if (start_ns == TIME_UNKNOWN)
		return true;
	if (p->start_boottime_ns == TIME_UNKNOWN)
		p->start_boottime_ns = start_ns;
	return same_start(p->start_boottime_ns, start_ns);
}

struct profile_process *profile_request_match(struct profile_request *r, const struct image *image)
{
	for (size_t i = 0; i < r->n_processes; i++)
		if (profile_process_owns(&r->processes[i], image))
			return &r->processes[i];
	return NULL;
}
