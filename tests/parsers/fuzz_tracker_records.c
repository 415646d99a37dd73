// SPDX-License-Identifier: Apache-2.0
/*
 * A stream of side-band records, one after the other as in a ring; where a size makes
 * no sense the rest is one record. Afterwards every image is asked for an address.
 */
#include <stdlib.h>
#include <string.h>

#include "tracker/tracker.h"

static bool look(void *ctx, struct image *i)
{
	const uint64_t *times = ctx;

	for (unsigned k = 0; k < 2; k++)
		(void)image_mapping_at(i, 0x400000, times[k]);
	(void)image_main_mapping(i);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tracker_options options = {
		.max_images = 64, .max_mappings = 32, .max_queue_bytes = 65536, .proc = "/dev"};
	struct abi_sample sample = {.time_ns = 1000, .tgid = 7, .tid = 7, .start_boottime_ns = 1};
	uint64_t times[2] = {150, 1000};
	enum tracker_user user;
	struct tracker *t;

	if (tracker_new(&options, &t))
		return 0;
	while (size) {
		uint16_t len = 0;

		if (size >= 8)
			memcpy(&len, data + 6, 2);
		if (len < 8 || len > size)
			len = size > UINT16_MAX ? UINT16_MAX : (uint16_t)size;
		tracker_feed(t, data, len);
		data += len;
		size -= len;
	}
	tracker_advance(t, 500);
	tracker_each(t, look, times);
	(void)tracker_attribute(t, &sample, &user);
	tracker_advance(t, UINT64_MAX - 1);
	tracker_each(t, look, times);
	tracker_free(t);
	return 0;
}
