// SPDX-License-Identifier: Apache-2.0
/*
 * module.h - one object: what it is, and its chain of sources
 *
 * An object that cannot be read is a module too, one that answers everything
 * with the same reason.
 */
#ifndef CPROFD_SYMBOLIZER_MODULE_H
#define CPROFD_SYMBOLIZER_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/build_id.h"
#include "symbolizer/reason.h"
#include "symbolizer/source.h"

struct kallsyms_range;
struct module;

struct module_facts {
	reason_t reason; /* REASON_NONE: it has names */
	struct build_id build_id;
	uint32_t n_symbols;
	size_t index_bytes;
};

/*
 * Read the object behind `fd`, which is taken. `expected` may have len 0: then any
 * build ID will do. Its index may have `ceiling` bytes. NULL when memory is out.
 */
struct module *module_new_elf(int fd, const struct build_id *expected, size_t ceiling);
struct module *module_new_kallsyms(int fd, size_t ceiling);

/* A module without names, for `reason`. */
struct module *module_new_without(reason_t reason);

void module_free(struct module *m); /* accepts NULL */

struct module_facts module_facts(const struct module *m);

/* The ranges of a kallsyms module; 0 for others. Borrowed. */
size_t module_ranges(const struct module *m, const struct kallsyms_range **ret);

/*
 * The name of `address`: a file offset, or the kernel's own. A caller's address is
 * where the call returns to, so the byte before it is looked up, unless it is a
 * signal trampoline's first instruction: nobody called that, and *ret_trampoline
 * becomes true. *ret is borrowed from the module.
 */
reason_t module_resolve(const struct module *m, uint64_t address, bool caller,
	struct source_answer *ret, bool *ret_trampoline);

/* Give file pages back that were touched since. */
void module_rest(struct module *m);

#endif
