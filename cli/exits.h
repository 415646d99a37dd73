// SPDX-License-Identifier: Apache-2.0
/*
 * exits.h - what cprofctl's exit status says
 */
#ifndef CPROFD_CLI_EXITS_H
#define CPROFD_CLI_EXITS_H

#include <errno.h>

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_PROCESS = 3,
	EXIT_NOT_PERMITTED = 4,
};

/* The status for a negative errno from the control channel; EXIT_DONE for 0. */
static inline enum exit_status exit_status_of(int err)
{
	switch (err) {
	case 0:
		return EXIT_DONE;
	case -EINVAL:
		return EXIT_USAGE;
	case -ESRCH:
		return EXIT_NO_PROCESS;
	case -EPERM:
	case -EACCES:
		return EXIT_NOT_PERMITTED;
	default:
		return EXIT_FAILED;
	}
}

#endif
