// SPDX-License-Identifier: Apache-2.0
/*
 * order.h - which rows of a builder go into the file, and as which id
 *
 * The order of the file follows from what the rows say, never from when they were
 * added: strings by their bytes, functions by their strings, mappings and locations by
 * address, samples by their stacks. What no sample reaches has id 0 and is left
 * out.
 */
#ifndef CPROFD_PPROF_ORDER_H
#define CPROFD_PPROF_ORDER_H

#include <stdint.h>

#include "base/buf.h"
#include "pprof/arena.h"
#include "pprof/builder.h"

/* Rows in file order, and each row's place in it. */
struct order {
	uint32_t *rows; /* of the n in the file */
	uint32_t n;
	uint32_t *ids; /* by row: 1..n, 0 when it is left out */
};

/*
 * Strings beyond the builder's (the header's) are numbered on from its last. Equal
 * strings share an id; string_ids counts from 0, which is "".
 */
struct file_order {
	struct arena arena;
	const struct pprof_builder *b;
	const struct text_row *texts; /* the builder's, then the header's */
	uint32_t n_texts;
	struct order strings, mappings, functions, locations, samples;
};

/* Release with file_order_fini(), also after a failure. Returns 0 or -ENOMEM. */
int file_order_init(struct file_order *o, const struct pprof_builder *b,
	const struct text_row *more_texts, uint32_t n_more_texts);
void file_order_fini(struct file_order *o);

#endif
