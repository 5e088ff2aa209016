/* SPDX-License-Identifier: MIT */
/*
 * Sizes in the words of people: 4K, 2M, 1G.
 */
#ifndef ZCGEM_PAGE_SIZE_H
#define ZCGEM_PAGE_SIZE_H

#include <stdint.h>
#include <stdio.h>

struct size_text {
	char text[24];
};

/* Exact: the largest unit of which @bytes is a multiple. */
static inline struct size_text size_text(uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	struct size_text out;
	unsigned int unit = 0;

	while (bytes && bytes % 1024 == 0 && units[unit + 1]) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), unit ? "%llu%c" : "%llu", (unsigned long long)bytes,
		 units[unit]);
	return out;
}

#endif /* ZCGEM_PAGE_SIZE_H */
