// SPDX-License-Identifier: Apache-2.0
/*
 * decode.h - read a pprof profile that anybody may have written
 *
 * Plain arrays with every index checked, so that reports need no checks of their
 * own. Accepts gzipped and plain input.
 */
#ifndef CPROFD_PPROF_DECODE_H
#define CPROFD_PPROF_DECODE_H

#include <stddef.h>
#include <stdint.h>

struct diag;

#define PPROF_DECODE_MAX (256u << 20) /* bytes, uncompressed */

struct pprof_view_function {
	const char *name, *system_name, *filename; /* never NULL; valid UTF-8 */
	int64_t start_line;
};

struct pprof_view_line {
	const struct pprof_view_function *function; /* never NULL */
	int64_t line;
};

struct pprof_view_mapping {
	uint64_t start, limit, offset;
	const char *filename, *build_id;
};

struct pprof_view_location {
	const struct pprof_view_mapping *mapping; /* may be NULL */
	uint64_t address;
	const struct pprof_view_line *lines; /* innermost first */
	size_t n_lines;
};

struct pprof_view_label {
	const char *key, *value; /* string labels only; numeric ones are left out */
};

struct pprof_view_sample {
	const struct pprof_view_location *const *locations; /* leaf first */
	size_t n_locations;
	const int64_t *values; /* n_sample_types of them */
	const struct pprof_view_label *labels;
	size_t n_labels;
};

struct pprof_view {
	const char *(*sample_types)[2]; /* {type, unit} */
	size_t n_sample_types;
	const struct pprof_view_sample *samples;
	size_t n_samples;
	const struct pprof_view_mapping *mappings;
	size_t n_mappings;
	const char *const *comments;
	size_t n_comments;
	const char *period_type[2];
	int64_t period, time_ns, duration_ns;
};

/*
 * Gives a view, released with pprof_view_free(). Returns 0; -EBADMSG when it is no
 * pprof profile (`diag` says what is wrong); -EFBIG above PPROF_DECODE_MAX; -ENOMEM.
 */
int pprof_decode(const void *bytes, size_t len, struct diag *diag, struct pprof_view **ret);
void pprof_view_free(struct pprof_view *v); /* NULL is accepted */

#endif
