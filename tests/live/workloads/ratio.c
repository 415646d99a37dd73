// SPDX-License-Identifier: Apache-2.0

/* alpha() does three units of work for each that beta() does. */
#include "work.h"

#ifndef ALPHA
#define ALPHA 3
#endif

KEEP static void alpha(uint64_t unit)
{
	work(ALPHA * unit);
}

KEEP static void beta(uint64_t unit)
{
	work(unit);
}

KEEP static void turn(void)
{
	uint64_t unit = jitter();

	alpha(unit);
	beta(unit);
	__asm__ volatile("");
}

int main(void)
{
	say_ready();
	for (;;)
		turn();
}
