// SPDX-License-Identifier: MIT
/*
 * Objects on a machine of several nodes, where the kernel moves pages to who uses them.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem numa
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that the pages of objects stay on their node.
 *
 * SUBTEST: userptr
 * Description: Neither move_pages nor NUMA balancing moves an object's pages (class 10).
 *
 * SUBTEST: memfd
 * Description: Nor those of a memfd while an object holds them, but they do when it is evicted (class 10).
 */

IGT_TEST_DESCRIPTION("Check that the pages of objects stay on their node");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define SIZE		PAGES(256)
#define OLD		0x100000000ull

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

static void require_nodes(void)
{
	igt_require_f(!access("/sys/devices/system/node/node1", F_OK),
		      "one node only: boot with numa=fake=2\n");
	zcgem_change_setting("/proc/sys/kernel/numa_balancing", "1");
}

/* Pages of no object follow the request, those of a resident object stay. */
static void check_stays(int fd, uint32_t handle, char *user)
{
	char *control = zcgem_anonymous(SIZE), *object = zcgem_mmap(fd, handle, SIZE, RW);
	uint64_t *frames, round;

	zcgem_mark_all(user, SIZE, OLD);
	zcgem_mark_all(control, SIZE, OLD);
	zcgem_check_marks(object, SIZE, OLD);
	frames = zcgem_frames(user, SIZE);
	for (round = 0; round < 4; round++) {
		igt_assert_eq_u64(move_pages_to(control, SIZE, round & 1),
				  SIZE / ZCGEM_PAGE);
		zcgem_check_marks(control, SIZE, OLD);
		move_pages_to(user, SIZE, round & 1);
		zcgem_check_frames(user, SIZE, frames);
		zcgem_check_same(user, object, SIZE);
	}
	free(frames);
	munmap(object, SIZE);
	munmap(control, SIZE);
}

static void test_userptr(int fd)
{
	char *user;

	require_nodes();
	user = zcgem_anonymous(SIZE);
	check_stays(fd, zcgem_wrap_address(fd, user, SIZE, 0), user);
	munmap(user, SIZE);
	zcgem_restore_settings();
}

static void test_memfd(int fd)
{
	char *file;
	uint32_t handle;
	int memfd;

	require_nodes();
	memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	file = zcgem_map_memfd(memfd, 0, SIZE);
	handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	check_stays(fd, handle, file);

	/* and are as free as others while the object does not hold them */
	zcgem_evict(fd, handle, SIZE);
	igt_assert_eq_u64(move_pages_to(file, SIZE, 0), SIZE / ZCGEM_PAGE);
	igt_assert_eq_u64(move_pages_to(file, SIZE, 1), SIZE / ZCGEM_PAGE);
	munmap(file, SIZE);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
	zcgem_restore_settings();
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Neither move_pages nor NUMA balancing moves an object's pages (class 10)");
	igt_subtest("userptr")
		zcgem_run_counted(fd, test_userptr);

	igt_describe("Nor those of a memfd while an object holds them, but they do when it is evicted (class 10)");
	igt_subtest("memfd")
		zcgem_run_counted(fd, test_memfd);

	igt_fixture()
		drm_close_driver(fd);
}
