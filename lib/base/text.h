// SPDX-License-Identifier: Apache-2.0
/*
 * text.h - decimal numbers and single characters off a cursor
 *
 * For the kernel's small text files (/proc/stat, CPU lists). As with every
 * read from a cursor, what isn't there latches `failed` and yields 0.
 */
#ifndef CPROFD_BASE_TEXT_H
#define CPROFD_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"

/* Step past `c` if it comes next. */
bool text_skip(struct cursor *at, char c);

/* One or more digits. A number beyond 64 bits counts as a refused read. */
uint64_t text_number(struct cursor *at);

/* Split off the rest of the line and step past it and its newline. */
struct cursor text_line(struct cursor *at);

#endif
