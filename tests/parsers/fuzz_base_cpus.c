// SPDX-License-Identifier: Apache-2.0
#include "base/cpus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpus cpus;
	unsigned n = 0;

	if (cpus_parse(data, size, &cpus))
		return 0;
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++)
		n += cpus_has(&cpus, cpu);
	if (!n || n != cpus.n)
		__builtin_trap();
	return 0;
}
