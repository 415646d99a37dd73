// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "symbolizer/elf_file.h"
#include "unit/symbolizer_elf.h"

static struct elf_image image;

static const struct elf_symbol one[] = {{"f", TEXT, 16, STB_GLOBAL, STT_FUNC, IN_TEXT}};

static reason_t open_image(struct elf_file *ret)
{
	return elf_file_init(elf_fd(&image), ret);
}

static reason_t judge(void)
{
	struct elf_file f;
	reason_t why = open_image(&f);

	if (!why)
		elf_file_fini(&f);
	return why;
}

static void foreign_files_are_told_apart(void **state)
{
	(void)state;
	elf_build(&image, one, 1, NULL, 0);
	assert_int_equal(judge(), REASON_NONE);
	image.header->e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(judge(), REASON(UNSUPPORTED));
	elf_build(&image, one, 1, NULL, 0);
	image.header->e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(judge(), REASON(UNSUPPORTED));
	elf_build(&image, one, 1, NULL, 0);
	image.header->e_machine = EM_S390;
	assert_int_equal(judge(), REASON(UNSUPPORTED));
	elf_build(&image, one, 1, NULL, 0);
	image.header->e_type = ET_REL;
	assert_int_equal(judge(), REASON(UNSUPPORTED));
	image.bytes[1] = 'e';
	assert_int_equal(judge(), REASON(NOT_ELF));
	image.len = 0;
	assert_int_equal(judge(), REASON(NOT_ELF));
	assert_int_equal(elf_file_init(-1, &(struct elf_file){0}), REASON(UNREADABLE));
}

static void headers_that_lie_are_malformed(void **state)
{
	static const Elf64_Phdr load[] = {{.p_type = PT_LOAD}};

	(void)state;
	elf_build(&image, one, 1, load, 1);
	image.header->e_phoff = UINT64_MAX - 3;
	assert_int_equal(judge(), REASON(MALFORMED));
	elf_build(&image, one, 1, load, 1);
	image.header->e_phentsize = 8;
	assert_int_equal(judge(), REASON(MALFORMED));
	elf_build(&image, one, 1, load, 1);
	image.header->e_phnum = 4000;
	assert_int_equal(judge(), REASON(MALFORMED));
	image.header->e_phnum = 5000;
	assert_int_equal(judge(), REASON(TOO_LARGE));
	elf_build(&image, one, 1, load, 1);
	image.header->e_shnum = 7;
	assert_int_equal(judge(), REASON(MALFORMED));
	image.header->e_shoff = image.len + 1;
	image.header->e_shnum = 0;
	assert_int_equal(judge(), REASON(MALFORMED));
	image.len = 63;
	assert_int_equal(judge(), REASON(MALFORMED));
}

static void more_sections_than_a_half_can_say_are_counted_in_the_first(void **state)
{
	struct elf_file f;

	(void)state;
	elf_build(&image, one, 1, NULL, 0);
	image.header->e_shnum = 0;
	image.sections[0].sh_size = 6;
	assert_int_equal(open_image(&f), REASON_NONE);
	assert_int_equal(f.n_sections, 6);
	elf_file_fini(&f);
	image.sections[0].sh_size = UINT64_MAX;
	assert_int_equal(judge(), REASON(TOO_LARGE));
}

static void expect_vaddr(const struct elf_file *f, uint64_t offset, uint64_t want)
{
	uint64_t got = 0;

	assert_true(elf_file_vaddr(f, offset, &got));
	assert_int_equal(got, want);
}

/*
 * Program headers as linkers write them (readelf -lW of programs made by GNU ld -z separate-code
 * and by lld 14): p_offset, p_vaddr, p_filesz, flags.
 */
static void offsets_go_through_the_segment_that_covers_them(void **state)
{
	static const Elf64_Phdr bfd[] = {
		{PT_LOAD, PF_R, 0x0, 0x0, 0, 0x660, 0x660, 0x1000},
		{PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0, 0x1d9, 0x1d9, 0x1000},
		{PT_LOAD, PF_R, 0x2000, 0x2000, 0, 0xc4, 0xc4, 0x1000},
		{PT_LOAD, PF_R | PF_W, 0x2de8, 0x3de8, 0, 0x248, 0x250, 0x1000},
	};
	static const Elf64_Phdr lld[] = {
		{PT_LOAD, PF_R, 0x0, 0x0, 0, 0x82c, 0x82c, 0x1000},
		{PT_LOAD, PF_R | PF_X, 0x830, 0x1830, 0, 0x1d0, 0x1d0, 0x1000},
		{PT_LOAD, PF_R | PF_W, 0xa00, 0x2a00, 0, 0x1f0, 0x600, 0x1000},
		{PT_LOAD, PF_R | PF_W, 0xbf0, 0x3bf0, 0, 0x38, 0x40, 0x1000},
	};
	struct elf_file f;
	uint64_t untouched = 42;

	(void)state;
	elf_build(&image, one, 1, bfd, 4);
	assert_int_equal(open_image(&f), REASON_NONE);
	expect_vaddr(&f, 0x1129, 0x1129);
	expect_vaddr(&f, 0x1fff, 0x1fff); /* the rest of the page is mapped, too */
	expect_vaddr(&f, 0x2de8, 0x3de8);
	assert_false(elf_file_vaddr(&f, 0x20c4, &untouched)); /* only of executable segments */
	assert_false(elf_file_vaddr(&f, 0x5000, &untouched));
	assert_false(elf_file_vaddr(&f, UINT64_MAX, &untouched));
	assert_int_equal(untouched, 42);
	elf_file_fini(&f);

	elf_build(&image, one, 1, lld, 4);
	assert_int_equal(open_image(&f), REASON_NONE);
	expect_vaddr(&f, 0x830, 0x1830);
	expect_vaddr(&f, 0x9ff, 0x19ff);
	expect_vaddr(&f, 0xa00, 0x2a00);
	expect_vaddr(&f, 0x82b, 0x82b);
	expect_vaddr(&f, 0x82e, 0x182e); /* nobody's byte, in the executable segment's page */
	elf_file_fini(&f);
}

static void segments_that_overflow_cover_nothing(void **state)
{
	static const Elf64_Phdr odd[] = {
		{PT_LOAD, PF_R | PF_X, UINT64_MAX - 4, 0x1000, 0, 100, 100, 0x1000},
		{PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0, 0, 0x1000, 0x1000},
		{PT_LOAD, PF_R | PF_X, 0, 0x1000, 0, 0, 0x1000, 0x1000},
	};
	struct elf_file f;
	uint64_t at;

	(void)state;
	elf_build(&image, one, 1, odd, 3);
	assert_int_equal(open_image(&f), REASON_NONE);
	assert_false(elf_file_vaddr(&f, UINT64_MAX - 2, &at));
	assert_false(elf_file_vaddr(&f, 0x1000, &at));
	elf_file_fini(&f);
}

#define NOTE(name_len, id_len, type) name_len, 0, 0, 0, id_len, 0, 0, 0, type, 0, 0, 0

static struct build_id id_in(const void *notes, size_t len, uint64_t align)
{
	Elf64_Phdr note = {.p_type = PT_NOTE, .p_filesz = len, .p_align = align};
	struct elf_file f;
	struct build_id id;

	elf_build(&image, one, 1, &note, 1);
	image.segments[0].p_offset = elf_put(&image, notes, len);
	assert_int_equal(open_image(&f), REASON_NONE);
	id = f.build_id;
	elf_file_fini(&f);
	return id;
}

static void the_build_id_is_found_among_notes(void **state)
{
	static const uint8_t notes[] = {NOTE(4, 1, 1), 'G', 'N', 'U', 0, 9, 0, 0, 0, /* ABI tag */
		NOTE(2, 4, 3), 'X', 0, 0, 0, 6, 6, 6, 6, /* somebody else's type 3 */
		NOTE(4, 5, 3), 'G', 'N', 'U', 0, 1, 2, 3, 4, 5};
	static const uint8_t wide[] = {NOTE(4, 4, 5), 'G', 'N', 'U', 0, 1, 1, 1, 1, 0, 0, 0, 0,
		NOTE(4, 2, 3), 'G', 'N', 'U', 0, 7, 8};
	static const uint8_t cut[] = {NOTE(4, 20, 3), 'G', 'N', 'U', 0, 1, 2, 3};
	static const uint8_t too_long[12 + 4 + 40] = {NOTE(4, 40, 3), 'G', 'N', 'U', 0};
	struct build_id id = id_in(notes, sizeof(notes), 4);

	(void)state;
	assert_int_equal(id.len, 5);
	assert_memory_equal(id.bytes, "\1\2\3\4\5", 5);
	id = id_in(wide, sizeof(wide), 8);
	assert_int_equal(id.len, 2);
	assert_memory_equal(id.bytes, "\7\10", 2);
	assert_int_equal(id_in(cut, sizeof(cut), 4).len, 0);
	assert_int_equal(id_in(too_long, sizeof(too_long), 4).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_files_are_told_apart),
		cmocka_unit_test(headers_that_lie_are_malformed),
		cmocka_unit_test(more_sections_than_a_half_can_say_are_counted_in_the_first),
		cmocka_unit_test(offsets_go_through_the_segment_that_covers_them),
		cmocka_unit_test(segments_that_overflow_cover_nothing),
		cmocka_unit_test(the_build_id_is_found_among_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
