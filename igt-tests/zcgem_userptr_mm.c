// SPDX-License-Identifier: MIT
/*
 * What the memory manager, asked or on its own account, does to address ranges that are
 * wrapped: the object keeps its pages, and as long as the range has them too, they are
 * the same.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_mm.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem userptr mm
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of address ranges against the memory manager.
 *
 * SUBTEST: ksm
 * Description: KSM leaves an object's pages alone, and merged pages are parted by a wrap (class 12).
 *
 * SUBTEST: khugepaged
 * Description: Neither MADV_COLLAPSE nor khugepaged replaces an object's pages (class 12).
 *
 * SUBTEST: pageout
 * Description: An object's pages are not swapped out, and are again once it is gone (class 12).
 *
 * SUBTEST: swapped-before
 * Description: Pages that are in swap come back for an object (class 12).
 *
 * SUBTEST: dirty
 * Description: What was written through an object only survives reclaim after it is gone (class 10).
 *
 * SUBTEST: mprotect
 * Description: Changing the caller's protection does not part the views.
 *
 * SUBTEST: dontneed
 * Description: After MADV_DONTNEED the object keeps the pages and the range gets others (class 12).
 *
 * SUBTEST: remove
 * Description: After MADV_REMOVE of shared memory the object keeps the pages (class 12).
 *
 * SUBTEST: munmap
 * Description: After munmap the object keeps the pages (class 12).
 *
 * SUBTEST: mremap
 * Description: After mremap the object follows the pages, not the addresses (class 12).
 *
 * SUBTEST: munmap-race
 * Description: A wrap while another thread unmaps and maps succeeds or gives EFAULT (class 12).
 */

IGT_TEST_DESCRIPTION("Check objects of address ranges against the memory manager");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)

#define OLD	0x100000000ull
#define PARENT	0x200000000ull
#define OBJECT	0x300000000ull
static void fill_equal(void *map, uint64_t size)
{
	memset(map, 0x5a, size);
}

static void test_ksm(int fd)
{
	const uint64_t size = PAGES(32);
	char *user = zcgem_anonymous(size), *control = zcgem_anonymous(size);
	char *merged = zcgem_anonymous(size), *object, *late;
	uint64_t *frames, *other;
	uint32_t handle;

	fill_equal(user, size);
	fill_equal(control, size);
	fill_equal(merged, size);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	frames = zcgem_frames(user, size);

	igt_assert_eq(madvise(user, size, MADV_MERGEABLE), 0);
	igt_assert_eq(madvise(control, size, MADV_MERGEABLE), 0);
	igt_assert_eq(madvise(merged, size, MADV_MERGEABLE), 0);
	zcgem_run_ksm();

	/* it works: what is not pinned was merged into one page */
	other = zcgem_frames(control, size);
	igt_assert_eq_u64(other[0], other[1]);
	igt_assert_eq_u64(other[0], zcgem_frame(merged + size - 1));
	zcgem_check_frames(user, size, frames);
	zcgem_check_same(user, object, size);

	/* merged first, wrapped then: the object gets pages of its own */
	handle = zcgem_wrap_address(fd, merged, size, 0);
	late = zcgem_mmap(fd, handle, size, RW);
	igt_assert(!memcmp(late, control, size));
	zcgem_check_same(merged, late, size);
	fill_equal(late, size);
	zcgem_wait_for_ksm();
	zcgem_check_same(merged, late, size);
	igt_assert_eq(control[0], 0x5a);
	igt_assert_eq(control[size - 1], 0x5a);

	zcgem_restore_settings();
	free(other);
	free(frames);
	munmap(late, size);
	munmap(object, size);
	munmap(merged, size);
	munmap(control, size);
	munmap(user, size);
}

static char *aligned_small_pages(uint64_t size)
{
	char *map = zcgem_anonymous(size + ZCGEM_HUGE);
	char *start = (char *)ALIGN((uintptr_t)map, ZCGEM_HUGE);

	zcgem_mark_all(start, size, OLD);
	return start;
}

static void test_khugepaged(int fd)
{
	const uint64_t size = ZCGEM_HUGE;
	char *user = aligned_small_pages(size), *control = aligned_small_pages(size);
	uint32_t handle = zcgem_wrap_address(fd, user, size, 0);
	char *object = zcgem_mmap(fd, handle, size, RW);
	uint64_t *frames = zcgem_frames(user, size);

	require_large_leaves();
	igt_assert_eq(madvise(user, size, MADV_HUGEPAGE), 0);
	igt_assert_eq(madvise(control, size, MADV_HUGEPAGE), 0);
	igt_require_f(!madvise(control, size, MADV_COLLAPSE),
		      "the kernel cannot collapse pages: %m\n");
	igt_assert(zcgem_frame_is_huge(zcgem_frame(control)));
	zcgem_check_marks(control, size, OLD);

	igt_assert_eq(madvise(user, size, MADV_COLLAPSE), -1);
	zcgem_check_frames(user, size, frames);

	zcgem_run_khugepaged();
	zcgem_check_frames(user, size, frames);
	zcgem_check_marks(object, size, OLD);
	zcgem_check_same(user, object, size);

	/* nothing keeps it back any more */
	munmap(object, size);
	gem_close(fd, handle);
	igt_assert_eq(madvise(user, size, MADV_COLLAPSE), 0);
	free(frames);
	munmap(control, size);
	munmap(user, size);
}

static void run_pageout(int fd, char *user, char *control, uint64_t size)
{
	uint64_t *frames;
	uint32_t handle;
	char *object;

	zcgem_mark_all(user, size, OLD);
	zcgem_mark_all(control, size, OLD);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	frames = zcgem_frames(user, size);

	igt_require(zcgem_page_out(control, size));
	igt_assert_eq_u64(zcgem_frame(control), 0);
	igt_assert(zcgem_page_out(user, size));
	zcgem_check_same(user, object, size);
	zcgem_check_frames(user, size, frames);
	zcgem_check_marks(control, size, OLD);

	/* let go of, it can go */
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_mark_all(user, size, OLD);
	igt_assert(zcgem_page_out(user, size));
	igt_assert_eq_u64(zcgem_frame(user), 0);
	zcgem_check_marks(user, size, OLD);
	free(frames);
	munmap(control, size);
	munmap(user, size);
}

static void test_pageout(int fd)
{
	const uint64_t size = PAGES(256);

	zcgem_require_swap(64 << 20);
	run_pageout(fd, zcgem_anonymous(size), zcgem_anonymous(size), size);
	run_pageout(fd, zcgem_shared_anonymous(size), zcgem_shared_anonymous(size),
		    size);
}

static void test_swapped_before(int fd)
{
	const uint64_t size = PAGES(256);
	char *user = zcgem_anonymous(size), *object;
	uint32_t handle;

	zcgem_require_swap(64 << 20);
	zcgem_mark_all(user, size, OLD);
	igt_require(zcgem_page_out(user, size));
	igt_assert_lt_u64(size / ZCGEM_PAGE / 2, zcgem_count_swapped(user, size));
	handle = zcgem_wrap_address(fd, user, size, 0);
	igt_assert_eq_u64(zcgem_count_swapped(user, size), 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, size, OLD);
	zcgem_check_same(user, object, size);
	munmap(object, size);
	munmap(user, size);
}

/*
 * A write through the object leaves no trace in the page table of the caller. So
 * the page must be made dirty when it is unpinned, or reclaim takes it for one
 * that swap, or for shmem nobody, needs to keep.
 */
static void run_dirty(int fd, char *user, uint64_t size)
{
	uint32_t handle;
	char *object;

	zcgem_mark_all(user, size, OLD);
	igt_require(zcgem_page_out(user, size));
	/* back from swap, and clean */
	zcgem_check_marks(user, size, OLD);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	igt_assert(zcgem_page_out(user, size));
	zcgem_mark_all(object, size, OBJECT);
	munmap(object, size);
	gem_close(fd, handle);

	igt_assert(zcgem_page_out(user, size));
	igt_assert_eq_u64(zcgem_frame(user), 0);
	zcgem_check_marks(user, size, OBJECT);
	munmap(user, size);
}

static void write_by_object(int fd, void *user, uint64_t size, uint64_t mark)
{
	uint32_t handle = zcgem_wrap_address(fd, user, size, 0);
	char *object;

	munmap(user, size);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_mark_all(object, size, mark);
	munmap(object, size);
	gem_close(fd, handle);
}

static void test_dirty(int fd)
{
	const uint64_t size = PAGES(64);

	zcgem_require_swap(64 << 20);
	run_dirty(fd, zcgem_anonymous(size), size);
	run_dirty(fd, zcgem_shared_anonymous(size), size);
	zcgem_check_dirty_zeroes(fd, size, write_by_object);
}

static void test_mprotect(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size);
	uint32_t handle = zcgem_wrap_address(fd, user, size, 0);
	char *object = zcgem_mmap(fd, handle, size, RW);

	zcgem_mark_all(user, size, OLD);
	igt_assert_eq(mprotect(user, size, PROT_READ), 0);
	zcgem_check_marks(object, size, OLD);
	zcgem_mark_all(object, size, OBJECT);
	zcgem_check_marks(user, size, OBJECT);
	igt_assert(zcgem_access_faults(user, true));

	igt_assert_eq(mprotect(user, size, PROT_NONE), 0);
	zcgem_mark_all(object, size, PARENT);
	igt_assert(zcgem_access_faults(user, false));
	igt_assert_eq(mprotect(user, size, RW), 0);
	zcgem_check_marks(user, size, PARENT);
	zcgem_check_same(user, object, size);

	/* the object's own view, likewise */
	igt_assert_eq(mprotect(object, size, PROT_READ), 0);
	zcgem_mark_all(user, size, OLD);
	zcgem_check_marks(object, size, OLD);
	igt_assert(zcgem_access_faults(object, true));
	igt_assert_eq(mprotect(object, size, RW), 0);
	zcgem_check_same(user, object, size);
	munmap(object, size);
	munmap(user, size);
}

/* The object must have kept OLD, by itself, while the range shows something new. */
static void check_parted(char *user, char *object, uint64_t size)
{
	zcgem_check_marks(object, size, OLD);
	if (user) {
		zcgem_mark_all(user, size, PARENT);
		zcgem_check_marks(object, size, OLD);
	}
	zcgem_mark_all(object, size, OBJECT);
	if (user)
		zcgem_check_marks(user, size, PARENT);
	zcgem_check_marks(object, size, OBJECT);
}

static void test_dontneed(int fd)
{
	const uint64_t size = ZCGEM_HUGE;
	char *user[2] = { zcgem_anonymous(size), zcgem_huge_anonymous(size) };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		uint32_t handle;
		char *object;

		zcgem_mark_all(user[i], size, OLD);
		handle = zcgem_wrap_address(fd, user[i], size, 0);
		object = zcgem_mmap(fd, handle, size, RW);
		igt_assert_eq(madvise(user[i], size, MADV_DONTNEED), 0);
		igt_assert_eq(user[i][0] | user[i][size - 1], 0);
		check_parted(user[i], object, size);
		munmap(object, size);
		gem_close(fd, handle);
		munmap(user[i], size);
	}
}

static void test_remove(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_shared_anonymous(size), *object;
	uint32_t handle;

	zcgem_mark_all(user, size, OLD);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	/* shmem: forgetting is not removing */
	igt_assert_eq(madvise(user, size, MADV_DONTNEED), 0);
	zcgem_check_marks(user, size, OLD);
	zcgem_check_same(user, object, size);
	zcgem_mark_all(user, size, OLD);
	igt_assert_eq(madvise(user, size, MADV_REMOVE), 0);
	igt_assert_eq(user[0] | user[size - 1], 0);
	check_parted(user, object, size);
	munmap(object, size);
	munmap(user, size);
}

static void test_munmap(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size), *object;
	uint32_t handle;

	zcgem_mark_all(user, size, OLD);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	munmap(user, size);
	check_parted(NULL, object, size);

	/* other memory at the same address is other memory */
	zcgem_map_there(user, size);
	zcgem_mark_all(object, size, OLD);
	igt_assert_eq(user[0] | user[size - 1], 0);
	check_parted(user, object, size);
	munmap(object, size);
	munmap(user, size);
}

static void test_mremap(int fd)
{
	const uint64_t size = ZCGEM_HUGE;
	char *user[2] = { zcgem_anonymous(size), zcgem_huge_anonymous(size) };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		char *target = zcgem_anonymous(2 * size), *moved, *object;
		uint32_t handle;

		zcgem_mark_all(user[i], size, OLD);
		handle = zcgem_wrap_address(fd, user[i], size, 0);
		object = zcgem_mmap(fd, handle, size, RW);
		moved = mremap(user[i], size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			       target);
		igt_assert(moved == target);
		igt_assert(zcgem_access_faults(user[i], false));
		zcgem_check_marks(moved, size, OLD);
		zcgem_check_same(moved, object, size);

		/* the pages go, the range stays */
		zcgem_mark_all(moved, size, OLD);
		user[i] = mremap(moved, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
				 NULL);
		igt_assert(user[i] != MAP_FAILED);
		igt_assert_eq(moved[0] | moved[size - 1], 0);
		check_parted(moved, object, size);
		zcgem_check_same(user[i], object, size);

		/* what it grows by is no part of the object */
		munmap(moved, 2 * size);
		moved = mremap(user[i], size, 2 * size, MREMAP_MAYMOVE);
		igt_assert(moved != MAP_FAILED);
		zcgem_check_same(moved, object, size);
		zcgem_mark_all(moved + size, size, PARENT);
		zcgem_check_same(moved, object, size);
		munmap(object, size);
		gem_close(fd, handle);
		munmap(moved, 2 * size);
	}
}

static void test_munmap_race(int fd)
{
	unsigned int rounds = zcgem_rounds(3000), wrapped = 0, i;
	struct zcgem_unmapper other;

	zcgem_start_unmapper(&other, zcgem_anonymous(PAGES(64)), PAGES(64));
	for (i = 0; i < rounds; i++) {
		int err = __zcgem_try_address(fd, other.map, other.size, 0);

		if (err && err != -EFAULT)
			break;
		wrapped += !err;
	}
	zcgem_stop_unmapper(&other);
	igt_assert_eq(i, rounds);
	igt_debug("%u of %u wrapped\n", wrapped, i);
	munmap(other.map, other.size);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("KSM leaves an object's pages alone, and merged pages are parted by a wrap (class 12)");
	igt_subtest("ksm")
		zcgem_run_counted(fd, test_ksm);

	igt_describe("Neither MADV_COLLAPSE nor khugepaged replaces an object's pages (class 12)");
	igt_subtest("khugepaged")
		zcgem_run_counted(fd, test_khugepaged);

	igt_describe("An object's pages are not swapped out, and are again once it is gone (class 12)");
	igt_subtest("pageout")
		zcgem_run_counted(fd, test_pageout);

	igt_describe("Pages that are in swap come back for an object (class 12)");
	igt_subtest("swapped-before")
		zcgem_run_counted(fd, test_swapped_before);

	igt_describe("What was written through an object only survives reclaim after it is gone (class 10)");
	igt_subtest("dirty")
		zcgem_run_counted(fd, test_dirty);

	igt_describe("Changing the caller's protection does not part the views");
	igt_subtest("mprotect")
		zcgem_run_counted(fd, test_mprotect);

	igt_describe("After MADV_DONTNEED the object keeps the pages and the range gets others (class 12)");
	igt_subtest("dontneed")
		zcgem_run_counted(fd, test_dontneed);

	igt_describe("After MADV_REMOVE of shared memory the object keeps the pages (class 12)");
	igt_subtest("remove")
		zcgem_run_counted(fd, test_remove);

	igt_describe("After munmap the object keeps the pages (class 12)");
	igt_subtest("munmap")
		zcgem_run_counted(fd, test_munmap);

	igt_describe("After mremap the object follows the pages, not the addresses (class 12)");
	igt_subtest("mremap")
		zcgem_run_counted(fd, test_mremap);

	igt_describe("A wrap while another thread unmaps and maps succeeds or gives EFAULT (class 12)");
	igt_subtest("munmap-race")
		zcgem_run_counted(fd, test_munmap_race);

	igt_fixture()
		drm_close_driver(fd);
}
