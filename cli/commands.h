// SPDX-License-Identifier: Apache-2.0
/*
 * commands.h - cprofctl's subcommands
 *
 * Each gets the arguments from its own name on, does all of its work, says on
 * stderr what went wrong, and returns the exit status (exits.h).
 */
#ifndef CPROFD_CLI_COMMANDS_H
#define CPROFD_CLI_COMMANDS_H

#include "options.h"

int cmd_record(int argc, char **argv, const struct globals *globals);
int cmd_status(int argc, char **argv, const struct globals *globals);

/* What `cprofctl help COMMAND` prints. */
extern const char cmd_record_help[];
extern const char cmd_status_help[];

/* Write text to stdout. Returns EXIT_DONE, or EXIT_FAILED after saying why. */
int cmd_print(const char *text, size_t len);

/* Say what is wrong with the arguments of `command` ("": of none) and where help is. Returns
 * EXIT_USAGE. */
int cmd_usage(const char *command, const struct diag *diag);

#endif
