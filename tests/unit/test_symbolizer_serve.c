// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "control/frame.h"
#include "proto/symbolize.pb-c.h"
#include "symbolizer/serve.h"
#include "unit/symbolizer_elf.h"

#define REPLY_MEMORY (64u << 20)

typedef Cprofd__Symbolize__Reply reply_t;

static const Elf64_Phdr load[] = {
	{PT_LOAD, PF_R | PF_X, 0x1000, TEXT, 0, TEXT_SIZE, TEXT_SIZE, 0x1000}};
static const struct elf_symbol symbols[] = {
	{"_ZN3foo3barEv", TEXT + 0x10, 0x10, STB_GLOBAL, STT_FUNC, IN_TEXT},
	{"after", TEXT + 0x20, 0x10, STB_GLOBAL, STT_FUNC, IN_TEXT},
};
static struct elf_image image;

/* One request as cprofd would send it. The answer, if any, in *ret; what server_request() said. */
static int ask(struct server *s, const Cprofd__Symbolize__Request *request, int fd, reply_t **ret)
{
	struct buf out = buf_with_ceiling(FRAME_MAX + FRAME_HEADER_LEN);
	size_t len = cprofd__symbolize__request__get_packed_size(request);
	uint8_t *bytes = malloc(len + 1);
	const uint8_t *at;
	int result;

	(void)cprofd__symbolize__request__pack(request, bytes);
	result = server_request(s, bytes, len, fd, &out);
	*ret = NULL;
	if (frame_next(&out, FRAME_MAX, &at, &len) == 1)
		*ret = (reply_t *)frame_unpack(
			&cprofd__symbolize__reply__descriptor, at, len, REPLY_MEMORY);
	buf_fini(&out);
	free(bytes);
	return result;
}

static int say_hello(struct server *s, uint32_t version, uint32_t *ret_theirs)
{
	Cprofd__Symbolize__Hello hello = CPROFD__SYMBOLIZE__HELLO__INIT;
	Cprofd__Symbolize__Request request = CPROFD__SYMBOLIZE__REQUEST__INIT;
	reply_t *reply;
	int result;

	hello.version = version;
	request.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_HELLO;
	request.hello = &hello;
	result = ask(s, &request, -1, &reply);
	*ret_theirs = reply ? reply->hello->version : 0;
	frame_free(reply ? &reply->base : NULL);
	return result;
}

static struct server *greeted(uint32_t max_objects)
{
	struct server *s = server_new(max_objects);
	uint32_t version;

	assert_int_equal(say_hello(s, CPROFD__SYMBOLIZE__LIMIT__VERSION, &version), 1);
	assert_int_equal(version, CPROFD__SYMBOLIZE__LIMIT__VERSION);
	return s;
}

static int add(struct server *s, uint32_t number, int fd, Cprofd__Symbolize__ObjectInfo *ret)
{
	Cprofd__Symbolize__AddObject object = CPROFD__SYMBOLIZE__ADD_OBJECT__INIT;
	Cprofd__Symbolize__Request request = CPROFD__SYMBOLIZE__REQUEST__INIT;
	reply_t *reply;
	int result;

	object.object = number;
	request.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_ADD;
	request.add = &object;
	result = ask(s, &request, fd, &reply);
	if (reply)
		*ret = *reply->info; /* its numbers; its bytes go */
	frame_free(reply ? &reply->base : NULL);
	return result;
}

static int drop(struct server *s, uint32_t number)
{
	Cprofd__Symbolize__DropObject object = CPROFD__SYMBOLIZE__DROP_OBJECT__INIT;
	Cprofd__Symbolize__Request request = CPROFD__SYMBOLIZE__REQUEST__INIT;
	reply_t *reply;
	int result;

	object.object = number;
	request.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_DROP;
	request.drop = &object;
	result = ask(s, &request, -1, &reply);
	assert_null(reply);
	return result;
}

static int resolve(struct server *s, uint32_t number, uint64_t *addresses, size_t n,
	protobuf_c_boolean *callers, size_t n_callers, reply_t **ret)
{
	Cprofd__Symbolize__Resolve wanted = CPROFD__SYMBOLIZE__RESOLVE__INIT;
	Cprofd__Symbolize__Request request = CPROFD__SYMBOLIZE__REQUEST__INIT;

	wanted.request = 7;
	wanted.object = number;
	wanted.addresses = addresses;
	wanted.n_addresses = n;
	wanted.callers = callers;
	wanted.n_callers = n_callers;
	request.kind_case = CPROFD__SYMBOLIZE__REQUEST__KIND_RESOLVE;
	request.resolve = &wanted;
	return ask(s, &request, -1, ret);
}

static struct server *with_image(void)
{
	struct server *s = greeted(100);
	Cprofd__Symbolize__ObjectInfo info;

	elf_build(&image, symbols, 2, load, 1);
	assert_int_equal(add(s, 1, elf_fd(&image), &info), 1);
	assert_int_equal(info.reason, CPROFD__SYMBOLIZE__REASON__REASON_NONE);
	assert_int_equal(info.symbols, 2);
	return s;
}

static void versions_are_exchanged_first(void **state)
{
	struct server *s = server_new(10);
	Cprofd__Symbolize__ObjectInfo info;
	uint32_t version;

	(void)state;
	assert_int_equal(drop(s, 1), -EPROTO);
	assert_int_equal(add(s, 1, elf_fd(&image), &info), -EPROTO);
	assert_int_equal(say_hello(s, CPROFD__SYMBOLIZE__LIMIT__VERSION + 1, &version), 0);
	assert_int_equal(version, CPROFD__SYMBOLIZE__LIMIT__VERSION);
	server_free(s);
	s = greeted(10);
	assert_int_equal(say_hello(s, CPROFD__SYMBOLIZE__LIMIT__VERSION, &version), -EPROTO);
	server_free(s);
}

static void callers_are_looked_up_before_their_address(void **state)
{
	struct server *s = with_image();
	uint64_t addresses[] = {0x1020, 0x1020, 0x1018, 0x1000, 0x9000};
	protobuf_c_boolean callers[] = {0, 1, 1, 0, 0};
	reply_t *reply;

	(void)state;
	assert_int_equal(resolve(s, 1, addresses, 5, callers, 5, &reply), 1);
	assert_int_equal(reply->names->request, 7);
	assert_int_equal(reply->names->n_functions, 2);
	assert_string_equal(reply->names->functions[0]->name, "after");
	assert_string_equal(reply->names->functions[1]->system_name, "_ZN3foo3barEv");
	assert_string_equal(reply->names->functions[1]->name, "foo::bar()");
	assert_int_equal(reply->names->functions[1]->start, TEXT + 0x10);
	assert_int_equal(reply->names->function[0], 1);
	assert_int_equal(reply->names->function[1], 2);
	assert_int_equal(reply->names->function[2], 2);
	assert_int_equal(reply->names->function[3], 0);
	assert_int_equal(reply->names->reasons[3], CPROFD__SYMBOLIZE__REASON__NO_SYMBOL);
	assert_int_equal(reply->names->reasons[4], CPROFD__SYMBOLIZE__REASON__OUTSIDE_SEGMENTS);
	frame_free(&reply->base);
	server_free(s);
}

#ifdef __x86_64__
static void a_signal_trampoline_names_itself(void **state)
{
	static const uint8_t code[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
	struct server *s = greeted(10);
	Cprofd__Symbolize__ObjectInfo info;
	uint64_t addresses[] = {0x1020, 0x1020};
	protobuf_c_boolean callers[] = {1, 0};
	reply_t *reply;

	(void)state;
	elf_build(&image, symbols, 2, load, 1);
	memcpy(image.bytes + 0x1020, code, sizeof(code));
	image.len = 0x1100;
	assert_int_equal(add(s, 1, elf_fd(&image), &info), 1);
	assert_int_equal(resolve(s, 1, addresses, 2, callers, 2, &reply), 1);
	assert_int_equal(reply->names->n_functions, 1);
	assert_string_equal(reply->names->functions[0]->name, "after");
	assert_true(reply->names->trampoline[0]);
	assert_false(reply->names->trampoline[1]);
	frame_free(&reply->base);
	server_free(s);
}
#endif

static void a_refused_object_answers_with_its_reason(void **state)
{
	struct server *s = greeted(10);
	Cprofd__Symbolize__ObjectInfo info;
	uint64_t address = 0x1010;
	protobuf_c_boolean caller = 0;
	reply_t *reply;

	(void)state;
	assert_int_equal(add(s, 5, open("/dev/null", O_RDONLY), &info), 1);
	assert_int_equal(info.reason, CPROFD__SYMBOLIZE__REASON__NOT_ELF);
	assert_int_equal(add(s, 6, open("/", O_RDONLY), &info), 1);
	assert_int_equal(info.reason, CPROFD__SYMBOLIZE__REASON__UNREADABLE);
	assert_int_equal(add(s, 7, open("/", O_PATH), &info), 1);
	assert_int_equal(info.reason, CPROFD__SYMBOLIZE__REASON__UNREADABLE);
	assert_int_equal(resolve(s, 5, &address, 1, &caller, 1, &reply), 1);
	assert_int_equal(reply->names->reasons[0], CPROFD__SYMBOLIZE__REASON__NOT_ELF);
	frame_free(&reply->base);
	server_free(s);
}

static void breaches_end_it(void **state)
{
	struct server *s = with_image();
	static uint64_t addresses[CPROFD__SYMBOLIZE__LIMIT__MAX_ADDRESSES + 1];
	static protobuf_c_boolean callers[CPROFD__SYMBOLIZE__LIMIT__MAX_ADDRESSES + 1];
	const size_t too_many = CPROFD__SYMBOLIZE__LIMIT__MAX_ADDRESSES + 1;
	Cprofd__Symbolize__ObjectInfo info;
	struct buf out = buf_with_ceiling(1000);
	reply_t *reply;

	(void)state;
	assert_int_equal(add(s, 1, elf_fd(&image), &info), -EPROTO); /* in use */
	assert_int_equal(add(s, 0, elf_fd(&image), &info), -EPROTO);
	assert_int_equal(add(s, 2, -1, &info), -EPROTO);
	assert_int_equal(drop(s, 2), -EPROTO);
	assert_int_equal(resolve(s, 2, addresses, 1, callers, 1, &reply), -EPROTO);
	assert_int_equal(resolve(s, 1, addresses, 2, callers, 1, &reply), -EPROTO);
	assert_int_equal(resolve(s, 1, addresses, too_many, callers, too_many, &reply), -EPROTO);
	assert_int_equal(server_request(s, (const uint8_t *)"\xff\xff", 2, -1, &out), -EPROTO);
	assert_int_equal(server_request(s, (const uint8_t *)"", 0, -1, &out), -EPROTO);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
	server_free(s);
}

static void a_dropped_number_can_be_used_again(void **state)
{
	struct server *s = with_image();
	Cprofd__Symbolize__ObjectInfo info;

	(void)state;
	assert_int_equal(drop(s, 1), 1);
	assert_int_equal(add(s, 1, elf_fd(&image), &info), 1);
	assert_int_equal(info.reason, CPROFD__SYMBOLIZE__REASON__REASON_NONE);
	server_free(s);
}

static void objects_have_a_ceiling(void **state)
{
	struct server *s = greeted(2);
	Cprofd__Symbolize__ObjectInfo info;

	(void)state;
	elf_build(&image, symbols, 2, load, 1);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(add(s, i, elf_fd(&image), &info), 1);
		assert_int_equal(info.reason, i <= 2 ? CPROFD__SYMBOLIZE__REASON__REASON_NONE
						     : CPROFD__SYMBOLIZE__REASON__TOO_LARGE);
	}
	server_free(s);
}

enum {
	MANY = CPROFD__SYMBOLIZE__LIMIT__MAX_ADDRESSES,
	TAIL = 2000
};

/* A file of MANY functions of one byte; each one's name is a tail of one long "yyy...xxx". */
static int many_long_names(void)
{
	static Elf64_Sym table[MANY];
	static char names[1 + MANY + TAIL];
	int fd;

	for (size_t i = 0; i < MANY; i++)
		table[i] = (Elf64_Sym){.st_name = (Elf64_Word)(1 + i),
			.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
			.st_shndx = IN_TEXT,
			.st_value = TEXT + i,
			.st_size = 1};
	memset(names + 1, 'y', MANY);
	memset(names + 1 + MANY, 'x', TAIL - 1);
	elf_build(&image, symbols, 2, load, 1);
	image.sections[3].sh_offset = image.len;
	image.sections[3].sh_size = sizeof(table);
	image.sections[4].sh_offset = image.len + sizeof(table);
	image.sections[4].sh_size = sizeof(names);
	fd = elf_fd(&image);
	assert_int_equal(pwrite(fd, table, sizeof(table), (off_t)image.len), sizeof(table));
	assert_int_equal(pwrite(fd, names, sizeof(names), (off_t)(image.len + sizeof(table))),
		sizeof(names));
	return fd;
}

static void an_answer_always_fits_a_frame(void **state)
{
	static uint64_t addresses[MANY];
	static protobuf_c_boolean callers[MANY];
	struct server *s = greeted(2);
	Cprofd__Symbolize__ObjectInfo info;
	reply_t *reply;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		addresses[i] = 0x1000 + i;
	assert_int_equal(add(s, 1, many_long_names(), &info), 1);
	assert_int_equal(info.symbols, MANY);
	assert_int_equal(resolve(s, 1, addresses, MANY, callers, MANY, &reply), 1);
	assert_non_null(reply);
	assert_int_equal(reply->names->n_functions, MANY);
	assert_int_equal(strlen(reply->names->functions[0]->name), 400);
	assert_string_equal(reply->names->functions[0]->name + 396, "y...");
	frame_free(&reply->base);
	/* alone, a name has its full length */
	assert_int_equal(resolve(s, 1, addresses, 1, callers, 1, &reply), 1);
	assert_int_equal(
		strlen(reply->names->functions[0]->name), CPROFD__SYMBOLIZE__LIMIT__MAX_NAME);
	frame_free(&reply->base);
	server_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_exchanged_first),
		cmocka_unit_test(callers_are_looked_up_before_their_address),
#ifdef __x86_64__
		cmocka_unit_test(a_signal_trampoline_names_itself),
#endif
		cmocka_unit_test(a_refused_object_answers_with_its_reason),
		cmocka_unit_test(breaches_end_it),
		cmocka_unit_test(a_dropped_number_can_be_used_again),
		cmocka_unit_test(objects_have_a_ceiling),
		cmocka_unit_test(an_answer_always_fits_a_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
