// SPDX-License-Identifier: Apache-2.0
/*
 * clock.h - the two clocks of the project
 *
 * Inside, time is CLOCK_MONOTONIC nanoseconds, as the kernel stamps samples and
 * side-band records. Wall time appears at the edges only: profile headers, file
 * names, logs.
 */
#ifndef CPROFD_BASE_CLOCK_H
#define CPROFD_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void); /* since 1970-01-01 UTC */

#endif
