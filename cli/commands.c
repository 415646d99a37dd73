// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "exits.h"
#include "term.h"

int cmd_print(const char *text, size_t len)
{
	int err = io_write_all(STDOUT_FILENO, text, len);

	if (!err)
		return EXIT_DONE;
	term_say("cannot write standard output: %s", strerror(-err));
	return EXIT_FAILED;
}

int cmd_usage(const char *command, const struct diag *diag)
{
	term_say("%s; see: cprofctl help%s%s", diag->text, *command ? " " : "", command);
	return EXIT_USAGE;
}
