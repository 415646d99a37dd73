// SPDX-License-Identifier: Apache-2.0
#include "collect/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "collect/collect.h"
#include "sampler/cputime.h"
#include "sampler/sampler.h"
#include "store/store.h"
#include "tracker/tracker.h"

struct cpu_ticks {
	uint64_t gap, idle;
};

struct account {
	uint64_t time_ns;
	unsigned hz;
	struct sampler_counters sampler;
	uint64_t malformed, stored, evicted, no_process, no_room, pending, self, sideband_lost;
	struct cputime
		cputime; /* empty when /proc/stat could not be read: late and expected are 0 */
	unsigned n_cpus;
	struct cpu_ticks cpus[];
};

const char *loss_name(enum loss loss)
{
	static const char *const names[] = {
		[LOSS_RING_FULL] = "ring_full",
		[LOSS_NO_SCRATCH] = "no_scratch",
		[LOSS_FOREIGN_NS] = "foreign_ns",
		[LOSS_MALFORMED] = "malformed",
		[LOSS_NO_PROCESS] = "no_process",
		[LOSS_NO_ROOM] = "no_room",
	};

	return loss < LOSSES ? names[loss] : "unknown";
}

static void take_rest(struct account *a, const struct collect_parts *parts, const struct collect *c)
{
	struct collect_totals collect;
	struct tracker_totals tracker;
	struct store_totals store;

	collect_totals(c, &collect);
	tracker_totals(parts->tracker, &tracker);
	store_totals(parts->store, &store);
	a->malformed = sampler_malformed(parts->sampler);
	a->stored = store.stored;
	a->evicted = store.evicted;
	a->no_process = collect.no_process;
	a->no_room = collect.no_room;
	/* sent and not drained: in the ring */
	a->pending = collect.pending + a->sampler.sent - a->malformed - collect.drained;
	a->self = collect.self;
	a->sideband_lost = tracker.lost + tracker.dropped;
}

int account_take(const struct collect *c, struct account **ret)
{
	const struct collect_parts *parts = collect_parts(c);
	unsigned n = sampler_n_cpus(parts->sampler);
	struct account *a = calloc(1, sizeof(*a) + n * sizeof(a->cpus[0]));

	if (!a)
		return -ENOMEM;
	a->time_ns = clock_monotonic_ns();
	a->hz = sampler_hz(parts->sampler);
	a->n_cpus = n;
	sampler_counters(parts->sampler, &a->sampler);
	for (unsigned cpu = 0; cpu < n; cpu++) {
		const struct abi_cpu_counters *live = sampler_cpu(parts->sampler, cpu);

		a->cpus[cpu] = (struct cpu_ticks){.gap = live->gap_ticks, .idle = live->idle};
	}
	/* without it the window lacks an estimate, not a sample */
	(void)cputime_read(AT_FDCWD, "/proc/stat", &a->cputime);
	take_rest(a, parts, c);
	*ret = a;
	return 0;
}

void account_free(struct account *a)
{
	if (!a)
		return;
	cputime_fini(&a->cputime);
	free(a);
}

/* Was `cpu` online at both ends? Then its idle time between them, in *ret_idle_ns. */
static bool idle_between(
	const struct account *from, const struct account *to, unsigned cpu, uint64_t *ret_idle_ns)
{
	const struct cputime_cpu *a, *b;

	if (cpu >= from->cputime.cpus.n || cpu >= to->cputime.cpus.n)
		return false;
	a = &from->cputime.cpus.at[cpu];
	b = &to->cputime.cpus.at[cpu];
	if (!a->online || !b->online)
		return false;
	/* iowait may step back: proc(5) */
	*ret_idle_ns = b->idle_ns > a->idle_ns ? b->idle_ns - a->idle_ns : 0;
	return true;
}

static void add_cpus(const struct account *from, const struct account *to, struct account_window *w)
{
	uint64_t idle_all = 0;
	unsigned online = 0;

	for (unsigned cpu = 0; cpu < to->n_cpus && cpu < from->n_cpus; cpu++) {
		uint64_t idle_ns, late;

		if (!idle_between(from, to, cpu, &idle_ns))
			continue;
		online++;
		idle_all += idle_ns;
		late = sampler_late(to->cpus[cpu].gap - from->cpus[cpu].gap,
			to->cpus[cpu].idle - from->cpus[cpu].idle, idle_ns, to->hz);
		w->late += late;
		if (cpu < ACCOUNT_CPUS)
			w->late_by_cpu[cpu] = late;
	}
	w->expected = sampler_expected(w->duration_ns, online, idle_all, to->hz);
}

/* Eviction takes the oldest: first all that were stored before the window. */
static uint64_t evicted_since(const struct account *from, const struct account *to)
{
	return to->evicted > from->stored ? to->evicted - from->stored : 0;
}

void account_between(
	const struct account *from, const struct account *to, struct account_window *ret)
{
	struct account_window w = {.duration_ns = to->time_ns - from->time_ns};
	const struct sampler_counters *a = &from->sampler, *b = &to->sampler;

	w.seen = b->seen - a->seen;
	w.idle = b->idle - a->idle;
	w.stored = to->stored - from->stored;
	w.evicted = evicted_since(from, to);
	w.self = to->self - from->self;
	w.sideband_lost = to->sideband_lost - from->sideband_lost;
	w.lost[LOSS_RING_FULL] = b->lost[ABI_LOST_RING_FULL] - a->lost[ABI_LOST_RING_FULL];
	w.lost[LOSS_NO_SCRATCH] = b->lost[ABI_LOST_NO_SCRATCH] - a->lost[ABI_LOST_NO_SCRATCH];
	w.lost[LOSS_FOREIGN_NS] = b->lost[ABI_LOST_FOREIGN_NS] - a->lost[ABI_LOST_FOREIGN_NS];
	w.lost[LOSS_MALFORMED] = to->malformed - from->malformed;
	w.lost[LOSS_NO_PROCESS] = to->no_process - from->no_process;
	w.lost[LOSS_NO_ROOM] = to->no_room - from->no_room;
	for (unsigned i = 0; i < LOSSES; i++)
		w.lost_all += w.lost[i];
	w.pending = (int64_t)(to->pending - from->pending);
	add_cpus(from, to, &w);
	*ret = w;
}

void account_add_rest(struct account_window *w, const struct account *opened,
	const struct account *closed, const struct account *later)
{
	static const enum loss behind_the_ring[] = {LOSS_MALFORMED, LOSS_NO_PROCESS, LOSS_NO_ROOM};
	struct account_window rest;

	account_between(closed, later, &rest);
	for (size_t i = 0; i < sizeof(behind_the_ring) / sizeof(behind_the_ring[0]); i++) {
		w->lost[behind_the_ring[i]] += rest.lost[behind_the_ring[i]];
		w->lost_all += rest.lost[behind_the_ring[i]];
	}
	w->evicted = evicted_since(opened, later);
}
