// SPDX-License-Identifier: Apache-2.0
#include "tracker/procmaps.h"

#include <errno.h>
#include <string.h>

#include "base/cursor.h"

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h; shown in /proc/PID/stat as is */

/* Text is read through a cursor too: a number ends at the first byte that is not a digit. */
static bool peek(const struct cursor *c, char want)
{
	return cursor_left(c) && *c->at == (uint8_t)want;
}

static bool skip(struct cursor *c, char want)
{
	return peek(c, want) ? (cursor_u8(c), true) : (c->failed = true, false);
}

static int digit_of(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 99;
}

/* An unsigned number; empty or too large counts as a refused read. */
static uint64_t number(struct cursor *c, unsigned base)
{
	uint64_t v = 0;
	unsigned n = 0;

	for (; cursor_left(c); n++) {
		unsigned digit = (unsigned)digit_of(*c->at);

		if (digit >= base)
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
			c->failed = true;
		(void)cursor_u8(c);
	}
	if (!n)
		c->failed = true;
	return c->failed ? 0 : v;
}

/* Turn \012 back into newlines, in place. Returns the new length. */
static size_t unescape(char *path, size_t len)
{
	size_t out = 0;

	for (size_t in = 0; in < len; out++) {
		bool newline = len - in >= 4 && memcmp(path + in, "\\012", 4) == 0;

		path[out] = newline ? '\n' : path[in];
		in += newline ? 4 : 1;
	}
	return out;
}

int procmaps_line(char *line, size_t len, struct procmaps_line *ret)
{
	struct cursor c = cursor_over(line, len);
	struct procmaps_line m = {0};
	uint64_t major, minor;

	m.start = number(&c, 16);
	(void)skip(&c, '-');
	m.limit = number(&c, 16);
	(void)skip(&c, ' ');
	(void)cursor_u8(&c);
	(void)cursor_u8(&c);
	m.executable = cursor_u8(&c) == 'x';
	(void)cursor_u8(&c);
	(void)skip(&c, ' ');
	m.offset = number(&c, 16);
	(void)skip(&c, ' ');
	major = number(&c, 16);
	(void)skip(&c, ':');
	minor = number(&c, 16);
	(void)skip(&c, ' ');
	m.inode = number(&c, 10);
	if (c.failed || m.limit <= m.start || major > UINT32_MAX || minor > UINT32_MAX)
		return -EBADMSG;
	m.dev_major = (uint32_t)major;
	m.dev_minor = (uint32_t)minor;
	if (cursor_left(&c) && !peek(&c, ' '))
		return -EBADMSG;
	while (peek(&c, ' '))
		(void)cursor_u8(&c);
	m.path = line + (len - cursor_left(&c));
	m.path_len = unescape(line + (len - cursor_left(&c)), cursor_left(&c));
	m.path_len = path_without_deleted(m.path, m.path_len);
	if (m.path_len > OBJECT_PATH_MAX || memchr(m.path, 0, m.path_len))
		return -EBADMSG;
	*ret = m;
	return 0;
}

/* A field of /proc/PID/stat: a space, then a number that may be negative. */
static uint64_t stat_field(struct cursor *c)
{
	(void)skip(c, ' ');
	if (peek(c, '-'))
		(void)cursor_u8(c);
	return number(c, 10);
}

int procstat_parse(const char *text, size_t len, struct procstat *ret)
{
	/* comm may hold ')' and newlines: it ends at the last one */
	const char *open = memchr(text, '(', len), *close = memrchr(text, ')', len);
	struct procstat s = {0};
	uint64_t fields[23] = {0}; /* by the number that proc(5) gives them */
	struct cursor c;
	uint8_t state;

	if (!open || !close || close < open)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(s.comm) - 1 && open + 1 + i < close; i++)
		s.comm[i] = open[1 + i];
	c = cursor_over(close + 1, len - (size_t)(close + 1 - text));
	(void)skip(&c, ' ');
	state = cursor_u8(&c);
	for (unsigned i = 4; i <= 22; i++)
		fields[i] = stat_field(&c);
	if (c.failed || fields[20] > UINT32_MAX)
		return -EBADMSG;
	s.kernel_thread = fields[9] & PF_KTHREAD;
	s.n_threads = (uint32_t)fields[20];
	s.start_ticks = fields[22];
	s.gone = state == 'X' || (state == 'Z' && s.n_threads <= 1);
	*ret = s;
	return 0;
}
