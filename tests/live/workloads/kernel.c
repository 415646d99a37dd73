// SPDX-License-Identifier: Apache-2.0

/*
 * Pinned to CPU 1, works in the kernel three quarters of its time: reads /dev/zero
 * and passes bytes through a pipe, and does own_work() between. Every 5 ms it appends
 * to argv[1] what the kernel says of it:
 *
 *     wall clock, user time, system time     (three doubles, seconds)
 *
 * User and system time are the kernel's own, as getrusage(2) gives them.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "work.h"

#ifndef OWN_UNITS
#define OWN_UNITS 3
#endif

static char buffer[1 << 18];

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void append_usage(int log)
{
	static double last;
	struct rusage usage;
	double entry[3] = {wall_clock()};

	if (entry[0] - last < 0.005)
		return;
	last = entry[0];
	getrusage(RUSAGE_SELF, &usage);
	entry[1] = seconds_of(usage.ru_utime);
	entry[2] = seconds_of(usage.ru_stime);
	if (write(log, entry, sizeof(entry)) != (ssize_t)sizeof(entry))
		exit(1);
}

KEEP static void read_zeros(int zero, size_t len)
{
	if (read(zero, buffer, len) < 0)
		exit(1);
}

KEEP static void pass_through_pipe(int in, int out, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		if (write(in, buffer, 4096) != 4096 || read(out, buffer, 4096) != 4096)
			exit(1);
}

KEEP static void own_work(uint64_t units)
{
	work(units);
}

int main(int argc, char **argv)
{
	int zero = open("/dev/zero", O_RDONLY), ends[2], log;

	if (argc != 2 || zero < 0 || pipe(ends) ||
		(log = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600)) < 0)
		return 1;
	pin(1);
	say_ready();
	for (;;) {
		for (unsigned i = 0; i < 8; i++)
			read_zeros(zero, 5 * jitter());
		pass_through_pipe(ends[1], ends[0], (unsigned)(jitter() / 512));
		own_work(OWN_UNITS * jitter() / 8);
		append_usage(log);
	}
}
