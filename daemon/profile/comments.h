// SPDX-License-Identifier: Apache-2.0
/*
 * comments.h - what a profile says about itself, for people
 */
#ifndef CPROFD_PROFILE_COMMENTS_H
#define CPROFD_PROFILE_COMMENTS_H

#include <stddef.h>

#include "base/buf.h"

struct assemble_input;
struct nameless;

/* Enough for every process of a request, every CPU and the files without names. */
#define COMMENTS_MAX 512

/* The zero value is empty. Each comment ends in NUL within `text`. */
struct comments {
	struct buf text;
	size_t starts[COMMENTS_MAX];
	const char *lines[COMMENTS_MAX]; /* set by comments_finish() */
	size_t n;
};

void comments_fini(struct comments *c);

/* Fill in everything about the profile; `nameless` are those frames that got no name. */
void comments_write(struct comments *c, const struct assemble_input *in,
	const struct nameless *nameless, size_t n_nameless);

#endif
