/* SPDX-License-Identifier: MIT */
/*
 * Sizes as people write them (4K, 2M, 1G), and those of this machine.
 */
#ifndef ZCGEM_PAGE_SIZE_H
#define ZCGEM_PAGE_SIZE_H

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

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

/* What a PMD maps: a page of entries of 8 bytes, each for a page. 2M with pages of 4K. */
static inline uint64_t pmd_size(void)
{
	uint64_t page = sysconf(_SC_PAGESIZE);

	return page / 8 * page;
}

#endif /* ZCGEM_PAGE_SIZE_H */
