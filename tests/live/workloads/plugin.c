// SPDX-License-Identifier: Apache-2.0

/* What host.c loads when it is told to. */
#include "work.h"

void plugin_run(void);

KEEP static void plugin_work(void)
{
	work(100000);
}

KEEP void plugin_run(void)
{
	for (;;)
		plugin_work();
}
