// SPDX-License-Identifier: Apache-2.0
/*
 * diag.h - the one sentence a user reads when something did not work
 *
 * Functions that can fail in ways a person can mend take a `struct diag` beside
 * their negative errno: what happened and what to do about it, in one line and
 * without a trailing newline. Whoever is at the top prints it once.
 */
#ifndef CPROFD_BASE_DIAG_H
#define CPROFD_BASE_DIAG_H

#define DIAG_MAX 4096 /* bytes, with the NUL; long enough for the end of a verifier log */

struct diag {
	char text[DIAG_MAX];
};

/*
 * Write the sentence. Overlong text is cut. `diag` may be NULL: then nobody
 * wants to know. The old sentence may be among the arguments of the new one. Returns `err`, so that
 * `return diag_set(d, -EPERM, "...")` reads well.
 */
int diag_set(struct diag *diag, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* it cannot see into diag.c, and would follow paths on which an error is 0 */
#define diag_set(diag, err, ...) (diag_set(diag, err, __VA_ARGS__), (err))
#endif

#endif
