// SPDX-License-Identifier: Apache-2.0
/*
 * request.h - what cprofd asks of its opener, and what the opener makes of it
 *
 * One request is one SOCK_SEQPACKET message; the answer is one int32_t, 0 or a
 * negative errno, with a descriptor along when it is 0.
 */
#ifndef CPROFD_OPENER_REQUEST_H
#define CPROFD_OPENER_REQUEST_H

#include <linux/perf_event.h>
#include <stdint.h>

#define REQUEST_CLOCK    1
#define REQUEST_SIDEBAND 2

#define REQUEST_CPU_MAX 8191 /* the largest CONFIG_NR_CPUS is 8192 */
#define REQUEST_HZ_MAX                                                                             \
	100000 /* the kernel's own default ceiling; beyond it no profile is asked                  \
		*/

struct opener_request {
	uint32_t kind;
	uint32_t cpu;
	uint32_t hz;           /* clock only, else 0 */
	uint32_t features;     /* side-band only, else 0: OPENER_* */
	uint32_t wakeup_bytes; /* side-band only, else 0 */
};

/*
 * The event that `request` stands for. Returns 0, or -EINVAL for a request
 * that asks for anything else than the two kinds with their own arguments.
 */
int request_attr(const struct opener_request *request, struct perf_event_attr *ret);

#endif
