// SPDX-License-Identifier: MIT
/*
 * Objects of memfd ranges: the object's views and the memfd's own are the same memory, on
 * every kind of page.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem memfd
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of memfd ranges.
 *
 * SUBTEST: single
 * Description: One range: both views see each other's writes in every page.
 *
 * SUBTEST: several-files
 * Description: A list of ranges of several memfds is one object in list order.
 *
 * SUBTEST: reordered
 * Description: Pages of one memfd in another order.
 *
 * SUBTEST: overlapping
 * Description: Ranges that overlap share their memory.
 *
 * SUBTEST: holes
 * Description: Pages that the memfd does not have yet read as zero.
 *
 * SUBTEST: fallocated
 * Description: Pages reserved but never written are zero and keep what is written (class 15).
 *
 * SUBTEST: written-data-stays
 * Description: What was written through the object is in the memfd after it is gone (class 10).
 *
 * SUBTEST: marked-dirty
 * Description: Pages written through the object only are dirty in the memfd (class 10).
 *
 * SUBTEST: memfd-closed-first
 * Description: The object needs no descriptor of its memfd.
 *
 * SUBTEST: grown-later
 * Description: A memfd that grows does not change the object (class 12).
 *
 * SUBTEST: punched
 * Description: After a hole was punched the object shows the memfd's new pages (class 12).
 *
 * SUBTEST: most-ranges
 * Description: The largest list of ranges is one object, page for page (class 14).
 *
 * SUBTEST: readonly
 * Description: A read-only object cannot be written by any way (class 5).
 *
 * SUBTEST: readonly-coherent
 * Description: A read-only object shows what is written to the memfd.
 *
 * SUBTEST: sealed-later
 * Description: A memfd that is sealed is not written through an older object (class 5).
 */

IGT_TEST_DESCRIPTION("Check objects of memfd ranges");

#define PAGES(n) ((n) * ZCGEM_PAGE)

static void test_single(int fd)
{
	const uint32_t pages = 67;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	struct drm_zcgem_gem_info info;
	uint32_t order[67], handle, i;
	void *file, *object;

	file = zcgem_map_memfd(memfd, 0, PAGES(pages));
	zcgem_fill(file, PAGES(pages), 1);
	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(pages), 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_MEMFD);
	igt_assert_eq_u64(info.size, PAGES(pages));
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_READONLY, 0);

	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	zcgem_check(object, PAGES(pages), 1);
	zcgem_fill(object, PAGES(pages), 2);
	zcgem_check(file, PAGES(pages), 2);
	for (i = 0; i < pages; i++)
		order[i] = i;
	zcgem_check_order(object, file, order, pages);
	munmap(object, PAGES(pages));
	gem_close(fd, handle);

	/* from the middle to the end */
	handle = zcgem_wrap_memfd(fd, memfd, PAGES(13), PAGES(pages - 13), 0);
	object = zcgem_mmap(fd, handle, PAGES(pages - 13), PROT_READ | PROT_WRITE);
	for (i = 0; i < pages - 13; i++)
		order[i] = i + 13;
	zcgem_check_order(object, file, order, pages - 13);
	munmap(object, PAGES(pages - 13));
	gem_close(fd, handle);

	munmap(file, PAGES(pages));
	zcgem_release_memfd(memfd);
}

static void test_several_files(int fd)
{
	struct drm_zcgem_memfd_range ranges[24] = {};
	const uint32_t files = 5;
	uint32_t handle, i, page;
	void *object, *file[5];
	uint64_t pages = 0;
	int memfd[5];

	for (i = 0; i < files; i++) {
		memfd[i] = zcgem_memfd(PAGES(32), F_SEAL_SHRINK);
		file[i] = zcgem_map_memfd(memfd[i], 0, PAGES(32));
	}
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		ranges[i].fd = memfd[i % files];
		ranges[i].offset = PAGES(i / files * 5);
		ranges[i].size = PAGES(1 + i % 4);
		pages += 1 + i % 4;
	}

	handle = zcgem_wrap(fd, ranges, ARRAY_SIZE(ranges), 0);
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);

	for (page = 0, i = 0; i < ARRAY_SIZE(ranges); i++) {
		uint64_t first = ranges[i].offset / ZCGEM_PAGE;
		uint64_t n;

		for (n = 0; n < ranges[i].size / ZCGEM_PAGE; n++, page++) {
			zcgem_mark(file[i % files], first + n, 0x1000 + page);
			zcgem_check_mark(object, page, 0x1000 + page);
			zcgem_mark(object, page, 0x2000 + page);
			zcgem_check_mark(file[i % files], first + n, 0x2000 + page);
		}
	}
	igt_assert_eq_u64(page, pages);

	munmap(object, PAGES(pages));
	gem_close(fd, handle);
	for (i = 0; i < files; i++) {
		munmap(file[i], PAGES(32));
		zcgem_release_memfd(memfd[i]);
	}
}

static void test_reordered(int fd)
{
	const uint32_t pages = 61;
	struct drm_zcgem_memfd_range ranges[61] = {};
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	uint32_t order[61], handle, i;
	void *file, *object;

	/* 23 and 61 have no common factor: every page comes once */
	for (i = 0; i < pages; i++) {
		order[i] = (i * 23 + 7) % pages;
		ranges[i].fd = memfd;
		ranges[i].offset = PAGES(order[i]);
		ranges[i].size = ZCGEM_PAGE;
	}
	handle = zcgem_wrap(fd, ranges, pages, 0);
	file = zcgem_map_memfd(memfd, 0, PAGES(pages));
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	zcgem_check_order(object, file, order, pages);

	munmap(object, PAGES(pages));
	gem_close(fd, handle);
	munmap(file, PAGES(pages));
	zcgem_release_memfd(memfd);
}

static void test_overlapping(int fd)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range ranges[3] = {
		{ .fd = memfd, .offset = 0, .size = PAGES(6) },
		{ .fd = memfd, .offset = PAGES(2), .size = PAGES(6) },
		{ .fd = memfd, .offset = PAGES(3), .size = PAGES(1) },
	};
	uint32_t handle = zcgem_wrap(fd, ranges, 3, 0);
	uint32_t other = zcgem_wrap_memfd(fd, memfd, PAGES(3), PAGES(1), 0);
	void *object = zcgem_mmap(fd, handle, PAGES(13), PROT_READ | PROT_WRITE);
	void *second = zcgem_mmap(fd, other, PAGES(1), PROT_READ | PROT_WRITE);

	/* page 3 of the memfd four times: three in one object, one in another */
	zcgem_mark(object, 3, 0x33);
	zcgem_check_mark(object, 6 + 1, 0x33);
	zcgem_check_mark(object, 12, 0x33);
	zcgem_check_mark(second, 0, 0x33);
	zcgem_mark(second, 0, 0x44);
	zcgem_check_mark(object, 3, 0x44);
	zcgem_check_mark(object, 6 + 1, 0x44);
	zcgem_check_mark(object, 12, 0x44);
	/* and its neighbours are not touched */
	zcgem_mark(object, 2, 0x22);
	zcgem_check_mark(object, 6 + 0, 0x22);
	zcgem_check_mark(object, 3, 0x44);

	munmap(second, PAGES(1));
	munmap(object, PAGES(13));
	gem_close(fd, handle);
	gem_close(fd, other);
	zcgem_release_memfd(memfd);
}

static void test_holes(int fd)
{
	const uint32_t pages = 64;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	void *file, *object;
	uint32_t handle, i;
	uint64_t word;

	/* every third page is there before */
	for (i = 0; i < pages; i += 3) {
		word = 0x700 + i;
		igt_assert_eq(pwrite(memfd, &word, sizeof(word), PAGES(i)),
			      sizeof(word));
	}

	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(pages), 0);
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	for (i = 0; i < pages; i++) {
		volatile uint64_t *page = (void *)((char *)object + PAGES(i));

		igt_assert_eq_u64(page[0], i % 3 ? 0 : 0x700 + i);
		zcgem_check_zero((void *)&page[1], ZCGEM_PAGE - sizeof(*page));
	}

	zcgem_fill(object, PAGES(pages), 5);
	file = zcgem_map_memfd(memfd, 0, PAGES(pages));
	zcgem_check(file, PAGES(pages), 5);

	munmap(file, PAGES(pages));
	munmap(object, PAGES(pages));
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void check_file_by_read(int memfd, uint64_t size, uint64_t seed)
{
	void *copy = malloc(size);

	igt_assert(copy);
	igt_assert_eq_u64(pread(memfd, copy, size, 0), size);
	zcgem_check(copy, size, seed);
	free(copy);
}

static void check_file_by_mmap(int memfd, uint64_t size, uint64_t seed)
{
	void *file = zcgem_map_memfd(memfd, 0, size);

	zcgem_check(file, size, seed);
	munmap(file, size);
}

static void test_fallocated(int fd)
{
	const uint64_t size = PAGES(64);
	int by_read;

	for (by_read = 0; by_read < 2; by_read++) {
		int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
		uint32_t handle;
		void *object;

		igt_assert_eq(fallocate(memfd, 0, 0, size), 0);
		handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
		object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
		zcgem_check_zero(object, size);
		zcgem_fill(object, size, 6 + by_read);

		/* the first access by the file must neither miss nor clear it */
		if (by_read)
			check_file_by_read(memfd, size, 6 + by_read);
		else
			check_file_by_mmap(memfd, size, 6 + by_read);
		zcgem_check(object, size, 6 + by_read);

		munmap(object, size);
		gem_close(fd, handle);
		check_file_by_read(memfd, size, 6 + by_read);
		check_file_by_mmap(memfd, size, 6 + by_read);
		zcgem_release_memfd(memfd);
	}
}

static void test_written_data_stays(int fd)
{
	const uint64_t size = PAGES(256);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	void *object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);

	zcgem_fill(object, size, 8);
	munmap(object, size);
	gem_close(fd, handle);
	check_file_by_read(memfd, size, 8);
	check_file_by_mmap(memfd, size, 8);
	zcgem_release_memfd(memfd);
}

/* Bit of /proc/kpageflags for a page that must be written back. */
#define KPF_DIRTY	4

static uint64_t read_word(const char *path, uint64_t index)
{
	uint64_t word = 0;
	int file = open(path, O_RDONLY);

	igt_require_f(file >= 0, "%s: %m\n", path);
	igt_assert_eq(pread(file, &word, sizeof(word), index * sizeof(word)),
		      sizeof(word));
	close(file);
	return word;
}

static bool is_dirty(const void *addr)
{
	uint64_t entry = read_word("/proc/self/pagemap",
				   (uintptr_t)addr / ZCGEM_PAGE);

	/* present, and the number of the page frame */
	igt_assert(entry >> 63);
	return read_word("/proc/kpageflags", entry & ((1ull << 55) - 1)) >>
		KPF_DIRTY & 1;
}

static void test_marked_dirty(int fd)
{
	const uint32_t pages = 16;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	uint32_t handle, i;
	char *file, *object;

	/* read, so that the pages are there, and clean */
	file = mmap(NULL, PAGES(pages), PROT_READ, MAP_SHARED, memfd, 0);
	igt_assert(file != MAP_FAILED);
	zcgem_check_zero(file, PAGES(pages));
	for (i = 0; i < pages; i++)
		igt_assert(!is_dirty(file + PAGES(i)));

	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(pages), 0);
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	zcgem_fill(object, PAGES(pages), 1);
	munmap(object, PAGES(pages));
	gem_close(fd, handle);

	zcgem_check(file, PAGES(pages), 1);
	for (i = 0; i < pages; i++)
		igt_assert_f(is_dirty(file + PAGES(i)),
			     "page %u was written and is clean\n", i);
	munmap(file, PAGES(pages));
	zcgem_release_memfd(memfd);
}

static void test_memfd_closed_first(int fd)
{
	const uint64_t size = PAGES(32);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle;
	void *object;

	igt_assert_eq(pwrite(memfd, "early", 5, PAGES(7)), 5);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	close(memfd);

	object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	igt_assert(!memcmp((char *)object + PAGES(7), "early", 5));
	zcgem_fill(object, size, 9);
	munmap(object, size);

	object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	zcgem_check(object, size, 9);
	munmap(object, size);
}

static void test_grown_later(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	struct drm_zcgem_gem_info info;

	igt_assert_eq(ftruncate(memfd, PAGES(64)), 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, PAGES(4));
	errno = 0;
	igt_assert(!__zcgem_mmap(fd, handle, PAGES(5), PROT_READ));
	igt_assert_eq(errno, EINVAL);

	/* it may not shrink, that is what the seal is for */
	igt_assert_eq(ftruncate(memfd, PAGES(3)), -1);
	igt_assert_eq(errno, EPERM);
	close(memfd);
}

static void test_punched(int fd)
{
	const uint32_t pages = 32;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(pages), 0);
	uint32_t order[32], i;
	char *file, *object;

	for (i = 0; i < pages; i++)
		order[i] = i;
	file = zcgem_map_memfd(memfd, 0, PAGES(pages));
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	zcgem_fill(object, PAGES(pages), 1);
	munmap(object, PAGES(pages));

	igt_assert_eq(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				PAGES(10), PAGES(5)), 0);
	zcgem_check_zero(file + PAGES(10), PAGES(5));

	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	zcgem_check_zero(object + PAGES(10), PAGES(5));
	zcgem_check_order(object, file, order, pages);

	/* all of it, while it is mapped: seen by the next mapping at the latest */
	igt_assert_eq(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				0, PAGES(pages)), 0);
	munmap(object, PAGES(pages));
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	zcgem_check_zero(object, PAGES(pages));
	zcgem_check_order(object, file, order, pages);

	munmap(object, PAGES(pages));
	munmap(file, PAGES(pages));
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_most_ranges(int fd)
{
	const uint32_t file_pages = 256;
	int memfd = zcgem_memfd(PAGES(file_pages), F_SEAL_SHRINK);
	uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges;
	void *file, *object;
	uint32_t handle, i;

	igt_assert_lte(65536, count);
	ranges = zcgem_scattered_pages(memfd, file_pages, count);
	file = zcgem_map_memfd(memfd, 0, PAGES(file_pages));
	for (i = 0; i < file_pages; i++)
		zcgem_mark(file, i, 0x9000 + i);

	handle = zcgem_wrap(fd, ranges, count, 0);
	object = zcgem_mmap(fd, handle, PAGES(count), PROT_READ | PROT_WRITE);
	for (i = 0; i < count; i++)
		zcgem_check_mark(object, i, 0x9000 + ranges[i].offset / ZCGEM_PAGE);

	munmap(object, PAGES(count));
	munmap(file, PAGES(file_pages));
	gem_close(fd, handle);
	free(ranges);
	zcgem_release_memfd(memfd);
}

static void check_readonly(int fd, int memfd, uint64_t size)
{
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size,
					   DRM_ZCGEM_WRAP_READONLY);
	struct drm_zcgem_gem_info info;
	int dmabuf, ret;
	void *map;

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_READONLY,
			  DRM_ZCGEM_INFO_READONLY);

	errno = 0;
	igt_assert(!__zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE));
	igt_assert_eq(errno, EACCES);
	errno = 0;
	igt_assert(!__zcgem_mmap(fd, handle, size, PROT_WRITE));
	igt_assert_eq(errno, EACCES);

	/* before and after the pages are there */
	map = zcgem_mmap(fd, handle, size, PROT_READ);
	igt_assert_eq(mprotect(map, size, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	zcgem_check(map, size, 4);
	igt_assert_eq(mprotect(map, size, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(zcgem_access_faults(map, true));
	zcgem_check(map, size, 4);
	munmap(map, size);

	igt_assert_eq(__zcgem_export(fd, handle, DRM_CLOEXEC, &dmabuf), 0);
	igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	igt_assert(map == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	zcgem_check(map, size, 4);
	igt_assert_eq(mprotect(map, size, PROT_READ | PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	munmap(map, size);
	close(dmabuf);

	/*
	 * Asked for a writable one: a refusal or one that is not. By another
	 * object, since the first dma-buf stays that of a handle.
	 */
	gem_close(fd, handle);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	ret = __zcgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf);
	if (!ret) {
		igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, O_RDONLY);
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   dmabuf, 0);
		igt_assert(map == MAP_FAILED);
		igt_assert_eq(errno, EACCES);
		close(dmabuf);
	} else {
		igt_assert_f(ret == -EACCES || ret == -EPERM, "error %d\n", ret);
	}

	gem_close(fd, handle);
}

static void test_readonly(int fd)
{
	static const unsigned int seals[] = {
		F_SEAL_SHRINK,
		F_SEAL_SHRINK | F_SEAL_WRITE,
		F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE,
	};
	const uint64_t size = PAGES(16);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(seals); i++) {
		int memfd = zcgem_memfd(size, 0);
		void *file = zcgem_map_memfd(memfd, 0, size);
		int reader;

		zcgem_fill(file, size, 4);
		munmap(file, size);
		igt_assert_eq(fcntl(memfd, F_ADD_SEALS, seals[i]), 0);

		check_readonly(fd, memfd, size);
		reader = zcgem_reopen(memfd, O_RDONLY);
		close(memfd);
		check_readonly(fd, reader, size);
		close(reader);
	}
}

static void test_readonly_coherent(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	void *file = zcgem_map_memfd(memfd, 0, size);
	uint32_t handle, i;
	void *object;

	handle = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	object = zcgem_mmap(fd, handle, size, PROT_READ);
	for (i = 0; i < 16; i++) {
		zcgem_mark(file, i, 0x100 + i);
		zcgem_check_mark(object, i, 0x100 + i);
	}
	zcgem_fill(file, size, 4);
	zcgem_check(object, size, 4);

	munmap(object, size);
	munmap(file, size);
	close(memfd);
}

static void test_sealed_later(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle;
	char *object;
	int ret;

	igt_assert_eq(pwrite(memfd, "sealed", 6, 0), 6);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);

	/* while it is mapped and could be written, the kernel must not seal */
	object = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	igt_assert(!memcmp(object, "sealed", 6));
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	igt_assert_eq(errno, EBUSY);
	munmap(object, size);

	/* when nobody uses it, it may: then nobody may write any more */
	ret = fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE);
	if (ret) {
		igt_assert_eq(errno, EBUSY);
	} else {
		char text[6];

		object = __zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
		if (object) {
			zcgem_access_faults(object, true);
			munmap(object, size);
		}
		igt_assert_eq(pread(memfd, text, sizeof(text), 0), sizeof(text));
		igt_assert(!memcmp(text, "sealed", 6));
	}
	close(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("One range: both views see each other's writes in every page");
	igt_subtest("single")
		zcgem_run_counted(fd, test_single);

	igt_describe("A list of ranges of several memfds is one object in list order");
	igt_subtest("several-files")
		zcgem_run_counted(fd, test_several_files);

	igt_describe("Pages of one memfd in another order");
	igt_subtest("reordered")
		zcgem_run_counted(fd, test_reordered);

	igt_describe("Ranges that overlap share their memory");
	igt_subtest("overlapping")
		zcgem_run_counted(fd, test_overlapping);

	igt_describe("Pages that the memfd does not have yet read as zero");
	igt_subtest("holes")
		zcgem_run_counted(fd, test_holes);

	igt_describe("Pages reserved but never written are zero and keep what is written (class 15)");
	igt_subtest("fallocated")
		zcgem_run_counted(fd, test_fallocated);

	igt_describe("What was written through the object is in the memfd after it is gone (class 10)");
	igt_subtest("written-data-stays")
		zcgem_run_counted(fd, test_written_data_stays);

	igt_describe("Pages written through the object only are dirty in the memfd (class 10)");
	igt_subtest("marked-dirty")
		zcgem_run_counted(fd, test_marked_dirty);

	igt_describe("The object needs no descriptor of its memfd");
	igt_subtest("memfd-closed-first")
		zcgem_run_counted(fd, test_memfd_closed_first);

	igt_describe("A memfd that grows does not change the object (class 12)");
	igt_subtest("grown-later")
		zcgem_run_counted(fd, test_grown_later);

	igt_describe("After a hole was punched the object shows the memfd's new pages (class 12)");
	igt_subtest("punched")
		zcgem_run_counted(fd, test_punched);

	igt_describe("The largest list of ranges is one object, page for page (class 14)");
	igt_subtest("most-ranges")
		zcgem_run_counted(fd, test_most_ranges);

	igt_describe("A read-only object cannot be written by any way (class 5)");
	igt_subtest("readonly")
		zcgem_run_counted(fd, test_readonly);

	igt_describe("A read-only object shows what is written to the memfd");
	igt_subtest("readonly-coherent")
		zcgem_run_counted(fd, test_readonly_coherent);

	igt_describe("A memfd that is sealed is not written through an older object (class 5)");
	igt_subtest("sealed-later")
		zcgem_run_counted(fd, test_sealed_later);

	igt_fixture()
		drm_close_driver(fd);
}
