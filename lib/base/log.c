// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
	const char *program;
	enum log_level most;
	bool journald;
} log_state = {.program = "cprofd", .most = LOG_LEVEL_INFO};

void log_init(const char *program, enum log_level most)
{
	log_state.program = program;
	log_state.most = most;
	log_state.journald = getenv("JOURNAL_STREAM") != NULL;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[2048];
	va_list args;

	if (level > log_state.most)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (log_state.journald)
		(void)fprintf(stderr, "<%d>%s\n", level, line);
	else
		(void)fprintf(stderr, "%s: %s\n", log_state.program, line);
}
