/* SPDX-License-Identifier: MIT */
/*
 * Objects of every kind of memory that a leaf of a page table can map.
 */
#ifndef IGT_ZCGEM_MEMORY_H
#define IGT_ZCGEM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_wrap.h"

/**
 * enum memory_kind - Where an object's pages come from.
 * @SHMEM_4K: memfd, 4 KiB pages
 * @SHMEM_THP: memfd, 2 MiB pages of tmpfs
 * @HUGETLB_2M: memfd on hugetlbfs, 2 MiB pages
 * @HUGETLB_1G: memfd on hugetlbfs, 1 GiB pages
 * @ANON_4K: anonymous memory, 4 KiB pages
 * @ANON_THP: anonymous memory, 2 MiB pages
 * @ANON_HUGETLB: anonymous hugetlb memory, 2 MiB pages
 * @POOL: the driver's own
 * @POOL_WC: the driver's own, write-combined
 */
enum memory_kind {
	SHMEM_4K,
	SHMEM_THP,
	HUGETLB_2M,
	HUGETLB_1G,
	ANON_4K,
	ANON_THP,
	ANON_HUGETLB,
	POOL,
	POOL_WC,
};

/**
 * struct memory - An object and what it was made of.
 * @kind: the kind
 * @size: bytes
 * @leaf: size of the pages
 * @handle: GEM handle
 * @memfd: the memfd, or -1
 * @own: the program's own mapping of the memory, or NULL
 */
struct memory {
	enum memory_kind kind;
	uint64_t size;
	uint64_t leaf;
	uint32_t handle;
	int memfd;
	void *own;
};

const char *memory_name(enum memory_kind kind);
bool memory_available(enum memory_kind kind, uint64_t size);
void make_memory(int fd, enum memory_kind kind, uint64_t size, struct memory *memory);
void free_memory(int fd, struct memory *memory);
void *map_memory(int fd, const struct memory *memory, int prot);

void stamp(void *map, uint64_t first, uint64_t size, uint64_t step, uint64_t seed);
uint64_t first_bad_stamp(const void *map, uint64_t first, uint64_t size,
			 uint64_t step, uint64_t seed);
void check_stamps(const void *map, uint64_t first, uint64_t size, uint64_t step,
		  uint64_t seed);
void touch(const void *map, uint64_t size, uint64_t step, bool write);
uint64_t minor_faults(void);
bool page_table_is_checked(void);

#endif /* IGT_ZCGEM_MEMORY_H */
