// SPDX-License-Identifier: Apache-2.0
/*
 * image.h - one program in one process, from fork or exec to exec or exit
 *
 * The unit that samples belong to. Its identity is (tgid, start time, exec
 * count): a PID that was reused and a process that replaced itself are other
 * images. An image outlives its process for as long as somebody holds a
 * reference, which the store does for every sample.
 *
 * Its mappings carry the time for which they were valid, so an address is looked
 * up as of the sample's own time. Times are CLOCK_MONOTONIC nanoseconds.
 */
#ifndef CPROFD_TRACKER_IMAGE_H
#define CPROFD_TRACKER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapset;
struct object;

#define IMAGE_COMM_LEN 16
#define TIME_UNKNOWN   0
#define TIME_FOREVER   UINT64_MAX

/* /proc/PID/stat counts start times in 100ths of a second; a sample has nanoseconds. */
#define START_TICK_NS 10000000ull

/* One executable mapping. */
struct mapping {
	uint64_t start, limit; /* addresses, [start, limit) */
	uint64_t offset;       /* of `start` in the file */
	uint64_t from_ns, to_ns;
	struct object *object; /* never NULL; the mapset's reference */
};

struct image {
	uint32_t refs;
	uint32_t tgid;
	uint64_t start_boottime_ns; /* TIME_UNKNOWN until a sample or /proc tells; of the group
				       leader */
	uint32_t exec_id;           /* valid when exec_id_known */
	bool exec_id_known;
	bool kernel_thread;
	bool maps_unknown; /* its mappings were not seen being made, and /proc could not be read in
			      time */
	uint64_t from_ns;  /* 0 when it was there before the daemon */
	uint64_t to_ns;    /* TIME_FOREVER while it runs */
	char comm[IMAGE_COMM_LEN]; /* of the group leader, the last one; NUL-padded, any bytes */
	struct mapset *maps;       /* may be shared with the process it was forked from */
};

struct image *image_ref(struct image *i);
void image_unref(struct image *i); /* NULL is accepted */

/*
 * When its process started (CLOCK_BOOTTIME): exactly once a sample has told, to the 10 ms
 * that /proc counts in before; TIME_UNKNOWN when neither was seen.
 */
uint64_t image_start_ns(const struct image *i);

/*
 * The mapping that held `address` at `time_ns`, or NULL. Borrowed until the tracker's
 * next advance, attribute or rescan: mappings move when others come.
 */
const struct mapping *image_mapping_at(const struct image *i, uint64_t address, uint64_t time_ns);

/*
 * The mapping of the program itself: the lowest mapping of the first file that
 * was mapped (what execve() loaded), NULL when unknown.
 */
const struct mapping *image_main_mapping(const struct image *i);

#endif
