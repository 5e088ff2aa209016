// SPDX-License-Identifier: MIT
/*
 * Has a buffer of /dev/udmabuf's until its input ends, for who wants to see where that counts.
 */
#include <stdio.h>

#include "buffer.h"

int main(void)
{
	struct buffer buffer;

	buffer_create(&buffer, 65536);
	puts("held");
	fflush(stdout);
	while (getchar() != EOF)
		;
	buffer_destroy(&buffer);
	return 0;
}
