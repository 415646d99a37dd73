// SPDX-License-Identifier: Apache-2.0
/*
 * Random histories against a model that is slow and obviously right: each process
 * has, for every page and every moment, a slot that says what is mapped there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tracker/tracker.h"
#include "unit/records.h"

#define PIDS   5
#define PAGES  24
#define STEPS  300 /* one record, one moment each */
#define PAGE   0x1000ull
#define BASE   0x400000ull
#define ROUNDS 60

/* What is mapped in a page: the inode of the file and the page's offset in it. */
struct slot {
	uint32_t inode;
	uint64_t offset;
};

static struct slot model[STEPS + 1][PIDS][PAGES];
static struct image *images[STEPS + 1][PIDS]; /* whose page it was: the living image then */
static char proc_dir[] = "/tmp/cprofd-test-XXXXXX";
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % below;
}

/* Moments are 10 ns apart and begin at 1000. */
static uint64_t time_of(unsigned step)
{
	return 1000 + 10 * (uint64_t)step;
}

static struct record_bytes step_map(unsigned step, uint32_t pid)
{
	uint32_t first = draw(PAGES), n = 1 + draw(PAGES - first), inode = 1 + draw(4);
	uint64_t offset = draw(3) * PAGE;
	char path[32];

	(void)snprintf(path, sizeof(path), "/lib/%u", inode);
	for (uint32_t i = 0; i < n; i++)
		model[step][pid][first + i] = (struct slot){inode, offset + i * PAGE};
	return record_mmap(
		time_of(step), pid + 1, BASE + first * PAGE, n * PAGE, offset, inode, 0, path);
}

static struct record_bytes step_any(unsigned step)
{
	uint32_t pid = draw(PIDS), other = draw(PIDS), what = draw(10);

	if (what == 0 && pid != other) {
		memcpy(model[step][pid], model[step][other], sizeof(model[step][pid]));
		return record_fork(time_of(step), pid + 1, pid + 1, other + 1);
	}
	if (what == 1) {
		memset(model[step][pid], 0, sizeof(model[step][pid]));
		return record_comm(time_of(step), pid + 1, pid + 1, "prog", 1);
	}
	return step_map(step, pid);
}

static void feed_shuffled(struct tracker *t, struct record_bytes *batch, unsigned n)
{
	for (unsigned i = n; i > 0; i--) {
		unsigned pick = draw(i);

		tracker_feed(t, batch[pick].at, batch[pick].len);
		batch[pick] = batch[i - 1];
	}
}

static void remember_images(struct tracker *t, unsigned step)
{
	for (uint32_t pid = 0; pid < PIDS; pid++) {
		struct image *i = tracker_find(t, pid + 1);

		images[step][pid] = i ? image_ref(i) : NULL;
	}
}

static void compare(unsigned step, uint32_t pid, uint32_t page)
{
	const struct slot *want = &model[step][pid][page];
	const struct image *i = images[step][pid];
	uint64_t address = BASE + page * PAGE + draw(PAGE);
	/* any moment until the next record's: the edges matter most */
	uint64_t time = time_of(step) + (draw(2) ? 0 : draw(10));
	const struct mapping *m = i ? image_mapping_at(i, address, time) : NULL;

	if ((m ? m->object->inode : 0) != want->inode ||
		(m && m->offset + (address - m->start) != want->offset + address % PAGE))
		fail_msg("step %u pid %u page %u: inode %u offset %llx expected, got %llu %llx",
			step, pid, page, want->inode, (unsigned long long)want->offset,
			m ? (unsigned long long)m->object->inode : 0,
			m ? (unsigned long long)(m->offset + (address - m->start)) : 0);
}

static void one_history(void)
{
	struct tracker_options options = {.proc = proc_dir};
	struct record_bytes batch[8];
	struct tracker *t;
	unsigned n = 0;

	memset(model, 0, sizeof(model));
	assert_int_equal(tracker_new(&options, &t), 0);
	for (unsigned step = 1; step <= STEPS; step++) {
		memcpy(model[step], model[step - 1], sizeof(model[step]));
		batch[n++] = step_any(step);
		if (n < 8 && step < STEPS)
			continue;
		feed_shuffled(t, batch, n);
		for (unsigned s = step + 1 - n; s <= step; s++) {
			tracker_advance(t, time_of(s));
			remember_images(t, s);
		}
		n = 0;
	}
	for (unsigned step = 1; step <= STEPS; step++)
		for (uint32_t pid = 0; pid < PIDS; pid++) {
			for (uint32_t page = 0; page < PAGES; page++)
				compare(step, pid, page);
			image_unref(images[step][pid]);
		}
	tracker_free(t);
}

static void every_address_has_the_mapping_that_the_model_says(void **state)
{
	const char *given = getenv("SEED");

	(void)state;
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	for (unsigned round = 0; round < ROUNDS; round++) {
		printf("seed %llu\n", (unsigned long long)seed);
		one_history();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_has_the_mapping_that_the_model_says),
	};
	int failed;

	if (!mkdtemp(proc_dir))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(proc_dir);
	return failed;
}
