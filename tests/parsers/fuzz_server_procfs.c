// SPDX-License-Identifier: Apache-2.0
/* The text of a /proc/PID/status. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/procfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pid_t tgid = procfs_parse_tgid((const char *)data, size);

	if (tgid <= 0 ? tgid != -EBADMSG : tgid > 1 << 22)
		abort();
	return 0;
}
