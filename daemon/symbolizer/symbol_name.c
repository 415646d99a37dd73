// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symbol_name.h"

#include <ctype.h>
#include <string.h>

/* Bytes of two names that are compared at most: nobody can tell longer ones apart anyway. */
#define MAX_COMPARED 4096

static bool is_version(const char *s, size_t len)
{
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !memchr("_.+-", s[i], 4))
			return false;
	return true;
}

size_t symbol_name_unversioned(const char *name, size_t len)
{
	const char *at = memrchr(name, '@', len);
	size_t before;

	if (!at || !is_version(at + 1, (size_t)(name + len - at - 1)))
		return len;
	before = (size_t)(at - name);
	if (before && name[before - 1] == '@')
		before--;
	return before ? before : len;
}

/* glibc's names for calls from within glibc. */
static bool is_internal(const char *name, size_t len)
{
	return len > 5 && memcmp(name, "__GI_", 5) == 0;
}

static size_t underscores(const char *name, size_t len)
{
	size_t n = 0;

	while (n < len && name[n] == '_')
		n++;
	return n;
}

bool symbol_name_better(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t a_lead = underscores(a, a_len), b_lead = underscores(b, b_len);
	bool a_internal = is_internal(a, a_len), b_internal = is_internal(b, b_len);

	if (a_internal != b_internal)
		return b_internal;
	if (a_lead != b_lead)
		return a_lead < b_lead;
	if (a_len != b_len)
		return a_len < b_len;
	return memcmp(a, b, a_len < MAX_COMPARED ? a_len : MAX_COMPARED) < 0;
}
