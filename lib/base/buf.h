// SPDX-License-Identifier: Apache-2.0
/*
 * buf.h - bytes that grow, up to a ceiling
 *
 * Output of unknown length (an encoded profile, a folded report, a message) is
 * appended to a buf. Its ceiling is given once, at init. The first append that
 * would cross it, or that finds no memory, latches `failed`; later appends do
 * nothing, so a writer checks once, at the end.
 */
#ifndef CPROFD_BASE_BUF_H
#define CPROFD_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *bytes; /* NULL while nothing was appended */
	size_t len;
	size_t room;    /* allocated bytes */
	size_t ceiling; /* `len` never passes it */
	bool failed;    /* an append was refused; until buf_clear() or buf_fini() */
};

/* An empty buf that never holds more than `ceiling` bytes. Allocates nothing. */
struct buf buf_with_ceiling(size_t ceiling);

/* Release the bytes. The zero value and a released buf are accepted. */
void buf_fini(struct buf *b);

/* Forget the contents, keep the memory. */
void buf_clear(struct buf *b);

void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_append_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Make room for `len` more bytes and return where to write them; then say with
 * buf_commit() how many were written. NULL once failed.
 */
uint8_t *buf_reserve(struct buf *b, size_t len);
void buf_commit(struct buf *b, size_t len);

/* Drop the first `len` bytes (at most all of them). */
void buf_consume(struct buf *b, size_t len);

#endif
