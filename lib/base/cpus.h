// SPDX-License-Identifier: Apache-2.0
/*
 * cpus.h - which CPUs are online, by the kernel's list format ("0-3,8,10-11")
 */
#ifndef CPROFD_BASE_CPUS_H
#define CPROFD_BASE_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX 8192 /* the largest CONFIG_NR_CPUS */

struct cpus {
	unsigned n;                /* how many are set */
	uint8_t set[CPUS_MAX / 8]; /* bit CPU % 8 of byte CPU / 8 */
};

/*
 * Read a list. Returns 0, -EBADMSG for anything that is not one (an empty
 * list, a range that runs backwards or one that overlaps what came before it), or -ERANGE for
 * a CPU at or above CPUS_MAX.
 */
int cpus_parse(const void *text, size_t len, struct cpus *ret);

/* The online CPUs of this machine. Returns 0 or a negative errno. */
int cpus_online(struct cpus *ret);

static inline bool cpus_has(const struct cpus *cpus, unsigned cpu)
{
	return cpu < CPUS_MAX && cpus->set[cpu / 8] >> cpu % 8 & 1;
}

#endif
