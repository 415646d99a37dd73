// SPDX-License-Identifier: Apache-2.0
/*
 * build_id.h - the name an ELF file carries inside itself
 *
 * A build ID survives copying, renaming and containers, so files are told apart
 * by it wherever they have one. Read from notes by cprofd-symbolizer, and by the
 * kernel for side-band records.
 */
#ifndef CPROFD_BASE_BUILD_ID_H
#define CPROFD_BASE_BUILD_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BUILD_ID_MAX 32 /* bytes; --build-id=sha1 makes 20, --build-id=0x... any length */

struct build_id {
	uint8_t len; /* 0: none */
	uint8_t bytes[BUILD_ID_MAX];
};

static inline bool build_id_same(const struct build_id *a, const struct build_id *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

#endif
