// SPDX-License-Identifier: Apache-2.0
/* A text of /proc/kallsyms: ranges must be in order and apart, names inside of them. */
#include <stdlib.h>

#include "symbolizer/kallsyms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct source *s, uint64_t address, bool inside)
{
	struct source_answer answer;
	bool found = s->type->find(s, address, &answer);

	if ((found && (!inside || !answer.name_len)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kallsyms_range *r;
	struct source *s = NULL;
	size_t n;

	if (kallsyms_new((const char *)data, size, 1 << 20, &s))
		return 0;
	n = kallsyms_ranges(s, &r);
	for (size_t i = 0; i < n; i++) {
		if (r[i].start > r[i].limit || (i > 1 && r[i - 1].limit > r[i].start) ||
			(i && r[i].start < r[0].limit && r[i].limit > r[0].start &&
				r[0].name[0] == 'k' && r[0].name[6] == '.'))
			abort();
		look_up(s, r[i].start, true);
		look_up(s, r[i].limit - 1, true);
	}
	s->type->free(s);
	return 0;
}
