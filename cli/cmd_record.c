// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/scope.h"
#include "commands.h"
#include "control/frame.h"
#include "exits.h"
#include "interrupt.h"
#include "output.h"
#include "progress.h"
#include "render.h"
#include "session.h"
#include "term.h"

#define PROFILE_MAX (256u << 20) /* bytes, compressed */
#define SILENCE_MS  120000       /* reading the symbols of a whole host may take a while */
#define MAX_NOTES   100          /* lines on stderr */

const char cmd_record_help[] =
	"usage: cprofctl record -p PID[,PID...] | -a [options]\n"
	"\n"
	"Sample where CPU time goes and write a profile.\n"
	"\n"
	"  -p, --pid PID[,PID...]   these processes, with all their threads\n"
	"  -a, --all                the whole host\n"
	"  -s, --seconds SECONDS    for so long, fractions allowed (default 30)\n"
	"  -F, --frequency HZ       samples per second and CPU, 19 to 9999 (default 99)\n"
	"  -o, --output FILE        write there; - is standard output\n"
	"                           (default cprofd.PID.TIME.pb.gz, or standard output for\n"
	"                           --format folded and top)\n"
	"      --format FORMAT      pprof (default), folded (for flame graphs) or top (a table)\n"
	"      --labels LABEL,...   tell samples apart by tid, thread_name, cpu, comm, pid\n"
	"      --no-symbols         addresses only\n"
	"      --include-self       with -a: keep the profiler's own samples\n"
	"      --socket PATH        ask the cprofd that listens there\n"
	"  -h, --help               show this\n"
	"\n"
	"Without a running cprofd, root gets a private one for the time of the recording.\n"
	"Ctrl-C ends early and still writes; a second one gives up.\n"
	"\n"
	"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no such process, 4 not permitted.\n";

struct recording {
	const struct record_options *options;
	struct session session;
	struct interrupt interrupt;
	unsigned n_interrupts;
	struct progress progress;
	struct progress_state state;
	struct buf profile;
	bool started;
	Cprofd__Control__ServerMessage *end; /* a RecordEnd, once it has come */
};

/* ---- talking ---------------------------------------------------------------------------- */

static int send_record(struct recording *r)
{
	const struct record_options *o = r->options;
	Cprofd__Control__Record record = CPROFD__CONTROL__RECORD__INIT;
	uint32_t pids[OPTIONS_PIDS_MAX];
	Cprofd__Control__Label labels[sizeof(o->labels) / sizeof(o->labels[0])];

	memcpy(pids, o->pids, sizeof(pids));
	memcpy(labels, o->labels, sizeof(labels));
	record.pids = pids;
	record.n_pids = o->n_pids;
	record.all = o->all;
	record.duration_ns = o->duration_ns;
	record.hz = o->hz;
	record.labels = labels;
	record.n_labels = o->n_labels;
	record.no_symbols = o->no_symbols;
	record.include_self = o->include_self;
	return control_client_record(r->session.client, &record);
}

static int unexpected(struct diag *diag)
{
	return diag_set(diag, -EPROTO, "cprofd sent something that does not belong here");
}

static int on_chunk(struct recording *r, const ProtobufCBinaryData *chunk, struct diag *diag)
{
	buf_append(&r->profile, chunk->data, chunk->len);
	return r->profile.failed ? diag_set(diag, -EFBIG, "the profile is larger than %u MiB",
					   PROFILE_MAX >> 20)
				 : 0;
}

static int on_end(struct recording *r, const Cprofd__Control__RecordEnd *end, struct diag *diag)
{
	if (end->profile_bytes != r->profile.len || !r->profile.len)
		return diag_set(diag, -EPROTO,
			"the profile is incomplete: %zu of %" PRIu64 " bytes came", r->profile.len,
			end->profile_bytes);
	return 0;
}

static void on_progress(struct recording *r, const Cprofd__Control__Progress *p)
{
	r->state.elapsed_ns = p->elapsed_ns;
	r->state.samples = p->samples;
	r->state.lost = p->lost;
	r->state.late = p->late;
	progress_show(&r->progress, &r->state);
}

/* One message, in the order that the protocol gives. */
static int on_message(
	struct recording *r, const Cprofd__Control__ServerMessage *m, struct diag *diag)
{
	bool is_start = m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND_STARTED;

	if (is_start == r->started)
		return unexpected(diag);
	switch (m->kind_case) {
	case CPROFD__CONTROL__SERVER_MESSAGE__KIND_STARTED:
		r->started = true;
		progress_show(&r->progress, &r->state);
		return 0;
	case CPROFD__CONTROL__SERVER_MESSAGE__KIND_PROGRESS:
		on_progress(r, m->progress);
		return 0;
	case CPROFD__CONTROL__SERVER_MESSAGE__KIND_CHUNK:
		return on_chunk(r, &m->chunk->bytes, diag);
	case CPROFD__CONTROL__SERVER_MESSAGE__KIND_END:
		return on_end(r, m->end, diag);
	default:
		return unexpected(diag);
	}
}

/* The first signal ends the recording, the second one the waiting for its profile. */
static int on_interrupt(struct recording *r, struct diag *diag)
{
	bool first = !r->n_interrupts;

	r->n_interrupts += interrupt_take(&r->interrupt);
	if (r->n_interrupts > 1)
		return diag_set(diag, -ECANCELED, "given up; nothing was written");
	if (!first || !r->n_interrupts)
		return 0;
	r->state.ending = true;
	if (r->started)
		progress_show(&r->progress, &r->state);
	return control_client_stop(r->session.client);
}

/* Receive until the RecordEnd, which is kept. */
static int receive(struct recording *r, struct diag *diag)
{
	while (!r->end) {
		Cprofd__Control__ServerMessage *m;
		int err = control_client_receive(r->session.client, diag, &m);

		if (err == -EINTR)
			err = on_interrupt(r, diag);
		else if (!err) {
			err = on_message(r, m, diag);
			if (!err && m->kind_case == CPROFD__CONTROL__SERVER_MESSAGE__KIND_END)
				r->end = m;
			else
				frame_free(&m->base);
		}
		if (err)
			return err;
	}
	return 0;
}

static int talk(struct recording *r, struct diag *diag)
{
	const struct record_options *o = r->options;
	struct session_options options = {
		.socket = o->socket,
		.private_hz = o->hz ? o->hz : OPTIONS_HZ_DEFAULT,
		.wake_fd = r->interrupt.fd,
		.silence_ms = SILENCE_MS,
	};
	int err = session_open(&options, diag, &r->session);

	/* nothing is under way yet, so the first signal gives up */
	if (err == -EINTR)
		return diag_set(diag, -ECANCELED, "given up; nothing was written");
	if (!err)
		err = send_record(r);
	return err ? err : receive(r, diag);
}

/* ---- the result ------------------------------------------------------------------------- */

static uint64_t total(Cprofd__Control__Count *const *counts, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += counts[i]->value;
	return sum;
}

/* "lost: 12 [ring_full 10, stack_error 2], late: 3" */
static void append_losses(struct buf *out, const Cprofd__Control__RecordEnd *end)
{
	buf_printf(out, "lost: %" PRIu64, total(end->lost, end->n_lost));
	for (size_t i = 0; i < end->n_lost && i < MAX_NOTES; i++)
		buf_printf(out, "%s%s %" PRIu64, i ? ", " : " [", end->lost[i]->name,
			end->lost[i]->value);
	buf_printf(out, "%s, late: %" PRIu64, end->n_lost ? "]" : "", end->late);
}

static void summarize(const struct recording *r, const struct output *output)
{
	const Cprofd__Control__RecordEnd *end = r->end->end;
	scoped(buf_fini) struct buf line = buf_with_ceiling(DIAG_MAX);

	for (size_t i = 0; i < end->n_notes && i < MAX_NOTES; i++)
		term_say("%s", end->notes[i]);
	if (end->n_notes > MAX_NOTES)
		term_say("... and %zu notes more", end->n_notes - MAX_NOTES);
	if (!output_is_stream(output))
		buf_printf(&line, "wrote %s: ", output->path);
	buf_printf(&line, "%" PRIu64 " samples over %.1f s (", end->samples,
		(double)end->duration_ns / NS_PER_S);
	append_losses(&line, end);
	buf_append_str(&line, ")");
	if (!output_is_stream(output) && r->options->format == FORMAT_PPROF)
		buf_printf(&line, "; open with: go tool pprof %s", output->path);
	term_say("%.*s", (int)line.len, (const char *)line.bytes);
}

static int write_result(struct recording *r, struct output *output, struct diag *diag)
{
	scoped(buf_fini) struct buf text = buf_with_ceiling(PROFILE_MAX);
	unsigned columns = term_is(output->fd) ? term_columns(output->fd) : 0;
	int err;

	if (r->options->format == FORMAT_PPROF)
		return output_commit(output, r->profile.bytes, r->profile.len, diag);
	err = render_text(&r->profile, r->options->format, columns, &text, diag);
	return err ? err : output_commit(output, text.bytes, text.len, diag);
}

/* A stream may block for as long as its reader likes: signals must end us meanwhile. */
static int finish(struct recording *r, struct output *output, struct diag *diag)
{
	int err;

	if (output_is_stream(output)) {
		(void)interrupt_take(&r->interrupt);
		interrupt_fini(&r->interrupt);
	}
	err = write_result(r, output, diag);
	if (!err)
		summarize(r, output);
	return err;
}

static int open_output(const struct record_options *o, struct diag *diag, struct output *ret)
{
	char name[NAME_MAX + 1];
	unsigned flags = o->format == FORMAT_PPROF ? OUTPUT_BINARY : 0;

	if (o->output)
		return output_open(o->output, flags, diag, ret);
	if (o->format != FORMAT_PPROF)
		return output_open("-", flags, diag, ret);
	options_default_name(o, (int64_t)(clock_realtime_ns() / NS_PER_S), name, sizeof(name));
	return output_open(name, flags | OUTPUT_UNIQUE, diag, ret);
}

/*
 * Hang up and say what went wrong, if anything: `status` and `why` from the work so
 * far, or that a private cprofd ended badly, which also explains a line gone dead.
 */
static enum exit_status conclude(
	struct recording *r, enum exit_status status, bool hung_up, const struct diag *why)
{
	struct diag ended = {0};
	int err = session_close(&r->session, &ended);

	if (err && (status == EXIT_DONE || hung_up))
		why = &ended;
	else if (status == EXIT_DONE)
		return EXIT_DONE;
	term_say("%s", why->text[0] ? why->text : "cprofd can't be talked to");
	return status == EXIT_DONE ? EXIT_FAILED : status;
}

static enum exit_status record(const struct record_options *o, struct output *output)
{
	struct recording r = {
		.options = o,
		.interrupt = {.fd = -1},
		.state = {.total_ns = o->duration_ns},
		.profile = buf_with_ceiling(PROFILE_MAX),
	};
	struct diag why = {0};
	enum exit_status status;
	int err = interrupt_init(&r.interrupt);

	progress_init(&r.progress, STDERR_FILENO);
	if (err)
		(void)diag_set(&why, err, "cannot watch for signals: %s", strerror(-err));
	else
		err = talk(&r, &why);
	progress_clear(&r.progress);
	status = exit_status_of(err);
	if (!err && finish(&r, output, &why) < 0)
		status = EXIT_FAILED;
	status = conclude(&r, status, err == -EPIPE, &why);
	if (r.end)
		frame_free(&r.end->base);
	buf_fini(&r.profile);
	/* all is done and said: one that came too late must not change the exit status */
	(void)interrupt_take(&r.interrupt);
	interrupt_fini(&r.interrupt);
	return status;
}

int cmd_record(int argc, char **argv, const struct globals *globals)
{
	scoped(output_fini) struct output output = OUTPUT_NONE;
	struct record_options options;
	struct diag diag;
	int err = options_parse_record(argc, argv, globals, &options, &diag);

	if (err)
		return cmd_usage("record", &diag);
	if (options.help)
		return cmd_print(cmd_record_help, strlen(cmd_record_help));
	err = open_output(&options, &diag, &output);
	if (err == -EINVAL)
		return cmd_usage("record", &diag);
	if (err) {
		term_say("%s", diag.text);
		return EXIT_FAILED;
	}
	return record(&options, &output);
}
