// SPDX-License-Identifier: Apache-2.0
/*
 * symbolizer_elf.h - small ELF files, byte by byte, in a memfd
 *
 * Sections: 1 .text at TEXT, 2 .data at DATA, 3 the symbol table, 4 its strings, 5
 * .text.second at SECOND. A test may damage `bytes` before elf_fd().
 */
#ifndef CPROFD_TESTS_UNIT_SYMBOLIZER_ELF_H
#define CPROFD_TESTS_UNIT_SYMBOLIZER_ELF_H

#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXT        0x401000
#define TEXT_SIZE   0x1000
#define SECOND      0x402000
#define SECOND_SIZE 0x100
#define DATA        0x403000
#define DATA_SIZE   0x100

#define IN_TEXT   1
#define IN_DATA   2
#define IN_SECOND 5

struct elf_symbol {
	const char *name;
	uint64_t value, size;
	unsigned char bind, type;
	uint16_t section;
};

struct elf_image {
	uint8_t bytes[1 << 16];
	size_t len;
	Elf64_Ehdr *header;
	Elf64_Phdr *segments;
	Elf64_Shdr *sections;
};

static inline size_t elf_put(struct elf_image *e, const void *bytes, size_t len)
{
	size_t at = e->len;

	memcpy(e->bytes + at, bytes, len);
	e->len = (at + len + 7) & ~(size_t)7;
	return at;
}

static inline void elf_put_symbols(
	struct elf_image *e, const struct elf_symbol *symbols, size_t n, Elf64_Shdr *sections)
{
	static char strings[1 << 14];
	static Elf64_Sym table[256];
	size_t strings_len = 1;

	memset(table, 0, sizeof(table));
	for (size_t i = 0; i < n; i++) {
		const struct elf_symbol *s = &symbols[i];

		table[i + 1] = (Elf64_Sym){.st_name = (Elf64_Word)strings_len,
			.st_info = ELF64_ST_INFO(s->bind, s->type),
			.st_shndx = s->section,
			.st_value = s->value,
			.st_size = s->size};
		strcpy(strings + strings_len, s->name);
		strings_len += strlen(s->name) + 1;
	}
	sections[3] = (Elf64_Shdr){.sh_type = SHT_SYMTAB, .sh_link = 4, .sh_entsize = 24};
	sections[3].sh_size = (n + 1) * sizeof(*table);
	sections[3].sh_offset = elf_put(e, table, sections[3].sh_size);
	sections[4] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_size = strings_len};
	sections[4].sh_offset = elf_put(e, strings, strings_len);
}

static inline void elf_build(struct elf_image *e, const struct elf_symbol *symbols,
	size_t n_symbols, const Elf64_Phdr *segments, size_t n_segments)
{
	Elf64_Shdr sections[6] = {
		[1] = {.sh_type = SHT_NOBITS,
			.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			.sh_addr = TEXT,
			.sh_size = TEXT_SIZE},
		[2] = {.sh_type = SHT_NOBITS,
			.sh_flags = SHF_ALLOC | SHF_WRITE,
			.sh_addr = DATA,
			.sh_size = DATA_SIZE},
		[5] = {.sh_type = SHT_NOBITS,
			.sh_flags = SHF_ALLOC | SHF_EXECINSTR,
			.sh_addr = SECOND,
			.sh_size = SECOND_SIZE},
	};
	Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				     ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
#ifdef __aarch64__
		.e_machine = EM_AARCH64,
#else
		.e_machine = EM_X86_64,
#endif
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = (Elf64_Half)n_segments,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 6};

	memset(e, 0, sizeof(*e));
	e->header = (Elf64_Ehdr *)e->bytes;
	(void)elf_put(e, &header, sizeof(header));
	if (n_segments)
		e->header->e_phoff = elf_put(e, segments, n_segments * sizeof(*segments));
	e->segments = (Elf64_Phdr *)(e->bytes + e->header->e_phoff);
	elf_put_symbols(e, symbols, n_symbols, sections);
	e->header->e_shoff = elf_put(e, sections, sizeof(sections));
	e->sections = (Elf64_Shdr *)(e->bytes + e->header->e_shoff);
}

/* Gives a descriptor of the file as it stands. */
static inline int elf_fd(const struct elf_image *e)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	if (fd < 0 || write(fd, e->bytes, e->len) != (ssize_t)e->len)
		return -1;
	return fd;
}

#endif
