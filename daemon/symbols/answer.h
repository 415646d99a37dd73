// SPDX-License-Identifier: Apache-2.0
/*
 * answer.h - is this an answer to what was asked?
 *
 * The symbolizer reads files that any user can write, so what it says is trusted
 * no more than they are. A reply is looked at once, here: right kind, right
 * numbers, lengths that agree, indices in range, text that is text. After that
 * the rest of the daemon may use it blindly.
 */
#ifndef CPROFD_SYMBOLS_ANSWER_H
#define CPROFD_SYMBOLS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/symbolize.pb-c.h"

enum asked_kind {
	ASKED_NOTHING = 0,
	ASKED_HELLO,
	ASKED_ADD,
	ASKED_NAMES
};

/* The question that is out. */
struct asked {
	enum asked_kind kind;
	uint32_t number;      /* ASKED_ADD: of the object, ASKED_NAMES: of the request */
	bool kallsyms;        /* ASKED_ADD: ranges may come */
	uint32_t n_addresses; /* ASKED_NAMES */
};

/*
 * Read a reply to `asked`. Gives the message, released with answer_free(); -EBADMSG
 * when it is not a whole and consistent answer to the question.
 */
int answer_read(const struct asked *asked, const uint8_t *bytes, size_t len,
	Cprofd__Symbolize__Reply **ret);
void answer_free(Cprofd__Symbolize__Reply *reply); /* NULL is accepted */

#endif
