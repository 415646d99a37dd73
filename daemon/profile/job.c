// SPDX-License-Identifier: Apache-2.0
#include "profile/job.h"

#include <errno.h>
#include <stdlib.h>

#include "base/scope.h"
#include "profile/assemble.h"
#include "profile/gather.h"
#include "symbols/symbols.h"
#include "tracker/object.h"

#define NOT_ASKED (-1L)

struct profile_job {
	struct profile_parts parts;
	struct profile_request request;
	struct account_window window;
	struct gather gather;
	struct symbols_job *names;
	long *slots; /* by frame */
	struct buf bytes;
	int error;
	void (*done)(void *ctx);
	void *ctx;
};

void profile_job_free(struct profile_job *job)
{
	if (!job)
		return;
	symbols_job_free(job->names);
	gather_fini(&job->gather);
	profile_request_fini(&job->request);
	buf_fini(&job->bytes);
	free(job->slots);
	free(job);
}

/* Ask for the name of a frame; NOT_ASKED when no file can tell. */
static long want(struct profile_job *job, const struct gather_frame *f)
{
	const struct gather_mapping *m;

	if (f->mapping == GATHER_KERNEL)
		return symbols_job_want(job->names, NULL, f->address, f->caller);
	if (f->mapping == GATHER_NO_MAPPING)
		return NOT_ASKED;
	m = &job->gather.mappings.at[f->mapping];
	return symbols_job_want(
		job->names, m->object, f->address - m->start + m->offset, f->caller);
}

static int want_all(struct profile_job *job)
{
	uint32_t n = job->gather.frames.n;

	job->slots = malloc((n ? n : 1) * sizeof(*job->slots));
	if (!job->slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && !job->request.no_symbols; i++) {
		job->slots[i] = want(job, &job->gather.frames.at[i]);
		if (job->slots[i] == -ENOMEM)
			return -ENOMEM;
	}
	return 0;
}

/* Whose file is the profile's main one: what ran most, else what was asked for. */
static const struct image *program(const struct profile_job *job)
{
	const struct image *most = gather_main_image(&job->gather);

	if (most)
		return most;
	return job->request.n_processes ? job->request.processes[0].image : NULL;
}

static void on_names(void *ctx)
{
	struct profile_job *job = ctx;
	const struct assemble_input in = {
		.request = &job->request,
		.gather = &job->gather,
		.symbols = job->parts.symbols,
		.job = job->request.no_symbols ? NULL : job->names,
		.slots = job->slots,
		.window = &job->window,
		.program = program(job),
		.hz = job->parts.hz,
	};

	job->error = assemble_profile(&in, &job->bytes);
	job->done(job->ctx);
}

static int start(struct profile_job *job, uint64_t names_deadline_ns)
{
	int err = symbols_job_new(job->parts.symbols, &job->names);

	if (!err)
		err = want_all(job);
	/* without any wish the job only serves to call back from the loop */
	return err ? err : symbols_job_start(job->names, names_deadline_ns, on_names, job);
}

int profile_job_start(const struct profile_parts *parts, struct profile_request *request,
	const struct account_window *window, uint64_t names_deadline_ns, void (*done)(void *ctx),
	void *ctx, struct profile_job **ret)
{
	struct profile_job *job = calloc(1, sizeof(*job));
	int err;

	if (!job) {
		profile_request_fini(request);
		return -ENOMEM;
	}
	job->parts = *parts;
	job->request = *request;
	*request = (struct profile_request){0};
	job->window = *window;
	job->bytes = buf_with_ceiling(PROFILE_MAX_BYTES);
	job->done = done;
	job->ctx = ctx;
	gather_rows(&job->gather, &job->request, parts->store);
	err = start(job, names_deadline_ns);
	if (err) {
		profile_job_free(job);
		return err;
	}
	*ret = job;
	return 0;
}

struct profile_result profile_job_result(const struct profile_job *job)
{
	return (struct profile_result){
		.error = job->error, .bytes = &job->bytes, .samples = job->gather.samples};
}

const struct profile_request *profile_job_request(const struct profile_job *job)
{
	return &job->request;
}
