// SPDX-License-Identifier: Apache-2.0
/*
 * objects.h - the table behind object.h
 *
 * One object per path and build id, or per path, device, inode and generation where
 * the kernel tells no build id. A build id alone is not enough: a stripped copy of a
 * program has its build id too, but neither its name nor its symbols. The table does
 * not keep objects alive: the last mapping that goes takes its object along.
 */
#ifndef CPROFD_TRACKER_OBJECTS_H
#define CPROFD_TRACKER_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracker/ledger.h"
#include "tracker/object.h"

#define OBJECT_PATH_MAX 4096 /* the kernel's PATH_MAX: d_path never gives more */

struct objects;

/* A mapped file as a record or a line of /proc/PID/maps names it. `path` is borrowed. */
struct file_name {
	struct build_id build_id; /* len 0: not told */
	uint32_t dev_major, dev_minor;
	uint64_t inode, inode_generation;
	const char *path; /* not terminated; " (deleted)" already removed */
	size_t path_len;
};

struct objects *objects_new(struct ledger *ledger); /* takes a reference of the ledger */
void objects_free(
	struct objects *t); /* objects that are still referenced live on; NULL is accepted */

/* `len` without a trailing " (deleted)". */
size_t path_without_deleted(const char *path, size_t len);

/* What kind of thing is mapped at `address` under this name? An empty path is anonymous memory. */
enum object_kind object_kind_of(const char *path, size_t len, uint64_t address);

/*
 * The object of that name, made on first sight. An object that could not be opened
 * for a passing reason may be tried again some time after: a new mapping at
 * `now_ns` sets it back to OBJECT_UNOPENED.
 *
 * Gives a reference. -ENOMEM, or -ENOSPC at the ledger's ceiling.
 */
int objects_get(struct objects *t, enum object_kind kind, const struct file_name *name,
	uint64_t now_ns, struct object **ret);

/* May the open mapping `o` be what `name` names, as far as both tell? Build ids first. */
bool object_may_be(const struct object *o, const struct file_name *name);

/* The outcome of an attempt to open: takes `fd` when it is >= 0, else notes `why`. */
void object_opened(struct object *o, int fd, enum object_why why, uint64_t now_ns);

size_t objects_table_bytes(const struct objects *t);

#endif
