// SPDX-License-Identifier: Apache-2.0
/*
 * The losses behind the ring, each forced once with a ceiling that is too low or
 * with garbage in the ring: it is counted under its own name, and the account of
 * the whole, from the tick to the store, holds to the sample.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cmocka.h>
#include <systemd/sd-event.h>

#include "base/diag.h"
#include "collect/account.h"
#include "collect/collect.h"
#include "live/workload.h"
#include "opener/opener.h"
#include "sampler/sampler.h"
#include "store/store.h"
#include "symbols/symbols.h"
#include "tests/live/garbage.skel.h"
#include "tracker/image.h"
#include "tracker/tracker.h"

#define HZ       999
#define DRAINS   20
#define DRAIN_US 50000
#define GARBAGE  3

struct whole {
	sd_event *loop;
	struct opener opener;
	int program_fd;
	struct tracker *tracker;
	struct sampler *sampler;
	struct store *store;
	struct symbols *symbols;
	struct collect *collect;
	struct account *started;
	pid_t burner;
};

struct ceilings {
	uint32_t images;
	size_t store_bytes;
};

static void ref_image(void *image)
{
	(void)image_ref(image);
}

static void unref_image(void *image)
{
	image_unref(image);
}

static void must(int err, const struct diag *diag)
{
	if (err < 0)
		fail_msg("%s: %s", strerror(-err), diag->text);
}

static pid_t burn(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	workload_depth(5);
	_exit(0);
}

static void begin(struct whole *w, const struct ceilings *ceilings)
{
	const struct tracker_options tracker = {.max_images = ceilings->images};
	const struct sampler_options sampler = {.hz = HZ};
	const struct store_options store = {.budget_bytes = ceilings->store_bytes,
		.owner_ref = ref_image,
		.owner_unref = unref_image};
	struct symbols_options symbols = {.kallsyms_fd = -1};
	struct collect_parts parts;
	struct diag diag = {.text = ""};

	*w = (struct whole){.burner = burn()};
	must(opener_start(&w->opener), &diag);
	must(sd_event_new(&w->loop), &diag);
	must(tracker_new(&tracker, &w->tracker), &diag);
	must(tracker_attach(w->tracker, &w->opener, &diag), &diag);
	must(store_new(&store, &w->store), &diag);
	/* names are not asked for */
	w->program_fd = symbols.program_fd = open("/bin/true", O_PATH | O_CLOEXEC);
	must(symbols_new(w->loop, &symbols, &w->symbols), &diag);
	must(sampler_new(&w->opener, &sampler, &diag, &w->sampler), &diag);
	parts = (struct collect_parts){.sampler = w->sampler,
		.tracker = w->tracker,
		.store = w->store,
		.symbols = w->symbols,
		.opener_pid = w->opener.pid};
	must(collect_new(w->loop, &parts, &w->collect), &diag);
	must(account_take(w->collect, &w->started), &diag);
	must(sampler_start(w->sampler), &diag);
}

/* Sample for a while, end, and see that everything is accounted for: in *ret. */
static void finish(struct whole *w, struct account_window *ret)
{
	struct account *ended;

	for (unsigned i = 0; i < DRAINS; i++) {
		(void)usleep(DRAIN_US);
		collect_drain(w->collect);
	}
	assert_int_equal(sampler_stop(w->sampler), 0);
	collect_flush(w->collect);
	assert_int_equal(account_take(w->collect, &ended), 0);
	account_between(w->started, ended, ret);
	account_free(ended);
	assert_true(ret->seen > HZ / 10);
}

static void end(struct whole *w)
{
	(void)kill(w->burner, SIGKILL);
	(void)waitpid(w->burner, NULL, 0);
	account_free(w->started);
	collect_free(w->collect);
	symbols_free(w->symbols);
	store_free(w->store);
	sampler_free(w->sampler);
	tracker_free(w->tracker);
	opener_stop(&w->opener);
	sd_event_unref(w->loop);
	(void)close(w->program_fd);
}

/* Every reason but `allowed` is 0, and that one is not. */
static void only_loss_is(const struct account_window *window, enum loss allowed)
{
	for (unsigned i = 0; i < LOSSES; i++)
		if (i != allowed && window->lost[i])
			fail_msg("%s is %llu", loss_name((enum loss)i),
				(unsigned long long)window->lost[i]);
	assert_true(window->lost[allowed] > 0);
	assert_int_equal(window->lost_all, window->lost[allowed]);
}

static void with_room_nothing_is_lost(void **state)
{
	const struct ceilings ceilings = {.store_bytes = STORE_BUDGET_DEFAULT};
	struct account_window window;
	struct whole w;

	(void)state;
	begin(&w, &ceilings);
	finish(&w, &window);
	end(&w);
	assert_int_equal(window.pending, 0);
	assert_int_equal(window.lost_all, 0);
	assert_int_equal(window.seen, window.stored);
}

static void a_full_table_of_processes_is_no_process(void **state)
{
	const struct ceilings ceilings = {.images = 1, .store_bytes = STORE_BUDGET_DEFAULT};
	struct account_window window;
	struct whole w;

	(void)state;
	begin(&w, &ceilings);
	finish(&w, &window);
	end(&w);
	only_loss_is(&window, LOSS_NO_PROCESS);
	assert_int_equal(window.pending, 0);
	assert_int_equal(window.seen, window.stored + window.lost_all);
}

static void a_store_that_refuses_is_no_room(void **state)
{
	const struct ceilings ceilings = {.store_bytes = 1};
	struct account_window window;
	struct whole w;

	(void)state;
	begin(&w, &ceilings);
	finish(&w, &window);
	end(&w);
	only_loss_is(&window, LOSS_NO_ROOM);
	assert_int_equal(window.pending, 0);
	assert_int_equal(window.seen, window.stored + window.lost_all);
}

/* A descriptor of the map of that name that program `prog_fd` uses. */
static int map_of(int prog_fd, const char *name)
{
	struct bpf_prog_info prog = {0};
	__u32 ids[16] = {0}, len = sizeof(prog);

	prog.nr_map_ids = sizeof(ids) / sizeof(*ids);
	prog.map_ids = (uintptr_t)ids;
	assert_int_equal(bpf_obj_get_info_by_fd(prog_fd, &prog, &len), 0);
	for (unsigned i = 0; i < prog.nr_map_ids; i++) {
		struct bpf_map_info map = {0};
		int fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(map);
		assert_int_equal(bpf_obj_get_info_by_fd(fd, &map, &len), 0);
		if (!strcmp(map.name, name))
			return fd;
		(void)close(fd);
	}
	fail_msg("no map %s", name);
	return -1;
}

static void write_garbage_to(struct sampler *sampler)
{
	LIBBPF_OPTS(bpf_test_run_opts, options);
	struct garbage_bpf *skel = garbage_bpf__open();
	int ring_fd = map_of(sampler_prog_fd(sampler), "ring");

	assert_non_null(skel);
	assert_int_equal(bpf_map__reuse_fd(skel->maps.ring, ring_fd), 0);
	assert_int_equal(garbage_bpf__load(skel), 0);
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(skel->progs.write_garbage), &options), 0);
	garbage_bpf__destroy(skel);
	(void)close(ring_fd);
}

static void a_record_that_contradicts_itself_is_malformed(void **state)
{
	const struct ceilings ceilings = {.store_bytes = STORE_BUDGET_DEFAULT};
	struct account_window window;
	struct whole w;

	(void)state;
	begin(&w, &ceilings);
	write_garbage_to(w.sampler);
	finish(&w, &window);
	end(&w);
	only_loss_is(&window, LOSS_MALFORMED);
	assert_int_equal(window.lost[LOSS_MALFORMED], GARBAGE);
	/* they came on top of what was sent */
	assert_int_equal(window.pending, -GARBAGE);
	assert_int_equal(window.seen, window.stored);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_room_nothing_is_lost),
		cmocka_unit_test(a_full_table_of_processes_is_no_process),
		cmocka_unit_test(a_store_that_refuses_is_no_room),
		cmocka_unit_test(a_record_that_contradicts_itself_is_malformed),
	};

	if (geteuid()) {
		(void)printf("ok 1 # SKIP needs root\n1..1\n");
		return 77;
	}
	sampler_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
