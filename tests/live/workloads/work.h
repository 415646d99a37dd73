// SPDX-License-Identifier: Apache-2.0
/*
 * work.h - a unit of work that takes the same time wherever it is compiled into
 *
 * work() is a chain in which each step waits for the one before it, so that its
 * time depends on neither alignment nor what else the loop holds, and it is part of its
 * caller: the caller's own (flat) share is the work that it did. jitter() makes slices of
 * random length, lest they keep step with the profiler's clock.
 */
#ifndef CPROFD_TESTS_LIVE_WORK_H
#define CPROFD_TESTS_LIVE_WORK_H

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* A function with a frame of its own that nothing is merged into or cut out of. */
#define KEEP __attribute__((noinline, noclone))

static volatile uint64_t work_result;

static inline __attribute__((always_inline)) void work(uint64_t steps)
{
	uint64_t x = steps;

	/* a function that calls nobody would do without a frame, and so lose its caller */
	__asm__ volatile("" ::"r"(__builtin_frame_address(0)));
	for (uint64_t i = 0; i < steps; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		__asm__ volatile("" : "+r"(x));
	}
	work_result = x;
}

/* 5000 to 37767, evenly: about 7 to 50 microseconds of work. */
static inline __attribute__((always_inline)) uint64_t jitter(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return 5000 + (state & 0x7fff);
}

static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity");
		exit(1);
	}
}

/* The test waits for this line before it starts to record. */
static inline void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

#endif
