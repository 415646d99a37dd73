// SPDX-License-Identifier: Apache-2.0
/*
 * unit.h - values of a profile in units that people read
 */
#ifndef CPROFD_REPORT_UNIT_H
#define CPROFD_REPORT_UNIT_H

#include <stdint.h>

#define UNIT_TEXT_MAX 40 /* bytes of a printed value, with the NUL */

/* One unit for a whole table: a value is divided by `divisor` and followed by `suffix`. */
struct unit {
	double divisor;
	int decimals;
	const char *suffix;
};

/* A fitting one for values up to `largest` of pprof's unit `name` ("nanoseconds", "bytes", ...). */
struct unit unit_for(const char *name, int64_t largest);

/* Write `value` into `text`, which it returns. */
const char *unit_print(const struct unit *u, int64_t value, char text[UNIT_TEXT_MAX]);

#endif
