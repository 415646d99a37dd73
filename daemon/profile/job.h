// SPDX-License-Identifier: Apache-2.0
/*
 * job.h - one profile in the making
 *
 * Reads the window at once, waits for the names without blocking anybody, then
 * puts the profile together and calls back.
 */
#ifndef CPROFD_PROFILE_JOB_H
#define CPROFD_PROFILE_JOB_H

#include <stdint.h>

#include "base/buf.h"
#include "collect/account.h"
#include "profile/request.h"

struct profile_job;
struct store;
struct symbols;

#define PROFILE_MAX_BYTES (64u << 20) /* gzipped */

/* Borrowed for the life of the job. */
struct profile_parts {
	const struct store *store;
	struct symbols *symbols;
	unsigned hz;
};

struct profile_result {
	int error;               /* 0, or a negative errno: no bytes then */
	const struct buf *bytes; /* one gzipped pprof profile */
	uint64_t samples;
};

/*
 * Start. `request` is taken over: its references are released with the job, also
 * when starting fails; *request is empty afterwards. `window` is copied. Names that
 * are not there at names_deadline_ns (CLOCK_MONOTONIC) are left out and counted.
 * `done` is called once, from the event loop, never from within this call.
 * Returns 0 or -ENOMEM.
 */
int profile_job_start(const struct profile_parts *parts, struct profile_request *request,
	const struct account_window *window, uint64_t names_deadline_ns, void (*done)(void *ctx),
	void *ctx, struct profile_job **ret);

/* After `done`. Borrowed until profile_job_free(). */
struct profile_result profile_job_result(const struct profile_job *job);

/* The request as it stands: the gathering has learnt start times. Borrowed. */
const struct profile_request *profile_job_request(const struct profile_job *job);

/* Cancels it when it still runs; NULL is accepted. */
void profile_job_free(struct profile_job *job);

#endif
