// SPDX-License-Identifier: Apache-2.0
/*
 * sideband.h - the kernel's process records, one mapped ring per CPU
 */
#ifndef CPROFD_TRACKER_SIDEBAND_H
#define CPROFD_TRACKER_SIDEBAND_H

#include <stddef.h>
#include <stdint.h>

struct diag;
struct opener;

struct ring {
	int fd;
	uint8_t *map;      /* the control page, then the data */
	size_t data_bytes; /* a power of two */
};

struct sideband {
	struct ring *rings;
	unsigned n;
};

/* The zero value is closed. */
void sideband_close(struct sideband *sb);

/*
 * Open, map and enable the side-band of every online CPU. A kernel that does not
 * grant rings of `ring_bytes` (RLIMIT_MEMLOCK, perf_event_mlock_kb) gives smaller
 * ones, down to 16 KiB. On failure the sideband is closed and `diag` says why.
 */
int sideband_open(struct sideband *sb, struct opener *opener, size_t ring_bytes, struct diag *diag);

/* What the rings take of kernel memory. */
size_t sideband_bytes(const struct sideband *sb);

/*
 * Hand every waiting record to `each` and give its room back. `record` is borrowed for
 * the call. Returns how many times a ring made no sense and was emptied unread.
 */
unsigned sideband_drain(
	struct sideband *sb, void (*each)(void *ctx, const void *record, size_t len), void *ctx);

/* The same for one ring whose data and positions are given: what sideband_drain() is made of. */
unsigned ring_read(const uint8_t *data, size_t data_bytes, uint64_t head, uint64_t tail,
	void (*each)(void *ctx, const void *record, size_t len), void *ctx);

#endif
