// SPDX-License-Identifier: Apache-2.0
/*
 * Is every tick accounted for, to the sample? As root:
 *
 *   seen + idle                     == the kernel's own run count of the program
 *   seen                            == sent + lost[each reason]
 *   sent                            == drained + malformed
 *
 * in each way of attaching and of reading the task, with each loss reason forced,
 * and over a minute of 20,000 stacks with a small ring and a reader that is held still.
 * Reports in TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/io.h"
#include "base/scope.h"
#include "live/workload.h"
#include "opener/opener.h"
#include "sampler/sampler.h"

#define EXIT_SKIPPED   77
#define DRAIN_EVERY_NS (10 * NS_PER_MS)
#define STACK_PLACES   (1u << 20)

static struct {
	unsigned hz;
	double seconds; /* of the long test; the short ones take SHORT_SECONDS */
	size_t ring_bytes;
	bool quick;
} asked = {.hz = 999, .seconds = 60, .ring_bytes = 16384};

#define SHORT_SECONDS 2.0
#define BURNER_DEPTH  8

static unsigned n_failed;
static unsigned *n_reported; /* shared with the children */

/* One line of TAP. */
__attribute__((format(printf, 2, 3))) static void report(bool good, const char *format, ...)
{
	va_list args;

	(void)printf("%sok %u - ", good ? "" : "not ", ++*n_reported);
	va_start(args, format);
	(void)vprintf(format, args);
	va_end(args);
	(void)printf("\n");
	n_failed += !good;
}

static bool check(bool good, const char *what, uint64_t got, uint64_t wanted)
{
	report(good, "%s: %llu, %llu", what, (unsigned long long)got, (unsigned long long)wanted);
	return good;
}

#define check_same(what, got, wanted)  check((got) == (wanted), what, got, wanted)
#define check_least(what, got, wanted) check((got) >= (wanted), what, got, wanted)

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

/* ---- children that burn, gone with their parent ---- */

static pid_t burn(const char *name, int cpu, void (*work)(void))
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, name);
	workload_pin(cpu);
	work();
	_exit(0);
}

static void burn_shallow(void)
{
	workload_depth(BURNER_DEPTH);
}

static void burn_many(void)
{
	workload_many_stacks();
}

static void end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* ---- what was drained ---- */

struct known_stack {
	uint64_t id;
	uint64_t *frames;
	unsigned n;
};

struct tally {
	uint64_t drained;
	uint64_t foreign;                    /* bear a name that only other namespaces have */
	uint64_t own;                        /* bear the name "inner" */
	uint64_t own_in_user_mode, own_deep; /* ... flagged so; with BURNER_DEPTH user frames */
	struct abi_sample own_last;          /* ... the last one's header */
	uint64_t senseless;                  /* flags and counts contradict each other */
	uint64_t distinct;
	uint64_t confused;      /* one id, two stacks */
	uint64_t last_ns[1024]; /* per CPU */
	uint64_t backwards;
	struct known_stack *stacks;
};

static void know_stack(struct tally *t, uint64_t id, const __u64 *frames, unsigned n)
{
	size_t at = id % STACK_PLACES;

	if (!n)
		return;
	while (t->stacks[at].n && t->stacks[at].id != id)
		at = (at + 1) % STACK_PLACES;
	if (!t->stacks[at].n) {
		uint64_t *copy = malloc(n * sizeof(*copy));

		if (!copy || t->distinct > STACK_PLACES / 2)
			abort();
		memcpy(copy, frames, n * sizeof(*copy));
		t->stacks[at] = (struct known_stack){.id = id, .frames = copy, .n = n};
		t->distinct++;
		return;
	}
	t->confused += t->stacks[at].n != n ||
		       memcmp(t->stacks[at].frames, frames, n * sizeof(*frames)) != 0;
}

static bool makes_sense(const struct abi_sample *s)
{
	return !s->kernel_stack_id == !s->n_kernel && !s->user_stack_id == !s->n_user && s->tgid &&
	       s->tid && s->period_ns && !s->reserved && !s->comm[ABI_COMM_LEN - 1] &&
	       !(s->flags & ABI_SAMPLE_USER_MODE && s->n_kernel) &&
	       !(s->flags & (ABI_SAMPLE_NO_MM | ABI_SAMPLE_KTHREAD) && s->n_user);
}

static void count_own(struct tally *t, const struct abi_sample *s)
{
	t->own++;
	t->own_in_user_mode += !!(s->flags & ABI_SAMPLE_USER_MODE);
	t->own_deep += s->n_user >= BURNER_DEPTH;
	memcpy(&t->own_last, s, sizeof(*s));
}

static void count_sample(void *ctx, const struct abi_sample *s)
{
	struct tally *t = ctx;
	uint64_t *last = &t->last_ns[s->cpu % 1024];

	t->drained++;
	t->foreign += !strncmp(s->comm, "outer", 16) || !strncmp(s->comm, "sibling", 16);
	if (!strncmp(s->comm, "inner", 16))
		count_own(t, s);
	t->senseless += !makes_sense(s);
	t->backwards += s->time_ns <= *last;
	*last = s->time_ns;
	if (t->stacks) {
		know_stack(t, s->kernel_stack_id, s->frames, s->n_kernel);
		know_stack(t, s->user_stack_id, s->frames + s->n_kernel, s->n_user);
	}
}

static void forget(struct tally *t)
{
	for (size_t i = 0; t->stacks && i < STACK_PLACES; i++)
		free(t->stacks[i].frames);
	free(t->stacks);
}

/* ---- one run ---- */

struct run {
	const char *name;
	struct sampler_options options;
	double seconds, held_from, held_to;
	pid_t burner; /* who is named "inner", in the daemon's namespace */
	bool shed;    /* hold the service's capabilities alone, as another user */
};

struct outcome {
	struct sampler_counters counters;
	struct tally tally;
	uint64_t run_cnt, malformed;
	char features[64];
};

/* The rights that cprofd has as a service; CAP_SYS_ADMIN is not among them. */
static int shed_rights(void)
{
	const uint64_t keep = 1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_SYS_PTRACE |
			      1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_CHECKPOINT_RESTORE;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {
		{.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
		{.effective = keep >> 32, .permitted = keep >> 32}};

	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(65534, 65534, 65534) ||
		setresuid(65534, 65534, 65534) || syscall(SYS_capset, &header, sets))
		return -errno;
	return 0;
}

static uint64_t run_count(int prog_fd)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(prog_fd, &info, &len) ? UINT64_MAX : info.run_cnt;
}

static void drain_for(struct sampler *s, const struct run *run, struct tally *tally)
{
	uint64_t start = clock_monotonic_ns();

	for (;;) {
		double at = (double)(clock_monotonic_ns() - start) / (double)NS_PER_S;

		if (at >= run->seconds)
			return;
		if (at < run->held_from || at >= run->held_to)
			(void)sampler_drain(s, count_sample, tally);
		sleep_ns(DRAIN_EVERY_NS);
	}
}

static int sample(struct opener *opener, const struct run *run, struct outcome *ret)
{
	struct diag diag = {.text = ""};
	struct sampler *s = NULL;
	int err = sampler_new(opener, &run->options, &diag, &s);

	if (err) {
		(void)printf("# %s: %s\n", run->name, diag.text);
		return err;
	}
	err = sampler_start(s);
	if (!err)
		drain_for(s, run, &ret->tally);
	if (!err)
		err = sampler_stop(s);
	ret->run_cnt = run_count(sampler_prog_fd(s));
	sampler_counters(s, &ret->counters);
	(void)sampler_drain(s, count_sample, &ret->tally);
	ret->malformed = sampler_malformed(s);
	(void)snprintf(ret->features, sizeof(ret->features), "%s", sampler_features(s));
	sampler_free(s);
	return err;
}

static uint64_t all_lost(const struct sampler_counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ABI_LOST_REASONS; i++)
		sum += c->lost[i];
	return sum;
}

static void check_conserved(const struct run *run, const struct outcome *o)
{
	const struct sampler_counters *c = &o->counters;

	(void)printf("# %s (%s): seen %llu idle %llu sent %llu lost ring %llu scratch %llu foreign "
		     "%llu gaps %llu\n",
		run->name, o->features, (unsigned long long)c->seen, (unsigned long long)c->idle,
		(unsigned long long)c->sent, (unsigned long long)c->lost[ABI_LOST_RING_FULL],
		(unsigned long long)c->lost[ABI_LOST_NO_SCRATCH],
		(unsigned long long)c->lost[ABI_LOST_FOREIGN_NS], (unsigned long long)c->gap_ticks);
	check_same("seen + idle is the kernel's run count", c->seen + c->idle, o->run_cnt);
	check_same("seen is sent + lost", c->seen, c->sent + all_lost(c));
	check_same("sent is drained + malformed", c->sent, o->tally.drained + o->malformed);
	check_same("none is malformed", o->malformed, 0u);
	check_same("none contradicts itself", o->tally.senseless, 0u);
	check_same("each CPU's come in the order of time", o->tally.backwards, 0u);
	check_least("somebody was seen", c->seen, 1u);
}

/* In a process of its own, which may shed its rights. Its exit status counts the failures. */
static void in_child(void (*body)(void *), void *arg)
{
	pid_t pid;
	int status;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		n_failed = 0;
		body(arg);
		(void)fflush(stdout);
		_exit(n_failed > 100 ? 100 : (int)n_failed);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		report(false, "a child came to its end");
	else
		n_failed += (unsigned)WEXITSTATUS(status);
}

/* Start, sample and check the sums; false when that was not possible. */
static bool conserve(const struct run *run, struct outcome *ret)
{
	struct opener opener = {.channel = -1};
	/* goes with the process: the kernel takes the statistics off again however it ends */
	scoped(scope_close) int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	int err = stats < 0 ? stats : opener_start(&opener);

	sampler_prepare();
	if (!err && run->shed)
		err = shed_rights();
	if (!err)
		err = sample(&opener, run, ret);
	opener_stop(&opener);
	if (err) {
		report(false, "%s: cannot sample: %s", run->name, strerror(-err));
		return false;
	}
	check_conserved(run, ret);
	return true;
}

/* ---- the tests ---- */

/* Field 22 of /proc/PID/stat: when it started, in clock ticks after boot. */
static uint64_t started(pid_t pid)
{
	scoped(buf_fini) struct buf text = buf_with_ceiling(4096);
	char path[64], *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	(void)io_read_file(AT_FDCWD, path, &text);
	buf_append(&text, "", 1);
	at = strrchr((char *)text.bytes, ')');
	for (unsigned field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

/* What the records say of the burner, beside what we and /proc know of it. */
static void check_burner(const struct run *run, const struct tally *t)
{
	uint64_t tick_ns = NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);

	check_least("the burner was seen", t->own, (uint64_t)(asked.hz * SHORT_SECONDS / 10));
	check_same("its process", t->own_last.tgid, (uint32_t)run->burner);
	check_same("its thread", t->own_last.tid, (uint32_t)run->burner);
	check_same("its CPU", t->own_last.cpu, 0u);
	check_same("its start", t->own_last.start_boottime_ns / tick_ns, started(run->burner));
	check_least("9 of 10 of its ticks hit user mode", t->own_in_user_mode, t->own * 9 / 10);
	check_least("9 of 10 of its stacks are whole", t->own_deep, t->own * 9 / 10);
}

static void variant_body(void *arg)
{
	const struct run *run = arg;
	struct outcome o = {.features = ""};

	if (!conserve(run, &o))
		return;
	if (run->options.without_links)
		check_same("attached by ioctl", !!strstr(o.features, "no links"), 1u);
	if (run->options.without_task_btf)
		check_same("read by probe", !!strstr(o.features, "no task_btf"), 1u);
	check_same("nothing is lost", all_lost(&o.counters), 0u);
	check_burner(run, &o.tally);
}

static void variants(void)
{
	struct run plain = {.name = "as the kernel offers", .seconds = SHORT_SECONDS};
	struct run ioctl_only = {.name = "without links", .seconds = SHORT_SECONDS};
	struct run probes = {.name = "without task_btf", .seconds = SHORT_SECONDS};
	struct run shed = {.name = "with the service's rights", .seconds = SHORT_SECONDS};
	struct run *all[] = {&plain, &ioctl_only, &probes, &shed};
	pid_t burner = burn("inner", 0, burn_shallow);

	ioctl_only.options.without_links = true;
	probes.options.without_task_btf = true;
	shed.shed = true;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		all[i]->options.hz = asked.hz;
		all[i]->burner = burner;
		in_child(variant_body, all[i]);
	}
	end(burner);
}

static void ring_full_body(void *arg)
{
	struct outcome o = {.features = ""};

	if (conserve(arg, &o))
		check_least("the ring was full", o.counters.lost[ABI_LOST_RING_FULL], 1u);
}

static void ring_full(void)
{
	struct run run = {.name = "a held reader",
		.options = {.hz = asked.hz, .ring_bytes = 4096},
		.seconds = SHORT_SECONDS,
		.held_from = 0.5,
		.held_to = 1.5};
	pid_t burner = burn("inner", 0, burn_shallow);

	in_child(ring_full_body, &run);
	end(burner);
}

static void no_scratch_body(void *arg)
{
	struct outcome o = {.features = ""};

	if (conserve(arg, &o))
		check_least("a CPU had no scratch buffer", o.counters.lost[ABI_LOST_NO_SCRATCH],
			(uint64_t)(asked.hz * SHORT_SECONDS / 4));
}

static void no_scratch(void)
{
	struct run run = {.name = "one scratch buffer for all",
		.options = {.hz = asked.hz, .n_scratch = 1},
		.seconds = SHORT_SECONDS};
	pid_t burner;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		(void)printf(
			"ok %u # SKIP one scratch buffer for all: one CPU only\n", ++*n_reported);
		return;
	}
	burner = burn("inner", 1, burn_shallow);
	in_child(no_scratch_body, &run);
	end(burner);
}

static void foreign_body(void *arg)
{
	struct outcome o = {.features = ""};
	pid_t burner = burn("inner", 0, burn_shallow);
	bool sampled = conserve(arg, &o);

	end(burner);
	if (!sampled)
		return;
	check_least("processes of other namespaces are refused",
		o.counters.lost[ABI_LOST_FOREIGN_NS], (uint64_t)(asked.hz * SHORT_SECONDS / 4));
	check_same("none of theirs came through", o.tally.foreign, 0u);
	check_least("our own did", o.tally.own, 10u);
}

static void in_namespace(void *arg)
{
	if (unshare(CLONE_NEWPID)) {
		report(false, "unshare: %s", strerror(errno));
		return;
	}
	in_child(foreign_body, arg);
}

/* A burner in a PID namespace of its own, as deep as the one that samples. */
static void burn_sibling(void)
{
	if (unshare(CLONE_NEWPID) == 0)
		(void)burn("sibling", 1, burn_shallow);
	for (;;)
		(void)pause();
}

static void foreign_namespace(void)
{
	struct run run = {.name = "in a PID namespace of its own",
		.options = {.hz = asked.hz},
		.seconds = SHORT_SECONDS};
	pid_t outer = burn("outer", 0, burn_shallow), sibling = burn("parent", 1, burn_sibling);

	in_child(in_namespace, &run);
	end(outer);
	end(sibling);
}

static void many_stacks_body(void *arg)
{
	struct outcome o = {.features = ""};

	o.tally.stacks = calloc(STACK_PLACES, sizeof(*o.tally.stacks));
	if (!o.tally.stacks || !conserve(arg, &o))
		return;
	check_least("distinct stacks", o.tally.distinct, asked.quick ? 1000u : 20000u);
	check_same("no id stands for two stacks", o.tally.confused, 0u);
	check_least("the ring was full", o.counters.lost[ABI_LOST_RING_FULL], 1u);
	forget(&o.tally);
}

static void many_stacks(void)
{
	struct run run = {.name = "many stacks, a small ring, a held reader",
		.options = {.hz = asked.hz, .ring_bytes = asked.ring_bytes},
		.seconds = asked.seconds,
		.held_from = asked.seconds / 3,
		.held_to = asked.seconds / 3 + asked.seconds / 8};
	pid_t burners[2] = {burn("many0", 0, burn_many), burn("many1", 1, burn_many)};

	in_child(many_stacks_body, &run);
	end(burners[0]);
	end(burners[1]);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void starts_body(void *arg)
{
	const unsigned n = asked.quick ? 10 : 100;
	struct opener opener = {.channel = -1};
	const struct sampler_options options = {.hz = asked.hz};
	unsigned before, done = 0;
	struct diag diag;

	(void)arg;
	if (opener_start(&opener)) {
		report(false, "no opener");
		return;
	}
	before = open_descriptors();
	for (unsigned i = 0; i < n; i++) {
		struct sampler *s;

		if (sampler_new(&opener, &options, &diag, &s))
			break;
		done += !sampler_start(s) && !sampler_stop(s);
		sampler_free(s);
	}
	check_same("starts and stops", done, n);
	check_same("descriptors afterwards", open_descriptors(), before);
	opener_stop(&opener);
}

static void starts(void)
{
	in_child(starts_body, NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"variants", variants},
	{"ring-full", ring_full},
	{"no-scratch", no_scratch},
	{"foreign-namespace", foreign_namespace},
	{"starts", starts},
	{"many-stacks", many_stacks},
};

static int usage(const char *self)
{
	(void)fprintf(stderr,
		"usage: %s [--hz N] [--seconds S] [--ring BYTES] [--quick] [TEST...]\ntests:",
		self);
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		(void)fprintf(stderr, " %s", tests[i].name);
	(void)fprintf(stderr, "\n");
	return 2;
}

static bool wanted(const char *name, char *const *names)
{
	bool any = *names;

	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return !any;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"hz", required_argument, NULL, 'f'},
		{"seconds", required_argument, NULL, 's'}, {"ring", required_argument, NULL, 'r'},
		{"quick", no_argument, NULL, 'q'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			asked.hz = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 's':
			asked.seconds = strtod(optarg, NULL);
			break;
		case 'r':
			asked.ring_bytes = strtoul(optarg, NULL, 10);
			break;
		case 'q':
			asked.quick = true;
			asked.seconds = 5;
			break;
		default:
			return usage(argv[0]);
		}
	}
	if (geteuid()) {
		(void)printf("ok 1 # SKIP needs root\n1..1\n");
		return EXIT_SKIPPED;
	}
	n_reported = mmap(NULL, sizeof(*n_reported), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (n_reported == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++)
		if (wanted(tests[i].name, argv + optind))
			tests[i].run();
	(void)printf("1..%u\n", *n_reported);
	return n_failed ? 1 : 0;
}
