// SPDX-License-Identifier: Apache-2.0
/*
 * progress.h - one line on a terminal that is written over and over
 *
 * Shows how far a recording is. It never grows beyond the terminal's width, which
 * may change meanwhile, and where there is no terminal it shows nothing.
 */
#ifndef CPROFD_CLI_PROGRESS_H
#define CPROFD_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct progress {
	int fd;
	bool on;
	unsigned shown; /* columns that the line on the screen takes */
};

struct progress_state {
	uint64_t elapsed_ns, total_ns;
	uint64_t samples, lost, late;
	bool ending; /* asked to stop: the profile is being made */
};

/* `fd` is borrowed; nothing will be shown unless it is a terminal. */
void progress_init(struct progress *p, int fd);

void progress_show(struct progress *p, const struct progress_state *state);

/* Wipe the line, before anything else is written to the terminal. */
void progress_clear(struct progress *p);

/* Append the text of the line, at most `columns` long (all of it is ASCII). */
void progress_text(const struct progress_state *state, unsigned columns, struct buf *out);

#endif
