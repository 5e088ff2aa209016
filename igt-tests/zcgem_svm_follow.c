// SPDX-License-Identifier: MIT
/*
 * Objects that mirror address ranges, while the address space changes below them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_mm.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif
#ifndef MADV_COLD
#define MADV_COLD	20
#endif

/**
 * TEST: zcgem svm follow
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that objects that mirror address ranges follow them.
 *
 * SUBTEST: munmap
 * Description: Jobs on a range that is gone, in part too, give EFAULT, and work again once it is mapped anew (class 12).
 *
 * SUBTEST: mremap
 * Description: After mremap the object follows the addresses, not the pages (class 12).
 *
 * SUBTEST: dontneed
 * Description: After MADV_DONTNEED jobs see zeroes, then what the caller writes there (class 12).
 *
 * SUBTEST: free
 * Description: What a job writes after MADV_FREE is not thrown away (class 12).
 *
 * SUBTEST: remove
 * Description: After a hole was punched into shared memory jobs see the new pages (class 12).
 *
 * SUBTEST: mprotect
 * Description: Jobs that may write give EFAULT while the caller may not, others go on (class 9).
 *
 * SUBTEST: fork
 * Description: After a fork either side writes first, and jobs see the parent's memory only (class 12).
 *
 * SUBTEST: fork-thp
 * Description: The same on transparent huge pages (class 12).
 *
 * SUBTEST: fork-hugetlb
 * Description: The same on private hugetlb pages (class 12).
 *
 * SUBTEST: collapse
 * Description: Small pages that are collapsed into a huge one, and a huge page that is split (class 12).
 *
 * SUBTEST: swap
 * Description: Pages go to swap beside an object, and jobs get them back (class 12).
 *
 * SUBTEST: dirty
 * Description: What only a job has written, to pages that were clean, survives reclaim (class 10).
 *
 * SUBTEST: ksm
 * Description: Equal pages are merged beside an object, and a job's write parts them (class 12).
 *
 * SUBTEST: compaction
 * Description: Pages are moved beside an object (class 10).
 *
 * SUBTEST: munmap-race
 * Description: Jobs while another thread unmaps and maps are done or give EFAULT (class 12).
 */

IGT_TEST_DESCRIPTION("Check that objects that mirror address ranges follow them");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define OLD		(1ull << 32)
#define NEW		(2ull << 32)
#define CHILD		(3ull << 32)
#define PARENT		(4ull << 32)

static void test_munmap(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size);
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	svm_check_same(&svm, user);

	munmap(user + PAGES(7), PAGES(1));
	svm_expect_gone(&svm);
	zcgem_map_there(user + PAGES(7), PAGES(1));
	svm_check_same(&svm, user);

	munmap(user, size);
	svm_expect_gone(&svm);
	svm_expect_gone(&svm);
	zcgem_map_there(user, size);
	svm_check_same(&svm, user);

	/* mapped over, by memory of another kind */
	igt_assert(mmap(user, size, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == user);
	svm_check_same(&svm, user);
	munmap(user, size);
	svm_close(&svm);
}

static void test_mremap(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size), *target = zcgem_anonymous(size), *moved;
	char *other = zcgem_anonymous(size);
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	zcgem_mark_all(user, size, OLD);
	zcgem_mark_all(other, size, NEW);
	svm_check_marks(&svm, OLD);

	moved = mremap(user, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	igt_assert(moved == target);
	svm_expect_gone(&svm);
	zcgem_check_marks(moved, size, OLD);

	/* other memory comes there */
	igt_assert(mremap(other, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, user) == user);
	svm_check_marks(&svm, NEW);
	svm_check_same(&svm, user);
	zcgem_check_marks(moved, size, OLD);

	/* and the old memory back, over it */
	igt_assert(mremap(moved, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, user) == user);
	svm_check_marks(&svm, OLD);

	/* the pages go, the range stays and is empty */
	moved = mremap(user, size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	igt_assert(moved != MAP_FAILED);
	svm_read(&svm);
	igt_assert_eq(((char *)svm.map)[0] | ((char *)svm.map)[size - 1], 0);
	svm_check_same(&svm, user);
	zcgem_check_marks(moved, size, OLD);

	/* shrunk */
	igt_assert(mremap(user, size, size / 2, 0) == user);
	svm_expect_gone(&svm);
	munmap(moved, size);
	munmap(user, size / 2);
	svm_close(&svm);
}

static void test_dontneed(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size);
	struct svm svm;
	uint64_t i;

	svm_open(&svm, fd, user, size, 0);
	svm_write_marks(&svm, OLD);
	igt_assert_eq(madvise(user, size, MADV_DONTNEED), 0);
	svm_read(&svm);
	for (i = 0; i < size; i++)
		igt_assert_eq(((char *)svm.map)[i], 0);
	svm_check_same(&svm, user);
	igt_assert_eq(madvise(user + PAGES(3), PAGES(2), MADV_DONTNEED), 0);
	svm_write_marks(&svm, NEW);
	zcgem_check_marks(user, size, NEW);
	svm_close(&svm);
	munmap(user, size);
}

static void test_free(int fd)
{
	const uint64_t size = PAGES(64);
	char *user = zcgem_anonymous(size);
	struct svm svm;

	zcgem_require_swap(64 << 20);
	zcgem_mark_all(user, size, OLD);
	svm_open(&svm, fd, user, size, 0);
	svm_check_marks(&svm, OLD);
	igt_assert_eq(madvise(user, size, MADV_FREE), 0);
	svm_write_marks(&svm, NEW);
	igt_assert(zcgem_page_out(user, size));
	zcgem_check_marks(user, size, NEW);
	svm_close(&svm);
	munmap(user, size);
}

static void test_remove(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *user = zcgem_map_memfd(memfd, 0, size);
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	svm_write_marks(&svm, OLD);
	igt_assert_eq(madvise(user, size, MADV_REMOVE), 0);
	svm_read(&svm);
	igt_assert_eq(((char *)svm.map)[0] | ((char *)svm.map)[size - 1], 0);
	svm_check_same(&svm, user);
	igt_assert_eq(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGES(4),
				PAGES(4)), 0);
	svm_check_same(&svm, user);
	svm_close(&svm);
	munmap(user, size);
	close(memfd);
}

static void test_mprotect(int fd)
{
	const uint64_t size = PAGES(16);
	char *user = zcgem_anonymous(size);
	struct svm svm, reader;

	svm_open(&svm, fd, user, size, 0);
	svm_open(&reader, fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	zcgem_mark_all(user, size, OLD);
	svm_check_marks(&svm, OLD);
	svm_check_marks(&reader, OLD);

	igt_assert_eq(mprotect(user + PAGES(5), PAGES(2), PROT_READ), 0);
	zcgem_mark_all(svm.map, size, NEW);
	svm_expect_gone(&svm);
	svm_check_marks(&reader, OLD);
	igt_assert_eq(mprotect(user + PAGES(5), PAGES(2), PROT_NONE), 0);
	svm_expect_gone(&svm);
	igt_assert_eq(__svm_read(&reader), -EFAULT);
	igt_assert_eq(mprotect(user, size, RW), 0);
	svm_check_marks(&svm, OLD);
	svm_check_same(&svm, user);
	svm_read(&reader);
	svm_close(&reader);
	svm_close(&svm);
	munmap(user, size);
}

/*
 * The child has its own copies: writes there and here, in either order, and by jobs,
 * and looks at what it has.
 */
static void run_fork(int fd, char *user, uint64_t size)
{
	struct zcgem_line line;
	unsigned int child_first;
	struct svm svm;

	igt_assert(user != MAP_FAILED);
	svm_open(&svm, fd, user, size, 0);
	for (child_first = 0; child_first < 2; child_first++) {
		zcgem_mark_all(user, size, OLD);
		svm_check_marks(&svm, OLD);
		zcgem_open_line(&line);
		igt_fork(child, 1) {
			zcgem_take_end(&line, 1);
			zcgem_hear(line.end[1]);
			if (child_first)
				zcgem_mark_all(user, size, CHILD);
			zcgem_say(line.end[1], 0);
			zcgem_hear(line.end[1]);
			zcgem_check_marks(user, size, child_first ? CHILD : OLD);
			zcgem_mark_all(user, size, CHILD);
			zcgem_say(line.end[1], 0);
			zcgem_hear(line.end[1]);
			zcgem_check_marks(user, size, CHILD);
		}
		zcgem_take_end(&line, 0);
		zcgem_say(line.end[0], 0);
		zcgem_hear(line.end[0]);
		svm_check_marks(&svm, OLD);
		zcgem_mark_all(user, size, PARENT);
		svm_check_marks(&svm, PARENT);
		svm_write_marks(&svm, NEW);
		zcgem_check_marks(user, size, NEW);
		zcgem_say(line.end[0], 0);
		zcgem_hear(line.end[0]);
		svm_check_marks(&svm, NEW);
		svm_check_same(&svm, user);
		zcgem_say(line.end[0], 0);
		igt_waitchildren();
		svm_check_same(&svm, user);
		zcgem_close_line(&line);
	}
	svm_close(&svm);
	munmap(user, size);
}

static void test_fork(int fd)
{
	run_fork(fd, zcgem_anonymous(PAGES(32)), PAGES(32));
}

static void test_fork_thp(int fd)
{
	run_fork(fd, zcgem_huge_anonymous(ZCGEM_HUGE), ZCGEM_HUGE);
}

static void test_fork_hugetlb(int fd)
{
	/* the child's copies need some of their own */
	close(zcgem_memfd_hugetlb(4 * ZCGEM_HUGE, 0));
	run_fork(fd, mmap(NULL, ZCGEM_HUGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0),
		 ZCGEM_HUGE);
}

static uint64_t extents(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.extents;
}

static void test_collapse(int fd)
{
	const uint64_t size = ZCGEM_HUGE;
	char *map = zcgem_anonymous(2 * size);
	char *user = (char *)ALIGN((uintptr_t)map, ZCGEM_HUGE);
	struct svm svm;

	require_large_leaves();
	zcgem_mark_all(user, size, OLD);
	svm_open(&svm, fd, user, size, 0);
	svm_check_marks(&svm, OLD);
	igt_assert_eq(madvise(user, size, MADV_HUGEPAGE), 0);
	igt_require_f(!madvise(user, size, MADV_COLLAPSE),
		      "the kernel cannot collapse pages: %m\n");
	igt_assert(zcgem_frame_is_huge(zcgem_frame(user)));
	svm_check_marks(&svm, OLD);
	igt_assert_eq_u64(extents(fd, svm.handle), 1);
	svm_check_same(&svm, user);

	/* split in the page table, and then the page itself */
	igt_assert_eq(mprotect(user + PAGES(100), PAGES(1), PROT_READ), 0);
	svm_expect_gone(&svm);
	igt_assert_eq(mprotect(user + PAGES(100), PAGES(1), RW), 0);
	svm_check_same(&svm, user);
	igt_assert_eq(madvise(user + PAGES(7), PAGES(3), MADV_DONTNEED), 0);
	svm_check_same(&svm, user);
	if (__zcgem_write_setting("/sys/kernel/debug/split_huge_pages", "1"))
		svm_check_same(&svm, user);
	igt_assert_eq(madvise(user, size, MADV_COLLAPSE), 0);
	svm_check_same(&svm, user);
	igt_assert_eq_u64(extents(fd, svm.handle), 1);
	svm_close(&svm);
	munmap(map, 2 * size);
}

static void run_swap(int fd, char *user, uint64_t size)
{
	struct svm svm;

	zcgem_mark_all(user, size, OLD);
	svm_open(&svm, fd, user, size, 0);
	svm_check_marks(&svm, OLD);
	igt_require(zcgem_page_out(user, size));
	igt_assert_eq_u64(zcgem_frame(user), 0);
	svm_check_marks(&svm, OLD);
	igt_assert_neq_u64(zcgem_frame(user), 0);

	svm_write_marks(&svm, NEW);
	igt_assert(zcgem_page_out(user, size));
	zcgem_check_marks(user, size, NEW);
	igt_assert(zcgem_page_out(user, size));
	svm_write_marks(&svm, OLD);
	igt_assert(zcgem_page_out(user, size));
	svm_check_marks(&svm, OLD);
	svm_close(&svm);
	munmap(user, size);
}

static void test_swap(int fd)
{
	zcgem_require_swap(64 << 20);
	run_swap(fd, zcgem_anonymous(PAGES(256)), PAGES(256));
	run_swap(fd, zcgem_shared_anonymous(PAGES(256)), PAGES(256));
	run_swap(fd, zcgem_huge_anonymous(ZCGEM_HUGE), ZCGEM_HUGE);
}

/*
 * Pages that came back from swap by being read are mapped writable and are clean, as is the
 * page table entry: who writes by another way must say so, or reclaim believes that what
 * is in swap is as good.
 */
static void run_dirty(int fd, char *user, uint64_t size)
{
	unsigned int round;
	struct svm svm;

	zcgem_mark_all(user, size, OLD);
	svm_open(&svm, fd, user, size, 0);
	for (round = 0; round < 4; round++) {
		uint64_t before = round ? OLD + round - 1 : OLD;

		igt_require(zcgem_page_out(user, size));
		zcgem_check_marks(user, size, before);
		svm_write_marks(&svm, OLD + round);
		igt_assert(zcgem_page_out(user, size));
		igt_assert_eq_u64(zcgem_frame(user), 0);
		zcgem_check_marks(user, size, OLD + round);
	}
	svm_close(&svm);
	munmap(user, size);
}

static void write_by_job(int fd, void *user, uint64_t size, uint64_t mark)
{
	struct svm svm;

	svm_open(&svm, fd, user, size, 0);
	svm_write_marks(&svm, mark);
	svm_close(&svm);
	munmap(user, size);
}

static void test_dirty(int fd)
{
	const uint64_t size = PAGES(64);

	zcgem_require_swap(64 << 20);
	run_dirty(fd, zcgem_anonymous(size), size);
	run_dirty(fd, zcgem_shared_anonymous(size), size);
	zcgem_check_dirty_zeroes(fd, size, write_by_job);
}

static void test_ksm(int fd)
{
	const uint64_t size = PAGES(32);
	char *user = zcgem_anonymous(size), *other = zcgem_anonymous(size);
	struct svm svm, reader;

	memset(user, 0x5a, size);
	memset(other, 0x5a, size);
	svm_open(&svm, fd, user, size, 0);
	svm_open(&reader, fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	svm_read(&svm);
	svm_read(&reader);

	igt_assert_eq(madvise(user, size, MADV_MERGEABLE), 0);
	igt_assert_eq(madvise(other, size, MADV_MERGEABLE), 0);
	zcgem_run_ksm();
	igt_assert_eq_u64(zcgem_frame(user), zcgem_frame(other));
	igt_assert_eq_u64(zcgem_frame(user), zcgem_frame(user + PAGES(1)));

	/* who only reads leaves them merged */
	memset(reader.map, 0, size);
	svm_read(&reader);
	igt_assert(!memcmp(reader.map, other, size));
	igt_assert_eq_u64(zcgem_frame(user), zcgem_frame(other));

	svm_write_marks(&svm, NEW);
	zcgem_check_marks(user, size, NEW);
	svm_check_marks(&reader, NEW);
	igt_assert_eq(other[0], 0x5a);
	igt_assert_eq(other[size - 1], 0x5a);
	zcgem_restore_settings();
	svm_check_same(&svm, user);
	svm_close(&reader);
	svm_close(&svm);
	munmap(other, size);
	munmap(user, size);
}

static void test_compaction(int fd)
{
	const uint64_t size = PAGES(2048);
	char *user = zcgem_anonymous(size), *holes = zcgem_anonymous(4 * size);
	uint64_t *before, *after, i, moved = 0;
	unsigned int round;
	struct svm svm;

	igt_require_f(!access("/proc/sys/vm/compact_memory", W_OK), "no compaction\n");
	svm_open(&svm, fd, user, size, 0);
	zcgem_mark_all(user, size, OLD);
	for (round = 0; round < 20 && !moved; round++) {
		/* every second page of others goes, so that there is something to do */
		zcgem_mark_all(holes, 4 * size, NEW);
		for (i = 0; i < 4 * size; i += PAGES(2))
			madvise(holes + i, PAGES(1), MADV_DONTNEED);
		svm_check_marks(&svm, OLD);
		before = zcgem_frames(user, size);
		igt_require(__zcgem_write_setting("/proc/sys/vm/compact_memory", "1"));
		after = zcgem_frames(user, size);
		for (i = 0; i < size / ZCGEM_PAGE; i++)
			moved += before[i] != after[i];
		svm_check_marks(&svm, OLD);
		svm_check_same(&svm, user);
		zcgem_mark_all(user, size, OLD);
		free(before);
		free(after);
	}
	igt_require_f(moved, "compaction moved none of the test's pages\n");
	igt_info("compaction moved %" PRIu64 " pages\n", moved);
	svm_close(&svm);
	munmap(holes, 4 * size);
	munmap(user, size);
}

static void test_munmap_race(int fd)
{
	char *user = zcgem_anonymous(PAGES(32));
	struct zcgem_unmapper other;
	unsigned int done = 0, i;
	struct svm svm;

	/* it must all be there to be mirrored first */
	svm_open(&svm, fd, user, PAGES(32), 0);
	zcgem_start_unmapper(&other, user, PAGES(32));
	for (i = 0; i < 1000; i++) {
		int err = i & 1 ? __svm_read(&svm) : __svm_write(&svm);

		if (err && err != -EFAULT)
			break;
		done += !err;
	}
	zcgem_stop_unmapper(&other);
	igt_assert_eq(i, 1000);
	igt_info("%u of %u jobs found the memory there\n", done, i);
	svm_check_same(&svm, other.map);
	svm_close(&svm);
	munmap(other.map, other.size);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Jobs on a range that is gone, in part too, give EFAULT, and work again once it is mapped anew (class 12)");
	igt_subtest("munmap")
		zcgem_run_counted(fd, test_munmap);

	igt_describe("After mremap the object follows the addresses, not the pages (class 12)");
	igt_subtest("mremap")
		zcgem_run_counted(fd, test_mremap);

	igt_describe("After MADV_DONTNEED jobs see zeroes, then what the caller writes there (class 12)");
	igt_subtest("dontneed")
		zcgem_run_counted(fd, test_dontneed);

	igt_describe("What a job writes after MADV_FREE is not thrown away (class 12)");
	igt_subtest("free")
		zcgem_run_counted(fd, test_free);

	igt_describe("After a hole was punched into shared memory jobs see the new pages (class 12)");
	igt_subtest("remove")
		zcgem_run_counted(fd, test_remove);

	igt_describe("Jobs that may write give EFAULT while the caller may not, others go on (class 9)");
	igt_subtest("mprotect")
		zcgem_run_counted(fd, test_mprotect);

	igt_describe("After a fork either side writes first, and jobs see the parent's memory only (class 12)");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("The same on transparent huge pages (class 12)");
	igt_subtest("fork-thp")
		zcgem_run_counted(fd, test_fork_thp);

	igt_describe("The same on private hugetlb pages (class 12)");
	igt_subtest("fork-hugetlb")
		zcgem_run_counted(fd, test_fork_hugetlb);

	igt_describe("Small pages that are collapsed into a huge one, and a huge page that is split (class 12)");
	igt_subtest("collapse")
		zcgem_run_counted(fd, test_collapse);

	igt_describe("Pages go to swap beside an object, and jobs get them back (class 12)");
	igt_subtest("swap")
		zcgem_run_counted(fd, test_swap);

	igt_describe("What only a job has written, to pages that were clean, survives reclaim (class 10)");
	igt_subtest("dirty")
		zcgem_run_counted(fd, test_dirty);

	igt_describe("Equal pages are merged beside an object, and a job's write parts them (class 12)");
	igt_subtest("ksm")
		zcgem_run_counted(fd, test_ksm);

	igt_describe("Pages are moved beside an object (class 10)");
	igt_subtest("compaction")
		zcgem_run_counted(fd, test_compaction);

	igt_describe("Jobs while another thread unmaps and maps are done or give EFAULT (class 12)");
	igt_subtest("munmap-race")
		zcgem_run_counted(fd, test_munmap_race);

	igt_fixture()
		drm_close_driver(fd);
}
