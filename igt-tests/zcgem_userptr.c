// SPDX-License-Identifier: MIT
/*
 * Objects made of address ranges: that they are the caller's memory and stay it
 * whatever the memory manager does, and what must not be wrapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/**
 * TEST: zcgem userptr
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects that wrap address ranges.
 *
 * SUBTEST: single
 * Description: One range: all views see each other's writes in every page.
 *
 * SUBTEST: list
 * Description: A list of ranges of several mappings is one object in list order.
 *
 * SUBTEST: overlapping
 * Description: Ranges that overlap, and objects that do, share their memory.
 *
 * SUBTEST: most-ranges
 * Description: The largest list is one object, page for page, and one range more is refused (class 14).
 *
 * SUBTEST: thp
 * Description: Transparent huge pages, whole and in part, also after the caller's page table was split (class 6).
 *
 * SUBTEST: shmem
 * Description: Shared anonymous memory and mappings of a memfd.
 *
 * SUBTEST: hugetlb
 * Description: Shared and private memory on 2 MiB hugetlb pages, whole and in part (class 6).
 *
 * SUBTEST: mixed
 * Description: All kinds of memory in one object (class 6).
 *
 * SUBTEST: readonly
 * Description: A read-only object cannot be written by any way and shows what the caller writes.
 *
 * SUBTEST: never-written
 * Description: Memory that was never written becomes zeroes of its own, not the kernel's page of zeroes.
 *
 * SUBTEST: private-file
 * Description: Of a private mapping of a file the caller's copies are wrapped, not the file.
 *
 * SUBTEST: sealed-later
 * Description: A memfd cannot be sealed against writing while an object of its mapping can write (class 5).
 *
 * SUBTEST: bad-alignment
 * Description: Addresses and sizes that are not whole pages are refused.
 *
 * SUBTEST: bad-range
 * Description: Empty ranges, ranges that wrap around and sums that are too large are refused (class 2).
 *
 * SUBTEST: bad-address
 * Description: Addresses that are not mapped or not the caller's are refused.
 *
 * SUBTEST: bad-protection
 * Description: Memory that the caller may not write or read is refused.
 *
 * SUBTEST: bad-arguments
 * Description: Unknown flags, bad pointers, strides and counts are refused (class 3).
 *
 * SUBTEST: bad-last-range
 * Description: A list that is good but for its last range leaves nothing behind (class 3).
 *
 * SUBTEST: refused-file
 * Description: A shared mapping of a file of a file system is refused (class 10).
 *
 * SUBTEST: refused-ramfs
 * Description: A file system whose pages the kernel would let be pinned is refused all the same (class 10).
 *
 * SUBTEST: refused-pfnmap
 * Description: Mappings of bare frames are refused.
 *
 * SUBTEST: refused-zcgem
 * Description: Mappings of a zcgem object or of its dma-buf are refused.
 *
 * SUBTEST: refused-udmabuf
 * Description: Mappings of udmabuf's dma-bufs are refused.
 *
 * SUBTEST: refused-secret
 * Description: Secret memory is refused.
 *
 * SUBTEST: refused-dax
 * Description: Mappings of a DAX file are refused.
 *
 * SUBTEST: fork
 * Description: Parent, child and object write after a fork: the child gets copies (class 12).
 *
 * SUBTEST: fork-thp
 * Description: The same on transparent huge pages (class 12).
 *
 * SUBTEST: fork-hugetlb
 * Description: The same on private hugetlb pages (class 12).
 *
 * SUBTEST: fork-before
 * Description: The same when the fork comes before the wrap (class 12).
 *
 * SUBTEST: fork-readonly
 * Description: A read-only object of pages that a child shares follows the parent's writes (class 12).
 *
 * SUBTEST: creator-exits
 * Description: A dma-buf keeps the pages of a process that is gone (class 12).
 *
 * SUBTEST: ksm
 * Description: KSM leaves an object's pages alone, and merged pages are parted by a wrap (class 12).
 *
 * SUBTEST: khugepaged
 * Description: Neither MADV_COLLAPSE nor khugepaged replaces an object's pages (class 12).
 *
 * SUBTEST: compaction
 * Description: Compaction leaves an object's pages where they are (class 10).
 *
 * SUBTEST: numa
 * Description: Neither move_pages nor NUMA balancing moves an object's pages (class 10).
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
 *
 * SUBTEST: movable
 * Description: Pages leave ZONE_MOVABLE before they are pinned (class 10).
 *
 * SUBTEST: movable-hugetlb
 * Description: So do huge pages of hugetlbfs (class 10).
 */

IGT_TEST_DESCRIPTION("Check objects that wrap address ranges");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)

static struct drm_zcgem_userptr_range range_of(const void *address, uint64_t size)
{
	return (struct drm_zcgem_userptr_range) {
		.address = (uintptr_t)address,
		.size = size,
	};
}

/* Wraps, and lets go of the object if that worked. */
static int try_wrap(int fd, const void *address, uint64_t size, uint32_t flags)
{
	uint32_t handle;
	int err = __zcgem_wrap_address(fd, address, size, flags, &handle);

	if (!err)
		gem_close(fd, handle);
	return err;
}

/* Writable or not, this must be refused as memory that cannot be pinned. */
static void expect_refused(int fd, const void *address, uint64_t size)
{
	igt_assert_eq(try_wrap(fd, address, size, DRM_ZCGEM_WRAP_READONLY), -EFAULT);
	igt_assert_eq(try_wrap(fd, address, size, 0), -EFAULT);
}

/* The pages of @map must be where they were. */
static void check_not_moved(const void *map, uint64_t size, const uint64_t *frames)
{
	uint64_t *now = zcgem_frames(map, size), i;

	for (i = 0; i < size / ZCGEM_PAGE; i++) {
		igt_assert_neq_u64(frames[i], 0);
		igt_assert_eq_u64(now[i], frames[i]);
	}
	free(now);
}

static void test_single(int fd)
{
	const uint64_t size = PAGES(67);
	char *user = zcgem_anonymous(size), *object, *export;
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	int dmabuf;

	zcgem_fill(user, size, 1);
	handle = zcgem_wrap_address(fd, user, size, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, size);
	igt_assert_eq_u64(info.resident, size);
	igt_assert_eq_u64(info.charged, size);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_USERPTR);
	igt_assert_eq_u32(info.flags, DRM_ZCGEM_INFO_RESIDENT);

	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check(object, size, 1);
	zcgem_check_same(user, object, size);

	dmabuf = zcgem_export(fd, handle);
	export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	igt_assert(export != MAP_FAILED);
	zcgem_check_same(user, export, size);
	zcgem_check_same(object, export, size);

	munmap(export, size);
	close(dmabuf);
	munmap(object, size);
	munmap(user, size);
}

static void test_list(int fd)
{
	char *one = zcgem_anonymous(PAGES(40)), *other = zcgem_anonymous(PAGES(8));
	/* backwards, next to each other, of another mapping, of one page */
	const struct drm_zcgem_userptr_range ranges[] = {
		range_of(one + PAGES(30), PAGES(10)),
		range_of(one, PAGES(3)),
		range_of(one + PAGES(3), PAGES(4)),
		range_of(other, PAGES(8)),
		range_of(one + PAGES(7), PAGES(1)),
	};
	uint32_t handle = zcgem_wrap_userptr(fd, ranges, ARRAY_SIZE(ranges), 0);
	char *object = zcgem_mmap(fd, handle, PAGES(26), RW), *at = object;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		zcgem_check_same((void *)(uintptr_t)ranges[i].address, at,
				 ranges[i].size);
		at += ranges[i].size;
	}
	munmap(object, PAGES(26));
	munmap(other, PAGES(8));
	munmap(one, PAGES(40));
}

static void test_overlapping(int fd)
{
	char *user = zcgem_anonymous(PAGES(8)), *object, *second;
	const struct drm_zcgem_userptr_range ranges[] = {
		range_of(user, PAGES(8)),
		range_of(user + PAGES(2), PAGES(4)),
		range_of(user + PAGES(2), PAGES(4)),
	};
	uint32_t handle = zcgem_wrap_userptr(fd, ranges, ARRAY_SIZE(ranges), 0);
	uint32_t again = zcgem_wrap_address(fd, user, PAGES(8), 0);

	object = zcgem_mmap(fd, handle, PAGES(16), RW);
	second = zcgem_mmap(fd, again, PAGES(8), RW);
	zcgem_check_same(user, object, PAGES(8));
	zcgem_check_same(object + PAGES(8), user + PAGES(2), PAGES(4));
	zcgem_check_same(object + PAGES(8), object + PAGES(12), PAGES(4));
	zcgem_check_same(object, second, PAGES(8));

	/* the second object needs nothing of the first */
	munmap(object, PAGES(16));
	gem_close(fd, handle);
	zcgem_check_same(user, second, PAGES(8));
	munmap(second, PAGES(8));
	munmap(user, PAGES(8));
}

static void test_most_ranges(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint32_t pages = 4096;
	struct drm_zcgem_userptr_range *ranges = calloc(count + 1, sizeof(*ranges));
	char *user = zcgem_anonymous(PAGES(pages)), *object;
	uint32_t handle, i;

	igt_assert(ranges);
	igt_assert_eq_u32(count, 65536);
	zcgem_mark_all(user, PAGES(pages), 5);
	for (i = 0; i <= count; i++)
		ranges[i] = range_of(user + PAGES(i * 2749 % pages), PAGES(1));

	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, count + 1, 0, &handle),
		      -E2BIG);
	handle = zcgem_wrap_userptr(fd, ranges, count, 0);
	object = zcgem_mmap(fd, handle, PAGES((uint64_t)count), PROT_READ);
	for (i = 0; i < count; i++)
		zcgem_check_mark(object, i, 5 + i * 2749 % pages);

	munmap(object, PAGES((uint64_t)count));
	munmap(user, PAGES(pages));
	free(ranges);
}

static void test_thp(int fd)
{
	const uint64_t size = 3 * ZCGEM_HUGE;
	char *user = zcgem_huge_anonymous(size), *object, *part;
	struct drm_zcgem_gem_info info;
	uint32_t handle;

	igt_require_f(zcgem_frame_is_huge(zcgem_frame(user)),
		      "the kernel gave no huge pages\n");
	handle = zcgem_wrap_address(fd, user, size, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(info.extents, 3);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_same(user, object, size);
	zcgem_info(fd, handle, &info);
	igt_assert_lt_u64(0, info.faults_pmd);

	/* from the middle of the first to the middle of the last */
	handle = zcgem_wrap_address(fd, user + PAGES(200), size - PAGES(407), 0);
	part = zcgem_mmap(fd, handle, size - PAGES(407), RW);
	zcgem_check_same(user + PAGES(200), part, size - PAGES(407));

	/* what splits the caller's page table leaves the huge page whole */
	igt_assert_eq(mprotect(user + PAGES(10), PAGES(1), PROT_READ), 0);
	munmap(user + ZCGEM_HUGE + PAGES(5), PAGES(2));
	zcgem_check_same(user, object, PAGES(10));
	zcgem_check_same(user + PAGES(11), object + PAGES(11),
			 ZCGEM_HUGE - PAGES(6));
	zcgem_check_same(part, object + PAGES(200), size - PAGES(407));

	munmap(part, size - PAGES(407));
	munmap(object, size);
	munmap(user, size);
}

static void check_wrapped(int fd, char *user, uint64_t size, uint64_t skip,
			  uint64_t part)
{
	uint32_t handle = zcgem_wrap_address(fd, user + skip, part, 0);
	char *object = zcgem_mmap(fd, handle, part, RW);

	zcgem_check_same(user + skip, object, part);
	munmap(object, part);
	gem_close(fd, handle);
	zcgem_mark_all(user, size, 1);
	zcgem_check_marks(user, size, 1);
}

static void test_shmem(int fd)
{
	const uint64_t size = PAGES(33);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *anonymous = zcgem_shared_anonymous(size);
	char *user = zcgem_map_memfd(memfd, 0, size), *file, *object;
	uint32_t handle;

	check_wrapped(fd, anonymous, size, 0, size);
	check_wrapped(fd, anonymous, size, PAGES(7), PAGES(9));

	/* one piece of memory by five names */
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_same(user, object, size);
	munmap(object, size);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	file = zcgem_mmap(fd, handle, size, RW);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_same(file, object, size);

	munmap(object, size);
	munmap(file, size);
	munmap(user, size);
	munmap(anonymous, size);
	close(memfd);
}

static void test_hugetlb(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	char *user = zcgem_map_memfd(memfd, 0, size);
	struct drm_zcgem_gem_info info;
	uint32_t handle;

	check_wrapped(fd, user, size, 0, size);
	check_wrapped(fd, user, size, PAGES(3), PAGES(700));
	handle = zcgem_wrap_address(fd, user, size, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(info.extents, 2);
	gem_close(fd, handle);
	munmap(user, size);
	close(memfd);

	user = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	igt_require_f(user != MAP_FAILED, "no anonymous huge pages: %m\n");
	check_wrapped(fd, user, size, 0, size);
	check_wrapped(fd, user, size, PAGES(513), PAGES(2));
	munmap(user, size);
}

static void test_mixed(int fd)
{
	int memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK);
	char *huge = zcgem_map_memfd(memfd, 0, ZCGEM_HUGE);
	char *thp = zcgem_huge_anonymous(ZCGEM_HUGE);
	char *small = zcgem_anonymous(PAGES(5));
	char *shared = zcgem_shared_anonymous(PAGES(5));
	const struct drm_zcgem_userptr_range ranges[] = {
		range_of(small, PAGES(5)),
		range_of(huge + PAGES(1), PAGES(510)),
		range_of(shared, PAGES(5)),
		range_of(thp + PAGES(100), PAGES(300)),
	};
	uint32_t handle = zcgem_wrap_userptr(fd, ranges, ARRAY_SIZE(ranges), 0);
	char *object = zcgem_mmap(fd, handle, PAGES(820), RW), *at = object;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		zcgem_check_same((void *)(uintptr_t)ranges[i].address, at,
				 ranges[i].size);
		at += ranges[i].size;
	}
	munmap(object, PAGES(820));
	munmap(shared, PAGES(5));
	munmap(small, PAGES(5));
	munmap(thp, ZCGEM_HUGE);
	munmap(huge, ZCGEM_HUGE);
	close(memfd);
}

/* Nothing may be written through @handle, and everything can be read. */
static void check_readonly(int fd, uint32_t handle, uint64_t size, uint64_t value)
{
	struct drm_zcgem_gem_info info;
	char *object;
	int dmabuf;

	zcgem_info(fd, handle, &info);
	igt_assert(info.flags & DRM_ZCGEM_INFO_READONLY);
	igt_assert(!__zcgem_mmap(fd, handle, size, RW));
	igt_assert_eq(errno, EACCES);

	object = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_check_marks(object, size, value);
	igt_assert_eq(mprotect(object, size, RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(zcgem_access_faults(object, true));
	munmap(object, size);

	dmabuf = zcgem_export(fd, handle);
	igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
	igt_assert(mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	close(dmabuf);
}

static void test_readonly(int fd)
{
	const uint64_t size = PAGES(9);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *user = zcgem_anonymous(size), *writer, *reader, *object;
	uint32_t handle;

	/* memory that could be written, and memory that could not */
	zcgem_mark_all(user, size, 1);
	handle = zcgem_wrap_address(fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	check_readonly(fd, handle, size, 1);
	object = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_mark_all(user, size, 2);
	zcgem_check_marks(object, size, 2);
	munmap(object, size);

	igt_assert_eq(mprotect(user, size, PROT_READ), 0);
	handle = zcgem_wrap_address(fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	check_readonly(fd, handle, size, 2);
	munmap(user, size);

	writer = zcgem_map_memfd(memfd, 0, size);
	reader = mmap(NULL, size, PROT_READ, MAP_SHARED, memfd, 0);
	igt_assert(reader != MAP_FAILED);
	zcgem_mark_all(writer, size, 3);
	handle = zcgem_wrap_address(fd, reader, size, DRM_ZCGEM_WRAP_READONLY);
	check_readonly(fd, handle, size, 3);
	object = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_mark_all(writer, size, 4);
	zcgem_check_marks(object, size, 4);

	munmap(object, size);
	munmap(reader, size);
	munmap(writer, size);
	close(memfd);
}

/*
 * What was only read shows the kernel's page of zeroes, which must not end up in an
 * object: the caller's first write would go elsewhere.
 */
static void test_never_written(int fd)
{
	const uint64_t size = PAGES(6);
	char *user, *object;
	unsigned int i;
	uint32_t handle;

	for (i = 0; i < 4; i++) {
		bool readonly = i & 1, touch = i & 2;
		uint64_t at;

		user = zcgem_anonymous(size);
		for (at = 0; touch && at < size; at += ZCGEM_PAGE)
			igt_assert_eq(((volatile char *)user)[at], 0);
		handle = zcgem_wrap_address(fd, user, size,
					    readonly ? DRM_ZCGEM_WRAP_READONLY : 0);
		object = zcgem_mmap(fd, handle, size, readonly ? PROT_READ : RW);
		for (at = 0; at < size; at++)
			igt_assert_eq(object[at], 0);
		zcgem_mark_all(user, size, 1);
		zcgem_check_marks(object, size, 1);
		if (!readonly)
			zcgem_check_same(user, object, size);
		munmap(object, size);
		gem_close(fd, handle);
		munmap(user, size);
	}
}

/* A private mapping of a file: what is wrapped are the caller's own copies. */
static void test_private_file(int fd)
{
	const uint64_t size = PAGES(4);
	int file = open("/proc/self/exe", O_RDONLY);
	char *user, *other, *object;
	uint32_t handle;

	igt_assert_fd(file);
	other = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	user = mmap(NULL, size, RW, MAP_PRIVATE, file, 0);
	igt_assert(user != MAP_FAILED && other != MAP_FAILED);

	handle = zcgem_wrap_address(fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	object = zcgem_mmap(fd, handle, size, PROT_READ);
	igt_assert(!memcmp(object, other, size));
	zcgem_mark_all(user, size, 1);
	zcgem_check_marks(object, size, 1);
	munmap(object, size);
	munmap(user, size);

	user = mmap(NULL, size, RW, MAP_PRIVATE, file, 0);
	igt_assert(user != MAP_FAILED);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	igt_assert(!memcmp(object, other, size));
	zcgem_check_same(user, object, size);
	/* the file itself was not written */
	igt_assert(memcmp(object, other, size));
	igt_assert(!memcmp(other, "\177ELF", 4));

	munmap(object, size);
	munmap(user, size);
	munmap(other, size);
	close(file);
}

static void test_sealed_later(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *user = zcgem_map_memfd(memfd, 0, size);
	uint32_t handle = zcgem_wrap_address(fd, user, size, 0);

	munmap(user, size);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	igt_assert_eq(errno, EBUSY);
	gem_close(fd, handle);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	close(memfd);
}

static void test_bad_alignment(int fd)
{
	char *user = zcgem_anonymous(PAGES(4));
	static const uint64_t odd[] = { 1, 8, 511, 2048, 4095 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		igt_assert_eq(try_wrap(fd, user + odd[i], PAGES(1), 0), -EINVAL);
		igt_assert_eq(try_wrap(fd, user, odd[i], 0), -EINVAL);
		igt_assert_eq(try_wrap(fd, user, PAGES(1) + odd[i], 0), -EINVAL);
		igt_assert_eq(try_wrap(fd, user + odd[i], PAGES(2) - odd[i], 0),
			      -EINVAL);
	}
	igt_assert_eq(try_wrap(fd, user, PAGES(4), 0), 0);
	munmap(user, PAGES(4));
}

static void test_bad_range(int fd)
{
	const uint64_t max = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE);
	char *user = zcgem_anonymous(PAGES(4));
	struct drm_zcgem_userptr_range ranges[4];
	uint32_t handle;
	unsigned int i;

	igt_assert_eq(try_wrap(fd, user, 0, 0), -EINVAL);
	igt_assert_eq(try_wrap(fd, NULL, 0, 0), -EINVAL);
	/* these wrap around, to zero and beyond */
	igt_assert_eq(try_wrap(fd, (void *)-4096l, PAGES(1), 0), -EINVAL);
	igt_assert_eq(try_wrap(fd, (void *)-4096l, PAGES(2), 0), -EINVAL);
	igt_assert_eq(try_wrap(fd, user, -PAGES(1), 0), -EINVAL);
	igt_assert_eq(try_wrap(fd, user, -(uint64_t)(uintptr_t)user, 0), -EINVAL);

	igt_assert_eq(try_wrap(fd, NULL, max + PAGES(1), 0), -EFBIG);
	igt_assert_eq(try_wrap(fd, user, 1ull << 63, 0), -EFBIG);
	for (i = 0; i < 4; i++)
		ranges[i] = range_of(NULL, (max / 4 / ZCGEM_PAGE + 1) * ZCGEM_PAGE);
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 4, 0, &handle), -EFBIG);
	/* these four come to 2^64, which is zero */
	for (i = 0; i < 4; i++)
		ranges[i] = range_of(NULL, 1ull << 62);
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 4, 0, &handle), -EFBIG);
	munmap(user, PAGES(4));
}

static void test_bad_address(int fd)
{
	static const uint64_t bad[] = {
		0,			/* below mmap_min_addr */
		0x7ffffffff000,		/* the last page below the hole */
		0x7fffffffe000,
		0x800000000000,		/* not canonical */
		0x00ff000000000000,
		0xffff800000000000,	/* the kernel's */
		0xffff888000000000,
		0xffffea0000000000,
		0xffffffff81000000,
		0xffffffffff600000,	/* vsyscall */
		0xffffffffffffe000,
	};
	char *user = zcgem_anonymous(PAGES(6));
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refused(fd, (void *)bad[i], PAGES(1));
	/* from the caller's into nothing, and on to the end of what may be mapped */
	munmap(user + PAGES(3), PAGES(1));
	expect_refused(fd, user + PAGES(3), PAGES(1));
	expect_refused(fd, user, PAGES(4));
	expect_refused(fd, user, PAGES(6));
	expect_refused(fd, user + PAGES(3), PAGES(3));
	igt_assert_eq(try_wrap(fd, user, PAGES(3), 0), 0);
	munmap(user, PAGES(6));
}

static void test_bad_protection(int fd)
{
	const uint64_t size = PAGES(4);
	char *user = zcgem_anonymous(size);

	zcgem_mark_all(user, size, 1);
	igt_assert_eq(mprotect(user, size, PROT_READ), 0);
	igt_assert_eq(try_wrap(fd, user, size, 0), -EFAULT);
	igt_assert_eq(try_wrap(fd, user, size, DRM_ZCGEM_WRAP_READONLY), 0);
	igt_assert_eq(mprotect(user, size, PROT_READ | PROT_EXEC), 0);
	igt_assert_eq(try_wrap(fd, user, size, 0), -EFAULT);
	igt_assert_eq(try_wrap(fd, user, size, DRM_ZCGEM_WRAP_READONLY), 0);
	igt_assert_eq(mprotect(user, size, PROT_NONE), 0);
	expect_refused(fd, user, size);

	/* only the last page is not good enough */
	igt_assert_eq(mprotect(user, PAGES(3), RW), 0);
	igt_assert_eq(mprotect(user + PAGES(3), PAGES(1), PROT_READ), 0);
	igt_assert_eq(try_wrap(fd, user, size, 0), -EFAULT);
	igt_assert_eq(try_wrap(fd, user, PAGES(3), 0), 0);
	igt_assert_eq(try_wrap(fd, user, size, DRM_ZCGEM_WRAP_READONLY), 0);
	munmap(user, size);
}

static struct drm_zcgem_gem_wrap_userptr wrap_arg(const void *ranges,
						  uint32_t stride, uint32_t count)
{
	return (struct drm_zcgem_gem_wrap_userptr) {
		.ranges = {
			.stride = stride,
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
	};
}

static void expect_wrap(int fd, struct drm_zcgem_gem_wrap_userptr arg, int err)
{
	int ret = igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &arg) ? errno : 0;

	igt_assert_f(ret == err, "stride %u count %u flags %#x: %d, expected %d\n",
		     arg.ranges.stride, arg.ranges.count, arg.flags, ret, err);
	if (!ret)
		gem_close(fd, arg.handle);
	errno = 0;
}

static void test_bad_arguments(int fd)
{
	static const uint32_t strides[] = {
		0, 1, 7, 12, 4097, 4104, 0x80000000, 0xfffffff8, 0xffffffff,
	};
	char *user = zcgem_anonymous(PAGES(4)), *list;
	struct drm_zcgem_userptr_range *ranges;
	const uint32_t stride = sizeof(*ranges);
	struct drm_zcgem_gem_wrap_userptr arg;
	unsigned int i;

	list = zcgem_anonymous(PAGES(2));
	ranges = (void *)list;
	ranges[0] = range_of(user, PAGES(4));

	for (i = 0; i < 32; i++) {
		arg = wrap_arg(ranges, stride, 1);
		if (1u << i == DRM_ZCGEM_WRAP_READONLY)
			continue;
		arg.flags = 1u << i;
		expect_wrap(fd, arg, EINVAL);
		arg.flags |= DRM_ZCGEM_WRAP_READONLY;
		expect_wrap(fd, arg, EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(strides); i++)
		expect_wrap(fd, wrap_arg(ranges, strides[i], 1), EINVAL);
	expect_wrap(fd, wrap_arg(ranges, stride, 0), EINVAL);
	/* cut off before the size, which is zero then */
	expect_wrap(fd, wrap_arg(ranges, 8, 1), EINVAL);
	expect_wrap(fd, wrap_arg(ranges, stride, 65537), E2BIG);
	expect_wrap(fd, wrap_arg(ranges, stride, 0xffffffff), E2BIG);

	expect_wrap(fd, wrap_arg(NULL, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)0xffff888000000000, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)-8l, stride, 65536), EFAULT);
	munmap(list + PAGES(1), PAGES(1));
	ranges = (void *)(list + PAGES(1) - stride);
	*ranges = range_of(user, PAGES(4));
	expect_wrap(fd, wrap_arg(ranges, stride, 2), EFAULT);
	expect_wrap(fd, wrap_arg(ranges, stride, 1), 0);

	/* elements with a tail of zeroes, and with another */
	ranges = (void *)list;
	ranges[1] = (struct drm_zcgem_userptr_range) {};
	expect_wrap(fd, wrap_arg(ranges, 2 * stride, 1), 0);
	list[2 * stride - 1] = 1;
	expect_wrap(fd, wrap_arg(ranges, 2 * stride, 1), E2BIG);
	munmap(list, PAGES(1));
	munmap(user, PAGES(4));
}

static void test_bad_last_range(int fd)
{
	const uint32_t count = 600;
	char *user = zcgem_anonymous(PAGES(count)), *reader = zcgem_anonymous(PAGES(1));
	struct drm_zcgem_userptr_range *ranges = calloc(count, sizeof(*ranges));
	const struct {
		struct drm_zcgem_userptr_range range;
		int err;
	} last[] = {
		{ range_of(user, 0), EINVAL },
		{ range_of(user + 8, PAGES(1)), EINVAL },
		{ range_of(NULL, PAGES(1)), EFAULT },
		{ range_of(reader, PAGES(1)), EFAULT },
		{ range_of((void *)0xffff888000000000, PAGES(1)), EFAULT },
		{ range_of(user, 1ull << 62), EFBIG },
	};
	uint32_t handle, i;

	igt_assert(ranges);
	igt_assert_eq(mprotect(reader, PAGES(1), PROT_READ), 0);
	for (i = 0; i < count; i++)
		ranges[i] = range_of(user + PAGES(i), PAGES(1));
	for (i = 0; i < ARRAY_SIZE(last); i++) {
		ranges[count - 1] = last[i].range;
		igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, count, 0, &handle),
			      -last[i].err);
	}
	free(ranges);
	munmap(reader, PAGES(1));
	munmap(user, PAGES(count));
}

/* A file of a file system that has a disk or a server behind it: the program itself. */
static void test_refused_file(int fd)
{
	int file = open("/proc/self/exe", O_RDONLY);
	char *user, *list;
	struct drm_zcgem_userptr_range ranges[3];
	uint32_t handle;

	igt_assert_fd(file);
	user = mmap(NULL, PAGES(4), PROT_READ, MAP_SHARED, file, 0);
	igt_assert(user != MAP_FAILED);
	expect_refused(fd, user, PAGES(1));
	/* in the page cache already, and with good memory on both sides */
	igt_assert(!memcmp(user, "\177ELF", 4));
	expect_refused(fd, user, PAGES(4));
	list = zcgem_anonymous(PAGES(2));
	ranges[0] = range_of(list, PAGES(1));
	ranges[1] = range_of(user, PAGES(1));
	ranges[2] = range_of(list + PAGES(1), PAGES(1));
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 3, DRM_ZCGEM_WRAP_READONLY,
					   &handle), -EFAULT);
	munmap(list, PAGES(2));
	munmap(user, PAGES(4));
	close(file);
}

static char ramfs_directory[] = "/tmp/igt-zcgem-XXXXXX";

static void unmount_ramfs(int sig)
{
	(void)sig;
	umount2(ramfs_directory, MNT_DETACH);
	rmdir(ramfs_directory);
}

/* ramfs: no writeback, so the kernel itself would let its pages be pinned for writing. */
static void test_refused_ramfs(int fd)
{
	char name[64], *user;
	int file;

	igt_require_f(mkdtemp(ramfs_directory), "no directory in /tmp: %m\n");
	igt_install_exit_handler(unmount_ramfs);
	igt_require_f(!mount("ramfs", ramfs_directory, "ramfs", 0, NULL),
		      "cannot mount a ramfs: %m\n");
	snprintf(name, sizeof(name), "%s/file", ramfs_directory);
	file = open(name, O_RDWR | O_CREAT, 0600);
	igt_assert_fd(file);
	igt_assert_eq(ftruncate(file, PAGES(4)), 0);
	user = zcgem_map_memfd(file, 0, PAGES(4));
	zcgem_mark_all(user, PAGES(4), 1);
	expect_refused(fd, user, PAGES(4));
	zcgem_check_marks(user, PAGES(4), 1);
	munmap(user, PAGES(4));
	close(file);
	unmount_ramfs(0);
}

/* Where the kernel shows a process its own frames, without letting it have them. */
static void *find_vvar(void)
{
	unsigned long start = 0;
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "r");

	igt_assert(maps);
	while (!start && fgets(line, sizeof(line), maps)) {
		if (!strstr(line, "[vvar]") || sscanf(line, "%lx-", &start) != 1)
			start = 0;
	}
	fclose(maps);
	return (void *)start;
}

static void test_refused_pfnmap(int fd)
{
	int mem = open("/dev/mem", O_RDWR | O_SYNC);
	void *vvar = find_vvar(), *map;
	unsigned int tried = 0;

	if (vvar) {
		tried++;
		expect_refused(fd, vvar, PAGES(1));
	}
	if (mem >= 0) {
		map = mmap(NULL, PAGES(1), RW, MAP_SHARED, mem, 0xf0000);
		if (map != MAP_FAILED) {
			tried++;
			expect_refused(fd, map, PAGES(1));
			munmap(map, PAGES(1));
		}
		close(mem);
	}
	igt_require_f(tried, "neither [vvar] nor /dev/mem can be mapped\n");
}

static void test_refused_zcgem(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	char *user = zcgem_huge_anonymous(size), *object, *export;
	uint32_t handles[2], i;
	int dmabuf;

	/* by huge entries and by small ones, touched and not */
	handles[0] = zcgem_wrap_address(fd, user, size, 0);
	handles[1] = zcgem_create(fd, size, DRM_ZCGEM_CREATE_WC);
	for (i = 0; i < 2; i++) {
		object = zcgem_mmap(fd, handles[i], size, RW);
		expect_refused(fd, object, PAGES(1));
		zcgem_mark_all(object, size, 1);
		expect_refused(fd, object, size);
		expect_refused(fd, object + PAGES(77), PAGES(1));
		dmabuf = zcgem_export(fd, handles[i]);
		export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
		igt_assert(export != MAP_FAILED);
		zcgem_check_marks(export, size, 1);
		expect_refused(fd, export, size);
		munmap(export, size);
		munmap(object, size);
		close(dmabuf);
	}
	munmap(user, size);
}

static void test_refused_udmabuf(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	struct udmabuf_create create = { .memfd = memfd, .size = size };
	int device = open("/dev/udmabuf", O_RDWR), dmabuf;
	char *map;

	igt_require_f(device >= 0, "no /dev/udmabuf\n");
	dmabuf = ioctl(device, UDMABUF_CREATE, &create);
	igt_assert_fd(dmabuf);
	map = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	zcgem_mark_all(map, size, 1);
	expect_refused(fd, map, size);
	munmap(map, size);
	close(dmabuf);
	close(device);
	close(memfd);
}

static void test_refused_secret(int fd)
{
#ifdef SYS_memfd_secret
	int secret = syscall(SYS_memfd_secret, 0);
	char *map;

	igt_require_f(secret >= 0, "no secret memory: %m\n");
	igt_assert_eq(ftruncate(secret, PAGES(2)), 0);
	map = zcgem_map_memfd(secret, 0, PAGES(2));
	expect_refused(fd, map, PAGES(2));
	zcgem_mark_all(map, PAGES(2), 1);
	expect_refused(fd, map, PAGES(2));
	zcgem_check_marks(map, PAGES(2), 1);
	munmap(map, PAGES(2));
	close(secret);
#else
	(void)fd;
	igt_skip("built without memfd_secret\n");
#endif
}

static void test_refused_dax(int fd)
{
	char line[512], where[256] = "", name[300], *map;
	FILE *mounts = fopen("/proc/mounts", "r");
	int file;

	igt_assert(mounts);
	while (!*where && fgets(line, sizeof(line), mounts)) {
		char options[200];

		if (sscanf(line, "%*s %255s %*s %199s", where, options) != 2 ||
		    !strstr(options, "dax") || strstr(options, "dax=never"))
			*where = '\0';
	}
	fclose(mounts);
	igt_require_f(*where, "no file system is mounted with dax\n");

	snprintf(name, sizeof(name), "%s/igt-zcgem", where);
	file = open(name, O_RDWR | O_CREAT, 0600);
	igt_assert_fd(file);
	unlink(name);
	igt_assert_eq(ftruncate(file, PAGES(4)), 0);
	map = zcgem_map_memfd(file, 0, PAGES(4));
	zcgem_mark_all(map, PAGES(4), 1);
	igt_assert_eq(try_wrap(fd, map, PAGES(4), DRM_ZCGEM_WRAP_READONLY),
		      -EOPNOTSUPP);
	igt_assert_eq(try_wrap(fd, map, PAGES(4), 0), -EOPNOTSUPP);
	munmap(map, PAGES(4));
	close(file);
}

#define OLD	0x100000000ull
#define PARENT	0x200000000ull
#define OBJECT	0x300000000ull
#define CHILD	0x400000000ull

/*
 * Both sides of a fork and the object write in turn. The child must keep what was
 * there at the fork, plus its own writes; parent and object must stay one.
 */
static void run_fork(int fd, char *user, uint64_t size, bool fork_first)
{
	struct zcgem_line line;
	char *object = NULL;
	uint32_t handle;

	zcgem_open_line(&line);
	zcgem_mark_all(user, size, OLD);
	if (!fork_first) {
		handle = zcgem_wrap_address(fd, user, size, 0);
		object = zcgem_mmap(fd, handle, size, RW);
	}

	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(user, size, OLD);
		zcgem_mark_all(user, size, CHILD);
		/* the object's mapping came along, and is shared */
		if (!fork_first)
			zcgem_check_marks(object, size, OBJECT);
		zcgem_say(line.end[1], 0);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(user, size, CHILD);
		zcgem_say(line.end[1], 0);
	}
	zcgem_take_end(&line, 0);

	if (fork_first) {
		handle = zcgem_wrap_address(fd, user, size, 0);
		object = zcgem_mmap(fd, handle, size, RW);
	}
	zcgem_check_marks(object, size, OLD);
	zcgem_mark_all(user, size, PARENT);
	zcgem_check_marks(object, size, PARENT);
	zcgem_mark_all(object, size, OBJECT);
	zcgem_check_marks(user, size, OBJECT);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	zcgem_check_marks(user, size, OBJECT);
	zcgem_check_marks(object, size, OBJECT);
	zcgem_check_same(user, object, size);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	igt_waitchildren();
	zcgem_check_same(user, object, size);

	munmap(object, size);
	gem_close(fd, handle);
	zcgem_close_line(&line);
}

static void test_fork(int fd)
{
	char *user = zcgem_anonymous(PAGES(24));

	run_fork(fd, user, PAGES(24), false);
	/* pages that fork() has made shared once already */
	run_fork(fd, user, PAGES(24), false);
	munmap(user, PAGES(24));
}

static void test_fork_thp(int fd)
{
	char *user = zcgem_huge_anonymous(2 * ZCGEM_HUGE);

	run_fork(fd, user, 2 * ZCGEM_HUGE, false);
	run_fork(fd, user, 2 * ZCGEM_HUGE, true);
	munmap(user, 2 * ZCGEM_HUGE);
}

static void test_fork_hugetlb(int fd)
{
	char *user;

	/* the child's copies are huge pages, too, and nobody reserves those */
	close(zcgem_memfd_hugetlb(4 * ZCGEM_HUGE, 0));
	user = mmap(NULL, ZCGEM_HUGE, RW,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	igt_require_f(user != MAP_FAILED, "no anonymous huge pages: %m\n");
	run_fork(fd, user, ZCGEM_HUGE, false);
	run_fork(fd, user, ZCGEM_HUGE, true);
	munmap(user, ZCGEM_HUGE);
}

static void test_fork_before(int fd)
{
	char *user = zcgem_anonymous(PAGES(24));

	run_fork(fd, user, PAGES(24), true);
	run_fork(fd, user, PAGES(24), true);
	munmap(user, PAGES(24));
}

/* A read-only object of pages that a child shares: the parent's writes must reach it. */
static void test_fork_readonly(int fd)
{
	const uint64_t size = PAGES(24);
	char *user = zcgem_anonymous(size), *object;
	struct zcgem_line line;
	uint32_t handle;

	zcgem_open_line(&line);
	zcgem_mark_all(user, size, OLD);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(user, size, OLD);
		zcgem_mark_all(user, size, CHILD);
		zcgem_say(line.end[1], 0);
	}
	zcgem_take_end(&line, 0);

	handle = zcgem_wrap_address(fd, user, size, DRM_ZCGEM_WRAP_READONLY);
	object = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_check_marks(object, size, OLD);
	zcgem_mark_all(user, size, PARENT);
	zcgem_check_marks(object, size, PARENT);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	zcgem_check_marks(object, size, PARENT);
	zcgem_check_marks(user, size, PARENT);
	igt_waitchildren();
	zcgem_mark_all(user, size, OLD);
	zcgem_check_marks(object, size, OLD);

	munmap(object, size);
	munmap(user, size);
	zcgem_close_line(&line);
}

static void test_creator_exits(int fd)
{
	const uint64_t size = PAGES(24);
	struct zcgem_line line;
	char *export;
	int dmabuf;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		char *user = zcgem_anonymous(size);

		zcgem_take_end(&line, 1);
		zcgem_mark_all(user, size, CHILD);
		zcgem_send_fd(line.end[1],
			      zcgem_export(fd, zcgem_wrap_address(fd, user, size, 0)));
	}
	zcgem_take_end(&line, 0);
	dmabuf = zcgem_receive_fd(line.end[0]);
	igt_waitchildren();

	export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	igt_assert(export != MAP_FAILED);
	zcgem_check_marks(export, size, CHILD);
	zcgem_mark_all(export, size, PARENT);
	zcgem_check_marks(export, size, PARENT);
	munmap(export, size);
	close(dmabuf);
	zcgem_close_line(&line);
}

#define KSM	"/sys/kernel/mm/ksm/"

/* Until KSM has looked at everything twice more: once to know a page, once to merge. */
static void wait_for_ksm(void)
{
	uint64_t until = zcgem_read_number(KSM "full_scans") + 3;
	unsigned int step;

	for (step = 0; step < 6000; step++) {
		if (zcgem_read_number(KSM "full_scans") >= until)
			return;
		usleep(10000);
	}
	igt_assert_f(false, "KSM does not get on\n");
}

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

	igt_require_f(!access(KSM "run", W_OK), "no KSM\n");
	fill_equal(user, size);
	fill_equal(control, size);
	fill_equal(merged, size);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	frames = zcgem_frames(user, size);

	igt_assert_eq(madvise(user, size, MADV_MERGEABLE), 0);
	igt_assert_eq(madvise(control, size, MADV_MERGEABLE), 0);
	igt_assert_eq(madvise(merged, size, MADV_MERGEABLE), 0);
	zcgem_change_setting(KSM "pages_to_scan", "5000");
	zcgem_change_setting(KSM "sleep_millisecs", "1");
	zcgem_change_setting(KSM "run", "1");
	wait_for_ksm();

	/* it works: what is not pinned was merged into one page */
	other = zcgem_frames(control, size);
	igt_assert_eq_u64(other[0], other[1]);
	igt_assert_eq_u64(other[0], zcgem_frame(merged + size - 1));
	check_not_moved(user, size, frames);
	zcgem_check_same(user, object, size);

	/* merged first, wrapped then: the object gets pages of its own */
	handle = zcgem_wrap_address(fd, merged, size, 0);
	late = zcgem_mmap(fd, handle, size, RW);
	igt_assert(!memcmp(late, control, size));
	zcgem_check_same(merged, late, size);
	fill_equal(late, size);
	wait_for_ksm();
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

#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

static void wait_for_khugepaged(void)
{
	uint64_t until = zcgem_read_number(KHUGEPAGED "full_scans") + 3;
	unsigned int step;

	for (step = 0; step < 6000; step++) {
		if (zcgem_read_number(KHUGEPAGED "full_scans") >= until)
			return;
		usleep(10000);
	}
	igt_assert_f(false, "khugepaged does not get on\n");
}

static void test_khugepaged(int fd)
{
	const uint64_t size = ZCGEM_HUGE;
	char *user = aligned_small_pages(size), *control = aligned_small_pages(size);
	uint32_t handle = zcgem_wrap_address(fd, user, size, 0);
	char *object = zcgem_mmap(fd, handle, size, RW);
	uint64_t *frames = zcgem_frames(user, size);

	igt_assert_eq(madvise(user, size, MADV_HUGEPAGE), 0);
	igt_assert_eq(madvise(control, size, MADV_HUGEPAGE), 0);
	igt_require_f(!madvise(control, size, MADV_COLLAPSE),
		      "the kernel cannot collapse pages: %m\n");
	igt_assert(zcgem_frame_is_huge(zcgem_frame(control)));
	zcgem_check_marks(control, size, OLD);

	igt_assert_eq(madvise(user, size, MADV_COLLAPSE), -1);
	check_not_moved(user, size, frames);

	zcgem_change_setting(KHUGEPAGED "scan_sleep_millisecs", "1");
	zcgem_change_setting(KHUGEPAGED "alloc_sleep_millisecs", "1");
	zcgem_change_setting(KHUGEPAGED "pages_to_scan", "100000");
	wait_for_khugepaged();
	zcgem_restore_settings();
	check_not_moved(user, size, frames);
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

static void test_compaction(int fd)
{
	const uint64_t size = PAGES(512);
	char *user = zcgem_anonymous(size), *shared = zcgem_shared_anonymous(size);
	struct drm_zcgem_userptr_range ranges[] = {
		range_of(user, size), range_of(shared, size),
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
		check_not_moved(user, size, frames);
		check_not_moved(shared, size, other);
		zcgem_check_same(user, object, size);
		zcgem_check_same(shared, object + size, size);
	}
	free(other);
	free(frames);
	munmap(object, 2 * size);
	munmap(shared, size);
	munmap(user, size);
}

/* Asks for every page of @map to be on @node; returns how many then are. */
static uint64_t move_pages_to(char *map, uint64_t size, int node)
{
	uint64_t count = size / ZCGEM_PAGE, i, there = 0;
	void **pages = calloc(count, sizeof(*pages));
	int *nodes = calloc(count, sizeof(*nodes));
	int *status = calloc(count, sizeof(*status));

	igt_assert(pages && nodes && status);
	for (i = 0; i < count; i++) {
		pages[i] = map + PAGES(i);
		nodes[i] = node;
	}
	igt_assert_lte(0, syscall(SYS_move_pages, 0, count, pages, nodes, status, 2));
	igt_assert_eq(syscall(SYS_move_pages, 0, count, pages, NULL, status, 2), 0);
	for (i = 0; i < count; i++)
		there += status[i] == node;
	free(status);
	free(nodes);
	free(pages);
	return there;
}

static void test_numa(int fd)
{
	const uint64_t size = PAGES(256);
	char *user = zcgem_anonymous(size), *control = zcgem_anonymous(size), *object;
	uint64_t *frames, round;
	uint32_t handle;

	igt_require_f(!access("/sys/devices/system/node/node1", F_OK),
		      "one node only: boot with numa=fake=2\n");
	zcgem_change_setting("/proc/sys/kernel/numa_balancing", "1");
	zcgem_mark_all(user, size, OLD);
	zcgem_mark_all(control, size, OLD);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	frames = zcgem_frames(user, size);
	for (round = 0; round < 4; round++) {
		igt_assert_eq_u64(move_pages_to(control, size, round & 1),
				  size / ZCGEM_PAGE);
		zcgem_check_marks(control, size, OLD);
		move_pages_to(user, size, round & 1);
		check_not_moved(user, size, frames);
		zcgem_check_same(user, object, size);
	}
	zcgem_restore_settings();
	free(frames);
	munmap(object, size);
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
	check_not_moved(user, size, frames);
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

static void test_dirty(int fd)
{
	const uint64_t size = PAGES(64);
	char *user, *object, *reader;
	uint32_t handle;
	int memfd;

	zcgem_require_swap(64 << 20);
	run_dirty(fd, zcgem_anonymous(size), size);
	run_dirty(fd, zcgem_shared_anonymous(size), size);

	/* only ever read by the caller: clean zeroes of shmem */
	memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	user = zcgem_map_memfd(memfd, 0, size);
	reader = mmap(NULL, size, PROT_READ, MAP_SHARED, memfd, 0);
	igt_assert(reader != MAP_FAILED);
	igt_assert_eq(reader[0] | reader[size - 1], 0);
	handle = zcgem_wrap_address(fd, user, size, 0);
	munmap(user, size);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_mark_all(object, size, OBJECT);
	munmap(object, size);
	gem_close(fd, handle);
	igt_assert(zcgem_page_out(reader, size));
	zcgem_check_marks(reader, size, OBJECT);
	munmap(reader, size);
	close(memfd);
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
	char *user = zcgem_anonymous(size), *object, *again;
	uint32_t handle;

	zcgem_mark_all(user, size, OLD);
	handle = zcgem_wrap_address(fd, user, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	munmap(user, size);
	check_parted(NULL, object, size);

	/* other memory at the same address is other memory */
	again = mmap(user, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	igt_assert(again == user);
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

struct race {
	char *map;
	uint64_t size;
	bool stop;
};

static void *unmap_and_map(void *data)
{
	struct race *race = data;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		munmap(race->map + race->size / 2, race->size / 2);
		mmap(race->map, race->size, RW,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return NULL;
}

static void test_munmap_race(int fd)
{
	struct race race = { .size = PAGES(64) };
	unsigned int rounds = zcgem_rounds(3000), wrapped = 0, i;
	pthread_t thread;

	race.map = zcgem_anonymous(race.size);
	igt_assert_eq(pthread_create(&thread, NULL, unmap_and_map, &race), 0);
	for (i = 0; i < rounds; i++) {
		int err = try_wrap(fd, race.map, race.size, 0);

		if (err && err != -EFAULT)
			break;
		wrapped += !err;
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	igt_assert_eq(i, 3000);
	igt_debug("%u of %u wrapped\n", wrapped, i);
	munmap(race.map, race.size);
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

	igt_describe("One range: all views see each other's writes in every page");
	igt_subtest("single")
		zcgem_run_counted(fd, test_single);

	igt_describe("A list of ranges of several mappings is one object in list order");
	igt_subtest("list")
		zcgem_run_counted(fd, test_list);

	igt_describe("Ranges that overlap, and objects that do, share their memory");
	igt_subtest("overlapping")
		zcgem_run_counted(fd, test_overlapping);

	igt_describe("The largest list is one object, page for page, and one range more is refused (class 14)");
	igt_subtest("most-ranges")
		zcgem_run_counted(fd, test_most_ranges);

	igt_describe("Transparent huge pages, whole and in part, also after the caller's page table was split (class 6)");
	igt_subtest("thp")
		zcgem_run_counted(fd, test_thp);

	igt_describe("Shared anonymous memory and mappings of a memfd");
	igt_subtest("shmem")
		zcgem_run_counted(fd, test_shmem);

	igt_describe("Shared and private memory on 2 MiB hugetlb pages, whole and in part (class 6)");
	igt_subtest("hugetlb")
		zcgem_run_counted(fd, test_hugetlb);

	igt_describe("All kinds of memory in one object (class 6)");
	igt_subtest("mixed")
		zcgem_run_counted(fd, test_mixed);

	igt_describe("A read-only object cannot be written by any way and shows what the caller writes");
	igt_subtest("readonly")
		zcgem_run_counted(fd, test_readonly);

	igt_describe("Memory that was never written becomes zeroes of its own, not the kernel's page of zeroes");
	igt_subtest("never-written")
		zcgem_run_counted(fd, test_never_written);

	igt_describe("Of a private mapping of a file the caller's copies are wrapped, not the file");
	igt_subtest("private-file")
		zcgem_run_counted(fd, test_private_file);

	igt_describe("A memfd cannot be sealed against writing while an object of its mapping can write (class 5)");
	igt_subtest("sealed-later")
		zcgem_run_counted(fd, test_sealed_later);

	igt_describe("Addresses and sizes that are not whole pages are refused");
	igt_subtest("bad-alignment")
		zcgem_run_refused(fd, test_bad_alignment);

	igt_describe("Empty ranges, ranges that wrap around and sums that are too large are refused (class 2)");
	igt_subtest("bad-range")
		zcgem_run_refused(fd, test_bad_range);

	igt_describe("Addresses that are not mapped or not the caller's are refused");
	igt_subtest("bad-address")
		zcgem_run_refused(fd, test_bad_address);

	igt_describe("Memory that the caller may not write or read is refused");
	igt_subtest("bad-protection")
		zcgem_run_refused(fd, test_bad_protection);

	igt_describe("Unknown flags, bad pointers, strides and counts are refused (class 3)");
	igt_subtest("bad-arguments")
		zcgem_run_refused(fd, test_bad_arguments);

	igt_describe("A list that is good but for its last range leaves nothing behind (class 3)");
	igt_subtest("bad-last-range")
		zcgem_run_refused(fd, test_bad_last_range);

	igt_describe("A shared mapping of a file of a file system is refused (class 10)");
	igt_subtest("refused-file")
		zcgem_run_refused(fd, test_refused_file);

	igt_describe("A file system whose pages the kernel would let be pinned is refused all the same (class 10)");
	igt_subtest("refused-ramfs")
		zcgem_run_refused(fd, test_refused_ramfs);

	igt_describe("Mappings of bare frames are refused");
	igt_subtest("refused-pfnmap")
		zcgem_run_refused(fd, test_refused_pfnmap);

	igt_describe("Mappings of a zcgem object or of its dma-buf are refused");
	igt_subtest("refused-zcgem")
		zcgem_run_counted(fd, test_refused_zcgem);

	igt_describe("Mappings of udmabuf's dma-bufs are refused");
	igt_subtest("refused-udmabuf")
		zcgem_run_refused(fd, test_refused_udmabuf);

	igt_describe("Secret memory is refused");
	igt_subtest("refused-secret")
		zcgem_run_refused(fd, test_refused_secret);

	igt_describe("Mappings of a DAX file are refused");
	igt_subtest("refused-dax")
		zcgem_run_refused(fd, test_refused_dax);

	igt_describe("Parent, child and object write after a fork: the child gets copies (class 12)");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("The same on transparent huge pages (class 12)");
	igt_subtest("fork-thp")
		zcgem_run_counted(fd, test_fork_thp);

	igt_describe("The same on private hugetlb pages (class 12)");
	igt_subtest("fork-hugetlb")
		zcgem_run_counted(fd, test_fork_hugetlb);

	igt_describe("The same when the fork comes before the wrap (class 12)");
	igt_subtest("fork-before")
		zcgem_run_counted(fd, test_fork_before);

	igt_describe("A read-only object of pages that a child shares follows the parent's writes (class 12)");
	igt_subtest("fork-readonly")
		zcgem_run_counted(fd, test_fork_readonly);

	igt_describe("A dma-buf keeps the pages of a process that is gone (class 12)");
	igt_subtest("creator-exits")
		zcgem_run_counted(fd, test_creator_exits);

	igt_describe("KSM leaves an object's pages alone, and merged pages are parted by a wrap (class 12)");
	igt_subtest("ksm")
		zcgem_run_counted(fd, test_ksm);

	igt_describe("Neither MADV_COLLAPSE nor khugepaged replaces an object's pages (class 12)");
	igt_subtest("khugepaged")
		zcgem_run_counted(fd, test_khugepaged);

	igt_describe("Compaction leaves an object's pages where they are (class 10)");
	igt_subtest("compaction")
		zcgem_run_counted(fd, test_compaction);

	igt_describe("Neither move_pages nor NUMA balancing moves an object's pages (class 10)");
	igt_subtest("numa")
		zcgem_run_counted(fd, test_numa);

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

	igt_describe("Pages leave ZONE_MOVABLE before they are pinned (class 10)");
	igt_subtest("movable")
		zcgem_run_counted(fd, test_movable);

	igt_describe("So do huge pages of hugetlbfs (class 10)");
	igt_subtest("movable-hugetlb")
		zcgem_run_counted(fd, test_movable_hugetlb);

	igt_fixture()
		drm_close_driver(fd);
}
