// SPDX-License-Identifier: MIT
/*
 * Whose memory the driver's own pages are: the memory cgroup's of the process that needs
 * them first, which stops it, and whose reclaim can swap them out.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_cgroup.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem memcg
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that memory cgroups limit what the driver allocates.
 *
 * SUBTEST: limit-populate
 * Description: A process that makes pool objects without end is stopped at the limit of its group.
 *
 * SUBTEST: limit-touch
 * Description: The same for one that has the CPU touch them.
 *
 * SUBTEST: too-large
 * Description: An object that does not fit keeps nothing, and is tried again in vain.
 *
 * SUBTEST: killed
 * Description: A process that is killed while an object is filled ends long before that is done.
 *
 * SUBTEST: swapped
 * Description: Reclaim of a group swaps idle objects out, and they come back intact (class 12).
 */

IGT_TEST_DESCRIPTION("Check that memory cgroups limit what the driver allocates");

#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)
#define LIMIT		MIB(64)
#define STEP		MIB(2)
/* Where a driver that nothing stops ends. */
#define ENOUGH		MIB(256)
/* For liveness: no host is so slow. */
#define SECONDS		60

/* What a child has got so far, and why it got no more. */
struct progress {
	uint64_t bytes;
	int error;
};

static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static struct progress *progress;

/* The group is full: what this process touches itself now has the OOM killer end it. */
static void overflow_group(int sig)
{
	char *own = mmap(NULL, LIMIT, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (sig)
		progress->error = -EFAULT;
	if (own != MAP_FAILED)
		memset(own, 1, LIMIT);
	_exit(102);
}

/* In a child: makes objects until that fails. */
static void fill_group(int fd, bool touch)
{
	int node = reopen(fd);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGBUS, overflow_group);
	zcgem_enter_cgroup();
	while (progress->bytes < ENOUGH) {
		uint64_t size = STEP;
		uint32_t handle;
		void *map;

		progress->error = __zcgem_create(node, &size, 0, &handle);
		if (!progress->error && !touch)
			progress->error = __zcgem_advise(node, handle,
							 DRM_ZCGEM_ADVICE_POPULATE, 0, size,
							 NULL);
		if (progress->error)
			overflow_group(0);
		map = __zcgem_mmap(node, handle, size, RW);
		if (map == MAP_FAILED)
			_exit(101);
		memset(map, 1, size);
		munmap(map, size);
		progress->bytes += size;
	}
	_exit(0);
}

/* One that has done nothing and must live. */
static pid_t start_witness(void)
{
	pid_t witness = fork();

	if (!witness) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		zcgem_enter_cgroup();
		pause();
		_exit(0);
	}
	igt_assert(witness > 0);
	return witness;
}

static void end_child(pid_t child)
{
	int status;

	kill(child, SIGKILL);
	igt_assert_f(zcgem_wait_for_end(child, SECONDS, &status), "it does not die\n");
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void expect_empty_group(void)
{
	unsigned int step;

	for (step = 0; step < SECONDS * 20; step++) {
		if (zcgem_cgroup_number("memory.current") < STEP)
			return;
		usleep(50000);
	}
	igt_assert_f(false, "the group still has %" PRIu64 " bytes\n",
		     zcgem_cgroup_number("memory.current"));
}

static void run_limit(int fd, bool touch)
{
	uint64_t kills = zcgem_read_key("/proc/vmstat", "oom_kill");
	pid_t witness, child;
	int status = 0;

	progress = mmap(NULL, sizeof(*progress), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(progress != MAP_FAILED);
	zcgem_make_cgroup(LIMIT, 0);
	witness = start_witness();
	child = fork();
	if (!child)
		fill_group(fd, touch);
	igt_assert(child > 0);
	igt_assert(zcgem_wait_for_end(child, SECONDS, &status));

	igt_info("%" PRIu64 " MiB of objects in a group of 64 MiB: error %d, status %#x\n",
		 progress->bytes >> 20, progress->error, status);
	igt_assert_lte_u64(progress->bytes, LIMIT);
	igt_assert_lt_u64(LIMIT / 2, progress->bytes);
	/* By the OOM killer; the error comes first, unless it was the last byte that was free. */
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	igt_assert(!progress->error || progress->error == (touch ? -EFAULT : -ENOMEM));
	igt_assert_lte_u64(zcgem_cgroup_number("memory.peak"), LIMIT);
	igt_assert_eq_u64(zcgem_read_key("/proc/vmstat", "oom_kill"), kills + 1);
	igt_assert_eq(waitpid(witness, &status, WNOHANG), 0);
	end_child(witness);
	expect_empty_group();
	zcgem_remove_cgroup();
	munmap(progress, sizeof(*progress));
}

static void test_limit_populate(int fd)
{
	run_limit(fd, false);
}

static void test_limit_touch(int fd)
{
	run_limit(fd, true);
}

static void ask_too_much(int fd)
{
	uint64_t size = 2 * LIMIT, before;
	uint32_t handle;
	unsigned int i;

	zcgem_enter_cgroup();
	handle = zcgem_create(fd, size, 0);
	before = zcgem_cgroup_number("memory.current");
	for (i = 0; i < 3; i++) {
		igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL),
			      -ENOMEM);
		igt_assert_lt_u64(zcgem_cgroup_number("memory.current"), before + LIMIT / 4);
	}
	gem_close(fd, handle);
	/* and what does fit works */
	handle = zcgem_create(fd, STEP, 0);
	zcgem_populate(fd, handle, STEP, NULL);
	gem_close(fd, handle);
}

static void test_too_large(int fd)
{
	zcgem_make_cgroup(LIMIT, 0);
	igt_fork(child, 1)
		ask_too_much(fd);
	igt_waitchildren();
	expect_empty_group();
	zcgem_remove_cgroup();
}

/* memory.high slows a process down that has more, so the fill is not over by chance. */
static void test_killed(int fd)
{
	const uint64_t high = MIB(8);
	uint64_t size = MIB(512);
	unsigned int i;
	pid_t child;

	zcgem_make_cgroup(MIB(768), 0);
	zcgem_cgroup_set("memory.high", high);
	child = fork();
	if (!child) {
		int node = reopen(fd);
		uint32_t handle;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		zcgem_enter_cgroup();
		if (!__zcgem_create(node, &size, 0, &handle))
			__zcgem_advise(node, handle, DRM_ZCGEM_ADVICE_POPULATE, 0, size, NULL);
		pause();
		_exit(0);
	}
	igt_assert(child > 0);
	for (i = 0; i < SECONDS * 100 && zcgem_cgroup_number("memory.current") < high; i++)
		usleep(10000);
	igt_assert_lte_u64(high, zcgem_cgroup_number("memory.current"));
	end_child(child);
	igt_info("killed with %" PRIu64 " of 512 MiB\n", zcgem_cgroup_number("memory.peak") >> 20);
	igt_assert_lt_u64(zcgem_cgroup_number("memory.peak"), size / 2);
	expect_empty_group();
	zcgem_remove_cgroup();
}

static void swap_objects(int fd)
{
	const uint64_t size = MIB(8);
	uint32_t handles[4];
	unsigned int i;
	char *map;

	zcgem_enter_cgroup();
	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		handles[i] = zcgem_create(fd, size, i & 1 ? DRM_ZCGEM_CREATE_WC : 0);
		map = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_fill(map, size, i + 1);
		munmap(map, size);
	}
	for (i = 0; i < ARRAY_SIZE(handles); i++)
		zcgem_evict(fd, handles[i], size);
	igt_assert_f(zcgem_cgroup_reclaim(3 * size), "memory.reclaim: %m\n");
	igt_info("%" PRIu64 " of 32 MiB are in swap\n",
		 zcgem_cgroup_number("memory.swap.current") >> 20);
	igt_assert_lte_u64(2 * size, zcgem_cgroup_number("memory.swap.current"));

	for (i = 0; i < ARRAY_SIZE(handles); i++) {
		map = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_check(map, size, i + 1);
		zcgem_fill(map, size, i + 9);
		zcgem_check(map, size, i + 9);
		munmap(map, size);
		gem_close(fd, handles[i]);
	}
}

static void test_swapped(int fd)
{
	zcgem_require_swap(MIB(128));
	zcgem_make_cgroup(MIB(256), MIB(128));
	igt_fork(child, 1)
		swap_objects(fd);
	igt_waitchildren();
	expect_empty_group();
	zcgem_remove_cgroup();
	zcgem_end_swap();
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A process that makes pool objects without end is stopped at the limit of its group");
	igt_subtest("limit-populate")
		zcgem_run_counted(fd, test_limit_populate);

	igt_describe("The same for one that has the CPU touch them");
	igt_subtest("limit-touch")
		zcgem_run_counted(fd, test_limit_touch);

	igt_describe("An object that does not fit keeps nothing, and is tried again in vain");
	igt_subtest("too-large")
		zcgem_run_counted(fd, test_too_large);

	igt_describe("A process that is killed while an object is filled ends long before that is done");
	igt_subtest("killed")
		zcgem_run_counted(fd, test_killed);

	igt_describe("Reclaim of a group swaps idle objects out, and they come back intact (class 12)");
	igt_subtest("swapped")
		zcgem_run_counted(fd, test_swapped);

	igt_fixture()
		drm_close_driver(fd);
}
