// SPDX-License-Identifier: Apache-2.0
/*
 * bench_store_cost.c - what store_add() costs
 *
 * Prints, as JSON objects with -j, nanoseconds of CPU time per sample: of threads and stacks that
 * the store knows, and of samples that each bring a new user stack of 40 frames, before and after
 * the budget is reached. Then what a window of everything costs per row, and how far the store's
 * account is from the memory that the process really uses.
 */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEPTH     40
#define N_KNOWN   2000
#define N_SAMPLES 400000

static uint64_t frames[DEPTH];

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void no_owner(void *owner)
{
	(void)owner;
}

static void fill(struct store_sample *sample, uint64_t stack)
{
	for (int i = 0; i < DEPTH; i++)
		frames[i] = 0x7f0000000000 + stack * 64 + (uint64_t)i;
	sample->user_stack_id = stack * 0x9e3779b97f4a7c15;
}

/* CPU nanoseconds per sample of `n`, whose stacks are `first` to `first + distinct - 1` in turn. */
static double cost(
	struct store *s, struct store_sample *sample, uint64_t n, uint64_t first, uint64_t distinct)
{
	uint64_t begin = cpu_ns(), empty, spent;

	for (uint64_t i = 0; i < n; i++) {
		fill(sample, first + i % distinct);
		sample->tid = (uint32_t)(i % 300);
		sample->time_ns += 5000000;
		if (store_add(s, sample))
			abort();
	}
	spent = cpu_ns() - begin;
	begin = cpu_ns();
	for (uint64_t i = 0; i < n; i++) {
		fill(sample, first + i % distinct);
		__asm__ volatile("" ::: "memory");
	}
	empty = cpu_ns() - begin;
	return (double)(spent - empty) / (double)n;
}

static bool json;

static void report(const char *what, double value, const char *unit)
{
	if (json)
		printf("{\"bench\":\"store\",\"what\":\"%s\",\"value\":%.2f,\"unit\":\"%s\"}\n",
			what, value, unit);
	else
		printf("%-28s %8.2f %s\n", what, value, unit);
}

static bool count_row(void *ctx, const struct store_row *row)
{
	*(uint64_t *)ctx += row->thread != UINT32_MAX;
	return true;
}

static size_t resident_bytes(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f || fscanf(f, "%lu %lu", &size, &resident) != 2)
		abort();
	fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
	struct store_options options = {.budget_bytes = STORE_BUDGET_DEFAULT,
		.owner_ref = no_owner,
		.owner_unref = no_owner};
	struct store_sample sample = {.time_ns = 1,
		.owner = frames,
		.thread_name = "bench",
		.user_frames = frames,
		.n_user = DEPTH};
	size_t resident = resident_bytes();
	struct store_totals totals;
	uint64_t n_rows = 0, begin;
	struct store *s;

	json = argc == 2 && !strcmp(argv[1], "-j");
	if (store_new(&options, &s))
		abort();
	(void)cost(s, &sample, N_KNOWN, 0, N_KNOWN);
	report("add, known stack", cost(s, &sample, N_SAMPLES, 0, N_KNOWN), "ns");
	report("add, new stack", cost(s, &sample, 30000, 1u << 20, 30000), "ns");
	report("add, new stack, evicting", cost(s, &sample, N_SAMPLES, 2u << 20, N_SAMPLES), "ns");
	report("add, known stack, evicting", cost(s, &sample, 4 * N_SAMPLES, 0, N_KNOWN), "ns");
	store_totals(s, &totals);
	begin = cpu_ns();
	store_each(s, 0, UINT64_MAX, count_row, &n_rows);
	report("read a row", (double)(cpu_ns() - begin) / (double)n_rows, "ns");
	report("its own account", (double)totals.bytes / 1e6, "MB");
	report("resident grew by", (double)(resident_bytes() - resident) / 1e6, "MB");
	store_free(s);
	return 0;
}
