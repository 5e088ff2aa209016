// SPDX-License-Identifier: MIT
/*
 * Mappings by leaves of each size, for tests of what can be done to mappings.
 */
#include <sys/mman.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_view.h"

static const enum memory_kind kinds[] = { SHMEM_4K, HUGETLB_2M, HUGETLB_1G };

static uint64_t kind_size(enum memory_kind kind)
{
	return kind == HUGETLB_1G ? LEAF_1G : 3 * LEAF_2M;
}

/**
 * open_view:
 * @fd: zcgem descriptor
 * @kind: the kind of memory
 * @view: filled
 */
void open_view(int fd, enum memory_kind kind, struct view *view)
{
	view->size = kind_size(kind);
	view->step = kind == HUGETLB_1G ? 16 * ZCGEM_PAGE : ZCGEM_PAGE;
	make_memory(fd, kind, view->size, &view->memory);
	stamp(view->memory.own, 0, view->size, view->step, VIEW_SEED);
	view->map = map_memory(fd, &view->memory, PROT_READ | PROT_WRITE);
	check_stamps(view->map, 0, view->size, view->step, VIEW_SEED);
	expect_leaves(view->map, view->size, view->memory.leaf);
}

/**
 * close_view:
 * @fd: zcgem descriptor
 * @view: what open_view() filled, not mapped any more
 *
 * Whatever was done to the mapping, it was not done to the memory.
 */
void close_view(int fd, struct view *view)
{
	check_stamps(view->memory.own, 0, view->size, view->step, VIEW_SEED);
	free_memory(fd, &view->memory);
}

/**
 * try_each_leaf:
 * @fd: zcgem descriptor
 * @test: does something to the mapping, and unmaps it
 *
 * Runs @test on a mapping of each size of leaves that this machine has.
 */
void try_each_leaf(int fd, void (*test)(int fd, struct view *view))
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct view view;

		if (!memory_available(kinds[i], kind_size(kinds[i])))
			continue;
		open_view(fd, kinds[i], &view);
		test(fd, &view);
		close_view(fd, &view);
	}
}

/**
 * check_part:
 * @view: the object
 * @map: where a part of it is mapped
 * @first: where the part starts in the object, bytes
 * @size: bytes
 *
 * Fails unless the stamps that lie in the part are there.
 */
void check_part(const struct view *view, const char *map, uint64_t first, uint64_t size)
{
	uint64_t skip = ALIGN(first, view->step) - first;

	if (skip < size)
		check_stamps(map + skip, first + skip, size - skip, view->step, VIEW_SEED);
}
