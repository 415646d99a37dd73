// SPDX-License-Identifier: Apache-2.0

/*
 * Maps the files of argv[1..] for execution, whatever is in them, and calls the
 * code at CODE_OFFSET of each in turn, and own_code() between.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "work.h"

#define CODE_OFFSET 4096
#define MAP_BYTES   16384
#define MOST        256

typedef void (*code)(void);

KEEP static void own_code(void)
{
	work(20000);
}

static code map_code(const char *path)
{
	int fd = open(path, O_RDONLY);
	char *at = fd < 0 ? MAP_FAILED
			  : mmap(NULL, MAP_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED) {
		perror(path);
		exit(1);
	}
	close(fd);
	return (code)(void *)(at + CODE_OFFSET);
}

int main(int argc, char **argv)
{
	static code codes[MOST];
	int n = argc - 1 < MOST ? argc - 1 : MOST;

	for (int i = 0; i < n; i++)
		codes[i] = map_code(argv[i + 1]);
	say_ready();
	for (;;) {
		own_code();
		for (int i = 0; i < n; i++)
			codes[i]();
	}
}
