// SPDX-License-Identifier: Apache-2.0
/*
 * demangle.h - names as people wrote them
 *
 * Rust (v0, and legacy without its hash) and C++ with parameters, by libiberty.
 * Mangled names are hostile: a few bytes can stand for gigabytes, so input and
 * output have ceilings and demangling ends where the output would pass its own.
 */
#ifndef CPROFD_SYMBOLIZER_DEMANGLE_H
#define CPROFD_SYMBOLIZER_DEMANGLE_H

#include <stddef.h>

struct buf;

#define DEMANGLE_MAX_INPUT 4096 /* bytes; longer names stay mangled */

/*
 * Append the demangled form of `name` as UTF-8 of at most `most` bytes; a longer
 * one ends in "...". Names that are not mangled, or not well, are appended as they are.
 */
void demangle_append(struct buf *out, const char *name, size_t len, size_t most);

/* Append `bytes` as UTF-8, ill-formed sequences repaired, at most `most` bytes; longer ones end in
 * "...". */
void name_append(struct buf *out, const char *bytes, size_t len, size_t most);

#endif
