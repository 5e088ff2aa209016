// SPDX-License-Identifier: MIT
/*
 * Lists of memfd ranges that cannot be wrapped: each is refused with the errno that the
 * uapi header names, and nothing is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem memfd refused
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that unfit memfd ranges are refused.
 *
 * SUBTEST: too-many-ranges
 * Description: One range more is refused (class 2).
 *
 * SUBTEST: bad-alignment
 * Description: Offsets and sizes that are not whole pages are refused.
 *
 * SUBTEST: bad-range
 * Description: Empty ranges, ranges that wrap around and ranges past the end are refused (class 2).
 *
 * SUBTEST: bad-total
 * Description: A sum of sizes that is too large is refused (class 2).
 *
 * SUBTEST: bad-file
 * Description: Only memfds are taken (class 5).
 *
 * SUBTEST: bad-descriptor
 * Description: Descriptors that are not open are refused (class 5).
 *
 * SUBTEST: bad-seals
 * Description: A memfd that may shrink, or that may not be written, is refused (class 5).
 *
 * SUBTEST: seal-beside-readonly
 * Description: A read-only object keeps F_SEAL_WRITE away while it is resident, and no longer (class 5).
 *
 * SUBTEST: bad-access
 * Description: A descriptor gives no more access than it has (class 5).
 *
 * SUBTEST: bad-flags
 * Description: Unknown flags and padding that is not zero are refused (class 15).
 *
 * SUBTEST: bad-pointer
 * Description: A list that cannot be read gives EFAULT (class 3).
 *
 * SUBTEST: bad-stride
 * Description: Strides and counts that make no sense are refused.
 *
 * SUBTEST: longer-elements
 * Description: Elements longer than the driver knows are taken if their tail is zero (class 15).
 *
 * SUBTEST: bad-last-range
 * Description: A list that is good but for its last range leaves nothing behind (class 3).
 */

IGT_TEST_DESCRIPTION("Check that unfit memfd ranges are refused");

#define PAGES(n) ((n) * ZCGEM_PAGE)

static void test_too_many_ranges(int fd)
{
	int memfd = zcgem_memfd(PAGES(16), F_SEAL_SHRINK);
	uint32_t most = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges = zcgem_scattered_pages(memfd, 16, most + 1);
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap(fd, ranges, most + 1, 0, &handle), -E2BIG);
	free(ranges);

	/* this list cannot exist: it must be refused before it is read */
	ranges = zcgem_scattered_pages(memfd, 16, 1);
	do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD,
		     (&(struct drm_zcgem_gem_wrap_memfd) {
			.ranges = {
				.stride = sizeof(*ranges),
				.count = 0xffffffff,
				.pointer = (uintptr_t)ranges,
			},
		     }), E2BIG);
	free(ranges);
	close(memfd);
}

static void test_bad_alignment(int fd)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	const uint64_t odd[] = { 1, 7, 8, 512, 2048, ZCGEM_PAGE - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		igt_assert_eq(__zcgem_try_range(fd, memfd, odd[i], PAGES(1), 0), -EINVAL);
		igt_assert_eq(__zcgem_try_range(fd, memfd, 0, odd[i], 0), -EINVAL);
		igt_assert_eq(__zcgem_try_range(fd, memfd, 0, PAGES(2) + odd[i], 0), -EINVAL);
		igt_assert_eq(__zcgem_try_range(fd, memfd, odd[i], PAGES(1) - odd[i], 0),
			      -EINVAL);
	}
	close(memfd);
}

static void test_bad_range(int fd)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	const struct {
		uint64_t offset, size;
	} bad[] = {
		{ 0, 0 },				/* empty */
		{ PAGES(8), 0 },
		{ 0, PAGES(9) },			/* past the end */
		{ PAGES(1), PAGES(8) },
		{ PAGES(7), PAGES(2) },
		{ PAGES(8), PAGES(1) },
		{ PAGES(1000), PAGES(1) },
		{ 1ull << 63, PAGES(1) },
		{ (1ull << 63) - PAGES(1), PAGES(1) },
		{ (1ull << 63) - PAGES(1), PAGES(2) },
		{ -PAGES(1), PAGES(2) },		/* wraps to the start */
		{ -PAGES(1), PAGES(1) },		/* wraps to zero */
		{ -PAGES(4), PAGES(5) },
		{ PAGES(1), -PAGES(1) },
		{ PAGES(4), -PAGES(2) },
		{ 1ull << 63, 1ull << 63 },
	};
	/* past the end and also above the largest size: either is an answer */
	const uint64_t large[] = {
		1ull << 63, (1ull << 63) - PAGES(1), -PAGES(1), 1ull << 62,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int ret = __zcgem_try_range(fd, memfd, bad[i].offset, bad[i].size, 0);

		igt_assert_f(ret == -EINVAL,
			     "offset %#" PRIx64 " size %#" PRIx64 ": %d\n",
			     bad[i].offset, bad[i].size, ret);
	}
	for (i = 0; i < ARRAY_SIZE(large); i++) {
		int ret = __zcgem_try_range(fd, memfd, 0, large[i], 0);

		igt_assert_f(ret == -EINVAL || ret == -EFBIG,
			     "size %#" PRIx64 ": %d\n", large[i], ret);
	}
	close(memfd);
}

static void test_bad_total(int fd)
{
	uint64_t max = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE);
	const uint64_t length = 1ull << 62;
	struct drm_zcgem_memfd_range ranges[4] = {};
	int memfd = zcgem_memfd(length, F_SEAL_SHRINK);
	uint32_t handle;
	unsigned int i;

	/* each range is good by itself; the file is one hole */
	if (max < length)
		igt_assert_eq(__zcgem_try_range(fd, memfd, 0, max + PAGES(1), 0), -EFBIG);

	for (i = 0; i < 4; i++) {
		ranges[i].fd = memfd;
		ranges[i].size = max / 4 < length ?
				 (max / 4 / ZCGEM_PAGE + 1) * ZCGEM_PAGE : length;
	}
	igt_assert_eq(__zcgem_wrap(fd, ranges, 4, 0, &handle), -EFBIG);

	/* these four come to 2^64, which is zero */
	for (i = 0; i < 4; i++)
		ranges[i].size = length;
	igt_assert_eq(__zcgem_wrap(fd, ranges, 4, 0, &handle), -EFBIG);
	close(memfd);
}

static void test_bad_file(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	char path[] = "/var/tmp/igt-zcgem-XXXXXX";
	int other, pair[2], dmabuf;
	struct statfs fs;
	uint32_t handle;

	other = open("/dev/zero", O_RDWR);
	igt_assert_fd(other);
	igt_assert_eq(__zcgem_try_range(fd, other, 0, PAGES(1), 0), -EBADFD);
	close(other);

	other = open("/proc/self/exe", O_RDONLY);
	igt_assert_fd(other);
	igt_assert_eq(__zcgem_try_range(fd, other, 0, PAGES(1), DRM_ZCGEM_WRAP_READONLY),
		      -EBADFD);
	close(other);

	other = open("/proc", O_RDONLY | O_DIRECTORY);
	igt_assert_fd(other);
	igt_assert_eq(__zcgem_try_range(fd, other, 0, PAGES(1), DRM_ZCGEM_WRAP_READONLY),
		      -EBADFD);
	close(other);

	igt_assert_eq(pipe(pair), 0);
	igt_assert_eq(__zcgem_try_range(fd, pair[0], 0, PAGES(1), DRM_ZCGEM_WRAP_READONLY),
		      -EBADFD);
	close(pair[0]);
	close(pair[1]);

	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	igt_assert_eq(__zcgem_try_range(fd, pair[0], 0, PAGES(1), 0), -EBADFD);
	close(pair[0]);
	close(pair[1]);

	other = eventfd(0, 0);
	igt_assert_fd(other);
	igt_assert_eq(__zcgem_try_range(fd, other, 0, PAGES(1), 0), -EBADFD);
	close(other);

	/* the driver's own node, and a dma-buf of its own */
	igt_assert_eq(__zcgem_try_range(fd, fd, 0, PAGES(1), 0), -EBADFD);
	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	dmabuf = zcgem_export(fd, handle);
	igt_assert_eq(__zcgem_try_range(fd, dmabuf, 0, PAGES(1), 0), -EBADFD);
	close(dmabuf);
	gem_close(fd, handle);

	/* a file on tmpfs is of the memfd's kind, but cannot be sealed */
	other = mkstemp(path);
	if (other >= 0) {
		unlink(path);
		igt_assert_eq(ftruncate(other, PAGES(4)), 0);
		igt_assert_eq(fstatfs(other, &fs), 0);
		igt_assert_eq(__zcgem_try_range(fd, other, 0, PAGES(1), 0),
			      fs.f_type == TMPFS_MAGIC ? -EINVAL : -EBADFD);
		close(other);
	}
	close(memfd);
}

static void test_bad_descriptor(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	int path = zcgem_reopen(memfd, O_PATH);

	igt_assert_eq(__zcgem_try_range(fd, path, 0, PAGES(1), 0), -EBADF);
	close(path);
	close(memfd);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, PAGES(1), 0), -EBADF);
	igt_assert_eq(__zcgem_try_range(fd, -1, 0, PAGES(1), 0), -EBADF);
	igt_assert_eq(__zcgem_try_range(fd, 0x7fffffff, 0, PAGES(1), 0), -EBADF);
	igt_assert_eq(__zcgem_try_range(fd, -0x7fffffff - 1, 0, PAGES(1), 0), -EBADF);
}

static void test_bad_seals(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd;

	memfd = zcgem_memfd(size, 0);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), -EINVAL);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY),
		      -EINVAL);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_GROW), 0);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), -EINVAL);
	close(memfd);

	/* one that cannot be sealed at all */
	memfd = memfd_create("igt-zcgem", MFD_CLOEXEC);
	igt_assert_fd(memfd);
	igt_assert_eq(ftruncate(memfd, size), 0);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), -EINVAL);
	close(memfd);

	memfd = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_WRITE);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), -EPERM);
	close(memfd);

	memfd = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), -EPERM);
	close(memfd);

	/* these two take nothing away */
	memfd = zcgem_memfd(size, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), 0);
	close(memfd);
}

/* The kernel takes the pins of the pages for those of a writer. */
static void test_seal_beside_readonly(int fd)
{
	int memfd = zcgem_memfd(2 * ZCGEM_PAGE, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, 2 * ZCGEM_PAGE, DRM_ZCGEM_WRAP_READONLY);

	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	igt_assert_eq(errno, EBUSY);
	zcgem_evict(fd, handle, 2 * ZCGEM_PAGE);
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	zcgem_populate(fd, handle, 2 * ZCGEM_PAGE, NULL);
	gem_close(fd, handle);
	close(memfd);
}

static void test_bad_access(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int reader = zcgem_reopen(memfd, O_RDONLY);
	int writer = zcgem_reopen(memfd, O_WRONLY);

	igt_assert_eq(__zcgem_try_range(fd, reader, 0, size, 0), -EACCES);
	igt_assert_eq(__zcgem_try_range(fd, reader, 0, size, DRM_ZCGEM_WRAP_READONLY), 0);
	/* what can be written through an object can be read, too */
	igt_assert_eq(__zcgem_try_range(fd, writer, 0, size, 0), -EACCES);
	igt_assert_eq(__zcgem_try_range(fd, writer, 0, size, DRM_ZCGEM_WRAP_READONLY),
		      -EACCES);
	igt_assert_eq(__zcgem_try_range(fd, memfd, 0, size, 0), 0);

	close(writer);
	close(reader);
	close(memfd);
}

static struct drm_zcgem_gem_wrap_memfd wrap_arg(const void *ranges,
						uint32_t stride, uint32_t count)
{
	return (struct drm_zcgem_gem_wrap_memfd) {
		.ranges = {
			.stride = stride,
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
	};
}

static void expect_wrap(int fd, struct drm_zcgem_gem_wrap_memfd arg, int err)
{
	int ret = igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &arg) ? errno : 0;

	igt_assert_f(ret == err, "stride %u count %u flags %#x: %d, expected %d\n",
		     arg.ranges.stride, arg.ranges.count, arg.flags, ret, err);
	if (!ret)
		gem_close(fd, arg.handle);
	errno = 0;
}

static void test_bad_flags(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = PAGES(4) };
	struct drm_zcgem_gem_wrap_memfd arg;
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		if (1u << bit == DRM_ZCGEM_WRAP_READONLY)
			continue;
		arg = wrap_arg(&range, sizeof(range), 1);
		arg.flags = 1u << bit;
		expect_wrap(fd, arg, EINVAL);
		arg.flags |= DRM_ZCGEM_WRAP_READONLY;
		expect_wrap(fd, arg, EINVAL);
	}
	for (bit = 0; bit < 32; bit++) {
		range.pad = 1u << bit;
		expect_wrap(fd, wrap_arg(&range, sizeof(range), 1), EINVAL);
	}
	close(memfd);
}

static void test_bad_pointer(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range *ranges;
	const uint32_t stride = sizeof(*ranges);
	char *map;

	expect_wrap(fd, wrap_arg(NULL, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)0xffff888000000000, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)0x7ffffffff000, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)-8l, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)-8l, stride, 65536), EFAULT);

	map = mmap(NULL, PAGES(2), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(map != MAP_FAILED);
	munmap(map + PAGES(1), PAGES(1));
	expect_wrap(fd, wrap_arg(map + PAGES(1), stride, 1), EFAULT);
	/* ends in the middle of an element, and after a good one */
	expect_wrap(fd, wrap_arg(map + PAGES(1) - 16, stride, 1), EFAULT);
	ranges = (void *)(map + PAGES(1) - stride);
	ranges->fd = memfd;
	ranges->size = PAGES(4);
	expect_wrap(fd, wrap_arg(ranges, stride, 2), EFAULT);
	expect_wrap(fd, wrap_arg(ranges, stride, 1), 0);

	igt_assert_eq(mprotect(map, PAGES(1), PROT_NONE), 0);
	expect_wrap(fd, wrap_arg(ranges, stride, 1), EFAULT);

	munmap(map, PAGES(1));
	close(memfd);
}

static void test_bad_stride(int fd)
{
	static const uint32_t bad[] = {
		0, 1, 7, 12, 4097, 4104, 8192, 0x80000000, 0xfffffff8, 0xffffffff,
	};
	/* shorter than a range ever was: the size is zero, so the range is empty */
	static const uint32_t shorter[] = { 8, 16 };
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range *ranges = calloc(1, 2 * 8192);
	unsigned int i;

	igt_assert(ranges);
	ranges->fd = memfd;
	ranges->size = PAGES(4);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_wrap(fd, wrap_arg(ranges, bad[i], 1), EINVAL);
	for (i = 0; i < ARRAY_SIZE(shorter); i++)
		expect_wrap(fd, wrap_arg(ranges, shorter[i], 1), EINVAL);

	/* as long as a range was in the first version */
	expect_wrap(fd, wrap_arg(ranges, 24, 1), 0);

	expect_wrap(fd, wrap_arg(ranges, sizeof(*ranges), 0), EINVAL);
	expect_wrap(fd, wrap_arg(NULL, sizeof(*ranges), 0), EINVAL);
	expect_wrap(fd, wrap_arg(ranges, sizeof(*ranges), 1), 0);
	free(ranges);
	close(memfd);
}

static void test_longer_elements(int fd)
{
	const uint32_t known = sizeof(struct drm_zcgem_memfd_range);
	const uint32_t strides[] = { known + 8, known + 16, 256, 4088, 4096 };
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	char *list = calloc(3, 4096);
	unsigned int i, n;

	igt_assert(list);
	for (i = 0; i < ARRAY_SIZE(strides); i++) {
		memset(list, 0, 3 * 4096);
		for (n = 0; n < 3; n++) {
			struct drm_zcgem_memfd_range *range =
				(void *)(list + n * strides[i]);

			range->fd = memfd;
			range->offset = PAGES(n);
			range->size = PAGES(1);
		}
		expect_wrap(fd, wrap_arg(list, strides[i], 3), 0);

		/* one byte of the tail, of the first and of the last element */
		list[known] = 1;
		expect_wrap(fd, wrap_arg(list, strides[i], 3), E2BIG);
		list[known] = 0;
		list[3 * strides[i] - 1] = 1;
		expect_wrap(fd, wrap_arg(list, strides[i], 3), E2BIG);
		list[3 * strides[i] - 1] = 0;
		expect_wrap(fd, wrap_arg(list, strides[i], 3), 0);
	}
	free(list);
	close(memfd);
}

static void test_bad_last_range(int fd)
{
	const uint32_t count = 100;
	int memfd = zcgem_memfd(PAGES(count), F_SEAL_SHRINK);
	int unsealed = zcgem_memfd(PAGES(count), 0);
	int sealed = zcgem_memfd(PAGES(count), F_SEAL_SHRINK | F_SEAL_WRITE);
	int reader = zcgem_reopen(memfd, O_RDONLY);
	int zero = open("/dev/zero", O_RDWR);
	const struct {
		struct drm_zcgem_memfd_range range;
		int err;
	} last[] = {
		{ { .fd = memfd, .size = 0 }, EINVAL },
		{ { .fd = memfd, .offset = 8, .size = PAGES(1) }, EINVAL },
		{ { .fd = memfd, .offset = PAGES(count), .size = PAGES(1) }, EINVAL },
		{ { .fd = memfd, .size = PAGES(1), .pad = 1 }, EINVAL },
		{ { .fd = unsealed, .size = PAGES(1) }, EINVAL },
		{ { .fd = sealed, .size = PAGES(1) }, EPERM },
		{ { .fd = reader, .size = PAGES(1) }, EACCES },
		{ { .fd = zero, .size = PAGES(1) }, EBADFD },
		{ { .fd = -1, .size = PAGES(1) }, EBADF },
	};
	struct drm_zcgem_memfd_range *ranges = zcgem_scattered_pages(memfd, count, count);
	uint32_t handle;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(last); i++) {
		ranges[count - 1] = last[i].range;
		igt_assert_eq(__zcgem_wrap(fd, ranges, count, 0, &handle),
			      -last[i].err);
	}

	/* none of them may go on counting as a writer of the memfd */
	igt_assert_eq(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), 0);

	free(ranges);
	close(zero);
	close(reader);
	close(sealed);
	close(unsealed);
	close(memfd);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("One range more is refused (class 2)");
	igt_subtest("too-many-ranges")
		zcgem_run_refused(fd, test_too_many_ranges);

	igt_describe("Offsets and sizes that are not whole pages are refused");
	igt_subtest("bad-alignment")
		zcgem_run_refused(fd, test_bad_alignment);

	igt_describe("Empty ranges, ranges that wrap around and ranges past the end are refused (class 2)");
	igt_subtest("bad-range")
		zcgem_run_refused(fd, test_bad_range);

	igt_describe("A sum of sizes that is too large is refused (class 2)");
	igt_subtest("bad-total")
		zcgem_run_refused(fd, test_bad_total);

	igt_describe("Only memfds are taken (class 5)");
	igt_subtest("bad-file")
		zcgem_run_refused(fd, test_bad_file);

	igt_describe("Descriptors that are not open are refused (class 5)");
	igt_subtest("bad-descriptor")
		zcgem_run_refused(fd, test_bad_descriptor);

	igt_describe("A memfd that may shrink, or that may not be written, is refused (class 5)");
	igt_subtest("bad-seals")
		zcgem_run_refused(fd, test_bad_seals);

	igt_describe("A read-only object keeps F_SEAL_WRITE away while it is resident, and no longer (class 5)");
	igt_subtest("seal-beside-readonly")
		zcgem_run_counted(fd, test_seal_beside_readonly);

	igt_describe("A descriptor gives no more access than it has (class 5)");
	igt_subtest("bad-access")
		zcgem_run_refused(fd, test_bad_access);

	igt_describe("Unknown flags and padding that is not zero are refused (class 15)");
	igt_subtest("bad-flags")
		zcgem_run_refused(fd, test_bad_flags);

	igt_describe("A list that cannot be read gives EFAULT (class 3)");
	igt_subtest("bad-pointer")
		zcgem_run_refused(fd, test_bad_pointer);

	igt_describe("Strides and counts that make no sense are refused");
	igt_subtest("bad-stride")
		zcgem_run_refused(fd, test_bad_stride);

	igt_describe("Elements longer than the driver knows are taken if their tail is zero (class 15)");
	igt_subtest("longer-elements")
		zcgem_run_refused(fd, test_longer_elements);

	igt_describe("A list that is good but for its last range leaves nothing behind (class 3)");
	igt_subtest("bad-last-range")
		zcgem_run_refused(fd, test_bad_last_range);

	igt_fixture()
		drm_close_driver(fd);
}
