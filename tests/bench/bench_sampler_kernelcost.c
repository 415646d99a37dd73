// SPDX-License-Identifier: Apache-2.0
/*
 * What does a sample cost the kernel, beside a sampler in the style of bcc's?
 *
 * Both programs tick on one CPU under a program whose user stack is 10, 40 and 100
 * deep; they take turns, so that the machine's moods meet both alike. The kernel's
 * own statistics (run time / runs) are compared by the medians over all rounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/perf_event.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/scope.h"
#include "bpf/sampler.skel.h"
#include "live/workload.h"
#include "opener/opener.h"
#include "sampler/load.h"
#include "tests/bench/stackid.skel.h"

#define ROUNDS_MAX 101

static struct {
	unsigned hz, rounds;
	double seconds; /* of each program's turn */
	bool json;
} asked = {.hz = 999, .rounds = 9, .seconds = 1};

struct candidate {
	int prog_fd;
	struct ring_buffer *ring; /* NULL when it has none */
	double ns[ROUNDS_MAX];    /* per run, of each round */
};

struct limit {
	unsigned depth;
	double ratio;
};

static const struct limit limits[] = {{10, 1.25}, {40, 1.1}, {100, 1.1}};

static void sleep_s(double s)
{
	struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

static int drop_record(void *ctx, void *bytes, size_t len)
{
	(void)ctx, (void)bytes, (void)len;
	return 0;
}

static int program_stats(int prog_fd, struct bpf_prog_info *ret)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	*ret = info;
	return 0;
}

/* One turn: nanoseconds per run, or a negative errno. */
static double turn(struct opener *opener, struct candidate *c, unsigned cpu)
{
	scoped(scope_close) int event = opener_open_clock(opener, cpu, asked.hz);
	scoped(scope_close) int link = -1;
	struct bpf_prog_info before, after;
	int err;

	if (event < 0)
		return event;
	link = bpf_link_create(c->prog_fd, event, BPF_PERF_EVENT, NULL);
	if (link < 0)
		return -errno;
	err = program_stats(c->prog_fd, &before);
	(void)ioctl(event, PERF_EVENT_IOC_ENABLE, 0);
	sleep_s(asked.seconds);
	(void)ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
	err = err ? err : program_stats(c->prog_fd, &after);
	if (c->ring)
		(void)ring_buffer__consume(c->ring);
	if (err || after.run_cnt == before.run_cnt)
		return err ? err : -ENODATA;
	return (double)(after.run_time_ns - before.run_time_ns) /
	       (double)(after.run_cnt - before.run_cnt);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, unsigned n)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), by_size);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static pid_t burn(unsigned depth, unsigned cpu)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* others' stacks would be measured as well */
	(void)setpriority(PRIO_PROCESS, 0, -15);
	workload_pin((int)cpu);
	workload_depth(depth);
	_exit(0);
}

/* All rounds at one depth. Returns 0 or a negative errno. */
static int measure(struct opener *opener, struct candidate *ours, struct candidate *theirs,
	unsigned depth, unsigned cpu)
{
	pid_t burner = burn(depth, cpu);
	int err = burner < 0 ? -errno : 0;

	for (unsigned round = 0; !err && round < asked.rounds; round++) {
		struct candidate *order[2] = {ours, theirs};

		for (unsigned i = 0; i < 2; i++) {
			struct candidate *c = order[(i + round) % 2];

			c->ns[round] = turn(opener, c, cpu);
			if (c->ns[round] < 0)
				err = (int)c->ns[round];
		}
	}
	if (burner > 0) {
		(void)kill(burner, SIGKILL);
		(void)waitpid(burner, NULL, 0);
	}
	return err;
}

static void report(const struct candidate *ours, const struct candidate *theirs, struct limit limit)
{
	double a = median(ours->ns, asked.rounds), b = median(theirs->ns, asked.rounds);

	if (asked.json)
		(void)printf("{\"bench\":\"kernelcost\",\"depth\":%u,\"hz\":%u,\"ns\":%.0f,"
			     "\"stackid_ns\":%.0f,\"ratio\":%.3f,\"limit\":%.2f}\n",
			limit.depth, asked.hz, a, b, a / b, limit.ratio);
	else
		(void)printf("%5u  %5u  %9.0f  %13.0f  %5.2f  <= %.2f  %s\n", limit.depth, asked.hz,
			a, b, a / b, limit.ratio, a <= b * limit.ratio ? "ok" : "over");
	(void)fflush(stdout);
}

/* 0, or 1 when something could not be measured. */
static int compare(struct opener *opener, struct candidate *ours, struct candidate *theirs)
{
	unsigned cpu = (unsigned)sysconf(_SC_NPROCESSORS_ONLN) - 1;

	if (!asked.json)
		(void)printf("depth     Hz  ns/sample  stackid+count  ratio  wanted\n");
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		int err = measure(opener, ours, theirs, limits[i].depth, cpu);

		if (err) {
			(void)fprintf(stderr, "depth %u: %s\n", limits[i].depth, strerror(-err));
			return 1;
		}
		report(ours, theirs, limits[i]);
	}
	return 0;
}

static int run(void)
{
	const struct load_options load = {.ring_bytes = 4 << 20,
		.n_cpus = (unsigned)libbpf_num_possible_cpus(),
		.n_scratch = (unsigned)libbpf_num_possible_cpus()};
	scoped(scope_close) int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	struct candidate ours = {0}, theirs = {0};
	struct stackid_bpf *stackid = stackid_bpf__open_and_load();
	struct opener opener = {.channel = -1};
	struct sampler_bpf *sampler = NULL;
	struct diag diag = {.text = "the yardstick could not be loaded"};
	int result = 1;

	if (!stackid || stats < 0 || opener_start(&opener) ||
		load_sampler(&load, &diag, &sampler)) {
		(void)fprintf(stderr, "%s\n", diag.text);
	} else {
		ours.prog_fd = bpf_program__fd(sampler->progs.tick);
		ours.ring =
			ring_buffer__new(bpf_map__fd(sampler->maps.ring), drop_record, NULL, NULL);
		theirs.prog_fd = bpf_program__fd(stackid->progs.count_tick);
		result = compare(&opener, &ours, &theirs);
	}
	ring_buffer__free(ours.ring);
	sampler_bpf__destroy(sampler);
	stackid_bpf__destroy(stackid);
	opener_stop(&opener);
	return result;
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "f:r:s:j")) != -1) {
		if (c == 'f')
			asked.hz = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'r')
			asked.rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 's')
			asked.seconds = strtod(optarg, NULL);
		else if (c == 'j')
			asked.json = true;
		else
			return 2;
	}
	if (!asked.rounds || asked.rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "usage: %s [-f HZ] [-r ROUNDS] [-s SECONDS] [-j]\n", argv[0]);
		return 2;
	}
	if (geteuid()) {
		(void)printf("skip - needs root\n");
		return 77;
	}
	return run();
}
