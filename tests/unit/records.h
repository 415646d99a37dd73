// SPDX-License-Identifier: Apache-2.0
/*
 * records.h - side-band records as a kernel would write them, for tests
 *
 * Built byte by byte after linux/perf_event.h, not with the tracker's own code.
 */
#ifndef CPROFD_TESTS_UNIT_RECORDS_H
#define CPROFD_TESTS_UNIT_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/perf_event.h>

struct record_bytes {
	uint8_t at[4608];
	uint16_t len;
};

static inline void record_put(struct record_bytes *r, const void *bytes, size_t len)
{
	memcpy(r->at + r->len, bytes, len);
	r->len = (uint16_t)(r->len + len);
}

static inline void record_u32(struct record_bytes *r, uint32_t v)
{
	record_put(r, &v, sizeof(v));
}

static inline void record_u64(struct record_bytes *r, uint64_t v)
{
	record_put(r, &v, sizeof(v));
}

/* A string with its NUL, padded to eight bytes. */
static inline void record_str(struct record_bytes *r, const char *s)
{
	record_put(r, s, strlen(s) + 1);
	while (r->len % 8)
		record_put(r, "", 1);
}

static inline void record_begin(struct record_bytes *r, uint32_t type, uint16_t misc)
{
	uint16_t size = 0;

	r->len = 0;
	record_u32(r, type);
	record_put(r, &misc, 2);
	record_put(r, &size, 2);
}

static inline void record_end(struct record_bytes *r, uint32_t pid, uint32_t tid, uint64_t time)
{
	record_u32(r, pid);
	record_u32(r, tid);
	record_u64(r, time);
	memcpy(r->at + 6, &r->len, 2);
}

static inline struct record_bytes record_fork(
	uint64_t time, uint32_t pid, uint32_t tid, uint32_t parent)
{
	struct record_bytes r;

	record_begin(&r, PERF_RECORD_FORK, 0);
	record_u32(&r, pid);
	record_u32(&r, parent);
	record_u32(&r, tid);
	record_u32(&r, parent);
	record_u64(&r, time);
	record_end(&r, parent, parent, time);
	return r;
}

static inline struct record_bytes record_exit(uint64_t time, uint32_t pid, uint32_t tid)
{
	struct record_bytes r;

	record_begin(&r, PERF_RECORD_EXIT, 0);
	record_u32(&r, pid);
	record_u32(&r, pid);
	record_u32(&r, tid);
	record_u32(&r, tid);
	record_u64(&r, time);
	record_end(&r, pid, tid, time);
	return r;
}

static inline struct record_bytes record_comm(
	uint64_t time, uint32_t pid, uint32_t tid, const char *comm, int exec)
{
	struct record_bytes r;

	record_begin(&r, PERF_RECORD_COMM, exec ? PERF_RECORD_MISC_COMM_EXEC : 0);
	record_u32(&r, pid);
	record_u32(&r, tid);
	record_str(&r, comm);
	record_end(&r, pid, tid, time);
	return r;
}

/* A mapping told by inode (`build_id` 0) or by a build id of twenty bytes of that value. */
static inline struct record_bytes record_mmap(uint64_t time, uint32_t pid, uint64_t start,
	uint64_t len, uint64_t offset, uint64_t inode, uint8_t build_id, const char *path)
{
	struct record_bytes r;

	record_begin(&r, PERF_RECORD_MMAP2, build_id ? 2 | 1 << 14 : 2);
	record_u32(&r, pid);
	record_u32(&r, pid);
	record_u64(&r, start);
	record_u64(&r, len);
	record_u64(&r, offset);
	if (build_id) {
		uint8_t field[24] = {20};

		memset(field + 4, build_id, 20);
		record_put(&r, field, sizeof(field));
	} else {
		record_u32(&r, 8);
		record_u32(&r, 1);
		record_u64(&r, inode);
		record_u64(&r, 77);
	}
	record_u32(&r, 5); /* PROT_READ | PROT_EXEC */
	record_u32(&r, 2); /* MAP_PRIVATE */
	record_str(&r, path);
	record_end(&r, pid, pid, time);
	return r;
}

static inline struct record_bytes record_lost(uint64_t time, uint64_t n)
{
	struct record_bytes r;

	record_begin(&r, PERF_RECORD_LOST, 0);
	record_u64(&r, 1);
	record_u64(&r, n);
	record_end(&r, 0, 0, time);
	return r;
}

#endif
