// SPDX-License-Identifier: MIT
/*
 * Explains an error, by its number, of a machine whose files are below a
 * directory. test_commands.py makes the directories.
 */
#include <stdlib.h>

#include "no_device.h"

int main(int argc, char **argv)
{
	if (argc != 3)
		return EXIT_FAILURE;
	explain_no_device(-atoi(argv[1]), argv[2]);
	return EXIT_SUCCESS;
}
