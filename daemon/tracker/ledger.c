// SPDX-License-Identifier: Apache-2.0
#include "tracker/ledger.h"

#include <stdlib.h>

struct ledger *ledger_new(size_t max_bytes)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->refs = 1;
	l->max_bytes = max_bytes;
	return l;
}

struct ledger *ledger_ref(struct ledger *l)
{
	l->refs++;
	return l;
}

void ledger_unref(struct ledger *l)
{
	if (l && --l->refs == 0)
		free(l);
}
