// SPDX-License-Identifier: Apache-2.0

/* Runs argv[1] again and again, one at a time, until it is killed. */
#include <spawn.h>
#include <sys/wait.h>

#include "work.h"

int main(int argc, char **argv)
{
	char *none[] = {NULL};

	if (argc != 2)
		return 2;
	say_ready();
	for (;;) {
		char *args[] = {argv[1], NULL};
		pid_t pid;
		int status;

		if (posix_spawn(&pid, argv[1], NULL, NULL, args, none) ||
			waitpid(pid, &status, 0) != pid || status)
			return 1;
	}
}
