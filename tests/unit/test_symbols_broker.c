// SPDX-License-Identifier: Apache-2.0
/* All of the part, with a symbolizer that misbehaves on demand: fake_symbolizer.c. */
#include "symbols/symbols.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "symbols/engine.h"
#include "tracker/object.h"

#define NEVER UINT64_MAX
#define TURNS 600 /* of at most 100 ms: generous, a test is never about time */

struct object *object_ref(struct object *o)
{
	o->refs++;
	return o;
}

void object_unref(struct object *o)
{
	if (!o || --o->refs)
		return;
	(void)close(o->fd);
	free(o);
}

void object_refuted(struct object *o)
{
	assert_int_equal(o->state, OBJECT_OPEN);
	(void)close(o->fd);
	o->fd = -1;
	o->state = OBJECT_UNREADABLE;
}

static struct object *object_new(const char *word)
{
	static uint32_t last_id;
	struct object *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	o->id = ++last_id;
	o->refs = 1;
	o->state = OBJECT_OPEN;
	o->fd = memfd_create("object", MFD_CLOEXEC);
	assert_true(o->fd >= 0);
	assert_int_equal(write(o->fd, word, strlen(word)), strlen(word));
	return o;
}

struct fixture {
	sd_event *loop;
	struct symbols *s;
	int program, kallsyms;
	unsigned n_done;
	struct symbols_job *free_in_done;
};

static int open_fake(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	int fd;

	assert_true(n > 0);
	path[n] = '\0';
	(void)strcpy(strrchr(path, '/'), "/fake_symbolizer");
	fd = open(path, O_PATH | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct fixture fixture_with(int program, uint64_t deadline_ns, const char *kallsyms)
{
	struct fixture f = {.program = program, .kallsyms = -1};
	struct symbols_options options = {.deadline_ns = deadline_ns, .program_fd = program};

	if (kallsyms) {
		f.kallsyms = memfd_create("kallsyms", MFD_CLOEXEC);
		assert_int_equal(write(f.kallsyms, kallsyms, strlen(kallsyms)), strlen(kallsyms));
	}
	options.kallsyms_fd = f.kallsyms;
	assert_true(sd_event_new(&f.loop) >= 0);
	assert_int_equal(symbols_new(f.loop, &options, &f.s), 0);
	return f;
}

static struct fixture fixture(void)
{
	return fixture_with(open_fake(), 60 * NS_PER_S, NULL);
}

static void fixture_end(struct fixture *f)
{
	symbols_free(f->s);
	sd_event_unref(f->loop);
	(void)close(f->program);
	if (f->kallsyms >= 0)
		(void)close(f->kallsyms);
}

static void turn(struct fixture *f)
{
	assert_true(sd_event_run(f->loop, 100 * 1000) >= 0);
}

static struct symbols_totals totals(const struct fixture *f)
{
	struct symbols_totals t;

	symbols_totals(f->s, &t);
	return t;
}

static void on_done(void *ctx)
{
	struct fixture *f = ctx;

	f->n_done++;
	symbols_job_free(f->free_in_done);
	f->free_in_done = NULL;
}

static void await(struct fixture *f, unsigned n_done)
{
	for (int i = 0; i < TURNS && f->n_done < n_done; i++)
		turn(f);
	assert_int_equal(f->n_done, n_done);
}

static struct symbols_job *job_for(struct fixture *f, struct object *o, uint64_t address)
{
	struct symbols_job *job;

	assert_int_equal(symbols_job_new(f->s, &job), 0);
	assert_int_equal(symbols_job_want(job, o, address, false), 0);
	return job;
}

static void start(struct fixture *f, struct symbols_job *job)
{
	unsigned before = f->n_done;

	assert_int_equal(symbols_job_start(job, NEVER, on_done, f), 0);
	assert_int_equal(f->n_done, before); /* never from within the start */
}

/* Ask for one address and wait for the answer. */
static struct symbols_job *ask(struct fixture *f, struct object *o, uint64_t address)
{
	struct symbols_job *job = job_for(f, o, address);

	start(f, job);
	await(f, f->n_done + 1);
	return job;
}

static void expect_name(struct fixture *f, struct object *o, uint64_t address, const char *name)
{
	struct symbols_job *job = ask(f, o, address);
	struct symbol symbol = symbols_job_result(job, 0);

	assert_int_equal(symbol.reason, SYMBOL_OK);
	assert_string_equal(symbol.name, name);
	symbols_job_free(job);
}

static void expect_reason(struct fixture *f, struct object *o, enum symbol_reason reason)
{
	struct symbols_job *job = ask(f, o, 1);
	struct symbol symbol = symbols_job_result(job, 0);

	assert_int_equal(symbol.reason, reason);
	assert_null(symbol.name);
	symbols_job_free(job);
}

static unsigned open_descriptors(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir));)
		n += d->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static void names_come_with_their_parts_and_reasons(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");
	struct symbols_job *job = job_for(&f, o, 7);
	struct symbol leaf, caller, none;

	(void)state;
	assert_int_equal(symbols_job_want(job, o, 7, true), 1);
	assert_int_equal(symbols_job_want(job, o, 5000000, false), 2);
	start(&f, job);
	await(&f, 1);
	leaf = symbols_job_result(job, 0);
	caller = symbols_job_result(job, 1);
	none = symbols_job_result(job, 2);
	assert_string_equal(leaf.name, "f_7()");
	assert_string_equal(leaf.system_name, "_Z7");
	assert_null(leaf.module);
	assert_string_equal(caller.name, "caller_f_7()");
	assert_int_equal(none.reason, SYMBOL_NO_SYMBOL);
	assert_null(none.system_name);
	assert_int_equal(symbols_build_id(f.s, o).len, 4);
	assert_memory_equal(symbols_build_id(f.s, o).bytes, "fine", 4);
	assert_int_equal(totals(&f).index_bytes, 1000);
	symbols_job_free(job);
	fixture_end(&f);
	assert_int_equal(o->refs, 1);
	object_unref(o);
}

static void what_needs_no_symbolizer_is_answered_without(void **state)
{
	struct fixture f = fixture();
	struct object *unopened = object_new("fine"), *anon = object_new("fine");

	(void)state;
	unopened->state = OBJECT_UNREADABLE;
	anon->kind = OBJECT_ANON;
	expect_reason(&f, unopened, SYMBOL_NO_OBJECT);
	expect_reason(&f, anon, SYMBOL_ANONYMOUS);
	anon->kind = OBJECT_SPECIAL;
	expect_reason(&f, anon, SYMBOL_ANONYMOUS);
	expect_reason(&f, NULL, SYMBOL_NO_KALLSYMS);
	assert_int_equal(totals(&f).asked, 0);
	assert_int_equal(totals(&f).objects, 0);
	object_unref(unopened);
	object_unref(anon);
	fixture_end(&f);
}

static void an_empty_job_is_done(void **state)
{
	struct fixture f = fixture();
	struct symbols_job *job;

	(void)state;
	assert_int_equal(symbols_job_new(f.s, &job), 0);
	start(&f, job);
	await(&f, 1);
	symbols_job_free(job);
	fixture_end(&f);
}

static void a_refused_object_has_its_reason(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("refused");

	(void)state;
	expect_reason(&f, o, SYMBOL_NOT_ELF);
	assert_int_equal(totals(&f).asked, 0);
	assert_int_equal(totals(&f).restarts, 0);
	fixture_end(&f);
	object_unref(o);
}

/* A file at the same path in another root, say, while the process was gone already. */
static void another_file_is_closed_and_the_right_one_asked_about_anew(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("another");

	(void)state;
	expect_reason(&f, o, SYMBOL_BUILD_ID_DIFFERS);
	assert_int_equal(o->state, OBJECT_UNREADABLE);
	expect_reason(&f, o, SYMBOL_BUILD_ID_DIFFERS);
	o->fd = memfd_create("object", MFD_CLOEXEC);
	assert_int_equal(write(o->fd, "fine", 4), 4);
	o->state = OBJECT_OPEN;
	symbols_prefetch(f.s, o);
	expect_name(&f, o, 1, "f_1()");
	assert_int_equal(totals(&f).restarts, 0); /* a number given twice would end the real one */
	fixture_end(&f);
	object_unref(o);
}

static void kernel_ranges_come_sorted_and_early(void **state)
{
	struct fixture f = fixture_with(open_fake(), 60 * NS_PER_S, "kallsyms");
	const struct symbols_range *ranges;

	(void)state;
	for (int i = 0; i < TURNS && !symbols_kernel_ranges(f.s, &ranges); i++)
		turn(&f);
	assert_int_equal(symbols_kernel_ranges(f.s, &ranges), 2);
	assert_string_equal(ranges[0].name, "[kernel.kallsyms]");
	assert_int_equal(ranges[0].start, 0x1000);
	assert_int_equal(ranges[0].limit, 0x2000);
	assert_string_equal(ranges[1].name, "[mod]");
	expect_name(&f, NULL, 33, "f_33()");
	fixture_end(&f);
}

/* One object of each kind that spoils things, among fine ones. */
static void one_bad_object(
	const char *word, uint64_t deadline_ns, uint64_t crashes, uint64_t hangs, uint64_t nonsense)
{
	struct fixture f = fixture_with(open_fake(), deadline_ns, NULL);
	struct object *before = object_new("fine"), *bad = object_new(word),
		      *after = object_new("fine");
	struct symbols_totals t;

	expect_name(&f, before, 1, "f_1()");
	expect_reason(&f, bad, SYMBOL_SET_ASIDE);
	expect_reason(&f, bad, SYMBOL_SET_ASIDE); /* for good, and at once */
	expect_name(&f, before, 2, "f_2()");
	expect_name(&f, after, 3, "f_3()");
	t = totals(&f);
	assert_int_equal(t.set_aside, 1);
	assert_int_equal(t.restarts, 1);
	assert_int_equal(t.crashes, crashes);
	assert_int_equal(t.hangs, hangs);
	assert_int_equal(t.nonsense, nonsense);
	fixture_end(&f);
	object_unref(before);
	object_unref(bad);
	object_unref(after);
}

static void an_object_that_kills_is_set_aside_alone(void **state)
{
	(void)state;
	one_bad_object("die-add", 60 * NS_PER_S, 1, 0, 0);
	one_bad_object("die-names", 60 * NS_PER_S, 1, 0, 0);
	one_bad_object("half-add", 60 * NS_PER_S, 1, 0, 0);
	one_bad_object("half-names", 60 * NS_PER_S, 1, 0, 0);
}

static void an_object_that_hangs_is_set_aside_alone(void **state)
{
	(void)state;
	one_bad_object("hang-add", 400 * NS_PER_MS, 0, 1, 0);
	one_bad_object("hang-names", 400 * NS_PER_MS, 0, 1, 0);
}

static void an_object_that_makes_nonsense_is_set_aside_alone(void **state)
{
	static const char *const words[] = {"number-names", "index-names", "utf8-names",
		"short-names", "giant-add", "giant-names", "hello-add", "hello-names"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		one_bad_object(words[i], 60 * NS_PER_S, 0, 0, 1);
}

static void a_job_keeps_its_other_names_when_one_object_kills(void **state)
{
	struct fixture f = fixture();
	struct object *bad = object_new("die-names"), *fine = object_new("fine");
	struct symbols_job *job = job_for(&f, fine, 1);

	(void)state;
	(void)symbols_job_want(job, bad, 2, false);
	(void)symbols_job_want(job, fine, 3, false);
	start(&f, job);
	await(&f, 1);
	assert_string_equal(symbols_job_result(job, 0).name, "f_1()");
	assert_int_equal(symbols_job_result(job, 1).reason, SYMBOL_SET_ASIDE);
	assert_string_equal(symbols_job_result(job, 2).name, "f_3()");
	symbols_job_free(job);
	fixture_end(&f);
	object_unref(bad);
	object_unref(fine);
}

static void nobody_is_blamed_for_an_end_between_questions(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("then-die");

	(void)state;
	expect_name(&f, o, 1, "f_1()");
	for (int i = 0; i < TURNS && !totals(&f).crashes; i++)
		turn(&f);
	assert_int_equal(totals(&f).crashes, 1);
	expect_name(&f, o, 2, "f_2()");
	assert_int_equal(totals(&f).set_aside, 0);
	fixture_end(&f);
	object_unref(o);
}

/* Until something waits on the channel, which the loop has not seen. */
static void await_channel(const struct fixture *f)
{
	struct pollfd waits = {.fd = f->s->channel.sock, .events = POLLIN};

	assert_int_equal(poll(&waits, 1, 60 * 1000), 1);
}

static void unasked_talk_is_not_taken_for_the_next_answer(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");

	(void)state;
	expect_name(&f, o, 1, "f_1()");
	assert_int_equal(kill(totals(&f).pid, SIGUSR1), 0);
	await_channel(&f);
	expect_name(&f, o, 2, "f_2()");
	assert_int_equal(totals(&f).nonsense, 1);
	assert_int_equal(totals(&f).set_aside, 0);
	fixture_end(&f);
	object_unref(o);
}

static void an_end_before_all_of_a_question_was_sent_blames_nobody(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");
	struct symbols_job *job;

	(void)state;
	expect_name(&f, o, 1, "f_1()");
	job = job_for(&f, o, 2);
	start(&f, job);
	assert_int_equal(f.s->asked.kind, ASKED_NAMES);
	supervise_lost(f.s, LOSS_CRASH, false);
	await(&f, 2);
	assert_string_equal(symbols_job_result(job, 0).name, "f_2()");
	symbols_job_free(job);
	assert_int_equal(totals(&f).set_aside, 0);
	fixture_end(&f);
	object_unref(o);
}

static void a_killed_idle_symbolizer_costs_nothing(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "f_%u()", (unsigned)i);
		expect_name(&f, o, i, name);
		assert_int_equal(kill(totals(&f).pid, SIGKILL), 0);
		await_channel(&f);
	}
	expect_name(&f, o, 9, "f_9()");
	assert_int_equal(totals(&f).set_aside, 0);
	assert_int_equal(totals(&f).restarts, 3);
	assert_int_equal(totals(&f).objects, 1);
	fixture_end(&f);
	object_unref(o);
}

static void a_program_that_cannot_start_is_said_so(void **state)
{
	struct fixture f = fixture_with(open("/dev/null", O_PATH | O_CLOEXEC), 0, NULL);
	struct object *o = object_new("fine");

	(void)state;
	expect_reason(&f, o, SYMBOL_NO_SYMBOLIZER);
	assert_true(totals(&f).crashes >= 3);
	assert_int_equal(totals(&f).set_aside, 0);
	for (int i = 0; i < TURNS && totals(&f).restarts < 3; i++)
		turn(&f);
	assert_int_equal(totals(&f).restarts, 3); /* it goes on trying */
	fixture_end(&f);
	object_unref(o);
}

static void a_program_that_says_nothing_is_said_so(void **state)
{
	struct fixture f = fixture_with(open("/bin/true", O_PATH | O_CLOEXEC), 0, NULL);
	struct object *o = object_new("fine");

	(void)state;
	expect_reason(&f, o, SYMBOL_NO_SYMBOLIZER);
	fixture_end(&f);
	object_unref(o);
}

/* Until a question for names is out. */
static void await_question(struct fixture *f)
{
	for (int i = 0; i < TURNS && f->s->asked.kind != ASKED_NAMES; i++)
		turn(f);
	assert_int_equal(f->s->asked.kind, ASKED_NAMES);
}

static void what_misses_the_deadline_is_late(void **state)
{
	struct fixture f = fixture();
	struct object *fine = object_new("fine"), *hang = object_new("hang-names");
	struct symbols_job *job;

	(void)state;
	expect_name(&f, fine, 1, "f_1()");
	job = job_for(&f, fine, 1);
	(void)symbols_job_want(job, hang, 2, false);
	assert_int_equal(
		symbols_job_start(job, clock_monotonic_ns() + 100 * NS_PER_MS, on_done, &f), 0);
	await(&f, 2);
	assert_string_equal(symbols_job_result(job, 0).name, "f_1()");
	assert_int_equal(symbols_job_result(job, 1).reason, SYMBOL_LATE);
	symbols_job_free(job);
	fixture_end(&f);
	object_unref(fine);
	object_unref(hang);
}

static void a_cancelled_job_is_never_done(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");
	struct symbols_job *job = job_for(&f, o, 1);

	(void)state;
	start(&f, job);
	await_question(&f);
	symbols_job_free(job);
	job = job_for(&f, o, 2);
	start(&f, job);
	symbols_job_free(job);
	expect_name(&f, o, 3, "f_3()"); /* n_done counts this one alone */
	assert_int_equal(f.n_done, 1);
	fixture_end(&f);
	object_unref(o);
}

static void a_job_may_be_freed_when_done(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");
	struct symbols_job *job = job_for(&f, o, 1);

	(void)state;
	f.free_in_done = job;
	start(&f, job);
	await(&f, 1);
	fixture_end(&f);
	object_unref(o);
}

static void what_was_asked_is_not_asked_again(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");
	struct symbols_job *job = job_for(&f, o, 1);

	(void)state;
	(void)symbols_job_want(job, o, 1, false); /* within a job neither */
	start(&f, job);
	await(&f, 1);
	assert_string_equal(symbols_job_result(job, 1).name, "f_1()");
	symbols_job_free(job);
	assert_int_equal(totals(&f).asked, 1);
	assert_int_equal(totals(&f).cached, 0);
	expect_name(&f, o, 1, "f_1()");
	assert_int_equal(totals(&f).asked, 1);
	assert_int_equal(totals(&f).cached, 1);
	assert_int_equal(symbols_job_new(f.s, &job), 0);
	(void)symbols_job_want(job, o, 1, true); /* another question */
	start(&f, job);
	await(&f, 3);
	assert_string_equal(symbols_job_result(job, 0).name, "caller_f_1()");
	symbols_job_free(job);
	fixture_end(&f);
	object_unref(o);
}

static void two_jobs_at_once_get_all_of_a_large_set(void **state)
{
	enum {
		N = 10000
	};
	struct fixture f = fixture();
	struct object *o = object_new("fine");
	struct symbols_job *jobs[2];
	char name[32];

	(void)state;
	for (int j = 0; j < 2; j++) {
		assert_int_equal(symbols_job_new(f.s, &jobs[j]), 0);
		/* in no order; the halves overlap */
		for (uint64_t i = 0; i < N; i++)
			assert_true(symbols_job_want(jobs[j], o, i * 7919 % N + (uint64_t)j * N / 2,
					    false) >= 0);
		start(&f, jobs[j]);
	}
	await(&f, 2);
	for (int j = 0; j < 2; j++) {
		for (uint64_t i = 0; i < N; i++) {
			(void)snprintf(name, sizeof(name), "f_%u()",
				(unsigned)(i * 7919 % N + (uint64_t)j * N / 2));
			assert_string_equal(symbols_job_result(jobs[j], (long)i).name, name);
		}
		symbols_job_free(jobs[j]);
	}
	assert_int_equal(totals(&f).asked, N + N / 2);
	assert_int_equal(totals(&f).restarts, 0);
	fixture_end(&f);
	object_unref(o);
}

static void a_new_job_with_known_answers_does_not_wait_for_a_hang(void **state)
{
	struct fixture f = fixture();
	struct object *fine = object_new("fine"), *hang = object_new("hang-names");
	struct symbols_job *stuck;

	(void)state;
	expect_name(&f, fine, 1, "f_1()");
	stuck = job_for(&f, hang, 1);
	start(&f, stuck);
	await_question(&f);
	expect_name(&f, fine, 1, "f_1()");
	assert_int_equal(totals(&f).hangs, 0);
	symbols_job_free(stuck);
	fixture_end(&f);
	object_unref(fine);
	object_unref(hang);
}

static void a_prefetched_object_is_indexed_unasked(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine");

	(void)state;
	symbols_prefetch(f.s, o);
	symbols_prefetch(f.s, o);
	for (int i = 0; i < TURNS && !symbols_build_id(f.s, o).len; i++)
		turn(&f);
	assert_int_equal(symbols_build_id(f.s, o).len, 4);
	symbols_prefetch(f.s, o);
	assert_int_equal(totals(&f).objects, 1);
	assert_int_equal(totals(&f).restarts, 0); /* a number given twice would end the real one */
	assert_int_equal(o->refs, 2);
	fixture_end(&f);
	object_unref(o);
}

static void the_child_holds_nothing_but_its_channel(void **state)
{
	/* what it could inherit: a descriptor above those that are laid out, a mask, an ignored
	 * signal */
	int inheritable = dup2(STDOUT_FILENO, 200);
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old_action;
	sigset_t block, old_mask;
	struct fixture f;
	struct object *o = object_new("fine");
	char path[64], line[256];
	unsigned seen = 0;
	FILE *status;

	(void)state;
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &block, &old_mask);
	(void)sigaction(SIGUSR2, &ignore, &old_action);
	f = fixture();
	(void)sigaction(SIGUSR2, &old_action, NULL);
	(void)sigprocmask(SIG_SETMASK, &old_mask, NULL);
	assert_true(inheritable >= 0);
	expect_name(&f, o, 1, "f_1()");
	assert_int_equal(open_descriptors(totals(&f).pid), 4);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", totals(&f).pid);
	status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof(line), status)) {
		unsigned long long value;

		if (sscanf(line, "CapPrm: %llx", &value) == 1 ||
			sscanf(line, "CapEff: %llx", &value) == 1 ||
			sscanf(line, "CapInh: %llx", &value) == 1 ||
			sscanf(line, "CapAmb: %llx", &value) == 1 ||
			sscanf(line, "SigBlk: %llx", &value) == 1) {
			assert_int_equal(value, 0);
			seen++;
		} else if (sscanf(line, "SigIgn: %llx", &value) == 1) {
			/* glibc's posix_spawn(), make's for one, leaves its own two ignored: 32, 33
			 */
			assert_int_equal(value & ~0x180000000ull, 0);
			seen++;
		} else if (sscanf(line, "NoNewPrivs: %llu", &value) == 1) {
			assert_int_equal(value, 1);
			seen++;
		} else if (sscanf(line, "Uid: %llu", &value) == 1) {
			assert_int_not_equal(value, 0);
			seen++;
		}
	}
	(void)fclose(status);
	assert_int_equal(seen, 8);
	(void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", totals(&f).pid);
	status = fopen(path, "re");
	assert_non_null(status);
	assert_non_null(fgets(line, sizeof(line), status));
	assert_string_equal(line, "900\n");
	(void)fclose(status);
	(void)close(inheritable);
	fixture_end(&f);
	object_unref(o);
}

static void no_descriptor_and_no_process_is_left(void **state)
{
	unsigned before = open_descriptors(getpid());

	(void)state;
	for (int i = 0; i < 3; i++) {
		one_bad_object("die-names", 60 * NS_PER_S, 1, 0, 0);
		a_program_that_says_nothing_is_said_so(state);
	}
	assert_int_equal(open_descriptors(getpid()), before);
}

static bool count_drop(void *ctx, struct known *k)
{
	unsigned *n = ctx;

	(void)k;
	++*n;
	return true;
}

static void only_unreferenced_objects_are_swept(void **state)
{
	struct known_table t;
	struct object *mine = object_new("a"), *gone = object_new("b"), *aside = object_new("c");
	uint32_t gone_id = gone->id, aside_id = aside->id;
	unsigned drops = 0;

	(void)state;
	known_init(&t);
	assert_non_null(known_get(&t, NULL));
	assert_non_null(known_get(&t, mine));
	known_get(&t, gone)->told = true;
	known_get(&t, aside)->state = KNOWN_HOPELESS;
	known_get(&t, aside)->reason = SYMBOL_SET_ASIDE;
	object_unref(gone);
	object_unref(aside);
	known_sweep(&t, known_find(&t, gone_id), count_drop, &drops);
	assert_int_equal(known_count(&t), 4); /* it was busy */
	known_sweep(&t, NULL, count_drop, &drops);
	assert_int_equal(drops, 1);
	assert_null(known_find(&t, gone_id));
	assert_non_null(known_find(&t, aside_id));
	assert_non_null(known_find(&t, mine->id));
	assert_non_null(known_find(&t, KNOWN_KERNEL));
	gone = object_new("d"); /* moves into the hole */
	assert_non_null(known_get(&t, gone));
	assert_int_equal(known_count(&t), 4);
	assert_int_equal(t.all.n, 4);
	known_fini(&t);
	object_unref(mine);
	object_unref(gone);
}

static void a_swept_object_is_dropped_on_the_other_side(void **state)
{
	struct fixture f = fixture();
	struct object *o = object_new("fine"), *again;
	struct symbols_job *job;
	uint32_t id = o->id;

	(void)state;
	expect_name(&f, o, 1, "f_1()");
	object_unref(o);
	known_sweep(&f.s->known, NULL, ask_drop, f.s);
	assert_int_equal(totals(&f).objects, 0);
	/* the fake looks a number up from the first on: were the old one still there, no death */
	again = object_new("die-names");
	again->id = id;
	job = ask(&f, again, 2);
	assert_int_equal(symbols_job_result(job, 0).reason, SYMBOL_SET_ASIDE);
	symbols_job_free(job);
	fixture_end(&f);
	object_unref(again);
}

static void every_reason_has_a_name_of_its_own(void **state)
{
	(void)state;
	assert_string_equal(symbol_reason_name(SYMBOL_NO_SYMBOL), "no_symbol");
	assert_string_equal(symbol_reason_name(SYMBOL_SET_ASIDE), "set_aside");
	assert_string_equal(symbol_reason_name(SYMBOL_NO_KALLSYMS), "no_kallsyms");
	assert_string_equal(symbol_reason_name((enum symbol_reason)20), "unknown");
	assert_string_equal(symbol_reason_name((enum symbol_reason)1000), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_come_with_their_parts_and_reasons),
		cmocka_unit_test(what_needs_no_symbolizer_is_answered_without),
		cmocka_unit_test(an_empty_job_is_done),
		cmocka_unit_test(a_refused_object_has_its_reason),
		cmocka_unit_test(another_file_is_closed_and_the_right_one_asked_about_anew),
		cmocka_unit_test(kernel_ranges_come_sorted_and_early),
		cmocka_unit_test(an_object_that_kills_is_set_aside_alone),
		cmocka_unit_test(an_object_that_hangs_is_set_aside_alone),
		cmocka_unit_test(an_object_that_makes_nonsense_is_set_aside_alone),
		cmocka_unit_test(a_job_keeps_its_other_names_when_one_object_kills),
		cmocka_unit_test(nobody_is_blamed_for_an_end_between_questions),
		cmocka_unit_test(unasked_talk_is_not_taken_for_the_next_answer),
		cmocka_unit_test(an_end_before_all_of_a_question_was_sent_blames_nobody),
		cmocka_unit_test(a_killed_idle_symbolizer_costs_nothing),
		cmocka_unit_test(a_program_that_cannot_start_is_said_so),
		cmocka_unit_test(a_program_that_says_nothing_is_said_so),
		cmocka_unit_test(what_misses_the_deadline_is_late),
		cmocka_unit_test(a_cancelled_job_is_never_done),
		cmocka_unit_test(a_job_may_be_freed_when_done),
		cmocka_unit_test(what_was_asked_is_not_asked_again),
		cmocka_unit_test(two_jobs_at_once_get_all_of_a_large_set),
		cmocka_unit_test(a_new_job_with_known_answers_does_not_wait_for_a_hang),
		cmocka_unit_test(a_prefetched_object_is_indexed_unasked),
		cmocka_unit_test(the_child_holds_nothing_but_its_channel),
		cmocka_unit_test(no_descriptor_and_no_process_is_left),
		cmocka_unit_test(only_unreferenced_objects_are_swept),
		cmocka_unit_test(a_swept_object_is_dropped_on_the_other_side),
		cmocka_unit_test(every_reason_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
