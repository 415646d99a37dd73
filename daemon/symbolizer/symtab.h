// SPDX-License-Identifier: Apache-2.0
/*
 * symtab.h - names from .symtab and .dynsym
 *
 * An index of 12 bytes a symbol is built once: start, which symbol, and the next
 * symbol outwards whose extent may reach over this start. Sizes and names stay in
 * the mapped file, and which of several names for one place is the best is judged
 * only when somebody asks for that place.
 *
 * Only functions count, and labels without a type in executable sections. Of all
 * symbols that cover an address wins
 *   a FUNC or IFUNC before a NOTYPE; one with a size before one without;
 *   the one that starts last; then, among names of the same place,
 *   GLOBAL and WEAK before LOCAL; not __GI_; fewer leading underscores; the
 *   shorter; the lexically first.
 * A symbol covers the bytes of its size, and never more than its section; one
 * without a size all up to the next symbol. Versions (@VER, @@VER) are no part of a name.
 *
 * Limits: symbols more than 4 GiB above the lowest executable section are left out,
 * SHN_ABS and SHN_XINDEX symbols too; at most 1,024 symbols that share or nest
 * around one address are compared; a file without section headers has no symbols here.
 */
#ifndef CPROFD_SYMBOLIZER_SYMTAB_H
#define CPROFD_SYMBOLIZER_SYMTAB_H

#include <stddef.h>

#include "symbolizer/elf_file.h"
#include "symbolizer/reason.h"
#include "symbolizer/source.h"

/*
 * Index the symbol tables of `file`, whose section headers must be there. Gives a
 * source, which does not need `file` any more; released by its type's free().
 *
 * Returns REASON_NONE; NO_SYMBOLS when not one function is defined; MALFORMED; UNREADABLE;
 * TOO_LARGE when the index would pass `ceiling` bytes.
 */
reason_t symtab_new(const struct elf_file *file, size_t ceiling, struct source **ret);

#endif
