// SPDX-License-Identifier: Apache-2.0
#include "server/status.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/account.h"
#include "collect/collect.h"
#include "proto/control.pb-c.h"
#include "sampler/sampler.h"
#include "server/connection.h"
#include "store/store.h"
#include "symbols/symbols.h"
#include "tracker/tracker.h"

#define MAX_COUNTS 16

/* A list of named numbers, in the shape that protobuf-c wants. */
struct counts {
	Cprofd__Control__Count counts[MAX_COUNTS];
	Cprofd__Control__Count *pointers[MAX_COUNTS];
	size_t n;
};

static void count(struct counts *c, const char *name, uint64_t value)
{
	Cprofd__Control__Count *it = &c->counts[c->n];

	if (c->n == MAX_COUNTS)
		return;
	cprofd__control__count__init(it);
	it->name = (char *)name;
	it->value = value;
	c->pointers[c->n++] = it;
}

/* Everything that is read for an answer; the message points into it. */
struct facts {
	struct account_window window;
	struct collect_totals collect;
	struct store_totals store;
	struct tracker_totals tracker;
	struct symbols_totals symbols;
	struct counts lost, sideband, memory, symbolizer, held;
};

static void count_losses(struct facts *f)
{
	for (unsigned i = 0; i < LOSSES; i++)
		count(&f->lost, loss_name((enum loss)i), f->window.lost[i]);
}

static void count_sideband(struct facts *f)
{
	count(&f->sideband, "records", f->tracker.records);
	count(&f->sideband, "lost", f->tracker.lost);
	count(&f->sideband, "dropped", f->tracker.dropped);
	count(&f->sideband, "malformed", f->tracker.malformed);
	count(&f->sideband, "out_of_order", f->tracker.out_of_order);
	count(&f->sideband, "rescans", f->tracker.rescans);
	count(&f->sideband, "rescans_refused", f->tracker.rescans_refused);
}

static void count_memory(struct facts *f, const struct collect_parts *parts, size_t store_budget)
{
	count(&f->memory, "store", f->store.bytes);
	count(&f->memory, "store_budget", store_budget);
	count(&f->memory, "waiting", f->collect.bytes);
	count(&f->memory, "processes", f->tracker.bytes);
	count(&f->memory, "names", f->symbols.bytes);
	count(&f->memory, "symbolizer_index", f->symbols.index_bytes);
	count(&f->memory, "kernel_sampler", sampler_kernel_bytes(parts->sampler));
	count(&f->memory, "kernel_sideband", f->tracker.kernel_bytes);
}

static void count_symbolizer(struct facts *f)
{
	count(&f->symbolizer, "restarts", f->symbols.restarts);
	count(&f->symbolizer, "crashes", f->symbols.crashes);
	count(&f->symbolizer, "hangs", f->symbols.hangs);
	count(&f->symbolizer, "nonsense", f->symbols.nonsense);
	count(&f->symbolizer, "objects", f->symbols.objects);
	count(&f->symbolizer, "set_aside", f->symbols.set_aside);
	count(&f->symbolizer, "asked", f->symbols.asked);
	count(&f->symbolizer, "cached", f->symbols.cached);
}

static void count_held(struct facts *f, const struct server_counts *clients)
{
	count(&f->held, "clients", clients->clients);
	count(&f->held, "clients_refused", clients->refused);
	count(&f->held, "samples", f->store.rows);
	count(&f->held, "evicted", f->store.evicted);
	count(&f->held, "stacks", f->store.stacks);
	count(&f->held, "threads", f->store.threads);
	count(&f->held, "processes", f->tracker.images_now);
	count(&f->held, "mappings", f->tracker.mappings_now);
	count(&f->held, "objects", f->tracker.objects_now);
	count(&f->held, "objects_open", f->tracker.objects_open);
	count(&f->held, "objects_unreadable", f->tracker.objects_unreadable);
}

static int learn(
	struct facts *f, const struct server_parts *parts, const struct server_counts *clients)
{
	const struct collect_parts *p = collect_parts(parts->collect);
	struct account *now;
	int err = account_take(parts->collect, &now);

	if (err)
		return err;
	account_between(parts->started, now, &f->window);
	account_free(now);
	collect_totals(parts->collect, &f->collect);
	store_totals(p->store, &f->store);
	tracker_totals(p->tracker, &f->tracker);
	symbols_totals(p->symbols, &f->symbols);
	count_losses(f);
	count_sideband(f);
	count_memory(f, p, parts->store_budget_bytes);
	count_symbolizer(f);
	count_held(f, clients);
	return 0;
}

static void fill(Cprofd__Control__Status *out, struct facts *f, const struct server_parts *parts)
{
	const struct collect_parts *p = collect_parts(parts->collect);

	out->version = (char *)CPROFD_VERSION;
	out->pid = (uint32_t)getpid();
	out->hz = sampler_hz(p->sampler);
	out->uptime_ns = clock_monotonic_ns() - parts->started_ns;
	out->seen = f->window.seen;
	out->idle = f->window.idle;
	out->stored = f->window.stored;
	out->pending = (uint64_t)f->window.pending; /* none were when it started */
	out->expected = f->window.expected;
	out->late = f->window.late;
	out->self = f->window.self;
	out->features = (char *)sampler_features(p->sampler);
	out->n_lost = f->lost.n;
	out->lost = f->lost.pointers;
	out->n_sideband = f->sideband.n;
	out->sideband = f->sideband.pointers;
	out->n_memory = f->memory.n;
	out->memory = f->memory.pointers;
	out->n_symbolizer = f->symbolizer.n;
	out->symbolizer = f->symbolizer.pointers;
	out->n_held = f->held.n;
	out->held = f->held.pointers;
}

void status_send(struct connection *c)
{
	const struct server_parts *parts = connection_parts(c);
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Status out = CPROFD__CONTROL__STATUS__INIT;
	struct facts facts = {0};
	int err;

	/* what waits in the rings belongs to the picture */
	collect_drain(parts->collect);
	err = learn(&facts, parts, connection_counts(c));
	if (err) {
		connection_send_error(
			c, CPROFD__CONTROL__ERROR_CODE__INTERNAL, "%s", strerror(-err));
		return;
	}
	fill(&out, &facts, parts);
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_STATUS;
	message.status = &out;
	connection_send(c, &message);
}
