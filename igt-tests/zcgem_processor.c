// SPDX-License-Identifier: MIT
/*
 * Leaves that the kernel was built for and the processor has not got.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem processor
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that mappings are made of leaves that the processor has.
 *
 * SUBTEST: leaf-sizes
 * Description: Leaves of 1 GiB are told of where the processor has them, and nowhere else.
 *
 * SUBTEST: long-runs
 * Description: Memory that is contiguous for more than 1 GiB can be touched on any processor (class 6).
 */

IGT_TEST_DESCRIPTION("Check that mappings are made of leaves that the processor has");

#define RW	(PROT_READ | PROT_WRITE)
/* More than four pages of 1 GiB. */
#define SIZE	(9ull << 29)

static void test_leaf_sizes(int fd)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);

	igt_assert(leaves & LEAF_2M);
	igt_assert_eq(!!(leaves & LEAF_1G), has_giant_leaves());
}

/* On a machine that has just started the allocator's blocks follow each other. */
static void test_long_runs(int fd)
{
	uint64_t size = SIZE, i;
	struct drm_zcgem_gem_info info;
	uint64_t *map, longest = 0;
	struct leaf_count count;
	uint32_t handle;

	igt_require_f(zcgem_read_key("/proc/meminfo", "MemTotal") > SIZE >> 10,
		      "this needs a machine of 7 GiB\n");
	igt_assert_eq(__zcgem_create(fd, &size, 0, &handle), 0);
	zcgem_populate(fd, handle, size, NULL);
	zcgem_info(fd, handle, &info);
	for (i = __builtin_ctzll(LEAF_1G / LEAF_4K); i < DRM_ZCGEM_EXTENT_ORDERS; i++)
		longest += info.extents_by_order[i];
	igt_info("%" PRIu64 " extents, %" PRIu64 " of 1 GiB or more\n", (uint64_t)info.extents,
		 longest);

	map = zcgem_mmap(fd, handle, size, RW);
	for (i = 0; i < size / sizeof(*map); i += LEAF_2M / 2 / sizeof(*map))
		map[i] = i + 1;
	for (i = 0; i < size / sizeof(*map); i += LEAF_2M / 2 / sizeof(*map))
		igt_assert_eq_u64(map[i], i + 1);
	count_leaves(map, size, &count);
	igt_info("leaves of 4 KiB: %" PRIu64 ", 2 MiB: %" PRIu64 ", 1 GiB: %" PRIu64 "\n",
		 count.small, count.large, count.giant);
	igt_assert_eq_u64(count.bytes, size);
	if (!has_giant_leaves())
		igt_assert_eq_u64(count.giant, 0);
	munmap(map, size);
	gem_close(fd, handle);
	igt_require_f(longest, "no memory was contiguous for 1 GiB\n");
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("Leaves of 1 GiB are told of where the processor has them, and nowhere else");
	igt_subtest("leaf-sizes")
		zcgem_run_counted(fd, test_leaf_sizes);

	igt_describe("Memory that is contiguous for more than 1 GiB can be touched on any processor (class 6)");
	igt_subtest("long-runs")
		zcgem_run_counted(fd, test_long_runs);

	igt_fixture()
		drm_close_driver(fd);
}
