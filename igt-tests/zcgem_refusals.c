// SPDX-License-Identifier: MIT
/*
 * Every refusal can be understood: with DRM debugging on, the kernel log says what was
 * wrong with a call, and it does not say it without end.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem refusals
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that the kernel log says why a call is refused.
 *
 * SUBTEST: logged
 * Description: Each refused call leaves a line in the log that names the reason (class 2, class 5, class 15).
 *
 * SUBTEST: no-flood
 * Description: However often a call is refused, the log grows by a few lines only.
 */

IGT_TEST_DESCRIPTION("Check that the kernel log says why a call is refused");

#define DEBUG	"/sys/module/drm/parameters/debug"
#define RW	(PROT_READ | PROT_WRITE)

/* Counts the driver's lines in the log since it was opened; one of them is to have the words. */
static unsigned int count_lines(int log, const char *words, bool *found)
{
	unsigned int count = 0;
	char record[2048];
	ssize_t len;

	while ((len = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		record[len > 0 ? len : 0] = '\0';
		if (!strstr(record, "[drm:zcgem_"))
			continue;
		count++;
		if (words && strstr(record, words))
			*found = true;
	}
	return count;
}

static int open_log(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	igt_require_f(log >= 0, "no /dev/kmsg: %m\n");
	igt_assert_lte(0, lseek(log, 0, SEEK_END));
	return log;
}

/* Ends the table's entry: this call was refused, for that reason. */
static void expect_reason(int log, int got, int error, const char *words)
{
	bool found = false;

	igt_assert_f(got == error, "'%s': %d and not %d\n", words, got, error);
	count_lines(log, words, &found);
	igt_assert_f(found, "the log does not say '%s'\n", words);
}

static int call(int fd, unsigned long request, void *arg)
{
	return igt_ioctl(fd, request, arg) ? -errno : 0;
}

static int wrap(int fd, int memfd, uint64_t offset, uint64_t size, uint32_t flags)
{
	struct drm_zcgem_memfd_range range = { .fd = memfd, .offset = offset, .size = size };
	uint32_t handle;

	return __zcgem_wrap(fd, &range, 1, flags, &handle);
}

static void check_objects(int fd, int log)
{
	struct drm_zcgem_get_param param = { .param = 1000 };
	struct drm_zcgem_gem_create create = { .size = ZCGEM_PAGE, .flags = 1u << 31 };
	struct drm_zcgem_gem_info info = { .handle = 77 };
	struct drm_zcgem_gem_mmap_offset offset = { .pad = 1 };
	struct drm_zcgem_gem_advise advise = { .advice = 99, .size = ZCGEM_PAGE };
	struct drm_zcgem_gem_revoke revoke = { .pad = 3 };

	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &param), -EINVAL,
		      "unknown parameter 1000");
	param = (struct drm_zcgem_get_param) { .pad = 7 };
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &param), -EINVAL, "pad is 0x7");
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &create), -EINVAL,
		      "flags 0x80000000");
	create = (struct drm_zcgem_gem_create) { .size = 1ull << 62 };
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &create), -EFBIG,
		      "4611686018427387904 bytes are too many");
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_INFO, &info), -ENOENT, "no handle 77");
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &offset), -EINVAL,
		      "pad is 0x1");
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &advise), -EINVAL,
		      "unknown advice 99");
	advise = (struct drm_zcgem_gem_advise) { .size = 5 };
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &advise), -EINVAL,
		      "size 0x5");
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), -EINVAL,
		      "pad is 0x3");
}

static void check_wraps(int fd, int log)
{
	const uint64_t size = 4 * ZCGEM_PAGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), open_memfd = zcgem_memfd(size, 0);
	int sealed = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_WRITE);
	struct drm_zcgem_gem_wrap_memfd list = {
		.ranges = { .stride = 9, .count = 1, .pointer = ZCGEM_PAGE },
	};
	struct drm_zcgem_memfd_range padded = { .fd = memfd, .pad = 5, .size = size };
	uint32_t handle;

	expect_reason(log, wrap(fd, memfd, 0, size, 0x40), -EINVAL, "flags 0x40");
	expect_reason(log, wrap(fd, memfd, 1, size, 0), -EINVAL, "bad range: offset 0x1");
	expect_reason(log, wrap(fd, memfd, size, size, 0), -EINVAL, "after the end of the memfd");
	expect_reason(log, wrap(fd, memfd, 0, 1ull << 61, 0), -EFBIG, "the ranges together");
	expect_reason(log, wrap(fd, -1, 0, size, 0), -EBADF, "-1 is no file descriptor");
	expect_reason(log, wrap(fd, fd, 0, size, 0), -EBADFD, "not a memfd");
	expect_reason(log, wrap(fd, open_memfd, 0, size, 0), -EINVAL, "lacks F_SEAL_SHRINK");
	expect_reason(log, wrap(fd, sealed, 0, size, 0), -EPERM, "sealed against writing");
	expect_reason(log, __zcgem_wrap(fd, &padded, 1, 0, &handle), -EINVAL,
		      "pad of range 0 is 0x5");
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &list), -EINVAL,
		      "stride 9");
	list.ranges.stride = 32;
	list.ranges.count = 1u << 24;
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &list), -E2BIG,
		      "16777216 ranges are more than");
	expect_reason(log, __zcgem_wrap_address(fd, (void *)1, size, 0, &handle), -EINVAL,
		      "bad range: address 0x1");
	expect_reason(log, __zcgem_wrap_address(fd, (void *)ZCGEM_PAGE, size, 0, &handle), -EFAULT,
		      "cannot be pinned");
	expect_reason(log, __zcgem_wrap_address(fd, (void *)ZCGEM_PAGE, size, 0x8, &handle),
		      -EINVAL, "flags 0x8");
	close(sealed);
	close(open_memfd);
	zcgem_release_memfd(memfd);
}

static void check_uses(int fd, int log)
{
	const uint64_t size = 4 * ZCGEM_PAGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t pool = zcgem_create(fd, size, 0), address;
	uint32_t reader = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	void *map, *user = zcgem_anonymous(size);

	address = zcgem_wrap_address(fd, user, size, 0);
	expect_reason(log, __zcgem_evict(fd, address, size), -EOPNOTSUPP,
		      "userptr pages cannot be had again");
	gem_close(fd, address);
	munmap(user, size);
	map = mmap(NULL, size, RW, MAP_SHARED, fd, zcgem_mmap_offset(fd, reader));
	expect_reason(log, map == MAP_FAILED ? -errno : 0, -EACCES, "the object is read-only");
	map = mmap(NULL, size, RW, MAP_PRIVATE, fd, zcgem_mmap_offset(fd, pool));
	expect_reason(log, map == MAP_FAILED ? -errno : 0, -EINVAL, "private mappings");
	gem_close(fd, pool);
	gem_close(fd, reader);
	zcgem_release_memfd(memfd);
}

static int submit(int fd, struct drm_zcgem_submit *arg, struct drm_zcgem_op *op)
{
	arg->ops = (struct drm_zcgem_array) {
		.stride = sizeof(*op), .count = 1, .pointer = (uintptr_t)op,
	};
	return call(fd, DRM_IOCTL_ZCGEM_SUBMIT, arg);
}

static void check_submits(int fd, int log)
{
	uint32_t handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	struct drm_zcgem_op op = zcgem_op_fill32(handle, 0, 4, 1), bad;
	struct drm_zcgem_gem_wait wait = { .handle = handle, .flags = 0x10 };
	struct drm_zcgem_sync sync = { .handle = 99 };
	const struct drm_zcgem_array syncs = {
		.stride = sizeof(sync), .count = 1, .pointer = (uintptr_t)&sync,
	};
	struct drm_zcgem_submit arg;

	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &wait), -EINVAL, "flags 0x10");
	wait = (struct drm_zcgem_gem_wait) { .handle = 78 };
	expect_reason(log, call(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &wait), -ENOENT, "no handle 78");
	arg = (struct drm_zcgem_submit) { .flags = 0x20 };
	expect_reason(log, submit(fd, &arg, &op), -EINVAL, "flags 0x20");
	arg = (struct drm_zcgem_submit) { .priority = 7 };
	expect_reason(log, submit(fd, &arg, &op), -EINVAL, "priority 7");
	bad = op;
	bad.dst_handle = 79;
	arg = (struct drm_zcgem_submit) { };
	expect_reason(log, submit(fd, &arg, &bad), -ENOENT, "no handle 79");
	bad = op;
	bad.pattern = 1ull << 40;
	expect_reason(log, submit(fd, &arg, &bad), -EINVAL, "bad operation");
	arg = (struct drm_zcgem_submit) { .in_syncs = syncs };
	expect_reason(log, submit(fd, &arg, &op), -ENOENT, "in-sync 0: no fence");
	arg = (struct drm_zcgem_submit) { .out_syncs = syncs };
	expect_reason(log, submit(fd, &arg, &op), -ENOENT, "out-sync 0: no syncobj 99");
	sync.flags = 4;
	expect_reason(log, submit(fd, &arg, &op), -EINVAL, "flags of sync 0 are 0x4");
	arg = (struct drm_zcgem_submit) { .in_syncs = syncs };
	arg.in_syncs.pointer = 8;
	expect_reason(log, submit(fd, &arg, &op), -EFAULT, "sync 0 cannot be read");
	arg = (struct drm_zcgem_submit) { };
	expect_reason(log, submit(fd, &arg, (struct drm_zcgem_op *)8), -EFAULT,
		      "operation 0 cannot be read");
	gem_close(fd, handle);
}

static void test_logged(int fd)
{
	int log;

	zcgem_change_setting(DEBUG, "0x2");
	log = open_log();
	check_objects(fd, log);
	check_wraps(fd, log);
	check_uses(fd, log);
	check_submits(fd, log);
	close(log);
	zcgem_restore_settings();
}

static void test_no_flood(int fd)
{
	struct drm_zcgem_get_param param = { .param = 1000 };
	unsigned int i, lines;
	int log;

	zcgem_change_setting(DEBUG, "0x2");
	log = open_log();
	for (i = 0; i < 2000; i++)
		igt_assert_eq(call(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &param), -EINVAL);
	lines = count_lines(log, NULL, NULL);
	igt_info("%u lines of 2000 refusals\n", lines);
	close(log);
	zcgem_restore_settings();

	/* a slow machine may be at it for several of the limit's intervals */
	igt_assert_lt(0, lines);
	igt_assert_lt(lines, 500);

	/* and without debugging there is none */
	log = open_log();
	igt_assert_eq(call(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &param), -EINVAL);
	igt_assert_eq(count_lines(log, NULL, NULL), 0);
	close(log);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Each refused call leaves a line in the log that names the reason (class 2, class 5, class 15)");
	igt_subtest("logged")
		zcgem_run_refused(fd, test_logged);

	igt_describe("However often a call is refused, the log grows by a few lines only");
	igt_subtest("no-flood")
		zcgem_run_refused(fd, test_no_flood);

	igt_fixture()
		drm_close_driver(fd);
}
