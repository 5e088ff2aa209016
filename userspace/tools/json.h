/* SPDX-License-Identifier: MIT */
/*
 * Strings as JSON. All text that the tools print comes from the kernel or from
 * themselves, and is bytes of which only some need care.
 */
#ifndef ZCGEM_JSON_H
#define ZCGEM_JSON_H

#include <stdio.h>

/* A member of an object: its name, its value, and what follows it. */
static inline void json_string(const char *name, const char *value, const char *end)
{
	printf("\"%s\": \"", name);
	for (; *value; value++) {
		unsigned char c = *value;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	printf("\"%s", end);
}

#endif /* ZCGEM_JSON_H */
