// SPDX-License-Identifier: Apache-2.0
#include "tracker/record.h"

#include <errno.h>
#include <string.h>

#include <linux/perf_event.h>
#include <sys/mman.h>

#include "base/cursor.h"

#define TRAILER_LEN    16
#define BUILD_ID_FIELD 20 /* bytes that MMAP2 has for a build id */

#ifndef PERF_RECORD_MISC_MMAP_BUILD_ID /* Linux 5.12 */
#define PERF_RECORD_MISC_MMAP_BUILD_ID (1 << 14)
#endif

bool record_matters(const void *bytes, size_t len)
{
	struct cursor c = cursor_over(bytes, len);

	switch (cursor_u32le(&c)) {
	case PERF_RECORD_MMAP2:
	case PERF_RECORD_COMM:
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
	case PERF_RECORD_LOST:
		return true;
	default:
		return c.failed;
	}
}

uint64_t record_time(const void *bytes, size_t len)
{
	struct cursor c = cursor_over(bytes, len);

	if (len < sizeof(struct perf_event_header) + TRAILER_LEN)
		return 0;
	(void)cursor_take(&c, len - 8);
	return cursor_u64le(&c);
}

/* A string that its NUL ends, within the rest of `c`. */
static const char *string(struct cursor *c, size_t *ret_len)
{
	const char *s = (const char *)c->at;
	const char *end = cursor_left(c) ? memchr(s, 0, cursor_left(c)) : NULL;

	if (!end) {
		c->failed = true;
		return NULL;
	}
	*ret_len = (size_t)(end - s);
	return s;
}

static void decode_build_id(struct cursor *c, struct build_id *ret)
{
	uint8_t len = cursor_u8(c);

	(void)cursor_take(c, 3);
	if (len > BUILD_ID_FIELD)
		c->failed = true;
	for (unsigned i = 0; i < BUILD_ID_FIELD; i++) {
		uint8_t byte = cursor_u8(c);

		if (i < len)
			ret->bytes[i] = byte;
	}
	ret->len = len;
}

static int decode_mmap(struct cursor *c, uint16_t misc, struct record *r)
{
	uint64_t len;

	r->pid = cursor_u32le(c);
	r->tid = cursor_u32le(c);
	r->mmap.start = cursor_u64le(c);
	len = cursor_u64le(c);
	r->mmap.offset = cursor_u64le(c);
	if (misc & PERF_RECORD_MISC_MMAP_BUILD_ID) {
		decode_build_id(c, &r->mmap.file.build_id);
	} else {
		r->mmap.file.dev_major = cursor_u32le(c);
		r->mmap.file.dev_minor = cursor_u32le(c);
		r->mmap.file.inode = cursor_u64le(c);
		r->mmap.file.inode_generation = cursor_u64le(c);
	}
	r->mmap.executable = cursor_u32le(c) & PROT_EXEC;
	(void)cursor_u32le(c); /* flags */
	r->mmap.file.path = string(c, &r->mmap.file.path_len);
	if (c->failed || !len || __builtin_add_overflow(r->mmap.start, len, &r->mmap.limit))
		return -EBADMSG;
	r->mmap.file.path_len = path_without_deleted(r->mmap.file.path, r->mmap.file.path_len);
	return r->mmap.file.path_len > OBJECT_PATH_MAX ? -EBADMSG : 0;
}

static int decode_comm(struct cursor *c, uint16_t misc, struct record *r)
{
	const char *comm;
	size_t len = 0;

	r->pid = cursor_u32le(c);
	r->tid = cursor_u32le(c);
	comm = string(c, &len);
	if (c->failed || len >= sizeof(r->comm.comm))
		return -EBADMSG;
	memcpy(r->comm.comm, comm, len);
	r->comm.exec = misc & PERF_RECORD_MISC_COMM_EXEC;
	return 0;
}

static int decode_task(struct cursor *c, struct record *r)
{
	r->pid = cursor_u32le(c);
	r->task.parent_pid = cursor_u32le(c);
	r->tid = cursor_u32le(c);
	(void)cursor_u32le(c); /* the parent's thread */
	(void)cursor_u64le(c); /* the trailer has the time, too */
	return c->failed ? -EBADMSG : 0;
}

static int decode_lost(struct cursor *c, struct record *r)
{
	(void)cursor_u64le(c); /* the event's id */
	r->lost.n = cursor_u64le(c);
	return c->failed ? -EBADMSG : 0;
}

static int decode_body(uint32_t type, struct cursor *c, uint16_t misc, struct record *r)
{
	switch (type) {
	case PERF_RECORD_MMAP2:
		r->type = RECORD_MMAP;
		return decode_mmap(c, misc, r);
	case PERF_RECORD_COMM:
		r->type = RECORD_COMM;
		return decode_comm(c, misc, r);
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		r->type = type == PERF_RECORD_FORK ? RECORD_FORK : RECORD_EXIT;
		return decode_task(c, r);
	case PERF_RECORD_LOST:
		r->type = RECORD_LOST;
		return decode_lost(c, r);
	default:
		return -ENOMSG;
	}
}

int record_decode(const void *bytes, size_t len, struct record *ret)
{
	struct cursor c = cursor_over(bytes, len), body;
	struct record r = {0};
	uint32_t type = cursor_u32le(&c);
	uint16_t misc = cursor_u16le(&c), size = cursor_u16le(&c);
	int err;

	if (c.failed || size != len || cursor_left(&c) < TRAILER_LEN)
		return -EBADMSG;
	body = cursor_take(&c, cursor_left(&c) - TRAILER_LEN);
	r.time_ns = record_time(bytes, len);
	err = decode_body(type, &body, misc, &r);
	if (err)
		return err;
	*ret = r;
	return 0;
}
