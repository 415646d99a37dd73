// SPDX-License-Identifier: Apache-2.0
/*
 * builder.h - what a builder holds, for build.c (fills it) and encode.c (reads it)
 *
 * Every table is an array and an idmap over it; rows name other rows by index.
 * Strings are repaired to UTF-8 before they are interned, number 0 is "".
 */
#ifndef CPROFD_PPROF_BUILDER_H
#define CPROFD_PPROF_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/idmap.h"
#include "base/vec.h"
#include "pprof/arena.h"
#include "pprof/build.h"

#define PPROF_VALUES_MAX 4

#define TABLE(type)                                                                                \
	struct {                                                                                   \
		VEC(type) rows;                                                                    \
		struct idmap index;                                                                \
	}

struct text_row {
	const char *at; /* NUL-terminated */
	uint32_t len;
};

/* The flags of equal mappings are united, so they are no part of its identity. */
struct mapping_row {
	struct mapping_identity {
		uint64_t start, limit, offset;
		uint32_t filename, build_id; /* strings */
	} is;
	bool has_functions, has_filenames, has_line_numbers, has_inline_frames;
};

struct function_row {
	int64_t start_line;
	uint32_t name, system_name, filename; /* strings */
	uint32_t zero;                        /* rows are hashed as bytes */
};

struct location_row {
	struct location_identity {
		uint64_t address;
		uint32_t mapping; /* or PPROF_NONE */
		uint32_t zero;
	} is;
	uint32_t n_lines;
	const struct pprof_line *lines;
};

struct label_row {
	uint32_t key, value; /* strings */
};

/* `what` holds the locations, then the labels in the order of their keys' bytes. */
struct sample_row {
	const uint32_t *what;
	uint32_t n_locations, n_labels;
	int64_t values[PPROF_VALUES_MAX];
};

struct pprof_builder {
	size_t ceiling;
	uint64_t n_refused;
	struct arena arena;
	struct buf scratch; /* a string under repair */
	TABLE(struct text_row) texts;
	TABLE(struct mapping_row) mappings;
	TABLE(struct function_row) functions;
	TABLE(struct location_row) locations;
	TABLE(struct sample_row) samples;
	uint32_t main_mapping; /* or PPROF_NONE */
	uint32_t n_values;     /* of each sample; 0 before the first */
};

static inline const struct label_row *sample_labels(const struct sample_row *s)
{
	return (const struct label_row *)(s->what + s->n_locations);
}

#endif
