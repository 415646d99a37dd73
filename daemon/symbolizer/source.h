// SPDX-License-Identifier: Apache-2.0
/*
 * source.h - something that knows names of addresses
 *
 * A symbol table, kallsyms, and later DWARF or a perf map answer one and the
 * same question. An object has a chain of sources; the first that knows, names.
 */
#ifndef CPROFD_SYMBOLIZER_SOURCE_H
#define CPROFD_SYMBOLIZER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

/* A name as the source has it: any bytes but NUL, not demangled. Borrowed from the source. */
struct source_answer {
	const char *name;
	size_t name_len;
	uint64_t start;     /* the symbol's own address */
	const char *module; /* kernel module; NULL elsewhere */
	size_t module_len;
};

struct source_type {
	/* Who covers `address` (an ELF vaddr, or the kernel's)? False: nobody. */
	bool (*find)(const struct source *s, uint64_t address, struct source_answer *ret);
	/* Give file pages back that looking up has touched; answers stay valid. */
	void (*rest)(struct source *s);
	void (*free)(struct source *s);
};

/* The head of every source. */
struct source {
	const struct source_type *type;
	uint32_t n_symbols;
	size_t n_bytes; /* memory of the index */
};

#endif
