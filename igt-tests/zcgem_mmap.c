// SPDX-License-Identifier: MIT
/*
 * CPU mappings of zcgem objects: their lifetime, their bounds, and what becomes of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"

/**
 * TEST: zcgem mmap
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check CPU mappings of zcgem objects.
 *
 * SUBTEST: shared
 * Description: Two mappings of an object are the same memory.
 *
 * SUBTEST: private-refused
 * Description: A private mapping is refused, on the node and on the dma-buf.
 *
 * SUBTEST: readonly-node
 * Description: A descriptor of the node that may only read maps only for reading.
 *
 * SUBTEST: bounds
 * Description: A mapping begins at the object's start and ends within it.
 *
 * SUBTEST: partial-unmap
 * Description: What is left after munmap of a part shows the right pages.
 *
 * SUBTEST: mremap
 * Description: A mapping can be moved and shrunk, but not grown.
 *
 * SUBTEST: mprotect
 * Description: Protection can be taken from a part and given back.
 *
 * SUBTEST: fork
 * Description: A child shares the mapping.
 *
 * SUBTEST: outlives-handle
 * Description: A mapping outlives the handle and the descriptor.
 *
 * SUBTEST: madvise-dontneed
 * Description: Pages cannot be thrown away by the mapping.
 *
 * SUBTEST: fixed-unaligned
 * Description: Huge pages can be mapped at an address that is not aligned to them.
 */

IGT_TEST_DESCRIPTION("Check CPU mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void test_shared(int fd)
{
	const uint64_t size = PAGES(40);
	uint32_t handle = zcgem_create(fd, size, 0);
	void *first = zcgem_mmap(fd, handle, size, PROT_RW);
	void *second = zcgem_mmap(fd, handle, size, PROT_RW);

	igt_assert(first != second);
	zcgem_fill(first, size, 1);
	zcgem_check(second, size, 1);
	zcgem_fill(second, size, 2);
	zcgem_check(first, size, 2);
	munmap(first, size);
	zcgem_check(second, size, 2);
	munmap(second, size);
}

static void expect_private_refused(int fd, uint64_t size, uint64_t offset,
				   int prot)
{
	void *map = mmap(NULL, size, prot, MAP_PRIVATE, fd, offset);

	igt_assert_f(map == MAP_FAILED, "private mapping, prot %#x\n", prot);
	igt_assert_eq(errno, EINVAL);
}

static void test_private_refused(int fd)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_RW };
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle[3], n, i;
	int dmabuf;

	handle[0] = zcgem_create(fd, size, 0);
	handle[1] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	handle[2] = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);

	for (n = 0; n < ARRAY_SIZE(handle); n++) {
		uint32_t flags = n == 2 ? DRM_CLOEXEC : DRM_CLOEXEC | DRM_RDWR;

		igt_assert_eq(__zcgem_export(fd, handle[n], flags, &dmabuf), 0);
		for (i = 0; i < ARRAY_SIZE(prots); i++) {
			expect_private_refused(fd, size,
					       zcgem_mmap_offset(fd, handle[n]),
					       prots[i]);
			expect_private_refused(dmabuf, size, 0, prots[i]);
		}
		close(dmabuf);
	}
	close(memfd);
}

static void test_readonly_node(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), node;
	uint32_t handle;
	char path[64];
	char *map;

	igt_assert_eq(pwrite(memfd, "read", 4, 0), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	node = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_fd(node);
	handle = zcgem_wrap_memfd(node, memfd, 0, size, 0);

	errno = 0;
	igt_assert(!__zcgem_mmap(node, handle, size, PROT_RW));
	igt_assert_eq(errno, EACCES);
	expect_private_refused(node, size, zcgem_mmap_offset(node, handle),
			       PROT_READ);

	map = zcgem_mmap(node, handle, size, PROT_READ);
	igt_assert(!memcmp(map, "read", 4));
	igt_assert_eq(mprotect(map, size, PROT_RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(zcgem_access_faults(map, true));
	munmap(map, size);
	close(node);
	close(memfd);
}

static void expect_mmap(int fd, uint64_t size, uint64_t offset, int err,
			int or_err)
{
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset);
	int ret = map == MAP_FAILED ? errno : 0;

	igt_assert_f(ret == err || ret == or_err,
		     "size %#llx offset %#llx: %d, expected %d\n",
		     (unsigned long long)size, (unsigned long long)offset, ret, err);
	if (!ret)
		munmap(map, size);
}

static void test_bounds(int fd)
{
	const uint64_t size = PAGES(8);
	uint32_t handle = zcgem_create(fd, size, 0);
	uint64_t offset = zcgem_mmap_offset(fd, handle);
	int dmabuf = zcgem_export(fd, handle);
	char *map;

	/* another one next to it, so that running over would find something */
	zcgem_mmap_offset(fd, zcgem_create(fd, size, 0));

	expect_mmap(fd, size, offset, 0, 0);
	expect_mmap(fd, PAGES(1), offset, 0, 0);
	expect_mmap(fd, size + 1, offset, EINVAL, EINVAL);
	expect_mmap(fd, PAGES(9), offset, EINVAL, EINVAL);
	expect_mmap(fd, 1ull << 40, offset, EINVAL, ENOMEM);
	expect_mmap(fd, PAGES(1), offset + PAGES(3), EINVAL, EINVAL);
	expect_mmap(fd, size, offset - PAGES(1), EINVAL, EINVAL);
	expect_mmap(fd, PAGES(1), 0, EINVAL, EINVAL);
	/* ends at and after the end of all offsets */
	expect_mmap(fd, PAGES(1), -PAGES(1), EINVAL, EOVERFLOW);
	expect_mmap(fd, PAGES(2), -PAGES(1), EINVAL, EOVERFLOW);
	expect_mmap(fd, PAGES(2), -PAGES(2), EINVAL, EOVERFLOW);
	expect_mmap(fd, PAGES(1), 1ull << 63, EINVAL, EOVERFLOW);

	/* a dma-buf may be mapped from its middle */
	expect_mmap(dmabuf, size, 0, 0, 0);
	expect_mmap(dmabuf, PAGES(9), 0, EINVAL, EINVAL);
	expect_mmap(dmabuf, PAGES(4), PAGES(5), EINVAL, EINVAL);
	expect_mmap(dmabuf, PAGES(1), PAGES(8), EINVAL, EINVAL);
	expect_mmap(dmabuf, PAGES(1), -PAGES(1), EINVAL, EOVERFLOW);
	expect_mmap(dmabuf, PAGES(2), -PAGES(2), EINVAL, EOVERFLOW);

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	zcgem_fill(map + PAGES(5), PAGES(2), 2);
	munmap(map, size);
	map = mmap(NULL, PAGES(2), PROT_READ, MAP_SHARED, dmabuf, PAGES(5));
	igt_assert(map != MAP_FAILED);
	zcgem_check(map, PAGES(2), 2);
	munmap(map, PAGES(2));

	/* mapped in part, an access past that part must not find the object */
	map = mmap(NULL, PAGES(8), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(map != MAP_FAILED);
	igt_assert(mmap(map, PAGES(3), PROT_RW, MAP_SHARED | MAP_FIXED, fd,
			offset) == map);
	igt_assert(!zcgem_access_faults(map + PAGES(3) - 8, true));
	igt_assert(zcgem_access_faults(map + PAGES(3), false));
	munmap(map, PAGES(8));
	close(dmabuf);
}

/* An object whose page n holds the pattern of seed n + 1. */
static uint32_t numbered_object(int fd, uint32_t pages)
{
	uint32_t handle = zcgem_create(fd, PAGES(pages), 0);
	char *map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
	uint32_t i;

	for (i = 0; i < pages; i++)
		zcgem_fill(map + PAGES(i), ZCGEM_PAGE, i + 1);
	munmap(map, PAGES(pages));
	return handle;
}

static void check_numbers(const char *map, uint32_t first, uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++)
		zcgem_check(map + PAGES(i), ZCGEM_PAGE, first + i + 1);
}

static void test_partial_unmap(int fd)
{
	const uint32_t pages = 32;
	uint32_t handle = numbered_object(fd, pages);
	int touched;
	char *map;

	/* before the first fault the split must not shift what faults in later */
	for (touched = 0; touched < 2; touched++) {
		map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
		if (touched)
			check_numbers(map, 0, pages);
		igt_assert_eq(munmap(map + PAGES(10), PAGES(5)), 0);
		check_numbers(map + PAGES(15), 15, pages - 15);
		check_numbers(map, 0, 10);
		igt_assert(zcgem_access_faults(map + PAGES(10), false));
		igt_assert(zcgem_access_faults(map + PAGES(14), false));

		/* from the front and from the back */
		igt_assert_eq(munmap(map, PAGES(3)), 0);
		igt_assert_eq(munmap(map + PAGES(pages - 4), PAGES(4)), 0);
		check_numbers(map + PAGES(3), 3, 7);
		check_numbers(map + PAGES(15), 15, pages - 15 - 4);
		munmap(map, PAGES(pages));
	}
}

static void test_mremap(int fd)
{
	const uint32_t pages = 32;
	uint32_t handle = numbered_object(fd, pages);
	struct drm_zcgem_gem_info info;
	char *map, *target, *moved;
	int touched;

	for (touched = 0; touched < 2; touched++) {
		map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
		if (touched)
			check_numbers(map, 0, pages);
		target = mmap(NULL, PAGES(pages), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(target != MAP_FAILED);

		/* the whole, then the middle of it */
		moved = mremap(map, PAGES(pages), PAGES(pages),
			       MREMAP_MAYMOVE | MREMAP_FIXED, target);
		igt_assert(moved == target);
		igt_assert(zcgem_access_faults(map, false));
		check_numbers(moved, 0, pages);

		target = mmap(NULL, PAGES(8), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		igt_assert(target != MAP_FAILED);
		igt_assert(mremap(moved + PAGES(11), PAGES(8), PAGES(8),
				  MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
		check_numbers(target, 11, 8);
		check_numbers(moved, 0, 11);
		check_numbers(moved + PAGES(19), 19, pages - 19);
		igt_assert(zcgem_access_faults(moved + PAGES(11), false));
		munmap(target, PAGES(8));
		munmap(moved, PAGES(pages));
	}

	/* neither in place nor elsewhere; also not from a part of it */
	map = zcgem_mmap(fd, handle, PAGES(8), PROT_RW);
	moved = mremap(map, PAGES(8), PAGES(9), MREMAP_MAYMOVE);
	igt_assert(moved == MAP_FAILED);
	igt_assert_eq(errno, EFAULT);
	moved = mremap(map, PAGES(8), PAGES(64), MREMAP_MAYMOVE);
	igt_assert(moved == MAP_FAILED);
	igt_assert_eq(errno, EFAULT);
	check_numbers(map, 0, 8);

	igt_assert(mremap(map, PAGES(8), PAGES(5), 0) == map);
	check_numbers(map, 0, 5);
	igt_assert(zcgem_access_faults(map + PAGES(5), false));
	munmap(map, PAGES(5));

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 0);
}

static void test_mprotect(int fd)
{
	const uint32_t pages = 16;
	uint32_t handle = numbered_object(fd, pages);
	char *map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);

	check_numbers(map, 0, pages);
	igt_assert_eq(mprotect(map + PAGES(4), PAGES(4), PROT_READ), 0);
	check_numbers(map, 0, pages);
	igt_assert(zcgem_access_faults(map + PAGES(4), true));
	igt_assert(!zcgem_access_faults(map + PAGES(3), true));
	igt_assert(!zcgem_access_faults(map + PAGES(8), true));
	zcgem_fill(map + PAGES(3), ZCGEM_PAGE, 4);
	zcgem_fill(map + PAGES(8), ZCGEM_PAGE, 9);

	igt_assert_eq(mprotect(map + PAGES(4), PAGES(4), PROT_NONE), 0);
	igt_assert(zcgem_access_faults(map + PAGES(5), false));
	igt_assert_eq(mprotect(map + PAGES(4), PAGES(4), PROT_RW), 0);
	check_numbers(map, 0, pages);
	zcgem_fill(map + PAGES(4), PAGES(4), 50);
	zcgem_check(map + PAGES(4), PAGES(4), 50);
	munmap(map, PAGES(pages));

	/* mapped for reading by a descriptor that may write: may become writable */
	map = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ);
	igt_assert(zcgem_access_faults(map, true));
	igt_assert_eq(mprotect(map, PAGES(pages), PROT_RW), 0);
	zcgem_fill(map, PAGES(pages), 51);
	zcgem_check(map, PAGES(pages), 51);
	munmap(map, PAGES(pages));
}

static void test_fork(int fd)
{
	const uint64_t size = PAGES(64);
	uint32_t handle = zcgem_create(fd, size, 0);
	struct drm_zcgem_gem_info info;
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);

	/* half of it is faulted in before, half only in the child */
	zcgem_fill(map, size / 2, 1);
	igt_fork(child, 1) {
		zcgem_check(map, size / 2, 1);
		zcgem_fill(map, size, 2);
	}
	igt_waitchildren();
	zcgem_check(map, size, 2);

	igt_fork(child, 3) {
		zcgem_fill(map + PAGES(child), ZCGEM_PAGE, 10 + child);
		munmap(map, size / 2);
	}
	igt_waitchildren();
	zcgem_check(map, PAGES(1), 10);
	zcgem_check(map + PAGES(1), PAGES(1), 11);
	zcgem_check(map + PAGES(2), PAGES(1), 12);

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 1);
	munmap(map, size);
}

static void test_outlives_handle(int fd)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int pool;

	for (pool = 0; pool < 2; pool++) {
		struct zcgem_snapshot before, now;
		int own = drm_reopen_driver(fd);
		uint32_t handle;
		char *map;

		zcgem_take_snapshot(fd, &before);
		handle = pool ? zcgem_create(own, size, 0) :
				zcgem_wrap_memfd(own, memfd, 0, size, 0);
		map = zcgem_mmap(own, handle, size, PROT_RW);
		zcgem_fill(map, size / 2, 3);
		gem_close(own, handle);
		zcgem_check(map, size / 2, 3);
		close(own);
		zcgem_check(map, size / 2, 3);
		zcgem_fill(map, size, 4);
		zcgem_check(map, size, 4);

		zcgem_take_snapshot(fd, &now);
		igt_assert_eq_u64(now.objects, before.objects + 1);
		igt_assert_eq_u64(now.mappings, before.mappings + 1);
		munmap(map, size);

		/* the memory is free now, not only with the process */
		before.fds--;
		zcgem_check_leaks(fd, &before);
	}
	zcgem_release_memfd(memfd);
}

static void test_madvise_dontneed(int fd)
{
	const uint64_t size = PAGES(8);
	uint32_t handle = zcgem_create(fd, size, 0);
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);

	zcgem_fill(map, size, 5);
	igt_assert_eq(madvise(map, size, MADV_DONTNEED), -1);
	igt_assert_eq(errno, EINVAL);
	igt_assert_eq(madvise(map, size, MADV_REMOVE), -1);
	zcgem_check(map, size, 5);
	munmap(map, size);
}

static void test_fixed_unaligned(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint64_t offset = zcgem_mmap_offset(fd, handle);
	char *reserved, *map, *file;

	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_fill(file, size, 6);
	munmap(file, size);

	reserved = mmap(NULL, size + 2 * ZCGEM_HUGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(reserved != MAP_FAILED);
	map = (char *)ALIGN((uintptr_t)reserved, ZCGEM_HUGE) + PAGES(3);
	igt_assert(mmap(map, size, PROT_RW, MAP_SHARED | MAP_FIXED, fd,
			offset) == map);
	zcgem_check(map, size, 6);
	zcgem_fill(map, size, 7);
	munmap(reserved, size + 2 * ZCGEM_HUGE);

	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(file, size, 7);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

/*
 * The mappings that the GUP subtests try: entries that are there are refused
 * by the fast walk, entries that are not by the slow one.
 */
struct target {
	const char *name;
	uint32_t handle;
	char *map;
	uint64_t size;
};

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Two mappings of an object are the same memory");
	igt_subtest("shared")
		zcgem_run_counted(fd, test_shared);

	igt_describe("A private mapping is refused, on the node and on the dma-buf");
	igt_subtest("private-refused")
		zcgem_run_counted(fd, test_private_refused);

	igt_describe("A descriptor of the node that may only read maps only for reading");
	igt_subtest("readonly-node")
		zcgem_run_counted(fd, test_readonly_node);

	igt_describe("A mapping begins at the object's start and ends within it");
	igt_subtest("bounds")
		zcgem_run_counted(fd, test_bounds);

	igt_describe("What is left after munmap of a part shows the right pages");
	igt_subtest("partial-unmap")
		zcgem_run_counted(fd, test_partial_unmap);

	igt_describe("A mapping can be moved and shrunk, but not grown");
	igt_subtest("mremap")
		zcgem_run_counted(fd, test_mremap);

	igt_describe("Protection can be taken from a part and given back");
	igt_subtest("mprotect")
		zcgem_run_counted(fd, test_mprotect);

	igt_describe("A child shares the mapping");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("A mapping outlives the handle and the descriptor");
	igt_subtest("outlives-handle")
		zcgem_run_counted(fd, test_outlives_handle);

	igt_describe("Pages cannot be thrown away by the mapping");
	igt_subtest("madvise-dontneed")
		zcgem_run_counted(fd, test_madvise_dontneed);

	igt_describe("Huge pages can be mapped at an address that is not aligned to them");
	igt_subtest("fixed-unaligned")
		zcgem_run_counted(fd, test_fixed_unaligned);

	igt_fixture()
		drm_close_driver(fd);
}
