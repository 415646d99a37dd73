// SPDX-License-Identifier: Apache-2.0
/*
 * fake_symbolizer.c - speaks symbolize.proto and misbehaves on demand
 *
 * An object's contents, one word, say what it does to whoever reads it. A "fine" object
 * has a function "f_N" for every address N below 1,000,000, "caller_f_N" for a
 * return address, and its own contents as build id.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "control/frame.h"
#include "proto/symbolize.pb-c.h"

#define CHANNEL     3
#define OBJECTS_MAX 4096
#define NAMED_BELOW 1000000

typedef Cprofd__Symbolize__Request request_t;
typedef Cprofd__Symbolize__Reply reply_t;
typedef Cprofd__Symbolize__Function function_t;

static struct {
	uint32_t number;
	char word[32];
} objects[OBJECTS_MAX];
static size_t n_objects;

static void say(reply_t *reply)
{
	if (frame_write(CHANNEL, &reply->base, -1) < 0)
		_exit(2);
}

static void say_raw(const void *bytes, size_t len)
{
	if (write(CHANNEL, bytes, len) < 0)
		_exit(2);
}

static void say_hello(void)
{
	Cprofd__Symbolize__Hello hello = CPROFD__SYMBOLIZE__HELLO__INIT;
	reply_t reply = CPROFD__SYMBOLIZE__REPLY__INIT;

	hello.version = CPROFD__SYMBOLIZE__LIMIT__VERSION;
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_HELLO;
	reply.hello = &hello;
	say(&reply);
}

/* What is done in place of, or before, an answer: `when` is "add" or "names". */
static void misbehave(const char *word, const char *when)
{
	const char *dash = strchr(word, '-');

	if (!dash || strcmp(dash + 1, when) != 0)
		return;
	if (strncmp(word, "die-", 4) == 0)
		_exit(1);
	if (strncmp(word, "hang-", 5) == 0)
		for (;;)
			(void)pause();
	if (strncmp(word, "half-", 5) == 0) {
		say_raw("\x10\0\0\0half", 8);
		_exit(1);
	}
	if (strncmp(word, "giant-", 6) == 0) {
		say_raw("\xff\xff\xff\x7f", 4);
		for (;;)
			(void)pause();
	}
	if (strncmp(word, "hello-", 6) == 0)
		say_hello();
}

static void add(const Cprofd__Symbolize__AddObject *ask, int fd)
{
	Cprofd__Symbolize__ObjectInfo info = CPROFD__SYMBOLIZE__OBJECT_INFO__INIT;
	Cprofd__Symbolize__Range core = CPROFD__SYMBOLIZE__RANGE__INIT, module = core;
	Cprofd__Symbolize__Range *ranges[] = {&module, &core};
	reply_t reply = CPROFD__SYMBOLIZE__REPLY__INIT;
	char *word = objects[n_objects].word;

	if (fd < 0 || n_objects == OBJECTS_MAX || pread(fd, word, 31, 0) < 0)
		_exit(3);
	misbehave(word, "add");
	objects[n_objects++].number = ask->object;
	core.name = (char[]){"[kernel.kallsyms]"};
	core.start = 0x1000;
	core.limit = 0x2000;
	module.name = (char[]){"[mod]"};
	module.start = 0x5000;
	module.limit = 0x6000;
	info.object = ask->object;
	if (strcmp(word, "refused") == 0)
		info.reason = CPROFD__SYMBOLIZE__REASON__NOT_ELF;
	if (strcmp(word, "another") == 0)
		info.reason = CPROFD__SYMBOLIZE__REASON__BUILD_ID_DIFFERS;
	info.build_id.data = (uint8_t *)word;
	info.build_id.len = strlen(word);
	info.index_bytes = 1000;
	if (ask->kind == CPROFD__SYMBOLIZE__OBJECT_KIND__KALLSYMS) {
		info.ranges = ranges;
		info.n_ranges = 2;
	}
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_INFO;
	reply.info = &info;
	say(&reply);
}

static void drop(const Cprofd__Symbolize__DropObject *ask)
{
	for (size_t i = 0; i < n_objects; i++)
		if (objects[i].number == ask->object) {
			objects[i] = objects[--n_objects];
			return;
		}
	_exit(4);
}

static const char *word_of(uint32_t number)
{
	for (size_t i = 0; i < n_objects; i++)
		if (objects[i].number == number)
			return objects[i].word;
	_exit(5);
}

static char *text(const char *prefix, uint64_t address, const char *suffix)
{
	char *s = NULL;

	if (asprintf(&s, "%s%llu%s", prefix, (unsigned long long)address, suffix) < 0)
		_exit(6);
	return s;
}

static void resolve(const Cprofd__Symbolize__Resolve *ask)
{
	size_t n = ask->n_addresses;
	const char *word = word_of(ask->object);
	function_t *functions = calloc(n, sizeof(*functions));
	function_t **pointers = calloc(n, sizeof(*pointers));
	uint32_t *function = calloc(n, sizeof(*function));
	Cprofd__Symbolize__Reason *reasons = calloc(n, sizeof(*reasons));
	protobuf_c_boolean *trampoline = calloc(n, sizeof(*trampoline));
	Cprofd__Symbolize__Names names = CPROFD__SYMBOLIZE__NAMES__INIT;
	reply_t reply = CPROFD__SYMBOLIZE__REPLY__INIT;

	misbehave(word, "names");
	for (size_t i = 0; i < n; i++) {
		const char *prefix = ask->callers[i] ? "caller_f_" : "f_";

		if (ask->addresses[i] >= NAMED_BELOW) {
			reasons[i] = CPROFD__SYMBOLIZE__REASON__NO_SYMBOL;
			continue;
		}
		cprofd__symbolize__function__init(&functions[names.n_functions]);
		functions[names.n_functions].name =
			text(prefix, ask->addresses[i], strcmp(word, "utf8-names") ? "()" : "\xff");
		functions[names.n_functions].system_name = text("_Z", ask->addresses[i], "");
		pointers[names.n_functions] = &functions[names.n_functions];
		function[i] = (uint32_t)++names.n_functions;
	}
	if (strcmp(word, "index-names") == 0)
		function[0] = (uint32_t)names.n_functions + 1;
	names.request = ask->request + (strcmp(word, "number-names") == 0);
	names.functions = pointers;
	names.function = function;
	names.reasons = reasons;
	names.trampoline = trampoline;
	names.n_function = names.n_reasons = names.n_trampoline = n;
	if (strcmp(word, "short-names") == 0)
		names.n_trampoline--;
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_NAMES;
	reply.names = &names;
	say(&reply);
	if (strcmp(word, "then-die") == 0)
		_exit(0);
	for (size_t i = 0; i < names.n_functions; i++) {
		free(functions[i].name);
		free(functions[i].system_name);
	}
	free(functions);
	free(pointers);
	free(function);
	free(reasons);
	free(trampoline);
}

/* SIGUSR1: say something that nobody asked for. */
static void on_signal(int number)
{
	(void)number;
	say_raw("\x02\0\0\0\x0a\0", 6);
}

int main(void)
{
	struct sigaction talk = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct buf in = buf_with_ceiling(FRAME_MAX);
	int fd = -1;

	(void)sigaction(SIGUSR1, &talk, NULL);
	while (frame_read(CHANNEL, FRAME_MAX, &in, &fd) == 1) {
		ProtobufCMessage *m = frame_unpack(
			&cprofd__symbolize__request__descriptor, in.bytes, in.len, FRAME_MAX);
		const request_t *r = (const request_t *)m;

		if (!m)
			_exit(7);
		if (r->kind_case == CPROFD__SYMBOLIZE__REQUEST__KIND_HELLO)
			say_hello();
		else if (r->kind_case == CPROFD__SYMBOLIZE__REQUEST__KIND_ADD)
			add(r->add, fd);
		else if (r->kind_case == CPROFD__SYMBOLIZE__REQUEST__KIND_DROP)
			drop(r->drop);
		else if (r->kind_case == CPROFD__SYMBOLIZE__REQUEST__KIND_RESOLVE)
			resolve(r->resolve);
		frame_free(m);
		scope_close(&fd);
		fd = -1;
	}
	_exit(0);
}
