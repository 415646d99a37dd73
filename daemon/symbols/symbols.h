// SPDX-License-Identifier: Apache-2.0
/*
 * symbols.h - names for addresses, by a process that is trusted with nothing
 *
 * Starts cprofd-symbolizer, hands it the descriptors of objects, asks it for
 * names, remembers the answers. When it dies, hangs or answers nonsense it is
 * killed and started again with a growing delay, and the object it was busy with
 * is set aside for good; every other object is handed over anew. Samples are
 * never at risk here, only names.
 *
 * Everything happens on the caller's sd-event loop; no call blocks.
 */
#ifndef CPROFD_SYMBOLS_SYMBOLS_H
#define CPROFD_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <systemd/sd-event.h>

#include "base/build_id.h"

struct object;
struct symbols;
struct symbols_job;

struct symbols_options {
	int program_fd;  /* cprofd-symbolizer, opened O_PATH; borrowed for the life of `symbols` */
	int kallsyms_fd; /* /proc/kallsyms, opened by somebody who may see addresses; borrowed; -1:
			    none */
	uint64_t deadline_ns; /* for one answer; later ones count as a hang. 0: 5 s */
	size_t cache_bytes;   /* ceiling of remembered names; 0: 8 MiB */
};

/* Why a frame has no name: the symbolizer's reasons, then those that arise on this side. */
enum symbol_reason {
	SYMBOL_OK = 0,
	SYMBOL_NO_SYMBOL = 1, /* as symbolize.proto's Reason, number by number, up to 10 */
	SYMBOL_NO_SYMBOLS = 2,
	SYMBOL_NOT_ELF = 3,
	SYMBOL_MALFORMED = 4,
	SYMBOL_UNSUPPORTED = 5,
	SYMBOL_TOO_LARGE = 6,
	SYMBOL_OUTSIDE_SEGMENTS = 7,
	SYMBOL_BUILD_ID_DIFFERS = 8,
	SYMBOL_KALLSYMS_HIDDEN = 9,
	SYMBOL_UNREADABLE = 10,
	SYMBOL_NO_OBJECT = 32, /* the object could not be opened: see object_why */
	SYMBOL_ANONYMOUS,      /* code without a file */
	SYMBOL_SET_ASIDE,      /* the symbolizer died, hung or talked nonsense over this object */
	SYMBOL_LATE,           /* the job's deadline passed first */
	SYMBOL_NO_SYMBOLIZER,  /* it cannot be started */
	SYMBOL_NO_KALLSYMS,    /* /proc/kallsyms could not be opened */
	SYMBOL_NO_MAPPING, /* nothing executable is known at the address (never a job's answer) */
};

/* For comments and status: "no_symbol", "set_aside", ... Static. */
const char *symbol_reason_name(enum symbol_reason reason);

struct symbol {
	const char *name;        /* demangled; NULL when there is none: see reason */
	const char *system_name; /* as in the symbol table; NULL with name */
	const char *module; /* kernel: "nf_tables", NULL for the kernel itself and for user code */
	enum symbol_reason reason;
	bool trampoline; /* a caller's address that names itself (signal return): do not take 1 off
			  */
};

/* A named stretch of kernel addresses: "[kernel.kallsyms]", "[nf_tables]". */
struct symbols_range {
	const char *name;
	uint64_t start, limit;
};

int symbols_new(sd_event *loop, const struct symbols_options *options, struct symbols **ret);
/* Kills the symbolizer. All jobs must have been freed. NULL is accepted. */
void symbols_free(struct symbols *s);

/*
 * An object got its first sample: have it indexed, so that names are quick later.
 * A reference is taken. No effect the second time or when it is not OBJECT_OPEN.
 */
void symbols_prefetch(struct symbols *s, struct object *object);

/*
 * A job: any number of addresses, then one call back when all have an answer or
 * deadline_ns (CLOCK_MONOTONIC) has passed. `done` is never called from within
 * symbols_job_start().
 */
int symbols_job_new(struct symbols *s, struct symbols_job **ret);

/*
 * Want the name of `address` in `object` (a file offset; a reference is taken), or
 * in the kernel when object is NULL (an absolute address). `caller`: it is a return
 * address. Returns a slot number, counted from 0, or -ENOMEM.
 */
long symbols_job_want(
	struct symbols_job *job, struct object *object, uint64_t address, bool caller);

int symbols_job_start(
	struct symbols_job *job, uint64_t deadline_ns, void (*done)(void *ctx), void *ctx);

/* After `done`: the answer for a slot. Borrowed until symbols_job_free(). */
struct symbol symbols_job_result(const struct symbols_job *job, long slot);

void symbols_job_free(struct symbols_job *job); /* cancels it if it runs; NULL is accepted */

/* The build id that the symbolizer found in the file; len 0 when not (yet) known. */
struct build_id symbols_build_id(const struct symbols *s, const struct object *object);

/* Kernel ranges, sorted by start; empty until /proc/kallsyms was read. Borrowed until the next
 * event. */
size_t symbols_kernel_ranges(const struct symbols *s, const struct symbols_range **ret);

struct symbols_totals {
	uint64_t restarts;                 /* not counting the first start */
	uint64_t crashes, hangs, nonsense; /* why */
	uint64_t objects, set_aside;
	uint64_t asked, cached; /* addresses sent, addresses answered from memory */
	size_t bytes;           /* of the cache and tables, here */
	uint64_t index_bytes;   /* as the symbolizer reports its own */
	pid_t pid;              /* of the symbolizer; 0 while none runs */
};

void symbols_totals(const struct symbols *s, struct symbols_totals *ret);

#endif
