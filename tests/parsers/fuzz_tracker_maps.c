// SPDX-License-Identifier: Apache-2.0
/* The text of /proc/PID/maps, cut in two where the first byte says. */
#include <stdlib.h>

#include "tracker/procfs.h"

static int each(void *ctx, const struct procmaps_line *line)
{
	size_t *sum = ctx;

	for (size_t i = 0; i < line->path_len; i++)
		*sum += (unsigned char)line->path[i];
	if (!line->executable || line->limit <= line->start)
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maps_text *text = calloc(1, sizeof(*text));
	const char *at = (const char *)data + 1;
	uint64_t malformed = 0;
	size_t sum = 0, cut;

	if (text && size) {
		size--;
		cut = data[0] < size ? data[0] : size;
		(void)maps_text_feed(text, at, cut, each, &sum, &malformed);
		(void)maps_text_feed(text, at + cut, size - cut, each, &sum, &malformed);
	}
	free(text);
	return 0;
}
