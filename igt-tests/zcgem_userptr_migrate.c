// SPDX-License-Identifier: MIT
/*
 * Pages of address ranges that are moved: before they are pinned where they must not
 * stay, and never afterwards.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem userptr migrate
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check where the pages of address ranges may be.
 *
 * SUBTEST: compaction
 * Description: Compaction leaves an object's pages where they are (class 10).
 *
 * SUBTEST: movable
 * Description: Pages leave ZONE_MOVABLE before they are pinned (class 10).
 *
 * SUBTEST: movable-hugetlb
 * Description: So do huge pages of hugetlbfs (class 10).
 */

IGT_TEST_DESCRIPTION("Check where the pages of address ranges may be");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define OLD	0x100000000ull

static void test_compaction(int fd)
{
	const uint64_t size = PAGES(512);
	char *user = zcgem_anonymous(size), *shared = zcgem_shared_anonymous(size);
	struct drm_zcgem_userptr_range ranges[] = {
		zcgem_address_range(user, size), zcgem_address_range(shared, size),
	};
	uint64_t *frames, *other, round;
	uint32_t handle;
	char *object;

	zcgem_mark_all(user, size, OLD);
	zcgem_mark_all(shared, size, OLD);
	handle = zcgem_wrap_userptr(fd, ranges, 2, 0);
	object = zcgem_mmap(fd, handle, 2 * size, RW);
	frames = zcgem_frames(user, size);
	other = zcgem_frames(shared, size);
	for (round = 0; round < 3; round++) {
		igt_require_f(__zcgem_write_setting("/proc/sys/vm/compact_memory", "1"),
			      "no compaction: %m\n");
		zcgem_check_frames(user, size, frames);
		zcgem_check_frames(shared, size, other);
		zcgem_check_same(user, object, size);
		zcgem_check_same(shared, object + size, size);
	}
	free(other);
	free(frames);
	munmap(object, 2 * size);
	munmap(shared, size);
	munmap(user, size);
}

/* Pages in ZONE_MOVABLE must leave it, as pins would make it no longer movable. */
static void run_movable(int fd, char *user, uint64_t size)
{
	struct drm_zcgem_gem_info info;
	uint64_t before;
	uint32_t handle;
	char *object;

	zcgem_mark_all(user, size, OLD);
	before = zcgem_count_movable(user, size);
	igt_require_f(before, "none of the test's pages are in ZONE_MOVABLE\n");
	igt_info("%" PRIu64 " of %llu pages were in ZONE_MOVABLE\n", before,
		 size / ZCGEM_PAGE);
	handle = zcgem_wrap_address(fd, user, size, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.resident, size);
	igt_assert_eq_u64(zcgem_count_movable(user, size), 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, size, OLD);
	zcgem_check_marks(user, size, OLD);
	zcgem_check_same(user, object, size);
	munmap(object, size);
	gem_close(fd, handle);
	munmap(user, size);
}

static void test_movable(int fd)
{
	zcgem_require_movable_zone();
	run_movable(fd, zcgem_anonymous(PAGES(256)), PAGES(256));
	run_movable(fd, zcgem_shared_anonymous(PAGES(256)), PAGES(256));
	run_movable(fd, zcgem_huge_anonymous(2 * ZCGEM_HUGE), 2 * ZCGEM_HUGE);
}

static void test_movable_hugetlb(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	char *user;

	zcgem_require_movable_zone();
	/* twice as many: the others are there to move to */
	close(zcgem_memfd_hugetlb(2 * size, 0));
	user = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	igt_require_f(user != MAP_FAILED, "no anonymous huge pages: %m\n");
	run_movable(fd, user, size);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Compaction leaves an object's pages where they are (class 10)");
	igt_subtest("compaction")
		zcgem_run_counted(fd, test_compaction);

	igt_describe("Pages leave ZONE_MOVABLE before they are pinned (class 10)");
	igt_subtest("movable")
		zcgem_run_counted(fd, test_movable);

	igt_describe("So do huge pages of hugetlbfs (class 10)");
	igt_subtest("movable-hugetlb")
		zcgem_run_counted(fd, test_movable_hugetlb);

	igt_fixture()
		drm_close_driver(fd);
}
