// SPDX-License-Identifier: Apache-2.0
/*
 * workload.h - work whose stacks are known beforehand
 *
 * Everything here keeps frame pointers and its own call frames, however the
 * file that includes it is compiled.
 */
#ifndef CPROFD_TESTS_LIVE_WORKLOAD_H
#define CPROFD_TESTS_LIVE_WORKLOAD_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>

#define WORKLOAD_FRAME                                                                             \
	__attribute__((                                                                            \
		noipa, unused, optimize("no-omit-frame-pointer", "no-optimize-sibling-calls")))

#define MANY_FUNCTIONS 15
#define MANY_DEPTH     6 /* 15^6 paths: 11 million stacks */

static volatile uint64_t workload_turns;
static volatile bool workload_done; /* nobody sets it */

WORKLOAD_FRAME static void workload_spin(unsigned turns)
{
	for (unsigned i = 0; i < turns; i++)
		workload_turns++;
}

static void many_call(const uint8_t *path, unsigned left);

/* After the call something is left to do, different in each: no two can be merged into one. */
#define MANY(n)                                                                                    \
	WORKLOAD_FRAME static void many_##n(const uint8_t *path, unsigned left)                    \
	{                                                                                          \
		many_call(path, left);                                                             \
		__asm__ volatile("" ::"i"(n));                                                     \
	}
MANY(0)
MANY(1)
MANY(2)
MANY(3)
MANY(4)
MANY(5)
MANY(6)
MANY(7)
MANY(8)
MANY(9)
MANY(10)
MANY(11)
MANY(12)
MANY(13)
MANY(14)
#undef MANY

WORKLOAD_FRAME static void many_call(const uint8_t *path, unsigned left)
{
	static void (*const functions[MANY_FUNCTIONS])(const uint8_t *, unsigned) = {many_0, many_1,
		many_2, many_3, many_4, many_5, many_6, many_7, many_8, many_9, many_10, many_11,
		many_12, many_13, many_14};

	if (left)
		functions[*path](path + 1, left - 1);
	else
		workload_spin(2000);
	__asm__ volatile("");
}

/* One path through the functions after the other: the digits of a counter to base 15. */
WORKLOAD_FRAME static _Noreturn void workload_many_stacks(void)
{
	for (uint64_t counter = 0;; counter++) {
		uint64_t rest = counter;
		uint8_t path[MANY_DEPTH];

		for (unsigned i = 0; i < MANY_DEPTH; i++, rest /= MANY_FUNCTIONS)
			path[i] = rest % MANY_FUNCTIONS;
		many_call(path, MANY_DEPTH);
	}
}

/* Recursion: `depth` frames of this function, the last of which works for good. */
WORKLOAD_FRAME static void workload_depth(unsigned depth)
{
	if (depth > 1)
		workload_depth(depth - 1);
	while (!workload_done)
		workload_spin(1000);
}

static inline void workload_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

#endif
