// SPDX-License-Identifier: MIT
/*
 * The zcgem command: finds the subcommand and hands it the rest of the line.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

const char *argp_program_version = "zcgem " ZCGEM_VERSION;

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "copy", cmd_copy },
	{ "info", cmd_info },
	{ "objects", cmd_objects },
	{ "show", cmd_show },
	{ "top", cmd_top },
};

static const char doc[] =
	"Memory that a program already owns, as GEM objects, without a copy.\v"
	"Commands:\n"
	"  copy    copy a file, or fill one, by the device's engine\n"
	"  info    what the zcgem device of this machine can do, and what it cannot\n"
	"  objects the objects of this machine, as a table or JSON\n"
	"  show    show a picture from a memfd on a display, without a copy\n"
	"  top     who uses zcgem now, in a table that is renewed\n"
	"\n"
	"`zcgem COMMAND --help' says more about each.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	size_t i;

	switch (key) {
	case ARGP_KEY_ARG:
		for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
			static char name[64];

			if (strcmp(arg, commands[i].name))
				continue;
			/* What messages and usage lines begin with. */
			snprintf(name, sizeof(name), "zcgem %s", arg);
			state->argv[state->next - 1] = name;
			program_invocation_name = name;
			exit(commands[i].run(state->argc - state->next + 1,
					     state->argv + state->next - 1));
		}
		argp_error(state, "unknown command '%s'", arg);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { .parser = parse, .args_doc = "COMMAND [ARGUMENT...]",
					  .doc = doc };

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, NULL);
	return EXIT_SUCCESS;
}
