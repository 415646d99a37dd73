// SPDX-License-Identifier: Apache-2.0
/* What a profile says about itself, also when there is much to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "profile/assemble.h"
#include "profile/comments.h"

#define N_NAMELESS 24

static bool says(const struct comments *c, const char *what)
{
	for (size_t i = 0; i < c->n; i++)
		if (strstr(c->lines[i], what))
			return true;
	return false;
}

static void samples_that_were_evicted_are_told(void **state)
{
	static const struct profile_request request = {.all = true, .to_ns = 1000000000};
	static const struct gather gather;
	struct account_window window = {0};
	struct assemble_input in = {
		.request = &request, .gather = &gather, .window = &window, .hz = 99};
	struct comments c = {0};

	(void)state;
	comments_write(&c, &in, NULL, 0);
	assert_false(says(&c, "missing"));
	comments_fini(&c);
	window.evicted = 4711;
	comments_write(&c, &in, NULL, 0);
	assert_true(says(&c, "the oldest 4711 samples"));
	comments_fini(&c);
}

/* As many processes and CPUs as there may be, and paths as long as they may be. */
static void much_to_say_crowds_nothing_out(void **state)
{
	static struct profile_request request = {
		.n_processes = PROFILE_MAX_PIDS, .to_ns = 1000000000};
	static char paths[N_NAMELESS][4096];
	struct nameless nameless[N_NAMELESS];
	struct account_window window = {.lost = {[LOSS_NO_ROOM] = 17}};
	struct gather gather = {.samples = 12345};
	struct assemble_input in = {
		.request = &request, .gather = &gather, .window = &window, .hz = 99};
	struct comments c = {0};

	(void)state;
	for (uint32_t i = 0; i < PROFILE_MAX_PIDS; i++)
		request.processes[i].tgid = 4000000 + i;
	for (unsigned cpu = 0; cpu < ACCOUNT_CPUS; cpu++)
		window.late_by_cpu[cpu] = 1;
	for (unsigned i = 0; i < N_NAMELESS; i++) {
		memset(paths[i], '\x01', sizeof(paths[i]) - 1);
		nameless[i] = (struct nameless){
			.filename = paths[i], .reason = SYMBOL_KALLSYMS_HIDDEN, .frames = i};
	}
	comments_write(&c, &in, nameless, N_NAMELESS);
	assert_true(says(&c, "pid 4000255"));
	assert_true(says(&c, "late on cpu 63: 1"));
	assert_true(says(&c, "no_room 17"));
	assert_true(says(&c, "12345 samples in this profile"));
	assert_true(says(&c, "kptr_restrict"));
	assert_true(says(&c, "(0 addresses)"));
	comments_fini(&c);
}

static void the_end_of_a_process_counts_when_it_lies_in_the_window(void **state)
{
	struct image image = {.tgid = 7, .to_ns = 2000000000};
	struct profile_request request = {
		.processes = {{.tgid = 7, .image = &image}}, .n_processes = 1, .to_ns = 1999999999};
	static const struct gather gather;
	static const struct account_window window;
	struct assemble_input in = {
		.request = &request, .gather = &gather, .window = &window, .hz = 99};
	struct comments c = {0};

	(void)state;
	comments_write(&c, &in, NULL, 0);
	assert_false(says(&c, "ended in the window"));
	comments_fini(&c);
	request.to_ns++;
	comments_write(&c, &in, NULL, 0);
	assert_true(says(&c, "ended in the window"));
	comments_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_that_were_evicted_are_told),
		cmocka_unit_test(much_to_say_crowds_nothing_out),
		cmocka_unit_test(the_end_of_a_process_counts_when_it_lies_in_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
