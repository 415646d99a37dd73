// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <stdint.h>

#include "base/buf.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* The second byte's allowed range; the later ones are always 80..BF (Unicode table 3-7). */
struct lead {
	uint8_t length, low, high;
};

static struct lead lead_of(uint8_t byte)
{
	if (byte < 0x80)
		return (struct lead){1, 0, 0};
	if (byte >= 0xc2 && byte <= 0xdf)
		return (struct lead){2, 0x80, 0xbf};
	if (byte >= 0xe0 && byte <= 0xef)
		return (struct lead){3, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf};
	if (byte >= 0xf0 && byte <= 0xf4)
		return (struct lead){4, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf};
	return (struct lead){0, 0, 0};
}

/*
 * Length of the sequence at `p`: *ret_ok says whether it is well formed. An
 * ill-formed one is as long as its maximal subpart, at least 1.
 */
static size_t step(const uint8_t *p, size_t len, bool *ret_ok)
{
	struct lead lead = lead_of(p[0]);
	size_t n = 1;

	*ret_ok = false;
	if (!lead.length)
		return 1;
	while (n < lead.length && n < len && p[n] >= (n == 1 ? lead.low : 0x80) &&
		p[n] <= (n == 1 ? lead.high : 0xbf))
		n++;
	*ret_ok = n == lead.length;
	return n;
}

bool utf8_valid(const char *bytes, size_t len)
{
	bool ok = true;

	for (size_t at = 0; at < len && ok;)
		at += step((const uint8_t *)bytes + at, len - at, &ok);
	return ok;
}

void utf8_append_repaired(struct buf *out, const char *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		bool ok;
		size_t n = step((const uint8_t *)bytes + at, len - at, &ok);

		if (ok)
			buf_append(out, bytes + at, n);
		else
			buf_append_str(out, REPLACEMENT);
		at += n;
	}
}

/* C1 controls are U+0080..U+009F: C2 80 .. C2 9F. */
static bool is_control(const uint8_t *p, size_t n)
{
	return n == 1 ? p[0] < 0x20 || p[0] == 0x7f : n == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

void utf8_append_printable(struct buf *out, const char *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		const uint8_t *p = (const uint8_t *)bytes + at;
		bool ok;
		size_t n = step(p, len - at, &ok);

		if (!ok)
			buf_append_str(out, REPLACEMENT);
		else if (is_control(p, n))
			buf_printf(out, "\\x%02x", p[n - 1]);
		else if (p[0] == '\\')
			buf_append_str(out, "\\\\");
		else
			buf_append(out, p, n);
		at += n;
	}
}
