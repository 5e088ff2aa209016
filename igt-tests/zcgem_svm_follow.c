// SPDX-License-Identifier: MIT
/*
 * Objects that mirror address ranges, while the address space changes below them and the
 * processes that use them come and go.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_mm.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_submit.h"
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
 * SUBTEST: other-process
 * Description: A child, and a process that was sent the DRM file, run jobs on the creator's memory.
 *
 * SUBTEST: creator-exits
 * Description: Jobs on the memory of a process that has exited give EFAULT (class 12).
 *
 * SUBTEST: creator-execs
 * Description: So do jobs on the memory of a process that runs another program now (class 12).
 *
 * SUBTEST: close-in-flight
 * Description: Handle, memory and file may go while jobs are queued, and nothing is left (class 13).
 *
 * SUBTEST: exit-in-flight
 * Description: A process that is killed while its jobs are queued ends, and nothing is left (class 13).
 *
 * SUBTEST: munmap-long-jobs
 * Description: Memory with work for hours queued before a job on it can be unmapped, and the job fails (class 14).
 *
 * SUBTEST: exit-long-jobs
 * Description: A process that has queued work for hours on its memory can be killed (class 14).
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

static void test_other_process(int fd)
{
	const uint64_t size = PAGES(8);
	char *user = zcgem_anonymous(size);
	struct zcgem_line line;
	struct svm svm;
	unsigned int sent;

	svm_open(&svm, fd, user, size, 0);
	for (sent = 0; sent < 2; sent++) {
		zcgem_mark_all(user, size, OLD);
		zcgem_open_line(&line);
		igt_fork(child, 1) {
			struct svm theirs = svm;

			zcgem_take_end(&line, 1);
			zcgem_mark_all(user, size, CHILD);
			if (sent)
				theirs.fd = zcgem_receive_fd(line.end[1]);
			zcgem_hear(line.end[1]);
			/* the creator's memory, not the child's at the same place */
			svm_check_marks(&theirs, OLD);
			svm_write_marks(&theirs, NEW);
			zcgem_check_marks(user, size, CHILD);
			zcgem_say(line.end[1], 0);
			zcgem_hear(line.end[1]);
			igt_assert_eq(__svm_read(&theirs), -EFAULT);
			zcgem_check_marks(user, size, CHILD);
		}
		zcgem_take_end(&line, 0);
		if (sent)
			zcgem_send_fd(line.end[0], fd);
		zcgem_say(line.end[0], 0);
		zcgem_hear(line.end[0]);
		zcgem_check_marks(user, size, NEW);
		munmap(user, size);
		zcgem_say(line.end[0], 0);
		igt_waitchildren();
		zcgem_map_there(user, size);
		zcgem_close_line(&line);
	}
	svm_check_same(&svm, user);
	svm_close(&svm);
	munmap(user, size);
}

/* A child makes an object by the file that it shares with its parent, and tells the handles. */
static void make_object_and_tell(int fd, int end, uint64_t size)
{
	char *user = zcgem_anonymous(size);
	struct svm svm;

	zcgem_mark_all(user, size, CHILD);
	svm_open(&svm, fd, user, size, 0);
	zcgem_say(end, svm.handle);
	zcgem_say(end, svm.buffer);
	zcgem_hear(end);
}

static void hear_object(struct svm *svm, int fd, int end, uint64_t size)
{
	svm->fd = fd;
	svm->size = size;
	svm->handle = zcgem_hear(end);
	svm->buffer = zcgem_hear(end);
	svm->map = zcgem_mmap(fd, svm->buffer, size, RW);
	svm_check_marks(svm, CHILD);
}

static void test_creator_exits(int fd)
{
	const uint64_t size = PAGES(8);
	struct zcgem_line line;
	struct svm svm;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		make_object_and_tell(fd, line.end[1], size);
	}
	zcgem_take_end(&line, 0);
	hear_object(&svm, fd, line.end[0], size);
	zcgem_say(line.end[0], 0);
	igt_waitchildren();
	svm_expect_gone(&svm);
	igt_assert_eq(__zcgem_revalidate(fd, svm.handle, size), -EFAULT);
	zcgem_evict(fd, svm.handle, size);
	svm_expect_gone(&svm);
	svm_close(&svm);
	zcgem_close_line(&line);
}

static void test_creator_execs(int fd)
{
	const uint64_t size = PAGES(8);
	struct zcgem_line line;
	struct svm svm;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		make_object_and_tell(fd, line.end[1], size);
		/* it goes on as cat, which ends when the line is closed, not before */
		dup2(line.end[1], 0);
		execlp("cat", "cat", NULL);
		igt_assert_f(false, "no cat: %m\n");
	}
	zcgem_take_end(&line, 0);
	hear_object(&svm, fd, line.end[0], size);
	zcgem_say(line.end[0], 0);
	/* the end that only the old program had is closed by the exec */
	while (!__svm_read(&svm))
		usleep(1000);
	svm_expect_gone(&svm);
	svm_close(&svm);
	zcgem_close_line(&line);
	igt_waitchildren();
}

/* So many that some are queued still when the call returns. */
static void queue_jobs(struct svm *svm, unsigned int count)
{
	while (count--) {
		zcgem_submit_op(svm->fd, zcgem_op_copy(svm->buffer, 0, svm->handle, 0, svm->size));
		zcgem_submit_op(svm->fd, zcgem_op_copy(svm->handle, 0, svm->buffer, 0, svm->size));
	}
}

static void test_close_in_flight(int fd)
{
	const uint64_t size = PAGES(512);
	unsigned int round;

	for (round = 0; round < 8; round++) {
		char *user = zcgem_anonymous(size);
		int own = drm_reopen_driver(fd);
		struct svm svm;

		zcgem_mark_all(user, size, OLD);
		svm_open(&svm, own, user, size, 0);
		svm_read(&svm);
		queue_jobs(&svm, 16);
		if (round & 1)
			munmap(user, size);
		if (round & 2)
			svm_close(&svm);
		else
			munmap(svm.map, size);
		if (round & 4) {
			close(own);
			own = -1;
		}
		if (!(round & 1)) {
			/* neither cancelled jobs nor whole ones change anything */
			zcgem_check_marks(user, size, OLD);
			munmap(user, size);
		}
		if (own >= 0)
			close(own);
	}
}

#define LONG_JOBS	150
#define LONG_OPS	1024
#define LONG_SIZE	(32ull << 20)

/* Some terabytes of fills. */
static void queue_long_jobs(int fd)
{
	struct drm_zcgem_op *ops = calloc(LONG_OPS, sizeof(*ops));
	uint32_t handle = zcgem_create(fd, LONG_SIZE, 0);
	unsigned int i;

	for (i = 0; i < LONG_OPS; i++)
		ops[i] = zcgem_op_fill32(handle, 0, LONG_SIZE, i);
	for (i = 0; i < LONG_JOBS; i++)
		igt_assert_eq(__zcgem_submit_ops(fd, ops, LONG_OPS), 0);
	free(ops);
}

/* Not by waiting for it: before it ends nothing can end it. */
static void check_ends(pid_t pid, int *status)
{
	unsigned int step;

	for (step = 0; step < 6000; step++) {
		pid_t ended = waitpid(pid, status, WNOHANG);

		if (ended) {
			igt_assert_eq(ended, pid);
			return;
		}
		usleep(10000);
	}
	igt_assert_f(false, "the process does not end\n");
}

static void munmap_under_long_jobs(int fd)
{
	const uint64_t size = PAGES(16);
	struct drm_zcgem_sync last[2], behind = { .handle = syncobj_new(fd) };
	struct drm_zcgem_op op;
	struct svm svm[2];
	char *user[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		queue_long_jobs(fd);
		user[i] = zcgem_anonymous(size);
		svm_open(&svm[i], fd, user[i], size, 0);
		last[i] = (struct drm_zcgem_sync) { .handle = syncobj_new(fd) };
		op = zcgem_op_copy(svm[i].handle, 0, svm[i].buffer, 0, size);
		igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &last[i]), 0);
	}
	queue_long_jobs(fd);
	op = zcgem_op_fill32(svm[0].buffer, 0, 4, 1);
	igt_assert_eq(__zcgem_submit_syncs(fd, &op, NULL, &behind), 0);

	for (i = 0; i < 2; i++) {
		munmap(user[i], size);
		igt_assert_eq(syncobj_error(fd, last[i].handle), -ETIMEDOUT);
	}
	igt_assert_eq(syncobj_wait_for(fd, behind.handle, 0, 0), -ETIME);
}

static void test_munmap_long_jobs(int fd)
{
	int status;
	pid_t pid;

	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		munmap_under_long_jobs(drm_reopen_driver(fd));
		_exit(0);
	}
	check_ends(pid, &status);
	igt_assert_eq(status, 0);
}

static void test_exit_long_jobs(int fd)
{
	const uint64_t size = PAGES(16);
	struct zcgem_line line;
	int status;
	pid_t pid;

	zcgem_open_line(&line);
	pid = fork();
	igt_assert(pid >= 0);
	if (!pid) {
		int own = drm_reopen_driver(fd);
		struct svm svm;

		zcgem_take_end(&line, 1);
		svm_open(&svm, own, zcgem_anonymous(size), size, 0);
		queue_long_jobs(own);
		queue_jobs(&svm, 16);
		zcgem_say(line.end[1], 0);
		pause();
		_exit(1);
	}
	zcgem_take_end(&line, 0);
	zcgem_hear(line.end[0]);
	kill(pid, SIGKILL);
	check_ends(pid, &status);
	igt_assert(WIFSIGNALED(status));
	zcgem_close_line(&line);
}

static void test_exit_in_flight(int fd)
{
	const uint64_t size = PAGES(512);
	unsigned int round;

	for (round = 0; round < 4; round++) {
		struct zcgem_line line;
		int status;
		pid_t pid;

		zcgem_open_line(&line);
		pid = fork();
		igt_assert(pid >= 0);
		if (!pid) {
			char *user = zcgem_anonymous(size);
			int own = drm_reopen_driver(fd);
			struct svm svm;

			zcgem_take_end(&line, 1);
			svm_open(&svm, own, user, size, 0);
			queue_jobs(&svm, 16);
			zcgem_say(line.end[1], 0);
			if (round & 1)
				_exit(0);
			for (;;)
				queue_jobs(&svm, 1);
		}
		zcgem_take_end(&line, 0);
		zcgem_hear(line.end[0]);
		if (!(round & 1))
			kill(pid, SIGKILL);
		igt_assert_eq(waitpid(pid, &status, 0), pid);
		zcgem_close_line(&line);
	}
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

	igt_describe("Jobs on a range that is gone, in part too, give EFAULT, and work again once it is mapped anew");
	igt_subtest("munmap")
		zcgem_run_counted(fd, test_munmap);

	igt_describe("After mremap the object follows the addresses, not the pages");
	igt_subtest("mremap")
		zcgem_run_counted(fd, test_mremap);

	igt_describe("After MADV_DONTNEED jobs see zeroes, then what the caller writes there");
	igt_subtest("dontneed")
		zcgem_run_counted(fd, test_dontneed);

	igt_describe("What a job writes after MADV_FREE is not thrown away");
	igt_subtest("free")
		zcgem_run_counted(fd, test_free);

	igt_describe("After a hole was punched into shared memory jobs see the new pages");
	igt_subtest("remove")
		zcgem_run_counted(fd, test_remove);

	igt_describe("Jobs that may write give EFAULT while the caller may not, others go on");
	igt_subtest("mprotect")
		zcgem_run_counted(fd, test_mprotect);

	igt_describe("After a fork either side writes first, and jobs see the parent's memory only");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("The same on transparent huge pages");
	igt_subtest("fork-thp")
		zcgem_run_counted(fd, test_fork_thp);

	igt_describe("The same on private hugetlb pages");
	igt_subtest("fork-hugetlb")
		zcgem_run_counted(fd, test_fork_hugetlb);

	igt_describe("Small pages that are collapsed into a huge one, and a huge page that is split");
	igt_subtest("collapse")
		zcgem_run_counted(fd, test_collapse);

	igt_describe("Pages go to swap beside an object, and jobs get them back");
	igt_subtest("swap")
		zcgem_run_counted(fd, test_swap);

	igt_describe("What only a job has written, to pages that were clean, survives reclaim");
	igt_subtest("dirty")
		zcgem_run_counted(fd, test_dirty);

	igt_describe("Equal pages are merged beside an object, and a job's write parts them");
	igt_subtest("ksm")
		zcgem_run_counted(fd, test_ksm);

	igt_describe("Pages are moved beside an object");
	igt_subtest("compaction")
		zcgem_run_counted(fd, test_compaction);

	igt_describe("A child, and a process that was sent the DRM file, run jobs on the creator's memory");
	igt_subtest("other-process")
		zcgem_run_counted(fd, test_other_process);

	igt_describe("Jobs on the memory of a process that has exited give EFAULT");
	igt_subtest("creator-exits")
		zcgem_run_counted(fd, test_creator_exits);

	igt_describe("So do jobs on the memory of a process that runs another program now");
	igt_subtest("creator-execs")
		zcgem_run_counted(fd, test_creator_execs);

	igt_describe("Handle, memory and file may go while jobs are queued, and nothing is left");
	igt_subtest("close-in-flight")
		zcgem_run_counted(fd, test_close_in_flight);

	igt_describe("A process that is killed while its jobs are queued ends, and nothing is left");
	igt_subtest("exit-in-flight")
		zcgem_run_counted(fd, test_exit_in_flight);

	igt_describe("Memory with work for hours queued before a job on it can be unmapped, and the job fails (class 14)");
	igt_subtest("munmap-long-jobs")
		zcgem_run_counted(fd, test_munmap_long_jobs);

	igt_describe("A process that has queued work for hours on its memory can be killed (class 14)");
	igt_subtest("exit-long-jobs")
		zcgem_run_counted(fd, test_exit_long_jobs);

	igt_describe("Jobs while another thread unmaps and maps are done or give EFAULT");
	igt_subtest("munmap-race")
		zcgem_run_counted(fd, test_munmap_race);

	igt_fixture()
		drm_close_driver(fd);
}
