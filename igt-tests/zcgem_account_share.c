// SPDX-License-Identifier: MIT
/*
 * How much a user may lock: the larger of RLIMIT_MEMLOCK and the user's share of memory,
 * and which part of the pages counts.
 *
 * The work is done by processes of ordinary users that the test directs, as in
 * zcgem_account.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_worker.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem account share
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check how much a user may lock.
 *
 * SUBTEST: percent
 * Description: user_percent takes 0 to 100 and is what GET_PARAM says.
 *
 * SUBTEST: share
 * Description: A user with a small limit can use the share to the last page, and no further (class 11).
 *
 * SUBTEST: two-users
 * Description: Each user has a share of its own (class 11).
 *
 * SUBTEST: larger-limit
 * Description: A process with a larger limit uses up no share, and larger limits are exact (class 11).
 *
 * SUBTEST: shared-with-io-uring
 * Description: Fixed buffers of io_uring use up the share as well (class 11).
 *
 * SUBTEST: subordinate-users
 * Description: UIDs that a user namespace adds have no share (class 11).
 *
 * SUBTEST: whole-folios
 * Description: Part of a huge page is charged as the whole of it, of hugetlbfs as the part (class 11).
 *
 * SUBTEST: pictures
 * Description: Devices can use by udmabuf's calls what udmabuf's clients make, with 8 MiB (class 11).
 *
 * SUBTEST: pictures-no-share
 * Description: Without a share a picture can be made and mapped, and a device is refused (class 11).
 */

IGT_TEST_DESCRIPTION("Check how much a user may lock");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define USER		1000
#define OTHER_USER	1001
/* RLIMIT_MEMLOCK that systemd gives, in pages: 8 MiB */
#define LIMIT		(8ull * 1024 * 1024 / ZCGEM_PAGE)

static uint64_t set_percent(int fd, const char *percent)
{
	zcgem_change_setting(ZCGEM_USER_PERCENT, percent);
	return zcgem_get_param(fd, DRM_ZCGEM_PARAM_USER_SHARE) / ZCGEM_PAGE;
}

static void test_percent(int fd)
{
	static const char * const bad[] = { "101", "-1", "4294967296", "x" };
	static const unsigned int percents[] = { 0, 1, 25, 100 };
	uint64_t memory = zcgem_read_key("/proc/meminfo", "MemTotal") * 1024;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(percents); i++) {
		char text[8];

		snprintf(text, sizeof(text), "%u", percents[i]);
		igt_assert_eq_u64(set_percent(fd, text),
				  memory / ZCGEM_PAGE * percents[i] / 100);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		igt_assert(!__zcgem_write_setting(ZCGEM_USER_PERCENT, bad[i]));
	igt_assert_eq_u64(zcgem_read_number(ZCGEM_USER_PERCENT), 100);
}

static void start_user(struct zcgem_worker *worker, int fd, uid_t user, uint64_t limit,
		       uint64_t pages)
{
	zcgem_start_worker(worker, fd, user, limit == RLIM_INFINITY ? limit : PAGES(limit), false);
	igt_assert_eq(zcgem_ask(worker, ORDER_GROW, pages), 0);
}

static void test_share(int fd)
{
	uint64_t share = set_percent(fd, "1");
	struct zcgem_worker worker;
	uint32_t handle;

	igt_require_f(share > LIMIT, "1%% of memory is less than 8 MiB\n");
	start_user(&worker, fd, USER, LIMIT, 2 * share);
	igt_assert_eq(zcgem_ask(&worker, ORDER_WRAP_ATTACHED, share + 1), -ENOMEM);
	handle = zcgem_ask_handle(&worker, ORDER_WRAP_ATTACHED, share);
	igt_assert_eq(zcgem_ask(&worker, ORDER_WRAP_ATTACHED, 1), -ENOMEM);
	igt_assert_eq(zcgem_ask(&worker, ORDER_WRAP_ADDRESS, 1), -ENOMEM);
	igt_assert_eq(zcgem_ask(&worker, ORDER_PINNED, 0), share);
	igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handle), 0);

	/* what was granted stays, and a smaller share refuses more */
	handle = zcgem_ask_handle(&worker, ORDER_WRAP_ATTACHED, share - 1);
	set_percent(fd, "0");
	igt_assert_eq(zcgem_ask(&worker, ORDER_WRAP_ATTACHED, 1), -ENOMEM);
	igt_assert_eq(zcgem_ask(&worker, ORDER_CLOSE, handle), 0);
	zcgem_expect_room(&worker, LIMIT);
	zcgem_end_workers(&worker, 1);
}

static void test_two_users(int fd)
{
	uint64_t share = set_percent(fd, "1");
	struct zcgem_worker workers[3];

	igt_require_f(share > LIMIT, "1%% of memory is less than 8 MiB\n");
	start_user(&workers[0], fd, USER, LIMIT, 2 * share);
	start_user(&workers[1], fd, OTHER_USER, LIMIT, 2 * share);
	start_user(&workers[2], fd, USER, LIMIT, 2 * share);
	zcgem_ask_handle(&workers[0], ORDER_WRAP_ATTACHED, share - 10);
	zcgem_expect_room(&workers[2], 10);
	zcgem_expect_room(&workers[1], share);
	zcgem_ask_handle(&workers[1], ORDER_WRAP_ATTACHED, share);
	zcgem_expect_room(&workers[2], 10);
	zcgem_end_workers(workers, 3);
}

static void test_larger_limit(int fd)
{
	uint64_t share = set_percent(fd, "1");
	struct zcgem_worker workers[3];
	uint32_t large, small;

	start_user(&workers[0], fd, USER, RLIM_INFINITY, 3 * share);
	start_user(&workers[1], fd, USER, LIMIT, 3 * share);
	start_user(&workers[2], fd, USER, 2 * share, 3 * share);
	large = zcgem_ask_handle(&workers[0], ORDER_WRAP_ATTACHED, 3 * share);
	zcgem_expect_room(&workers[1], share);
	zcgem_expect_room(&workers[2], share);
	small = zcgem_ask_handle(&workers[1], ORDER_WRAP_ATTACHED, share - 5);
	zcgem_expect_room(&workers[1], 5);
	zcgem_expect_room(&workers[2], 5);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_CLOSE, large), 0);
	zcgem_expect_room(&workers[2], share + 5);
	igt_assert_eq(zcgem_ask(&workers[1], ORDER_CLOSE, small), 0);

	/* of equal limits no one adds a share to another's */
	zcgem_ask_handle(&workers[2], ORDER_WRAP_ATTACHED, 2 * share - 5);
	zcgem_expect_room(&workers[2], 5);
	zcgem_end_workers(workers, 3);
}

static void test_shared_with_io_uring(int fd)
{
	uint64_t share = set_percent(fd, "1");
	struct zcgem_worker workers[2];
	int64_t err;

	start_user(&workers[0], fd, USER, LIMIT, 2 * share);
	start_user(&workers[1], fd, USER, LIMIT, 2 * share);
	err = zcgem_ask(&workers[0], ORDER_REGISTER, 100);
	igt_require_f(!err, "io_uring takes no buffer: %s\n", strerror(-err));
	zcgem_expect_room(&workers[1], share - 100);
	igt_assert_eq(zcgem_ask(&workers[0], ORDER_UNREGISTER, 0), 0);
	zcgem_expect_room(&workers[1], share);
	zcgem_end_workers(workers, 2);
}

/* In a user namespace that a user made: as that user, or as one of its subordinate UIDs. */
static void be_in_namespace(int fd, int line, uid_t inside, uint64_t share)
{
	int node = drm_reopen_driver(fd), device = importer_open(), memfd, dmabuf, err;
	uint32_t handle;

	zcgem_set_memlock(PAGES(LIMIT));
	zcgem_become_user(USER, false);
	igt_assert_eq(unshare(CLONE_NEWUSER), 0);
	zcgem_say(line, getpid());
	igt_assert_eq(zcgem_hear(line), 0);
	igt_assert_eq(setresgid(inside, inside, inside), 0);
	igt_assert_eq(setresuid(inside, inside, inside), 0);

	igt_assert_eq_u64(zcgem_get_param(node, DRM_ZCGEM_PARAM_USER_SHARE),
			  inside ? 0 : PAGES(share));
	memfd = zcgem_memfd(PAGES(LIMIT + 1), F_SEAL_SHRINK);
	handle = zcgem_wrap_memfd(node, memfd, 0, PAGES(LIMIT + 1), 0);
	dmabuf = zcgem_export(node, handle);
	err = __importer_attach(device, dmabuf, IMPORTER_FOLLOWS, 0, 0);
	igt_assert_eq(err, inside ? -ENOMEM : 0);
}

static void map_ids(pid_t pid)
{
	static const char * const files[] = { "uid_map", "gid_map" };
	unsigned int i;
	char path[64];

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		igt_assert_f(__zcgem_write_setting(path, "0 1000 1\n1 100000 10\n"), "%s: %m\n",
			     path);
	}
}

static void test_subordinate_users(int fd)
{
	uint64_t share = set_percent(fd, "1");
	uid_t inside;

	igt_require_f(!geteuid(), "only root can become another user\n");
	igt_require_f(share > LIMIT, "1%% of memory is less than 8 MiB\n");
	require_importer();
	for (inside = 0; inside < 2; inside++) {
		struct zcgem_line line;

		zcgem_open_line(&line);
		igt_fork(child, 1) {
			zcgem_take_end(&line, 1);
			be_in_namespace(fd, line.end[1], inside, share);
		}
		zcgem_take_end(&line, 0);
		map_ids(zcgem_hear(line.end[0]));
		zcgem_say(line.end[0], 0);
		igt_waitchildren();
		zcgem_close_line(&line);
	}
}

static uint64_t charged(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.charged;
}

static void check_hugetlb_part(int fd)
{
	struct drm_zcgem_memfd_range ranges[2];
	int memfd, dmabuf, device;
	uint32_t handle;

	if (!zcgem_free_huge_pages())
		zcgem_change_setting("/proc/sys/vm/nr_hugepages", "4");
	igt_require_f(zcgem_free_huge_pages(), "no huge pages\n");
	memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK);
	memset(ranges, 0, sizeof(ranges));
	ranges[0] = (struct drm_zcgem_memfd_range){ .fd = memfd, .size = PAGES(3) };
	ranges[1] = (struct drm_zcgem_memfd_range){
		.fd = memfd, .offset = PAGES(100), .size = PAGES(2),
	};
	handle = zcgem_wrap(fd, ranges, 2, 0);
	dmabuf = zcgem_export(fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS);
	igt_assert_eq_u64(charged(fd, handle), PAGES(5));
	close(device);
	igt_assert_eq_u64(charged(fd, handle), 0);
	close(dmabuf);
	gem_close(fd, handle);
	close(memfd);
}

static void test_whole_folios(int fd)
{
	char *area = zcgem_anonymous(2 * ZCGEM_HUGE);
	char *huge = (char *)ALIGN((uintptr_t)area, ZCGEM_HUGE);
	struct drm_zcgem_userptr_range ranges[3] = {
		{ .address = (uintptr_t)huge + PAGES(7), .size = PAGES(1) },
		{ .address = (uintptr_t)huge + PAGES(100), .size = PAGES(2) },
		{ .address = (uintptr_t)huge + PAGES(8), .size = PAGES(1) },
	};
	uint64_t before;
	uint32_t handle;

	require_importer();
	zcgem_change_setting("/sys/kernel/mm/transparent_hugepage/enabled", "always");
	before = zcgem_read_key("/proc/meminfo", "AnonHugePages");
	igt_assert_eq(madvise(huge, ZCGEM_HUGE, MADV_HUGEPAGE), 0);
	zcgem_mark_all(huge, ZCGEM_HUGE, 1);
	igt_require_f(zcgem_read_key("/proc/meminfo", "AnonHugePages") > before,
		      "no transparent huge page\n");
	handle = zcgem_wrap_address(fd, huge + PAGES(7), PAGES(1), 0);
	igt_assert_eq_u64(charged(fd, handle), ZCGEM_HUGE);
	gem_close(fd, handle);
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 3, 0, &handle), 0);
	igt_assert_eq_u64(charged(fd, handle), ZCGEM_HUGE);
	gem_close(fd, handle);
	munmap(area, 2 * ZCGEM_HUGE);

	check_hugetlb_part(fd);
}

struct pictures {
	const char *name;
	uint64_t size;
	unsigned int count;
};

static const struct pictures pictures[] = {
	{ "1280x720 ARGB", 1280 * 720 * 4, 3 },
	{ "1920x1080 ARGB", 1920 * 1080 * 4, 3 },
	{ "1920x1080 NV12", 1920 * 1080 * 3 / 2, 16 },
	{ "2560x1440 ARGB", 2560 * 1440 * 4, 2 },
	{ "3840x2160 ARGB", 3840 * 2160 * 4, 2 },
	{ "640x480 ARGB", 640 * 480 * 4, 32 },
};

#define MAX_PICTURES	32

/* Each picture in a memfd of its own, or all in one; a device for each, all at once. */
static int use_pictures(int node, const int *devices, const struct pictures *set, bool same)
{
	uint64_t size = ALIGN(set->size, ZCGEM_PAGE);
	unsigned int i, done = 0;
	int err = 0, memfd = -1;

	for (i = 0; i < set->count && !err; i++) {
		int dmabuf;
		char *map;

		if (memfd < 0)
			memfd = zcgem_memfd(size, F_SEAL_SHRINK);
		dmabuf = __udmabuf_create(node, memfd, 0, size, 0);
		igt_assert_f(dmabuf >= 0, "%s, %u: %d\n", set->name, i, dmabuf);
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
		igt_assert(map != MAP_FAILED);
		map[0] = map[size - 1] = 1;
		munmap(map, size);
		err = __importer_attach(devices[i], dmabuf, IMPORTER_FOLLOWS, 0, 0);
		if (!err) {
			done++;
			importer_call(devices[i], IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		}
		close(dmabuf);
		if (!same) {
			close(memfd);
			memfd = -1;
		}
	}
	igt_info("%u of %u times %s\n", done, set->count, set->name);
	while (done--) {
		importer_call(devices[done], IMPORTER_UNMAP, 0);
		importer_call(devices[done], IMPORTER_DETACH, 0);
	}
	if (memfd >= 0)
		close(memfd);
	return err;
}

static void be_a_client(int fd, bool refused)
{
	const struct pictures same = { "1920x1080 ARGB of one memfd", 1920 * 1080 * 4, 4 };
	int node = drm_reopen_driver(fd), devices[MAX_PICTURES];
	unsigned int i;

	for (i = 0; i < MAX_PICTURES; i++)
		devices[i] = importer_open();
	zcgem_set_memlock(PAGES(LIMIT));
	zcgem_become_user(USER, false);
	for (i = 0; i < ARRAY_SIZE(pictures); i++)
		igt_assert_eq(use_pictures(node, devices, &pictures[i], false),
			      refused ? -ENOMEM : 0);
	igt_assert_eq(use_pictures(node, devices, &same, true), refused ? -ENOMEM : 0);
}

static void run_pictures(int fd, bool refused)
{
	igt_require_f(!geteuid(), "only root can become another user\n");
	require_importer();
	igt_fork(child, 1)
		be_a_client(fd, refused);
	igt_waitchildren();
}

static void test_pictures(int fd)
{
	igt_assert_eq_u64(zcgem_read_number(ZCGEM_USER_PERCENT), 25);
	run_pictures(fd, false);
}

static void test_pictures_no_share(int fd)
{
	set_percent(fd, "0");
	run_pictures(fd, true);
}

static void run(int fd, void (*test)(int))
{
	zcgem_run_counted(fd, test);
	zcgem_restore_settings();
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("user_percent takes 0 to 100 and is what GET_PARAM says");
	igt_subtest("percent")
		run(fd, test_percent);

	igt_describe("A user with a small limit can use the share to the last page, and no further (class 11)");
	igt_subtest("share")
		run(fd, test_share);

	igt_describe("Each user has a share of its own (class 11)");
	igt_subtest("two-users")
		run(fd, test_two_users);

	igt_describe("A process with a larger limit uses up no share, and larger limits are exact (class 11)");
	igt_subtest("larger-limit")
		run(fd, test_larger_limit);

	igt_describe("Fixed buffers of io_uring use up the share as well (class 11)");
	igt_subtest("shared-with-io-uring")
		run(fd, test_shared_with_io_uring);

	igt_describe("UIDs that a user namespace adds have no share (class 11)");
	igt_subtest("subordinate-users")
		run(fd, test_subordinate_users);

	igt_describe("Part of a huge page is charged as the whole of it, of hugetlbfs as the part (class 11)");
	igt_subtest("whole-folios")
		run(fd, test_whole_folios);

	igt_describe("Devices can use by udmabuf's calls what udmabuf's clients make, with 8 MiB (class 11)");
	igt_subtest("pictures")
		run(fd, test_pictures);

	igt_describe("Without a share a picture can be made and mapped, and a device is refused (class 11)");
	igt_subtest("pictures-no-share")
		run(fd, test_pictures_no_share);

	igt_fixture()
		drm_close_driver(fd);
}
