// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/scope.h"
#include "base/utf8.h"
#include "commands.h"
#include "control/frame.h"
#include "exits.h"
#include "json.h"
#include "session.h"
#include "term.h"

#define SILENCE_MS 10000
#define TEXT_MAX   (64u << 20)

const char cmd_status_help[] =
	"usage: cprofctl status [--json] [--socket PATH]\n"
	"\n"
	"Show what a running cprofd has seen, kept and lost since it started.\n"
	"\n"
	"      --json               as one JSON object\n"
	"      --socket PATH        ask the cprofd that listens there\n"
	"                           (default " CONTROL_SOCKET_PATH ")\n"
	"  -h, --help               show this\n"
	"\n"
	"Exit status: 0 done, 1 failed (also: none runs), 2 wrong usage, 4 not permitted.\n";

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_counts(
	struct json *j, const char *key, Cprofd__Control__Count *const *counts, size_t n)
{
	json_begin(j, key);
	for (size_t i = 0; i < n; i++)
		json_number(j, counts[i]->name, counts[i]->value);
	json_end(j);
}

static void append_json(struct buf *out, const Cprofd__Control__Status *s)
{
	struct json j = json_to(out);

	json_begin(&j, NULL);
	json_string(&j, "version", s->version);
	json_number(&j, "pid", s->pid);
	json_number(&j, "hz", s->hz);
	json_number(&j, "uptime_ns", s->uptime_ns);
	json_number(&j, "seen", s->seen);
	json_number(&j, "idle", s->idle);
	json_number(&j, "stored", s->stored);
	json_counts(&j, "lost", s->lost, s->n_lost);
	json_number(&j, "pending", s->pending);
	json_number(&j, "expected", s->expected);
	json_number(&j, "late", s->late);
	json_number(&j, "self", s->self);
	json_counts(&j, "sideband", s->sideband, s->n_sideband);
	json_counts(&j, "memory", s->memory, s->n_memory);
	json_counts(&j, "symbolizer", s->symbolizer, s->n_symbolizer);
	json_counts(&j, "held", s->held, s->n_held);
	json_string(&j, "features", s->features);
	json_end(&j);
}

/* ---- text ------------------------------------------------------------------------------- */

static void printable(struct buf *out, const char *text)
{
	utf8_append_printable(out, text, strlen(text));
}

static void append_duration(struct buf *out, uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;

	if (s >= 86400)
		buf_printf(out, "%" PRIu64 " d ", s / 86400);
	if (s >= 3600)
		buf_printf(out, "%" PRIu64 " h ", s / 3600 % 24);
	if (s >= 60)
		buf_printf(out, "%" PRIu64 " min ", s / 60 % 60);
	buf_printf(out, "%" PRIu64 " s", s % 60);
}

static void append_row(struct buf *out, const char *name, uint64_t value)
{
	buf_append_str(out, "  ");
	printable(out, name);
	for (size_t n = strlen(name); n < 20; n++)
		buf_append_str(out, " ");
	buf_printf(out, "%12" PRIu64 "\n", value);
}

static void append_counts(
	struct buf *out, const char *title, Cprofd__Control__Count *const *counts, size_t n)
{
	if (n)
		buf_printf(out, "%s\n", title);
	for (size_t i = 0; i < n; i++)
		append_row(out, counts[i]->name, counts[i]->value);
}

static void append_text(struct buf *out, const Cprofd__Control__Status *s)
{
	buf_append_str(out, "cprofd ");
	printable(out, s->version);
	buf_printf(out, ", process %" PRIu32 ", %" PRIu32 " Hz, up ", s->pid, s->hz);
	append_duration(out, s->uptime_ns);
	buf_append_str(out, "\nsamples\n");
	append_row(out, "seen", s->seen);
	append_row(out, "stored", s->stored);
	append_row(out, "pending", s->pending);
	append_row(out, "idle", s->idle);
	append_row(out, "expected", s->expected);
	append_row(out, "late", s->late);
	append_row(out, "self", s->self);
	append_counts(out, "lost, by reason", s->lost, s->n_lost);
	append_counts(out, "side-band records", s->sideband, s->n_sideband);
	append_counts(out, "memory, bytes", s->memory, s->n_memory);
	append_counts(out, "symbolizer", s->symbolizer, s->n_symbolizer);
	append_counts(out, "held", s->held, s->n_held);
	buf_append_str(out, "kernel\n  ");
	printable(out, s->features);
	buf_append_str(out, "\n");
}

/* ---- asking ----------------------------------------------------------------------------- */

static int ask(struct session *session, struct diag *diag, Cprofd__Control__ServerMessage **ret)
{
	Cprofd__Control__ServerMessage *m = NULL;
	int err = control_client_status(session->client);

	if (!err)
		err = control_client_receive(session->client, diag, &m);
	if (err)
		return err;
	if (m->kind_case != CPROFD__CONTROL__SERVER_MESSAGE__KIND_STATUS) {
		frame_free(&m->base);
		return diag_set(diag, -EPROTO, "cprofd answered something else than its status");
	}
	*ret = m;
	return 0;
}

static int show(const Cprofd__Control__Status *status, bool json)
{
	scoped(buf_fini) struct buf out = buf_with_ceiling(TEXT_MAX);

	if (json)
		append_json(&out, status);
	else
		append_text(&out, status);
	if (out.failed) {
		term_say("out of memory");
		return EXIT_FAILED;
	}
	return cmd_print((const char *)out.bytes, out.len);
}

int cmd_status(int argc, char **argv, const struct globals *globals)
{
	struct session_options where = {.wake_fd = -1, .silence_ms = SILENCE_MS};
	struct session session = {0};
	struct status_options options;
	struct diag diag = {0};
	Cprofd__Control__ServerMessage *m = NULL;
	int err = options_parse_status(argc, argv, globals, &options, &diag);
	int status;

	if (err)
		return cmd_usage("status", &diag);
	if (options.help)
		return cmd_print(cmd_status_help, strlen(cmd_status_help));
	where.socket = options.socket;
	err = session_open(&where, &diag, &session);
	if (!err)
		err = ask(&session, &diag, &m);
	if (err) {
		term_say("%s", diag.text[0] ? diag.text : strerror(-err));
		status = (int)exit_status_of(err);
	} else {
		status = show(m->status, options.json);
		frame_free(&m->base);
	}
	(void)session_close(&session, NULL);
	return status;
}
