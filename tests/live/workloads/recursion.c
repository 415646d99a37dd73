// SPDX-License-Identifier: Apache-2.0

/* bottom() works below 100 frames of descend(), which main() called. */
#include "work.h"

#ifndef DEPTH
#define DEPTH 100
#endif

static volatile int stop; /* nobody sets it, but the compiler can't know */

KEEP static void bottom(void)
{
	say_ready();
	while (!stop)
		work(100000);
}

KEEP static void descend(unsigned left)
{
	if (left > 1)
		descend(left - 1);
	else
		bottom();
	__asm__ volatile("");
}

int main(void)
{
	descend(DEPTH);
	return 0;
}
