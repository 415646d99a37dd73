// SPDX-License-Identifier: Apache-2.0
#include "profile/comments.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "profile/assemble.h"

#define TEXT_MAX       (1u << 20) /* paths are a stranger's and long */
#define NAMELESS_SHOWN 24

void comments_fini(struct comments *c)
{
	buf_fini(&c->text);
	c->n = 0;
}

/* Begin a comment; the text up to the next one belongs to it. */
static bool begin(struct comments *c)
{
	if (c->n == COMMENTS_MAX)
		return false;
	if (c->n)
		buf_append(&c->text, "", 1);
	c->starts[c->n++] = c->text.len;
	return true;
}

static void add(struct comments *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct comments *c, const char *format, ...)
{
	char line[1024];
	va_list args;

	if (!begin(c))
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_append_str(&c->text, line);
}

/* The pointers stand only once the buffer has stopped moving. */
static void settle(struct comments *c)
{
	buf_append(&c->text, "", 1);
	if (c->text.failed)
		c->n = 0;
	for (size_t i = 0; i < c->n; i++)
		c->lines[i] = (const char *)c->text.bytes + c->starts[i];
}

static void add_host(struct comments *c, unsigned hz, const struct profile_request *r)
{
	struct utsname host = {0};
	time_t seconds = (time_t)(r->from_unix_ns / NS_PER_S);
	struct tm utc = {0};
	char when[40] = "";

	(void)uname(&host);
	if (gmtime_r(&seconds, &utc))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	add(c, "cprofd %s on %s, Linux %s", CPROFD_VERSION, host.nodename, host.release);
	add(c, "CPU at %u Hz, from %s for %.3f s", hz, when,
		(double)(r->to_ns - r->from_ns) / NS_PER_S);
}

static void add_processes(struct comments *c, const struct profile_request *r)
{
	if (r->all)
		add(c, "the whole host");
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct profile_process *p = &r->processes[i];

		if (!begin(c))
			return;
		buf_printf(&c->text, "pid %" PRIu32, p->tgid);
		if (!p->image)
			continue;
		buf_append_str(&c->text, " comm ");
		utf8_append_printable(
			&c->text, p->image->comm, strnlen(p->image->comm, IMAGE_COMM_LEN));
		if (p->image->kernel_thread)
			buf_append_str(&c->text, " (kernel thread)");
		if (p->image->to_ns <= r->to_ns)
			buf_printf(&c->text, ", ended in the window");
	}
}

static void add_losses(struct comments *c, const struct account_window *w)
{
	add(c,
		"host: %" PRIu64 " samples seen, %" PRIu64 " lost, %" PRIu64 " late, %" PRIu64
		" expected",
		w->seen, w->lost_all, w->late, w->expected);
	for (unsigned i = 0; i < LOSSES; i++)
		if (w->lost[i])
			add(c, "lost samples of the host: %s %" PRIu64, loss_name((enum loss)i),
				w->lost[i]);
	if (w->evicted)
		add(c,
			"the oldest %" PRIu64
			" samples of the host in this window are missing: memory was full "
			"(cprofd --store-size)",
			w->evicted);
	for (unsigned cpu = 0; cpu < ACCOUNT_CPUS; cpu++)
		if (w->late_by_cpu[cpu])
			add(c, "late on cpu %u: %" PRIu64, cpu, w->late_by_cpu[cpu]);
	if (w->sideband_lost)
		add(c, "lost process records of the host: %" PRIu64, w->sideband_lost);
}

static void add_count(struct comments *c, uint64_t n, const char *what)
{
	if (n)
		add(c, "%" PRIu64 " samples: %s", n, what);
}

static void add_stacks(struct comments *c, const struct gather *g)
{
	add(c, "%" PRIu64 " samples in this profile", g->samples);
	add_count(c, g->self, "cprofd's own, left out");
	add_count(c, g->no_room, "left out, the profile is too large");
	add_count(c, g->broken, "user stack ends early, code built without frame pointers");
	add_count(c, g->user_cut, "user stack cut at 127 frames");
	add_count(c, g->kernel_cut, "kernel stack cut at 127 frames");
	add_count(c, g->user_stale, "user stack dropped, taken during exec");
	add_count(c, g->user_error, "user stack could not be read");
	add_count(c, g->kernel_error, "kernel stack could not be read");
}

static int most_frames_first(const void *a, const void *b)
{
	const struct nameless *x = a, *y = b;

	if (x->frames != y->frames)
		return x->frames > y->frames ? -1 : 1;
	if (x->reason != y->reason)
		return x->reason < y->reason ? -1 : 1;
	return strcmp(x->filename, y->filename);
}

static void add_nameless(struct comments *c, const struct nameless *all, size_t n)
{
	struct nameless *sorted = n ? malloc(n * sizeof(*sorted)) : NULL;

	if (!sorted)
		return;
	memcpy(sorted, all, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), most_frames_first);
	for (size_t i = 0; i < n && i < NAMELESS_SHOWN; i++) {
		if (!begin(c))
			break;
		buf_append_str(&c->text, "no names: ");
		utf8_append_printable(&c->text, sorted[i].filename, strlen(sorted[i].filename));
		buf_printf(&c->text, ": %s (%" PRIu64 " addresses)",
			symbol_reason_name(sorted[i].reason), sorted[i].frames);
	}
	if (n > NAMELESS_SHOWN)
		add(c, "no names: %zu more files", n - NAMELESS_SHOWN);
	free(sorted);
}

/* Frames of the kernel without names have one cause that the reader can remove. */
static void add_remedy(struct comments *c, const struct nameless *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].reason == SYMBOL_KALLSYMS_HIDDEN) {
			add(c, "kernel frames are addresses: kernel.kptr_restrict hides "
			       "/proc/kallsyms; set it to 1 or 0 to get names");
			return;
		}
}

void comments_write(struct comments *c, const struct assemble_input *in,
	const struct nameless *nameless, size_t n_nameless)
{
	c->text = buf_with_ceiling(TEXT_MAX);
	add_host(c, in->hz, in->request);
	add_processes(c, in->request);
	add_losses(c, in->window);
	add_stacks(c, in->gather);
	add_remedy(c, nameless, n_nameless);
	add_nameless(c, nameless, n_nameless);
	settle(c);
}
