// SPDX-License-Identifier: Apache-2.0
/*
 * fuzz_symbols_reply.c - what the symbolizer says, as read by the daemon
 *
 * The first byte picks the question, the rest is the reply. An accepted reply is walked as
 * the daemon walks it: blindly.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/build_id.h"
#include "symbols/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void walk_names(const Cprofd__Symbolize__Names *names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const Cprofd__Symbolize__Function *f;

		check((names->function[i] == 0) == (names->reasons[i] != 0));
		(void)names->trampoline[i];
		if (!names->function[i])
			continue;
		f = names->functions[names->function[i] - 1];
		check(strlen(f->name) && strlen(f->system_name) && strlen(f->module) <= 2051);
	}
}

static void walk_info(const Cprofd__Symbolize__ObjectInfo *info)
{
	check(info->build_id.len <= BUILD_ID_MAX);
	for (size_t i = 0; i < info->n_ranges; i++)
		check(info->ranges[i]->start < info->ranges[i]->limit && info->ranges[i]->name[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct asked asked = {.number = 1};
	Cprofd__Symbolize__Reply *reply;

	if (!size)
		return 0;
	asked.kind = (enum asked_kind)(data[0] % 4);
	asked.kallsyms = data[0] & 4;
	asked.n_addresses = data[0] >> 3;
	if (answer_read(&asked, data + 1, size - 1, &reply) < 0)
		return 0;
	check(asked.kind != ASKED_NOTHING);
	if (asked.kind == ASKED_NAMES)
		walk_names(reply->names, asked.n_addresses);
	else if (asked.kind == ASKED_ADD)
		walk_info(reply->info);
	answer_free(reply);
	return 0;
}
