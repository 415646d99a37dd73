// SPDX-License-Identifier: Apache-2.0
/*
 * Messages from the channel, one after the other until one ends it: a byte that says
 * whether a descriptor comes along, two of length, the message.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "control/frame.h"
#include "symbolizer/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int one_message(struct server *s, struct cursor *c, struct buf *out)
{
	static const char *const files[] = {NULL, "/proc/self/exe", "/dev/null", "/"};
	const char *file = files[cursor_u8(c) % 4];
	struct cursor message = cursor_take(c, cursor_u16le(c) % 512);
	const uint8_t *at;
	size_t len;
	int result;

	if (c->failed)
		return 0;
	result = server_request(s, message.at, cursor_left(&message),
		file ? open(file, O_RDONLY | O_CLOEXEC) : -1, out);
	if (result > 0 && out->len && frame_next(out, FRAME_MAX, &at, &len) != 1)
		abort();
	buf_clear(out);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf out = buf_with_ceiling(FRAME_MAX + FRAME_HEADER_LEN);
	struct cursor c = cursor_over(data, size);
	struct server *s = server_new(3);

	while (s && one_message(s, &c, &out) > 0)
		;
	server_free(s);
	buf_fini(&out);
	return 0;
}
