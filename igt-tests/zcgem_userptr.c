// SPDX-License-Identifier: MIT
/*
 * Objects of address ranges, of every kind of memory that a program can have: the
 * object's views and the program's own are the same memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem userptr
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of address ranges.
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
 */

IGT_TEST_DESCRIPTION("Check objects of address ranges");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)

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
		zcgem_address_range(one + PAGES(30), PAGES(10)),
		zcgem_address_range(one, PAGES(3)),
		zcgem_address_range(one + PAGES(3), PAGES(4)),
		zcgem_address_range(other, PAGES(8)),
		zcgem_address_range(one + PAGES(7), PAGES(1)),
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
		zcgem_address_range(user, PAGES(8)),
		zcgem_address_range(user + PAGES(2), PAGES(4)),
		zcgem_address_range(user + PAGES(2), PAGES(4)),
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
		ranges[i] = zcgem_address_range(user + PAGES(i * 2749 % pages), PAGES(1));

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
	igt_assert_eq(!info.faults_pmd, page_table_is_checked());

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
		zcgem_address_range(small, PAGES(5)),
		zcgem_address_range(huge + PAGES(1), PAGES(510)),
		zcgem_address_range(shared, PAGES(5)),
		zcgem_address_range(thp + PAGES(100), PAGES(300)),
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

	igt_fixture()
		drm_close_driver(fd);
}
