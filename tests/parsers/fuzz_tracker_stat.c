// SPDX-License-Identifier: Apache-2.0
/* The text of /proc/PID/stat. */
#include <stdlib.h>
#include <string.h>

#include "tracker/procmaps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct procstat stat;

	if (procstat_parse((const char *)data, size, &stat) == 0 &&
		strnlen(stat.comm, sizeof(stat.comm)) == sizeof(stat.comm))
		abort();
	return 0;
}
