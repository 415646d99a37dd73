// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "symbolizer/elf_file.h"
#include "symbolizer/symtab.h"
#include "unit/symbolizer_elf.h"

#define F STT_FUNC
#define N STT_NOTYPE
#define G STB_GLOBAL
#define W STB_WEAK
#define L STB_LOCAL

#define PLENTY (1u << 20)

static struct elf_image image;

static reason_t index_image(size_t ceiling, struct source **ret)
{
	struct elf_file file;
	reason_t why = elf_file_init(elf_fd(&image), &file);

	if (why)
		return why;
	why = symtab_new(&file, ceiling, ret);
	elf_file_fini(&file);
	return why;
}

static struct source *index_of(const struct elf_symbol *symbols, size_t n)
{
	struct source *s = NULL;

	elf_build(&image, symbols, n, NULL, 0);
	assert_int_equal(index_image(PLENTY, &s), REASON_NONE);
	return s;
}

#define INDEX(symbols) index_of((symbols), sizeof(symbols) / sizeof(*(symbols)))

/* `want` NULL: no name. */
static void expect(const struct source *s, uint64_t address, const char *want)
{
	struct source_answer a;
	char got[256];

	if (!s->type->find(s, address, &a)) {
		if (want)
			fail_msg("0x%lx has no name, should be %s", (unsigned long)address, want);
		return;
	}
	(void)snprintf(got, sizeof(got), "%.*s", (int)a.name_len, a.name);
	if (!want)
		fail_msg("0x%lx is %s, should have no name", (unsigned long)address, got);
	assert_string_equal(got, want);
}

/* Names of one place, worst first; the last one must win, in either order. */
static void expect_winner(const struct elf_symbol *names, size_t n)
{
	struct elf_symbol turned[8];
	struct source *s = index_of(names, n);

	expect(s, names[0].value, names[n - 1].name);
	s->type->free(s);
	for (size_t i = 0; i < n; i++)
		turned[i] = names[n - 1 - i];
	s = index_of(turned, n);
	expect(s, names[0].value, names[n - 1].name);
	s->type->free(s);
}

#define WINNER(names) expect_winner((names), sizeof(names) / sizeof(*(names)))

static void names_of_one_place_are_chosen_as_people_write_them(void **state)
{
	/* the C library's own aliases */
	const struct elf_symbol write_[] = {
		{"__GI___write", TEXT, 90, L, F, IN_TEXT},
		{"__GI_write", TEXT, 90, L, F, IN_TEXT},
		{"__libc_write", TEXT, 90, L, F, IN_TEXT},
		{"__write", TEXT, 90, W, F, IN_TEXT},
		{"write", TEXT, 90, W, F, IN_TEXT},
	};
	const struct elf_symbol malloc_[] = {
		{"__GI___libc_malloc", TEXT, 400, L, F, IN_TEXT},
		{"__malloc", TEXT, 400, L, F, IN_TEXT},
		{"__libc_malloc", TEXT, 400, G, F, IN_TEXT},
		{"malloc", TEXT, 400, G, F, IN_TEXT},
	};
	const struct elf_symbol select_[] = {
		{"__GI_select", TEXT, 9, L, F, IN_TEXT},
		{"__select", TEXT, 9, G, F, IN_TEXT},
		{"select", TEXT, 9, W, F, IN_TEXT},
	};
	const struct elf_symbol internal[] = {
		{"__GI_f", TEXT, 9, L, F, IN_TEXT},
		{"____a_longer_name", TEXT, 9, L, F, IN_TEXT},
	};
	const struct elf_symbol lengths[] = {
		{"longer", TEXT, 9, G, F, IN_TEXT},
		{"bbb", TEXT, 9, G, F, IN_TEXT},
		{"aaa", TEXT, 9, G, F, IN_TEXT},
	};
	const struct elf_symbol kinds[] = {
		{"a", TEXT, 0, G, N, IN_TEXT},
		{"aa", TEXT, 9, G, N, IN_TEXT},
		{"aaa", TEXT, 0, G, F, IN_TEXT},
		{"aaaa_local", TEXT, 9, L, F, IN_TEXT},
		{"aaaaa_global", TEXT, 9, G, F, IN_TEXT},
	};

	(void)state;
	WINNER(write_);
	WINNER(malloc_);
	WINNER(select_);
	WINNER(internal);
	WINNER(lengths);
	WINNER(kinds);
}

static void versions_are_no_part_of_a_name(void **state)
{
	const struct elf_symbol symbols[] = {
		{"__pthread_create_2_1", TEXT, 16, L, F, IN_TEXT},
		{"pthread_create@GLIBC_2.2.5", TEXT, 16, G, F, IN_TEXT},
		{"pthread_create@@GLIBC_2.34", TEXT, 16, G, F, IN_TEXT},
		{"memcpy@@GLIBC_2.14", TEXT + 16, 16, G, F, IN_TEXT},
		{"@start", TEXT + 32, 16, G, F, IN_TEXT},
		{"a@", TEXT + 64, 16, G, F, IN_TEXT},
		{"?f@@YA(X)Z", TEXT + 96, 16, G, F, IN_TEXT},
	};
	struct source *s = INDEX(symbols);

	(void)state;
	expect(s, TEXT, "pthread_create");
	expect(s, TEXT + 16, "memcpy");
	expect(s, TEXT + 32, "@start");
	expect(s, TEXT + 64, "a@");
	expect(s, TEXT + 96, "?f@@YA(X)Z");
	s->type->free(s);
}

static void a_sized_symbol_ends_at_its_end(void **state)
{
	const struct elf_symbol symbols[] = {
		{"first", TEXT + 0x10, 0x10, G, F, IN_TEXT},
		{"last", TEXT + 0x100, 0x10, G, F, IN_TEXT},
		{"huge", TEXT + 0xff0, UINT64_MAX, G, F, IN_TEXT},
		{"second", SECOND + 0x80, 0x10, G, F, IN_SECOND},
	};
	struct source *s = INDEX(symbols);

	(void)state;
	expect(s, 0, NULL);
	expect(s, TEXT, NULL);
	expect(s, TEXT + 0xf, NULL);
	expect(s, TEXT + 0x10, "first");
	expect(s, TEXT + 0x1f, "first");
	expect(s, TEXT + 0x20, NULL);
	expect(s, TEXT + 0x10f, "last");
	expect(s, TEXT + 0x110, NULL);
	expect(s, TEXT + 0xfff, "huge");
	expect(s, TEXT + 0x1000, NULL); /* its section ends, whatever its size says */
	expect(s, UINT64_MAX, NULL);
	s->type->free(s);
}

static void an_unsized_symbol_ends_at_the_next_or_its_section(void **state)
{
	const struct elf_symbol symbols[] = {
		{"label", TEXT + 0x10, 0, L, N, IN_TEXT},
		{"sized", TEXT + 0x40, 0x10, L, F, IN_TEXT},
		{"same_place", TEXT + 0x60, 0, L, F, IN_TEXT},
		{"as_this", TEXT + 0x60, 0x10, L, F, IN_TEXT},
		{"in_between", TEXT + 0x64, 2, L, F, IN_TEXT},
		{"tail", TEXT + 0x80, 0, G, F, IN_TEXT},
	};
	struct source *s = INDEX(symbols);

	(void)state;
	expect(s, TEXT + 0x3f, "label");
	expect(s, TEXT + 0x50, NULL); /* neither sized, nor label again */
	expect(s, TEXT + 0x6f, "as_this");
	expect(s, TEXT + 0x70, NULL); /* the unsized name of that place ended, too */
	expect(s, TEXT + TEXT_SIZE - 1, "tail");
	expect(s, SECOND, NULL);
	s->type->free(s);
}

static void what_lies_inside_something_better_does_not_hide_it(void **state)
{
	const struct elf_symbol symbols[] = {
		{"outer", TEXT, 0x100, G, F, IN_TEXT},
		{"label", TEXT + 0x10, 0, L, N, IN_TEXT},
		{"inner", TEXT + 0x40, 0x10, L, F, IN_TEXT},
		{"crossing", TEXT + 0xf0, 0x20, L, F, IN_TEXT},
		{"deep", TEXT + 0x98, 4, L, N, IN_TEXT},
	};
	struct source *s = INDEX(symbols);

	(void)state;
	expect(s, TEXT + 0x18, "outer");
	expect(s, TEXT + 0x48, "inner");
	expect(s, TEXT + 0x50, "outer");
	expect(s, TEXT + 0x98, "outer");
	expect(s, TEXT + 0xef, "outer");
	expect(s, TEXT + 0xf8, "crossing");
	expect(s, TEXT + 0x108, "crossing");
	s->type->free(s);
}

static void an_extent_over_one_that_ended_is_found(void **state)
{
	const struct elf_symbol symbols[] = {
		{"long", TEXT, 0x200, G, F, IN_TEXT},
		{"middle", TEXT + 0x10, 0x100, G, F, IN_TEXT},
		{"short", TEXT + 0x20, 0x10, G, F, IN_TEXT},
		{"late", TEXT + 0x180, 0x10, G, F, IN_TEXT},
	};
	struct source *s = INDEX(symbols);

	(void)state;
	expect(s, TEXT + 0x40, "middle");
	expect(s, TEXT + 0x120, "long");
	expect(s, TEXT + 0x1a0, "long");
	s->type->free(s);
}

static void data_and_imports_are_no_functions(void **state)
{
	const struct elf_symbol symbols[] = {
		{"object", TEXT, 16, G, STT_OBJECT, IN_TEXT},
		{"section", TEXT, 16, L, STT_SECTION, IN_TEXT},
		{"file.c", TEXT, 16, L, STT_FILE, IN_TEXT},
		{"tls", TEXT, 16, G, STT_TLS, IN_TEXT},
		{"import", TEXT, 16, G, F, SHN_UNDEF},
		{"absolute", TEXT, 16, G, F, SHN_ABS},
		{"in_data", DATA, 16, G, F, IN_DATA},
		{"misplaced", DATA, 16, G, F, IN_TEXT},
		{"nowhere", TEXT, 16, G, F, 77},
		{"$x", TEXT, 0, L, N, IN_TEXT},
		{".Lloop", TEXT, 0, L, N, IN_TEXT},
		{"", TEXT, 16, G, F, IN_TEXT},
		{"end", TEXT + TEXT_SIZE, 0, G, N, IN_TEXT},
		{"resolver", TEXT + 0x100, 16, G, STT_GNU_IFUNC, IN_TEXT},
	};
	struct source *s = INDEX(symbols);

	(void)state;
	expect(s, TEXT, NULL);
	expect(s, DATA, NULL);
	expect(s, TEXT + 0x108, "resolver");
	s->type->free(s);
}

static void the_dynamic_table_counts_too(void **state)
{
	const struct elf_symbol symbols[] = {{"exported", TEXT, 16, G, F, IN_TEXT}};
	struct source *s = NULL;

	(void)state;
	elf_build(&image, symbols, 1, NULL, 0);
	image.sections[3].sh_type = SHT_DYNSYM;
	assert_int_equal(index_image(PLENTY, &s), REASON_NONE);
	expect(s, TEXT + 3, "exported");
	s->type->free(s);
}

static void files_without_functions_say_so(void **state)
{
	const struct elf_symbol import[] = {{"import", 0, 0, G, F, SHN_UNDEF}};
	struct source *s = NULL;

	(void)state;
	elf_build(&image, import, 1, NULL, 0);
	assert_int_equal(index_image(PLENTY, &s), REASON(NO_SYMBOLS));
	image.sections[3].sh_type = SHT_PROGBITS;
	assert_int_equal(index_image(PLENTY, &s), REASON(NO_SYMBOLS));
	image.header->e_shoff = 0;
	assert_int_equal(index_image(PLENTY, &s), REASON(NO_SYMBOLS));
	assert_null(s);
}

static void broken_tables_are_malformed(void **state)
{
	const struct elf_symbol symbols[] = {{"f", TEXT, 16, G, F, IN_TEXT}};
	struct source *s = NULL;

	(void)state;
	for (int damage = 0; damage < 6; damage++) {
		elf_build(&image, symbols, 1, NULL, 0);
		if (damage == 0)
			image.sections[3].sh_entsize = 16;
		else if (damage == 1)
			image.sections[3].sh_link = 99;
		else if (damage == 2)
			image.sections[3].sh_link = 3;
		else if (damage == 3)
			image.sections[3].sh_offset = UINT64_MAX - 8;
		else if (damage == 4)
			image.sections[3].sh_size = 24u << 24;
		else
			image.sections[4].sh_offset = image.len;
		assert_int_equal(index_image(PLENTY, &s), REASON(MALFORMED));
	}
	assert_null(s);
}

static void a_name_that_does_not_end_is_not_shown(void **state)
{
	const struct elf_symbol symbols[] = {
		{"good", TEXT, 16, G, F, IN_TEXT},
		{"cut", TEXT + 16, 16, G, F, IN_TEXT},
	};
	struct source *s = NULL;

	(void)state;
	elf_build(&image, symbols, 2, NULL, 0);
	image.sections[4].sh_size -= 1;
	assert_int_equal(index_image(PLENTY, &s), REASON_NONE);
	expect(s, TEXT, "good");
	expect(s, TEXT + 16, NULL);
	s->type->free(s);
}

/* The mapped table shows what its owner writes into the file, whenever that is. */
static void a_file_that_changes_under_its_index_stays_inside_its_tables(void **state)
{
	const struct elf_symbol symbols[] = {{"f", TEXT, 9, G, F, IN_TEXT}};
	const Elf64_Word far_away = 0x7fffffff;
	struct elf_file file;
	struct source *s;
	int fd;

	(void)state;
	elf_build(&image, symbols, 1, NULL, 0);
	fd = elf_fd(&image);
	assert_int_equal(elf_file_init(dup(fd), &file), REASON_NONE);
	assert_int_equal(symtab_new(&file, PLENTY, &s), REASON_NONE);
	elf_file_fini(&file);
	expect(s, TEXT, "f");
	assert_int_equal(pwrite(fd, &far_away, sizeof(far_away),
				 (off_t)image.sections[3].sh_offset + (off_t)sizeof(Elf64_Sym)),
		sizeof(far_away));
	expect(s, TEXT, NULL);
	s->type->free(s);
	(void)close(fd);
}

static void an_index_above_its_ceiling_is_refused(void **state)
{
	const struct elf_symbol symbols[] = {{"f", TEXT, 16, G, F, IN_TEXT}};
	struct source *s = NULL;

	(void)state;
	elf_build(&image, symbols, 1, NULL, 0);
	assert_int_equal(index_image(64, &s), REASON(TOO_LARGE));
	assert_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_one_place_are_chosen_as_people_write_them),
		cmocka_unit_test(versions_are_no_part_of_a_name),
		cmocka_unit_test(a_sized_symbol_ends_at_its_end),
		cmocka_unit_test(an_unsized_symbol_ends_at_the_next_or_its_section),
		cmocka_unit_test(what_lies_inside_something_better_does_not_hide_it),
		cmocka_unit_test(an_extent_over_one_that_ended_is_found),
		cmocka_unit_test(data_and_imports_are_no_functions),
		cmocka_unit_test(the_dynamic_table_counts_too),
		cmocka_unit_test(files_without_functions_say_so),
		cmocka_unit_test(broken_tables_are_malformed),
		cmocka_unit_test(a_name_that_does_not_end_is_not_shown),
		cmocka_unit_test(a_file_that_changes_under_its_index_stays_inside_its_tables),
		cmocka_unit_test(an_index_above_its_ceiling_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
