// SPDX-License-Identifier: MIT
/*
 * Whose turn it is in the engine when several clients have work. Told by what has ended when
 * something else has, not by a clock: how long a machine takes is no matter.
 */
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_submit.h"

/**
 * TEST: zcgem priority
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Command submission
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that every client has its turn in the engine.
 *
 * SUBTEST: long-jobs
 * Description: A short submit ends before long ones of others that run already.
 *
 * SUBTEST: many-jobs
 * Description: A client's only submit ends before the many that another one has queued first.
 *
 * SUBTEST: high-first
 * Description: A submit of high priority ends before shorter ones of low priority that run already.
 *
 * SUBTEST: low-goes-on
 * Description: A short submit of low priority ends while high ones have more to do than there are workers.
 *
 * SUBTEST: normal-goes-on
 * Description: A short submit of normal priority ends while there is more of high and of low priority to do.
 */

IGT_TEST_DESCRIPTION("Check that every client has its turn in the engine");

#define SIZE		(1024ull * 1024)
#define LONG		256	/* fills of SIZE */
#define RW		(PROT_READ | PROT_WRITE)

/* A submit on an object of its own, so that nothing but the engine orders it. */
struct work {
	int fd;
	uint32_t handle, fills, sync;
	volatile uint32_t *map;
	struct drm_zcgem_op *ops;
	int file;
};

/* All but the submit itself, which must not come late where a machine is busy. */
static void prepare_work(struct work *work, int fd, uint32_t fills)
{
	uint32_t i;

	work->fd = fd;
	work->fills = fills;
	work->sync = syncobj_new(fd);
	work->handle = zcgem_create(fd, SIZE, 0);
	work->map = zcgem_mmap(fd, work->handle, SIZE, RW);
	work->ops = calloc(fills, sizeof(*work->ops));
	igt_assert(work->ops);
	for (i = 0; i < fills; i++)
		work->ops[i] = zcgem_op_fill32(work->handle, 0, SIZE, i + 1);
}

static void submit_work(struct work *work, uint32_t priority)
{
	const struct drm_zcgem_sync out = { .handle = work->sync };
	const struct drm_zcgem_submit submit = {
		.ops = { sizeof(*work->ops), work->fills, (uintptr_t)work->ops },
		.out_syncs = { sizeof(out), 1, (uintptr_t)&out },
		.priority = priority,
	};

	igt_assert_eq(__zcgem_submit(work->fd, &submit), 0);
	work->file = syncobj_file(work->fd, work->sync);
}

static void end_work(struct work *work)
{
	close(work->file);
	munmap((void *)work->map, SIZE);
	gem_close(work->fd, work->handle);
	syncobj_free(work->fd, work->sync);
	free(work->ops);
}

/* More long submits than the engine can run at once, each of its own client, all begun. */
struct crowd {
	unsigned int count;
	struct work *works;
};

static void start_crowd(struct crowd *crowd, int fd, uint32_t priority)
{
	unsigned int i;

	crowd->count = 4 * sysconf(_SC_NPROCESSORS_ONLN);
	crowd->works = calloc(crowd->count, sizeof(*crowd->works));
	igt_assert(crowd->works);
	for (i = 0; i < crowd->count; i++)
		prepare_work(&crowd->works[i], drm_reopen_driver(fd), LONG);
	for (i = 0; i < crowd->count; i++)
		submit_work(&crowd->works[i], priority);
	for (i = 0; i < crowd->count; i++)
		while (!crowd->works[i].map[0])
			sched_yield();
}

/* All of them end after a work that has ended. */
static void expect_crowd_later(const struct crowd *crowd, const struct work *work)
{
	unsigned int i;

	for (i = 0; i < crowd->count; i++)
		igt_assert_f(sync_file_time(work->file) < sync_file_time(crowd->works[i].file),
			     "%u of %u has ended before\n", i, crowd->count);
}

/* The rest of what they have to do goes with the clients. */
static void end_crowd(struct crowd *crowd)
{
	unsigned int i;

	for (i = 0; i < crowd->count; i++) {
		end_work(&crowd->works[i]);
		close(crowd->works[i].fd);
	}
	free(crowd->works);
}

static void beside_crowd(int fd, uint32_t theirs, uint32_t priority, uint32_t fills)
{
	struct crowd crowd;
	struct work work;

	prepare_work(&work, fd, fills);
	start_crowd(&crowd, fd, theirs);
	submit_work(&work, priority);
	igt_assert_eq(sync_file_wait(work.file), 1);
	expect_crowd_later(&crowd, &work);
	igt_assert_eq_u32(work.map[SIZE / 4 - 1], fills);
	end_work(&work);
	end_crowd(&crowd);
}

static void test_long_jobs(int fd)
{
	beside_crowd(fd, DRM_ZCGEM_PRIORITY_NORMAL, DRM_ZCGEM_PRIORITY_NORMAL, 1);
}

/* Without priorities it would end last: it came last and has more to do. */
static void test_high_first(int fd)
{
	beside_crowd(fd, DRM_ZCGEM_PRIORITY_LOW, DRM_ZCGEM_PRIORITY_HIGH, LONG * 3 / 2);
}

static void test_low_goes_on(int fd)
{
	beside_crowd(fd, DRM_ZCGEM_PRIORITY_HIGH, DRM_ZCGEM_PRIORITY_LOW, 1);
}

/* A low one that has its turns too must not have them all. */
static void test_normal_goes_on(int fd)
{
	struct crowd crowd;
	struct work low, work;

	prepare_work(&low, drm_reopen_driver(fd), 1024);
	prepare_work(&work, fd, 1);
	start_crowd(&crowd, fd, DRM_ZCGEM_PRIORITY_HIGH);
	submit_work(&low, DRM_ZCGEM_PRIORITY_LOW);
	submit_work(&work, DRM_ZCGEM_PRIORITY_NORMAL);
	igt_assert_eq(sync_file_wait(work.file), 1);
	expect_crowd_later(&crowd, &work);
	igt_assert_lt_u64(sync_file_time(work.file), sync_file_time(low.file));
	end_work(&work);
	end_work(&low);
	close(low.fd);
	end_crowd(&crowd);
}

/* If each of the many had turns of its own, the only one would end last. */
static void test_many_jobs(int fd)
{
	int client = drm_reopen_driver(fd);
	struct work many[16], work;
	unsigned int i;

	prepare_work(&work, fd, LONG * 3 / 2);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		prepare_work(&many[i], client, LONG);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		submit_work(&many[i], DRM_ZCGEM_PRIORITY_NORMAL);
	submit_work(&work, DRM_ZCGEM_PRIORITY_NORMAL);
	igt_assert_eq(sync_file_wait(work.file), 1);
	igt_assert_lt_u64(sync_file_time(work.file),
			  sync_file_time(many[ARRAY_SIZE(many) - 1].file));
	end_work(&work);
	for (i = 0; i < ARRAY_SIZE(many); i++)
		end_work(&many[i]);
	close(client);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A short submit ends before long ones of others that run already");
	igt_subtest("long-jobs")
		zcgem_run_counted(fd, test_long_jobs);

	igt_describe("A client's only submit ends before the many that another one has queued first");
	igt_subtest("many-jobs")
		zcgem_run_counted(fd, test_many_jobs);

	igt_describe("A submit of high priority ends before shorter ones of low priority that run already");
	igt_subtest("high-first")
		zcgem_run_counted(fd, test_high_first);

	igt_describe("A short submit of low priority ends while high ones have more to do than there are workers");
	igt_subtest("low-goes-on")
		zcgem_run_counted(fd, test_low_goes_on);

	igt_describe("A short submit of normal priority ends while there is more of high and of low priority to do");
	igt_subtest("normal-goes-on")
		zcgem_run_counted(fd, test_normal_goes_on);

	igt_fixture()
		drm_close_driver(fd);
}
