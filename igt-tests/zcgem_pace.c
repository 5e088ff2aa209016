// SPDX-License-Identifier: MIT
/*
 * How fast the engine is, and how long it keeps a client waiting while another one floods
 * it. The figures are printed; what is asserted is that the work was done.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem pace
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Command submission
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: performance test
 * Description: Print how fast the engine copies and whom it keeps waiting.
 *
 * SUBTEST: bandwidth
 * Description: Copies of large objects beside memcpy() of the same memory.
 *
 * SUBTEST: fairness
 * Description: Latency of a client's small submits, alone and while another client floods the engine.
 */

IGT_TEST_DESCRIPTION("Print how fast the engine copies and whom it keeps waiting");

#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)
#define COPY_SIZE	MIB(64)
#define ROUNDS		7

static int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Best of some, in turns, so that a busy host is as unkind to both. */
static void compare(int fd, const char *what, uint32_t to, uint32_t from, void *dst, void *src)
{
	int64_t cpu = INT64_MAX, engine = INT64_MAX, start;
	unsigned int i;

	zcgem_fill(src, COPY_SIZE, 1);
	memset(dst, 1, COPY_SIZE);
	for (i = 0; i < ROUNDS; i++) {
		start = zcgem_now();
		memcpy(dst, src, COPY_SIZE);
		cpu = min(cpu, zcgem_now() - start);

		*(volatile uint64_t *)dst = 0;
		start = zcgem_now();
		zcgem_submit_op(fd, zcgem_op_copy(to, 0, from, 0, COPY_SIZE));
		zcgem_wait(fd, to);
		engine = min(engine, zcgem_now() - start);
		igt_assert_eq_u64(*(volatile uint64_t *)dst, *(volatile uint64_t *)src);
	}
	zcgem_check(dst, COPY_SIZE, 1);
	igt_info("%s: memcpy %lld MiB/s, engine %lld MiB/s, ratio %.2f\n", what,
		 64 * 1000000000ll / cpu, 64 * 1000000000ll / engine, (double)cpu / engine);
}

static void test_bandwidth(int fd)
{
	int memfds[2], i;
	uint32_t handles[2];
	void *maps[2];

	for (i = 0; i < 2; i++) {
		memfds[i] = zcgem_memfd(COPY_SIZE, F_SEAL_SHRINK);
		maps[i] = zcgem_map_memfd(memfds[i], 0, COPY_SIZE);
		handles[i] = zcgem_wrap_memfd(fd, memfds[i], 0, COPY_SIZE, 0);
	}
	compare(fd, "memfds", handles[0], handles[1], maps[0], maps[1]);
	for (i = 0; i < 2; i++) {
		munmap(maps[i], COPY_SIZE);
		close(memfds[i]);
		gem_close(fd, handles[i]);
		handles[i] = zcgem_create(fd, COPY_SIZE, 0);
		maps[i] = zcgem_mmap(fd, handles[i], COPY_SIZE, RW);
	}
	compare(fd, "pool", handles[0], handles[1], maps[0], maps[1]);
	for (i = 0; i < 2; i++)
		munmap(maps[i], COPY_SIZE);
}

#define FLOOD_SIZE	MIB(4)
#define FLOOD_DEPTH	64
#define SMALL_SUBMITS	200

/* Keeps the engine busy until it is killed. */
static void flood(int fd, uint32_t priority)
{
	uint32_t from = zcgem_create(fd, FLOOD_SIZE, 0), to = zcgem_create(fd, FLOOD_SIZE, 0);
	uint32_t syncs[FLOOD_DEPTH];
	struct drm_zcgem_op op = zcgem_op_copy(to, 0, from, 0, FLOOD_SIZE);
	struct drm_zcgem_sync out = {};
	const struct drm_zcgem_submit submit = {
		.ops = { sizeof(op), 1, (uintptr_t)&op },
		.out_syncs = { sizeof(out), 1, (uintptr_t)&out },
		.priority = priority,
	};
	uint64_t i;

	for (i = 0; i < FLOOD_DEPTH; i++)
		syncs[i] = syncobj_new(fd);
	for (i = 0;; i++) {
		out.handle = syncs[i % FLOOD_DEPTH];
		if (i >= FLOOD_DEPTH)
			syncobj_wait_for(fd, out.handle, 0, INT64_MAX);
		if (__zcgem_submit(fd, &submit))
			_exit(1);
	}
}

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void measure(int fd, const char *what, uint32_t priority)
{
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0), i;
	uint32_t *map = zcgem_mmap(fd, handle, ZCGEM_PAGE, RW);
	int64_t times[SMALL_SUBMITS];

	for (i = 0; i < SMALL_SUBMITS; i++) {
		struct drm_zcgem_op op = zcgem_op_fill32(handle, 0, ZCGEM_PAGE, i + 1);
		const struct drm_zcgem_submit submit = {
			.ops = { sizeof(op), 1, (uintptr_t)&op },
			.priority = priority,
		};

		times[i] = zcgem_now();
		igt_assert_eq(__zcgem_submit(fd, &submit), 0);
		zcgem_wait(fd, handle);
		times[i] = zcgem_now() - times[i];
		igt_assert_eq_u32(map[1023], i + 1);
	}
	qsort(times, SMALL_SUBMITS, sizeof(*times), compare_times);
	igt_info("%s: median %" PRId64 " us, 95%% below %" PRId64 " us, worst %" PRId64 " us\n",
		 what, times[SMALL_SUBMITS / 2] / 1000, times[SMALL_SUBMITS * 95 / 100] / 1000,
		 times[SMALL_SUBMITS - 1] / 1000);
	munmap(map, ZCGEM_PAGE);
	gem_close(fd, handle);
}

static void measure_flooded(int fd, const char *what, uint32_t priority, uint32_t flooding)
{
	pid_t child = fork();

	igt_assert(child >= 0);
	if (!child)
		flood(drm_reopen_driver(fd), flooding);
	sleep(1);
	igt_assert_eq(waitpid(child, NULL, WNOHANG), 0);
	measure(fd, what, priority);
	kill(child, SIGKILL);
	igt_assert_eq(waitpid(child, NULL, 0), child);
}

static void test_fairness(int fd)
{
	measure(fd, "alone", DRM_ZCGEM_PRIORITY_NORMAL);
	measure_flooded(fd, "flooded", DRM_ZCGEM_PRIORITY_NORMAL, DRM_ZCGEM_PRIORITY_NORMAL);
	measure_flooded(fd, "flooded at low priority", DRM_ZCGEM_PRIORITY_NORMAL,
			DRM_ZCGEM_PRIORITY_LOW);
	measure_flooded(fd, "flooded, at high priority", DRM_ZCGEM_PRIORITY_HIGH,
			DRM_ZCGEM_PRIORITY_NORMAL);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Copies of large objects beside memcpy() of the same memory");
	igt_subtest("bandwidth")
		zcgem_run_counted(fd, test_bandwidth);

	igt_describe("Latency of a client's small submits, alone and while another client floods the engine");
	igt_subtest("fairness")
		zcgem_run_counted(fd, test_fairness);

	igt_fixture()
		drm_close_driver(fd);
}
