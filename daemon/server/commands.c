// SPDX-License-Identifier: Apache-2.0
#include "server/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "collect/collect.h"
#include "sampler/sampler.h"
#include "server/connection.h"
#include "server/procfs.h"
#include "server/recording.h"
#include "server/status.h"
#include "tracker/tracker.h"

#define MAX_DURATION_NS (24 * 3600 * NS_PER_S)

/* ---- answers of a recording ---- */

static size_t lost_counts(const struct account_window *w, Cprofd__Control__Count *counts,
	Cprofd__Control__Count **pointers)
{
	size_t n = 0;

	for (unsigned i = 0; i < LOSSES; i++) {
		if (!w->lost[i])
			continue;
		cprofd__control__count__init(&counts[n]);
		counts[n].name = (char *)loss_name((enum loss)i);
		counts[n].value = w->lost[i];
		pointers[n] = &counts[n];
		n++;
	}
	return n;
}

static void send_chunks(struct connection *c, const struct buf *profile)
{
	for (size_t at = 0; at < profile->len;) {
		Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
		Cprofd__Control__ProfileChunk chunk = CPROFD__CONTROL__PROFILE_CHUNK__INIT;
		size_t left = profile->len - at;

		chunk.bytes.data = profile->bytes + at;
		chunk.bytes.len = left < CPROFD__CONTROL__LIMIT__MAX_CHUNK
					  ? left
					  : CPROFD__CONTROL__LIMIT__MAX_CHUNK;
		at += chunk.bytes.len;
		message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_CHUNK;
		message.chunk = &chunk;
		connection_send(c, &message);
	}
}

static void send_end(struct connection *c, const struct recording_end *end)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__RecordEnd out = CPROFD__CONTROL__RECORD_END__INIT;
	Cprofd__Control__Count counts[LOSSES], *pointers[LOSSES];
	char *notes[RECORDING_MAX_NOTES];

	for (size_t i = 0; i < end->n_notes; i++)
		notes[i] = (char *)end->notes[i];
	out.profile_bytes = end->profile.bytes->len;
	out.duration_ns = end->duration_ns;
	out.samples = end->profile.samples;
	out.n_lost = lost_counts(&end->window, counts, pointers);
	out.lost = pointers;
	out.late = end->window.late;
	out.n_notes = end->n_notes;
	out.notes = notes;
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_END;
	message.end = &out;
	connection_send(c, &message);
}

static void on_done(void *ctx, const struct recording_end *end)
{
	struct connection *c = ctx;

	if (end->error == -ENOBUFS) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__LIMIT_REACHED,
			"the profile is too large: record fewer processes or a shorter time");
	} else if (end->error) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__INTERNAL,
			"the profile could not be built: %s", strerror(-end->error));
	} else {
		send_chunks(c, end->profile.bytes);
		send_end(c, end);
	}
	connection_set_recording(c, NULL);
}

static void on_progress(void *ctx, const struct recording_progress *p)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Progress out = CPROFD__CONTROL__PROGRESS__INIT;

	out.elapsed_ns = p->elapsed_ns;
	out.samples = p->samples;
	out.lost = p->lost;
	out.late = p->late;
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_PROGRESS;
	message.progress = &out;
	connection_send(ctx, &message);
}

static void send_started(struct connection *c, unsigned hz, const struct recording *r)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Started out = CPROFD__CONTROL__STARTED__INIT;

	out.hz = hz;
	out.start_unix_ns = recording_start_unix_ns(r);
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_STARTED;
	message.started = &out;
	connection_send(c, &message);
}

/* ---- record ---- */

static bool refuse(struct connection *c, const char *why)
{
	connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST, "%s", why);
	return false;
}

static bool makes_sense(struct connection *c, const Cprofd__Control__Record *m, unsigned hz)
{
	if (m->all == (m->n_pids > 0))
		return refuse(c, "a recording is of some processes or of the whole host");
	if (m->n_pids > PROFILE_MAX_PIDS)
		return refuse(c, "a recording is of at most 256 processes");
	if (!m->duration_ns || m->duration_ns > MAX_DURATION_NS)
		return refuse(c, "a recording lasts more than 0 s and at most 24 h");
	if (m->hz && m->hz != hz) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST,
			"this cprofd samples at %u Hz, not at %u: leave out -F, or start it with "
			"--hz "
			"%u",
			hz, m->hz, m->hz);
		return false;
	}
	return true;
}

static bool labels_of(struct connection *c, const Cprofd__Control__Record *m, unsigned *ret_labels)
{
	static const unsigned known[] = {
		[CPROFD__CONTROL__LABEL__TID] = PROFILE_LABEL_TID,
		[CPROFD__CONTROL__LABEL__THREAD_NAME] = PROFILE_LABEL_THREAD_NAME,
		[CPROFD__CONTROL__LABEL__CPU] = PROFILE_LABEL_CPU,
		[CPROFD__CONTROL__LABEL__COMM] = PROFILE_LABEL_COMM,
		[CPROFD__CONTROL__LABEL__PID] = PROFILE_LABEL_PID,
	};
	/* samples of several processes are of no use together when nothing tells them apart */
	unsigned labels = m->all || m->n_pids > 1 ? PROFILE_LABEL_PID | PROFILE_LABEL_COMM : 0;

	for (size_t i = 0; i < m->n_labels; i++) {
		unsigned label = (unsigned)m->labels[i];

		if (label >= sizeof(known) / sizeof(known[0]) || !known[label])
			return refuse(c, "labels are tid, thread_name, cpu, comm and pid");
		labels |= known[label];
	}
	*ret_labels = labels;
	return true;
}

/*
 * Add a process by its PID. One that the tracker does not know may have been
 * started within the slack, or be a zombie: it is told by its samples, if any.
 */
static bool add_process(struct connection *c, struct profile_request *r, uint32_t pid)
{
	struct collect *collect = connection_parts(c)->collect;
	struct image *image = tracker_find(collect_parts(collect)->tracker, pid);
	pid_t tgid = image ? (pid_t)pid : procfs_tgid((pid_t)pid);
	uint64_t start_ns = image ? image_start_ns(image) : TIME_UNKNOWN;

	if (tgid < 0) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__NO_SUCH_PROCESS,
			"no process %" PRIu32, pid);
		return false;
	}
	if (tgid != (pid_t)pid) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__NO_SUCH_PROCESS,
			"no process %" PRIu32 ": it is a thread of process %d", pid, tgid);
		return false;
	}
	/* not sampled yet: but who gets its PID after it must not be taken for it */
	if (start_ns == TIME_UNKNOWN)
		start_ns = tracker_start_ns(collect_parts(collect)->tracker, pid);
	r->processes[r->n_processes++] = (struct profile_process){.tgid = pid,
		.start_boottime_ns = start_ns,
		.image = image ? image_ref(image) : NULL};
	return true;
}

static bool fill_request(
	struct connection *c, const Cprofd__Control__Record *m, struct profile_request *r)
{
	r->all = m->all;
	r->no_symbols = m->no_symbols;
	r->include_self = m->include_self;
	if (!labels_of(c, m, &r->labels))
		return false;
	collect_drain(connection_parts(c)->collect);
	for (size_t i = 0; i < m->n_pids; i++)
		if (!add_process(c, r, m->pids[i]))
			return false;
	return true;
}

static void record(struct connection *c, const Cprofd__Control__Record *m)
{
	struct collect *collect = connection_parts(c)->collect;
	unsigned hz = sampler_hz(collect_parts(collect)->sampler);
	const struct recording_options options = {
		.collect = collect,
		.duration_ns = m->duration_ns,
		.progress = on_progress,
		.done = on_done,
		.ctx = c,
	};
	struct profile_request request = {0};
	struct recording *r;
	int err;

	if (!makes_sense(c, m, hz))
		return;
	if (!fill_request(c, m, &request)) {
		profile_request_fini(&request);
		return;
	}
	err = recording_start(connection_loop(c), &options, &request, &r);
	if (err) {
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__INTERNAL,
			"the recording could not be started: %s", strerror(-err));
		return;
	}
	connection_set_recording(c, r);
	send_started(c, hz, r);
}

/* ---- all of them ---- */

void command_run(struct connection *c, const Cprofd__Control__ClientMessage *m)
{
	struct recording *running = connection_recording(c);

	if (m->kind_case == CPROFD__CONTROL__CLIENT_MESSAGE__KIND_STOP) {
		if (running)
			recording_stop(running);
		return;
	}
	if (!access_everything(connection_peer(c)))
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__NOT_PERMITTED,
			"only root may profile here");
	else if (running)
		connection_send_error(c, CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST,
			"one request at a time on a connection");
	else if (m->kind_case == CPROFD__CONTROL__CLIENT_MESSAGE__KIND_RECORD)
		record(c, m->record);
	else if (m->kind_case == CPROFD__CONTROL__CLIENT_MESSAGE__KIND_STATUS)
		status_send(c);
	else
		connection_send_error(
			c, CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST, "an unknown request");
}
