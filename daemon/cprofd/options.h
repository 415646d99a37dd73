// SPDX-License-Identifier: Apache-2.0
/*
 * options.h - the command line of cprofd
 */
#ifndef CPROFD_CPROFD_OPTIONS_H
#define CPROFD_CPROFD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct diag;

struct options {
	const char *socket; /* NULL with `private` */
	bool private;       /* one client, already connected, is file descriptor 3 */
	unsigned hz;
	size_t ring_bytes; /* 0: by the rule of sampler.h */
	size_t store_bytes;
	bool help, version;
};

#define OPTIONS_PRIVATE_FD 3

extern const char options_usage[];

/* Parse. Returns 0, or -EINVAL with `diag` saying what is accepted. */
int options_parse(int argc, char **argv, struct diag *diag, struct options *ret);

#endif
