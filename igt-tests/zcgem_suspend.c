// SPDX-License-Identifier: MIT
/*
 * The machine goes to sleep as far as that concerns programs: all of them are frozen, wherever
 * in a call they are, and go on later as if nothing had been. The device itself has nothing to
 * do then. Going further would take the guest's root away: virtio's 9p has no way back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem suspend
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Power management tests
 * Functionality: zcgem
 * Feature: zcgem, robustness
 * Test category: functionality test
 * Description: Check that programs can be frozen in the middle of everything.
 *
 * SUBTEST: freezer
 * Description: Waits, jobs, faults and evictions of frozen programs go on when they thaw.
 */

IGT_TEST_DESCRIPTION("Check that programs can be frozen in the middle of everything");

#define SIZE		(64 * ZCGEM_PAGE)
#define ROUNDS		3
#define STEP_US		10000
#define STEPS		6000

struct shared {
	volatile bool stop;
	volatile uint64_t jobs, faults, waits;
};

/* Fills of an object, each seen by the CPU. */
static void submit_on(int fd, struct shared *shared)
{
	uint32_t handle = zcgem_create(fd, SIZE, 0);
	uint64_t *map = zcgem_mmap(fd, handle, SIZE, PROT_READ);

	while (!shared->stop) {
		shared->jobs++;
		zcgem_submit_op(fd, zcgem_op_fill64(handle, 0, SIZE, shared->jobs));
		zcgem_wait(fd, handle);
		igt_assert_eq_u64(map[0], shared->jobs);
		igt_assert_eq_u64(map[SIZE / sizeof(*map) - 1], shared->jobs);
	}
}

/* Faults on memory that is taken away all the time. */
static void fault_on(int fd, struct shared *shared)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, SIZE, 0);
	char *map = zcgem_mmap(fd, handle, SIZE, PROT_READ | PROT_WRITE);

	while (!shared->stop) {
		zcgem_fill(map, SIZE, ++shared->faults);
		zcgem_evict(fd, handle, SIZE);
		zcgem_check(map, SIZE, shared->faults);
	}
}

/* Waits of the longest kind, for a fence that comes late, if at all while this lasts. */
static void wait_on(const struct devices *devices, struct shared *shared)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK), dmabuf, ret;
	uint32_t handle = zcgem_wrap_memfd(devices->fd, memfd, 0, SIZE, 0);
	struct fence fence;

	dmabuf = zcgem_export(devices->fd, handle);
	while (!shared->stop) {
		begin_fence(devices->vgem, dmabuf, &fence);
		signal_later(&fence);
		ret = __zcgem_wait(devices->fd, handle, DRM_ZCGEM_WAIT_WRITE,
				   zcgem_now() + WAIT_NS);
		igt_assert_eq(ret, 0);
		end_fence(&fence);
		shared->waits++;
	}
}

/* Whether the children, all of them still there, get on with their work. */
static bool go_on(const struct shared *shared, uint64_t jobs, uint64_t faults)
{
	int step, status;

	for (step = 0; step < STEPS; step++) {
		pid_t ended = waitpid(-1, &status, WNOHANG);

		if (ended) {
			igt_warn("child %d has ended, status %#x\n", ended, status);
			return false;
		}
		if (shared->jobs >= jobs + 2 && shared->faults >= faults + 2)
			return true;
		usleep(STEP_US);
	}
	igt_warn("they do not go on\n");
	return false;
}

/* Freeze all programs but this one, and thaw them. */
static void freeze_all(void)
{
	igt_assert_f(__zcgem_write_setting("/sys/power/state", "freeze"), "/sys/power/state: %m\n");
}

static void test_freezer(const struct devices *devices)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int round, child;
	bool good = true;
	pid_t pids[3];

	igt_assert(shared != MAP_FAILED);
	igt_require_f(!access("/sys/power/pm_test", W_OK), "the kernel has no CONFIG_PM_DEBUG\n");
	zcgem_change_setting("/sys/power/pm_test", "freezer");
	zcgem_change_setting("/sys/module/suspend/parameters/pm_test_delay", "1");

	for (child = 0; child < (int)ARRAY_SIZE(pids); child++) {
		pids[child] = fork();
		igt_assert(pids[child] >= 0);
		if (pids[child])
			continue;
		if (child == 0)
			submit_on(devices->fd, shared);
		else if (child == 1)
			fault_on(devices->fd, shared);
		else
			wait_on(devices, shared);
		_exit(0);
	}
	for (round = 0; round < ROUNDS && good; round++) {
		uint64_t jobs = shared->jobs, faults = shared->faults;

		freeze_all();
		good = go_on(shared, jobs, faults);
	}
	shared->stop = true;
	igt_assert(good);
	for (child = 0; child < (int)ARRAY_SIZE(pids); child++) {
		int status;

		igt_assert_eq(waitpid(pids[child], &status, 0), pids[child]);
		igt_assert_f(!status, "child %d's status is %#x\n", child, status);
	}
	zcgem_restore_settings();
	igt_assert_neq_u64(shared->waits, 0);
	munmap(shared, sizeof(*shared));
}

int igt_main()
{
	struct devices devices;

	igt_fixture()
		open_devices(&devices);

	igt_describe("Waits, jobs, faults and evictions of frozen programs go on when they thaw");
	igt_subtest("freezer")
		run_shared(&devices, test_freezer);

	igt_fixture()
		close_devices(&devices);
}
