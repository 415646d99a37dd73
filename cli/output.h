// SPDX-License-Identifier: Apache-2.0
/*
 * output.h - a file that appears whole or not at all
 *
 * output_open() finds out before the work starts whether there will be a place for
 * its result; output_commit() puts it there in one step. Until then the
 * bytes have no name in the directory, so whatever happens leaves nothing behind.
 *
 * A file is made with mode 0600, and belongs to the user behind sudo when there is one. An
 * existing file is replaced, not written into, so no symbolic or hard link that
 * somebody planted leads the bytes elsewhere. Devices and pipes that the user names are written to
 * as they are.
 */
#ifndef CPROFD_CLI_OUTPUT_H
#define CPROFD_CLI_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

enum output_flags {
	OUTPUT_BINARY = 1, /* not for a terminal */
	OUTPUT_UNIQUE = 2, /* a name that we chose: never replaces, "-2" is added instead */
	OUTPUT_NAMED = 4,  /* as on file systems that know no nameless files */
};

struct output {
	int fd;
	int dir_fd;    /* -1: a stream, nothing to put in place */
	bool borrowed; /* `fd` is stdout, or another that we were given */
	unsigned flags;
	char path[PATH_MAX];     /* for messages */
	char name[NAME_MAX + 1]; /* within the directory */
	char temp[NAME_MAX + 1]; /* "": nameless */
};

#define OUTPUT_NONE                                                                                \
	{                                                                                          \
		.fd = -1, .dir_fd = -1                                                             \
	}

/*
 * Prepare `path`; "-" is stdout. On success *ret is to be released with
 * output_fini(). Returns 0; -EINVAL for binary to a terminal; another negative errno
 * when it can't be written. `diag` says which in a sentence.
 */
int output_open(const char *path, unsigned flags, struct diag *diag, struct output *ret);

/* Write all of it and put the file in place. Returns 0 or a negative errno, and then there is no
 * file. */
int output_commit(struct output *o, const void *bytes, size_t len, struct diag *diag);

/* Release it; without output_commit() nothing remains of it. OUTPUT_NONE is accepted. */
void output_fini(struct output *o);

/* Is it stdout or another stream, rather than a file of its own? */
bool output_is_stream(const struct output *o);

#endif
