// SPDX-License-Identifier: Apache-2.0
/*
 * elf_file.h - an ELF file by its descriptor, and nothing of it believed
 *
 * Holds what every source needs: the segments, to turn file offsets into
 * addresses; the section headers; the build ID. Only 64-bit executables and
 * shared objects for the machine this was built for. Every table is bounded by
 * the size of the file and by a ceiling before it is read.
 */
#ifndef CPROFD_SYMBOLIZER_ELF_FILE_H
#define CPROFD_SYMBOLIZER_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/build_id.h"
#include "symbolizer/reason.h"

struct elf_segment {
	uint64_t offset; /* in the file */
	uint64_t file_size;
	uint64_t vaddr;
	bool executable;
};

struct elf_file {
	int fd;
	uint64_t size; /* bytes of the file */
	struct elf_segment *segments;
	uint32_t n_segments;
	Elf64_Shdr *sections; /* NULL when the file has no section headers */
	uint32_t n_sections;
	struct build_id build_id; /* len 0: none */
	uint32_t notes_left;      /* bytes that may still be read in search of it */
};

/*
 * Open the file behind `fd`, which it takes, on failure too. *ret is released with
 * elf_file_fini(), which accepts the zero value with fd -1.
 *
 * Returns REASON_NONE, UNREADABLE, NOT_ELF, UNSUPPORTED, MALFORMED or TOO_LARGE.
 */
reason_t elf_file_init(int fd, struct elf_file *ret);
void elf_file_fini(struct elf_file *f);

/* Forget the section headers, once no source needs them any more. */
void elf_file_drop_sections(struct elf_file *f);

/*
 * The address that the byte at file offset `offset` is linked at: by the PT_LOAD
 * that covers the offset. An exact cover counts first; then, of executable
 * segments only, the whole pages that the kernel maps: linkers let neighbouring
 * segments share a file page. False when there is none.
 */
bool elf_file_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *ret_vaddr);

/* Read `len` bytes at `offset`; false unless all of them could be read. */
bool elf_file_read(const struct elf_file *f, uint64_t offset, void *to, size_t len);

/* A read-only mapping of a stretch of a file. The zero value is none. */
struct file_map {
	const uint8_t *at;
	size_t len;
	void *pages; /* what is really mapped */
	size_t pages_len;
};

/* Map `len` > 0 bytes at `offset`, which lie inside the file. Released with file_map_fini(). */
reason_t file_map_init(
	const struct elf_file *f, uint64_t offset, uint64_t len, struct file_map *ret);
void file_map_fini(struct file_map *m);

/* Let the kernel have the pages back; they return when touched. */
void file_map_rest(struct file_map *m);

#endif
