// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/scope.h"

#define MAX_SEGMENTS 4096
#define MAX_SECTIONS (1u << 17)
#define MAX_NOTES    (1u << 20) /* bytes of notes read in search of the build ID */

#if defined(__x86_64__)
#define THIS_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define THIS_MACHINE EM_AARCH64
#else
#error "which e_machine is this?"
#endif

bool elf_file_read(const struct elf_file *f, uint64_t offset, void *to, size_t len)
{
	uint8_t *at = to;

	if (offset > f->size || len > f->size - offset)
		return false;
	while (len) {
		ssize_t n = pread(f->fd, at, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

/* A table of `n` records of `size` bytes at `offset`, in memory. Gives it, freed with free(). */
static reason_t read_table(
	const struct elf_file *f, uint64_t offset, uint32_t n, size_t size, void **ret)
{
	scoped(scope_free) void *table = NULL;

	if (offset > f->size || n > (f->size - offset) / size)
		return REASON(MALFORMED);
	table = malloc(n * size);
	if (!table)
		return REASON(TOO_LARGE);
	if (!elf_file_read(f, offset, table, n * size))
		return REASON(UNREADABLE);
	*ret = take_ptr(table);
	return REASON_NONE;
}

static reason_t read_header(struct elf_file *f, Elf64_Ehdr *ret)
{
	off_t size = lseek(f->fd, 0, SEEK_END);

	if (size < 0)
		return REASON(UNREADABLE);
	f->size = (uint64_t)size;
	if (f->size < EI_NIDENT)
		return REASON(NOT_ELF);
	if (!elf_file_read(f, 0, ret->e_ident, EI_NIDENT))
		return REASON(UNREADABLE);
	if (memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0)
		return REASON(NOT_ELF);
	if (ret->e_ident[EI_CLASS] != ELFCLASS64 || ret->e_ident[EI_DATA] != ELFDATA2LSB)
		return REASON(UNSUPPORTED);
	if (f->size < sizeof(*ret))
		return REASON(MALFORMED);
	if (!elf_file_read(f, 0, ret, sizeof(*ret)))
		return REASON(UNREADABLE);
	if (ret->e_machine != THIS_MACHINE || (ret->e_type != ET_EXEC && ret->e_type != ET_DYN))
		return REASON(UNSUPPORTED);
	return REASON_NONE;
}

static struct cursor take_padded(struct cursor *c, uint32_t len, uint32_t align)
{
	struct cursor taken = cursor_take(c, len);
	size_t pad = (size_t)(-(uint64_t)len & (align - 1));

	/* the last note may end without its padding */
	(void)cursor_take(c, pad < cursor_left(c) ? pad : cursor_left(c));
	return taken;
}

/* Look for NT_GNU_BUILD_ID among `notes`. */
static void find_build_id(struct cursor notes, uint32_t align, struct build_id *ret)
{
	while (cursor_left(&notes) && !ret->len) {
		uint32_t name_len = cursor_u32le(&notes);
		uint32_t id_len = cursor_u32le(&notes);
		uint32_t type = cursor_u32le(&notes);
		struct cursor name = take_padded(&notes, name_len, 4);
		struct cursor id = take_padded(&notes, id_len, align);

		if (notes.failed)
			return;
		if (type != NT_GNU_BUILD_ID || cursor_left(&name) != sizeof(ELF_NOTE_GNU) ||
			memcmp(name.at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) != 0 ||
			id_len > BUILD_ID_MAX)
			continue;
		memcpy(ret->bytes, id.at, id_len);
		ret->len = (uint8_t)id_len;
	}
}

static void read_notes(struct elf_file *f, uint64_t offset, uint64_t len, uint64_t align)
{
	scoped(scope_free) uint8_t *notes = NULL;

	if (f->build_id.len || !len || len > f->notes_left)
		return;
	f->notes_left -= (uint32_t)len;
	notes = malloc(len);
	if (notes && elf_file_read(f, offset, notes, len))
		find_build_id(cursor_over(notes, len), align == 8 ? 8 : 4, &f->build_id);
}

static reason_t read_segments(struct elf_file *f, const Elf64_Ehdr *header)
{
	scoped(scope_free) Elf64_Phdr *table = NULL;
	reason_t why;

	if (!header->e_phnum)
		return REASON_NONE;
	if (header->e_phentsize != sizeof(Elf64_Phdr))
		return REASON(MALFORMED);
	if (header->e_phnum > MAX_SEGMENTS)
		return REASON(TOO_LARGE);
	why = read_table(f, header->e_phoff, header->e_phnum, sizeof(*table), (void **)&table);
	if (why)
		return why;
	f->segments = calloc(header->e_phnum, sizeof(*f->segments));
	if (!f->segments)
		return REASON(TOO_LARGE);
	for (const Elf64_Phdr *p = table; p < table + header->e_phnum; p++) {
		if (p->p_type == PT_LOAD && p->p_offset <= UINT64_MAX - p->p_filesz)
			f->segments[f->n_segments++] = (struct elf_segment){
				p->p_offset, p->p_filesz, p->p_vaddr, (p->p_flags & PF_X) != 0};
		if (p->p_type == PT_NOTE)
			read_notes(f, p->p_offset, p->p_filesz, p->p_align);
	}
	return REASON_NONE;
}

/* More sections than e_shnum can say: their number stands in the first one. */
static reason_t section_count(const struct elf_file *f, const Elf64_Ehdr *header, uint64_t *ret)
{
	Elf64_Shdr first;

	*ret = header->e_shnum;
	if (header->e_shnum)
		return REASON_NONE;
	if (!elf_file_read(f, header->e_shoff, &first, sizeof(first)))
		return REASON(MALFORMED);
	*ret = first.sh_size;
	return REASON_NONE;
}

static reason_t read_sections(struct elf_file *f, const Elf64_Ehdr *header)
{
	uint64_t n;
	reason_t why;

	if (!header->e_shoff)
		return REASON_NONE;
	if (header->e_shentsize != sizeof(Elf64_Shdr))
		return REASON(MALFORMED);
	why = section_count(f, header, &n);
	if (why || !n)
		return why;
	if (n > MAX_SECTIONS)
		return REASON(TOO_LARGE);
	why = read_table(
		f, header->e_shoff, (uint32_t)n, sizeof(*f->sections), (void **)&f->sections);
	if (why)
		return why;
	f->n_sections = (uint32_t)n;
	for (const Elf64_Shdr *s = f->sections; s < f->sections + n; s++)
		if (s->sh_type == SHT_NOTE)
			read_notes(f, s->sh_offset, s->sh_size, s->sh_addralign);
	return REASON_NONE;
}

reason_t elf_file_init(int fd, struct elf_file *ret)
{
	scoped(elf_file_fini) struct elf_file f = {.fd = fd, .notes_left = MAX_NOTES};
	Elf64_Ehdr header;
	reason_t why = read_header(&f, &header);

	if (!why)
		why = read_segments(&f, &header);
	if (!why)
		why = read_sections(&f, &header);
	if (why)
		return why;
	*ret = f;
	f = (struct elf_file){.fd = -1};
	return REASON_NONE;
}

void elf_file_fini(struct elf_file *f)
{
	scope_close(&f->fd);
	free(f->segments);
	free(f->sections);
	*f = (struct elf_file){.fd = -1};
}

void elf_file_drop_sections(struct elf_file *f)
{
	free(f->sections);
	f->sections = NULL;
	f->n_sections = 0;
}

static bool covers(const struct elf_segment *s, uint64_t offset)
{
	return offset >= s->offset && offset - s->offset < s->file_size;
}

static bool covers_in_pages(const struct elf_segment *s, uint64_t offset)
{
	uint64_t page = (uint64_t)getpagesize();
	uint64_t last;

	if (!s->executable || !s->file_size)
		return false;
	last = s->offset + s->file_size - 1;
	return offset / page >= s->offset / page && offset / page <= last / page;
}

bool elf_file_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *ret_vaddr)
{
	const struct elf_segment *found = NULL;

	for (uint32_t i = 0; i < f->n_segments; i++) {
		const struct elf_segment *s = &f->segments[i];

		if (covers(s, offset) && (!found || (s->executable && !found->executable)))
			found = s;
	}
	for (uint32_t i = 0; !found && i < f->n_segments; i++)
		if (covers_in_pages(&f->segments[i], offset))
			found = &f->segments[i];
	if (!found)
		return false;
	*ret_vaddr = offset - found->offset + found->vaddr;
	return true;
}

reason_t file_map_init(
	const struct elf_file *f, uint64_t offset, uint64_t len, struct file_map *ret)
{
	uint64_t inside = offset % (uint64_t)getpagesize();
	void *pages;

	if (offset > f->size || len > f->size - offset)
		return REASON(MALFORMED);
	pages = mmap(NULL, inside + len, PROT_READ, MAP_PRIVATE, f->fd, (off_t)(offset - inside));
	if (pages == MAP_FAILED)
		return errno == ENOMEM ? REASON(TOO_LARGE) : REASON(UNREADABLE);
	*ret = (struct file_map){
		.at = (const uint8_t *)pages + inside,
		.len = len,
		.pages = pages,
		.pages_len = inside + len,
	};
	return REASON_NONE;
}

void file_map_fini(struct file_map *m)
{
	if (m->pages)
		(void)munmap(m->pages, m->pages_len);
	*m = (struct file_map){0};
}

void file_map_rest(struct file_map *m)
{
	if (m->pages)
		(void)madvise(m->pages, m->pages_len, MADV_DONTNEED);
}
