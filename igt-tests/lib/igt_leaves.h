/* SPDX-License-Identifier: MIT */
/*
 * The leaves of this process's page tables, as the test bed's walker module
 * reads them; nothing in /proc shows those of VM_PFNMAP mappings.
 */
#ifndef IGT_LEAVES_H
#define IGT_LEAVES_H

#include <stdbool.h>
#include <stdint.h>

#include "igt_zcgem.h"

/* By their sizes where pages have 4 KiB; elsewhere those of the same levels. */
#define LEAF_4K		igt_zcgem_page_size()
#define LEAF_2M		igt_zcgem_pmd_size()
#define LEAF_1G		(LEAF_4K / 8 * LEAF_2M)

/**
 * struct leaf - One entry that maps memory.
 * @address: where what it maps begins
 * @size: bytes that it maps
 * @pfn: page frame number of its first page
 * @flags: a letter or '-' each, in the order "pwadsvux"; see testbed/walker
 * @cache: memory type, "WB" for normal memory
 */
struct leaf {
	uint64_t address;
	uint64_t size;
	uint64_t pfn;
	char flags[12];
	char cache[4];
};

/**
 * struct leaf_count - What a range is mapped by.
 * @small: number of page table entries
 * @large: number of PMD entries
 * @giant: number of PUD entries
 * @bytes: bytes that they map
 * @writable: how many of them can be written
 * @special: how many carry the special bit
 * @devmap: how many carry the devmap bit
 */
struct leaf_count {
	uint64_t small, large, giant, bytes;
	uint64_t writable, special, devmap;
};

bool has_giant_leaves(void);
bool has_large_leaves(void);
void require_large_leaves(void);
void require_walker(void);
unsigned int read_leaves(const void *start, uint64_t size, struct leaf *leaves,
			 unsigned int max);
void count_leaves(const void *start, uint64_t size, struct leaf_count *count);
void expect_leaves(const void *start, uint64_t size, uint64_t leaf);
void expect_unmapped(const void *start, uint64_t size);
void expect_cache(const void *start, uint64_t size, const char *cache);
bool leaf_has(const struct leaf *leaf, char flag);

#endif /* IGT_LEAVES_H */
