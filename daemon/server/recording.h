// SPDX-License-Identifier: Apache-2.0
/*
 * recording.h - a window of time, from its opening to its profile
 *
 * What every way in does with a request for a profile of the time to come: open
 * the window, wait, close it at its exact edge (or early: when told to, or when
 * every process it watches has ended), have the profile built.
 */
#ifndef CPROFD_SERVER_RECORDING_H
#define CPROFD_SERVER_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "collect/account.h"
#include "profile/job.h"
#include "profile/request.h"

struct collect;
struct recording;

#define RECORDING_MAX_NOTES 16

struct recording_progress {
	uint64_t elapsed_ns;
	uint64_t samples;    /* of the selection */
	uint64_t lost, late; /* of the host */
};

struct recording_end {
	int error; /* 0, or a negative errno */
	struct profile_result profile;
	uint64_t duration_ns;
	struct account_window window;
	char notes[RECORDING_MAX_NOTES][128]; /* lines for the user */
	size_t n_notes;
};

struct recording_options {
	struct collect *collect; /* borrowed */
	uint64_t duration_ns;
	void (*progress)(void *ctx, const struct recording_progress *p); /* about once a second */
	/* once; `end` is borrowed until recording_free(), which may be called from here */
	void (*done)(void *ctx, const struct recording_end *end);
	void *ctx;
};

/*
 * Open the window now. `request` says what is wanted (its times are filled in
 * here); it is taken over in any case. Returns 0 or a negative errno.
 */
int recording_start(sd_event *loop, const struct recording_options *options,
	struct profile_request *request, struct recording **ret);

/* Close the window now. `done` follows. No effect once it is closed. */
void recording_stop(struct recording *r);

/* Wall clock at the opening. */
uint64_t recording_start_unix_ns(const struct recording *r);

/* Cancels what still runs; NULL is accepted. */
void recording_free(struct recording *r);

#endif
