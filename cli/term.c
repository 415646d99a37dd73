// SPDX-License-Identifier: Apache-2.0
#include "term.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/io.h"
#include "base/scope.h"
#include "base/utf8.h"

bool term_is(int fd)
{
	return isatty(fd) == 1;
}

unsigned term_columns(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

void term_say(const char *format, ...)
{
	scoped(buf_fini) struct buf line = buf_with_ceiling(SIZE_MAX);
	char text[DIAG_MAX + 256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_append_str(&line, "cprofctl: ");
	utf8_append_printable(&line, text, strlen(text));
	buf_append_str(&line, "\n");
	(void)io_write_all(STDERR_FILENO, line.bytes, line.len);
}

void term_reserve_std(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* the wrong way round, so that reading 0 and writing 1 or 2 still fail */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			_exit(1);
	}
}
