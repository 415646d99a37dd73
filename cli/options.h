// SPDX-License-Identifier: Apache-2.0
/*
 * options.h - what the command line asks for
 *
 * Each parser takes the arguments from its subcommand's name on. It returns 0, or
 * -EINVAL with a sentence in `diag` that says what would have been accepted. All
 * strings in a result are borrowed from argv.
 */
#ifndef CPROFD_CLI_OPTIONS_H
#define CPROFD_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "proto/control.pb-c.h"

#define OPTIONS_PIDS_MAX    CPROFD__CONTROL__LIMIT__MAX_PIDS
#define OPTIONS_HZ_MIN      19
#define OPTIONS_HZ_MAX      9999
#define OPTIONS_HZ_DEFAULT  99
#define OPTIONS_SECONDS_MAX 86400

enum output_format {
	FORMAT_PPROF,
	FORMAT_FOLDED,
	FORMAT_TOP,
};

struct globals {
	const char *socket; /* NULL: the usual place */
	bool help, version;
	int n_used; /* arguments used up, the program's name included */
};

struct record_options {
	const char *socket;
	bool help;
	bool all;
	uint32_t pids[OPTIONS_PIDS_MAX]; /* distinct, in the order given */
	size_t n_pids;
	uint64_t duration_ns;
	uint32_t hz;        /* 0: not given */
	const char *output; /* NULL: not given */
	enum output_format format;
	Cprofd__Control__Label labels[8]; /* distinct */
	size_t n_labels;
	bool no_symbols;
	bool include_self;
};

struct status_options {
	const char *socket;
	bool help;
	bool json;
};

int options_parse_globals(int argc, char **argv, struct globals *ret, struct diag *diag);
int options_parse_record(int argc, char **argv, const struct globals *globals,
	struct record_options *ret, struct diag *diag);
int options_parse_status(int argc, char **argv, const struct globals *globals,
	struct status_options *ret, struct diag *diag);

/*
 * The file name for a recording that began at `start_s` (seconds since 1970):
 * "cprofd.PID.TIME.pb.gz" in local time. Of many PIDs the first four are named.
 */
void options_default_name(const struct record_options *o, int64_t start_s, char *ret, size_t room);

#endif
