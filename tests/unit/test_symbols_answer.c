// SPDX-License-Identifier: Apache-2.0
#include "symbols/answer.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef Cprofd__Symbolize__Reply reply_t;

/* A good answer to a question about two addresses, to be spoiled. */
struct example {
	reply_t reply;
	Cprofd__Symbolize__Names names;
	Cprofd__Symbolize__Function f, *functions[3];
	uint32_t function[3];
	Cprofd__Symbolize__Reason reasons[3];
	protobuf_c_boolean trampoline[3];
	char name[4096];
};

static const struct asked about_two = {.kind = ASKED_NAMES, .number = 5, .n_addresses = 2};

static void example(struct example *e)
{
	memset(e, 0, sizeof(*e));
	cprofd__symbolize__reply__init(&e->reply);
	cprofd__symbolize__names__init(&e->names);
	cprofd__symbolize__function__init(&e->f);
	(void)strcpy(e->name, "name");
	e->f.name = e->f.system_name = e->name;
	for (int i = 0; i < 3; i++)
		e->functions[i] = &e->f;
	e->function[0] = 1;
	e->reasons[1] = CPROFD__SYMBOLIZE__REASON__NO_SYMBOL;
	e->names.request = 5;
	e->names.functions = e->functions;
	e->names.n_functions = 1;
	e->names.function = e->function;
	e->names.reasons = e->reasons;
	e->names.trampoline = e->trampoline;
	e->names.n_function = e->names.n_reasons = e->names.n_trampoline = 2;
	e->reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_NAMES;
	e->reply.names = &e->names;
}

static int judge(const reply_t *reply, const struct asked *asked)
{
	size_t len = cprofd__symbolize__reply__get_packed_size(reply);
	uint8_t *bytes = malloc(len);
	reply_t *read = NULL;
	int err;

	assert_non_null(bytes);
	(void)cprofd__symbolize__reply__pack(reply, bytes);
	err = answer_read(asked, bytes, len, &read);
	assert_true((err == 0) == (read != NULL));
	answer_free(read);
	free(bytes);
	return err;
}

static void a_good_answer_is_taken(void **state)
{
	struct example e;

	(void)state;
	example(&e);
	assert_int_equal(judge(&e.reply, &about_two), 0);
}

static void names_that_do_not_fit_the_question_are_refused(void **state)
{
	struct example e;

	(void)state;
	example(&e), e.names.request = 6;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.names.n_function = 3;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.names.n_reasons = 1;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.names.n_trampoline = 3;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.names.n_functions = 3;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.function[0] = 2;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e);
	assert_int_equal(
		judge(&e.reply, &(struct asked){.kind = ASKED_ADD, .number = 5}), -EBADMSG);
	assert_int_equal(judge(&e.reply, &(struct asked){.kind = ASKED_NOTHING}), -EBADMSG);
	assert_int_equal(judge(&e.reply, &(struct asked){.kind = ASKED_HELLO}), -EBADMSG);
}

static void a_reason_stands_exactly_where_a_name_is_missing(void **state)
{
	struct example e;

	(void)state;
	example(&e), e.reasons[0] = CPROFD__SYMBOLIZE__REASON__NO_SYMBOL;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.reasons[1] = CPROFD__SYMBOLIZE__REASON__REASON_NONE;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.reasons[1] = (Cprofd__Symbolize__Reason)11;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.reasons[1] = (Cprofd__Symbolize__Reason)-1;
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
}

static void a_name_is_short_valid_text(void **state)
{
	struct example e;

	(void)state;
	example(&e), (void)strcpy(e.name, "\xc0\x80");
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.f.name = (char[]){""};
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), e.f.module = (char[]){"\xff"};
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
	example(&e), memset(e.name, 'x', 2048 + 3);
	assert_int_equal(judge(&e.reply, &about_two), 0);
	example(&e), memset(e.name, 'x', 2048 + 4);
	assert_int_equal(judge(&e.reply, &about_two), -EBADMSG);
}

static int judge_info(uint32_t number, int reason, size_t id_len, uint64_t start, uint64_t limit)
{
	static uint8_t id[64];
	Cprofd__Symbolize__Range range = CPROFD__SYMBOLIZE__RANGE__INIT, *ranges[] = {&range};
	Cprofd__Symbolize__ObjectInfo info = CPROFD__SYMBOLIZE__OBJECT_INFO__INIT;
	reply_t reply = CPROFD__SYMBOLIZE__REPLY__INIT;

	range.name = (char[]){"[kernel.kallsyms]"};
	range.start = start;
	range.limit = limit;
	info.object = number;
	info.reason = (Cprofd__Symbolize__Reason)reason;
	info.build_id = (ProtobufCBinaryData){.len = id_len, .data = id};
	info.ranges = ranges;
	info.n_ranges = limit != 0;
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_INFO;
	reply.info = &info;
	return judge(&reply,
		&(struct asked){.kind = ASKED_ADD, .number = 9, .kallsyms = number == 9 && start});
}

static void object_info_is_about_the_object_and_in_bounds(void **state)
{
	(void)state;
	assert_int_equal(judge_info(9, 0, 32, 0, 0), 0);
	assert_int_equal(judge_info(9, 10, 0, 0, 0), 0);
	assert_int_equal(judge_info(9, 0, 0, 10, 20), 0);
	assert_int_equal(judge_info(8, 0, 0, 0, 0), -EBADMSG);
	assert_int_equal(judge_info(9, 11, 0, 0, 0), -EBADMSG);
	assert_int_equal(judge_info(9, 0, 33, 0, 0), -EBADMSG);
	assert_int_equal(judge_info(9, 0, 0, 20, 20), -EBADMSG);
	assert_int_equal(judge_info(9, 0, 0, 0, 20), -EBADMSG); /* of an ELF file */
}

static void another_version_is_refused(void **state)
{
	Cprofd__Symbolize__Hello hello = CPROFD__SYMBOLIZE__HELLO__INIT;
	reply_t reply = CPROFD__SYMBOLIZE__REPLY__INIT;
	const struct asked asked = {.kind = ASKED_HELLO};

	(void)state;
	reply.kind_case = CPROFD__SYMBOLIZE__REPLY__KIND_HELLO;
	reply.hello = &hello;
	hello.version = 1;
	assert_int_equal(judge(&reply, &asked), 0);
	hello.version = 2;
	assert_int_equal(judge(&reply, &asked), -EBADMSG);
}

static void bytes_that_are_no_message_are_refused(void **state)
{
	reply_t *read = NULL;

	(void)state;
	assert_int_equal(answer_read(&about_two, (const uint8_t *)"\x1a\x7f", 2, &read), -EBADMSG);
	assert_int_equal(answer_read(&about_two, (const uint8_t *)"", 0, &read), -EBADMSG);
	assert_null(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_answer_is_taken),
		cmocka_unit_test(names_that_do_not_fit_the_question_are_refused),
		cmocka_unit_test(a_reason_stands_exactly_where_a_name_is_missing),
		cmocka_unit_test(a_name_is_short_valid_text),
		cmocka_unit_test(object_info_is_about_the_object_and_in_bounds),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(bytes_that_are_no_message_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
