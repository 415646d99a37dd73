// SPDX-License-Identifier: Apache-2.0
#include "sampler/cputime.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/cpus.h"
#include "base/io.h"
#include "base/scope.h"
#include "base/text.h"

#define STAT_MAX (4u << 20) /* bytes: a line per CPU, and one of all interrupts */

static bool starts_with_cpu(struct cursor *line)
{
	return text_skip(line, 'c') && text_skip(line, 'p') && text_skip(line, 'u');
}

/* The fields after the CPU's number: user nice system idle iowait irq ... (proc(5)). */
static uint64_t idle_of(struct cursor *line)
{
	uint64_t field[5], idle;

	for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++) {
		if (!text_skip(line, ' '))
			line->failed = true;
		field[i] = text_number(line);
	}
	if (__builtin_add_overflow(field[3], field[4], &idle))
		line->failed = true;
	return idle;
}

static int set_idle(struct cputime *t, uint64_t cpu, uint64_t idle_ns)
{
	const struct cputime_cpu absent = {0};

	if (cpu >= CPUS_MAX)
		return -ERANGE;
	while (t->cpus.n <= cpu)
		if (!vec_push(&t->cpus, absent, CPUS_MAX))
			return -ENOMEM;
	t->cpus.at[cpu] = (struct cputime_cpu){.online = true, .idle_ns = idle_ns};
	return 0;
}

/* The line "cpuN ...", its first three letters read already. */
static int take_cpu(struct cputime *t, struct cursor *line, unsigned ticks_per_s)
{
	uint64_t cpu = text_number(line);
	uint64_t idle = idle_of(line), idle_ns;

	if (line->failed || __builtin_mul_overflow(idle, NS_PER_S / ticks_per_s, &idle_ns))
		return -EBADMSG;
	return set_idle(t, cpu, idle_ns);
}

int cputime_parse(const void *text, size_t len, unsigned ticks_per_s, struct cputime *ret)
{
	scoped(cputime_fini) struct cputime found = {0};
	struct cursor at = cursor_over(text, len);

	while (cursor_left(&at)) {
		struct cursor line = text_line(&at);
		int err;

		/* "cpu " alone is the sum over all */
		if (!starts_with_cpu(&line) || text_skip(&line, ' '))
			continue;
		err = take_cpu(&found, &line, ticks_per_s);
		if (err)
			return err;
	}
	if (!found.cpus.n)
		return -EBADMSG;
	*ret = found;
	found = (struct cputime){0};
	return 0;
}

int cputime_read(int proc_dir_fd, const char *path, struct cputime *ret)
{
	scoped(buf_fini) struct buf text = buf_with_ceiling(STAT_MAX);
	int err = io_read_file(proc_dir_fd, path, &text);

	if (err)
		return err;
	return cputime_parse(text.bytes, text.len, (unsigned)sysconf(_SC_CLK_TCK), ret);
}

void cputime_fini(struct cputime *t)
{
	vec_fini(&t->cpus);
}

uint64_t cputime_idle_ns(const struct cputime *before, const struct cputime *after)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < before->cpus.n && i < after->cpus.n; i++) {
		const struct cputime_cpu *a = &before->cpus.at[i], *b = &after->cpus.at[i];

		/* iowait may run backwards, proc(5) */
		if (a->online && b->online && b->idle_ns > a->idle_ns)
			sum += b->idle_ns - a->idle_ns;
	}
	return sum;
}

/* Rounded to the nearest tick. */
static uint64_t ticks_in(uint64_t ns, unsigned hz)
{
	return (uint64_t)(((unsigned __int128)ns * hz + NS_PER_S / 2) / NS_PER_S);
}

uint64_t sampler_late(uint64_t gap_ticks, uint64_t idle_ticks, uint64_t idle_ns, unsigned hz)
{
	uint64_t slept = ticks_in(idle_ns, hz);

	slept = slept > idle_ticks ? slept - idle_ticks : 0;
	return gap_ticks > slept ? gap_ticks - slept : 0;
}

uint64_t sampler_expected(uint64_t elapsed_ns, unsigned n_cpus, uint64_t idle_ns, unsigned hz)
{
	uint64_t all = elapsed_ns * n_cpus;

	return all > idle_ns ? ticks_in(all - idle_ns, hz) : 0;
}
