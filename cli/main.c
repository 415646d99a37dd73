// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scope.h"
#include "commands.h"
#include "exits.h"
#include "term.h"

static const struct command {
	const char *name;
	const char *summary;
	int (*run)(int argc, char **argv, const struct globals *globals);
	const char *help;
} commands[] = {
	{"record", "profile processes or the whole host", cmd_record, cmd_record_help},
	{"status", "what a running cprofd has seen and lost", cmd_status, cmd_status_help},
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int overview(void)
{
	scoped(buf_fini) struct buf out = buf_with_ceiling(65536);

	buf_append_str(&out, "usage: cprofctl [--socket PATH] COMMAND ...\n"
			     "\n"
			     "See what the CPUs are doing, through cprofd.\n"
			     "\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		buf_printf(&out, "  %-10s %s\n", commands[i].name, commands[i].summary);
	buf_append_str(&out, "  help       show this, or with COMMAND how to use it\n"
			     "\n"
			     "      --socket PATH  ask the cprofd that listens there\n"
			     "  -V, --version      show the version\n"
			     "  -h, --help         show this\n");
	return cmd_print((const char *)out.bytes, out.len);
}

static int unknown(const char *name)
{
	struct diag diag;

	(void)diag_set(&diag, -EINVAL, "there is no command %s: record, status and help are", name);
	return cmd_usage("", &diag);
}

static int help(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;

	if (argc < 2 || strcmp(argv[1], "help") == 0)
		return overview();
	if (!command)
		return unknown(argv[1]);
	return cmd_print(command->help, strlen(command->help));
}

static int dispatch(int argc, char **argv, const struct globals *globals)
{
	static const struct diag missing = {"no command given"};
	const struct command *command;

	if (!argc)
		return cmd_usage("", &missing);
	if (strcmp(argv[0], "help") == 0)
		return help(argc, argv);
	command = find(argv[0]);
	return command ? command->run(argc, argv, globals) : unknown(argv[0]);
}

int main(int argc, char **argv)
{
	static const char version[] = "cprofctl " CPROFD_VERSION "\n";
	struct globals globals;
	struct diag diag;

	term_reserve_std();
	(void)signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error like others */
	if (options_parse_globals(argc, argv, &globals, &diag) < 0)
		return cmd_usage("", &diag);
	if (globals.help)
		return overview();
	if (globals.version)
		return cmd_print(version, strlen(version));
	return dispatch(argc - globals.n_used, argv + globals.n_used, &globals);
}
