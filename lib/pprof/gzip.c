// SPDX-License-Identifier: Apache-2.0
#include "pprof/gzip.h"

#include <errno.h>
#include <limits.h>

#include "base/scope.h"

#define GZIP_WINDOW (15 + 16) /* zlib: + 16 is gzip's wrapping */
#define LEVEL       1         /* a tenth larger than 6, in a third of the time */
#define OS_UNKNOWN  255       /* RFC 1952 */
#define STEP        (64u << 10)

int gzip_begin(struct gzip_writer *w, struct buf *out)
{
	*w = (struct gzip_writer){.header = {.os = OS_UNKNOWN}};
	if (deflateInit2(&w->stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	(void)deflateSetHeader(&w->stream, &w->header);
	w->out = out;
	return 0;
}

void gzip_end(struct gzip_writer *w)
{
	if (w->out)
		(void)deflateEnd(&w->stream);
	w->out = NULL;
}

static int deflate_step(struct gzip_writer *w, int flush, int *ret_status)
{
	size_t left = w->out->ceiling - w->out->len;
	size_t room = left < STEP ? left : STEP;
	uint8_t *at = room ? buf_reserve(w->out, room) : NULL;

	if (!at)
		return -ENOBUFS;
	w->stream.next_out = at;
	w->stream.avail_out = (uInt)room;
	*ret_status = deflate(&w->stream, flush);
	buf_commit(w->out, room - w->stream.avail_out);
	return 0;
}

int gzip_write(struct gzip_writer *w, const void *bytes, size_t len, bool last)
{
	int status = Z_OK;

	do {
		uInt part = len > INT_MAX ? INT_MAX : (uInt)len;
		int flush = last && part == len ? Z_FINISH : Z_NO_FLUSH;

		w->stream.next_in = bytes;
		w->stream.avail_in = part;
		do {
			if (deflate_step(w, flush, &status))
				return -ENOBUFS;
		} while (!w->stream.avail_out || (flush == Z_FINISH && status != Z_STREAM_END));
		bytes = (const uint8_t *)bytes + part;
		len -= part;
	} while (len);
	return 0;
}

bool gzip_is(const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	return len >= 2 && b[0] == 0x1f && b[1] == 0x8b;
}

static void scope_inflate_end(z_stream *stream)
{
	(void)inflateEnd(stream);
}

/* One member. A ceiling is told from its end by one byte more of room than allowed. */
static int expand_member(z_stream *stream, struct buf *out)
{
	int status = Z_OK;

	while (status != Z_STREAM_END) {
		uint8_t over = 0;
		size_t left = out->ceiling - out->len;
		size_t room = left < STEP ? left : STEP;
		uint8_t *at = room ? buf_reserve(out, room) : &over;

		if (!at)
			return -ENOMEM;
		stream->next_out = at;
		stream->avail_out = room ? (uInt)room : 1;
		status = inflate(stream, Z_NO_FLUSH);
		if (!room && !stream->avail_out)
			return -EFBIG;
		if (room)
			buf_commit(out, room - stream->avail_out);
		if (status == Z_MEM_ERROR)
			return -ENOMEM;
		/* Z_BUF_ERROR: nothing moved, so the input ends too early */
		if (status != Z_OK && status != Z_STREAM_END)
			return -EBADMSG;
	}
	return 0;
}

int gzip_expand(const void *bytes, size_t len, struct buf *out)
{
	scoped(scope_inflate_end) z_stream stream = {0};

	if (len > UINT_MAX)
		return -EFBIG;
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return -ENOMEM;
	stream.next_in = bytes;
	stream.avail_in = (uInt)len;
	do {
		int err = expand_member(&stream, out);

		if (err)
			return err;
		if (inflateReset(&stream) != Z_OK)
			return -EBADMSG;
	} while (stream.avail_in);
	return 0;
}
