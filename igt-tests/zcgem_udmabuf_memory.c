// SPDX-License-Identifier: MIT
/*
 * Which memory is where in the dma-bufs that udmabuf's ioctls make on zcgem's nodes, also
 * where udmabuf itself would take no list that is as long and no range that is as large.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"

/**
 * TEST: zcgem udmabuf memory
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check whose memory is in dma-bufs of udmabuf's ioctls.
 *
 * SUBTEST: create
 * Description: One range: the dma-buf is the memfd's memory.
 *
 * SUBTEST: create-list
 * Description: Ranges of several memfds in list order.
 *
 * SUBTEST: overlapping
 * Description: Ranges that overlap share their memory, as do dma-bufs.
 *
 * SUBTEST: many-items
 * Description: 1025 scattered pages, one item more than udmabuf takes (class 14).
 *
 * SUBTEST: most-items
 * Description: The largest list is one dma-buf, page for page (class 14).
 *
 * SUBTEST: large
 * Description: More than the 64 MiB that udmabuf takes before 7.3 (class 2).
 *
 * SUBTEST: hugetlb
 * Description: Scattered 4 KiB pages of huge ones, and the whole (class 6).
 */

IGT_TEST_DESCRIPTION("Check whose memory is in dma-bufs of udmabuf's ioctls");

#define PAGES(n)	((n) * ZCGEM_PAGE)

/* What stands at the end of a page tells it from the others. */
static volatile uint64_t *word(void *map, uint64_t page)
{
	return (volatile uint64_t *)((char *)map + PAGES(page + 1)) - 1;
}

/* Every page of the list must be the memory of its page in the memfds' mappings. */
static void check_list(int dmabuf, const struct udmabuf_create_list *list, void *const *files,
		       const int *memfds)
{
	uint64_t total = 0, page = 0;
	uint32_t i, f;
	char *map;

	for (i = 0; i < list->count; i++)
		total += list->list[i].size;
	igt_assert_eq_u64(lseek(dmabuf, 0, SEEK_END), total);
	map = map_dmabuf(dmabuf, total);

	for (i = 0; i < list->count; i++) {
		uint64_t first = list->list[i].offset / ZCGEM_PAGE, n;

		for (f = 0; memfds[f] != (int)list->list[i].memfd; f++)
			;
		for (n = 0; n < list->list[i].size / ZCGEM_PAGE; n++, page++) {
			*word(files[f], first + n) = 2 * page + 1;
			igt_assert_eq_u64(*word(map, page), 2 * page + 1);
			*word(map, page) = 2 * page + 2;
			igt_assert_eq_u64(*word(files[f], first + n), 2 * page + 2);
		}
	}
	munmap(map, total);
}

static void test_create(int fd)
{
	int memfd = zcgem_memfd(PAGES(32), F_SEAL_SHRINK);
	void *file = zcgem_map_memfd(memfd, 0, PAGES(32));
	int dmabuf = udmabuf_create_pages(fd, memfd, 7, 23);
	char *map = map_dmabuf(dmabuf, PAGES(23));

	zcgem_fill(file, PAGES(32), 1);
	igt_assert(!memcmp(map, (char *)file + PAGES(7), PAGES(23)));
	zcgem_fill(map, PAGES(23), 2);
	zcgem_check((char *)file + PAGES(7), PAGES(23), 2);

	munmap(map, PAGES(23));
	munmap(file, PAGES(32));
	close(dmabuf);
	close(memfd);
}

static void test_create_list(int fd)
{
	struct udmabuf_create_list *list = udmabuf_new_list(30);
	int memfds[3], dmabuf;
	void *files[3];
	uint32_t i;

	for (i = 0; i < 3; i++) {
		memfds[i] = zcgem_memfd(PAGES(64), F_SEAL_SHRINK);
		files[i] = zcgem_map_memfd(memfds[i], 0, PAGES(64));
	}
	for (i = 0; i < 30; i++)
		udmabuf_set_item(list, i, memfds[i % 3], 60 - 2 * i, 1 + i % 4);
	dmabuf = udmabuf_create_list(fd, list);
	check_list(dmabuf, list, files, memfds);

	close(dmabuf);
	for (i = 0; i < 3; i++) {
		munmap(files[i], PAGES(64));
		close(memfds[i]);
	}
	free(list);
}

static void test_overlapping(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK), dmabuf, second;
	void *file = zcgem_map_memfd(memfd, 0, PAGES(16));
	struct udmabuf_create_list *list = udmabuf_new_list(4);
	volatile char *map, *other;

	udmabuf_set_item(list, 0, memfd, 0, 8);
	udmabuf_set_item(list, 1, memfd, 4, 8);
	udmabuf_set_item(list, 2, memfd, 0, 1);
	udmabuf_set_item(list, 3, memfd, 0, 1);
	dmabuf = udmabuf_create_list(fd, list);
	check_list(dmabuf, list, &file, &memfd);
	map = map_dmabuf(dmabuf, PAGES(18));
	map[0] = 1;
	igt_assert_eq(map[PAGES(16)], 1);
	map[PAGES(17)] = 2;
	igt_assert_eq(map[0], 2);
	map[PAGES(4)] = 3;
	igt_assert_eq(map[PAGES(8)], 3);

	second = udmabuf_create_pages(fd, memfd, 4, 1);
	other = map_dmabuf(second, PAGES(1));
	igt_assert_eq(other[0], 3);
	other[0] = 4;
	igt_assert_eq(map[PAGES(4)], 4);
	igt_assert_eq(map[PAGES(8)], 4);

	munmap((void *)other, PAGES(1));
	munmap((void *)map, PAGES(18));
	munmap(file, PAGES(16));
	close(second);
	close(dmabuf);
	close(memfd);
	free(list);
}

/* Single pages from the end to the start, so that no two items are one range. */
static void many_items(int fd, uint32_t count)
{
	int memfd = zcgem_memfd(PAGES(count), F_SEAL_SHRINK), dmabuf;
	void *file = zcgem_map_memfd(memfd, 0, PAGES(count));
	struct udmabuf_create_list *list = udmabuf_new_list(count);
	uint32_t i;

	for (i = 0; i < count; i++)
		udmabuf_set_item(list, i, memfd, count - 1 - i, 1);
	dmabuf = udmabuf_create_list(fd, list);
	check_list(dmabuf, list, &file, &memfd);

	close(dmabuf);
	munmap(file, PAGES(count));
	close(memfd);
	free(list);
}

static void test_many_items(int fd)
{
	many_items(fd, 1025);
}

static void test_most_items(int fd)
{
	uint64_t most = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);

	igt_assert_lte_u64(8192, most);
	many_items(fd, most);
}

static void test_large(int fd)
{
	const uint64_t pages = (96ull << 20) / ZCGEM_PAGE;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	void *file = zcgem_map_memfd(memfd, 0, PAGES(pages));
	int dmabuf = udmabuf_create_pages(fd, memfd, 0, pages);
	char *map = map_dmabuf(dmabuf, PAGES(pages));
	uint64_t page;

	for (page = 0; page < pages; page += 61) {
		*word(map, page) = page;
		igt_assert_eq_u64(*word(file, page), page);
	}

	munmap(map, PAGES(pages));
	munmap(file, PAGES(pages));
	close(dmabuf);
	close(memfd);
}

static void test_hugetlb(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE, pages = size / ZCGEM_PAGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK), dmabuf;
	void *file = zcgem_map_memfd(memfd, 0, size);
	struct udmabuf_create_list *list = udmabuf_new_list(pages / 8);
	uint32_t i;

	for (i = 0; i < pages / 8; i++)
		udmabuf_set_item(list, i, memfd, (i * 37 * 8 + i % 8) % pages, 1);
	dmabuf = udmabuf_create_list(fd, list);
	check_list(dmabuf, list, &file, &memfd);
	close(dmabuf);

	list->count = 1;
	udmabuf_set_item(list, 0, memfd, 0, pages);
	dmabuf = udmabuf_create_list(fd, list);
	check_list(dmabuf, list, &file, &memfd);
	close(dmabuf);

	munmap(file, size);
	close(memfd);
	free(list);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("One range: the dma-buf is the memfd's memory");
	igt_subtest("create")
		zcgem_run_counted(fd, test_create);

	igt_describe("Ranges of several memfds in list order");
	igt_subtest("create-list")
		zcgem_run_counted(fd, test_create_list);

	igt_describe("Ranges that overlap share their memory, as do dma-bufs");
	igt_subtest("overlapping")
		zcgem_run_counted(fd, test_overlapping);

	igt_describe("1025 scattered pages, one item more than udmabuf takes (class 14)");
	igt_subtest("many-items")
		zcgem_run_counted(fd, test_many_items);

	igt_describe("The largest list is one dma-buf, page for page (class 14)");
	igt_subtest("most-items")
		zcgem_run_counted(fd, test_most_items);

	igt_describe("More than the 64 MiB that udmabuf takes before 7.3 (class 2)");
	igt_subtest("large")
		zcgem_run_counted(fd, test_large);

	igt_describe("Scattered 4 KiB pages of huge ones, and the whole (class 6)");
	igt_subtest("hugetlb")
		zcgem_run_counted(fd, test_hugetlb);

	igt_fixture()
		drm_close_driver(fd);
}
