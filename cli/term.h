// SPDX-License-Identifier: Apache-2.0
/*
 * term.h - the terminal, and what is said on it
 */
#ifndef CPROFD_CLI_TERM_H
#define CPROFD_CLI_TERM_H

#include <stdbool.h>

bool term_is(int fd);

/* Columns of the terminal behind `fd`; 80 when it won't tell. */
unsigned term_columns(int fd);

/*
 * One line on stderr, "cprofctl: ...", in one write. Everything in it is made
 * printable here, and nowhere before: arguments, file names, texts from a server.
 */
void term_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Make sure that descriptors 0 to 2 are open, so that no file or socket of ours ends
 * up there and is taken for stdout. What was closed still fails when it is used.
 */
void term_reserve_std(void);

#endif
