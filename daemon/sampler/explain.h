// SPDX-License-Identifier: Apache-2.0
/*
 * explain.h - why the kernel refused to sample, in a sentence with a remedy
 *
 * Pure: facts go in, words come out. Each function returns the errno that the
 * contract of sampler_new() names for the case.
 */
#ifndef CPROFD_SAMPLER_EXPLAIN_H
#define CPROFD_SAMPLER_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diag;

struct load_refusal {
	int err;               /* negative, what loading came back with */
	bool has_btf;          /* /sys/kernel/btf/vmlinux can be read */
	uint64_t capabilities; /* effective ones of this process, bit CAP_* each */
	const char *said;      /* libbpf's messages, their end at least */
};

struct open_refusal {
	int err; /* negative, what perf_event_open came back with */
	unsigned cpu;
	unsigned hz;
	long max_rate; /* kernel.perf_event_max_sample_rate; negative when it can't be read */
	long paranoid; /* kernel.perf_event_paranoid; LONG_MIN when it can't be read */
};

int explain_load(const struct load_refusal *refusal, struct diag *diag);
int explain_open(const struct open_refusal *refusal, struct diag *diag);

/*
 * The end of the verifier's log in `said`, made one line: its last messages,
 * without the statistics, at most `room` - 1 bytes. False when there is no log.
 */
bool explain_verifier_tail(const char *said, char *ret, size_t room);

#endif
