// SPDX-License-Identifier: MIT
/*
 * What objects cost their creator: who is charged how much against RLIMIT_MEMLOCK, and
 * that a refusal leaves nothing charged.
 *
 * The work is done by processes of ordinary users that the test directs. How much
 * a user has left is found by having devices attach, so the kernel's own count, which can be
 * seen nowhere, is what is compared.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "igt.h"
#include "igt_vgem.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_worker.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem account
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what objects cost their creator.
 *
 * SUBTEST: over-limit
 * Description: An attachment above RLIMIT_MEMLOCK gives ENOMEM and charges nothing (class 11).
 *
 * SUBTEST: exact-limit
 * Description: The limit can be used to the last page, and no further (class 11).
 *
 * SUBTEST: sum-of-processes
 * Description: All processes of a user share one limit, and no others do (class 11).
 *
 * SUBTEST: cap-ipc-lock
 * Description: CAP_IPC_LOCK lifts the limit and leaves the user's count alone (class 11).
 *
 * SUBTEST: unlimited
 * Description: A process without a limit uses up that of the user's others (class 11).
 *
 * SUBTEST: lowered-limit
 * Description: A limit below what is charged refuses more and refunds right (class 11).
 *
 * SUBTEST: free-of-charge
 * Description: What no device can hold is not charged, nor what is another driver's.
 *
 * SUBTEST: overlapping
 * Description: A page is charged once an object, however often it is named.
 *
 * SUBTEST: failures
 * Description: Failure at every step of creation and export charges nothing (class 3, class 11).
 *
 * SUBTEST: shared-with-io-uring
 * Description: Objects and fixed buffers of io_uring use up one limit (class 11).
 *
 * SUBTEST: agree
 * Description: The driver's count, the process's status and what the limit leaves always agree (class 11, class 16).
 *
 * SUBTEST: metadata
 * Description: The driver's own tables are charged to the memory cgroup of who makes an object (class 11).
 *
 * SUBTEST: cycles
 * Description: Nothing drifts in 100000 charges by two processes at once (class 11, class 16).
 */

IGT_TEST_DESCRIPTION("Check what objects cost their creator");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define USER		65533
#define OTHER_USER	65532
/* RLIMIT_MEMLOCK of the users, in pages: 1 MiB */
#define LIMIT		256

static void test_over_limit(int fd)
{
	struct zcgem_snapshot before;
	struct zcgem_worker worker;

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	zcgem_expect_room(&worker, LIMIT);
	zcgem_take_snapshot(fd, &before);

	igt_assert_eq(zcgem_ask(&worker, ORDER_WRAP_ATTACHED, 2 * LIMIT), -ENOMEM);
	zcgem_check_leaks(fd, &before);
	igt_assert_eq(zcgem_ask(&worker, ORDER_WRAP_ADDRESS, 2 * LIMIT), -ENOMEM);
	zcgem_check_leaks(fd, &before);
	igt_assert_eq(zcgem_ask(&worker, ORDER_PINNED, 0), 0);
	zcgem_expect_room(&worker, LIMIT);
	zcgem_end_workers(&worker, 1);
}

static void test_exact_limit(int fd)
{
	const enum zcgem_order orders[] = { ORDER_WRAP_ATTACHED, ORDER_WRAP_ADDRESS };
	struct zcgem_worker worker;
	unsigned int i;

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		uint32_t handle, second;

		igt_assert_eq(zcgem_ask(&worker, orders[i], LIMIT + 1), -ENOMEM);
		handle = zcgem_ask_handle(&worker, orders[i], LIMIT);
		igt_assert_eq(zcgem_ask(&worker, orders[i], 1), -ENOMEM);
		igt_assert_eq(zcgem_ask(&worker, ORDER_PINNED, 0), LIMIT);
		igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handle), 0);

		handle = zcgem_ask_handle(&worker, orders[i], LIMIT - 1);
		second = zcgem_ask_handle(&worker, orders[i], 1);
		igt_assert_eq(zcgem_ask(&worker, orders[i], 1), -ENOMEM);
		igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, second), 0);
		zcgem_expect_room(&worker, 1);
		igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handle), 0);
		zcgem_expect_room(&worker, LIMIT);
	}
	zcgem_end_workers(&worker, 1);
}

static void test_sum_of_processes(int fd)
{
	struct zcgem_worker workers[3];
	uint32_t handle;

	zcgem_start_worker(&workers[0], fd, USER, PAGES(LIMIT), false);
	zcgem_start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	zcgem_start_worker(&workers[2], fd, OTHER_USER, PAGES(LIMIT), false);

	handle = zcgem_ask_handle(&workers[0], ORDER_WRAP_ATTACHED, 160);
	zcgem_expect_room(&workers[1], LIMIT - 160);
	igt_assert_eq(zcgem_ask(&workers[1], ORDER_WRAP_ATTACHED, 97), -ENOMEM);
	zcgem_ask_handle(&workers[1], ORDER_WRAP_ADDRESS, 96);
	zcgem_expect_room(&workers[0], 0);
	/* each process shows its own only */
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_PINNED, 0), 160);
	igt_assert_eq(zcgem_ask(&workers[1], ORDER_PINNED, 0), 96);
	/* and another user has nothing to do with it */
	zcgem_expect_room(&workers[2], LIMIT);

	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&workers[1], 160);
	zcgem_end_workers(workers, 3);
}

static void test_cap_ipc_lock(int fd)
{
	uint64_t before = zcgem_charged_pages(fd);
	struct zcgem_worker workers[2];
	uint32_t handle;

	zcgem_start_worker(&workers[0], fd, USER, PAGES(LIMIT), true);
	zcgem_start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	handle = zcgem_ask_handle(&workers[0], ORDER_WRAP_ATTACHED, 2 * LIMIT);
	igt_assert_eq_u64(zcgem_charged_pages(fd), before + 2 * LIMIT);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_PINNED, 0), 2 * LIMIT);
	/* the user's counter was left alone, going up and going down */
	zcgem_expect_room(&workers[1], LIMIT);
	zcgem_ask_handle(&workers[1], ORDER_WRAP_ATTACHED, 100);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&workers[1], LIMIT - 100);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_PINNED, 0), 0);
	zcgem_end_workers(workers, 2);
}

static void test_unlimited(int fd)
{
	struct zcgem_worker workers[2];
	uint32_t handle;

	zcgem_start_worker(&workers[0], fd, USER, RLIM_INFINITY, false);
	zcgem_start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	handle = zcgem_ask_handle(&workers[0], ORDER_WRAP_ATTACHED, 2 * LIMIT);
	/* no limit is not no count */
	zcgem_expect_room(&workers[1], 0);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&workers[1], LIMIT);
	zcgem_end_workers(workers, 2);
}

static void test_lowered_limit(int fd)
{
	struct zcgem_worker worker;
	uint32_t handle;

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	handle = zcgem_ask_handle(&worker, ORDER_WRAP_ATTACHED, 100);
	igt_assert_eq(zcgem_ask(&worker, ORDER_SET_LIMIT, 50), 0);
	zcgem_expect_room(&worker, 0);
	igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&worker, 50);
	igt_assert_eq(zcgem_ask(&worker, ORDER_SET_LIMIT, 0), 0);
	zcgem_expect_room(&worker, 0);
	zcgem_end_workers(&worker, 1);
}

static void test_free_of_charge(int fd)
{
	struct vgem_bo bo = { .width = 64, .height = 64, .bpp = 32 };
	uint64_t before = zcgem_charged_pages(fd);
	struct drm_zcgem_gem_info info;
	struct zcgem_worker worker;
	uint32_t handle;
	int dmabuf, vgem;

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	zcgem_ask_handle(&worker, ORDER_CREATE, 4 * LIMIT);
	zcgem_expect_room(&worker, LIMIT);
	/* nor is what the CPU maps */
	handle = zcgem_ask_handle(&worker, ORDER_WRAP, 4 * LIMIT);
	igt_assert_eq(zcgem_ask(&worker, ORDER_MAP, handle), 0);
	zcgem_expect_room(&worker, LIMIT);
	igt_assert_eq(zcgem_ask(&worker, ORDER_ATTACH, handle), -ENOMEM);
	igt_assert_eq(zcgem_ask(&worker, ORDER_UNMAP, 0), 0);
	igt_assert_eq(zcgem_ask(&worker, ORDER_PINNED, 0), 0);
	zcgem_end_workers(&worker, 1);

	vgem = __drm_open_driver(DRIVER_VGEM);
	igt_require_f(vgem >= 0, "no vgem device\n");
	vgem_create(vgem, &bo);
	dmabuf = zcgem_export(vgem, bo.handle);
	handle = prime_fd_to_handle(fd, dmabuf);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_IMPORT);
	igt_assert_eq_u64(info.charged, 0);
	igt_assert_eq_u64(zcgem_charged_pages(fd), before);
	gem_close(fd, handle);
	close(dmabuf);
	close(vgem);
}

static void test_overlapping(int fd)
{
	struct drm_zcgem_memfd_range ranges[4] = {};
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK), dmabuf, device, i;
	struct drm_zcgem_gem_info info;
	uint64_t before = zcgem_charged_pages(fd);
	uint32_t handle;

	require_importer();
	for (i = 0; i < 4; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfd, .size = PAGES(8),
		};
	handle = zcgem_wrap(fd, ranges, 4, 0);
	dmabuf = zcgem_export(fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.charged, PAGES(8));
	igt_assert_eq_u64(zcgem_charged_pages(fd), before + 8);
	close(device);
	igt_assert_eq_u64(zcgem_charged_pages(fd), before);
	close(dmabuf);
	gem_close(fd, handle);
	close(memfd);
}

static void test_failures(int fd)
{
	static const int expected[FAIL_WAYS] = {
		[FAIL_BAD_LAST_FILE] = -EINVAL,
		[FAIL_BAD_LAST_ADDRESS] = -EFAULT,
		[FAIL_BAD_LIST] = -EFAULT,
		[FAIL_BAD_ARGUMENT] = -EFAULT,
		[FAIL_NO_DESCRIPTOR] = -EMFILE,
		[FAIL_NO_HUGE_PAGES] = -ENOMEM,
		[FAIL_READONLY_ARGUMENT] = -EFAULT,
	};
	uint64_t before = zcgem_charged_pages(fd);
	struct zcgem_worker workers[2];
	unsigned int i;

	zcgem_change_setting("/proc/sys/vm/nr_hugepages", "0");
	zcgem_start_worker(&workers[0], fd, USER, PAGES(4 * LIMIT), false);
	zcgem_start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	zcgem_ask_handle(&workers[1], ORDER_WRAP_ATTACHED, 40);
	for (i = 0; i < FAIL_WAYS; i++) {
		if (i == FAIL_NO_HUGE_PAGES && zcgem_free_huge_pages())
			continue;
		igt_assert_eq(zcgem_ask(&workers[0], ORDER_FAIL, i), expected[i]);
		igt_assert_eq(zcgem_ask(&workers[0], ORDER_PINNED, 0), 0);
		igt_assert_eq_u64(zcgem_charged_pages(fd), before + 40);
		zcgem_expect_room(&workers[1], LIMIT - 40);
	}
	zcgem_end_workers(workers, 2);
}

static void test_shared_with_io_uring(int fd)
{
	struct zcgem_worker workers[2];
	int64_t err;

	zcgem_start_worker(&workers[0], fd, USER, PAGES(LIMIT), false);
	zcgem_start_worker(&workers[1], fd, USER, PAGES(LIMIT), false);
	err = zcgem_ask(&workers[0], ORDER_REGISTER, 100);
	igt_require_f(!err, "io_uring takes no buffer: %s\n", strerror(-err));
	/* one counter for both */
	zcgem_expect_room(&workers[1], LIMIT - 100);
	zcgem_ask_handle(&workers[1], ORDER_WRAP_ATTACHED, 50);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_UNREGISTER, 0), 0);
	zcgem_expect_room(&workers[1], LIMIT - 50);
	zcgem_end_workers(workers, 2);
}

/* The three places where a charge can be seen say the same, whatever happens. */
static void test_agree(int fd)
{
	uint64_t before = zcgem_charged_pages(fd), held = 0, random = 1;
	uint32_t handles[12] = {};
	uint64_t pages[12] = {};
	struct zcgem_worker worker;
	unsigned int step;

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	for (step = 0; step < 160; step++) {
		unsigned int i;
		int64_t handle;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		i = (random >> 33) % ARRAY_SIZE(handles);
		if (handles[i]) {
			igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handles[i]), 0);
			handles[i] = 0;
			held -= pages[i];
		} else {
			pages[i] = 1 + (random >> 40) % 60;
			handle = zcgem_ask(&worker, random >> 63 ? ORDER_WRAP_ATTACHED : ORDER_WRAP_ADDRESS,
				     pages[i]);
			if (held + pages[i] > LIMIT) {
				igt_assert_eq(handle, -ENOMEM);
			} else {
				igt_assert(handle > 0);
				handles[i] = handle;
				held += pages[i];
			}
		}
		if (step % 16)
			continue;
		igt_assert_eq(zcgem_ask(&worker, ORDER_PINNED, 0), held);
		igt_assert_eq_u64(zcgem_charged_pages(fd), before + held);
		zcgem_expect_room(&worker, LIMIT - held);
	}
	zcgem_end_workers(&worker, 1);
}

static char cgroup_directory[64];

static void remove_cgroup(int sig)
{
	char path[96];

	(void)sig;
	if (!*cgroup_directory)
		return;
	snprintf(path, sizeof(path), "%s/igt-zcgem", cgroup_directory);
	rmdir(path);
	umount(cgroup_directory);
	rmdir(cgroup_directory);
	*cgroup_directory = '\0';
}

static void make_cgroup(char *path, size_t size)
{
	char control[96];

	snprintf(cgroup_directory, sizeof(cgroup_directory), "/tmp/igt-zcgem-XXXXXX");
	igt_require_f(mkdtemp(cgroup_directory), "no directory in /tmp: %m\n");
	igt_install_exit_handler(remove_cgroup);
	igt_require_f(!mount("cgroup", cgroup_directory, "cgroup2", 0, NULL),
		      "no cgroup2: %m\n");
	snprintf(control, sizeof(control), "%s/cgroup.subtree_control", cgroup_directory);
	igt_require_f(__zcgem_write_setting(control, "+memory"), "no memory cgroups: %m\n");
	snprintf(path, size, "%s/igt-zcgem", cgroup_directory);
	igt_require_f(!mkdir(path, 0755), "%s: %m\n", path);
}

/* In the cgroup: what the kernel itself uses grows by the tables of a long list, and back. */
static void wrap_in_cgroup(int fd, const char *path)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint64_t tables = count * 2 * 16ull;
	int memfd = zcgem_memfd(PAGES(1024), F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, PAGES(1024));
	uint64_t before, with, after, step;
	struct drm_zcgem_memfd_range *ranges;
	char name[128];
	uint32_t handle;

	zcgem_mark_all(file, PAGES(1024), 1);
	ranges = zcgem_scattered_pages(memfd, 1024, count);
	snprintf(name, sizeof(name), "%s/cgroup.procs", path);
	igt_assert(__zcgem_write_setting(name, "0"));
	snprintf(name, sizeof(name), "%s/memory.stat", path);
	before = zcgem_read_key(name, "kernel");
	handle = zcgem_wrap(fd, ranges, count, 0);
	with = zcgem_read_key(name, "kernel");
	gem_close(fd, handle);
	for (step = 0; step < 600; step++) {
		after = zcgem_read_key(name, "kernel");
		if (after + tables / 2 < with)
			break;
		usleep(50000);
	}
	igt_info("a list of %u ranges is charged %" PRIu64 " KiB, %" PRIu64 " are left\n", count,
		 (with - before) / 1024, after > before ? (after - before) / 1024 : 0);
	igt_assert_lte_u64(before + tables, with);
	igt_assert_lt_u64(after + tables / 2, with);
	free(ranges);
	munmap(file, PAGES(1024));
	zcgem_release_memfd(memfd);
}

static void test_metadata(int fd)
{
	char path[96];

	make_cgroup(path, sizeof(path));
	igt_fork(child, 1)
		wrap_in_cgroup(fd, path);
	igt_waitchildren();
	remove_cgroup(0);
}

#define CYCLES	50000

/* Attach a device to pages of the memfd, and let it go. */
static int attach_once(int node, int device, int memfd, uint64_t size)
{
	uint32_t handle = zcgem_wrap_memfd(node, memfd, 0, size, 0);
	int dmabuf = zcgem_export(node, handle);
	int err = __importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 0, 0);

	if (!err)
		importer_call(device, IMPORTER_DETACH, 0);
	close(dmabuf);
	gem_close(node, handle);
	return err;
}

static void run_cycles(int node, int device, unsigned int seed)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK);
	char *memory = zcgem_anonymous(PAGES(16));
	unsigned int rounds = zcgem_rounds(CYCLES), i;

	madvise(memory, PAGES(16), MADV_NOHUGEPAGE);
	zcgem_mark_all(memory, PAGES(16), 1);
	for (i = 0; i < rounds; i++) {
		/* every 16th is refused: the two of them may have 12 pages */
		bool refused = i % 16 >= 14;
		uint64_t size = refused ? PAGES(16) : PAGES(1 + (i + seed) % 8);
		uint32_t handle;
		int err;

		if (i & 1) {
			err = __zcgem_wrap_address(node, memory, size, 0, &handle);
			if (!err)
				gem_close(node, handle);
		} else {
			err = attach_once(node, device, memfd, size);
		}
		if (err || refused)
			igt_assert_eq(err, -ENOMEM);
	}
}

static void test_cycles(int fd)
{
	struct zcgem_snapshot before;
	struct zcgem_worker worker;

	igt_require_f(!geteuid(), "only root can become another user\n");
	require_importer();
	zcgem_take_snapshot(fd, &before);
	igt_fork(child, 2) {
		int node = drm_reopen_driver(fd), device = importer_open();

		zcgem_set_memlock(PAGES(12));
		zcgem_become_user(USER, false);
		run_cycles(node, device, child);
		igt_assert_eq_u64(zcgem_read_key("/proc/self/status", "VmPin"), 0);
	}
	igt_waitchildren();
	zcgem_check_leaks(fd, &before);

	zcgem_start_worker(&worker, fd, USER, PAGES(LIMIT), false);
	zcgem_expect_room(&worker, LIMIT);
	zcgem_end_workers(&worker, 1);
}

/* With RLIMIT_MEMLOCK as the only limit. */
static void run(int fd, void (*test)(int))
{
	zcgem_change_setting(ZCGEM_USER_PERCENT, "0");
	zcgem_run_counted(fd, test);
	zcgem_restore_settings();
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("An attachment above RLIMIT_MEMLOCK gives ENOMEM and charges nothing (class 11)");
	igt_subtest("over-limit")
		run(fd, test_over_limit);

	igt_describe("The limit can be used to the last page, and no further (class 11)");
	igt_subtest("exact-limit")
		run(fd, test_exact_limit);

	igt_describe("All processes of a user share one limit, and no others do (class 11)");
	igt_subtest("sum-of-processes")
		run(fd, test_sum_of_processes);

	igt_describe("CAP_IPC_LOCK lifts the limit and leaves the user's count alone (class 11)");
	igt_subtest("cap-ipc-lock")
		run(fd, test_cap_ipc_lock);

	igt_describe("A process without a limit uses up that of the user's others (class 11)");
	igt_subtest("unlimited")
		run(fd, test_unlimited);

	igt_describe("A limit below what is charged refuses more and refunds right (class 11)");
	igt_subtest("lowered-limit")
		run(fd, test_lowered_limit);

	igt_describe("What no device can hold is not charged, nor what is another driver's");
	igt_subtest("free-of-charge")
		run(fd, test_free_of_charge);

	igt_describe("A page is charged once an object, however often it is named");
	igt_subtest("overlapping")
		run(fd, test_overlapping);

	igt_describe("Failure at every step of creation and export charges nothing (class 3, class 11)");
	igt_subtest("failures")
		run(fd, test_failures);

	igt_describe("Objects and fixed buffers of io_uring use up one limit (class 11)");
	igt_subtest("shared-with-io-uring")
		run(fd, test_shared_with_io_uring);

	igt_describe("The driver's count, the process's status and what the limit leaves always agree (class 11, class 16)");
	igt_subtest("agree")
		run(fd, test_agree);

	igt_describe("The driver's own tables are charged to the memory cgroup of who makes an object (class 11)");
	igt_subtest("metadata")
		run(fd, test_metadata);

	igt_describe("Nothing drifts in 100000 charges by two processes at once (class 11, class 16)");
	igt_subtest("cycles")
		run(fd, test_cycles);

	igt_fixture()
		drm_close_driver(fd);
}
