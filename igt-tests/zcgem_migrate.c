// SPDX-License-Identifier: MIT
/*
 * Pages leave memory that must stay movable before they are pinned, so that it can be
 * taken offline beside objects, and others can pin the same pages. Wants a machine
 * with a movable zone, as by movablecore=.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_uring.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem migrate
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that objects do not hold memory that must stay movable.
 *
 * SUBTEST: io-uring
 * Description: Others can pin the same memory before, while and after it is an object (class 10).
 *
 * SUBTEST: movable
 * Description: Pages of a memfd leave ZONE_MOVABLE before they are pinned (class 10).
 *
 * SUBTEST: offline
 * Description: Memory can be taken offline beside idle objects (class 10).
 */

IGT_TEST_DESCRIPTION("Check that objects do not hold memory that must stay movable");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

static void test_uring(int fd)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), source = zcgem_memfd(size, 0);
	char *file = zcgem_map_memfd(memfd, 0, size), *text, *object;
	struct zcgem_uring ring;
	uint32_t handle;

	zcgem_uring_open(&ring);
	text = zcgem_map_memfd(source, 0, size);

	/* before: what is pinned by another can be wrapped */
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_fill(text, size, 1);
	igt_assert_eq(zcgem_uring_read(&ring, source, file, size), size);
	zcgem_check(object, size, 1);
	zcgem_uring_unregister(&ring);
	zcgem_check_same(object, file, size);

	/* while: and what is wrapped can be pinned by another, evicted or not */
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_evict(fd, handle, size);
	zcgem_fill(text, size, 2);
	igt_assert_eq(zcgem_uring_read(&ring, source, file, size), size);
	zcgem_check(object, size, 2);
	zcgem_uring_unregister(&ring);
	zcgem_evict(fd, handle, size);
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_check_same(object, file, size);

	/* after */
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_fill(text, size, 3);
	igt_assert_eq(zcgem_uring_read(&ring, source, file, size), size);
	zcgem_check(file, size, 3);
	zcgem_uring_unregister(&ring);
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_uring_unregister(&ring);
	zcgem_uring_close(&ring);
	munmap(text, size);
	munmap(file, size);
	close(source);
	zcgem_release_memfd(memfd);
}

static void test_movable(int fd)
{
	const uint64_t size = MIB(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint64_t before;
	uint32_t handle;

	zcgem_require_movable_zone();
	zcgem_mark_all(file, size, 1);
	before = zcgem_count_movable(file, size);
	igt_require_f(before, "none of the test's pages are in ZONE_MOVABLE\n");
	igt_info("%" PRIu64 " of %llu pages were in ZONE_MOVABLE\n", before,
		 size / ZCGEM_PAGE);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	zcgem_check_marks(file, size, 1);
	igt_assert_eq_u64(zcgem_count_movable(file, size), 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, size, 1);
	zcgem_check_same(object, file, size);
	munmap(object, size);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

#define BLOCKS		"/sys/devices/system/memory"
#define BLOCK_COUNT	256

static bool block_is(unsigned int block, const char *file, const char *word)
{
	char path[128], value[128];

	snprintf(path, sizeof(path), BLOCKS "/memory%u/%s", block, file);
	return zcgem_read_setting(path, value, sizeof(value)) && strstr(value, word);
}

static bool set_block(unsigned int block, const char *state)
{
	char path[128];

	snprintf(path, sizeof(path), BLOCKS "/memory%u/state", block);
	return __zcgem_write_setting(path, state);
}

static void online_all(int sig)
{
	unsigned int block;

	(void)sig;
	for (block = 0; block < BLOCK_COUNT; block++) {
		if (block_is(block, "state", "offline"))
			set_block(block, "online_movable");
	}
}

/* Takes every block of ZONE_MOVABLE away that can be had, and gives it back. */
static unsigned int offline_movable(bool *can)
{
	unsigned int block, count = 0;

	for (block = 0; block < BLOCK_COUNT; block++) {
		if (!block_is(block, "state", "online") ||
		    !block_is(block, "valid_zones", "Movable"))
			continue;
		can[block] = set_block(block, "offline");
		count += can[block];
	}
	online_all(0);
	return count;
}

/* The same blocks can go as before there were objects. */
static void check_offline(const bool *before)
{
	bool can[BLOCK_COUNT] = {};
	unsigned int block;

	offline_movable(can);
	for (block = 0; block < BLOCK_COUNT; block++)
		igt_assert_f(can[block] || !before[block],
			     "memory block %u cannot be taken offline any more\n", block);
}

static void test_offline(int fd)
{
	const uint64_t size = MIB(16);
	int memfds[2] = {
		zcgem_memfd(size, F_SEAL_SHRINK), zcgem_memfd(size, F_SEAL_SHRINK),
	};
	char *files[2], *object;
	bool before[BLOCK_COUNT] = {};
	uint32_t handles[2], i;

	zcgem_require_movable_zone();
	igt_install_exit_handler(online_all);
	zcgem_require_swap(MIB(128));
	/* one that has holes, like the last one, cannot for that reason */
	i = offline_movable(before);
	igt_require_f(i, "no block of memory can be taken offline\n");
	igt_info("%u blocks of memory can be taken offline\n", i);
	for (i = 0; i < 2; i++) {
		files[i] = zcgem_map_memfd(memfds[i], 0, size);
		zcgem_mark_all(files[i], size, i + 1);
		igt_require_f(zcgem_count_movable(files[i], size),
			      "none of the test's pages are in ZONE_MOVABLE\n");
		handles[i] = zcgem_wrap_memfd(fd, memfds[i], 0, size, 0);
	}
	/* one idle and resident, one evicted, whose pages went and came back there */
	zcgem_evict(fd, handles[1], size);
	igt_require(zcgem_page_out(files[1], size));
	zcgem_check_marks(files[1], size, 2);
	igt_info("%" PRIu64 " pages of an evicted object are in ZONE_MOVABLE\n",
		 zcgem_count_movable(files[1], size));
	igt_assert_lt_u64(0, zcgem_count_movable(files[1], size));

	check_offline(before);
	for (i = 0; i < 2; i++) {
		object = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_check_marks(object, size, i + 1);
		zcgem_check_same(object, files[i], size);
		munmap(object, size);
	}
	/* both resident now, and still nothing that is in the way */
	check_offline(before);
	for (i = 0; i < 2; i++) {
		munmap(files[i], size);
		gem_close(fd, handles[i]);
		zcgem_release_memfd(memfds[i]);
	}
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Others can pin the same memory before, while and after it is an object (class 10)");
	igt_subtest("io-uring")
		zcgem_run_counted(fd, test_uring);

	igt_describe("Pages of a memfd leave ZONE_MOVABLE before they are pinned (class 10)");
	igt_subtest("movable")
		zcgem_run_counted(fd, test_movable);

	igt_describe("Memory can be taken offline beside idle objects (class 10)");
	igt_subtest("offline")
		zcgem_run_counted(fd, test_offline);

	igt_fixture()
		drm_close_driver(fd);
}
