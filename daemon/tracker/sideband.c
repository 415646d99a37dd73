// SPDX-License-Identifier: Apache-2.0
#include "tracker/sideband.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/cpus.h"
#include "base/diag.h"
#include "base/scope.h"
#include "opener/opener.h"

#define RING_MIN (16u * 1024)

/* From the newest kernel's to the oldest's. */
static const uint32_t feature_sets[] = {
	OPENER_BUILD_ID | OPENER_CGROUP | OPENER_KSYMBOL,
	OPENER_CGROUP | OPENER_KSYMBOL,
	OPENER_KSYMBOL,
	0,
};

struct how {
	unsigned features; /* index into feature_sets */
	size_t bytes;
};

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void sideband_close(struct sideband *sb)
{
	for (unsigned i = 0; i < sb->n; i++) {
		(void)munmap(sb->rings[i].map, page_bytes() + sb->rings[i].data_bytes);
		(void)close(sb->rings[i].fd);
	}
	free(sb->rings);
	*sb = (struct sideband){0};
}

size_t sideband_bytes(const struct sideband *sb)
{
	size_t sum = 0;

	for (unsigned i = 0; i < sb->n; i++)
		sum += page_bytes() + sb->rings[i].data_bytes;
	return sum;
}

/* The event of `cpu` with the most features that the kernel knows; remembers which. */
static int open_event(struct opener *opener, unsigned cpu, struct how *how)
{
	for (;;) {
		/* a quarter: the rest takes what comes until we have woken up */
		int fd = opener_open_sideband(
			opener, cpu, feature_sets[how->features], (uint32_t)how->bytes / 4);

		if (fd != -EINVAL || !feature_sets[how->features])
			return fd;
		how->features++;
	}
}

static int ring_map(int fd, size_t bytes, struct ring *ret)
{
	void *map = mmap(NULL, page_bytes() + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0)) {
		int err = -errno;

		(void)munmap(map, page_bytes() + bytes);
		return err;
	}
	*ret = (struct ring){.fd = fd, .map = map, .data_bytes = bytes};
	return 0;
}

/* One CPU's ring, as large as the kernel grants; remembers how large that is. */
static int ring_open(struct opener *opener, unsigned cpu, struct how *how, struct ring *ret)
{
	for (;;) {
		int fd = open_event(opener, cpu, how);
		int err = fd < 0 ? fd : ring_map(fd, how->bytes, ret);

		if (!err || fd < 0)
			return err;
		(void)close(fd);
		if ((err != -EPERM && err != -ENOMEM) || how->bytes / 2 < RING_MIN)
			return err;
		how->bytes /= 2;
	}
}

static int explain(struct diag *diag, int err, unsigned cpu)
{
	if (err == -EPERM || err == -EACCES)
		return diag_set(diag, err,
			"the kernel refused the side-band events of CPU %u: it wants "
			"CAP_SYS_ADMIN, or CAP_PERFMON and perf_event_paranoid below 3",
			cpu);
	return diag_set(diag, err, "cannot follow processes on CPU %u: %s", cpu, strerror(-err));
}

int sideband_open(struct sideband *sb, struct opener *opener, size_t ring_bytes, struct diag *diag)
{
	scoped(sideband_close) struct sideband fresh = {0};
	struct how how = {.bytes = ring_bytes};
	struct cpus cpus;
	int err = cpus_online(&cpus);

	if (err)
		return diag_set(diag, err, "cannot read which CPUs are online: %s", strerror(-err));
	fresh.rings = calloc(cpus.n, sizeof(struct ring));
	if (!fresh.rings)
		return diag_set(diag, -ENOMEM, "no memory for the side-band rings");
	for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
		if (!cpus_has(&cpus, cpu))
			continue;
		err = ring_open(opener, cpu, &how, &fresh.rings[fresh.n]);
		/* it may have gone offline since */
		if (err && err != -ENODEV)
			return explain(diag, err, cpu);
		fresh.n += !err;
	}
	if (!fresh.n)
		return diag_set(diag, -ENODEV, "no CPU is online");
	*sb = fresh;
	fresh = (struct sideband){0};
	return 0;
}

unsigned ring_read(const uint8_t *data, size_t data_bytes, uint64_t head, uint64_t tail,
	void (*each)(void *ctx, const void *record, size_t len), void *ctx)
{
	static uint8_t joined[UINT16_MAX + 1]; /* a record that wraps; one thread reads */

	if (head - tail > data_bytes)
		return 1;
	while (tail != head) {
		size_t at = tail & (data_bytes - 1), to_end = data_bytes - at;
		const uint8_t *record = data + at;
		struct perf_event_header h;

		if (head - tail < sizeof(h) || to_end < sizeof(h))
			return 1;
		memcpy(&h, record, sizeof(h));
		if (h.size < sizeof(h) || h.size > head - tail || h.size % 8)
			return 1;
		if (h.size > to_end) {
			memcpy(joined, record, to_end);
			memcpy(joined + to_end, data, h.size - to_end);
			record = joined;
		}
		each(ctx, record, h.size);
		tail += h.size;
	}
	return 0;
}

unsigned sideband_drain(
	struct sideband *sb, void (*each)(void *ctx, const void *record, size_t len), void *ctx)
{
	unsigned nonsense = 0;

	for (unsigned i = 0; i < sb->n; i++) {
		struct perf_event_mmap_page *page = (void *)sb->rings[i].map;
		/* pairs with the kernel's barrier: no record is read before the head that covers it
		 */
		uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);

		nonsense += ring_read(sb->rings[i].map + page_bytes(), sb->rings[i].data_bytes,
			head, page->data_tail, each, ctx);
		__atomic_store_n(&page->data_tail, head, __ATOMIC_RELEASE);
	}
	return nonsense;
}
