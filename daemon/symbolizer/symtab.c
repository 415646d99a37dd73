// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/symtab.h"

#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "symbolizer/symbol_name.h"

#define MAX_SYMBOLS (8u << 20) /* that go into one index */
#define MAX_WALK    1024
#define MAX_TABLES  2
#define NO_ROW      UINT32_MAX

/* A row names its symbol by the table, in the top bit, and the place in it. */
#define TABLE_SHIFT 31
#define PLACE_MASK  ((1u << TABLE_SHIFT) - 1)

struct table {
	struct file_map symbols;
	struct file_map strings;
	uint32_t n;
};

struct text { /* an executable section */
	uint64_t start, limit;
};

struct symtab {
	struct source source;
	struct table tables[MAX_TABLES];
	struct text *texts; /* sorted by start */
	uint32_t n_texts;
	uint64_t base; /* rows count from here */
	/* Sorted by start. One allocation, at `start`. */
	uint32_t *start;
	uint32_t *symbol;
	uint32_t *outer; /* the row before it whose extent may reach over this start, or NO_ROW */
};

static struct symtab *of(struct source *s)
{
	return (struct symtab *)s; /* the head is its first member */
}

static Elf64_Sym symbol_at(const struct symtab *t, uint32_t id)
{
	Elf64_Sym symbol;

	/* the table may stand at an odd offset */
	memcpy(&symbol,
		t->tables[id >> TABLE_SHIFT].symbols.at +
			(size_t)(id & PLACE_MASK) * sizeof(symbol),
		sizeof(symbol));
	return symbol;
}

static bool is_function(const Elf64_Sym *s)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return type == STT_FUNC || type == STT_GNU_IFUNC;
}

/* ---- looking up ------------------------------------------------------------------------- */

/* The executable section that holds `address`, by the sorted table. */
static const struct text *text_of(const struct symtab *t, uint64_t address)
{
	uint32_t low = 0, high = t->n_texts;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (t->texts[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/* sections of a hostile file may overlap; then the last one counts */
	return low && address < t->texts[low - 1].limit ? &t->texts[low - 1] : NULL;
}

/* The last row that starts at or below `offset`, or NO_ROW. */
static uint32_t last_row(const struct symtab *t, uint32_t offset)
{
	const uint32_t *row = t->start;
	uint32_t n = t->source.n_symbols;

	while (n > 1) {
		uint32_t half = n / 2;

		row = row[half] <= offset ? row + half : row;
		n -= half;
	}
	return n && *row <= offset ? (uint32_t)(row - t->start) : NO_ROW;
}

/* Where the rows after `row` that start at the same place end. */
static uint64_t next_start(const struct symtab *t, uint32_t row)
{
	uint32_t start = t->start[row];

	do
		row++;
	while (row < t->source.n_symbols && t->start[row] == start);
	return row < t->source.n_symbols ? t->start[row] : UINT64_MAX;
}

/* One past the last byte of `symbol`, counted from base; `next` is where the next one starts. */
static uint64_t extent(const struct symtab *t, const Elf64_Sym *symbol, uint64_t next)
{
	uint64_t start = symbol->st_value - t->base;
	const struct text *text = text_of(t, symbol->st_value);
	uint64_t limit = text ? text->limit - t->base : start;
	uint64_t end = next;

	if (symbol->st_size)
		end = symbol->st_size < UINT64_MAX - start ? start + symbol->st_size : UINT64_MAX;
	return end < limit ? end : limit;
}

struct candidate {
	Elf64_Sym symbol;
	const char *name; /* NULL: there is no candidate */
	size_t name_len;
};

/* A name that can be shown: it ends inside its table, and is no mapping symbol or local label. */
static bool name_of(const struct symtab *t, uint32_t id, struct candidate *c)
{
	const struct file_map *strings = &t->tables[id >> TABLE_SHIFT].strings;
	const char *name;
	size_t room, len;

	/* checked when the index was made, but the file may have been written to since */
	if (c->symbol.st_name >= strings->len)
		return false;
	name = (const char *)strings->at + c->symbol.st_name;
	room = strings->len - c->symbol.st_name;
	len = strnlen(name, room);
	if (!len || len == room)
		return false;
	if (!is_function(&c->symbol) && (*name == '$' || *name == '.'))
		return false;
	c->name = name;
	c->name_len = symbol_name_unversioned(name, len);
	return true;
}

static unsigned class_of(const Elf64_Sym *s)
{
	return (is_function(s) ? 0 : 2) + (s->st_size ? 0 : 1);
}

static bool better(const struct candidate *a, const struct candidate *b)
{
	unsigned a_class = class_of(&a->symbol), b_class = class_of(&b->symbol);
	bool a_local = ELF64_ST_BIND(a->symbol.st_info) == STB_LOCAL;
	bool b_local = ELF64_ST_BIND(b->symbol.st_info) == STB_LOCAL;

	if (a_class != b_class)
		return a_class < b_class;
	if (a->symbol.st_value != b->symbol.st_value)
		return a->symbol.st_value > b->symbol.st_value;
	if (a_local != b_local)
		return b_local;
	return symbol_name_better(a->name, a->name_len, b->name, b->name_len);
}

/* The best of the rows from `row` outwards that cover `offset`. */
static struct candidate best_of(const struct symtab *t, uint32_t row, uint64_t offset)
{
	struct candidate best = {0};
	uint32_t nearest = t->start[row];
	uint64_t next = next_start(t, row);

	for (unsigned steps = 0; row != NO_ROW && steps < MAX_WALK; row = t->outer[row], steps++) {
		struct candidate here = {.symbol = symbol_at(t, t->symbol[row])};

		/* further out nothing is better than a sized function, and nothing without a size
		   reaches past `nearest` */
		if (t->start[row] != nearest && best.name && class_of(&best.symbol) == 0)
			break;
		if (t->start[row] != nearest && !here.symbol.st_size)
			continue;
		if (offset < extent(t, &here.symbol, next) && name_of(t, t->symbol[row], &here) &&
			(!best.name || better(&here, &best)))
			best = here;
	}
	return best;
}

static bool symtab_find(const struct source *s, uint64_t address, struct source_answer *ret)
{
	const struct symtab *t = (const struct symtab *)s;
	struct candidate best;
	uint32_t row;

	if (address < t->base || address - t->base > UINT32_MAX)
		return false;
	row = last_row(t, (uint32_t)(address - t->base));
	if (row == NO_ROW)
		return false;
	best = best_of(t, row, address - t->base);
	if (!best.name)
		return false;
	*ret = (struct source_answer){
		.name = best.name, .name_len = best.name_len, .start = best.symbol.st_value};
	return true;
}

/* ---- building --------------------------------------------------------------------------- */

static bool is_text(const Elf64_Shdr *s)
{
	return (s->sh_flags & SHF_ALLOC) && (s->sh_flags & SHF_EXECINSTR) && s->sh_size &&
	       s->sh_addr <= UINT64_MAX - s->sh_size;
}

static int by_start(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Note the executable sections; the lowest is the base of all rows. */
static reason_t collect_texts(struct symtab *t, const struct elf_file *file)
{
	for (uint32_t i = 0; i < file->n_sections; i++)
		t->n_texts += is_text(&file->sections[i]);
	if (!t->n_texts)
		return REASON(NO_SYMBOLS);
	t->texts = calloc(t->n_texts, sizeof(*t->texts));
	if (!t->texts)
		return REASON(TOO_LARGE);
	t->n_texts = 0;
	for (const Elf64_Shdr *s = file->sections; s < file->sections + file->n_sections; s++)
		if (is_text(s))
			t->texts[t->n_texts++] = (struct text){s->sh_addr, s->sh_addr + s->sh_size};
	qsort(t->texts, t->n_texts, sizeof(*t->texts), by_start);
	t->base = t->texts[0].start;
	return REASON_NONE;
}

static reason_t map_table(const struct elf_file *file, const Elf64_Shdr *section, struct table *ret)
{
	const Elf64_Shdr *strings;
	struct table table = {0};
	reason_t why;

	if (section->sh_entsize != sizeof(Elf64_Sym) || section->sh_link >= file->n_sections)
		return REASON(MALFORMED);
	strings = &file->sections[section->sh_link];
	if (strings->sh_type != SHT_STRTAB)
		return REASON(MALFORMED);
	if (section->sh_size / sizeof(Elf64_Sym) > PLACE_MASK)
		return REASON(TOO_LARGE);
	table.n = (uint32_t)(section->sh_size / sizeof(Elf64_Sym));
	if (!table.n || !strings->sh_size)
		return REASON(NO_SYMBOLS);
	why = file_map_init(file, section->sh_offset, section->sh_size, &table.symbols);
	if (!why)
		why = file_map_init(file, strings->sh_offset, strings->sh_size, &table.strings);
	if (why)
		file_map_fini(&table.symbols);
	else
		*ret = table;
	return why;
}

/* Map the first table of each kind. One that is broken does not spoil the other. */
static reason_t map_tables(struct symtab *t, const struct elf_file *file)
{
	static const uint32_t kinds[MAX_TABLES] = {SHT_SYMTAB, SHT_DYNSYM};
	reason_t worst = REASON(NO_SYMBOLS);
	bool any = false;

	for (unsigned k = 0; k < MAX_TABLES; k++) {
		const Elf64_Shdr *section = file->sections;
		const Elf64_Shdr *end = section + file->n_sections;
		reason_t why;

		while (section < end && section->sh_type != kinds[k])
			section++;
		if (section == end)
			continue;
		why = map_table(file, section, &t->tables[k]);
		any |= !why;
		if (why && why != REASON(NO_SYMBOLS))
			worst = why;
	}
	return any ? REASON_NONE : worst;
}

static bool belongs(const struct symtab *t, const struct elf_file *file, const struct table *table,
	const Elf64_Sym *s)
{
	const Elf64_Shdr *section;

	if (!is_function(s) && ELF64_ST_TYPE(s->st_info) != STT_NOTYPE)
		return false;
	if (s->st_shndx == SHN_UNDEF || s->st_shndx >= SHN_LORESERVE ||
		s->st_shndx >= file->n_sections)
		return false;
	section = &file->sections[s->st_shndx];
	if (!is_text(section) || s->st_value < section->sh_addr ||
		s->st_value - section->sh_addr >= section->sh_size)
		return false;
	return s->st_name && s->st_name < table->strings.len && s->st_value - t->base <= UINT32_MAX;
}

/*
 * Write start << 32 | id of every symbol that belongs to `ret`, unless it is NULL; count
 * them, up to `most`. The file's owner may write to it all the while: no two looks at
 * the mapped table need agree.
 */
static uint32_t collect_keys(
	const struct symtab *t, const struct elf_file *file, uint32_t most, uint64_t *ret)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < MAX_TABLES; k++) {
		for (uint32_t i = 0; i < t->tables[k].n && n < most; i++) {
			uint32_t id = k << TABLE_SHIFT | i;
			Elf64_Sym symbol = symbol_at(t, id);

			if (!belongs(t, file, &t->tables[k], &symbol))
				continue;
			if (ret)
				ret[n] = (symbol.st_value - t->base) << 32 | id;
			n++;
		}
	}
	return n;
}

#define RADIX_BITS 11
#define RADIX      (1u << RADIX_BITS)

/* Sort by the upper half, keeping the order of equals. Which of the two buffers holds the result?
 */
static uint64_t *sort_keys(uint64_t *keys, uint64_t *spare, uint32_t n)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < n; i++)
		most = keys[i] > most ? keys[i] : most;
	for (unsigned shift = 32; shift < 64 && most >> shift; shift += RADIX_BITS) {
		uint32_t place[RADIX + 1] = {0};
		uint64_t *sorted = spare;

		for (uint32_t i = 0; i < n; i++)
			place[(keys[i] >> shift) % RADIX + 1]++;
		for (unsigned d = 0; d < RADIX; d++)
			place[d + 1] += place[d];
		for (uint32_t i = 0; i < n; i++)
			sorted[place[(keys[i] >> shift) % RADIX]++] = keys[i];
		spare = keys;
		keys = sorted;
	}
	return keys;
}

/*
 * Link each row to the one around it. The rows whose extent is still open form a
 * stack whose links are `outer` itself. Only its top is ever taken off, so a row
 * that ended may stay below one that did not: a detour, never a miss.
 */
static void link_rows(struct symtab *t, uint64_t *end)
{
	uint32_t top = NO_ROW, n = t->source.n_symbols;
	uint64_t next = UINT64_MAX;

	for (uint32_t i = n; i-- > 0;) {
		Elf64_Sym symbol = symbol_at(t, t->symbol[i]);

		if (i + 1 < n && t->start[i + 1] != t->start[i])
			next = t->start[i + 1];
		end[i] = extent(t, &symbol, next);
	}
	for (uint32_t i = 0; i < n; i++) {
		while (top != NO_ROW && end[top] <= t->start[i])
			top = t->outer[top];
		t->outer[i] = top;
		top = i;
	}
}

static reason_t build_rows(struct symtab *t, const struct elf_file *file, uint32_t n)
{
	scoped(scope_free) uint64_t *keys = malloc((size_t)n * sizeof(*keys));
	scoped(scope_free) uint64_t *spare = malloc((size_t)n * sizeof(*spare));
	uint64_t *sorted;

	t->start = malloc((size_t)n * 3 * sizeof(*t->start));
	if (!keys || !spare || !t->start)
		return REASON(TOO_LARGE);
	t->symbol = t->start + n;
	t->outer = t->symbol + n;
	n = collect_keys(t, file, n, keys);
	t->source.n_symbols = n;
	sorted = sort_keys(keys, spare, n);
	for (uint32_t i = 0; i < n; i++) {
		t->start[i] = (uint32_t)(sorted[i] >> 32);
		t->symbol[i] = (uint32_t)sorted[i];
	}
	link_rows(t, sorted);
	return REASON_NONE;
}

static reason_t build(struct symtab *t, const struct elf_file *file, size_t ceiling)
{
	reason_t why = collect_texts(t, file);
	uint32_t n;

	if (!why)
		why = map_tables(t, file);
	if (why)
		return why;
	n = collect_keys(t, file, MAX_SYMBOLS + 1, NULL);
	t->source.n_bytes =
		sizeof(*t) + t->n_texts * sizeof(*t->texts) + (size_t)n * 3 * sizeof(*t->start);
	if (!n)
		return REASON(NO_SYMBOLS);
	if (n > MAX_SYMBOLS || t->source.n_bytes > ceiling)
		return REASON(TOO_LARGE);
	return build_rows(t, file, n);
}

static void symtab_rest(struct source *s)
{
	for (unsigned k = 0; k < MAX_TABLES; k++) {
		file_map_rest(&of(s)->tables[k].symbols);
		file_map_rest(&of(s)->tables[k].strings);
	}
}

static void symtab_free(struct source *s)
{
	if (!s)
		return;
	for (unsigned k = 0; k < MAX_TABLES; k++) {
		file_map_fini(&of(s)->tables[k].symbols);
		file_map_fini(&of(s)->tables[k].strings);
	}
	free(of(s)->texts);
	free(of(s)->start);
	free(s);
}

static const struct source_type symtab_type = {
	.find = symtab_find,
	.rest = symtab_rest,
	.free = symtab_free,
};

reason_t symtab_new(const struct elf_file *file, size_t ceiling, struct source **ret)
{
	struct symtab *t = calloc(1, sizeof(*t));
	reason_t why;

	if (!t)
		return REASON(TOO_LARGE);
	t->source.type = &symtab_type;
	why = build(t, file, ceiling);
	if (why)
		symtab_free(&t->source);
	else
		*ret = &t->source;
	return why;
}
