// SPDX-License-Identifier: Apache-2.0
#include "sampler/cputime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cputime t = {0};

	if (!cputime_parse(data, size, 100, &t) && (!t.cpus.n || cputime_idle_ns(&t, &t)))
		__builtin_trap();
	cputime_fini(&t);
	return 0;
}
