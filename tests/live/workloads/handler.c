// SPDX-License-Identifier: Apache-2.0

/*
 * interrupted() works, and a timer sends it a signal whenever 44 ms of CPU time have
 * passed, of which the signal's handler takes 40.
 */
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "work.h"

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

KEEP static void on_signal(int number)
{
	double end = cpu_seconds() + 0.04;

	(void)number;
	while (cpu_seconds() < end)
		work(200000);
}

KEEP static void interrupted(void)
{
	for (;;)
		work(100000);
}

KEEP static void outer(void)
{
	interrupted();
	__asm__ volatile("");
}

int main(void)
{
	struct itimerval often = {{0, 44000}, {0, 44000}};

	signal(SIGPROF, on_signal);
	setitimer(ITIMER_PROF, &often, NULL);
	say_ready();
	outer();
	return 0;
}
