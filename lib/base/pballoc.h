// SPDX-License-Identifier: Apache-2.0
/*
 * pballoc.h - a ceiling on what unpacking a protobuf message may allocate
 *
 * protobuf-c makes 71 MB out of 1 MB of hostile input: every empty submessage
 * costs two bytes on the wire and a struct in memory. Foreign messages are unpacked
 * through this allocator, which says no once its budget is spent.
 */
#ifndef CPROFD_BASE_PBALLOC_H
#define CPROFD_BASE_PBALLOC_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

/* Must outlive the unpacking, not the message. */
struct pballoc {
	ProtobufCAllocator allocator; /* hand &p->allocator to an unpack function */
	size_t left;                  /* bytes */
};

/* An allocator over malloc() that hands out at most `ceiling` bytes in all. */
void pballoc_init(struct pballoc *p, size_t ceiling);

/*
 * Unpack `bytes` as a `type` within `ceiling` bytes of memory. Gives a message,
 * released with pballoc_release(); NULL when it is malformed or needs more.
 */
ProtobufCMessage *pballoc_unpack(
	const ProtobufCMessageDescriptor *type, const void *bytes, size_t len, size_t ceiling);
void pballoc_release(ProtobufCMessage *message); /* NULL is accepted */

#endif
