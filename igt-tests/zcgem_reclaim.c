// SPDX-License-Identifier: MIT
/*
 * Objects in a memory cgroup at its limit: reclaim of the group finds those that its
 * processes have made, and no others.
 *
 * The work is done by a child in the group, so that it, and not the test, is killed if
 * reclaim finds nothing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_cgroup.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem reclaim
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that reclaim of a memory cgroup finds the objects of the group.
 *
 * SUBTEST: idle
 * Description: A group of 96 MiB can have idle objects of 160 MiB, and they keep their contents (class 10).
 *
 * SUBTEST: exported
 * Description: The same with a dma-buf of each (class 10).
 *
 * SUBTEST: mapped
 * Description: The same with a CPU mapping of each, through which they are written (class 10).
 *
 * SUBTEST: large
 * Description: A task of the group unpins what it would leave to others otherwise (class 10).
 *
 * SUBTEST: reclaim
 * Description: memory.reclaim takes the memory of idle objects, and leaves those of others alone (class 10).
 *
 * SUBTEST: vmap-swapped
 * Description: A driver that maps an object that was swapped out sees its contents.
 *
 * SUBTEST: access-swapped
 * Description: So does a debugger.
 *
 * SUBTEST: kill-swapped
 * Description: Tasks that are killed while they get the memory back lose nothing of it.
 */

IGT_TEST_DESCRIPTION("Check that reclaim of a memory cgroup finds the objects of the group");

#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)
#define MAX_OBJECTS	10
#define LIVENESS_S	300

enum use { IDLE, EXPORTED, MAPPED };

struct object {
	uint32_t handle;
	int memfd, dmabuf;
	uint64_t *map;
};

/* One value all over each page, which zram packs into nothing. */
static void fill_pages(uint64_t *words, uint64_t size, uint64_t seed)
{
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = seed + i / (ZCGEM_PAGE / sizeof(*words));
}

static bool pages_are_good(const uint64_t *words, uint64_t size, uint64_t seed)
{
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		if (words[i] != seed + i / (ZCGEM_PAGE / sizeof(*words)))
			return false;
	return true;
}

static void make_object(int fd, struct object *object, enum use use, uint64_t size, uint64_t seed)
{
	uint64_t *map;

	object->memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	if (use != MAPPED) {
		map = (uint64_t *)zcgem_map_memfd(object->memfd, 0, size);
		fill_pages(map, size, seed);
		munmap(map, size);
	}
	object->handle = zcgem_wrap_memfd(fd, object->memfd, 0, size, 0);
	if (use == EXPORTED)
		object->dmabuf = zcgem_export(fd, object->handle);
	if (use == MAPPED) {
		object->map = (uint64_t *)zcgem_mmap(fd, object->handle, size, RW);
		fill_pages(object->map, size, seed);
	}
}

/* By the object, which makes it resident again, and by its file. */
static bool object_is_good(int fd, struct object *object, uint64_t size, uint64_t seed)
{
	uint64_t *map = object->map;
	bool good;

	if (!map)
		map = (uint64_t *)zcgem_mmap(fd, object->handle, size, PROT_READ);
	good = pages_are_good(map, size, seed);
	munmap(map, size);
	map = (uint64_t *)zcgem_map_memfd(object->memfd, 0, size);
	good &= pages_are_good(map, size, seed);
	munmap(map, size);
	return good;
}

static void use_objects(int fd, enum use use, unsigned int count, uint64_t size)
{
	struct object objects[MAX_OBJECTS] = {};
	uint64_t evicted = 0, seed;
	unsigned int i;

	for (i = 0; i < count; i++)
		make_object(fd, &objects[i], use, size, (uint64_t)(i + 1) << 32);
	for (i = 0; i < count; i++) {
		seed = (uint64_t)(i + 1) << 32;
		if (!object_is_good(fd, &objects[i], size, seed))
			_exit(2);
	}
	for (i = 0; i < count; i++)
		evicted += zcgem_evictions(fd, objects[i].handle);
	igt_info("%u objects of %" PRIu64 " MiB: %" PRIu64 " evictions, %" PRIu64 " MiB in swap\n",
		 count, size >> 20, evicted,
		 zcgem_read_key("/proc/meminfo", "SwapTotal") / 1024 -
		 zcgem_read_key("/proc/meminfo", "SwapFree") / 1024);
	_exit(evicted ? 0 : 3);
}

static void run_in_group(int fd, uint64_t limit, enum use use, unsigned int count,
			 uint64_t size)
{
	int status;
	pid_t pid;

	zcgem_require_swap(MIB(512));
	zcgem_make_cgroup(limit, MIB(512));
	pid = fork();
	if (!pid) {
		zcgem_enter_cgroup();
		use_objects(drm_reopen_driver(fd), use, count, size);
	}
	igt_assert(pid > 0);
	igt_assert_f(zcgem_wait_for_end(pid, LIVENESS_S, &status), "it does not end\n");
	igt_info("%" PRIu64 " MiB: %s %d, %" PRIu64 " kills\n", limit >> 20,
		 WIFSIGNALED(status) ? "killed by signal" : "exits",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		 zcgem_cgroup_key("memory.events", "oom_kill"));
	igt_assert_eq(status, 0);
	zcgem_remove_cgroup();
	zcgem_end_swap();
}

static void test_idle(int fd)
{
	run_in_group(fd, MIB(96), IDLE, 10, MIB(16));
}

static void test_exported(int fd)
{
	run_in_group(fd, MIB(96), EXPORTED, 10, MIB(16));
}

static void test_mapped(int fd)
{
	run_in_group(fd, MIB(96), MAPPED, 10, MIB(16));
}

static void test_large(int fd)
{
	run_in_group(fd, MIB(128), MAPPED, 2, MIB(80));
}

static void reclaim_own(int fd)
{
	struct object objects[8] = {};
	uint64_t evicted = 0, before, after;
	unsigned int i;

	zcgem_enter_cgroup();
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		make_object(fd, &objects[i], IDLE, MIB(8), (uint64_t)(i + 1) << 32);
	before = zcgem_cgroup_key("memory.stat", "shmem");
	if (!zcgem_cgroup_reclaim(MIB(40)))
		_exit(2);
	after = zcgem_cgroup_key("memory.stat", "shmem");
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		evicted += zcgem_evictions(fd, objects[i].handle);
	igt_info("shmem was %" PRIu64 " MiB, is %" PRIu64 " MiB, %" PRIu64 " evictions\n",
		 before >> 20, after >> 20, evicted);
	if (!evicted || before - after < MIB(20))
		_exit(3);
	for (i = 0; i < ARRAY_SIZE(objects); i++)
		if (!object_is_good(fd, &objects[i], MIB(8), (uint64_t)(i + 1) << 32))
			_exit(4);
	_exit(0);
}

static void test_reclaim(int fd)
{
	struct object other = {};
	int status;
	pid_t pid;

	zcgem_require_swap(MIB(512));
	make_object(fd, &other, IDLE, MIB(8), 1);
	zcgem_make_cgroup(MIB(512), MIB(512));
	pid = fork();
	if (!pid)
		reclaim_own(drm_reopen_driver(fd));
	igt_assert(pid > 0);
	igt_assert_f(zcgem_wait_for_end(pid, LIVENESS_S, &status), "it does not end\n");
	igt_assert_eq(status, 0);
	igt_assert(zcgem_is_resident(fd, other.handle));
	zcgem_remove_cgroup();
	zcgem_end_swap();
	gem_close(fd, other.handle);
	zcgem_release_memfd(other.memfd);
}

#define SWAPPED	MIB(16)

/* Makes an object of known contents in the group. */
static uint32_t make_swapped(int fd, char **map)
{
	uint32_t handle;

	zcgem_enter_cgroup();
	handle = zcgem_create(fd, SWAPPED, 0);
	*map = zcgem_mmap(fd, handle, SWAPPED, RW);
	zcgem_fill(*map, SWAPPED, 3);
	return handle;
}

static void swap_out(int fd, uint32_t handle)
{
	zcgem_evict(fd, handle, SWAPPED);
	zcgem_cgroup_reclaim(SWAPPED);
	if (zcgem_cgroup_key("memory.stat", "shmem") > SWAPPED / 2)
		_exit(2);
}

static void end_with(const char *seen)
{
	char *expected = malloc(SWAPPED);

	zcgem_fill(expected, SWAPPED, 3);
	_exit(memcmp(seen, expected, SWAPPED) ? 5 : 0);
}

/* An importer that is attached keeps no pages of an object that can move. */
static void vmap_swapped(int fd)
{
	char *seen = malloc(SWAPPED), *map;
	uint32_t handle = make_swapped(fd, &map);
	int dmabuf = zcgem_export(fd, handle), device;
	uint64_t at;

	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	swap_out(fd, handle);
	if (__importer_call(device, IMPORTER_VMAP, 0))
		_exit(3);
	for (at = 0; at < SWAPPED; at += MIB(1))
		if (__importer_copy(device, at, seen + at, MIB(1), IMPORTER_COPY_VMAP))
			_exit(4);
	end_with(seen);
}

/* A debugger has no fault to begin again. */
static void access_swapped(int fd)
{
	char *seen = malloc(SWAPPED), *map;
	uint32_t handle = make_swapped(fd, &map);
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

	swap_out(fd, handle);
	if (pread(mem, seen, SWAPPED, (uintptr_t)map) != SWAPPED)
		_exit(3);
	end_with(seen);
}

/* What is there already stays when getting the rest is cut off, however often. */
static void kill_swapped(int fd)
{
	char *seen = malloc(SWAPPED), *expected = malloc(SWAPPED), *map;
	uint32_t handle = make_swapped(fd, &map);
	unsigned int round, killed = 0;
	int status;
	pid_t pid;

	zcgem_fill(expected, SWAPPED, 3);
	for (round = 0; round < 30; round++) {
		swap_out(fd, handle);
		pid = fork();
		if (!pid)
			_exit(!!__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, SWAPPED, NULL));
		usleep(round * 1000);
		kill(pid, SIGKILL);
		if (waitpid(pid, &status, 0) != pid)
			_exit(3);
		killed += WIFSIGNALED(status);
		memcpy(seen, map, SWAPPED);
		if (memcmp(seen, expected, SWAPPED))
			_exit(5);
	}
	igt_info("killed %u of %u times\n", killed, round);
	_exit(0);
}

static void run_swapped(int fd, void (*use)(int fd))
{
	int status;
	pid_t pid;

	zcgem_require_swap(MIB(512));
	zcgem_make_cgroup(MIB(512), MIB(512));
	pid = fork();
	if (!pid)
		use(drm_reopen_driver(fd));
	igt_assert(pid > 0);
	igt_assert_f(zcgem_wait_for_end(pid, LIVENESS_S, &status), "it does not end\n");
	igt_assert_eq(status, 0);
	zcgem_remove_cgroup();
	zcgem_end_swap();
}

static void test_vmap_swapped(int fd)
{
	require_importer();
	run_swapped(fd, vmap_swapped);
}

static void test_access_swapped(int fd)
{
	run_swapped(fd, access_swapped);
}

static void test_kill_swapped(int fd)
{
	run_swapped(fd, kill_swapped);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		/* what goes by time is not what this is about */
		igt_require_f(zcgem_load("idle_seconds=0"), "cannot load zcgem\n");
		fd = zcgem_open();
	}

	igt_describe("A group of 96 MiB can have idle objects of 160 MiB, and they keep their contents (class 10)");
	igt_subtest("idle")
		zcgem_run_counted(fd, test_idle);

	igt_describe("The same with a dma-buf of each (class 10)");
	igt_subtest("exported")
		zcgem_run_counted(fd, test_exported);

	igt_describe("The same with a CPU mapping of each, through which they are written (class 10)");
	igt_subtest("mapped")
		zcgem_run_counted(fd, test_mapped);

	igt_describe("A task of the group unpins what it would leave to others otherwise (class 10)");
	igt_subtest("large")
		zcgem_run_counted(fd, test_large);

	igt_describe("memory.reclaim takes the memory of idle objects, and leaves those of others alone (class 10)");
	igt_subtest("reclaim")
		zcgem_run_counted(fd, test_reclaim);

	igt_describe("A driver that maps an object that was swapped out sees its contents");
	igt_subtest("vmap-swapped")
		zcgem_run_counted(fd, test_vmap_swapped);

	igt_describe("So does a debugger");
	igt_subtest("access-swapped")
		zcgem_run_counted(fd, test_access_swapped);

	igt_describe("Tasks that are killed while they get the memory back lose nothing of it");
	igt_subtest("kill-swapped")
		zcgem_run_counted(fd, test_kill_swapped);

	igt_fixture() {
		drm_close_driver(fd);
		igt_assert(zcgem_load(""));
	}
}
