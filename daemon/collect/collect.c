// SPDX-License-Identifier: Apache-2.0
#include "collect/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "collect/waiting.h"
#include "sampler/sampler.h"
#include "store/store.h"
#include "symbols/symbols.h"
#include "tracker/tracker.h"

/* Recently seen (image, user stack) pairs, whose objects are open. A power of two. */
#define SEEN_PLACES 8192

struct collect {
	struct collect_parts parts;
	struct waiting waiting;
	struct collect_totals totals;
	sd_event_source *timer;
	sd_event_source **rings; /* one per side-band descriptor */
	unsigned n_rings;
	uint64_t interval_ns;
	pid_t self_pid, symbolizer_pid;
	uint64_t seen[SEEN_PLACES];
};

static bool is_self(const struct collect *c, uint32_t tgid)
{
	pid_t pid = (pid_t)tgid;

	return pid == c->self_pid || pid == c->parts.opener_pid ||
	       (c->symbolizer_pid && pid == c->symbolizer_pid);
}

static uint8_t row_flags(
	const struct collect *c, const struct abi_sample *s, enum tracker_user user)
{
	unsigned flags = 0;

	if (is_self(c, s->tgid))
		flags |= ROW_SELF;
	if (user == TRACKER_USER_STALE && s->n_user)
		flags |= ROW_USER_STALE;
	if (s->flags & ABI_SAMPLE_KERNEL_CUT)
		flags |= ROW_KERNEL_CUT;
	if (s->flags & ABI_SAMPLE_USER_CUT)
		flags |= ROW_USER_CUT;
	if (s->flags & ABI_SAMPLE_KERNEL_ERROR)
		flags |= ROW_KERNEL_ERROR;
	if (s->flags & ABI_SAMPLE_USER_ERROR)
		flags |= ROW_USER_ERROR;
	return (uint8_t)flags;
}

/* True the first time this image shows this stack, and again once the place was needed otherwise.
 */
static bool first_sight(struct collect *c, const struct image *i, uint64_t stack_id)
{
	const uint64_t key[] = {i->tgid, i->start_boottime_ns, i->exec_id, i->from_ns, stack_id};
	uint64_t hash = idmap_hash(key, sizeof(key));
	uint64_t *place = &c->seen[hash % SEEN_PLACES];

	if (*place == hash)
		return false;
	*place = hash;
	return true;
}

/* Open the objects under the frames of a stack, while the process can still show them. */
static void open_objects(
	struct collect *c, struct image *i, const uint64_t *frames, size_t n, uint64_t time_ns)
{
	for (size_t f = 0; f < n; f++) {
		/* a return address may be the first byte after its mapping */
		uint64_t address = frames[f] - (f > 0);
		const struct mapping *m = image_mapping_at(i, address, time_ns);

		/* the leaf is where it ran; a caller may be garbage from code without frame
		 * pointers */
		if (!m && f == 0 && tracker_rescan(c->parts.tracker, i, time_ns))
			m = image_mapping_at(i, address, time_ns);
		if (!m || m->object->state != OBJECT_UNOPENED)
			continue;
		tracker_open_object(c->parts.tracker, i, m);
		symbols_prefetch(c->parts.symbols, m->object);
	}
}

static void store_sample(struct collect *c, const struct abi_sample *s, struct image *i,
	const struct store_sample *sample)
{
	if (sample->n_user && first_sight(c, i, s->user_stack_id))
		open_objects(c, i, sample->user_frames, sample->n_user, s->time_ns);
	if (store_add(c->parts.store, sample))
		c->totals.no_room++;
	else if (sample->flags & ROW_SELF)
		c->totals.self++;
}

/* Whose was it? The side-band has been applied up to the sample's time. */
static void attribute(struct collect *c, const struct abi_sample *s)
{
	enum tracker_user user;
	struct image *image;
	struct store_sample sample;

	tracker_advance(c->parts.tracker, s->time_ns);
	image = tracker_attribute(c->parts.tracker, s, &user);
	if (!image) {
		c->totals.no_process++;
		return;
	}
	sample = (struct store_sample){
		.time_ns = s->time_ns,
		.owner = image,
		.tid = s->tid,
		.kernel_stack_id = s->kernel_stack_id,
		.user_stack_id = user == TRACKER_USER_STALE ? 0 : s->user_stack_id,
		.kernel_frames = (const uint64_t *)s->frames,
		.user_frames = (const uint64_t *)s->frames + s->n_kernel,
		.n_kernel = s->n_kernel,
		.n_user = user == TRACKER_USER_STALE ? 0 : s->n_user,
		.cpu = s->cpu,
		.event = s->event,
		.flags = row_flags(c, s, user),
	};
	memcpy(sample.thread_name, s->comm, sizeof(sample.thread_name));
	store_sample(c, s, image, &sample);
}

static void sink(void *ctx, const struct abi_sample *sample)
{
	struct collect *c = ctx;

	c->totals.drained++;
	if (waiting_add(&c->waiting, sample))
		c->totals.no_room++;
}

/* The symbolizer may have been restarted since: its samples are ours all the same. */
static void learn_symbolizer(struct collect *c)
{
	struct symbols_totals totals;

	symbols_totals(c->parts.symbols, &totals);
	if (totals.pid)
		c->symbolizer_pid = totals.pid;
}

static void drain_until(struct collect *c, uint64_t horizon_ns, uint64_t now_ns)
{
	const struct abi_sample *sample;

	learn_symbolizer(c);
	/* samples first: every record that explains one of them is in its ring by then */
	(void)sampler_drain(c->parts.sampler, sink, c);
	tracker_drain(c->parts.tracker);
	waiting_sort(&c->waiting);
	while ((sample = waiting_first(&c->waiting)) && sample->time_ns < horizon_ns) {
		attribute(c, sample);
		waiting_drop_first(&c->waiting);
	}
	waiting_compact(&c->waiting);
	tracker_advance(c->parts.tracker, horizon_ns < now_ns ? horizon_ns : now_ns);
}

void collect_drain(struct collect *c)
{
	uint64_t now = clock_monotonic_ns();

	drain_until(c, now - COLLECT_SLACK_NS, now);
}

void collect_flush(struct collect *c)
{
	drain_until(c, UINT64_MAX, clock_monotonic_ns());
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct collect *c = ctx;

	(void)usec;
	collect_drain(c);
	(void)sd_event_source_set_time_relative(source, c->interval_ns / NS_PER_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	(void)fd;
	/* an event whose CPU went away hangs up for good */
	if (events & (EPOLLHUP | EPOLLERR))
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	collect_drain(ctx);
	return 0;
}

static int watch(struct collect *c, sd_event *loop)
{
	unsigned n = tracker_n_fds(c->parts.tracker);
	int err = sd_event_add_time_relative(
		loop, &c->timer, CLOCK_MONOTONIC, c->interval_ns / NS_PER_US, 0, on_timer, c);

	c->rings = calloc(n ? n : 1, sizeof(struct sd_event_source *));
	if (!c->rings)
		return -ENOMEM;
	for (; err >= 0 && c->n_rings < n; c->n_rings++)
		err = sd_event_add_io(loop, &c->rings[c->n_rings],
			tracker_fd(c->parts.tracker, c->n_rings), EPOLLIN, on_ring, c);
	return err < 0 ? err : 0;
}

int collect_new(sd_event *loop, const struct collect_parts *parts, struct collect **ret)
{
	struct collect *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->parts = *parts;
	c->self_pid = getpid();
	c->waiting.ring_bytes = sampler_ring_bytes(parts->sampler);
	c->interval_ns = sampler_drain_interval_ns(parts->sampler);
	err = watch(c, loop);
	if (err) {
		collect_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void collect_free(struct collect *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < c->n_rings; i++)
		sd_event_source_disable_unref(c->rings[i]);
	sd_event_source_disable_unref(c->timer);
	free(c->rings);
	waiting_fini(&c->waiting);
	free(c);
}

const struct collect_parts *collect_parts(const struct collect *c)
{
	return &c->parts;
}

void collect_totals(const struct collect *c, struct collect_totals *ret)
{
	*ret = c->totals;
	ret->pending = waiting_count(&c->waiting);
	ret->bytes = waiting_bytes(&c->waiting) + sizeof(*c);
}
