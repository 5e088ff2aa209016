// SPDX-License-Identifier: MIT
/*
 * Objects of memfds on huge pages, those of hugetlbfs and transparent ones: whole, in part,
 * and with pages that the file does not have yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem memfd huge
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of memfds on huge pages.
 *
 * SUBTEST: hugetlb
 * Description: Memfds on 2 MiB pages, whole and in part (class 6).
 *
 * SUBTEST: hugetlb-hole
 * Description: Huge pages that the memfd does not have yet are made, and given back (class 6).
 *
 * SUBTEST: hugetlb-freed
 * Description: No use of a memfd, good or refused, keeps its pages (class 6).
 *
 * SUBTEST: shmem-thp
 * Description: Transparent huge pages are seen as such, from any page in them (class 6).
 */

IGT_TEST_DESCRIPTION("Check objects of memfds on huge pages");

#define PAGES(n) ((n) * ZCGEM_PAGE)

struct part {
	uint32_t first, length;
};

/* An object of a part of a memfd has an extent for a huge page, not one for each 4 KiB. */
static void check_part(int fd, int memfd, void *file, struct part part, uint64_t most_extents)
{
	const uint64_t size = PAGES(part.length);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, PAGES(part.first), size, 0), i;
	void *object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	uint32_t *order = calloc(part.length, sizeof(*order));
	struct drm_zcgem_gem_info info;

	igt_assert(order);
	for (i = 0; i < part.length; i++)
		order[i] = part.first + i;
	zcgem_check_order(object, file, order, part.length);

	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(1, info.extents);
	igt_assert_lte_u64(info.extents, most_extents);
	free(order);
	munmap(object, size);
	gem_close(fd, handle);
}

static void test_hugetlb(int fd)
{
	const uint64_t size = 3 * ZCGEM_HUGE, n = ZCGEM_HUGE_PAGES;
	const struct part parts[] = {
		{ 0, 3 * n }, { n, n }, { n - 1, 2 }, { 1, n - 1 }, { n + 188, n + 88 },
		{ 2 * n, n },
	};
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	void *file = zcgem_map_memfd(memfd, 0, size);
	unsigned int i;

	zcgem_fill(file, size, 1);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		check_part(fd, memfd, file, parts[i], 3);
	munmap(file, size);
	zcgem_release_memfd(memfd);
}

static void test_hugetlb_hole(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	void *file, *object;

	object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	zcgem_check_zero(object, size);
	zcgem_fill(object, size, 3);

	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(file, size, 3);
	munmap(file, size);
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_hugetlb_freed(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	struct drm_zcgem_memfd_range ranges[2] = {};
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK), dmabuf;
	uint32_t handle;
	long free_pages;
	void *map;

	/* the memfd is all hole yet, so these are the pages it will take */
	free_pages = zcgem_free_huge_pages();
	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_fill(map, size, 1);
	munmap(map, size);
	igt_assert_lt(zcgem_free_huge_pages(), free_pages);

	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	map = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	zcgem_check(map, size, 1);
	munmap(map, size);
	dmabuf = zcgem_export(fd, handle);
	gem_close(fd, handle);
	close(dmabuf);

	/* refused after the first range was taken */
	ranges[0].fd = memfd;
	ranges[0].size = size;
	ranges[1].fd = memfd;
	igt_assert_eq(__zcgem_wrap(fd, ranges, 2, 0, &handle), -EINVAL);
	ranges[1].fd = -1;
	ranges[1].size = ZCGEM_PAGE;
	igt_assert_eq(__zcgem_wrap(fd, ranges, 2, 0, &handle), -EBADF);
	ranges[1].fd = memfd;
	ranges[1].offset = size;
	igt_assert_eq(__zcgem_wrap(fd, ranges, 2, 0, &handle), -EINVAL);

	/* nobody counts as a writer of it any more */
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	close(memfd);
	igt_assert_eq(zcgem_free_huge_pages(), free_pages);
}

#define SHMEM_ENABLED "/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* Kilobytes of the mapping at @addr that are mapped by huge entries. */
static long huge_mapped(void *addr)
{
	unsigned long long start, end;
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool ours = false;
	char line[256];
	long kb = 0;

	igt_assert(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%llx-%llx ", &start, &end) == 2)
			ours = start <= (uintptr_t)addr && (uintptr_t)addr < end;
		else if (ours && sscanf(line, "ShmemPmdMapped: %ld", &kb) == 1)
			break;
	}
	fclose(smaps);

	return kb;
}

/* Maps the memfd so that its pages become huge. */
static void *map_memfd_huge(int memfd, uint64_t size)
{
	char *reserved, *aligned, *file;
	uint64_t at;

	reserved = mmap(NULL, size + ZCGEM_HUGE, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(reserved != MAP_FAILED);
	aligned = (char *)ALIGN((uintptr_t)reserved, ZCGEM_HUGE);
	munmap(reserved, size + ZCGEM_HUGE);

	file = mmap(aligned, size, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED_NOREPLACE, memfd, 0);
	igt_assert(file == aligned);
	igt_require_f(madvise(file, size, MADV_HUGEPAGE) == 0,
		      "the kernel has no huge pages: %m\n");
	for (at = 0; at < size; at += ZCGEM_PAGE)
		zcgem_mark(file, at / ZCGEM_PAGE, at);
	return file;
}

static void test_shmem_thp(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE, n = ZCGEM_HUGE_PAGES;
	const struct part parts[] = {
		{ 0, 2 * n }, { 1, n - 1 }, { n - 1, 2 }, { n, n }, { n + 188, 300 },
	};
	unsigned int i;
	void *file;
	int memfd;

	zcgem_change_setting(SHMEM_ENABLED, "advise");
	memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	file = map_memfd_huge(memfd, size);
	igt_require_f(huge_mapped(file) == (long)(size >> 10),
		      "the kernel did not find free huge pages\n");
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		check_part(fd, memfd, file, parts[i], 2);
	munmap(file, size);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Memfds on 2 MiB pages, whole and in part (class 6)");
	igt_subtest("hugetlb")
		zcgem_run_counted(fd, test_hugetlb);

	igt_describe("Huge pages that the memfd does not have yet are made, and given back (class 6)");
	igt_subtest("hugetlb-hole")
		zcgem_run_counted(fd, test_hugetlb_hole);

	igt_describe("No use of a memfd, good or refused, keeps its pages (class 6)");
	igt_subtest("hugetlb-freed")
		zcgem_run_counted(fd, test_hugetlb_freed);

	igt_describe("Transparent huge pages are seen as such, from any page in them (class 6)");
	igt_subtest("shmem-thp")
		zcgem_run_counted(fd, test_shmem_thp);

	igt_fixture()
		drm_close_driver(fd);
}
