/* SPDX-License-Identifier: MIT */
/*
 * The leaves of this process's page tables, as the test bed's walker module
 * reads them; nothing in /proc shows those of VM_PFNMAP mappings.
 */
#ifndef IGT_LEAVES_H
#define IGT_LEAVES_H

#include <stdbool.h>
#include <stdint.h>

#define LEAF_4K		4096ull
#define LEAF_2M		(2ull << 20)
#define LEAF_1G		(1ull << 30)

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
 * @small: number of 4 KiB leaves
 * @large: number of 2 MiB leaves
 * @giant: number of 1 GiB leaves
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
void require_walker(void);
unsigned int read_leaves(const void *start, uint64_t size, struct leaf *leaves,
			 unsigned int max);
void count_leaves(const void *start, uint64_t size, struct leaf_count *count);
void expect_leaves(const void *start, uint64_t size, uint64_t leaf);
void expect_unmapped(const void *start, uint64_t size);
void expect_cache(const void *start, uint64_t size, const char *cache);
bool leaf_has(const struct leaf *leaf, char flag);

#endif /* IGT_LEAVES_H */
