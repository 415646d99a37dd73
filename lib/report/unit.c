// SPDX-License-Identifier: Apache-2.0
#include "report/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Families of units; a `size` counts in the family's smallest. Largest first. */
static const struct scale {
	const char *suffix;
	double size;
} times[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {NULL, 0}},
  sizes[] = {{"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}, {"B", 1}, {NULL, 0}};

static const struct base {
	const char *name;
	const struct scale *family;
	double size;
} bases[] = {
	{"nanoseconds", times, 1},
	{"microseconds", times, 1e3},
	{"milliseconds", times, 1e6},
	{"seconds", times, 1e9},
	{"bytes", sizes, 1},
	{"kilobytes", sizes, 1 << 10},
	{"megabytes", sizes, 1 << 20},
};

struct unit unit_for(const char *name, int64_t largest)
{
	for (size_t i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		const struct scale *s = bases[i].family;
		double size = bases[i].size * (double)(largest < 0 ? -(largest + 1) : largest);

		if (strcmp(bases[i].name, name) != 0)
			continue;
		/* 1.00s rather than 1000.00ms for a second's worth of rounded periods */
		while (s[1].suffix && size < s->size * (1 - 5e-6))
			s++;
		return (struct unit){
			.divisor = s->size / bases[i].size, .decimals = 2, .suffix = s->suffix};
	}
	return (struct unit){.divisor = 1, .suffix = ""};
}

const char *unit_print(const struct unit *u, int64_t value, char text[UNIT_TEXT_MAX])
{
	if (!value) /* as pprof has it: nothing at all is seen at a glance */
		snprintf(text, UNIT_TEXT_MAX, "0");
	else if (u->divisor == 1) /* exact, whatever a double can hold */
		snprintf(text, UNIT_TEXT_MAX, "%" PRId64 "%s", value, u->suffix);
	else
		snprintf(text, UNIT_TEXT_MAX, "%.*f%s", u->decimals, (double)value / u->divisor,
			u->suffix);
	return text;
}
