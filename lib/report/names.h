// SPDX-License-Identifier: Apache-2.0
/*
 * names.h - numbers for strings, while a report is made
 */
#ifndef CPROFD_REPORT_NAMES_H
#define CPROFD_REPORT_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/idmap.h"
#include "base/vec.h"

struct name {
	size_t at; /* in text */
	uint32_t len;
};

struct names {
	struct buf text;
	VEC(struct name) rows;
	struct idmap index;
};

#define NAMES_NONE IDMAP_NONE

struct names names_new(void);
void names_fini(struct names *n);

/* The number of these bytes, equal for equal ones, counted from 0; NAMES_NONE without memory. */
uint32_t names_add(struct names *n, const void *bytes, size_t len);

/* The bytes of number `id`, good until the next names_add(). */
static inline const char *names_at(const struct names *n, uint32_t id, size_t *ret_len)
{
	*ret_len = n->rows.at[id].len;
	return (const char *)n->text.bytes + n->rows.at[id].at;
}

/* Order of two numbers by their bytes. */
int names_compare(const struct names *n, uint32_t a, uint32_t b);

#endif
