// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/module.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scope.h"
#include "symbolizer/elf_file.h"
#include "symbolizer/kallsyms.h"
#include "symbolizer/symtab.h"

#define MAX_SOURCES       4
#define MAX_KALLSYMS_TEXT (64u << 20)
#define READ_STEP         65536

struct module {
	reason_t reason;
	bool is_elf;
	struct elf_file file; /* is_elf */
	struct build_id build_id;
	struct source *chain[MAX_SOURCES]; /* asked in this order */
	uint32_t n_sources;
};

struct module *module_new_without(reason_t reason)
{
	struct module *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->reason = reason;
	m->file.fd = -1;
	return m;
}

void module_free(struct module *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_sources; i++)
		m->chain[i]->type->free(m->chain[i]);
	elf_file_fini(&m->file);
	free(m);
}

static reason_t read_elf(struct module *m, int fd, const struct build_id *expected, size_t ceiling)
{
	reason_t why = elf_file_init(fd, &m->file);

	if (why)
		return why;
	m->is_elf = true;
	m->build_id = m->file.build_id;
	if (expected->len && !build_id_same(expected, &m->build_id))
		return REASON(BUILD_ID_DIFFERS);
	why = symtab_new(&m->file, ceiling, &m->chain[0]);
	if (!why)
		m->n_sources = 1;
	elf_file_drop_sections(&m->file);
	return why;
}

struct module *module_new_elf(int fd, const struct build_id *expected, size_t ceiling)
{
	scoped(scope_close) int mine = fd;
	struct module *m = module_new_without(REASON_NONE);

	if (!m)
		return NULL;
	m->reason = read_elf(m, take_fd(&mine), expected, ceiling);
	if (m->reason)
		elf_file_fini(&m->file); /* nothing will be asked of it */
	module_rest(m);
	return m;
}

/* The whole text, from its beginning, wherever the offset that the descriptor shares stands. */
static reason_t read_text(int fd, struct buf *text)
{
	for (;;) {
		uint8_t *at = buf_reserve(text, READ_STEP);
		ssize_t n;

		if (!at)
			return REASON(TOO_LARGE);
		n = pread(fd, at, READ_STEP, (off_t)text->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? REASON(UNREADABLE) : REASON_NONE;
		buf_commit(text, (size_t)n);
	}
}

struct module *module_new_kallsyms(int fd, size_t ceiling)
{
	scoped(scope_close) int mine = fd;
	scoped(buf_fini) struct buf text = buf_with_ceiling(MAX_KALLSYMS_TEXT);
	struct module *m = module_new_without(REASON_NONE);

	if (!m)
		return NULL;
	m->reason = read_text(mine, &text);
	if (!m->reason)
		m->reason = kallsyms_new((const char *)text.bytes, text.len, ceiling, &m->chain[0]);
	if (!m->reason)
		m->n_sources = 1;
	return m;
}

struct module_facts module_facts(const struct module *m)
{
	struct module_facts facts = {.reason = m->reason, .build_id = m->build_id};

	for (uint32_t i = 0; i < m->n_sources; i++) {
		facts.n_symbols += m->chain[i]->n_symbols;
		facts.index_bytes += m->chain[i]->n_bytes;
	}
	return facts;
}

size_t module_ranges(const struct module *m, const struct kallsyms_range **ret)
{
	*ret = NULL;
	return m->is_elf || !m->n_sources ? 0 : kallsyms_ranges(m->chain[0], ret);
}

/* What the kernel makes a handler return to: the call of rt_sigreturn, number 15 or 139. */
#if defined(__x86_64__)
static const uint8_t trampoline[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
#else
static const uint8_t trampoline[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4};
#endif

static bool is_trampoline(const struct module *m, uint64_t offset)
{
	uint8_t code[sizeof(trampoline)];

	return m->is_elf && elf_file_read(&m->file, offset, code, sizeof(code)) &&
	       memcmp(code, trampoline, sizeof(code)) == 0;
}

reason_t module_resolve(const struct module *m, uint64_t address, bool caller,
	struct source_answer *ret, bool *ret_trampoline)
{
	if (m->reason)
		return m->reason;
	if (caller && is_trampoline(m, address))
		*ret_trampoline = true;
	else if (caller)
		address--;
	if (m->is_elf && !elf_file_vaddr(&m->file, address, &address))
		return REASON(OUTSIDE_SEGMENTS);
	for (uint32_t i = 0; i < m->n_sources; i++)
		if (m->chain[i]->type->find(m->chain[i], address, ret))
			return REASON_NONE;
	return REASON(NO_SYMBOL);
}

void module_rest(struct module *m)
{
	for (uint32_t i = 0; i < m->n_sources; i++)
		m->chain[i]->type->rest(m->chain[i]);
}
