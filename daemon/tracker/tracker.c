// SPDX-License-Identifier: Apache-2.0
#include "tracker/tracker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>

#include "base/clock.h"
#include "base/diag.h"
#include "tracker/mapset.h"
#include "tracker/state.h"

#define FUTURE_NS   NS_PER_S /* a record later than now by more is nonsense */
#define PAST_NS     NS_PER_S /* likewise earlier than attaching */
#define SWEEP_NS    NS_PER_S
#define SWEEP_SLOTS 16  /* each costs a system call */
#define SWEEP_HURRY 256 /* once around after records were lost */

/* ---- life ------------------------------------------------------------------------------- */

static uint32_t default_open_objects(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > UINT32_MAX)
		return 1024;
	return (uint32_t)(limit.rlim_cur / 4 * 3);
}

static struct tracker_options with_defaults(const struct tracker_options *given)
{
	struct tracker_options o = given ? *given : (struct tracker_options){0};

	o.ring_bytes = o.ring_bytes ? o.ring_bytes : 256 * 1024;
	o.max_images = o.max_images ? o.max_images : 65536;
	o.max_mappings = o.max_mappings ? o.max_mappings : 65536;
	o.max_queue_bytes = o.max_queue_bytes ? o.max_queue_bytes : 8u << 20;
	o.max_open_objects = o.max_open_objects ? o.max_open_objects : default_open_objects();
	o.max_bytes = o.max_bytes ? o.max_bytes : 64u << 20;
	o.proc = o.proc ? o.proc : "/proc";
	return o;
}

static int tracker_init(struct tracker *t)
{
	t->processes.max = t->options.max_images;
	t->queue.ceiling = t->options.max_queue_bytes;
	t->ledger = ledger_new(t->options.max_bytes);
	t->objects = t->ledger ? objects_new(t->ledger) : NULL;
	if (!t->objects)
		return -ENOMEM;
	t->proc_fd = open(t->options.proc, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t->proc_fd < 0)
		return -errno;
	t->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return t->root_fd < 0 ? -errno : 0;
}

int tracker_new(const struct tracker_options *options, struct tracker **ret)
{
	struct tracker *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->options = with_defaults(options);
	t->proc_fd = t->root_fd = -1;
	err = tracker_init(t);
	if (err) {
		tracker_free(t);
		return err;
	}
	*ret = t;
	return 0;
}

void tracker_free(struct tracker *t)
{
	if (!t)
		return;
	sideband_close(&t->sideband);
	for (uint32_t i = t->n_ended_done; i < t->ended.n; i++)
		image_unref(&t->ended.at[i].process->image);
	vec_fini(&t->ended);
	processes_fini(&t->processes);
	queue_fini(&t->queue);
	objects_free(t->objects);
	ledger_unref(t->ledger);
	if (t->proc_fd >= 0)
		(void)close(t->proc_fd);
	if (t->root_fd >= 0)
		(void)close(t->root_fd);
	free(t);
}

int tracker_attach(struct tracker *t, struct opener *opener, struct diag *diag)
{
	int err = sideband_open(&t->sideband, opener, t->options.ring_bytes, diag);

	if (!err)
		t->earliest_ns = clock_monotonic_ns() - PAST_NS;
	return err;
}

unsigned tracker_n_fds(const struct tracker *t)
{
	return t->sideband.n;
}

int tracker_fd(const struct tracker *t, unsigned i)
{
	return t->sideband.rings[i].fd;
}

/* ---- records ---------------------------------------------------------------------------- */

/* A record that cannot be put in its place in time still tells that others were lost. */
static void refuse(struct tracker *t, const void *record, size_t len)
{
	struct record r;

	t->totals.malformed++;
	if (record_decode(record, len, &r) == 0 && r.type == RECORD_LOST)
		apply_record(t, &r);
}

static void enqueue(struct tracker *t, const void *record, size_t len, uint64_t latest_ns)
{
	uint64_t time_ns = record_time(record, len);

	if (!record_matters(record, len))
		return;
	if (!time_ns || time_ns < t->earliest_ns || time_ns > latest_ns || len > UINT16_MAX) {
		refuse(t, record, len);
		return;
	}
	if (queue_push(&t->queue, time_ns, record, (uint32_t)len)) {
		t->totals.dropped++;
		t->loss_epoch++;
	}
}

void tracker_feed(struct tracker *t, const void *record, size_t len)
{
	enqueue(t, record, len, clock_monotonic_ns() + FUTURE_NS);
}

struct draining {
	struct tracker *t;
	uint64_t latest_ns;
};

static void on_record(void *ctx, const void *record, size_t len)
{
	const struct draining *d = ctx;

	enqueue(d->t, record, len, d->latest_ns);
}

/* How many slots this time: soon after a loss all of them, else a few. */
static unsigned slots_to_sweep(struct tracker *t)
{
	unsigned n = SWEEP_SLOTS;

	if (t->sweep_epoch != t->loss_epoch) {
		t->sweep_epoch = t->loss_epoch;
		t->sweep_hurry = t->processes.slots.n;
	}
	if (t->sweep_hurry)
		n = t->sweep_hurry < SWEEP_HURRY ? t->sweep_hurry : SWEEP_HURRY;
	t->sweep_hurry -= n < t->sweep_hurry ? n : t->sweep_hurry;
	return n < t->processes.slots.n ? n : t->processes.slots.n;
}

/*
 * Records that were lost may have been the last of a process. A few images at a time
 * are asked for in /proc, so that none stays for ever.
 */
static void sweep(struct tracker *t, uint64_t now_ns)
{
	unsigned n;
	char name[16];

	if (now_ns - t->sweep_ns < SWEEP_NS)
		return;
	t->sweep_ns = now_ns;
	n = slots_to_sweep(t);
	for (unsigned i = 0; i < n; i++) {
		struct process *p = t->processes.slots.at[t->sweep_at++ % t->processes.slots.n];

		if (!p || !process_lives(p))
			continue;
		(void)snprintf(name, sizeof(name), "%u", p->image.tgid);
		if (faccessat(t->proc_fd, name, F_OK, 0) && errno == ENOENT)
			end_process(t, p, now_ns);
	}
}

void tracker_drain(struct tracker *t)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct draining d = {t, now_ns + FUTURE_NS};
	unsigned nonsense = sideband_drain(&t->sideband, on_record, &d);

	t->totals.malformed += nonsense;
	t->loss_epoch += nonsense;
	if (t->sideband.n)
		sweep(t, now_ns);
}

static void apply_bytes(struct tracker *t, const void *bytes, uint32_t len, uint64_t time_ns)
{
	struct record r;
	int err = record_decode(bytes, len, &r);

	if (err) {
		t->totals.malformed += err == -EBADMSG;
		return;
	}
	if (time_ns < t->advanced_ns) {
		t->totals.out_of_order++;
		r.time_ns = t->advanced_ns; /* history is written forward only */
	}
	apply_record(t, &r);
	t->totals.records++;
	t->advanced_ns = r.time_ns;
}

void tracker_advance(struct tracker *t, uint64_t until_ns)
{
	const void *bytes;
	uint64_t time_ns;
	uint32_t len;

	while ((bytes = queue_take(&t->queue, until_ns, &time_ns, &len)))
		apply_bytes(t, bytes, len, time_ns);
	if (until_ns > t->advanced_ns)
		t->advanced_ns = until_ns;
	forget_ended(t, t->advanced_ns);
}

/* ---- samples ---------------------------------------------------------------------------- */

/* Does the sample's start time speak for `p`? /proc counts in ticks, samples in nanoseconds. */
static bool same_start(const struct process *p, const struct abi_sample *s)
{
	if (!s->start_boottime_ns)
		return true;
	if (p->image.start_boottime_ns)
		return p->image.start_boottime_ns == s->start_boottime_ns;
	return !p->start_ticks || p->start_ticks == s->start_boottime_ns / START_TICK_NS;
}

static bool same_exec(const struct process *p, const struct abi_sample *s)
{
	if (!p->image.exec_id_known || p->image.exec_id == s->exec_id)
		return true;
	/* self_exec_id rises a little after the COMM record */
	return (s->flags & ABI_SAMPLE_IN_EXEC) && s->exec_id + 1 == p->image.exec_id;
}

/* An image that only samples tell of. */
static struct process *first_sight(struct tracker *t, const struct abi_sample *s)
{
	struct process *p = begin_process(t, s->tgid, s->time_ns);

	if (!p)
		return NULL;
	p->image.maps_unknown = !(s->flags & ABI_SAMPLE_KTHREAD);
	p->image.kernel_thread = s->flags & ABI_SAMPLE_KTHREAD;
	if (s->tid == s->tgid)
		memcpy(p->image.comm, s->comm, sizeof(p->image.comm));
	return p;
}

/* Records of an exec were lost: it is the same process with another program. */
static struct process *missed_exec(
	struct tracker *t, const struct process *old, const struct abi_sample *s)
{
	uint64_t start_ticks = old->start_ticks;
	struct process *p = first_sight(t, s);

	if (p) {
		p->start_ticks = start_ticks;
		p->by_exec = true;
	}
	return p;
}

static struct process *find_or_make(struct tracker *t, const struct abi_sample *s)
{
	struct process *p = processes_find(&t->processes, s->tgid);

	if (!p || !same_start(p, s))
		return first_sight(t, s);
	return same_exec(p, s) ? p : missed_exec(t, p, s);
}

static void learn(struct process *p, const struct abi_sample *s)
{
	if (!p->image.start_boottime_ns)
		p->image.start_boottime_ns = s->start_boottime_ns;
	if (!p->image.exec_id_known && !(s->flags & ABI_SAMPLE_IN_EXEC)) {
		p->image.exec_id = s->exec_id;
		p->image.exec_id_known = true;
	}
}

/*
 * In execve(), after COMM: new memory, old registers. A later exec of the same image,
 * before its COMM, looks alike but for the user code that ran in between.
 */
static bool is_stale(const struct process *p, const struct abi_sample *s)
{
	return (s->flags & ABI_SAMPLE_IN_EXEC) && p->by_exec && !p->ran;
}

static void check_maps(struct tracker *t, struct process *p, uint64_t now_ns)
{
	bool first = !p->sampled;

	p->sampled = true;
	if (p->image.kernel_thread || !process_lives(p))
		return;
	if ((first && p->image.maps_unknown) || p->maps_stale || p->loss_epoch != t->loss_epoch) {
		if (rescan_process(t, p, now_ns))
			p->loss_epoch = t->loss_epoch;
	}
}

struct image *tracker_attribute(
	struct tracker *t, const struct abi_sample *sample, enum tracker_user *ret_user)
{
	struct process *p = find_or_make(t, sample);

	if (!p)
		return NULL;
	learn(p, sample);
	if (!(sample->flags & ABI_SAMPLE_IN_EXEC))
		p->ran = true;
	check_maps(t, p, sample->time_ns);
	*ret_user = is_stale(p, sample) ? TRACKER_USER_STALE : TRACKER_USER_OK;
	return &p->image;
}

bool tracker_rescan(struct tracker *t, struct image *i, uint64_t now_ns)
{
	struct process *p = process_of(i);

	if (i->kernel_thread || !process_lives(p))
		return false;
	return rescan_process(t, p, now_ns);
}

struct image *tracker_find(const struct tracker *t, uint32_t tgid)
{
	struct process *p = processes_find(&t->processes, tgid);

	return p && process_lives(p) ? &p->image : NULL;
}

void tracker_each(const struct tracker *t, bool (*each)(void *ctx, struct image *i), void *ctx)
{
	for (uint32_t i = 0; i < t->processes.slots.n; i++) {
		struct process *p = t->processes.slots.at[i];

		if (p && process_lives(p) && !each(ctx, &p->image))
			return;
	}
}

void tracker_totals(const struct tracker *t, struct tracker_totals *ret)
{
	struct tracker_totals out = t->totals;

	out.images_now = t->ledger->images;
	out.mappings_now = t->ledger->mappings;
	out.objects_now = t->ledger->objects;
	out.objects_open = t->ledger->objects_open;
	out.objects_unreadable = t->ledger->objects_unreadable;
	out.bytes = sizeof(*t) + t->ledger->bytes + objects_table_bytes(t->objects) +
		    processes_bytes(&t->processes) + queue_bytes(&t->queue) +
		    t->ended.room * sizeof(*t->ended.at);
	out.kernel_bytes = sideband_bytes(&t->sideband);
	*ret = out;
}
