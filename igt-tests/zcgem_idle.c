// SPDX-License-Identifier: MIT
/*
 * Pins of objects that nobody uses are taken back after a while, memory short or not: the
 * module's parameter idle_seconds. Tests wait until it has happened, however long that takes.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem idle
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that objects which nobody uses give their pages back.
 *
 * SUBTEST: unused
 * Description: Pages of shmem and of hugetlbfs go, come back with their contents, and go again (class 10).
 *
 * SUBTEST: mapped
 * Description: What only the CPU has mapped goes as well, and comes back at a touch (class 10).
 *
 * SUBTEST: in-use
 * Description: What a device has mapped, pinned or fenced keeps its pages until that ends.
 *
 * SUBTEST: never
 * Description: With 0 nothing goes, and a value out of range counts as the largest.
 */

IGT_TEST_DESCRIPTION("Check that objects which nobody uses give their pages back");

#define SIZE		ZCGEM_HUGE
#define RW		(PROT_READ | PROT_WRITE)
#define STEP_US		20000
#define STEPS		3000
#define IDLE_SECONDS	"/sys/module/zcgem/parameters/idle_seconds"

static int open_with(const char *parameters)
{
	int fd;

	igt_require_f(zcgem_load(parameters), "cannot load zcgem with %s\n", parameters);
	fd = open_device(0);
	igt_require_f(fd >= 0, "no zcgem device\n");
	return fd;
}

static void wait_until_evicted(int fd, uint32_t handle, uint64_t before)
{
	int step;

	for (step = 0; evictions(fd, handle) == before; step++) {
		igt_assert_f(step < STEPS, "it keeps its pages\n");
		usleep(STEP_US);
	}
	igt_assert_eq_u64(evictions(fd, handle), before + 1);
	igt_assert(!zcgem_is_resident(fd, handle));
}

static void test_unused(int fd)
{
	const int memfds[] = {
		zcgem_memfd(SIZE, F_SEAL_SHRINK), zcgem_memfd_hugetlb(SIZE, F_SEAL_SHRINK),
	};
	uint64_t before = zcgem_pinned_folios(fd), round;
	uint32_t handles[ARRAY_SIZE(memfds)], i;
	char *map;

	for (i = 0; i < ARRAY_SIZE(memfds); i++) {
		handles[i] = zcgem_wrap_memfd(fd, memfds[i], 0, SIZE, 0);
		map = zcgem_map_memfd(memfds[i], 0, SIZE);
		zcgem_fill(map, SIZE, i);
		munmap(map, SIZE);
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(memfds); i++)
			wait_until_evicted(fd, handles[i], round);
		igt_assert_eq_u64(zcgem_pinned_folios(fd), before);
		for (i = 0; i < ARRAY_SIZE(memfds); i++) {
			map = zcgem_mmap(fd, handles[i], SIZE, RW);
			zcgem_check(map, SIZE, round + i);
			zcgem_fill(map, SIZE, round + 1 + i);
			igt_assert(zcgem_is_resident(fd, handles[i]));
			munmap(map, SIZE);
		}
	}
	for (i = 0; i < ARRAY_SIZE(memfds); i++) {
		gem_close(fd, handles[i]);
		zcgem_release_memfd(memfds[i]);
	}
}

/* By the node and by the dma-buf; each round one of them brings it back. */
static void test_mapped(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK), dmabuf;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	char *maps[2];
	uint64_t round;

	dmabuf = zcgem_export(fd, handle);
	maps[0] = zcgem_mmap(fd, handle, SIZE, RW);
	maps[1] = map_dmabuf(dmabuf, SIZE);
	zcgem_fill(maps[0], SIZE, 0);
	zcgem_check(maps[1], SIZE, 0);
	for (round = 0; round < 3; round++) {
		wait_until_evicted(fd, handle, round);
		zcgem_check(maps[round % 2], SIZE, round);
		zcgem_fill(maps[round % 2], SIZE, round + 1);
		zcgem_check(maps[!(round % 2)], SIZE, round + 1);
		igt_assert(zcgem_is_resident(fd, handle));
	}
	munmap(maps[0], SIZE);
	munmap(maps[1], SIZE);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

enum use {
	DEVICE_MAPPING,
	DEVICE_PIN,
	DEVICE_VMAP,
	DEVICE_FENCE,
	WAYS
};

/* An object of a memfd, used in one way. */
struct used {
	enum use use;
	uint32_t handle;
	int memfd, dmabuf, device;
};

static void begin_use(int fd, enum use use, struct used *used)
{
	static const unsigned long calls[WAYS] = {
		[DEVICE_MAPPING] = IMPORTER_MAP,
		[DEVICE_PIN] = IMPORTER_PIN,
		[DEVICE_VMAP] = IMPORTER_VMAP,
		[DEVICE_FENCE] = IMPORTER_FENCE,
	};

	*used = (struct used) {
		.use = use, .memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK), .device = -1,
	};
	used->handle = zcgem_wrap_memfd(fd, used->memfd, 0, SIZE, 0);
	used->dmabuf = zcgem_export(fd, used->handle);
	used->device = importer_new(used->dmabuf, IMPORTER_FOLLOWS);
	importer_call(used->device, calls[use], IMPORTER_BIDIRECTIONAL);
}

/* Attached it still is, exported too: neither is a use. */
static void end_use(struct used *used)
{
	static const unsigned long calls[WAYS] = {
		[DEVICE_MAPPING] = IMPORTER_UNMAP,
		[DEVICE_PIN] = IMPORTER_UNPIN,
		[DEVICE_VMAP] = IMPORTER_VUNMAP,
		[DEVICE_FENCE] = IMPORTER_SIGNAL,
	};

	importer_call(used->device, calls[used->use], 0);
}

static void test_in_use(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	struct used used[WAYS];
	uint32_t idle, i;
	uint64_t round;

	for (i = 0; i < WAYS; i++)
		begin_use(fd, i, &used[i]);
	/* It is looked at after those, as it is younger. */
	idle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	for (round = 0; round < 2; round++) {
		wait_until_evicted(fd, idle, round);
		for (i = 0; i < WAYS; i++)
			igt_assert_f(evictions(fd, used[i].handle) == 0 &&
				     zcgem_is_resident(fd, used[i].handle), "use %u\n", i);
		zcgem_populate(fd, idle, SIZE, NULL);
	}
	for (i = 0; i < WAYS; i++)
		end_use(&used[i]);
	for (i = 0; i < WAYS; i++) {
		wait_until_evicted(fd, used[i].handle, 0);
		close(used[i].device);
		close(used[i].dmabuf);
		gem_close(fd, used[i].handle);
		zcgem_release_memfd(used[i].memfd);
	}
	gem_close(fd, idle);
	zcgem_release_memfd(memfd);
}

static void test_never(int fd)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);

	/* longer than it takes where it is done */
	sleep(3);
	igt_assert_eq_u64(evictions(fd, handle), 0);
	igt_assert(zcgem_is_resident(fd, handle));
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		require_importer();
		fd = open_with("idle_seconds=1");
	}

	igt_describe("Pages of shmem and of hugetlbfs go, come back with their contents, and go again (class 10)");
	igt_subtest("unused")
		zcgem_run_counted(fd, test_unused);

	igt_describe("What only the CPU has mapped goes as well, and comes back at a touch (class 10)");
	igt_subtest("mapped")
		zcgem_run_counted(fd, test_mapped);

	igt_describe("What a device has mapped, pinned or fenced keeps its pages until that ends");
	igt_subtest("in-use")
		zcgem_run_counted(fd, test_in_use);

	igt_describe("With 0 nothing goes, and a value out of range counts as the largest");
	igt_subtest("never") {
		close(fd);
		fd = open_with("idle_seconds=4294967295");
		igt_assert_eq_u64(zcgem_read_number(IDLE_SECONDS), 86400);
		close(fd);
		fd = open_with("idle_seconds=0");
		zcgem_run_counted(fd, test_never);
	}

	igt_fixture() {
		close(fd);
		igt_assert(zcgem_load(""));
	}
}
