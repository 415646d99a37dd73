// SPDX-License-Identifier: Apache-2.0

/* A life of a few milliseconds. */
#include "work.h"

KEEP static void brief_work(void)
{
	work(400000);
}

int main(void)
{
	for (int i = 0; i < 8; i++)
		brief_work();
	return 0;
}
