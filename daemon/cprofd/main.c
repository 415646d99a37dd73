// SPDX-License-Identifier: Apache-2.0
/* cprofd - samples every process of the host */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/log.h"
#include "control/frame.h"
#include "cprofd/daemon.h"
#include "cprofd/options.h"
#include "proto/control.pb-c.h"

enum {
	EXIT_FAILED = 1,
	EXIT_USAGE = 2
};

/*
 * Why it could not start: to the log, or, of a private daemon, to its client, who
 * shows it in its own words and way.
 */
static void report(const struct options *o, int err, const char *text)
{
	Cprofd__Control__ServerMessage message = CPROFD__CONTROL__SERVER_MESSAGE__INIT;
	Cprofd__Control__Error error = CPROFD__CONTROL__ERROR__INIT;

	if (!o->private) {
		log_error("%s", text);
		return;
	}
	error.code = err == -ERANGE ? CPROFD__CONTROL__ERROR_CODE__BAD_REQUEST
				    : CPROFD__CONTROL__ERROR_CODE__UNAVAILABLE;
	error.text = (char *)text;
	message.kind_case = CPROFD__CONTROL__SERVER_MESSAGE__KIND_ERROR;
	message.error = &error;
	if (frame_write(OPTIONS_PRIVATE_FD, &message.base, -1))
		log_error("%s", text);
}

int main(int argc, char **argv)
{
	struct options options;
	struct daemon *daemon;
	struct diag diag = {0};
	int err;

	log_init("cprofd", LOG_LEVEL_INFO);
	if (options_parse(argc, argv, &diag, &options)) {
		log_error("%s", diag.text);
		return EXIT_USAGE;
	}
	if (options.help || options.version) {
		(void)fputs(options.help ? options_usage : "cprofd " CPROFD_VERSION "\n", stdout);
		return fflush(stdout) ? EXIT_FAILED : EXIT_SUCCESS;
	}
	err = daemon_new(&options, &diag, &daemon);
	if (err) {
		report(&options, err, diag.text);
		return EXIT_FAILED;
	}
	if (!options.private)
		log_info("sampling at %u Hz, listening on %s", options.hz, options.socket);
	err = daemon_run(daemon);
	daemon_free(daemon);
	if (err)
		log_error("the event loop failed: %s", strerror(-err));
	return err ? EXIT_FAILED : EXIT_SUCCESS;
}
