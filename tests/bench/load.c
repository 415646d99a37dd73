// SPDX-License-Identifier: Apache-2.0
/*
 * load.c - what the machine does while the daemon's own cost is measured
 *
 *   load burn CPU     keeps one CPU busy under a few thousand stacks, with frame pointers
 *   load crowd N      N processes: each wakes once a second, every 30th starts a program
 *                     that ends at once
 *   load nothing      that program
 *
 * Prints "ready" once all of it runs, and ends with its standard input.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "live/workload.h"

#define STACKS       3000
#define STARTS_EVERY 30 /* of so many processes one starts others */
#define CROWD_MAX    2000

static void ends_with_parent(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
}

/* One of STACKS paths after the other. */
WORKLOAD_FRAME static _Noreturn void burn(void)
{
	for (uint64_t counter = 0;; counter = (counter + 1) % STACKS) {
		uint64_t rest = counter;
		uint8_t path[MANY_DEPTH];

		for (unsigned i = 0; i < MANY_DEPTH; i++, rest /= MANY_FUNCTIONS)
			path[i] = rest % MANY_FUNCTIONS;
		many_call(path, MANY_DEPTH);
	}
}

static void start_nothing(void)
{
	pid_t pid = fork();

	if (!pid) {
		(void)execl("/proc/self/exe", "load", "nothing", NULL);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static _Noreturn void live(unsigned number)
{
	/* not all in the same moment */
	(void)usleep(number * 3331 % 1000000);
	for (;;) {
		if (number % STARTS_EVERY == 0)
			start_nothing();
		(void)usleep(1000000);
	}
}

static int spawn_burner(int cpu)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	ends_with_parent(parent);
	workload_pin(cpu);
	burn();
}

static int spawn_crowd(unsigned n)
{
	pid_t parent = getpid(), pid = 0;

	for (unsigned i = 0; i < n && pid >= 0; i++) {
		pid = fork();
		if (!pid) {
			ends_with_parent(parent);
			live(i);
		}
	}
	return pid;
}

int main(int argc, char **argv)
{
	unsigned long n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int started = -1;
	char byte;

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc == 3 && !strcmp(argv[1], "burn"))
		started = spawn_burner((int)n);
	else if (argc == 3 && !strcmp(argv[1], "crowd") && n <= CROWD_MAX)
		started = spawn_crowd((unsigned)n);
	if (started < 0)
		return 2;
	(void)puts("ready");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
