// SPDX-License-Identifier: MIT
/*
 * Objects of the driver's own pages and their handles: made, mapped, looked at, closed,
 * and gone with the client that had them.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"

/**
 * TEST: zcgem basic
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check zcgem objects and handles, their errors, and that nothing is left.
 *
 * SUBTEST: create-sizes
 * Description: Sizes are rounded up to pages; all of the object can be used.
 *
 * SUBTEST: create-bad
 * Description: Empty and too large objects and unknown flags are refused.
 *
 * SUBTEST: create-largest
 * Description: An object of the largest size is made or refused, cleanly.
 *
 * SUBTEST: create-zeroed
 * Description: A new object never shows what an earlier one held.
 *
 * SUBTEST: create-wc
 * Description: A write-combined object says so and keeps its data.
 *
 * SUBTEST: mmap-offset
 * Description: An object has one offset, which no other has.
 *
 * SUBTEST: mmap-offset-bad
 * Description: Handles that do not exist and padding are refused.
 *
 * SUBTEST: mmap-foreign-client
 * Description: A client cannot map an object that it has no handle of.
 *
 * SUBTEST: info
 * Description: The object's state is told as it is.
 *
 * SUBTEST: info-bad
 * Description: Handles that do not exist and padding are refused.
 *
 * SUBTEST: close-twice
 * Description: A handle can be closed once.
 *
 * SUBTEST: open-close
 * Description: Closing the descriptor frees all its objects.
 *
 * SUBTEST: create-close-cycles
 * Description: Many cycles leave no object behind.
 *
 * SUBTEST: process-exit
 * Description: A process that just ends leaves nothing behind.
 */

IGT_TEST_DESCRIPTION("Check zcgem objects and handles, their errors, and that nothing is left");

static void test_create_sizes(int fd)
{
	const uint64_t sizes[] = {
		1, ZCGEM_PAGE - 1, ZCGEM_PAGE, ZCGEM_PAGE + 1, 2 * ZCGEM_PAGE, 65536 + 1, ZCGEM_HUGE - 1,
		ZCGEM_HUGE, ZCGEM_HUGE + 1,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct drm_zcgem_gem_info info;
		uint64_t size = sizes[i];
		uint32_t handle;
		void *map;

		igt_assert_eq(__zcgem_create(fd, &size, 0, &handle), 0);
		igt_assert_eq_u64(size, ALIGN(sizes[i], ZCGEM_PAGE));

		zcgem_info(fd, handle, &info);
		igt_assert_eq_u64(info.size, size);

		map = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
		zcgem_fill(map, size, i + 1);
		zcgem_check(map, size, i + 1);
		munmap(map, size);
		gem_close(fd, handle);
	}
}

static void test_create_bad(int fd)
{
	uint64_t max = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE);
	const uint64_t large[] = {
		max + 1, max + ZCGEM_PAGE, 1ull << 63, -ZCGEM_PAGE, -1ull,
	};
	uint32_t handle;
	uint64_t size;
	unsigned int i;

	size = 0;
	igt_assert_eq(__zcgem_create(fd, &size, 0, &handle), -EINVAL);

	for (i = 0; i < ARRAY_SIZE(large); i++) {
		size = large[i];
		igt_assert_eq(__zcgem_create(fd, &size, 0, &handle), -EFBIG);
	}

	for (i = 0; i < 32; i++) {
		if (1u << i == DRM_ZCGEM_CREATE_WC)
			continue;
		size = ZCGEM_PAGE;
		igt_assert_eq(__zcgem_create(fd, &size, 1u << i, &handle), -EINVAL);
	}
}

static void test_create_largest(int fd)
{
	uint64_t size = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE);
	uint32_t handle;
	int err;

	err = __zcgem_create(fd, &size, 0, &handle);
	igt_assert_f(!err || err == -ENOMEM, "error %d\n", err);
	if (!err)
		gem_close(fd, handle);
}

static void test_create_zeroed(int fd)
{
	const uint64_t size = 1 << 20;
	unsigned int round;

	for (round = 0; round < 8; round++) {
		uint32_t flags = round & 1 ? DRM_ZCGEM_CREATE_WC : 0;
		uint32_t handle = zcgem_create(fd, size, flags);
		uint64_t *map = zcgem_mmap(fd, handle, size,
					   PROT_READ | PROT_WRITE);
		uint64_t i;

		for (i = 0; i < size / sizeof(*map); i++)
			igt_assert_eq_u64(map[i], 0);

		zcgem_fill(map, size, round + 1);
		munmap(map, size);
		gem_close(fd, handle);
	}
}

static void test_create_wc(int fd)
{
	const uint64_t size = 16 * ZCGEM_PAGE;
	struct drm_zcgem_gem_info info;
	uint32_t cached, wc;
	void *map, *again;

	cached = zcgem_create(fd, size, 0);
	zcgem_info(fd, cached, &info);
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_WC, 0);

	wc = zcgem_create(fd, size, DRM_ZCGEM_CREATE_WC);
	zcgem_info(fd, wc, &info);
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_WC, ZCGEM_HAS_WC ? DRM_ZCGEM_INFO_WC : 0);

	map = zcgem_mmap(fd, wc, size, PROT_READ | PROT_WRITE);
	zcgem_fill(map, size, 1);
	again = zcgem_mmap(fd, wc, size, PROT_READ);
	zcgem_check(again, size, 1);
	munmap(again, size);
	munmap(map, size);
}

static void test_mmap_offset(int fd)
{
	uint32_t handle[64];
	uint64_t offset[ARRAY_SIZE(handle)];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(handle); i++) {
		handle[i] = zcgem_create(fd, (i % 3 + 1) * ZCGEM_PAGE, 0);
		offset[i] = zcgem_mmap_offset(fd, handle[i]);
		igt_assert_neq_u64(offset[i], 0);
		igt_assert_eq_u64(offset[i] % ZCGEM_PAGE, 0);
		for (j = 0; j < i; j++)
			igt_assert_neq_u64(offset[i], offset[j]);
	}
	for (i = 0; i < ARRAY_SIZE(handle); i++)
		igt_assert_eq_u64(zcgem_mmap_offset(fd, handle[i]), offset[i]);
}

static void test_mmap_offset_bad(int fd)
{
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	struct drm_zcgem_gem_mmap_offset arg;
	uint64_t offset;
	unsigned int bit;

	igt_assert_eq(__zcgem_mmap_offset(fd, 0, &offset), -ENOENT);
	igt_assert_eq(__zcgem_mmap_offset(fd, handle + 1, &offset), -ENOENT);
	igt_assert_eq(__zcgem_mmap_offset(fd, ~0u, &offset), -ENOENT);

	for (bit = 0; bit < 32; bit++) {
		memset(&arg, 0, sizeof(arg));
		arg.handle = handle;
		arg.pad = 1u << bit;
		do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &arg, EINVAL);
	}

	gem_close(fd, handle);
	igt_assert_eq(__zcgem_mmap_offset(fd, handle, &offset), -ENOENT);
}

static void test_mmap_foreign_client(int fd)
{
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	uint64_t offset = zcgem_mmap_offset(fd, handle);
	int other = drm_reopen_driver(fd);
	void *map;

	map = mmap(NULL, ZCGEM_PAGE, PROT_READ, MAP_SHARED, other, offset);
	igt_assert(map == MAP_FAILED);
	igt_assert_eq(errno, EACCES);

	map = mmap(NULL, ZCGEM_PAGE, PROT_READ, MAP_SHARED, fd, offset);
	igt_assert(map != MAP_FAILED);
	munmap(map, ZCGEM_PAGE);
	close(other);
}

static uint64_t count_extent_pages(const struct drm_zcgem_gem_info *info,
				   bool upper)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < DRM_ZCGEM_EXTENT_ORDERS; i++)
		pages += info->extents_by_order[i] *
			 (upper ? (2ull << i) - 1 : 1ull << i);
	return pages;
}

static void check_object_info(int fd, uint32_t handle, uint32_t backing,
			      uint64_t size)
{
	struct drm_zcgem_gem_info info;
	uint64_t extents = 0;
	unsigned int i;
	void *map;
	int dmabuf;

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.handle, handle);
	igt_assert_eq_u32(info.backing, backing);
	igt_assert_eq_u64(info.size, size);
	igt_assert_eq_u32(info.flags & (DRM_ZCGEM_INFO_READONLY |
					DRM_ZCGEM_INFO_WC |
					DRM_ZCGEM_INFO_EXPORTED), 0);
	igt_assert_eq_u64(info.mappings, 0);
	igt_assert_eq_u64(info.attachments, 0);
	igt_assert_eq_u64(info.faults_pte, 0);
	igt_assert_eq_u64(info.faults_pmd, 0);
	igt_assert_eq_u64(info.faults_pud, 0);
	igt_assert_eq_u64(info.evictions, 0);

	map = zcgem_mmap(fd, handle, size, PROT_READ | PROT_WRITE);
	zcgem_fill(map, size, 1);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 1);
	igt_assert_lt_u64(0, info.faults_pte + info.faults_pmd + info.faults_pud);
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_RESIDENT,
			  DRM_ZCGEM_INFO_RESIDENT);
	igt_assert_eq_u64(info.resident, size);
	igt_assert_lte_u64(info.charged, size);

	/* every page is in exactly one extent */
	for (i = 0; i < DRM_ZCGEM_EXTENT_ORDERS; i++)
		extents += info.extents_by_order[i];
	igt_assert_eq_u64(info.extents, extents);
	igt_assert_lte_u64(count_extent_pages(&info, false), size / ZCGEM_PAGE);
	igt_assert_lte_u64(size / ZCGEM_PAGE, count_extent_pages(&info, true));

	munmap(map, size);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 0);

	dmabuf = zcgem_export(fd, handle);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_EXPORTED,
			  DRM_ZCGEM_INFO_EXPORTED);
	close(dmabuf);
}

static void test_info(int fd)
{
	const uint64_t size = 33 * ZCGEM_PAGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle;

	handle = zcgem_create(fd, size, 0);
	check_object_info(fd, handle, DRM_ZCGEM_BACKING_POOL, size);
	gem_close(fd, handle);

	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	check_object_info(fd, handle, DRM_ZCGEM_BACKING_MEMFD, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_info_bad(int fd)
{
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	struct drm_zcgem_gem_info info;
	unsigned int bit;

	igt_assert_eq(__zcgem_info(fd, 0, &info), -ENOENT);
	igt_assert_eq(__zcgem_info(fd, handle + 1, &info), -ENOENT);
	igt_assert_eq(__zcgem_info(fd, ~0u, &info), -ENOENT);

	for (bit = 0; bit < 32; bit++) {
		memset(&info, 0, sizeof(info));
		info.handle = handle;
		info.pad = 1u << bit;
		do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GEM_INFO, &info, EINVAL);
	}
}

static void test_close_twice(int fd)
{
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	struct drm_zcgem_gem_info info;

	igt_assert_eq(__zcgem_close(fd, handle), 0);
	igt_assert_eq(__zcgem_close(fd, handle), -EINVAL);
	igt_assert_eq(__zcgem_info(fd, handle, &info), -ENOENT);
	igt_assert_eq(__zcgem_close(fd, 0), -EINVAL);
	igt_assert_eq(__zcgem_close(fd, ~0u), -EINVAL);
}

static void test_open_close(int fd)
{
	unsigned int rounds = zcgem_rounds(1000), i;

	for (i = 0; i < rounds; i++) {
		int own = drm_reopen_driver(fd);

		zcgem_create(own, ZCGEM_PAGE, 0);
		close(own);
	}
}

static void test_create_close_cycles(int fd)
{
	unsigned int rounds = zcgem_rounds(10000), i;

	for (i = 0; i < rounds; i++)
		gem_close(fd, zcgem_create(fd, ZCGEM_PAGE, 0));
}

/* Runs in a child, where no assertion may fail: says whether all went well. */
static bool hold_everything(int fd, int memfd, uint64_t size)
{
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };
	struct drm_zcgem_gem_info info;
	uint32_t wrapped, created;
	int dmabuf;
	void *map;

	if (__zcgem_wrap(fd, &range, 1, 0, &wrapped) ||
	    __zcgem_create(fd, &size, 0, &created) ||
	    __zcgem_export(fd, wrapped, DRM_RDWR, &dmabuf))
		return false;

	map = __zcgem_mmap(fd, wrapped, size, PROT_READ | PROT_WRITE);
	if (!map)
		return false;
	zcgem_fill(map, size, 1);

	map = __zcgem_mmap(fd, created, size, PROT_READ | PROT_WRITE);
	if (!map)
		return false;
	zcgem_fill(map, size, 2);

	return !__zcgem_info(fd, wrapped, &info) && info.mappings == 1;
}

static void test_process_exit(int fd)
{
	const uint64_t size = 64 * ZCGEM_PAGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int status, killed;
	pid_t pid;

	for (killed = 0; killed < 2; killed++) {
		int own = drm_reopen_driver(fd);

		pid = fork();
		igt_assert_lte(0, pid);
		if (!pid) {
			if (!hold_everything(own, memfd, size))
				_exit(1);
			if (killed)
				raise(SIGKILL);
			_exit(42);
		}
		close(own);

		igt_assert_eq(waitpid(pid, &status, 0), pid);
		if (killed)
			igt_assert(WIFSIGNALED(status) &&
				   WTERMSIG(status) == SIGKILL);
		else
			igt_assert(WIFEXITED(status) &&
				   WEXITSTATUS(status) == 42);
	}
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Sizes are rounded up to pages; all of the object can be used");
	igt_subtest("create-sizes")
		zcgem_run_counted(fd, test_create_sizes);

	igt_describe("Empty and too large objects and unknown flags are refused");
	igt_subtest("create-bad")
		zcgem_run_refused(fd, test_create_bad);

	igt_describe("An object of the largest size is made or refused, cleanly");
	igt_subtest("create-largest")
		zcgem_run_refused(fd, test_create_largest);

	igt_describe("A new object never shows what an earlier one held");
	igt_subtest("create-zeroed")
		zcgem_run_counted(fd, test_create_zeroed);

	igt_describe("A write-combined object says so and keeps its data");
	igt_subtest("create-wc")
		zcgem_run_counted(fd, test_create_wc);

	igt_describe("An object has one offset, which no other has");
	igt_subtest("mmap-offset")
		zcgem_run_counted(fd, test_mmap_offset);

	igt_describe("Handles that do not exist and padding are refused");
	igt_subtest("mmap-offset-bad")
		zcgem_run_counted(fd, test_mmap_offset_bad);

	igt_describe("A client cannot map an object that it has no handle of");
	igt_subtest("mmap-foreign-client")
		zcgem_run_counted(fd, test_mmap_foreign_client);

	igt_describe("The object's state is told as it is");
	igt_subtest("info")
		zcgem_run_counted(fd, test_info);

	igt_describe("Handles that do not exist and padding are refused");
	igt_subtest("info-bad")
		zcgem_run_counted(fd, test_info_bad);

	igt_describe("A handle can be closed once");
	igt_subtest("close-twice")
		zcgem_run_counted(fd, test_close_twice);

	igt_describe("Closing the descriptor frees all its objects");
	igt_subtest("open-close")
		zcgem_run_counted(fd, test_open_close);

	igt_describe("Many cycles leave no object behind");
	igt_subtest("create-close-cycles")
		zcgem_run_counted(fd, test_create_close_cycles);

	igt_describe("A process that just ends leaves nothing behind");
	igt_subtest("process-exit")
		zcgem_run_counted(fd, test_process_exit);

	igt_fixture()
		drm_close_driver(fd);
}
