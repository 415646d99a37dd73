// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/serve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fdpass.h"
#include "base/scope.h"
#include "base/vec.h"
#include "control/frame.h"
#include "symbolizer/kallsyms.h"
#include "symbolizer/module.h"
#include "symbolizer/names.h"

#define MAX_UNPACKED (512u << 10) /* bytes of memory for a request */

typedef Cprofd__Symbolize__Request request_t;

struct object {
	uint32_t number;
	struct module *module;
	size_t bytes;
};

struct server {
	VEC(struct object) objects; /* few enough to be searched one by one */
	uint32_t max_objects;
	size_t index_bytes;
	bool greeted;
};

struct server *server_new(uint32_t max_objects)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s)
		s->max_objects = max_objects < SERVE_MAX_OBJECTS ? max_objects : SERVE_MAX_OBJECTS;
	return s;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->objects.n; i++)
		module_free(s->objects.at[i].module);
	vec_fini(&s->objects);
	free(s);
}

static struct object *find_object(struct server *s, uint32_t number)
{
	for (uint32_t i = 0; i < s->objects.n; i++)
		if (s->objects.at[i].number == number)
			return &s->objects.at[i];
	return NULL;
}

static int hello(struct server *s, const Cprofd__Symbolize__Hello *theirs, struct buf *out)
{
	Cprofd__Symbolize__Hello ours = CPROFD__SYMBOLIZE__HELLO__INIT;
	Cprofd__Symbolize__Reply reply = CPROFD__SYMBOLIZE__REPLY__INIT;
	int err;

	s->greeted = true;
	ours.version = LIMIT(VERSION);
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_HELLO;
	reply.hello = &ours;
	err = frame_pack(out, &reply.base);
	return err < 0 ? err : theirs->version == LIMIT(VERSION);
}

/* Write "[name]" for each range; the texts go to `texts`, which has room for them. */
static void fill_ranges(const struct kallsyms_range *ranges, size_t n, char *texts,
	Cprofd__Symbolize__Range *messages, Cprofd__Symbolize__Range **pointers)
{
	for (size_t i = 0; i < n; i++) {
		cprofd__symbolize__range__init(&messages[i]);
		messages[i].name = texts;
		messages[i].start = ranges[i].start;
		messages[i].limit = ranges[i].limit;
		pointers[i] = &messages[i];
		*texts++ = '[';
		memcpy(texts, ranges[i].name, ranges[i].name_len);
		texts += ranges[i].name_len;
		memcpy(texts, "]", 2);
		texts += 2;
	}
}

static int pack_info(const struct object *o, Cprofd__Symbolize__ObjectInfo *info, struct buf *out)
{
	const struct kallsyms_range *ranges;
	size_t n = module_ranges(o->module, &ranges), texts_len = 0;
	scoped(scope_free) Cprofd__Symbolize__Range *messages = calloc(n + 1, sizeof(*messages));
	scoped(scope_free) Cprofd__Symbolize__Range **pointers = calloc(n + 1, sizeof(*pointers));
	scoped(scope_free) char *texts = NULL;
	Cprofd__Symbolize__Reply reply = CPROFD__SYMBOLIZE__REPLY__INIT;

	for (size_t i = 0; i < n; i++)
		texts_len += ranges[i].name_len + sizeof("[]");
	texts = malloc(texts_len + 1);
	if (!messages || !pointers || !texts)
		return -ENOMEM;
	fill_ranges(ranges, n, texts, messages, pointers);
	info->ranges = pointers;
	info->n_ranges = n;
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_INFO;
	reply.info = info;
	return frame_pack(out, &reply.base);
}

static int answer_info(const struct object *o, struct buf *out)
{
	struct module_facts facts = module_facts(o->module);
	Cprofd__Symbolize__ObjectInfo info = CPROFD__SYMBOLIZE__OBJECT_INFO__INIT;

	info.object = o->number;
	info.reason = facts.reason;
	info.build_id.data = facts.build_id.bytes;
	info.build_id.len = facts.build_id.len;
	info.symbols = facts.n_symbols;
	info.index_bytes = facts.index_bytes;
	return pack_info(o, &info, out);
}

/* Read the object; takes `fd`. */
static struct module *load(struct server *s, const Cprofd__Symbolize__AddObject *ask, int fd)
{
	scoped(scope_close) int mine = fd;
	struct build_id expected = {.len = (uint8_t)ask->expected_build_id.len};
	size_t ceiling = SERVE_MAX_INDEX - s->index_bytes;

	if (s->objects.n >= s->max_objects)
		return module_new_without(REASON(TOO_LARGE));
	if (ask->kind == CPROFD__SYMBOLIZE__OBJECT_KIND__KALLSYMS)
		return module_new_kallsyms(take_fd(&mine), ceiling);
	if (expected.len)
		memcpy(expected.bytes, ask->expected_build_id.data, expected.len);
	return module_new_elf(take_fd(&mine), &expected, ceiling);
}

static int add(struct server *s, const Cprofd__Symbolize__AddObject *ask, int fd, struct buf *out)
{
	scoped(scope_close) int mine = fd;
	struct object o = {.number = ask->object};

	if (fd < 0 || !ask->object || find_object(s, ask->object) ||
		ask->expected_build_id.len > BUILD_ID_MAX ||
		(ask->kind != CPROFD__SYMBOLIZE__OBJECT_KIND__ELF &&
			ask->kind != CPROFD__SYMBOLIZE__OBJECT_KIND__KALLSYMS))
		return -EPROTO;
	o.module = load(s, ask, take_fd(&mine));
	if (!o.module)
		return -ENOMEM;
	o.bytes = module_facts(o.module).index_bytes;
	/* objects that were refused are remembered as such, up to a ceiling of their own */
	if (!vec_push(&s->objects, o, 4 * SERVE_MAX_OBJECTS)) {
		module_free(o.module);
		return -ENOMEM;
	}
	s->index_bytes += o.bytes;
	return answer_info(&o, out) < 0 ? -ENOMEM : 1;
}

static int drop(struct server *s, const Cprofd__Symbolize__DropObject *ask)
{
	struct object *o = find_object(s, ask->object);

	if (!o)
		return -EPROTO;
	s->index_bytes -= o->bytes;
	module_free(o->module);
	*o = s->objects.at[--s->objects.n];
	return 1;
}

static int resolve(struct server *s, const Cprofd__Symbolize__Resolve *ask, struct buf *out)
{
	struct object *o = find_object(s, ask->object);
	int err;

	if (!o || ask->n_addresses > LIMIT(MAX_ADDRESSES) || ask->n_callers != ask->n_addresses)
		return -EPROTO;
	err = names_answer(o->module, ask, out);
	module_rest(o->module);
	return err < 0 ? err : 1;
}

static int dispatch(struct server *s, const request_t *request, int fd, struct buf *out)
{
	scoped(scope_close) int mine = fd;

	if (s->greeted == (request->kind_case == CPROFD__SYMBOLIZE__REQUEST__KIND_HELLO))
		return -EPROTO;
	if (request->kind_case == CPROFD__SYMBOLIZE__REQUEST__KIND_ADD)
		return add(s, request->add, take_fd(&mine), out);
	if (fd >= 0)
		return -EPROTO;
	switch (request->kind_case) {
	case CPROFD__SYMBOLIZE__REQUEST__KIND_HELLO:
		return hello(s, request->hello, out);
	case CPROFD__SYMBOLIZE__REQUEST__KIND_DROP:
		return drop(s, request->drop);
	case CPROFD__SYMBOLIZE__REQUEST__KIND_RESOLVE:
		return resolve(s, request->resolve, out);
	default:
		return -EPROTO;
	}
}

int server_request(struct server *s, const uint8_t *bytes, size_t len, int fd, struct buf *out)
{
	ProtobufCMessage *message =
		frame_unpack(&cprofd__symbolize__request__descriptor, bytes, len, MAX_UNPACKED);
	int result;

	if (!message) {
		scope_close(&fd);
		return -EPROTO;
	}
	result = dispatch(s, (const request_t *)message, fd, out);
	frame_free(message);
	return result;
}

static int send_all(int sock, struct buf *out)
{
	for (size_t sent = 0; sent < out->len;) {
		ssize_t n = fdpass_send(sock, out->bytes + sent, out->len - sent, -1);

		if (n < 0)
			return (int)n;
		sent += (size_t)n;
	}
	buf_clear(out);
	return 0;
}

static int serve_one(struct server *s, int sock, struct buf *in, struct buf *out)
{
	int fd = -1;
	int result = frame_read(sock, SERVE_MAX_REQUEST, in, &fd), err;

	if (result <= 0)
		return result;
	result = server_request(s, in->bytes, in->len, fd, out);
	if (result < 0)
		return result;
	err = send_all(sock, out);
	return err < 0 ? err : result;
}

int serve(int sock, uint32_t fds)
{
	scoped(buf_fini) struct buf in = buf_with_ceiling(SERVE_MAX_REQUEST);
	scoped(buf_fini) struct buf out = buf_with_ceiling(FRAME_MAX + FRAME_HEADER_LEN);
	struct server *s = server_new(fds > SERVE_SPARE_FDS ? fds - SERVE_SPARE_FDS : 1);
	int result = s ? 1 : -ENOMEM;

	while (result > 0)
		result = serve_one(s, sock, &in, &out);
	server_free(s);
	return result;
}
