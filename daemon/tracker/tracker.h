// SPDX-License-Identifier: Apache-2.0
/*
 * tracker.h - who was it: processes and their mappings, through time
 *
 * The kernel's own side-band records (MMAP2, COMM, FORK, EXIT), one ring per
 * CPU, are put in order of time and applied to a table of processes; one scan of
 * /proc at start tells about those that were there before. So a process that
 * lived for 3 ms, between two drains, still has its mappings.
 *
 * The owner alternates: tracker_drain() to fetch what waits in the rings, then for
 * each sample in the order of time tracker_advance() to its time and
 * tracker_attribute(). Records later than the last advance wait.
 *
 * Nothing a process does makes this grow without bound: see struct tracker_limits.
 */
#ifndef CPROFD_TRACKER_TRACKER_H
#define CPROFD_TRACKER_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi.h"
#include "tracker/image.h"
#include "tracker/object.h"

struct diag;
struct opener;
struct tracker;

struct tracker_options {
	uint32_t ring_bytes;       /* side-band ring per CPU, power of two; 0: 256 KiB */
	uint32_t max_images;       /* processes, living and held; 0: 65,536 */
	uint32_t max_mappings;     /* of one image, over its life; 0: 65,536 */
	uint32_t max_queue_bytes;  /* side-band records waiting for their time; 0: 8 MiB */
	uint32_t max_open_objects; /* descriptors; 0: 3/4 of RLIMIT_NOFILE */
	size_t max_bytes;          /* of images, mappings and objects together; 0: 64 MiB */
	const char *proc;          /* borrowed; NULL: "/proc". Tests give their own */
};

struct tracker_totals {
	/* side-band */
	uint64_t records;      /* applied */
	uint64_t lost;         /* PERF_RECORD_LOST: records the kernel had no room for */
	uint64_t dropped;      /* records that met a ceiling here */
	uint64_t malformed;    /* records that made no sense: size, time */
	uint64_t out_of_order; /* applied after their time was closed */
	/* processes */
	uint64_t images_now, images_ever, mappings_now;
	uint64_t rescans; /* /proc/PID/maps read again: lost records, an address in no mapping */
	uint64_t rescans_refused; /* by the rate limit */
	/* objects */
	uint64_t objects_now, objects_open, objects_unreadable;
	size_t bytes;        /* heap held, own account */
	size_t kernel_bytes; /* side-band rings */
};

int tracker_new(const struct tracker_options *options, struct tracker **ret);
void tracker_free(
	struct tracker *t); /* NULL is accepted; images and objects still referenced live on */

/*
 * Open and map the side-band of every online CPU (`opener` is borrowed, used
 * during the call) and enable it. Features that the kernel does not know are left
 * out. Returns 0 or a negative errno, with `diag` saying why.
 */
int tracker_attach(struct tracker *t, struct opener *opener, struct diag *diag);

/* Read /proc once: every process, its start time, comm and executable mappings. After
 * tracker_attach(). */
int tracker_scan(struct tracker *t);

/* The side-band descriptors, to be polled: readable means drain soon. i < tracker_n_fds(). */
unsigned tracker_n_fds(const struct tracker *t);
int tracker_fd(const struct tracker *t, unsigned i);

/* Move what waits in the rings into the queue, where records wait for their time. */
void tracker_drain(struct tracker *t);

/*
 * Put one record into the queue as if a ring had held it: a perf_event_header,
 * its body, the sample_id trailer. `record` is borrowed. For tests and fuzzing.
 */
void tracker_feed(struct tracker *t, const void *record, size_t len);

/* Apply, in order, every queued record with a time <= until_ns. Never goes back. */
void tracker_advance(struct tracker *t, uint64_t until_ns);

/* What to do with the user half of a sample. */
enum tracker_user {
	TRACKER_USER_OK = 0,
	TRACKER_USER_STALE, /* in exec: the registers are the old image's, the memory the new one's
			     */
};

/*
 * The image that `sample` belongs to, after tracker_advance() to its time; made on
 * first sight when no record told of it. Learns start time and exec count.
 * Borrowed until the next advance; NULL when the ceiling of images is reached
 * (counted in `dropped`).
 */
struct image *tracker_attribute(
	struct tracker *t, const struct abi_sample *sample, enum tracker_user *ret_user);

/*
 * Open the object behind `m` of `i`, if nobody has tried yet: through
 * /proc/PID/map_files, else its path in the process's root, else the daemon's own
 * path, checked against what the kernel said of the mapping. After it
 * object->state is OPEN or UNREADABLE.
 */
void tracker_open_object(struct tracker *t, const struct image *i, const struct mapping *m);

/*
 * An address of a running image that no mapping holds: read its maps again, at
 * most a few times a second per process. True when it was read, so that looking
 * again makes sense.
 */
bool tracker_rescan(struct tracker *t, struct image *i, uint64_t now_ns);

/* The living image of a PID, or NULL. Borrowed until the next advance. */
struct image *tracker_find(const struct tracker *t, uint32_t tgid);

/*
 * When the process that has this PID now was started, as /proc tells it (CLOCK_BOOTTIME,
 * to START_TICK_NS); TIME_UNKNOWN when there is none. For one that no sample has told of.
 */
uint64_t tracker_start_ns(const struct tracker *t, uint32_t tgid);

/* Call `each` for every living image. Stops early when it returns false. */
void tracker_each(const struct tracker *t, bool (*each)(void *ctx, struct image *i), void *ctx);

void tracker_totals(const struct tracker *t, struct tracker_totals *ret);

#endif
