// SPDX-License-Identifier: Apache-2.0
/*
 * json.h - write JSON (RFC 8259)
 *
 * Strings may hold any bytes: ill-formed UTF-8 becomes U+FFFD, and all controls,
 * C1 too, are escaped, so that the result can be shown on a terminal. The caller
 * keeps begin and end in pairs. The document is pretty-printed with tabs.
 */
#ifndef CPROFD_CLI_JSON_H
#define CPROFD_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct json {
	struct buf *out; /* borrowed; its `failed` tells whether all of it fitted */
	unsigned depth;
	bool first; /* nothing stands yet in the innermost object */
};

struct json json_to(struct buf *out);

/* `key` is NULL for the outermost object only. */
void json_begin(struct json *j, const char *key);
void json_end(struct json *j);

void json_number(struct json *j, const char *key, uint64_t value);
void json_string(struct json *j, const char *key, const char *value);

#endif
