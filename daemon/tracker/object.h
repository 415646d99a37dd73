// SPDX-License-Identifier: Apache-2.0
/*
 * object.h - the files that processes run code from
 *
 * One table for the host. An object is made when a mapping names it and opened
 * when the first sample falls into it, so that an exit or an upgrade later does
 * not matter. It is told apart by its path and by its build id where the kernel
 * reports one with the mapping, else by device, inode and the kernel's inode
 * generation or mtime.
 *
 * cprofd never looks inside: descriptors go to the symbolizer.
 *
 * Reference counted: object_ref() / object_unref(). Mappings hold references.
 */
#ifndef CPROFD_TRACKER_OBJECT_H
#define CPROFD_TRACKER_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/build_id.h"

enum object_kind {
	OBJECT_FILE = 0, /* a regular file; what the symbolizer can read */
	OBJECT_VDSO, /* the kernel's vDSO: an ELF image in memory, one for all 64-bit processes */
	OBJECT_ANON, /* executable memory without a file: JIT code */
	OBJECT_SPECIAL, /* [vsyscall], [heap], [stack], a device: never readable */
};

enum object_state {
	OBJECT_UNOPENED = 0, /* no sample fell into it yet */
	OBJECT_OPEN,         /* `fd` is the file that is mapped */
	OBJECT_UNREADABLE,   /* could not be opened, see `why` */
};

/* Why an object could not be opened. */
enum object_why {
	OBJECT_WHY_NONE = 0,
	OBJECT_WHY_GONE,        /* the process and every path to the file are gone */
	OBJECT_WHY_NOT_REGULAR, /* a FIFO, a device, a directory stands at its path */
	OBJECT_WHY_REPLACED,    /* another file stands at its path */
	OBJECT_WHY_DENIED,      /* the kernel refused */
	OBJECT_WHY_TOO_LARGE,   /* above the size cap */
	OBJECT_WHY_TOO_MANY,    /* the ceiling of open objects is reached */
	OBJECT_WHY_NO_FILE,     /* anonymous or special: there is nothing to open */
};

struct object {
	uint32_t id; /* unique in the daemon's life, never reused, never 0 */
	uint32_t refs;
	enum object_kind kind;
	enum object_state state;
	enum object_why why;
	struct build_id build_id; /* as the kernel said with a mapping; len 0 when it did not */
	uint32_t dev_major, dev_minor; /* as the kernel said; 0 when it said a build id instead */
	uint64_t inode;
	uint64_t inode_generation;
	char *path; /* as mapped, without " (deleted)"; any bytes; "//anon" for OBJECT_ANON,
		       "[vdso]" ... */
	int fd;     /* readable, regular, when OBJECT_OPEN; else -1. Owned by the object */
};

struct object *object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is accepted */

/*
 * What was opened has turned out to be another file than the one that is mapped:
 * closes it. As after any failure to open it, a later mapping leads to another try.
 */
void object_refuted(struct object *o);

#endif
