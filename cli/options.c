// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define NAMED_PIDS 4

enum {
	OPTION_SOCKET = 256,
	OPTION_FORMAT,
	OPTION_LABELS,
	OPTION_NO_SYMBOLS,
	OPTION_INCLUDE_SELF,
	OPTION_JSON,
};

/* ---- values ----------------------------------------------------------------------------- */

/* Decimal digits only: no sign, blank, "0x" or exponent. False at anything else, or above `most`.
 */
static bool parse_number(const char *text, size_t len, uint64_t most, uint64_t *ret)
{
	uint64_t value = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(text[i] - '0');

		if (text[i] < '0' || text[i] > '9' || value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret = value;
	return value <= most;
}

static int parse_seconds(const char *text, uint64_t *ret_ns, struct diag *diag)
{
	static const uint64_t most_ns = OPTIONS_SECONDS_MAX * NS_PER_S;
	const char *point = strchr(text, '.');
	size_t whole_len = point ? (size_t)(point - text) : strlen(text);
	uint64_t whole = 0, ns = 0, unit = NS_PER_S;
	/* digits on one side of the point suffice, but 1. is more likely a slip */
	bool ok = (point == text || parse_number(text, whole_len, OPTIONS_SECONDS_MAX, &whole)) &&
		  (!point || point[1]);

	for (const char *at = point ? point + 1 : ""; ok && *at; at++) {
		ok = *at >= '0' && *at <= '9';
		unit /= 10;
		ns += ok ? (uint64_t)(*at - '0') * unit : 0;
	}
	if (ok)
		ns += whole * NS_PER_S;
	if (!ok || ns == 0 || ns > most_ns)
		return diag_set(diag, -EINVAL,
			"-s %s: seconds are a number above 0, at most %d, such as 30 or 0.5", text,
			OPTIONS_SECONDS_MAX);
	*ret_ns = ns;
	return 0;
}

static int parse_hz(const char *text, uint32_t *ret, struct diag *diag)
{
	uint64_t hz;

	if (!parse_number(text, strlen(text), OPTIONS_HZ_MAX, &hz) || hz < OPTIONS_HZ_MIN)
		return diag_set(diag, -EINVAL,
			"-F %s: the frequency is a whole number from %d to %d (Hz)", text,
			OPTIONS_HZ_MIN, OPTIONS_HZ_MAX);
	*ret = (uint32_t)hz;
	return 0;
}

static int add_pid(struct record_options *o, uint32_t pid, struct diag *diag)
{
	for (size_t i = 0; i < o->n_pids; i++) {
		if (o->pids[i] == pid)
			return 0;
	}
	if (o->n_pids == OPTIONS_PIDS_MAX)
		return diag_set(diag, -EINVAL, "-p: at most %d processes at once; -a takes all",
			OPTIONS_PIDS_MAX);
	o->pids[o->n_pids++] = pid;
	return 0;
}

static int parse_pids(const char *text, struct record_options *o, struct diag *diag)
{
	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ",");
		uint64_t pid;
		int err;

		if (!parse_number(at, len, INT32_MAX, &pid) || pid == 0)
			return diag_set(diag, -EINVAL,
				"-p %s: expected process IDs, whole numbers above 0 with commas "
				"between",
				text);
		err = add_pid(o, (uint32_t)pid, diag);
		if (err)
			return err;
		at += len;
		if (!*at)
			return 0;
	}
}

static int parse_format(const char *text, enum output_format *ret, struct diag *diag)
{
	static const char *const names[] = {
		[FORMAT_PPROF] = "pprof",
		[FORMAT_FOLDED] = "folded",
		[FORMAT_TOP] = "top",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum output_format)i;
			return 0;
		}
	}
	return diag_set(diag, -EINVAL, "--format %s: the formats are pprof, folded and top", text);
}

static const struct {
	const char *name;
	Cprofd__Control__Label label;
} label_names[] = {
	{"tid", CPROFD__CONTROL__LABEL__TID},
	{"thread_name", CPROFD__CONTROL__LABEL__THREAD_NAME},
	{"cpu", CPROFD__CONTROL__LABEL__CPU},
	{"comm", CPROFD__CONTROL__LABEL__COMM},
	{"pid", CPROFD__CONTROL__LABEL__PID},
};
#define N_LABELS (sizeof(label_names) / sizeof(label_names[0]))

static void add_label(struct record_options *o, Cprofd__Control__Label label)
{
	for (size_t i = 0; i < o->n_labels; i++) {
		if (o->labels[i] == label)
			return;
	}
	o->labels[o->n_labels++] = label;
}

static int parse_labels(const char *text, struct record_options *o, struct diag *diag)
{
	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ",");
		size_t i = 0;

		while (i < N_LABELS && (strlen(label_names[i].name) != len ||
					       memcmp(label_names[i].name, at, len) != 0))
			i++;
		if (i == N_LABELS)
			return diag_set(diag, -EINVAL,
				"--labels %s: the labels are tid, thread_name, cpu, comm and pid, "
				"with commas between",
				text);
		add_label(o, label_names[i].label);
		at += len;
		if (!*at)
			return 0;
	}
}

/* ---- getopt ----------------------------------------------------------------------------- */

/* What getopt_long() stumbled over. `got` is ':' or '?'. */
static int bad_option(int got, char **argv, struct diag *diag)
{
	const char *word = argv[optind - 1];

	if (got == ':')
		return diag_set(diag, -EINVAL, "%s needs a value", word);
	if (strncmp(word, "--", 2) == 0 && optopt)
		return diag_set(diag, -EINVAL, "%s: the option takes no value", word);
	/* a short option may stand in the middle of a word that getopt has not finished */
	if (optopt)
		return diag_set(diag, -EINVAL, "there is no option -%c", optopt);
	return diag_set(diag, -EINVAL, "there is no option %s", word);
}

static int next_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
	return getopt_long(argc, argv, shorts, longs, NULL);
}

static void restart(void)
{
	optind = 0; /* glibc: scan anew */
	opterr = 0;
}

static int no_more(int argc, char **argv, struct diag *diag)
{
	if (optind < argc)
		return diag_set(diag, -EINVAL, "%s is not expected here", argv[optind]);
	return 0;
}

int options_parse_globals(int argc, char **argv, struct globals *ret, struct diag *diag)
{
	static const struct option longs[] = {
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct globals g = {0};
	int got;

	restart();
	/* '+': options after the subcommand are the subcommand's */
	while ((got = next_option(argc, argv, "+:hV", longs)) != -1) {
		if (got == OPTION_SOCKET)
			g.socket = optarg;
		else if (got == 'V')
			g.version = true;
		else if (got == 'h')
			g.help = true;
		else
			return bad_option(got, argv, diag);
	}
	g.n_used = optind;
	*ret = g;
	return 0;
}

static int record_option(int got, struct record_options *o, char **argv, struct diag *diag)
{
	switch (got) {
	case 'p':
		return parse_pids(optarg, o, diag);
	case 'a':
		o->all = true;
		return 0;
	case 's':
		return parse_seconds(optarg, &o->duration_ns, diag);
	case 'F':
		return parse_hz(optarg, &o->hz, diag);
	case 'o':
		o->output = optarg;
		return *optarg ? 0 : diag_set(diag, -EINVAL, "-o needs a file name, or -");
	case 'h':
		o->help = true;
		return 0;
	case OPTION_FORMAT:
		return parse_format(optarg, &o->format, diag);
	case OPTION_LABELS:
		return parse_labels(optarg, o, diag);
	case OPTION_NO_SYMBOLS:
		o->no_symbols = true;
		return 0;
	case OPTION_INCLUDE_SELF:
		o->include_self = true;
		return 0;
	case OPTION_SOCKET:
		o->socket = optarg;
		return 0;
	default:
		return bad_option(got, argv, diag);
	}
}

static int check_record(const struct record_options *o, int argc, char **argv, struct diag *diag)
{
	int err = no_more(argc, argv, diag);

	if (err)
		return err;
	if (o->all && o->n_pids)
		return diag_set(diag, -EINVAL, "-p and -a exclude each other: give one of them");
	if (!o->all && !o->n_pids)
		return diag_set(diag, -EINVAL,
			"say what to record: -p PID for a process, or -a for the whole host");
	if (o->include_self && !o->all)
		return diag_set(diag, -EINVAL, "--include-self belongs to -a");
	return 0;
}

int options_parse_record(int argc, char **argv, const struct globals *globals,
	struct record_options *ret, struct diag *diag)
{
	static const struct option longs[] = {
		{"pid", required_argument, NULL, 'p'},
		{"all", no_argument, NULL, 'a'},
		{"seconds", required_argument, NULL, 's'},
		{"frequency", required_argument, NULL, 'F'},
		{"output", required_argument, NULL, 'o'},
		{"format", required_argument, NULL, OPTION_FORMAT},
		{"labels", required_argument, NULL, OPTION_LABELS},
		{"no-symbols", no_argument, NULL, OPTION_NO_SYMBOLS},
		{"include-self", no_argument, NULL, OPTION_INCLUDE_SELF},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct record_options o = {.socket = globals->socket, .duration_ns = 30 * NS_PER_S};
	int got, err = 0;

	restart();
	while (!err && (got = next_option(argc, argv, ":p:as:F:o:h", longs)) != -1)
		err = record_option(got, &o, argv, diag);
	if (!err && !o.help)
		err = check_record(&o, argc, argv, diag);
	if (err)
		return err;
	*ret = o;
	return 0;
}

int options_parse_status(int argc, char **argv, const struct globals *globals,
	struct status_options *ret, struct diag *diag)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, OPTION_JSON},
		{"socket", required_argument, NULL, OPTION_SOCKET},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct status_options o = {.socket = globals->socket};
	int got, err;

	restart();
	while ((got = next_option(argc, argv, ":h", longs)) != -1) {
		if (got == OPTION_JSON)
			o.json = true;
		else if (got == OPTION_SOCKET)
			o.socket = optarg;
		else if (got == 'h')
			o.help = true;
		else
			return bad_option(got, argv, diag);
	}
	err = o.help ? 0 : no_more(argc, argv, diag);
	if (err)
		return err;
	*ret = o;
	return 0;
}

/* ---- the default name ------------------------------------------------------------------- */

static void append(char *to, size_t room, const char *before, uint64_t number)
{
	size_t len = strlen(to);

	(void)snprintf(to + len, room - len, "%s%" PRIu64, before, number);
}

void options_default_name(const struct record_options *o, int64_t start_s, char *ret, size_t room)
{
	time_t start = (time_t)start_s;
	struct tm parts = {0};
	char when[64] = "";
	char who[128] = "all";

	(void)localtime_r(&start, &parts);
	(void)strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &parts);
	if (!o->all)
		who[0] = '\0';
	for (size_t i = 0; i < o->n_pids && i < NAMED_PIDS; i++)
		append(who, sizeof(who), i ? "," : "", o->pids[i]);
	if (o->n_pids > NAMED_PIDS)
		append(who, sizeof(who), "+", o->n_pids - NAMED_PIDS);
	(void)snprintf(ret, room, "cprofd.%s.%s.pb.gz", who, when);
}
