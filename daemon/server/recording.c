// SPDX-License-Identifier: Apache-2.0
#include "server/recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "collect/collect.h"
#include "sampler/sampler.h"
#include "server/procfs.h"
#include "store/store.h"
#include "symbols/symbols.h"
#include "tracker/tracker.h"

/* How long a profile waits for names that are slow to come. */
#define NAMES_PATIENCE_NS (3 * NS_PER_S)

struct recording {
	struct recording_options options;
	sd_event_source *tick;          /* progress */
	sd_event_source *close;         /* the end of the window, then of the slack behind it */
	struct profile_request request; /* until the job takes it */
	struct account *opened, *closed;
	struct profile_job *job;
	struct recording_end end;
	uint64_t counted_until_ns, samples; /* for progress: rows before it are counted */
	bool closing;
};

void recording_free(struct recording *r)
{
	if (!r)
		return;
	sd_event_source_disable_unref(r->tick);
	sd_event_source_disable_unref(r->close);
	profile_job_free(r->job);
	profile_request_fini(&r->request);
	account_free(r->opened);
	account_free(r->closed);
	free(r);
}

uint64_t recording_start_unix_ns(const struct recording *r)
{
	return r->request.from_unix_ns;
}

static const struct collect_parts *parts(const struct recording *r)
{
	return collect_parts(r->options.collect);
}

/* ---- the processes it watches ---- */

/* Is the process that was meant still there? Its image may have been replaced by exec. */
static bool still_runs(const struct recording *r, struct profile_process *p)
{
	struct image *now = tracker_find(parts(r)->tracker, p->tgid);

	/* a zombie, or one whose records were lost and that has not run since */
	if (!now && !p->image)
		return procfs_tgid((pid_t)p->tgid) == (pid_t)p->tgid;
	if (!now || !profile_process_owns(p, now))
		return false;
	if (now != p->image) {
		image_unref(p->image);
		p->image = image_ref(now);
	}
	return true;
}

/* True when it watches processes and all have ended; then *ret_end_ns is the last one's end. */
static bool all_ended(struct recording *r, uint64_t *ret_end_ns)
{
	uint64_t end = r->request.from_ns;

	if (r->request.all)
		return false;
	for (size_t i = 0; i < r->request.n_processes; i++) {
		struct profile_process *p = &r->request.processes[i];

		if (still_runs(r, p))
			return false;
		if (p->image && p->image->to_ns != TIME_FOREVER && p->image->to_ns > end)
			end = p->image->to_ns;
	}
	*ret_end_ns = end;
	return true;
}

static void note_end(struct recording *r, const struct profile_process *p)
{
	char *note = r->end.notes[r->end.n_notes++];
	const size_t room = sizeof(r->end.notes[0]);

	if (p->image && p->image->to_ns != TIME_FOREVER && p->image->to_ns > r->request.from_ns)
		(void)snprintf(note, room, "process %" PRIu32 " ended %.1f s into the recording",
			p->tgid, (double)(p->image->to_ns - r->request.from_ns) / NS_PER_S);
	else
		(void)snprintf(
			note, room, "process %" PRIu32 " ended during the recording", p->tgid);
}

/* All are asked, also those beyond the notes: their last image goes into the profile. */
static void note_ends(struct recording *r)
{
	for (size_t i = 0; i < r->request.n_processes; i++) {
		struct profile_process *p = &r->request.processes[i];

		if (!still_runs(r, p) && r->end.n_notes < RECORDING_MAX_NOTES)
			note_end(r, p);
	}
}

/* What was evicted has no owner any more: it may or may not have been of the selection. */
static void note_evicted(struct recording *r)
{
	struct recording_end *end = &r->end;

	if (end->window.evicted && end->n_notes < RECORDING_MAX_NOTES)
		(void)snprintf(end->notes[end->n_notes++], sizeof(end->notes[0]),
			"the oldest %" PRIu64
			" samples of the host did not fit into memory: record for a shorter time",
			end->window.evicted);
}

static void note_idle(struct recording *r)
{
	const struct profile_request *request = profile_job_request(r->job);
	struct recording_end *end = &r->end;

	if (end->error || end->profile.samples || request->all ||
		end->n_notes == RECORDING_MAX_NOTES)
		return;
	(void)snprintf(end->notes[end->n_notes++], sizeof(end->notes[0]),
		"no samples: %s used no CPU in that time",
		request->n_processes == 1 ? "the process" : "the processes");
}

/* ---- closing ---- */

static void finish(struct recording *r, int error)
{
	r->end.error = error;
	r->options.done(r->options.ctx, &r->end);
}

static void on_profile(void *ctx)
{
	struct recording *r = ctx;

	r->end.profile = profile_job_result(r->job);
	r->end.error = r->end.profile.error;
	note_idle(r);
	finish(r, r->end.error);
}

/* Every record of the window is in the store now: build the profile. */
static int build(struct recording *r)
{
	const struct collect_parts *p = parts(r);
	const struct profile_parts job_parts = {
		.store = p->store, .symbols = p->symbols, .hz = sampler_hz(p->sampler)};
	struct account *now;
	int err = account_take(r->options.collect, &now);

	if (err)
		return err;
	account_between(r->opened, r->closed, &r->end.window);
	account_add_rest(&r->end.window, r->opened, r->closed, now);
	account_free(now);
	r->end.duration_ns = r->request.to_ns - r->request.from_ns;
	note_ends(r);
	note_evicted(r);
	return profile_job_start(&job_parts, &r->request, &r->end.window,
		clock_monotonic_ns() + NAMES_PATIENCE_NS, on_profile, r, &r->job);
}

static int on_slack_over(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct recording *r = ctx;
	int err;

	(void)source;
	(void)usec;
	collect_drain(r->options.collect);
	err = build(r);
	if (err)
		finish(r, err);
	return 0;
}

/*
 * The window ends at `to_ns`; wait until nothing of it can still be on its way. May
 * be the end of `r`.
 */
static void close_at(struct recording *r, sd_event *loop, uint64_t to_ns)
{
	uint64_t ready_ns = clock_monotonic_ns() + COLLECT_SLACK_NS + NS_PER_MS;
	int err;

	r->closing = true;
	/* a duration of 0 is not a valid profile */
	r->request.to_ns = to_ns > r->request.from_ns ? to_ns : r->request.from_ns + 1;
	r->tick = sd_event_source_disable_unref(r->tick);
	r->close = sd_event_source_disable_unref(r->close);
	/* the account is of the window, without the slack behind it */
	err = account_take(r->options.collect, &r->closed);
	if (!err)
		err = sd_event_add_time(loop, &r->close, CLOCK_MONOTONIC, ready_ns / NS_PER_US, 1,
			on_slack_over, r);
	if (err < 0)
		finish(r, err);
}

static int on_window_over(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct recording *r = ctx;

	(void)usec;
	close_at(r, sd_event_source_get_event(source), r->request.from_ns + r->options.duration_ns);
	return 0;
}

void recording_stop(struct recording *r)
{
	if (r->closing)
		return;
	close_at(r, sd_event_source_get_event(r->close), clock_monotonic_ns());
}

/* ---- while it is open ---- */

static bool count_row(void *ctx, const struct store_row *row)
{
	struct recording *r = ctx;
	const struct store_thread *thread = store_thread(parts(r)->store, row->thread);

	if (r->request.all ? r->request.include_self || !(row->flags & ROW_SELF)
			   : profile_request_match(&r->request, thread->owner) != NULL)
		r->samples++;
	return true;
}

static void report_progress(struct recording *r)
{
	struct recording_progress p = {0};
	struct account_window window;
	struct account *now;
	uint64_t horizon = clock_monotonic_ns() - COLLECT_SLACK_NS;

	if (account_take(r->options.collect, &now))
		return;
	account_between(r->opened, now, &window);
	account_free(now);
	if (horizon > r->counted_until_ns) {
		store_each(parts(r)->store, r->counted_until_ns, horizon, count_row, r);
		r->counted_until_ns = horizon;
	}
	p.elapsed_ns = window.duration_ns;
	p.samples = r->samples;
	p.lost = window.lost_all;
	p.late = window.late;
	r->options.progress(r->options.ctx, &p);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct recording *r = ctx;
	uint64_t end_ns;

	(void)usec;
	collect_drain(r->options.collect);
	if (all_ended(r, &end_ns)) {
		close_at(r, sd_event_source_get_event(source),
			end_ns > r->request.from_ns ? end_ns : clock_monotonic_ns());
		return 0;
	}
	report_progress(r);
	(void)sd_event_source_set_time_relative(source, NS_PER_S / NS_PER_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int open_window(struct recording *r, sd_event *loop)
{
	int err;

	collect_drain(r->options.collect);
	err = account_take(r->options.collect, &r->opened);
	if (err)
		return err;
	r->request.from_ns = r->counted_until_ns = clock_monotonic_ns();
	r->request.from_unix_ns = clock_realtime_ns();
	err = sd_event_add_time(loop, &r->close, CLOCK_MONOTONIC,
		(r->request.from_ns + r->options.duration_ns) / NS_PER_US, 1, on_window_over, r);
	if (err < 0)
		return err;
	err = sd_event_add_time_relative(
		loop, &r->tick, CLOCK_MONOTONIC, NS_PER_S / NS_PER_US, 0, on_tick, r);
	return err < 0 ? err : 0;
}

int recording_start(sd_event *loop, const struct recording_options *options,
	struct profile_request *request, struct recording **ret)
{
	struct recording *r = calloc(1, sizeof(*r));
	int err;

	if (!r) {
		profile_request_fini(request);
		return -ENOMEM;
	}
	r->options = *options;
	r->request = *request;
	*request = (struct profile_request){0};
	err = open_window(r, loop);
	if (err) {
		recording_free(r);
		return err;
	}
	*ret = r;
	return 0;
}
