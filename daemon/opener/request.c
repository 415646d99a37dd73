// SPDX-License-Identifier: Apache-2.0
#include "opener/request.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

#include "opener/opener.h"

#define EVERY_FEATURE (OPENER_BUILD_ID | OPENER_CGROUP | OPENER_KSYMBOL)

static bool clock_is_sane(const struct opener_request *r)
{
	return r->hz >= 1 && r->hz <= REQUEST_HZ_MAX && !r->features && !r->wakeup_bytes;
}

static bool sideband_is_sane(const struct opener_request *r)
{
	return !r->hz && !(r->features & ~(uint32_t)EVERY_FEATURE) && r->wakeup_bytes;
}

/*
 * Sampled by a BPF program, so no record is asked for. Idle ticks are wanted as
 * well (no exclude_idle): the program counts them, so that a gap is never taken for idleness.
 */
static void clock_attr(const struct opener_request *r, struct perf_event_attr *attr)
{
	attr->config = PERF_COUNT_SW_CPU_CLOCK;
	attr->freq = 1;
	attr->sample_freq = r->hz;
}

static void sideband_attr(const struct opener_request *r, struct perf_event_attr *attr)
{
	attr->config = PERF_COUNT_SW_DUMMY;
	attr->sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
	attr->sample_id_all = 1;
	attr->mmap = 1; /* mmap2 alone reports nothing */
	attr->mmap2 = 1;
	attr->comm = 1;
	attr->comm_exec = 1;
	attr->task = 1;
	attr->build_id = !!(r->features & OPENER_BUILD_ID);
	attr->cgroup = !!(r->features & OPENER_CGROUP);
	attr->ksymbol = !!(r->features & OPENER_KSYMBOL);
	attr->watermark = 1;
	attr->wakeup_watermark = r->wakeup_bytes;
}

int request_attr(const struct opener_request *r, struct perf_event_attr *ret)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.disabled = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};

	if (r->cpu > REQUEST_CPU_MAX)
		return -EINVAL;
	if (r->kind == REQUEST_CLOCK && clock_is_sane(r))
		clock_attr(r, &attr);
	else if (r->kind == REQUEST_SIDEBAND && sideband_is_sane(r))
		sideband_attr(r, &attr);
	else
		return -EINVAL;
	*ret = attr;
	return 0;
}
