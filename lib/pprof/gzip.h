// SPDX-License-Identifier: Apache-2.0
/*
 * gzip.h - one gzip member out, any number of them in
 */
#ifndef CPROFD_PPROF_GZIP_H
#define CPROFD_PPROF_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/buf.h"

struct gzip_writer {
	z_stream stream;
	gz_header header; /* zlib reads it late */
	struct buf *out;
};

/*
 * Start a member at the end of `out`, which is borrowed until gzip_end(). Its header
 * has no time, no name and no system in it: equal bytes in, equal bytes out. Returns
 * 0 or -ENOMEM.
 */
int gzip_begin(struct gzip_writer *w, struct buf *out);

/* Compress `len` bytes; `last` closes the member. Returns 0 or -ENOBUFS. */
int gzip_write(struct gzip_writer *w, const void *bytes, size_t len, bool last);
void gzip_end(struct gzip_writer *w); /* also a zero value */

/* Does it start like gzip? */
bool gzip_is(const void *bytes, size_t len);

/*
 * Decompress all members, appended to `out`. Returns 0; -EBADMSG when it is
 * damaged, cut or followed by something else; -EFBIG at the ceiling of `out`; -ENOMEM.
 */
int gzip_expand(const void *bytes, size_t len, struct buf *out);

#endif
