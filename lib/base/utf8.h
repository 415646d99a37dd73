// SPDX-License-Identifier: Apache-2.0
/*
 * utf8.h - text for strangers from the bytes of strangers
 *
 * A comm, a path or a symbol can hold any byte but NUL. pprof readers reject a
 * whole profile for one string that is not UTF-8, and a terminal obeys control
 * characters. These two functions stand between.
 */
#ifndef CPROFD_BASE_UTF8_H
#define CPROFD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Is it well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, <= U+10FFFF)? */
bool utf8_valid(const char *bytes, size_t len);

/* Append `bytes` with every ill-formed sequence as U+FFFD, one for each maximal subpart. */
void utf8_append_repaired(struct buf *out, const char *bytes, size_t len);

/*
 * Append `bytes` fit for a terminal or a line of text: repaired as above, and
 * C0, DEL and C1 controls as \xNN, a backslash as \\.
 */
void utf8_append_printable(struct buf *out, const char *bytes, size_t len);

#endif
