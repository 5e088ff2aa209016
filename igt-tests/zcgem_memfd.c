// SPDX-License-Identifier: MIT
/*
 * Objects made of memfd ranges: that they are the memfd's memory, and what is
 * answered to ranges that make no sense or that the caller may not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"

/**
 * TEST: zcgem memfd
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects that wrap ranges of memfds.
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
 * Description: Pages reserved but never written are zero and keep what is written.
 *
 * SUBTEST: written-data-stays
 * Description: What was written through the object is in the memfd after it is gone.
 *
 * SUBTEST: marked-dirty
 * Description: Pages written through the object only are dirty in the memfd.
 *
 * SUBTEST: memfd-closed-first
 * Description: The object needs no descriptor of its memfd.
 *
 * SUBTEST: grown-later
 * Description: A memfd that grows does not change the object.
 *
 * SUBTEST: punched
 * Description: After a hole was punched the object shows the memfd's new pages.
 *
 * SUBTEST: most-ranges
 * Description: The largest list of ranges is one object, page for page.
 *
 * SUBTEST: too-many-ranges
 * Description: One range more is refused.
 *
 * SUBTEST: hugetlb
 * Description: Memfds on 2 MiB pages, whole and in part.
 *
 * SUBTEST: hugetlb-hole
 * Description: Huge pages that the memfd does not have yet are made, and given back.
 *
 * SUBTEST: hugetlb-freed
 * Description: No use of a memfd, good or refused, keeps its pages.
 *
 * SUBTEST: shmem-thp
 * Description: Transparent huge pages are seen as such, from any page in them.
 *
 * SUBTEST: readonly
 * Description: A read-only object cannot be written by any way.
 *
 * SUBTEST: readonly-coherent
 * Description: A read-only object shows what is written to the memfd.
 *
 * SUBTEST: sealed-later
 * Description: A memfd that is sealed is not written through an older object.
 *
 * SUBTEST: memlock-limit
 * Description: A user pins as much as RLIMIT_MEMLOCK allows and gets it back.
 *
 * SUBTEST: bad-alignment
 * Description: Offsets and sizes that are not whole pages are refused.
 *
 * SUBTEST: bad-range
 * Description: Empty ranges, ranges that wrap around and ranges past the end are refused.
 *
 * SUBTEST: bad-total
 * Description: A sum of sizes that is too large is refused.
 *
 * SUBTEST: bad-file
 * Description: Only memfds are taken.
 *
 * SUBTEST: bad-descriptor
 * Description: Descriptors that are not open are refused.
 *
 * SUBTEST: bad-seals
 * Description: A memfd that may shrink, or that may not be written, is refused.
 *
 * SUBTEST: bad-access
 * Description: A descriptor gives no more access than it has.
 *
 * SUBTEST: bad-flags
 * Description: Unknown flags and padding that is not zero are refused.
 *
 * SUBTEST: bad-pointer
 * Description: A list that cannot be read gives EFAULT.
 *
 * SUBTEST: bad-stride
 * Description: Strides and counts that make no sense are refused.
 *
 * SUBTEST: longer-elements
 * Description: Elements longer than the driver knows are taken if their tail is zero.
 *
 * SUBTEST: bad-last-range
 * Description: A list that is good but for its last range leaves nothing behind.
 */

IGT_TEST_DESCRIPTION("Check objects that wrap ranges of memfds");

#define PAGES(n) ((n) * ZCGEM_PAGE)

/* What stands at the start of a page: enough to tell pages apart quickly. */
static void mark(void *map, uint64_t page, uint64_t value)
{
	volatile uint64_t *first = (void *)((char *)map + PAGES(page));

	first[0] = value;
	first[ZCGEM_PAGE / sizeof(*first) - 1] = ~value;
}

static void check_mark(void *map, uint64_t page, uint64_t value)
{
	volatile uint64_t *first = (void *)((char *)map + PAGES(page));

	igt_assert_f(first[0] == value &&
		     first[ZCGEM_PAGE / sizeof(*first) - 1] == ~value,
		     "page %" PRIu64 ": %#" PRIx64 " %#" PRIx64 ", expected %#" PRIx64 "\n",
		     page, first[0], first[ZCGEM_PAGE / sizeof(*first) - 1], value);
}

static void check_zero(const void *map, uint64_t size)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], 0);
}

/* Page n of @object and page @order[n] of @file must be the same memory. */
static void check_same_memory(void *object, void *file, const uint32_t *order,
			      uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++) {
		mark(file, order[i], 0x1000000 + i);
		check_mark(object, i, 0x1000000 + i);
		mark(object, i, 0x2000000 + i);
		check_mark(file, order[i], 0x2000000 + i);
	}
}

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
	check_same_memory(object, file, order, pages);
	munmap(object, PAGES(pages));
	gem_close(fd, handle);

	/* from the middle to the end */
	handle = zcgem_wrap_memfd(fd, memfd, PAGES(13), PAGES(pages - 13), 0);
	object = zcgem_mmap(fd, handle, PAGES(pages - 13), PROT_READ | PROT_WRITE);
	for (i = 0; i < pages - 13; i++)
		order[i] = i + 13;
	check_same_memory(object, file, order, pages - 13);
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
			mark(file[i % files], first + n, 0x1000 + page);
			check_mark(object, page, 0x1000 + page);
			mark(object, page, 0x2000 + page);
			check_mark(file[i % files], first + n, 0x2000 + page);
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
	check_same_memory(object, file, order, pages);

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
	mark(object, 3, 0x33);
	check_mark(object, 6 + 1, 0x33);
	check_mark(object, 12, 0x33);
	check_mark(second, 0, 0x33);
	mark(second, 0, 0x44);
	check_mark(object, 3, 0x44);
	check_mark(object, 6 + 1, 0x44);
	check_mark(object, 12, 0x44);
	/* and its neighbours are not touched */
	mark(object, 2, 0x22);
	check_mark(object, 6 + 0, 0x22);
	check_mark(object, 3, 0x44);

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
		check_zero((void *)&page[1], ZCGEM_PAGE - sizeof(*page));
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
		check_zero(object, size);
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
	check_zero(file, PAGES(pages));
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
	check_zero(file + PAGES(10), PAGES(5));

	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	check_zero(object + PAGES(10), PAGES(5));
	check_same_memory(object, file, order, pages);

	/* all of it, while it is mapped: seen by the next mapping at the latest */
	igt_assert_eq(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				0, PAGES(pages)), 0);
	munmap(object, PAGES(pages));
	object = zcgem_mmap(fd, handle, PAGES(pages), PROT_READ | PROT_WRITE);
	check_zero(object, PAGES(pages));
	check_same_memory(object, file, order, pages);

	munmap(object, PAGES(pages));
	munmap(file, PAGES(pages));
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static struct drm_zcgem_memfd_range *page_ranges(int memfd, uint32_t file_pages,
						 uint32_t count)
{
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	uint32_t i;

	igt_assert(ranges);
	for (i = 0; i < count; i++) {
		ranges[i].fd = memfd;
		ranges[i].offset = PAGES((uint64_t)i * 37 % file_pages);
		ranges[i].size = ZCGEM_PAGE;
	}
	return ranges;
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
	ranges = page_ranges(memfd, file_pages, count);
	file = zcgem_map_memfd(memfd, 0, PAGES(file_pages));
	for (i = 0; i < file_pages; i++)
		mark(file, i, 0x9000 + i);

	handle = zcgem_wrap(fd, ranges, count, 0);
	object = zcgem_mmap(fd, handle, PAGES(count), PROT_READ | PROT_WRITE);
	for (i = 0; i < count; i++)
		check_mark(object, i, 0x9000 + ranges[i].offset / ZCGEM_PAGE);

	munmap(object, PAGES(count));
	munmap(file, PAGES(file_pages));
	gem_close(fd, handle);
	free(ranges);
	zcgem_release_memfd(memfd);
}

static void test_too_many_ranges(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK);
	uint32_t most = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges = page_ranges(memfd, 16, most + 1);
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap(fd, ranges, most + 1, 0, &handle), -E2BIG);
	free(ranges);

	/* this list cannot exist: it must be refused before it is read */
	ranges = page_ranges(memfd, 16, 1);
	do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD,
		     (&(struct drm_zcgem_gem_wrap_memfd) {
			.ranges = {
				.stride = sizeof(*ranges),
				.count = 0xffffffff,
				.pointer = (uintptr_t)ranges,
			},
		     }), E2BIG);
	free(ranges);
	close(memfd);
}

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
		check_same_memory(object, file, order, length[i]);

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
	check_zero(object, size);
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
		mark(file, at / ZCGEM_PAGE, at);
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
		check_same_memory(object, file, order, length[i]);

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

static int reopen(int memfd, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	fd = open(path, flags | O_CLOEXEC);
	igt_assert_f(fd >= 0, "%s: %m\n", path);
	return fd;
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
		reader = reopen(memfd, O_RDONLY);
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
		mark(file, i, 0x100 + i);
		check_mark(object, i, 0x100 + i);
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

static int try_range(int fd, int memfd, uint64_t offset, uint64_t size,
		     uint32_t flags)
{
	struct drm_zcgem_memfd_range range = {
		.fd = memfd,
		.offset = offset,
		.size = size,
	};
	uint32_t handle;
	int ret;

	ret = __zcgem_wrap(fd, &range, 1, flags, &handle);
	if (!ret)
		gem_close(fd, handle);
	return ret;
}

static void test_memlock_limit(int fd)
{
	const struct rlimit limit = { PAGES(64), PAGES(64) };
	int memfd = zcgem_memfd(PAGES(128), F_SEAL_SHRINK);

	igt_fork(child, 1) {
		uint32_t handle[2], i;

		igt_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		/* another user, without the capability not to be limited */
		igt_assert_eq(setgid(65534), 0);
		igt_assert_eq(setuid(65534), 0);

		igt_assert_eq(try_range(fd, memfd, 0, PAGES(65), 0), -ENOMEM);
		handle[0] = zcgem_wrap_memfd(fd, memfd, 0, PAGES(40), 0);
		handle[1] = zcgem_wrap_memfd(fd, memfd, 0, PAGES(24), 0);
		igt_assert_eq(try_range(fd, memfd, 0, PAGES(1), 0), -ENOMEM);
		gem_close(fd, handle[0]);
		igt_assert_eq(try_range(fd, memfd, 0, PAGES(41), 0), -ENOMEM);
		igt_assert_eq(try_range(fd, memfd, 0, PAGES(40), 0), 0);
		gem_close(fd, handle[1]);

		for (i = 0; i < 100; i++) {
			igt_assert_eq(try_range(fd, memfd, 0, PAGES(64), 0), 0);
			igt_assert_eq(try_range(fd, memfd, PAGES(128), PAGES(1), 0),
				      -EINVAL);
		}
	}
	igt_waitchildren();
	close(memfd);
}

static void test_bad_alignment(int fd)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	static const uint64_t odd[] = { 1, 7, 8, 512, 2048, 4095 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		igt_assert_eq(try_range(fd, memfd, odd[i], PAGES(1), 0), -EINVAL);
		igt_assert_eq(try_range(fd, memfd, 0, odd[i], 0), -EINVAL);
		igt_assert_eq(try_range(fd, memfd, 0, PAGES(2) + odd[i], 0), -EINVAL);
		igt_assert_eq(try_range(fd, memfd, odd[i], PAGES(1) - odd[i], 0),
			      -EINVAL);
	}
	close(memfd);
}

static void test_bad_range(int fd)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	static const struct {
		uint64_t offset, size;
	} bad[] = {
		{ 0, 0 },				/* empty */
		{ PAGES(8), 0 },
		{ 0, PAGES(9) },			/* past the end */
		{ PAGES(1), PAGES(8) },
		{ PAGES(7), PAGES(2) },
		{ PAGES(8), PAGES(1) },
		{ PAGES(1000), PAGES(1) },
		{ 1ull << 63, PAGES(1) },
		{ (1ull << 63) - PAGES(1), PAGES(1) },
		{ (1ull << 63) - PAGES(1), PAGES(2) },
		{ -PAGES(1), PAGES(2) },		/* wraps to the start */
		{ -PAGES(1), PAGES(1) },		/* wraps to zero */
		{ -PAGES(4), PAGES(5) },
		{ PAGES(1), -PAGES(1) },
		{ PAGES(4), -PAGES(2) },
		{ 1ull << 63, 1ull << 63 },
	};
	/* past the end and also above the largest size: either is an answer */
	static const uint64_t large[] = {
		1ull << 63, (1ull << 63) - PAGES(1), -PAGES(1), 1ull << 62,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = try_range(fd, memfd, bad[i].offset, bad[i].size, 0);

		igt_assert_f(ret == -EINVAL,
			     "offset %#" PRIx64 " size %#" PRIx64 ": %d\n",
			     bad[i].offset, bad[i].size, ret);
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		int ret = try_range(fd, memfd, 0, large[i], 0);

		igt_assert_f(ret == -EINVAL || ret == -EFBIG,
			     "size %#" PRIx64 ": %d\n", large[i], ret);
	}
	close(memfd);
}

static void test_bad_total(int fd)
{
	uint64_t max = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE);
	const uint64_t length = 1ull << 62;
	struct drm_zcgem_memfd_range ranges[4] = {};
	int memfd = zcgem_memfd(length, F_SEAL_SHRINK);
	uint32_t handle;
	unsigned int i;

	/* each range is good by itself; the file is one hole */
	if (max < length)
		igt_assert_eq(try_range(fd, memfd, 0, max + PAGES(1), 0), -EFBIG);

	for (i = 0; i < 4; i++) {
		ranges[i].fd = memfd;
		ranges[i].size = max / 4 < length ?
				 (max / 4 / ZCGEM_PAGE + 1) * ZCGEM_PAGE : length;
	}
	igt_assert_eq(__zcgem_wrap(fd, ranges, 4, 0, &handle), -EFBIG);

	/* these four come to 2^64, which is zero */
	for (i = 0; i < 4; i++)
		ranges[i].size = length;
	igt_assert_eq(__zcgem_wrap(fd, ranges, 4, 0, &handle), -EFBIG);
	close(memfd);
}

static void test_bad_file(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	char path[] = "/var/tmp/igt-zcgem-XXXXXX";
	int other, pair[2], dmabuf;
	struct statfs fs;
	uint32_t handle;

	other = open("/dev/zero", O_RDWR);
	igt_assert_fd(other);
	igt_assert_eq(try_range(fd, other, 0, PAGES(1), 0), -EBADFD);
	close(other);

	other = open("/proc/self/exe", O_RDONLY);
	igt_assert_fd(other);
	igt_assert_eq(try_range(fd, other, 0, PAGES(1), DRM_ZCGEM_WRAP_READONLY),
		      -EBADFD);
	close(other);

	other = open("/proc", O_RDONLY | O_DIRECTORY);
	igt_assert_fd(other);
	igt_assert_eq(try_range(fd, other, 0, PAGES(1), DRM_ZCGEM_WRAP_READONLY),
		      -EBADFD);
	close(other);

	igt_assert_eq(pipe(pair), 0);
	igt_assert_eq(try_range(fd, pair[0], 0, PAGES(1), DRM_ZCGEM_WRAP_READONLY),
		      -EBADFD);
	close(pair[0]);
	close(pair[1]);

	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	igt_assert_eq(try_range(fd, pair[0], 0, PAGES(1), 0), -EBADFD);
	close(pair[0]);
	close(pair[1]);

	other = eventfd(0, 0);
	igt_assert_fd(other);
	igt_assert_eq(try_range(fd, other, 0, PAGES(1), 0), -EBADFD);
	close(other);

	/* the driver's own node, and a dma-buf of its own */
	igt_assert_eq(try_range(fd, fd, 0, PAGES(1), 0), -EBADFD);
	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	dmabuf = zcgem_export(fd, handle);
	igt_assert_eq(try_range(fd, dmabuf, 0, PAGES(1), 0), -EBADFD);
	close(dmabuf);
	gem_close(fd, handle);

	/* a file on tmpfs is of the memfd's kind, but cannot be sealed */
	other = mkstemp(path);
	if (other >= 0) {
		unlink(path);
		igt_assert_eq(ftruncate(other, PAGES(4)), 0);
		igt_assert_eq(fstatfs(other, &fs), 0);
		igt_assert_eq(try_range(fd, other, 0, PAGES(1), 0),
			      fs.f_type == TMPFS_MAGIC ? -EINVAL : -EBADFD);
		close(other);
	}
	close(memfd);
}

static void test_bad_descriptor(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	int path = reopen(memfd, O_PATH);

	igt_assert_eq(try_range(fd, path, 0, PAGES(1), 0), -EBADF);
	close(path);
	close(memfd);
	igt_assert_eq(try_range(fd, memfd, 0, PAGES(1), 0), -EBADF);
	igt_assert_eq(try_range(fd, -1, 0, PAGES(1), 0), -EBADF);
	igt_assert_eq(try_range(fd, 0x7fffffff, 0, PAGES(1), 0), -EBADF);
	igt_assert_eq(try_range(fd, -0x7fffffff - 1, 0, PAGES(1), 0), -EBADF);
}

static void test_bad_seals(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd;

	memfd = zcgem_memfd(size, 0);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), -EINVAL);
	igt_assert_eq(try_range(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY),
		      -EINVAL);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW), 0);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), -EINVAL);
	close(memfd);

	/* one that cannot be sealed at all */
	memfd = memfd_create("igt-zcgem", MFD_CLOEXEC);
	igt_assert_fd(memfd);
	igt_assert_eq(ftruncate(memfd, size), 0);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), -EINVAL);
	close(memfd);

	memfd = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_WRITE);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), -EPERM);
	close(memfd);

	memfd = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), -EPERM);
	close(memfd);

	/* these two take nothing away */
	memfd = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), 0);
	close(memfd);
}

static void test_bad_access(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int reader = reopen(memfd, O_RDONLY);
	int writer = reopen(memfd, O_WRONLY);

	igt_assert_eq(try_range(fd, reader, 0, size, 0), -EACCES);
	igt_assert_eq(try_range(fd, reader, 0, size, DRM_ZCGEM_WRAP_READONLY), 0);
	/* what can be written through an object can be read, too */
	igt_assert_eq(try_range(fd, writer, 0, size, 0), -EACCES);
	igt_assert_eq(try_range(fd, writer, 0, size, DRM_ZCGEM_WRAP_READONLY),
		      -EACCES);
	igt_assert_eq(try_range(fd, memfd, 0, size, 0), 0);

	close(writer);
	close(reader);
	close(memfd);
}

static struct drm_zcgem_gem_wrap_memfd wrap_arg(const void *ranges,
						uint32_t stride, uint32_t count)
{
	return (struct drm_zcgem_gem_wrap_memfd) {
		.ranges = {
			.stride = stride,
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
	};
}

static void expect_wrap(int fd, struct drm_zcgem_gem_wrap_memfd arg, int err)
{
	int ret = igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg) ? errno : 0;

	igt_assert_f(ret == err, "stride %u count %u flags %#x: %d, expected %d\n",
		     arg.ranges.stride, arg.ranges.count, arg.flags, ret, err);
	if (!ret)
		gem_close(fd, arg.handle);
	errno = 0;
}

static void test_bad_flags(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = PAGES(4) };
	struct drm_zcgem_gem_wrap_memfd arg;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (1u << bit == DRM_ZCGEM_WRAP_READONLY)
			continue;
		arg = wrap_arg(&range, sizeof(range), 1);
		arg.flags = 1u << bit;
		expect_wrap(fd, arg, EINVAL);
		arg.flags |= DRM_ZCGEM_WRAP_READONLY;
		expect_wrap(fd, arg, EINVAL);
	}
	for (bit = 0; bit < 32; bit++) {
		range.pad = 1u << bit;
		expect_wrap(fd, wrap_arg(&range, sizeof(range), 1), EINVAL);
	}
	close(memfd);
}

static void test_bad_pointer(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range *ranges;
	const uint32_t stride = sizeof(*ranges);
	char *map;

	expect_wrap(fd, wrap_arg(NULL, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)0xffff888000000000, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)0x7ffffffff000, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)-8l, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)-8l, stride, 65536), EFAULT);

	map = mmap(NULL, PAGES(2), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(map != MAP_FAILED);
	munmap(map + PAGES(1), PAGES(1));
	expect_wrap(fd, wrap_arg(map + PAGES(1), stride, 1), EFAULT);
	/* ends in the middle of an element, and after a good one */
	expect_wrap(fd, wrap_arg(map + PAGES(1) - 16, stride, 1), EFAULT);
	ranges = (void *)(map + PAGES(1) - stride);
	ranges->fd = memfd;
	ranges->size = PAGES(4);
	expect_wrap(fd, wrap_arg(ranges, stride, 2), EFAULT);
	expect_wrap(fd, wrap_arg(ranges, stride, 1), 0);

	igt_assert_eq(mprotect(map, PAGES(1), PROT_NONE), 0);
	expect_wrap(fd, wrap_arg(ranges, stride, 1), EFAULT);

	munmap(map, PAGES(1));
	close(memfd);
}

static void test_bad_stride(int fd)
{
	static const uint32_t bad[] = {
		0, 1, 7, 12, 4097, 4104, 8192, 0x80000000, 0xfffffff8, 0xffffffff,
	};
	/* shorter than a range ever was: the size is zero, so the range is empty */
	static const uint32_t shorter[] = { 8, 16 };
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range *ranges = calloc(1, 2 * 8192);
	unsigned int i;

	igt_assert(ranges);
	ranges->fd = memfd;
	ranges->size = PAGES(4);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_wrap(fd, wrap_arg(ranges, bad[i], 1), EINVAL);
	for (i = 0; i < ARRAY_SIZE(shorter); i++)
		expect_wrap(fd, wrap_arg(ranges, shorter[i], 1), EINVAL);

	/* as long as a range was in the first version */
	expect_wrap(fd, wrap_arg(ranges, 24, 1), 0);

	expect_wrap(fd, wrap_arg(ranges, sizeof(*ranges), 0), EINVAL);
	expect_wrap(fd, wrap_arg(NULL, sizeof(*ranges), 0), EINVAL);
	expect_wrap(fd, wrap_arg(ranges, sizeof(*ranges), 1), 0);
	free(ranges);
	close(memfd);
}

static void test_longer_elements(int fd)
{
	const uint32_t known = sizeof(struct drm_zcgem_memfd_range);
	const uint32_t strides[] = { known + 8, known + 16, 256, 4088, 4096 };
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	char *list = calloc(3, 4096);
	unsigned int i, n;

	igt_assert(list);
	for (i = 0; i < ARRAY_SIZE(strides); i++) {
		memset(list, 0, 3 * 4096);
		for (n = 0; n < 3; n++) {
			struct drm_zcgem_memfd_range *range =
				(void *)(list + n * strides[i]);

			range->fd = memfd;
			range->offset = PAGES(n);
			range->size = PAGES(1);
		}
		expect_wrap(fd, wrap_arg(list, strides[i], 3), 0);

		/* one byte of the tail, of the first and of the last element */
		list[known] = 1;
		expect_wrap(fd, wrap_arg(list, strides[i], 3), E2BIG);
		list[known] = 0;
		list[3 * strides[i] - 1] = 1;
		expect_wrap(fd, wrap_arg(list, strides[i], 3), E2BIG);
		list[3 * strides[i] - 1] = 0;
		expect_wrap(fd, wrap_arg(list, strides[i], 3), 0);
	}
	free(list);
	close(memfd);
}

static void test_bad_last_range(int fd)
{
	const uint32_t count = 100;
	int memfd = zcgem_memfd(PAGES(count), F_SEAL_SHRINK);
	int unsealed = zcgem_memfd(PAGES(count), 0);
	int sealed = zcgem_memfd(PAGES(count), F_SEAL_SHRINK | F_SEAL_WRITE);
	int reader = reopen(memfd, O_RDONLY);
	int zero = open("/dev/zero", O_RDWR);
	const struct {
		struct drm_zcgem_memfd_range range;
		int err;
	} last[] = {
		{ { .fd = memfd, .size = 0 }, EINVAL },
		{ { .fd = memfd, .offset = 8, .size = PAGES(1) }, EINVAL },
		{ { .fd = memfd, .offset = PAGES(count), .size = PAGES(1) }, EINVAL },
		{ { .fd = memfd, .size = PAGES(1), .pad = 1 }, EINVAL },
		{ { .fd = unsealed, .size = PAGES(1) }, EINVAL },
		{ { .fd = sealed, .size = PAGES(1) }, EPERM },
		{ { .fd = reader, .size = PAGES(1) }, EACCES },
		{ { .fd = zero, .size = PAGES(1) }, EBADFD },
		{ { .fd = -1, .size = PAGES(1) }, EBADF },
	};
	struct drm_zcgem_memfd_range *ranges = page_ranges(memfd, count, count);
	uint32_t handle;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(last); i++) {
		ranges[count - 1] = last[i].range;
		igt_assert_eq(__zcgem_wrap(fd, ranges, count, 0, &handle),
			      -last[i].err);
	}

	/* none of them may go on counting as a writer of the memfd */
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), 0);

	free(ranges);
	close(zero);
	close(reader);
	close(sealed);
	close(unsealed);
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

	igt_describe("Pages reserved but never written are zero and keep what is written");
	igt_subtest("fallocated")
		zcgem_run_counted(fd, test_fallocated);

	igt_describe("What was written through the object is in the memfd after it is gone");
	igt_subtest("written-data-stays")
		zcgem_run_counted(fd, test_written_data_stays);

	igt_describe("Pages written through the object only are dirty in the memfd");
	igt_subtest("marked-dirty")
		zcgem_run_counted(fd, test_marked_dirty);

	igt_describe("The object needs no descriptor of its memfd");
	igt_subtest("memfd-closed-first")
		zcgem_run_counted(fd, test_memfd_closed_first);

	igt_describe("A memfd that grows does not change the object");
	igt_subtest("grown-later")
		zcgem_run_counted(fd, test_grown_later);

	igt_describe("After a hole was punched the object shows the memfd's new pages");
	igt_subtest("punched")
		zcgem_run_counted(fd, test_punched);

	igt_describe("The largest list of ranges is one object, page for page");
	igt_subtest("most-ranges")
		zcgem_run_counted(fd, test_most_ranges);

	igt_describe("One range more is refused");
	igt_subtest("too-many-ranges")
		zcgem_run_refused(fd, test_too_many_ranges);

	igt_describe("Memfds on 2 MiB pages, whole and in part");
	igt_subtest("hugetlb")
		zcgem_run_counted(fd, test_hugetlb);

	igt_describe("Huge pages that the memfd does not have yet are made, and given back");
	igt_subtest("hugetlb-hole")
		zcgem_run_counted(fd, test_hugetlb_hole);

	igt_describe("No use of a memfd, good or refused, keeps its pages");
	igt_subtest("hugetlb-freed")
		zcgem_run_counted(fd, test_hugetlb_freed);

	igt_describe("Transparent huge pages are seen as such, from any page in them");
	igt_subtest("shmem-thp")
		zcgem_run_counted(fd, test_shmem_thp);

	igt_describe("A read-only object cannot be written by any way");
	igt_subtest("readonly")
		zcgem_run_counted(fd, test_readonly);

	igt_describe("A read-only object shows what is written to the memfd");
	igt_subtest("readonly-coherent")
		zcgem_run_counted(fd, test_readonly_coherent);

	igt_describe("A memfd that is sealed is not written through an older object");
	igt_subtest("sealed-later")
		zcgem_run_counted(fd, test_sealed_later);

	igt_describe("A user pins as much as RLIMIT_MEMLOCK allows and gets it back");
	igt_subtest("memlock-limit")
		zcgem_run_counted(fd, test_memlock_limit);

	igt_describe("Offsets and sizes that are not whole pages are refused");
	igt_subtest("bad-alignment")
		zcgem_run_refused(fd, test_bad_alignment);

	igt_describe("Empty ranges, ranges that wrap around and ranges past the end are refused");
	igt_subtest("bad-range")
		zcgem_run_refused(fd, test_bad_range);

	igt_describe("A sum of sizes that is too large is refused");
	igt_subtest("bad-total")
		zcgem_run_refused(fd, test_bad_total);

	igt_describe("Only memfds are taken");
	igt_subtest("bad-file")
		zcgem_run_refused(fd, test_bad_file);

	igt_describe("Descriptors that are not open are refused");
	igt_subtest("bad-descriptor")
		zcgem_run_refused(fd, test_bad_descriptor);

	igt_describe("A memfd that may shrink, or that may not be written, is refused");
	igt_subtest("bad-seals")
		zcgem_run_refused(fd, test_bad_seals);

	igt_describe("A descriptor gives no more access than it has");
	igt_subtest("bad-access")
		zcgem_run_refused(fd, test_bad_access);

	igt_describe("Unknown flags and padding that is not zero are refused");
	igt_subtest("bad-flags")
		zcgem_run_refused(fd, test_bad_flags);

	igt_describe("A list that cannot be read gives EFAULT");
	igt_subtest("bad-pointer")
		zcgem_run_refused(fd, test_bad_pointer);

	igt_describe("Strides and counts that make no sense are refused");
	igt_subtest("bad-stride")
		zcgem_run_refused(fd, test_bad_stride);

	igt_describe("Elements longer than the driver knows are taken if their tail is zero");
	igt_subtest("longer-elements")
		zcgem_run_refused(fd, test_longer_elements);

	igt_describe("A list that is good but for its last range leaves nothing behind");
	igt_subtest("bad-last-range")
		zcgem_run_refused(fd, test_bad_last_range);

	igt_fixture()
		drm_close_driver(fd);
}
