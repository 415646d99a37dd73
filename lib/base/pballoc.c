// SPDX-License-Identifier: Apache-2.0
#include "base/pballoc.h"

#include <stdlib.h>

/* What malloc() adds to a small block; without it a million tiny blocks would cost twice the
 * ceiling. */
#define BLOCK_OVERHEAD 16

static void *limited_alloc(void *data, size_t size)
{
	struct pballoc *p = data;

	if (size > p->left || p->left - size < BLOCK_OVERHEAD)
		return NULL;
	p->left -= size + BLOCK_OVERHEAD;
	return malloc(size);
}

/* The budget is for one unpacking: what is freed again is not handed back. */
static void plain_free(void *data, void *block)
{
	(void)data;
	free(block);
}

void pballoc_init(struct pballoc *p, size_t ceiling)
{
	p->left = ceiling;
	p->allocator = (ProtobufCAllocator){
		.alloc = limited_alloc, .free = plain_free, .allocator_data = p};
}

ProtobufCMessage *pballoc_unpack(
	const ProtobufCMessageDescriptor *type, const void *bytes, size_t len, size_t ceiling)
{
	struct pballoc p;

	pballoc_init(&p, ceiling);
	return protobuf_c_message_unpack(type, &p.allocator, len, bytes);
}

void pballoc_release(ProtobufCMessage *message)
{
	ProtobufCAllocator plain = {.alloc = limited_alloc, .free = plain_free};

	if (message)
		protobuf_c_message_free_unpacked(message, &plain);
}
