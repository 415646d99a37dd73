// SPDX-License-Identifier: Apache-2.0
#include "base/cpus.h"

#include <errno.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/cursor.h"
#include "base/io.h"
#include "base/scope.h"
#include "base/text.h"

#define LIST_MAX 65536 /* bytes: every other of 8192 CPUs, written out */

static int add_range(struct cpus *cpus, uint64_t first, uint64_t last)
{
	if (last >= CPUS_MAX)
		return -ERANGE;
	if (first > last)
		return -EBADMSG;
	for (uint64_t cpu = first; cpu <= last; cpu++) {
		if (cpus_has(cpus, (unsigned)cpu))
			return -EBADMSG;
		cpus->set[cpu / 8] |= (uint8_t)(1u << cpu % 8);
		cpus->n++;
	}
	return 0;
}

int cpus_parse(const void *text, size_t len, struct cpus *ret)
{
	struct cursor at = cursor_over(text, len);
	struct cpus cpus = {0};

	do {
		uint64_t first = text_number(&at);
		uint64_t last = text_skip(&at, '-') ? text_number(&at) : first;
		int err = at.failed ? -EBADMSG : add_range(&cpus, first, last);

		if (err)
			return err;
	} while (text_skip(&at, ','));
	(void)text_skip(&at, '\n');
	if (cursor_left(&at))
		return -EBADMSG;
	*ret = cpus;
	return 0;
}

int cpus_online(struct cpus *ret)
{
	scoped(buf_fini) struct buf list = buf_with_ceiling(LIST_MAX);
	int err = io_read_file(AT_FDCWD, "/sys/devices/system/cpu/online", &list);

	return err ? err : cpus_parse(list.bytes, list.len, ret);
}
