// SPDX-License-Identifier: Apache-2.0
/*
 * symbol_name.h - which of several names for one place a person wants to read
 */
#ifndef CPROFD_SYMBOLIZER_SYMBOL_NAME_H
#define CPROFD_SYMBOLIZER_SYMBOL_NAME_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The length of `name` without a symbol version at its end: "fopen@@GLIBC_2.2.5"
 * is 5. An '@' that does not start a version (first or last in the name, or followed by
 * what no version holds) stays.
 */
size_t symbol_name_unversioned(const char *name, size_t len);

/* Is `a` the better of two names that differ in nothing but the name? Never true both ways. */
bool symbol_name_better(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
