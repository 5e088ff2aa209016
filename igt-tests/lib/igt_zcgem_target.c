// SPDX-License-Identifier: MIT
/*
 * Mappings of every kind of object that others try to get at.
 */
#include <sys/mman.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_target.h"

static const enum memory_kind kinds[] = {
	SHMEM_4K, HUGETLB_2M, HUGETLB_1G, ANON_THP, POOL, POOL_WC,
};

/**
 * target_size:
 * @kind: the kind of memory
 *
 * Returns: How many bytes of it a target has.
 */
uint64_t target_size(enum memory_kind kind)
{
	return kind == HUGETLB_1G ? LEAF_1G : 2 * LEAF_2M;
}

/**
 * open_target:
 * @fd: zcgem descriptor
 * @kind: the kind of memory
 * @target: filled; nothing of it is mapped yet
 */
void open_target(int fd, enum memory_kind kind, struct target *target)
{
	uint64_t size = target_size(kind);

	make_memory(fd, kind, size, &target->memory);
	target->size = size;
	target->map = map_memory(fd, &target->memory, PROT_READ | PROT_WRITE);
	target->inside = target->map + 3 * ZCGEM_PAGE;
	target->across = target->map + LEAF_2M - 2 * ZCGEM_PAGE;
}

/**
 * close_target:
 * @fd: zcgem descriptor
 * @target: what open_target() filled
 */
void close_target(int fd, struct target *target)
{
	munmap(target->map, target->size);
	free_memory(fd, &target->memory);
}

static void try_doors(int fd, enum memory_kind kind, door try, void *data)
{
	struct target target;

	open_target(fd, kind, &target);

	/* nothing is there, and nothing may come by this */
	try(&target, data);

	stamp(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	touch(target.map, target.size, ZCGEM_PAGE, false);
	if (kind != POOL && kind != POOL_WC)
		expect_leaves(target.map, target.size, target.memory.leaf);
	try(&target, data);
	check_stamps(target.map, 0, target.size, TARGET_STEP, TARGET_SEED);
	if (kind != POOL && kind != POOL_WC)
		expect_leaves(target.map, target.size, target.memory.leaf);

	close_target(fd, &target);
}

/**
 * try_each_target:
 * @fd: zcgem descriptor
 * @try: a way to get at the memory
 * @data: for @try
 *
 * Tries each kind of memory that this machine has, before its leaves are there, which
 * ends in the slow walk of the page tables, and after, which the fast walk meets.
 */
void try_each_target(int fd, door try, void *data)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (memory_available(kinds[i], target_size(kinds[i])))
			try_doors(fd, kinds[i], try, data);
	}
}
