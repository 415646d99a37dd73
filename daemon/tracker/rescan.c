// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "tracker/mapset.h"
#include "tracker/procfs.h"
#include "tracker/state.h"

#define RESCAN_PAUSE_NS   (200 * NS_PER_MS) /* between two of one process: 5 a second */
#define RESCAN_COST_SHARE 100               /* and at most 1 % of the time for one process */
#define RESCANS_A_SECOND  100               /* of all processes */

struct collecting {
	struct tracker *t;
	struct process *p;
	uint64_t now_ns;
	VEC(struct mapping) found;
	struct object *main; /* a reference */
	char exe[OBJECT_PATH_MAX];
	size_t exe_len;
};

static void collecting_fini(struct collecting *c)
{
	for (uint32_t i = 0; i < c->found.n; i++)
		object_unref(c->found.at[i].object);
	object_unref(c->main);
	vec_fini(&c->found);
}

/* The object that is known to be mapped there, when the line may mean the same one. */
static struct object *known_object(
	const struct collecting *c, const struct mapping *m, const struct file_name *file)
{
	const struct mapping *old = mapset_at(c->p->image.maps, m->start, UINT64_MAX - 1);

	if (!old || old->object->kind != OBJECT_FILE || !object_may_be(old->object, file) ||
		old->offset + (m->start - old->start) != m->offset)
		return NULL;
	return object_ref(old->object);
}

static int get_object(struct collecting *c, enum object_kind kind, struct mapping *m,
	const struct file_name *file)
{
	m->object = kind == OBJECT_FILE ? known_object(c, m, file) : NULL;
	return m->object ? 0 : objects_get(c->t->objects, kind, file, c->now_ns, &m->object);
}

static bool is_program(const struct collecting *c, const struct procmaps_line *line)
{
	return c->exe_len == line->path_len && !memcmp(c->exe, line->path, c->exe_len);
}

static int on_mapping(void *ctx, const struct procmaps_line *line, const struct build_id *build_id)
{
	struct collecting *c = ctx;
	enum object_kind kind = object_kind_of(line->path, line->path_len, line->start);
	struct file_name file = {
		.build_id = *build_id,
		.dev_major = line->dev_major,
		.dev_minor = line->dev_minor,
		.inode = line->inode,
		.path = line->path,
		.path_len = line->path_len,
	};
	struct mapping m = {
		.start = line->start,
		.limit = line->limit,
		.offset = kind == OBJECT_FILE ? line->offset : 0,
		.from_ns = c->now_ns,
		.to_ns = TIME_FOREVER,
	};
	int err;

	if (c->found.n && line->start < c->found.at[c->found.n - 1].limit) {
		c->t->totals
			.malformed++; /* the list is not in order: mapped anew while being read */
		return 0;
	}
	err = get_object(c, kind, &m, &file);
	if (err)
		return err;
	if (!vec_push(&c->found, m, c->t->options.max_mappings)) {
		object_unref(m.object);
		return -ENOSPC;
	}
	if (!c->main && kind == OBJECT_FILE && is_program(c, line))
		c->main = object_ref(m.object);
	return 0;
}

static void read_exe(int dir_fd, struct collecting *c)
{
	ssize_t n = readlinkat(dir_fd, "exe", c->exe, sizeof(c->exe));

	c->exe_len = n > 0 ? path_without_deleted(c->exe, (size_t)n) : 0;
}

/* What /proc/PID/exe names, else what lies lowest. */
static void note_main(struct mapset *s, struct collecting *c)
{
	if (s->main)
		return;
	if (c->main)
		s->main = take_ptr(c->main);
	for (uint32_t i = 0; i < s->n_live && !s->main; i++)
		if (s->live[i].object->kind == OBJECT_FILE)
			s->main = object_ref(s->live[i].object);
}

static int read_maps(struct tracker *t, int dir_fd, struct process *p, uint64_t now_ns)
{
	scoped(collecting_fini) struct collecting c = {.t = t, .p = p, .now_ns = now_ns};
	scoped(scope_close) int living_fd = procfs_open_living(t->proc_fd, dir_fd);
	int err;

	if (living_fd < 0)
		return living_fd;
	read_exe(living_fd, &c);
	err = procfs_maps(living_fd, on_mapping, &c, &t->totals.malformed);
	if (!err)
		err = mapset_own(&p->image.maps, p->image.from_ns);
	if (!err)
		err = mapset_replace(p->image.maps, c.found.at, c.found.n, p->image.from_ns, now_ns,
			t->options.max_mappings, &t->totals.dropped);
	if (err)
		return err;
	c.found.n = 0; /* their references are the mapset's now */
	note_main(p->image.maps, &c);
	return 0;
}

/* Is what /proc shows under that PID this process, as far as both tell their start? */
static bool is_same(const struct process *p, const struct procstat *stat)
{
	if (p->image.start_boottime_ns)
		return p->image.start_boottime_ns / (10 * NS_PER_MS) == stat->start_ticks;
	return !p->start_ticks || p->start_ticks == stat->start_ticks;
}

int read_process(struct tracker *t, int dir_fd, struct process *p, uint64_t now_ns)
{
	uint64_t counted_ns = clock_monotonic_ns();
	struct procstat stat;
	int err = procfs_stat(dir_fd, &stat);

	if (err == -EBADMSG)
		t->totals.malformed++;
	if (err)
		return err;
	if (stat.gone || !is_same(p, &stat))
		return -ESRCH;
	p->start_ticks = stat.start_ticks;
	p->n_threads = stat.n_threads;
	p->threads_at_ns = counted_ns;
	p->image.kernel_thread = stat.kernel_thread;
	memcpy(p->image.comm, stat.comm, sizeof(p->image.comm));
	err = stat.kernel_thread ? 0 : read_maps(t, dir_fd, p, now_ns);
	if (!err)
		p->image.maps_unknown = p->maps_stale = false;
	else if (err == -ENOSPC)
		t->totals.dropped++;
	return err;
}

static bool may_rescan(struct tracker *t, const struct process *p, uint64_t clock_ns)
{
	if (clock_ns - t->rescan_from_ns >= NS_PER_S) {
		t->rescan_from_ns = clock_ns;
		t->n_rescans = 0;
	}
	return clock_ns >= p->next_rescan_ns && t->n_rescans < RESCANS_A_SECOND;
}

bool rescan_process(struct tracker *t, struct process *p, uint64_t now_ns)
{
	uint64_t begin_ns = clock_monotonic_ns(), pause_ns;
	scoped(scope_close) int dir_fd = -1;
	int err;

	if (!may_rescan(t, p, begin_ns)) {
		t->totals.rescans_refused++;
		return false;
	}
	t->n_rescans++;
	t->totals.rescans++;
	dir_fd = procfs_open(t->proc_fd, p->image.tgid);
	err = dir_fd < 0 ? dir_fd : read_process(t, dir_fd, p, now_ns);
	pause_ns = (clock_monotonic_ns() - begin_ns) * RESCAN_COST_SHARE;
	p->next_rescan_ns = begin_ns + (pause_ns > RESCAN_PAUSE_NS ? pause_ns : RESCAN_PAUSE_NS);
	return err == 0;
}
