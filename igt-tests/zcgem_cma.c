// SPDX-License-Identifier: MIT
/*
 * Memory of CMA, which programs may use as long as it can be moved away: pages leave it
 * before they are pinned, so that all of it can be allocated beside objects. Wants a
 * kernel with CMA and a machine that has some for huge pages, as by hugetlb_cma=1G.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
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

#define SIZE		(64ull << 20)
#define GIB		(1ull << 30)
#define RW		(PROT_READ | PROT_WRITE)
#define GIGANTIC	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

/* The page frames of the area: what hugetlb_cma= sets aside is a page of 1 GiB. */
static struct {
	uint64_t start;
	uint64_t end;
} cma;

static bool has_area(void)
{
	unsigned int node;
	char area[64];

	for (node = 0; node < 8; node++) {
		snprintf(area, sizeof(area), "/sys/kernel/mm/cma/hugetlb%u", node);
		if (!access(area, F_OK))
			return !access(GIGANTIC, W_OK);
	}
	return false;
}

static void take_area(void)
{
	zcgem_change_setting(GIGANTIC, "1");
	igt_assert_eq_u64(zcgem_read_number(GIGANTIC), 1);
}

static void require_cma(void)
{
	char *area;

	igt_require_f(has_area(),
		      "no CMA for huge pages: boot a kernel that has CMA with hugetlb_cma=1G\n");
	take_area();
	area = mmap(NULL, GIB, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_1GB, -1, 0);
	igt_assert_f(area != MAP_FAILED, "%m\n");
	area[0] = 1;
	cma.start = zcgem_frame(area);
	igt_assert_neq_u64(cma.start, 0);
	cma.end = cma.start + GIB / ZCGEM_PAGE;
	munmap(area, GIB);
	zcgem_restore_settings();
}

static uint64_t count_in_cma(const void *memory)
{
	uint64_t *frames = zcgem_frames(memory, SIZE), i, count = 0;

	for (i = 0; i < SIZE / ZCGEM_PAGE; i++) {
		igt_assert_neq_u64(frames[i], 0);
		count += frames[i] >= cma.start && frames[i] < cma.end;
	}
	free(frames);
	return count;
}

/*
 * The kernel gives programs pages of CMA where more than half of what is free is CMA.
 * Memory of the pool is never there. Returns an object that has enough.
 */
static uint32_t take_other_memory(int fd)
{
	const uint64_t idle = zcgem_read_key("/proc/meminfo", "CmaFree") << 10;
	const uint64_t other = (zcgem_read_key("/proc/meminfo", "MemFree") << 10) - idle;
	const uint64_t size = other > idle / 2 ? ALIGN(other - idle / 2, ZCGEM_HUGE) : ZCGEM_HUGE;
	uint32_t handle = zcgem_create(fd, size, 0);

	zcgem_populate(fd, handle, size, NULL);
	igt_info("%" PRIu64 " MiB taken\n", size >> 20);
	return handle;
}

static void fill_from_cma(int fd, void *memory)
{
	uint32_t handle = take_other_memory(fd);
	uint64_t count;

	zcgem_mark_all(memory, SIZE, 1);
	count = count_in_cma(memory);
	gem_close(fd, handle);
	igt_info("%" PRIu64 " of %llu pages are in CMA\n", count, SIZE / ZCGEM_PAGE);
	igt_require_f(count > SIZE / ZCGEM_PAGE / 8, "the test's pages are not in CMA\n");
}

/* None of the object's pages is in CMA, and while they are pinned all of it can be had. */
static void check_beside(int fd, uint32_t handle, void *memory)
{
	char *object;

	igt_assert_eq_u64(count_in_cma(memory), 0);
	object = zcgem_mmap(fd, handle, SIZE, RW);
	zcgem_check_marks(object, SIZE, 1);
	take_area();
	igt_assert(zcgem_is_resident(fd, handle));
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

	require_cma();
	fill_from_cma(fd, file);
	check_beside(fd, zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0), file);
	munmap(file, SIZE);
	zcgem_release_memfd(memfd);
}

static void test_userptr(int fd)
{
	char *memory;

	require_cma();
	memory = zcgem_anonymous(SIZE);
	fill_from_cma(fd, memory);
	check_beside(fd, zcgem_wrap_address(fd, memory, SIZE, 0), memory);
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
