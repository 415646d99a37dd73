// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "tracker/mapset.h"
#include "tracker/state.h"

#define LINGER_NS       NS_PER_S /* 2 % of the samples of short processes come after EXIT, by less */
#define WORK_PER_SECOND 20000    /* units of work for one process' records; see may_work() */
#define MAPPINGS_A_UNIT 256
#define PID_LIMIT       (1u << 22) /* PID_MAX_LIMIT of a 64-bit kernel */

static bool is_pid(uint32_t pid)
{
	return pid && pid <= PID_LIMIT;
}

void forget_ended(struct tracker *t, uint64_t now_ns)
{
	uint32_t i = t->n_ended_done;

	while (i < t->ended.n && now_ns > LINGER_NS && t->ended.at[i].to_ns < now_ns - LINGER_NS) {
		struct process *p = t->ended.at[i++].process;

		if (!process_lives(p)) /* its PID may have turned out to live on */
			processes_drop(&t->processes, p);
		image_unref(&p->image);
	}
	t->n_ended_done = i;
	if (i > t->ended.n / 2) {
		t->ended.n -= i;
		memmove(t->ended.at, t->ended.at + i, t->ended.n * sizeof(*t->ended.at));
		t->n_ended_done = 0;
	}
}

void end_process(struct tracker *t, struct process *p, uint64_t time_ns)
{
	struct ended e = {p, time_ns};

	if (!process_lives(p))
		return;
	p->image.to_ns = time_ns;
	if (vec_push(&t->ended, e, 2 * t->options.max_images))
		(void)image_ref(&p->image);
	else
		processes_drop(&t->processes, p);
}

struct process *begin_process(struct tracker *t, uint32_t tgid, uint64_t from_ns)
{
	struct process *old = processes_find(&t->processes, tgid);
	struct process *p = process_new(t->ledger, tgid, from_ns);

	if (old && process_lives(old))
		old->image.to_ns = from_ns;
	if (p && processes_put(&t->processes, p)) {
		image_unref(&p->image);
		p = NULL;
	}
	if (!p) {
		if (old)
			processes_drop(&t->processes, old);
		t->totals.dropped++;
		return NULL;
	}
	p->loss_epoch = t->loss_epoch;
	t->totals.images_ever++;
	return p;
}

/* The image that a record speaks of, made when nothing told of it before. */
static struct process *known_process(struct tracker *t, const struct record *r)
{
	struct process *p = processes_find(&t->processes, r->pid);

	if (!p) {
		p = begin_process(t, r->pid, r->time_ns);
		if (p)
			p->image.maps_unknown = true;
	} else if (!process_lives(p)) {
		p->image.to_ns = TIME_FOREVER; /* threads were miscounted: it goes on */
		p->n_threads = 0;
	}
	return p;
}

/*
 * One process that maps at full speed must not cost the others: its records are
 * bounded by the work that they make, the rest becomes one rescan.
 */
static bool may_work(struct process *p, uint64_t time_ns)
{
	if (time_ns - p->work_from_ns >= NS_PER_S) {
		p->work_from_ns = time_ns;
		p->work = 0;
	}
	p->work += 1 + p->image.maps->n_live / MAPPINGS_A_UNIT;
	if (p->work <= WORK_PER_SECOND)
		return true;
	p->work = WORK_PER_SECOND;
	p->maps_stale = true;
	return false;
}

static int add_mapping(struct tracker *t, struct process *p, const struct record *r)
{
	const struct file_name *file = &r->mmap.file;
	enum object_kind kind = object_kind_of(file->path, file->path_len, r->mmap.start);
	struct mapping m = {
		.start = r->mmap.start,
		.limit = r->mmap.limit,
		.offset = kind == OBJECT_FILE ? r->mmap.offset : 0,
		.from_ns = r->time_ns,
		.to_ns = TIME_FOREVER,
	};
	int err = objects_get(t->objects, kind, file, r->time_ns, &m.object);

	if (err)
		return err;
	err = mapset_map(p->image.maps, &m, t->options.max_mappings, &t->totals.dropped);
	object_unref(m.object);
	return err;
}

static void apply_mmap(struct tracker *t, const struct record *r)
{
	struct process *p = known_process(t, r);
	int err;

	if (!p)
		return;
	if (!may_work(p, r->time_ns)) {
		t->totals.dropped++;
		return;
	}
	err = mapset_own(&p->image.maps, p->image.from_ns);
	if (!err && r->mmap.executable)
		err = add_mapping(t, p, r);
	else if (!err)
		err = mapset_unmap(p->image.maps, r->mmap.start, r->mmap.limit, r->time_ns,
			t->options.max_mappings, &t->totals.dropped);
	if (err) {
		p->maps_stale = true;
		t->totals.dropped++;
	}
}

/* The program is replaced: nothing of its mappings stays, all of the new ones are told. */
static void apply_exec(struct tracker *t, const struct record *r)
{
	struct process *old = processes_find(&t->processes, r->pid), *p;
	struct image was = {0};
	uint64_t start_ticks = 0;

	if (old) {
		was = old->image;
		start_ticks = old->start_ticks;
	}
	p = begin_process(t, r->pid, r->time_ns);
	if (!p)
		return;
	p->by_exec = true;
	p->n_threads = 1; /* de_thread() ended the others */
	p->threads_at_ns = r->time_ns;
	p->start_ticks = start_ticks;
	p->image.start_boottime_ns = was.start_boottime_ns;
	p->image.exec_id_known = was.exec_id_known;
	p->image.exec_id = was.exec_id + was.exec_id_known;
	memcpy(p->image.comm, r->comm.comm, sizeof(p->image.comm));
}

static void apply_comm(struct tracker *t, const struct record *r)
{
	struct process *p;

	if (r->comm.exec) {
		apply_exec(t, r);
		return;
	}
	p = r->pid == r->tid ? processes_find(&t->processes, r->pid) : NULL;
	if (p)
		memcpy(p->image.comm, r->comm.comm, sizeof(p->image.comm));
}

static void inherit(struct process *p, struct process *parent)
{
	const struct image *from = &parent->image;

	mapset_unref(p->image.maps);
	p->image.maps = mapset_ref(from->maps);
	p->image.exec_id = from->exec_id;
	p->image.exec_id_known = from->exec_id_known;
	p->image.kernel_thread = from->kernel_thread;
	p->image.maps_unknown = from->maps_unknown;
	p->maps_stale = parent->maps_stale;
	p->loss_epoch = parent->loss_epoch;
	memcpy(p->image.comm, from->comm, sizeof(p->image.comm));
	parent->ran =
		true; /* fork() is called from user code, also by the thread that did not exec */
}

static void apply_fork(struct tracker *t, const struct record *r)
{
	struct process *p, *parent;

	if (r->pid != r->tid) {
		p = processes_find(&t->processes, r->pid);
		if (p)
			p->ran = true;
		if (p && p->n_threads && r->time_ns > p->threads_at_ns)
			p->n_threads++;
		return;
	}
	p = begin_process(t, r->pid, r->time_ns);
	if (!p)
		return;
	p->n_threads = 1;
	p->threads_at_ns = r->time_ns;
	parent = is_pid(r->task.parent_pid) ? processes_find(&t->processes, r->task.parent_pid)
					    : NULL;
	if (parent && parent != p)
		inherit(p, parent);
	else
		p->image.maps_unknown = true;
}

/*
 * The leader's EXIT is not the end of a process while other threads run; the last
 * thread's is. Where threads were never counted, the leader's has to do.
 */
static void apply_exit(struct tracker *t, const struct record *r)
{
	struct process *p = processes_find(&t->processes, r->pid);

	if (!p || (p->n_threads && r->time_ns <= p->threads_at_ns))
		return;
	if (p->n_threads)
		p->n_threads--;
	else if (r->tid != r->pid)
		return;
	if (!p->n_threads)
		end_process(t, p, r->time_ns);
}

void apply_record(struct tracker *t, const struct record *r)
{
	if (r->type == RECORD_LOST) {
		t->totals.lost += r->lost.n;
		t->loss_epoch++;
		return;
	}
	if (!is_pid(r->pid) || !is_pid(r->tid)) /* not in our PID namespace, or past its end */
		return;
	switch (r->type) {
	case RECORD_MMAP:
		apply_mmap(t, r);
		break;
	case RECORD_COMM:
		apply_comm(t, r);
		break;
	case RECORD_FORK:
		apply_fork(t, r);
		break;
	case RECORD_EXIT:
		apply_exit(t, r);
		break;
	case RECORD_LOST:
		break;
	}
}
