// SPDX-License-Identifier: Apache-2.0
#include "symbolizer/kallsyms.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/idmap.h"
#include "base/scope.h"
#include "base/vec.h"
#include "symbolizer/symbol_name.h"

#define MAX_LINES   (4u << 20)
#define MAX_MODULES UINT16_MAX
#define MAX_NAME    1024 /* the kernel's own ceiling is 512 */
#define MAX_PADDING UINT8_MAX
#define PADDING     "__pfx_"
#define PADDING_LEN (sizeof(PADDING) - 1)

/* A stretch of the text being read. */
struct word {
	const char *at;
	uint32_t len;
};

/* A function's line. */
struct line {
	uint64_t address;
	struct word name;
	uint16_t module; /* 0: the kernel; else 1 + place in `modules` */
	bool global;
	bool padding; /* __pfx_ */
};

struct function {
	uint64_t start; /* of what it covers, padding included */
	uint32_t name;  /* place in `names` */
	uint16_t module;
	uint8_t padding; /* its own address is start + padding */
};

struct kallsyms {
	struct source source;
	struct function *functions; /* sorted by start */
	struct kallsyms_range *ranges;
	uint32_t n_ranges;
	bool has_kernel;   /* the first range is the kernel's own */
	struct buf names;  /* each ends in NUL */
	uint32_t *modules; /* places in names */
	uint32_t n_modules;
};

/* What is needed while the index is made. */
struct reading {
	VEC(struct line) lines;
	VEC(struct word) modules;
	VEC(struct function) functions;
	VEC(struct kallsyms_range) ranges;
	struct idmap module_ids;
	uint64_t kernel_start, kernel_limit; /* _stext or _text, _etext; 0: not seen */
	uint32_t n_read;                     /* lines of any type */
	bool shown;                          /* an address was not zero */
	bool refused;                        /* more than a ceiling allows */
};

static void reading_fini(struct reading *r)
{
	vec_fini(&r->lines);
	vec_fini(&r->modules);
	vec_fini(&r->functions);
	vec_fini(&r->ranges);
	idmap_fini(&r->module_ids);
}

/* ---- lines ------------------------------------------------------------------------------ */

static bool word_is(struct word w, const char *s)
{
	return w.len == strlen(s) && memcmp(w.at, s, w.len) == 0;
}

static bool read_hex(const char **at, const char *end, uint64_t *ret)
{
	const char *first = *at;
	uint64_t value = 0;

	for (; *at < end; (*at)++) {
		char c = **at;
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			break;
		value = value << 4 | digit;
	}
	*ret = value;
	return *at > first && *at - first <= 16;
}

static struct word read_word(const char **at, const char *end)
{
	struct word w = {.at = *at};

	while (*at < end && **at != ' ' && **at != '\t')
		(*at)++;
	w.len = (uint32_t)(*at - w.at);
	return w;
}

static bool same_module(const void *owner, uint32_t id, const void *key)
{
	const struct word *have = &((const struct reading *)owner)->modules.at[id];
	const struct word *want = key;

	return have->len == want->len && memcmp(have->at, want->at, want->len) == 0;
}

/* The number of the module that `bracketed` names; 0 when it cannot be kept. */
static uint16_t module_number(struct reading *r, struct word bracketed)
{
	struct word name = {.at = bracketed.at + 1, .len = bracketed.len - 2};
	uint64_t hash = idmap_hash(name.at, name.len);
	uint32_t id = idmap_find(&r->module_ids, hash, same_module, r, &name);

	if (id != IDMAP_NONE)
		return (uint16_t)(id + 1);
	if (!vec_push(&r->modules, name, MAX_MODULES - 1))
		return 0;
	if (idmap_add(&r->module_ids, hash, r->modules.n - 1) < 0)
		return 0;
	return (uint16_t)r->modules.n;
}

static void note_bounds(struct reading *r, const struct line *l)
{
	if (word_is(l->name, "_stext") || word_is(l->name, "_text"))
		r->kernel_start = r->kernel_start && r->kernel_start < l->address ? r->kernel_start
										  : l->address;
	else if (word_is(l->name, "_etext"))
		r->kernel_limit = l->address;
}

/* "ffffffff81000000 T _stext" or "ffffffffc0001000 t f\t[module]"; what is not a function is passed
 * by. */
static void read_line(struct reading *r, const char *at, const char *end)
{
	struct line l = {0};
	struct word module;
	char type;

	if (!read_hex(&at, end, &l.address) || end - at < 4 || at[0] != ' ' || at[2] != ' ')
		return;
	type = at[1];
	at += 3;
	l.name = read_word(&at, end);
	if (!l.name.len || l.name.len > MAX_NAME || memchr(l.name.at, '\0', l.name.len))
		return;
	r->n_read++;
	r->shown |= l.address != 0;
	if (!strchr("tTwWi", type) || !type)
		return;
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	module = read_word(&at, end);
	if (module.len > 2 && module.len <= MAX_NAME && module.at[0] == '[') {
		l.module = module_number(r, module);
		r->refused |= !l.module;
	}
	l.global = type == 'T' || type == 'W';
	l.padding = l.name.len > PADDING_LEN && memcmp(l.name.at, PADDING, PADDING_LEN) == 0;
	if (!l.module)
		note_bounds(r, &l);
	r->refused |= !vec_push(&r->lines, l, MAX_LINES);
}

static void read_lines(struct reading *r, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end && !r->refused) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		read_line(r, text, line_end);
		text = line_end + 1;
	}
}

/* ---- functions -------------------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->name.at < y->name.at ? -1 : x->name.at > y->name.at;
}

static bool better(const struct line *a, const struct line *b)
{
	if (a->padding != b->padding)
		return b->padding;
	if (a->global != b->global)
		return a->global;
	return symbol_name_better(a->name.at, a->name.len, b->name.at, b->name.len);
}

static bool is_padding_of(const struct line *padding, const struct line *l)
{
	return l->address - padding->address <= MAX_PADDING && l->module == padding->module &&
	       l->name.len == padding->name.len - PADDING_LEN &&
	       memcmp(l->name.at, padding->name.at + PADDING_LEN, l->name.len) == 0;
}

static bool inside_kernel(const struct reading *r, uint64_t address)
{
	return address >= r->kernel_start && address < r->kernel_limit;
}

/* Is it where its like may be: the kernel's functions inside of the kernel, modules' outside? */
static bool in_place(const struct reading *r, const struct line *l)
{
	return r->kernel_limit ? inside_kernel(r, l->address) == !l->module : true;
}

static bool keep_name(struct buf *names, struct word name, uint32_t *ret_place)
{
	*ret_place = (uint32_t)names->len;
	buf_append(names, name.at, name.len);
	buf_append(names, "", 1);
	return !names->failed;
}

/* Make one function of the lines from `first` to before `end`, which have the same address. */
static bool add_function(struct kallsyms *k, struct reading *r, const struct line *first,
	const struct line *end, const struct line *padding)
{
	const struct line *best = first;
	struct function f;

	for (const struct line *l = first + 1; l < end; l++)
		if (better(l, best))
			best = l;
	if (best->padding || !in_place(r, best))
		return true;
	f = (struct function){.start = best->address, .module = best->module};
	for (const struct line *l = first; padding && l < end; l++)
		if (is_padding_of(padding, l))
			f.padding = (uint8_t)(l->address - padding->address);
	f.start -= f.padding;
	return keep_name(&k->names, best->name, &f.name) && vec_push(&r->functions, f, MAX_LINES);
}

static bool add_functions(struct kallsyms *k, struct reading *r)
{
	const struct line *at = r->lines.at, *all = at + r->lines.n;
	const struct line *padding = NULL;

	while (at < all) {
		const struct line *end = at;

		while (end < all && end->address == at->address)
			end++;
		if (!add_function(k, r, at, end, padding))
			return false;
		padding = at->padding ? at : NULL;
		at = end;
	}
	return true;
}

/* ---- ranges ----------------------------------------------------------------------------- */

static uint64_t page_end(uint64_t address)
{
	uint64_t last = address | ((uint64_t)getpagesize() - 1);

	return last == UINT64_MAX ? last : last + 1;
}

/* Without _stext and _etext: from the kernel's first function to its last. */
static void guess_kernel(struct reading *r)
{
	bool any = false;

	if (r->kernel_start && r->kernel_start < r->kernel_limit)
		return;
	r->kernel_start = r->kernel_limit = 0;
	for (const struct line *l = r->lines.at; l < r->lines.at + r->lines.n; l++) {
		if (l->module)
			continue;
		if (!any)
			r->kernel_start = l->address;
		any = true;
		r->kernel_limit = page_end(l->address);
	}
}

static const char *module_name(const struct kallsyms *k, uint16_t module)
{
	return (const char *)k->names.bytes + k->modules[module - 1];
}

/* The neighbours of one module that begin with `f`, as a range. Returns the first one after them.
 */
static const struct function *add_run(
	const struct kallsyms *k, struct reading *r, const struct function *f)
{
	const struct function *all = r->functions.at + r->functions.n, *end = f + 1;
	struct kallsyms_range range = {.name = module_name(k, f->module), .start = f->start};

	while (end < all && end->module == f->module)
		end++;
	range.name_len = strlen(range.name);
	range.limit = page_end(end[-1].start + end[-1].padding);
	if (end < all && end->start < range.limit)
		range.limit = end->start;
	if (range.start < r->kernel_start && range.limit > r->kernel_start)
		range.limit = r->kernel_start;
	r->refused |= !vec_push(&r->ranges, range, LIMIT(MAX_RANGES));
	return end;
}

static void add_ranges(struct kallsyms *k, struct reading *r)
{
	const struct function *f = r->functions.at, *all = f + r->functions.n;
	struct kallsyms_range kernel = {.name = "kernel.kallsyms",
		.name_len = strlen("kernel.kallsyms"),
		.start = r->kernel_start,
		.limit = r->kernel_limit};

	if (kernel.limit)
		k->has_kernel = vec_push(&r->ranges, kernel, LIMIT(MAX_RANGES));
	/* one range too many costs the last modules their names, not everybody theirs */
	while (f < all && r->ranges.n < LIMIT(MAX_RANGES))
		f = f->module ? add_run(k, r, f) : f + 1;
}

/* ---- looking up ------------------------------------------------------------------------- */

static uint64_t limit_at(const struct kallsyms *k, uint64_t start)
{
	uint32_t first = k->has_kernel;
	uint32_t low = first, high = k->n_ranges;

	if (first && start >= k->ranges[0].start && start < k->ranges[0].limit)
		return k->ranges[0].limit;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (k->ranges[middle].start <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low > first ? k->ranges[low - 1].limit : 0;
}

static bool kallsyms_find(const struct source *s, uint64_t address, struct source_answer *ret)
{
	const struct kallsyms *k = (const struct kallsyms *)s;
	const struct function *f = k->functions;
	uint32_t n = s->n_symbols;

	while (n > 1) {
		uint32_t half = n / 2;

		f = f[half].start <= address ? f + half : f;
		n -= half;
	}
	if (!n || f->start > address || address >= limit_at(k, f->start))
		return false;
	*ret = (struct source_answer){
		.name = (const char *)k->names.bytes + f->name,
		.start = f->start + f->padding,
		.module = f->module ? module_name(k, f->module) : NULL,
	};
	ret->name_len = strlen(ret->name);
	ret->module_len = ret->module ? strlen(ret->module) : 0;
	return true;
}

static void kallsyms_rest(struct source *s)
{
	(void)s; /* nothing of it is a file's page */
}

static void kallsyms_free(struct source *s)
{
	struct kallsyms *k = (struct kallsyms *)s;

	if (!k)
		return;
	free(k->functions);
	free(k->ranges);
	free(k->modules);
	buf_fini(&k->names);
	free(k);
}

static const struct source_type kallsyms_type = {
	.find = kallsyms_find,
	.rest = kallsyms_rest,
	.free = kallsyms_free,
};

/* ---- building --------------------------------------------------------------------------- */

static bool keep_modules(struct kallsyms *k, const struct reading *r)
{
	k->modules = malloc((r->modules.n + 1) * sizeof(*k->modules));
	if (!k->modules)
		return false;
	for (; k->n_modules < r->modules.n; k->n_modules++)
		if (!keep_name(&k->names, r->modules.at[k->n_modules], &k->modules[k->n_modules]))
			return false;
	return true;
}

/* Arrays grow by doubling: give back what they did not need. */
static void *shrunk(void *array, size_t len)
{
	void *less = len ? realloc(array, len) : NULL;

	return less ? less : array;
}

/* Hand over what was made to the index. */
static void settle(struct kallsyms *k, struct reading *r)
{
	k->source.n_symbols = r->functions.n;
	k->functions = shrunk(take_ptr(r->functions.at), r->functions.n * sizeof(*k->functions));
	k->n_ranges = r->ranges.n;
	k->ranges = shrunk(take_ptr(r->ranges.at), r->ranges.n * sizeof(*k->ranges));
	k->source.n_bytes = sizeof(*k) + r->functions.n * sizeof(*k->functions) +
			    r->ranges.n * sizeof(*k->ranges) + k->names.room +
			    k->n_modules * sizeof(*k->modules);
}

static reason_t judge(const struct reading *r)
{
	if (r->refused)
		return REASON(TOO_LARGE);
	if (!r->n_read)
		return REASON(MALFORMED);
	if (!r->shown)
		return REASON(KALLSYMS_HIDDEN);
	return r->lines.n ? REASON_NONE : REASON(NO_SYMBOLS);
}

static reason_t build(struct kallsyms *k, struct reading *r, size_t ceiling)
{
	reason_t why = judge(r);

	if (why)
		return why;
	qsort(r->lines.at, r->lines.n, sizeof(*r->lines.at), by_address);
	guess_kernel(r);
	if (!keep_modules(k, r) || !add_functions(k, r))
		return REASON(TOO_LARGE);
	if (!r->functions.n)
		return REASON(NO_SYMBOLS);
	k->names.bytes = shrunk(k->names.bytes, k->names.len);
	k->names.room = k->names.len;
	add_ranges(k, r);
	settle(k, r);
	return k->source.n_bytes > ceiling ? REASON(TOO_LARGE) : REASON_NONE;
}

reason_t kallsyms_new(const char *text, size_t len, size_t ceiling, struct source **ret)
{
	scoped(reading_fini) struct reading r = {0};
	struct kallsyms *k = calloc(1, sizeof(*k));
	reason_t why;

	if (!k)
		return REASON(TOO_LARGE);
	k->source.type = &kallsyms_type;
	k->names = buf_with_ceiling(ceiling < UINT32_MAX ? ceiling : UINT32_MAX);
	read_lines(&r, text, len);
	why = build(k, &r, ceiling);
	if (why)
		kallsyms_free(&k->source);
	else
		*ret = &k->source;
	return why;
}

size_t kallsyms_ranges(const struct source *s, const struct kallsyms_range **ret)
{
	const struct kallsyms *k = (const struct kallsyms *)s;

	*ret = k->ranges;
	return k->n_ranges;
}
