// SPDX-License-Identifier: Apache-2.0
#include "sampler/sampler.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cpus.h"
#include "base/diag.h"
#include "base/scope.h"
#include "bpf/sampler.skel.h"
#include "sampler/events.h"
#include "sampler/load.h"
#include "sampler/record.h"
#include "sampler/sizes.h"

/* Looks at a CPU's counters until no tick is under way. */
#define COUNTER_TRIES 10000

struct sampler {
	struct sampler_bpf *skel;
	struct events events;
	struct ring_buffer *ring;
	struct abi_cpu_counters *counters; /* mmapped, one per possible CPU */
	unsigned n_cpus;                   /* possible ones */
	unsigned hz;
	size_t ring_bytes;
	bool task_btf;
	uint64_t malformed;

	/* of the drain that is running */
	sampler_sink sink;
	void *sink_ctx;
};

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t counters_bytes(const struct sampler *s)
{
	size_t bytes = s->n_cpus * sizeof(*s->counters), page = page_bytes();

	return (bytes + page - 1) / page * page;
}

/* Called by libbpf for each record. */
static int take_record(void *ctx, void *bytes, size_t len)
{
	struct sampler *s = ctx;

	if (record_is_whole(bytes, len))
		s->sink(s->sink_ctx, bytes);
	else
		s->malformed++;
	return 0;
}

static int map_counters(struct sampler *s)
{
	void *at = mmap(NULL, counters_bytes(s), PROT_READ | PROT_WRITE, MAP_SHARED,
		bpf_map__fd(s->skel->maps.counters), 0);

	if (at == MAP_FAILED)
		return -errno;
	s->counters = at;
	return 0;
}

static int open_ring(struct sampler *s)
{
	s->ring = ring_buffer__new(bpf_map__fd(s->skel->maps.ring), take_record, s, NULL);
	return s->ring ? 0 : -errno;
}

/* What `options` and this machine come to. */
static int settle(struct sampler *s, const struct sampler_options *options, struct diag *diag,
	struct cpus *ret_online)
{
	int possible = libbpf_num_possible_cpus(), err = cpus_online(ret_online);

	if (possible < 1 || err)
		return diag_set(diag, err ? err : -ENODEV,
			"cannot read which CPUs there are from /sys/devices/system/cpu: is /sys "
			"mounted?");
	if (options->hz < SAMPLER_HZ_MIN || options->hz > SAMPLER_HZ_MAX)
		return diag_set(diag, -EINVAL, "a frequency of %u Hz is not between %d and %d",
			options->hz, SAMPLER_HZ_MIN, SAMPLER_HZ_MAX);
	s->hz = options->hz;
	s->n_cpus = (unsigned)possible;
	s->ring_bytes = ring_bytes(options->ring_bytes, page_bytes(), s->hz, ret_online->n);
	if (!s->ring_bytes)
		return diag_set(diag, -EINVAL, "a ring of %zu bytes is above the limit of %zu",
			options->ring_bytes, RING_BYTES_MAX);
	return 0;
}

static int load(struct sampler *s, const struct sampler_options *options, struct diag *diag)
{
	const struct load_options load_options = {.ring_bytes = s->ring_bytes,
		.n_cpus = s->n_cpus,
		.n_scratch = options->n_scratch ? options->n_scratch : s->n_cpus,
		.without_task_btf = options->without_task_btf};
	int err = load_sampler(&load_options, diag, &s->skel);

	if (err)
		return err;
	s->task_btf = !options->without_task_btf && load_has_task_btf();
	err = map_counters(s);
	if (err)
		return diag_set(diag, err, "mapping the counters failed (%s)", strerror(-err));
	err = open_ring(s);
	return err ? diag_set(diag, err, "mapping the ring buffer failed (%s)", strerror(-err)) : 0;
}

void sampler_prepare(void)
{
	const struct rlimit unlimited = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

	(void)setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

static void free_sampler(struct sampler **s)
{
	sampler_free(*s);
}

int sampler_new(struct opener *opener, const struct sampler_options *options, struct diag *diag,
	struct sampler **ret)
{
	scoped(free_sampler) struct sampler *s = calloc(1, sizeof(*s));
	struct cpus online;
	int err;

	if (!s)
		return diag_set(diag, -ENOMEM, "out of memory");
	err = settle(s, options, diag, &online);
	if (!err)
		err = events_open(opener, s->hz, &online, diag, &s->events);
	if (!err)
		err = load(s, options, diag);
	if (!err)
		err = events_attach(&s->events, sampler_prog_fd(s), options->without_links, diag);
	if (err)
		return err;
	*ret = take_ptr(s);
	return 0;
}

int sampler_start(struct sampler *s)
{
	/* the time since the last stop is not a gap */
	for (unsigned cpu = 0; cpu < s->n_cpus; cpu++)
		s->counters[cpu].last_tick_ns = 0;
	return events_switch(&s->events, true);
}

int sampler_stop(struct sampler *s)
{
	return events_switch(&s->events, false);
}

long sampler_drain(struct sampler *s, sampler_sink sink, void *ctx)
{
	s->sink = sink;
	s->sink_ctx = ctx;
	return ring_buffer__consume(s->ring);
}

uint64_t sampler_malformed(const struct sampler *s)
{
	return s->malformed;
}

/* One writer each, the program on that CPU: a plain 64-bit load sees a whole number. */
static uint64_t load_counter(const __u64 *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/* A CPU's counters into *ret. False when the program was in the middle of a tick there. */
static bool read_cpu(const struct abi_cpu_counters *c, struct sampler_counters *ret)
{
	uint64_t ended;

	ret->idle = load_counter(&c->idle);
	ret->gap_ticks = load_counter(&c->gap_ticks);
	ret->sent = ended = load_counter(&c->sent);
	for (unsigned i = 0; i < ABI_LOST_REASONS; i++)
		ended += ret->lost[i] = load_counter(&c->lost[i]);
	ret->seen = load_counter(&c->seen);
	return ret->seen == ended;
}

void sampler_counters(const struct sampler *s, struct sampler_counters *ret)
{
	struct sampler_counters sum = {0}, one;

	for (unsigned cpu = 0; cpu < s->n_cpus; cpu++) {
		/* a tick takes microseconds; a virtual CPU may be taken away in the middle of it */
		for (unsigned i = 0; i < COUNTER_TRIES && !read_cpu(&s->counters[cpu], &one); i++)
			;
		sum.seen += one.seen;
		sum.idle += one.idle;
		sum.sent += one.sent;
		sum.gap_ticks += one.gap_ticks;
		for (unsigned i = 0; i < ABI_LOST_REASONS; i++)
			sum.lost[i] += one.lost[i];
	}
	*ret = sum;
}

unsigned sampler_n_cpus(const struct sampler *s)
{
	return s->n_cpus;
}

const struct abi_cpu_counters *sampler_cpu(const struct sampler *s, unsigned cpu)
{
	return &s->counters[cpu];
}

uint64_t sampler_drain_interval_ns(const struct sampler *s)
{
	return ring_interval_ns(s->ring_bytes, s->hz, s->events.n);
}

unsigned sampler_hz(const struct sampler *s)
{
	return s->hz;
}

size_t sampler_ring_bytes(const struct sampler *s)
{
	return s->ring_bytes;
}

int sampler_prog_fd(const struct sampler *s)
{
	return bpf_program__fd(s->skel->progs.tick);
}

size_t sampler_kernel_bytes(const struct sampler *s)
{
	const struct bpf_map *scratches = s->skel->maps.scratches;
	size_t page = page_bytes();

	/* a ring has a page for each side's position besides its data, constants take one */
	return s->ring_bytes + 2 * page + counters_bytes(s) + page +
	       (size_t)bpf_map__max_entries(scratches) * bpf_map__value_size(scratches);
}

const char *sampler_features(const struct sampler *s)
{
	static const char *const names[2][2] = {{"no links, no task_btf", "no links, task_btf"},
		{"links, no task_btf", "links, task_btf"}};

	return names[s->events.links][s->task_btf];
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	events_fini(&s->events);
	ring_buffer__free(s->ring);
	if (s->counters)
		(void)munmap(s->counters, counters_bytes(s));
	sampler_bpf__destroy(s->skel);
	free(s);
}
