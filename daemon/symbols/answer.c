// SPDX-License-Identifier: Apache-2.0
#include "symbols/answer.h"

#include <errno.h>
#include <string.h>

#include "base/build_id.h"
#include "base/utf8.h"
#include "control/frame.h"

typedef Cprofd__Symbolize__Reply reply;
typedef Cprofd__Symbolize__ObjectInfo object_info;
typedef Cprofd__Symbolize__Names names;

/* 4,096 ranges or functions cost about 100 bytes each beside their text, of which a frame holds 4
 * MiB */
#define MEMORY_MAX     (3u * FRAME_MAX)
#define NAME_MAX_LEN   (CPROFD__SYMBOLIZE__LIMIT__MAX_NAME + 3) /* and its "..." */
#define INDEX_MAX      (UINT64_C(1) << 40)
#define REASON_LARGEST CPROFD__SYMBOLIZE__REASON__UNREADABLE

static bool is_text(const char *s)
{
	size_t len = strnlen(s, NAME_MAX_LEN + 1);

	return len <= NAME_MAX_LEN && utf8_valid(s, len);
}

static bool is_reason(int reason)
{
	return reason >= 0 && reason <= (int)REASON_LARGEST;
}

static bool good_hello(const Cprofd__Symbolize__Hello *hello)
{
	return hello->version == CPROFD__SYMBOLIZE__LIMIT__VERSION;
}

static bool good_info(const object_info *info, const struct asked *asked)
{
	if (info->object != asked->number || !is_reason((int)info->reason) ||
		info->build_id.len > BUILD_ID_MAX || info->index_bytes > INDEX_MAX ||
		info->n_ranges > (asked->kallsyms ? CPROFD__SYMBOLIZE__LIMIT__MAX_RANGES : 0))
		return false;
	for (size_t i = 0; i < info->n_ranges; i++) {
		const Cprofd__Symbolize__Range *r = info->ranges[i];

		if (r->start >= r->limit || !r->name[0] || !is_text(r->name))
			return false;
	}
	return true;
}

static bool good_function(const Cprofd__Symbolize__Function *f)
{
	return f->name[0] && f->system_name[0] && is_text(f->name) && is_text(f->system_name) &&
	       is_text(f->module);
}

static bool good_names(const names *n, const struct asked *asked)
{
	if (n->request != asked->number || n->n_functions > asked->n_addresses ||
		n->n_function != asked->n_addresses || n->n_reasons != asked->n_addresses ||
		n->n_trampoline != asked->n_addresses)
		return false;
	for (size_t i = 0; i < n->n_functions; i++)
		if (!good_function(n->functions[i]))
			return false;
	for (size_t i = 0; i < n->n_function; i++) {
		bool named = n->reasons[i] == CPROFD__SYMBOLIZE__REASON__REASON_NONE;

		if (n->function[i] > n->n_functions || named != (n->function[i] != 0) ||
			!is_reason((int)n->reasons[i]))
			return false;
	}
	return true;
}

static bool answers(const reply *r, const struct asked *asked)
{
	switch (asked->kind) {
	case ASKED_HELLO:
		return r->kind_case == CPROFD__SYMBOLIZE__REPLY__KIND_HELLO && good_hello(r->hello);
	case ASKED_ADD:
		return r->kind_case == CPROFD__SYMBOLIZE__REPLY__KIND_INFO &&
		       good_info(r->info, asked);
	case ASKED_NAMES:
		return r->kind_case == CPROFD__SYMBOLIZE__REPLY__KIND_NAMES &&
		       good_names(r->names, asked);
	case ASKED_NOTHING:
		break;
	}
	return false;
}

int answer_read(const struct asked *asked, const uint8_t *bytes, size_t len, reply **ret)
{
	ProtobufCMessage *message =
		frame_unpack(&cprofd__symbolize__reply__descriptor, bytes, len, MEMORY_MAX);
	reply *r = (reply *)message;

	if (!r)
		return -EBADMSG;
	if (!answers(r, asked)) {
		frame_free(message);
		return -EBADMSG;
	}
	*ret = r;
	return 0;
}

void answer_free(reply *r)
{
	frame_free((ProtobufCMessage *)r);
}
