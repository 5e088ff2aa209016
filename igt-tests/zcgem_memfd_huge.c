// SPDX-License-Identifier: MIT
/*
 * Objects of memfds on huge pages, those of hugetlbfs and transparent ones: whole, in part,
 * and with pages that the file does not have yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
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

static void test_hugetlb(int fd)
{
	const uint32_t pages = 3 * ZCGEM_HUGE / ZCGEM_PAGE;
	int memfd = zcgem_memfd_hugetlb(PAGES(pages), F_SEAL_SHRINK);
	uint32_t first[] = { 0, 512, 511, 1, 700, 1024 };
	uint32_t length[] = { pages, 512, 2, 511, 600, 512 };
	uint32_t *order = calloc(pages, sizeof(*order));
	struct drm_zcgem_gem_info info;
	uint32_t handle, i, n;
	void *file, *object;

	igt_assert(order);
	file = zcgem_map_memfd(memfd, 0, PAGES(pages));
	zcgem_fill(file, PAGES(pages), 1);

	for (i = 0; i < ARRAY_SIZE(first); i++) {
		handle = zcgem_wrap_memfd(fd, memfd, PAGES(first[i]),
					  PAGES(length[i]), 0);
		object = zcgem_mmap(fd, handle, PAGES(length[i]),
				    PROT_READ | PROT_WRITE);
		for (n = 0; n < length[i]; n++)
			order[n] = first[i] + n;
		zcgem_check_order(object, file, order, length[i]);

		/* one extent for a huge page, not one for each 4 KiB of it */
		zcgem_info(fd, handle, &info);
		igt_assert_lte_u64(1, info.extents);
		igt_assert_lte_u64(info.extents, 3);
		munmap(object, PAGES(length[i]));
		gem_close(fd, handle);
	}

	munmap(file, PAGES(pages));
	free(order);
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

static char saved_shmem_enabled[32];

static bool write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY);
	bool ok = file >= 0 && write(file, text, strlen(text)) > 0;

	if (file >= 0)
		close(file);
	return ok;
}

static void restore_shmem_enabled(int sig)
{
	(void)sig;
	write_text(SHMEM_ENABLED, saved_shmem_enabled);
}

static void allow_shmem_thp(void)
{
	char text[128] = "", *from, *to;
	int file;

	if (saved_shmem_enabled[0])
		return;

	file = open(SHMEM_ENABLED, O_RDONLY);
	igt_require_f(file >= 0, "the kernel has no shmem huge pages\n");
	igt_assert_lt(0, read(file, text, sizeof(text) - 1));
	close(file);

	/* the choice made is the one in brackets */
	from = strchr(text, '[');
	to = strchr(text, ']');
	igt_assert(from && to && to - from < (long)sizeof(saved_shmem_enabled));
	memcpy(saved_shmem_enabled, from + 1, to - from - 1);
	igt_install_exit_handler(restore_shmem_enabled);
	igt_require_f(write_text(SHMEM_ENABLED, "advise"),
		      "cannot allow shmem huge pages\n");
}

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
	const uint64_t size = 2 * ZCGEM_HUGE;
	const uint32_t pages = size / ZCGEM_PAGE;
	uint32_t first[] = { 0, 1, 511, 512, 700 };
	uint32_t length[] = { pages, 511, 2, 512, 300 };
	uint32_t *order = calloc(pages, sizeof(*order));
	struct drm_zcgem_gem_info info;
	void *file, *object;
	uint32_t handle, i, n;
	int memfd;

	igt_assert(order);
	allow_shmem_thp();
	memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	file = map_memfd_huge(memfd, size);
	igt_require_f(huge_mapped(file) == (long)(size >> 10),
		      "the kernel did not find free huge pages\n");

	for (i = 0; i < ARRAY_SIZE(first); i++) {
		handle = zcgem_wrap_memfd(fd, memfd, PAGES(first[i]),
					  PAGES(length[i]), 0);
		object = zcgem_mmap(fd, handle, PAGES(length[i]),
				    PROT_READ | PROT_WRITE);
		for (n = 0; n < length[i]; n++)
			order[n] = first[i] + n;
		zcgem_check_order(object, file, order, length[i]);

		zcgem_info(fd, handle, &info);
		igt_assert_lte_u64(1, info.extents);
		igt_assert_lte_u64(info.extents, 2);
		munmap(object, PAGES(length[i]));
		gem_close(fd, handle);
	}

	munmap(file, size);
	free(order);
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
