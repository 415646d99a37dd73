// SPDX-License-Identifier: Apache-2.0
#include "symbols/symbols.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "symbols/engine.h"
#include "tracker/object.h"

#define DEADLINE_NS (5 * NS_PER_S)
#define CACHE_BYTES (8u << 20)

static const char *const reason_names[] = {
	[SYMBOL_OK] = "ok",
	[SYMBOL_NO_SYMBOL] = "no_symbol",
	[SYMBOL_NO_SYMBOLS] = "no_symbols",
	[SYMBOL_NOT_ELF] = "not_elf",
	[SYMBOL_MALFORMED] = "malformed",
	[SYMBOL_UNSUPPORTED] = "unsupported",
	[SYMBOL_TOO_LARGE] = "too_large",
	[SYMBOL_OUTSIDE_SEGMENTS] = "outside_segments",
	[SYMBOL_BUILD_ID_DIFFERS] = "build_id_differs",
	[SYMBOL_KALLSYMS_HIDDEN] = "kallsyms_hidden",
	[SYMBOL_UNREADABLE] = "unreadable",
	[SYMBOL_NO_OBJECT] = "no_object",
	[SYMBOL_ANONYMOUS] = "anonymous",
	[SYMBOL_SET_ASIDE] = "set_aside",
	[SYMBOL_LATE] = "late",
	[SYMBOL_NO_SYMBOLIZER] = "no_symbolizer",
	[SYMBOL_NO_KALLSYMS] = "no_kallsyms",
	[SYMBOL_NO_MAPPING] = "no_mapping",
};

const char *symbol_reason_name(enum symbol_reason reason)
{
	const char *name = NULL;

	if ((size_t)reason < sizeof(reason_names) / sizeof(*reason_names))
		name = reason_names[reason];
	return name ? name : "unknown";
}

/* The first thing to be indexed: it takes longest, and every profile has use for it. */
static int add_kernel(struct symbols *s)
{
	struct known *kernel = known_get(&s->known, NULL);

	if (!kernel)
		return -ENOMEM;
	if (s->options.kallsyms_fd < 0) {
		kernel->state = KNOWN_HOPELESS;
		kernel->reason = SYMBOL_NO_KALLSYMS;
	}
	known_queue(&s->known, kernel);
	return 0;
}

static int init(struct symbols *s, sd_event *loop, const struct symbols_options *options)
{
	int err;

	s->loop = sd_event_ref(loop);
	s->options = *options;
	if (!s->options.deadline_ns)
		s->options.deadline_ns = DEADLINE_NS;
	if (!s->options.cache_bytes)
		s->options.cache_bytes = CACHE_BYTES;
	s->child = CHILD_NONE;
	s->channel = channel_over(-1);
	known_init(&s->known);
	TAILQ_INIT(&s->jobs);
	err = cache_new(s->options.cache_bytes, &s->cache);
	if (!err)
		err = ask_init(s);
	if (!err)
		err = add_kernel(s);
	return err ? err : supervise_init(s);
}

int symbols_new(sd_event *loop, const struct symbols_options *options, struct symbols **ret)
{
	struct symbols *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = init(s, loop, options);
	if (err) {
		symbols_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	assert(TAILQ_EMPTY(&s->jobs));
	supervise_fini(s);
	ask_fini(s);
	known_fini(&s->known);
	cache_free(s->cache);
	sd_event_unref(s->loop);
	free(s);
}

/* It has been opened anew after the file that was opened first proved to be another one. */
static void ask_anew(struct symbols *s, struct known *k)
{
	if (k->state != KNOWN_HOPELESS || k->reason != SYMBOL_BUILD_ID_DIFFERS)
		return;
	if (k->told && !ask_drop(s, k))
		return;
	k->told = false;
	k->state = KNOWN_WAITING;
}

void symbols_prefetch(struct symbols *s, struct object *object)
{
	struct known *k;

	if (object->state != OBJECT_OPEN ||
		(object->kind != OBJECT_FILE && object->kind != OBJECT_VDSO))
		return;
	k = known_get(&s->known, object);
	/* one that is being added is not in line, but waits no less */
	if (!k || (s->asked.kind == ASKED_ADD && s->batch.known == k))
		return;
	ask_anew(s, k);
	known_queue(&s->known, k);
	ask_next(s);
}

struct build_id symbols_build_id(const struct symbols *s, const struct object *object)
{
	const struct known *k = known_find(&s->known, object->id);

	return k ? k->build_id : (struct build_id){.len = 0};
}

size_t symbols_kernel_ranges(const struct symbols *s, const struct symbols_range **ret)
{
	*ret = s->ranges.at;
	return s->ranges.n;
}

void symbols_totals(const struct symbols *s, struct symbols_totals *ret)
{
	*ret = s->totals;
	ret->objects = known_count(&s->known) - 1; /* without the kernel */
	ret->bytes = sizeof(*s) + cache_bytes(s->cache) + known_bytes(&s->known) +
		     channel_bytes(&s->channel) + ask_bytes(s);
	ret->index_bytes = known_index_bytes(&s->known);
	ret->pid = s->child.pid;
}
