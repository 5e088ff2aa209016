// SPDX-License-Identifier: MIT
/*
 * Memory of CMA, which programs may use as long as it can be moved away: pages leave it
 * before they are pinned, so that all of it can be allocated beside objects. Wants a
 * kernel with CMA and a machine that has some for huge pages, as by hugetlb_cma=1G.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem cma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that CMA can be allocated beside objects.
 *
 * SUBTEST: memfd
 * Description: Pages of a memfd leave CMA before they are pinned (class 10).
 *
 * SUBTEST: userptr
 * Description: Pages of an address range leave CMA before they are pinned (class 10).
 */

IGT_TEST_DESCRIPTION("Check that CMA can be allocated beside objects");

#define SIZE		(32ull << 20)
#define RW		(PROT_READ | PROT_WRITE)
#define GIGANTIC	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

/* What hugetlb_cma= sets aside for pages of 1 GiB is what a program can allocate. */
static void require_cma(void)
{
	bool found = false;
	char area[64];
	unsigned int node;

	for (node = 0; node < 8 && !found; node++) {
		snprintf(area, sizeof(area), "/sys/kernel/mm/cma/hugetlb%u", node);
		found = !access(area, F_OK) && !access(GIGANTIC, W_OK);
	}
	igt_require_f(found,
		      "no CMA for huge pages: boot a kernel that has CMA with hugetlb_cma=1G\n");
}

static uint64_t free_cma(void)
{
	return zcgem_read_key("/proc/meminfo", "CmaFree");
}

static void fill_from_cma(void *memory)
{
	uint64_t idle = free_cma(), borrowed;

	zcgem_mark_all(memory, SIZE, 1);
	borrowed = idle - free_cma();
	igt_info("%" PRIu64 " of %llu KiB are in CMA\n", borrowed, SIZE / 1024);
	igt_require_f(borrowed > SIZE / 1024 / 2 && borrowed <= idle,
		      "the test's pages are not in CMA\n");
}

/* The object's pages are gone from CMA, and every single page of CMA can be had. */
static void check_beside(int fd, uint32_t handle, void *memory, uint64_t before)
{
	uint64_t left = before - free_cma();
	char *object;

	igt_info("%" PRId64 " KiB of CMA are in use beside the object\n", (int64_t)left);
	igt_assert_lt_u64(before - SIZE / 1024 / 4, free_cma());
	zcgem_check_marks(memory, SIZE, 1);
	zcgem_change_setting(GIGANTIC, "1");
	igt_assert_eq_u64(zcgem_read_number(GIGANTIC), 1);
	igt_assert(zcgem_is_resident(fd, handle));
	object = zcgem_mmap(fd, handle, SIZE, RW);
	zcgem_check_marks(object, SIZE, 1);
	zcgem_check_same(object, memory, SIZE);
	zcgem_restore_settings();
	munmap(object, SIZE);
	gem_close(fd, handle);
}

static void test_memfd(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, SIZE);
	uint64_t before;

	require_cma();
	before = free_cma();
	fill_from_cma(file);
	check_beside(fd, zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0), file, before);
	munmap(file, SIZE);
	zcgem_release_memfd(memfd);
}

static void test_userptr(int fd)
{
	char *memory;
	uint64_t before;

	require_cma();
	memory = zcgem_anonymous(SIZE);
	before = free_cma();
	fill_from_cma(memory);
	check_beside(fd, zcgem_wrap_address(fd, memory, SIZE, 0), memory, before);
	munmap(memory, SIZE);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Pages of a memfd leave CMA before they are pinned (class 10)");
	igt_subtest("memfd")
		zcgem_run_counted(fd, test_memfd);

	igt_describe("Pages of an address range leave CMA before they are pinned (class 10)");
	igt_subtest("userptr")
		zcgem_run_counted(fd, test_userptr);

	igt_fixture()
		drm_close_driver(fd);
}
