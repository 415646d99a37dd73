// SPDX-License-Identifier: Apache-2.0
/*
 * log.h - one line on stderr for each change of state
 *
 * Only programs and servers log; functions below them return errors. Under
 * journald (JOURNAL_STREAM is set) lines carry syslog's <N> prefix, elsewhere
 * the program's name. Text from strangers must go through utf8_append_printable()
 * first.
 */
#ifndef CPROFD_BASE_LOG_H
#define CPROFD_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR = 3, /* syslog's numbers */
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Name the program and drop everything above `most`. `program` is borrowed for good. */
void log_init(const char *program, enum log_level most);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
