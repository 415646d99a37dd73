// SPDX-License-Identifier: Apache-2.0
#include "sampler/capture.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/scope.h"

/* libbpf's callback takes no context */
static struct capture *current;

void capture_append(struct capture *c, const char *text, size_t len)
{
	const size_t room = sizeof(c->text) - 1;

	if (len > room) {
		text += len - room;
		len = room;
	}
	if (c->len + len > room) {
		size_t drop = c->len + len - room;

		memmove(c->text, c->text + drop, c->len - drop);
		c->len -= drop;
	}
	memcpy(c->text + c->len, text, len);
	c->len += len;
	c->text[c->len] = '\0';
}

__attribute__((format(printf, 2, 0))) static int keep(
	enum libbpf_print_level level, const char *format, va_list args)
{
	scoped(scope_free) char *text = NULL;
	int len;

	if (level != LIBBPF_WARN || !current)
		return 0;
	len = vasprintf(&text, format, args);
	if (len < 0) {
		text = NULL; /* vasprintf leaves it undefined */
		return 0;
	}
	capture_append(current, text, (size_t)len);
	return len;
}

void capture_begin(struct capture *c)
{
	libbpf_print_fn_t previous = libbpf_set_print(keep);

	c->len = 0;
	c->text[0] = '\0';
	memcpy(&c->previous, &previous, sizeof(previous));
	current = c;
}

void capture_end(struct capture *c)
{
	libbpf_print_fn_t previous;

	memcpy(&previous, &c->previous, sizeof(previous));
	(void)libbpf_set_print(previous);
	current = NULL;
}
