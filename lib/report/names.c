// SPDX-License-Identifier: Apache-2.0
#include "report/names.h"

#include <string.h>

#define TEXT_MAX  ((size_t)1 << 30)
#define NAMES_MAX (UINT32_MAX / 2)

struct key {
	const void *bytes;
	size_t len;
};

struct names names_new(void)
{
	return (struct names){.text = buf_with_ceiling(TEXT_MAX)};
}

void names_fini(struct names *n)
{
	buf_fini(&n->text);
	vec_fini(&n->rows);
	idmap_fini(&n->index);
}

static bool same_name(const void *owner, uint32_t id, const void *key)
{
	const struct key *k = key;
	size_t len;
	const char *bytes = names_at(owner, id, &len);

	return len == k->len && memcmp(bytes, k->bytes, len) == 0;
}

uint32_t names_add(struct names *n, const void *bytes, size_t len)
{
	const struct key key = {len ? bytes : "", len};
	uint64_t hash = idmap_hash(key.bytes, len);
	uint32_t id = idmap_find(&n->index, hash, same_name, n, &key);
	struct name row = {.at = n->text.len, .len = (uint32_t)len};

	if (id != IDMAP_NONE)
		return id;
	/* a NUL behind each, so that even an empty one has an address */
	buf_append(&n->text, key.bytes, len);
	buf_append(&n->text, "", 1);
	if (n->text.failed || !vec_push(&n->rows, row, NAMES_MAX))
		return NAMES_NONE;
	id = n->rows.n - 1;
	if (!idmap_add(&n->index, hash, id))
		return id;
	n->rows.n--;
	return NAMES_NONE;
}

int names_compare(const struct names *n, uint32_t a, uint32_t b)
{
	size_t len_a, len_b;
	const char *bytes_a = names_at(n, a, &len_a);
	const char *bytes_b = names_at(n, b, &len_b);
	int order = memcmp(bytes_a, bytes_b, len_a < len_b ? len_a : len_b);

	return order ? order : (len_a > len_b) - (len_a < len_b);
}
