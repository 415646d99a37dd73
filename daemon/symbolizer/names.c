// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/idmap.h"
#include "base/scope.h"
#include "base/vec.h"
#include "control/frame.h"
#include "symbolizer/demangle.h"
#include "symbolizer/module.h"

/* 4096 functions with two names this long, and a module's, fit a frame whatever else is in it. */
#define SHORT_NAME 400
#define MAX_MODULE 64

/* A function of the answer. Its texts are places in `texts`, which moves while it grows. */
struct named {
	struct source_answer answer;
	size_t system_name, name, module;
};

struct names {
	VEC(struct named) functions;
	struct idmap ids; /* of `functions`, by the symbol */
	struct buf texts; /* each ends in NUL */
	uint32_t *function;
	Cprofd__Symbolize__Reason *reasons;
	protobuf_c_boolean *trampoline;
	size_t n;
	Cprofd__Symbolize__Function *messages;
	Cprofd__Symbolize__Function **pointers;
};

static void names_fini(struct names *n)
{
	vec_fini(&n->functions);
	idmap_fini(&n->ids);
	buf_fini(&n->texts);
	free(n->function);
	free(n->reasons);
	free(n->trampoline);
	free(n->messages);
	free(n->pointers);
}

static bool names_init(struct names *n, size_t n_addresses)
{
	size_t room = n_addresses ? n_addresses : 1;

	n->n = n_addresses;
	n->texts = buf_with_ceiling(room * (2 * (LIMIT(MAX_NAME) + 1) + MAX_MODULE + 1));
	n->function = calloc(room, sizeof(*n->function));
	n->reasons = calloc(room, sizeof(*n->reasons));
	n->trampoline = calloc(room, sizeof(*n->trampoline));
	n->messages = calloc(room, sizeof(*n->messages));
	n->pointers = calloc(room, sizeof(*n->pointers));
	return n->function && n->reasons && n->trampoline && n->messages && n->pointers;
}

/* A source answers with the same bytes, at the same place, for one and the same symbol. */
static bool same_symbol(const void *owner, uint32_t id, const void *key)
{
	const struct source_answer *have = &((const struct names *)owner)->functions.at[id].answer;
	const struct source_answer *want = key;

	return have->name == want->name && have->start == want->start;
}

/* The 1-based number of the function in the answer; 0 when memory is out. */
static uint32_t function_number(struct names *n, const struct source_answer *answer)
{
	uint64_t identity[2] = {(uintptr_t)answer->name, answer->start};
	uint64_t hash = idmap_hash(identity, sizeof(identity));
	uint32_t id = idmap_find(&n->ids, hash, same_symbol, n, answer);
	struct named named = {.answer = *answer};

	if (id != IDMAP_NONE)
		return id + 1;
	if (!vec_push(&n->functions, named, LIMIT(MAX_ADDRESSES)) ||
		idmap_add(&n->ids, hash, n->functions.n - 1) < 0)
		return 0;
	return n->functions.n;
}

static bool resolve_all(
	struct names *n, const struct module *m, const Cprofd__Symbolize__Resolve *ask)
{
	for (size_t i = 0; i < n->n; i++) {
		struct source_answer answer;
		bool trampoline = false;

		n->reasons[i] =
			module_resolve(m, ask->addresses[i], ask->callers[i], &answer, &trampoline);
		n->trampoline[i] = trampoline;
		if (n->reasons[i])
			continue;
		n->function[i] = function_number(n, &answer);
		if (!n->function[i])
			return false;
	}
	return true;
}

/* Write the texts of all functions, each at most `most` bytes. */
static bool write_texts(struct names *n, size_t most)
{
	buf_clear(&n->texts);
	for (uint32_t i = 0; i < n->functions.n; i++) {
		struct named *f = &n->functions.at[i];

		f->system_name = n->texts.len;
		name_append(&n->texts, f->answer.name, f->answer.name_len, most);
		buf_append(&n->texts, "", 1);
		f->name = n->texts.len;
		demangle_append(&n->texts, f->answer.name, f->answer.name_len, most);
		buf_append(&n->texts, "", 1);
		f->module = n->texts.len;
		if (f->answer.module)
			name_append(&n->texts, f->answer.module, f->answer.module_len, MAX_MODULE);
		buf_append(&n->texts, "", 1);
	}
	return !n->texts.failed;
}

static void fill_message(struct names *n, uint32_t request, Cprofd__Symbolize__Names *ret)
{
	char *texts = (char *)n->texts.bytes;

	for (uint32_t i = 0; i < n->functions.n; i++) {
		const struct named *f = &n->functions.at[i];

		cprofd__symbolize__function__init(&n->messages[i]);
		n->messages[i].system_name = texts + f->system_name;
		n->messages[i].name = texts + f->name;
		n->messages[i].module = texts + f->module;
		n->messages[i].start = f->answer.start;
		n->pointers[i] = &n->messages[i];
	}
	cprofd__symbolize__names__init(ret);
	ret->request = request;
	ret->n_functions = n->functions.n;
	ret->functions = n->pointers;
	ret->n_function = ret->n_reasons = ret->n_trampoline = n->n;
	ret->function = n->function;
	ret->reasons = n->reasons;
	ret->trampoline = n->trampoline;
}

static int pack(struct names *n, uint32_t request, size_t most, struct buf *out)
{
	Cprofd__Symbolize__Names names;
	Cprofd__Symbolize__Reply reply = CPROFD__SYMBOLIZE__REPLY__INIT;

	if (!write_texts(n, most))
		return -ENOMEM;
	fill_message(n, request, &names);
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_NAMES;
	reply.names = &names;
	return frame_pack(out, &reply.base);
}

int names_answer(const struct module *m, const Cprofd__Symbolize__Resolve *ask, struct buf *out)
{
	scoped(names_fini) struct names n = {0};
	int err;

	if (!names_init(&n, ask->n_addresses) || !resolve_all(&n, m, ask))
		return -ENOMEM;
	err = pack(&n, ask->request, LIMIT(MAX_NAME), out);
	return err == -EMSGSIZE ? pack(&n, ask->request, SHORT_NAME, out) : err;
}
