// SPDX-License-Identifier: Apache-2.0
/*
 * names.h - what a profile calls its mappings and its nameless frames
 */
#ifndef CPROFD_PROFILE_NAMES_H
#define CPROFD_PROFILE_NAMES_H

#include <stddef.h>

struct object;

#define KERNEL_NAME         "[kernel.kallsyms]"
#define KERNEL_NAME         "[kernel.kallsyms]" /* all of it, when /proc/kallsyms tells no ranges */
#define KERNEL_UNKNOWN_NAME "[unknown kernel]"  /* kernel addresses outside every known range */

/* The file name of an object's mapping: its path, "[vdso]", "//anon", .... Borrowed. */
const char *mapping_filename(const struct object *o);

/*
 * The function name of a frame without a name: "[libfoo.so]" of the mapping's
 * file name. Written to `out`, cut to fit. Returns out.
 */
const char *nameless_function(const char *filename, char *out, size_t room);

#endif
