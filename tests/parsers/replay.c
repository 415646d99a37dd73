// SPDX-License-Identifier: Apache-2.0
/*
 * replay.c - a fuzz target without the fuzzer: feed it a directory of inputs
 *
 * Each input is copied to an allocation of exactly its size, so that a sanitizer
 * sees a read past its end. Also given: nothing at all, and each input's first
 * half, for truncation is the damage that parsers meet most.
 *
 * Output is TAP. An empty or missing corpus is a failure.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed_bytes(const uint8_t *bytes, size_t n)
{
	scoped(scope_free) uint8_t *exact = malloc(n ? n : 1);

	if (!exact)
		return -ENOMEM;
	memcpy(exact, bytes, n);
	LLVMFuzzerTestOneInput(exact, n);
	return 0;
}

static int read_whole(int fd, uint8_t *to, size_t n)
{
	while (n) {
		ssize_t got = read(fd, to, n);

		if (got <= 0)
			return got ? -errno : -EIO;
		to += got;
		n -= (size_t)got;
	}
	return 0;
}

static int feed_file(const char *path)
{
	scoped(scope_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	scoped(scope_free) uint8_t *bytes = NULL;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	r = read_whole(fd, bytes, (size_t)st.st_size);
	if (!r)
		r = feed_bytes(bytes, (size_t)st.st_size);
	return r ? r : feed_bytes(bytes, (size_t)st.st_size / 2);
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Feeds every file of `directory`; returns how many, or a negative errno. */
static int feed_directory(const char *directory)
{
	struct dirent **entries = NULL;
	int n = scandir(directory, &entries, is_input, alphasort);
	int r = n < 0 ? -errno : n;

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];
		int one;

		snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		one = feed_file(path);
		if (one) {
			printf("# %s: %s\n", path, strerror(-one));
			r = one;
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

int main(int argc, char **argv)
{
	int n_failed = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY...\n", argv[0]);
		return 2;
	}
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		int n = feed_bytes((const uint8_t *)"", 0) ? -ENOMEM : feed_directory(argv[i]);

		printf("%s %d - %s: %d inputs\n", n > 0 ? "ok" : "not ok", i, argv[i],
			n > 0 ? n : 0);
		n_failed += n <= 0;
	}
	return n_failed ? 1 : 0;
}
