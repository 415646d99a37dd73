// SPDX-License-Identifier: Apache-2.0
/*
 * The profile writer and the reports, for tests in other languages:
 *
 *	build [BYTES] < SPEC > PROFILE    a profile from a description, within a ceiling
 *	folded < PROFILE
 *	top N COLUMNS flat|cum < PROFILE
 *
 * A description is a line for each call, strings in hex ("-" for none); names of
 * things are the numbers of their lines, counted from 0 for each kind:
 *
 *	types T U [T U]...         period T U N      window TIME_NS DURATION_NS
 *	comment S
 *	mapping START LIMIT OFFSET FILENAME BUILD_ID FLAGS     (flags: f n l i m or -)
 *	function NAME SYSTEM_NAME FILENAME START_LINE
 *	location MAPPING ADDRESS [FUNCTION LINE]...            (mapping -1: none)
 *	sample N_LOCATIONS L... N_VALUES V... [KEY VALUE]...
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/io.h"
#include "base/vec.h"
#include "pprof/build.h"
#include "pprof/decode.h"
#include "report/report.h"

#define WORDS_MAX   4096
#define OUTPUT_MAX  ((size_t)1 << 30)
#define NUMBERS_MAX (1u << 24)

struct numbers {
	VEC(uint32_t) of;
};

struct spec {
	struct pprof_builder *b;
	struct pprof_header header;
	char *comments[16];
	struct numbers mappings, functions, locations; /* by the order of their lines */
	int refused;
};

static void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(2);
}

/* Hex to bytes, never released: the program is short-lived. */
static char *text_of(const char *hex)
{
	size_t len = hex[0] == '-' ? 0 : strlen(hex) / 2;
	char *text = calloc(len + 1, 1);

	if (!text)
		die("out of memory");
	for (size_t i = 0; i < len; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};

		text[i] = (char)strtoul(pair, NULL, 16);
	}
	return text;
}

static uint64_t u64_of(const char *word)
{
	return strtoull(word, NULL, 0);
}

static int64_t i64_of(const char *word)
{
	return strtoll(word, NULL, 0);
}

static uint32_t number_of(const struct numbers *n, const char *word)
{
	int64_t i = i64_of(word);

	return i < 0 || i >= n->of.n ? PPROF_NONE : n->of.at[i];
}

static void remember(struct spec *s, struct numbers *n, uint32_t number)
{
	s->refused += number == PPROF_NONE;
	if (!vec_push(&n->of, number, NUMBERS_MAX))
		die("out of memory");
}

static void do_types(struct spec *s, char **w, size_t n)
{
	for (size_t i = 0; 2 * i + 2 < n + 1 && i < 4; i++) {
		s->header.sample_types[i][0] = text_of(w[2 * i]);
		s->header.sample_types[i][1] = text_of(w[2 * i + 1]);
	}
}

static void do_mapping(struct spec *s, char **w)
{
	struct pprof_mapping m = {.start = u64_of(w[0]),
		.limit = u64_of(w[1]),
		.offset = u64_of(w[2]),
		.filename = text_of(w[3]),
		.has_functions = strchr(w[5], 'f'),
		.has_filenames = strchr(w[5], 'n'),
		.has_line_numbers = strchr(w[5], 'l'),
		.has_inline_frames = strchr(w[5], 'i'),
		.is_main = strchr(w[5], 'm')};

	m.build_id.len = w[4][0] == '-' ? 0 : (uint8_t)(strlen(w[4]) / 2);
	memcpy(m.build_id.bytes, text_of(w[4]), m.build_id.len);
	remember(s, &s->mappings, pprof_mapping(s->b, &m));
}

static void do_location(struct spec *s, char **w, size_t n)
{
	struct pprof_line lines[64];
	size_t n_lines = 0;

	for (size_t i = 2; i + 1 < n && n_lines < 64; i += 2)
		lines[n_lines++] = (struct pprof_line){
			.function = number_of(&s->functions, w[i]), .line = i64_of(w[i + 1])};
	remember(s, &s->locations,
		pprof_location(s->b, number_of(&s->mappings, w[0]), u64_of(w[1]), lines, n_lines));
}

static void do_sample(struct spec *s, char **w, size_t n)
{
	uint32_t locations[WORDS_MAX];
	int64_t values[8];
	struct pprof_label labels[32];
	size_t n_locations = u64_of(*w++), n_values, n_labels = 0;
	char **end = w + n - 1;

	for (size_t i = 0; i < n_locations; i++)
		locations[i] = number_of(&s->locations, *w++);
	n_values = u64_of(*w++);
	for (size_t i = 0; i < n_values && i < 8; i++)
		values[i] = i64_of(*w++);
	for (; w + 1 < end; w += 2)
		labels[n_labels++] = (struct pprof_label){text_of(w[0]), text_of(w[1])};
	s->refused +=
		pprof_sample(s->b, locations, n_locations, labels, n_labels, values, n_values) != 0;
}

static void do_line(struct spec *s, char **w, size_t n)
{
	const char *what = *w++;

	n--;
	if (strcmp(what, "types") == 0)
		do_types(s, w, n);
	else if (strcmp(what, "period") == 0) {
		s->header.period_type[0] = text_of(w[0]);
		s->header.period_type[1] = text_of(w[1]);
		s->header.period = i64_of(w[2]);
	} else if (strcmp(what, "window") == 0) {
		s->header.time_ns = i64_of(w[0]);
		s->header.duration_ns = i64_of(w[1]);
	} else if (strcmp(what, "comment") == 0 && s->header.n_comments < 16)
		s->comments[s->header.n_comments++] = text_of(w[0]);
	else if (strcmp(what, "mapping") == 0)
		do_mapping(s, w);
	else if (strcmp(what, "function") == 0)
		remember(s, &s->functions,
			pprof_function(
				s->b, text_of(w[0]), text_of(w[1]), text_of(w[2]), i64_of(w[3])));
	else if (strcmp(what, "location") == 0)
		do_location(s, w, n);
	else if (strcmp(what, "sample") == 0)
		do_sample(s, w, n);
	else
		die("unknown line");
}

static int build(const char *ceiling)
{
	struct spec s = {0};
	struct pprof_limits limits = {.bytes = ceiling ? u64_of(ceiling) : 0};
	struct buf out = buf_with_ceiling(OUTPUT_MAX);
	char *line = NULL, *words[WORDS_MAX];
	size_t room = 0;
	int err;

	if (pprof_builder_new(&limits, &s.b))
		die("no builder");
	while (getline(&line, &room, stdin) > 0) {
		size_t n = 0;

		for (char *w = strtok(line, " \n"); w && n < WORDS_MAX - 1; w = strtok(NULL, " \n"))
			words[n++] = w;
		words[n] = NULL;
		if (n)
			do_line(&s, words, n);
	}
	s.header.comments = (const char *const *)s.comments;
	err = pprof_finish(s.b, &s.header, &out);
	if (err) {
		fprintf(stderr, "pprof_finish: %s\n", strerror(-err));
		return 1;
	}
	fprintf(stderr, "refused %d counted %" PRIu64 " bytes %zu\n", s.refused,
		pprof_builder_refused(s.b), pprof_builder_bytes(s.b));
	pprof_builder_free(s.b);
	return io_write_all(1, out.bytes, out.len) ? 1 : 0;
}

static int report(int argc, char **argv)
{
	struct buf in = buf_with_ceiling(OUTPUT_MAX), out = buf_with_ceiling(OUTPUT_MAX);
	struct pprof_view *view;
	struct diag diag = {0};
	int err;

	if (io_read_fd(0, &in))
		die("cannot read");
	if (pprof_decode(in.bytes, in.len, &diag, &view)) {
		fprintf(stderr, "%s\n", diag.text);
		return 1;
	}
	if (strcmp(argv[1], "folded") == 0) {
		err = report_folded(view, &out);
	} else if (argc == 5) {
		struct report_top_options options = {.n_functions = u64_of(argv[2]),
			.columns = (unsigned)u64_of(argv[3]),
			.cumulative = strcmp(argv[4], "cum") == 0};

		err = report_top(view, &options, &out);
	} else {
		err = -1;
	}
	pprof_view_free(view);
	return err || io_write_all(1, out.bytes, out.len) ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "build") == 0)
		return build(argv[2]);
	if (argc >= 2)
		return report(argc, argv);
	die("usage: build [BYTES] | folded | top N COLUMNS flat|cum");
}
