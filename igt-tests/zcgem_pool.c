// SPDX-License-Identifier: MIT
/*
 * Objects of the driver's own pages: what they are made of, how they are mapped, and
 * that they come back from swap as they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem pool
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of the driver's own pages.
 *
 * SUBTEST: cached
 * Description: Objects of any size start as zeroes and keep what is written by any view.
 *
 * SUBTEST: write-combined
 * Description: The same for objects that are mapped write-combined.
 *
 * SUBTEST: zeroed
 * Description: Memory that was used before is zero in the next object.
 *
 * SUBTEST: large-extents
 * Description: Large blocks are used where there are any, and mapped as such (class 6).
 *
 * SUBTEST: evict
 * Description: Eviction on advice is refused and harmless.
 *
 * SUBTEST: swapout
 * Description: Above the limit of TTM objects are swapped out and come back intact (class 12).
 *
 * SUBTEST: swapout-shared
 * Description: What an importer has mapped is not swapped out (class 12).
 *
 * SUBTEST: swapout-race
 * Description: Processes that swap each other's objects out lose nothing (class 12).
 */

IGT_TEST_DESCRIPTION("Check objects of the driver's own pages");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

/* What TTM may have allocated before it swaps out, in pages. */
#define LIMIT		"/sys/module/ttm/parameters/pages_limit"

static bool is_resident(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.flags & DRM_ZCGEM_INFO_RESIDENT;
}

static void check_zero(const void *map, uint64_t size)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], 0);
}

static void run_object(int fd, uint32_t flags)
{
	static const uint64_t sizes[] = { 1, PAGES(1), PAGES(7) + 5, MIB(4) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = sizes[i], pages = ALIGN(size, ZCGEM_PAGE);
		struct drm_zcgem_gem_info info;
		char *object, *export;
		uint32_t handle;
		int dmabuf;

		igt_assert_eq(__zcgem_create(fd, &size, flags, &handle), 0);
		igt_assert_eq_u64(size, pages);
		zcgem_info(fd, handle, &info);
		igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_POOL);
		igt_assert_eq_u32(info.flags, ZCGEM_HAS_WC && flags & DRM_ZCGEM_CREATE_WC ?
				  DRM_ZCGEM_INFO_WC : 0);
		igt_assert_eq_u64(info.resident, 0);
		igt_assert_eq_u64(info.charged, 0);

		object = zcgem_mmap(fd, handle, pages, RW);
		check_zero(object, pages);
		igt_assert(is_resident(fd, handle));
		zcgem_fill(object, pages, i + 1);
		dmabuf = zcgem_export(fd, handle);
		export = mmap(NULL, pages, RW, MAP_SHARED, dmabuf, 0);
		igt_assert(export != MAP_FAILED);
		zcgem_check(export, pages, i + 1);
		zcgem_check_same(export, object, pages);
		munmap(export, pages);
		close(dmabuf);
		munmap(object, pages);

		/* with no view left it is all still there */
		object = zcgem_mmap(fd, handle, pages, RW);
		zcgem_fill(object, pages, i + 9);
		munmap(object, pages);
		object = zcgem_mmap(fd, handle, pages, PROT_READ);
		zcgem_check(object, pages, i + 9);
		munmap(object, pages);
		gem_close(fd, handle);
	}
}

static void test_cached(int fd)
{
	run_object(fd, 0);
}

static void test_write_combined(int fd)
{
	run_object(fd, DRM_ZCGEM_CREATE_WC);
}

/* Pages that were in an object before must be zero again in the next one. */
static void test_zeroed(int fd)
{
	unsigned int round;

	for (round = 0; round < 8; round++) {
		uint32_t handle = zcgem_create(fd, MIB(4), round & 1 ?
					       DRM_ZCGEM_CREATE_WC : 0);
		char *object = zcgem_mmap(fd, handle, MIB(4), RW);

		check_zero(object, MIB(4));
		memset(object, 0xa5, MIB(4));
		munmap(object, MIB(4));
		gem_close(fd, handle);
	}
}

static void test_large_extents(int fd)
{
	const uint64_t size = MIB(16);
	struct drm_zcgem_gem_info info;
	uint64_t pages = 0, large = 0;
	uint32_t handle;
	unsigned int n;
	char *object;

	/* so that the memory has large blocks */
	__zcgem_write_setting("/proc/sys/vm/drop_caches", "3");
	__zcgem_write_setting("/proc/sys/vm/compact_memory", "1");
	handle = zcgem_create(fd, size, 0);
	zcgem_populate(fd, handle, size, NULL);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.resident, size);
	for (n = 0; n < DRM_ZCGEM_EXTENT_ORDERS; n++) {
		pages += info.extents_by_order[n];
		if (n >= 9)
			large += info.extents_by_order[n];
	}
	igt_assert_eq_u64(pages, info.extents);
	igt_info("%" PRIu64 " extents, %" PRIu64 " of 2 MiB or more\n",
		 (uint64_t)info.extents, large);
	igt_assert_lt_u64(0, large);
	igt_assert_lte_u64(info.extents, size / ZCGEM_PAGE / 16);

	/* and the page table gets what the memory allows */
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_mark_all(object, size, 1);
	zcgem_check_marks(object, size, 1);
	zcgem_info(fd, handle, &info);
	igt_assert_lt_u64(0, info.faults_pmd);
	igt_assert_lte_u64(info.faults_pmd + info.faults_pte, 16);
	munmap(object, size);
}

static void test_evict(int fd)
{
	const uint32_t flags[] = { 0, DRM_ZCGEM_CREATE_WC };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		uint32_t handle = zcgem_create(fd, PAGES(5), flags[i]);
		char *object = zcgem_mmap(fd, handle, PAGES(5), RW);

		igt_assert_eq(__zcgem_evict(fd, handle, PAGES(5)), -EOPNOTSUPP);
		zcgem_mark_all(object, PAGES(5), 1);
		igt_assert_eq(__zcgem_evict(fd, handle, PAGES(5)), -EOPNOTSUPP);
		igt_assert_eq(__zcgem_revalidate(fd, handle, PAGES(5)), 0);
		zcgem_check_marks(object, PAGES(5), 1);
		munmap(object, PAGES(5));
	}
}

/* Lets TTM have @size bytes, whatever else has been allocated from it. */
static void limit_pool(uint64_t size)
{
	char pages[32];

	snprintf(pages, sizeof(pages), "%llu", (unsigned long long)size / ZCGEM_PAGE);
	zcgem_change_setting(LIMIT, pages);
}

#define SWAP_OBJECTS	6
#define SWAP_SIZE	MIB(4)

static uint32_t kind_of(unsigned int i)
{
	return i & 1 ? DRM_ZCGEM_CREATE_WC : 0;
}

/* Room for two and a half of six objects: touching one sends others to swap. */
static void test_swapout(int fd)
{
	uint32_t handles[SWAP_OBJECTS];
	char *objects[SWAP_OBJECTS];
	unsigned int i, round, resident, dmabufs_checked = 0;

	limit_pool(2 * SWAP_SIZE + SWAP_SIZE / 2);
	for (i = 0; i < SWAP_OBJECTS; i++) {
		handles[i] = zcgem_create(fd, SWAP_SIZE, kind_of(i));
		objects[i] = zcgem_mmap(fd, handles[i], SWAP_SIZE, RW);
		zcgem_fill(objects[i], SWAP_SIZE, i + 1);
	}
	for (round = 0; round < 3; round++) {
		resident = 0;
		for (i = 0; i < SWAP_OBJECTS; i++)
			resident += is_resident(fd, handles[i]);
		igt_info("%u of %u objects are resident\n", resident, SWAP_OBJECTS);
		igt_assert_lt(resident, SWAP_OBJECTS);

		for (i = 0; i < SWAP_OBJECTS; i++) {
			uint64_t seed = i + 1 + round * SWAP_OBJECTS;

			zcgem_check(objects[i], SWAP_SIZE, seed);
			zcgem_fill(objects[i], SWAP_SIZE, seed + SWAP_OBJECTS);
		}
	}

	/* swapped out, it comes back by every way in */
	for (i = 0; i < SWAP_OBJECTS; i++) {
		uint64_t seed = i + 1 + round * SWAP_OBJECTS;
		int dmabuf = zcgem_export(fd, handles[i]);
		char *export;

		dmabufs_checked += !is_resident(fd, handles[i]);
		export = mmap(NULL, SWAP_SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);
		igt_assert(export != MAP_FAILED);
		zcgem_check(export, SWAP_SIZE, seed);
		munmap(export, SWAP_SIZE);
		close(dmabuf);
	}
	igt_assert_lt(0, dmabufs_checked);

	/* no limit: all can be there again; closing what is in swap is fine as well */
	zcgem_populate(fd, handles[0], SWAP_SIZE, objects[0]);
	for (i = 0; i < SWAP_OBJECTS / 2; i++) {
		munmap(objects[i], SWAP_SIZE);
		gem_close(fd, handles[i]);
	}
	zcgem_restore_settings();
	for (; i < SWAP_OBJECTS; i++) {
		zcgem_check(objects[i], SWAP_SIZE, i + 1 + round * SWAP_OBJECTS);
		munmap(objects[i], SWAP_SIZE);
		gem_close(fd, handles[i]);
	}
}

/* What an importer has mapped stays, or it would read pages that are others' now. */
static void test_swapout_shared(int fd)
{
	int vgem = __drm_open_driver(DRIVER_VGEM), dmabuf;
	struct drm_zcgem_gem_info info;
	uint32_t shared, theirs, other, i;
	char *object, *map;

	igt_require_f(vgem >= 0, "no vgem device\n");
	shared = zcgem_create(fd, SWAP_SIZE, 0);
	object = zcgem_mmap(fd, shared, SWAP_SIZE, RW);
	zcgem_fill(object, SWAP_SIZE, 1);
	dmabuf = zcgem_export(fd, shared);
	theirs = prime_fd_to_handle(vgem, dmabuf);
	zcgem_info(fd, shared, &info);
	if (!info.pins) {
		munmap(object, SWAP_SIZE);
		gem_close(vgem, theirs);
		gem_close(fd, shared);
		close(dmabuf);
		close(vgem);
	}
	igt_require_f(info.pins, "vgem does not map what it imports\n");

	limit_pool(SWAP_SIZE + SWAP_SIZE / 2);
	for (i = 0; i < 3; i++) {
		other = zcgem_create(fd, SWAP_SIZE, 0);
		map = zcgem_mmap(fd, other, SWAP_SIZE, RW);
		zcgem_fill(map, SWAP_SIZE, 2);
		igt_assert(is_resident(fd, shared));
		munmap(map, SWAP_SIZE);
	}
	zcgem_check(object, SWAP_SIZE, 1);

	/* let go of, it is like the others */
	gem_close(vgem, theirs);
	for (i = 0; i < 3; i++) {
		other = zcgem_create(fd, SWAP_SIZE, 0);
		map = zcgem_mmap(fd, other, SWAP_SIZE, RW);
		zcgem_fill(map, SWAP_SIZE, 2);
		munmap(map, SWAP_SIZE);
	}
	igt_assert(!is_resident(fd, shared));
	zcgem_check(object, SWAP_SIZE, 1);
	zcgem_restore_settings();
	munmap(object, SWAP_SIZE);
	close(dmabuf);
	close(vgem);
}

/* Several processes that take each other's memory away all the time. */
static void test_swapout_race(int fd)
{
	const uint64_t size = MIB(1);

	limit_pool(2 * size + size / 2);
	igt_fork(child, 3) {
		int node = drm_reopen_driver(fd);
		char *objects[2];
		unsigned int i, round;

		for (i = 0; i < 2; i++) {
			objects[i] = zcgem_mmap(node, zcgem_create(node, size, kind_of(i)),
						size, RW);
			zcgem_fill(objects[i], size, child * 2 + i);
		}
		for (round = 1; round < 40; round++) {
			for (i = 0; i < 2; i++) {
				zcgem_check(objects[i], size,
					    round * 6 - 6 + child * 2 + i);
				zcgem_fill(objects[i], size, round * 6 + child * 2 + i);
			}
		}
		munmap(objects[0], size);
		munmap(objects[1], size);
		close(node);
	}
	igt_waitchildren();
	zcgem_restore_settings();
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Objects of any size start as zeroes and keep what is written by any view");
	igt_subtest("cached")
		zcgem_run_counted(fd, test_cached);

	igt_describe("The same for objects that are mapped write-combined");
	igt_subtest("write-combined")
		zcgem_run_counted(fd, test_write_combined);

	igt_describe("Memory that was used before is zero in the next object");
	igt_subtest("zeroed")
		zcgem_run_counted(fd, test_zeroed);

	igt_describe("Large blocks are used where there are any, and mapped as such (class 6)");
	igt_subtest("large-extents")
		zcgem_run_counted(fd, test_large_extents);

	igt_describe("Eviction on advice is refused and harmless");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("Above the limit of TTM objects are swapped out and come back intact (class 12)");
	igt_subtest("swapout")
		zcgem_run_counted(fd, test_swapout);

	igt_describe("What an importer has mapped is not swapped out (class 12)");
	igt_subtest("swapout-shared")
		zcgem_run_counted(fd, test_swapout_shared);

	igt_describe("Processes that swap each other's objects out lose nothing (class 12)");
	igt_subtest("swapout-race")
		zcgem_run_counted(fd, test_swapout_race);

	igt_fixture()
		drm_close_driver(fd);
}
