// SPDX-License-Identifier: Apache-2.0
/*
 * build.h - put a profile together and encode it as pprof
 *
 * The one writer of profile.proto. Callers add mappings, functions, locations
 * and samples in any order; equal things get equal numbers. pprof_finish() brings
 * all of it into a canonical order, so equal data gives equal bytes, and writes
 * one gzip member whose strings are valid UTF-8, whose ids are 1..N in file order
 * and whose first string is empty.
 *
 * Numbers handed out here name things within one builder; they are not the ids
 * in the file.
 */
#ifndef CPROFD_PPROF_BUILD_H
#define CPROFD_PPROF_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/build_id.h"

struct pprof_builder;

#define PPROF_NONE UINT32_MAX /* "no such number": a ceiling was met or memory is out */

/* Ceilings; 0 means the default. Reaching one makes the adding call return PPROF_NONE and is
 * counted. */
struct pprof_limits {
	size_t bytes; /* memory for everything that is added; 256 MiB */
};

struct pprof_mapping {
	uint64_t start, limit, offset; /* exactly as mapped */
	const char *filename; /* any bytes: repaired to UTF-8; " (deleted)" already removed */
	struct build_id build_id;
	bool has_functions; /* an attempt was made to name its frames */
	bool has_filenames, has_line_numbers, has_inline_frames;
	bool is_main; /* comes first in the file; at most one (the first one that says so wins) */
};

struct pprof_line {
	uint32_t function;
	int64_t line; /* 0: unknown */
};

struct pprof_label {
	const char *key;   /* a C string of ours */
	const char *value; /* any bytes: repaired */
};

/* What a whole profile says about itself. Strings are borrowed during pprof_finish(). */
struct pprof_header {
	const char *sample_types[4][2]; /* {type, unit}; the first NULL ends them */
	const char *period_type[2];
	int64_t period;
	int64_t time_ns;     /* wall clock, start of the window */
	int64_t duration_ns; /* > 0 */
	const char *const *comments;
	size_t n_comments;
};

int pprof_builder_new(const struct pprof_limits *limits, struct pprof_builder **ret);
void pprof_builder_free(struct pprof_builder *b); /* NULL is accepted */

/* Each returns a number for the thing, equal for equal things; or PPROF_NONE. All strings are
 * copied. */
uint32_t pprof_mapping(struct pprof_builder *b, const struct pprof_mapping *m);
uint32_t pprof_function(struct pprof_builder *b, const char *name, const char *system_name,
	const char *filename, int64_t start_line);
/*
 * `mapping` may be PPROF_NONE (no mapping). One location exists per (mapping,
 * address): the lines of the first call stand. Lines innermost first; n_lines 0
 * makes a location without a name. Lines whose function is PPROF_NONE are left out.
 * Address 0 is written as 1, for readers take 0 as "no address".
 */
uint32_t pprof_location(struct pprof_builder *b, uint32_t mapping, uint64_t address,
	const struct pprof_line *lines, size_t n_lines);

/*
 * Add `values` (as many as the header will have sample types; at most 4) to the
 * sample with these locations (leaf first, at least one) and labels (keys
 * distinct; order does not matter; at most 16; one with an empty value is left
 * out). Sums stop at INT64_MAX. Returns 0, -EINVAL for no locations, a location that
 * is PPROF_NONE, another number of values than before, or values that are negative or
 * all zero, -ENOBUFS at a ceiling.
 */
int pprof_sample(struct pprof_builder *b, const uint32_t *locations, size_t n_locations,
	const struct pprof_label *labels, size_t n_labels, const int64_t *values, size_t n_values);

/*
 * Encode and compress the samples and what they reach, and the main mapping: what no
 * sample uses is not written. `out` gets the gzip member appended; on failure
 * (-EINVAL for a header that breaks its rules, -ENOMEM, -ENOBUFS at out's ceiling) it
 * must not be used. A header's rules: every type and unit there and without a '-', as many
 * sample types as the samples have values, period and duration above 0, no
 * comment that starts "executableInfo=" (readers parse those); empty comments are left
 * out. The builder can be finished again, with the same result.
 */
int pprof_finish(const struct pprof_builder *b, const struct pprof_header *header, struct buf *out);

/* Memory in use. pprof_finish() takes about as much again as the indices need, for a moment. */
size_t pprof_builder_bytes(const struct pprof_builder *b);

/* How many additions a ceiling or missing memory refused. */
uint64_t pprof_builder_refused(const struct pprof_builder *b);

#endif
