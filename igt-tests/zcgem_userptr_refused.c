// SPDX-License-Identifier: MIT
/*
 * Address ranges that cannot be wrapped: each is refused with the errno that the uapi
 * header names, and nothing is left behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_unfit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem userptr refused
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that unfit address ranges are refused.
 *
 * SUBTEST: bad-alignment
 * Description: Addresses and sizes that are not whole pages are refused.
 *
 * SUBTEST: bad-range
 * Description: Empty ranges, ranges that wrap around and sums that are too large are refused (class 2).
 *
 * SUBTEST: bad-address
 * Description: Addresses that are not mapped or not the caller's are refused.
 *
 * SUBTEST: bad-protection
 * Description: Memory that the caller may not write or read is refused.
 *
 * SUBTEST: bad-arguments
 * Description: Unknown flags, bad pointers, strides and counts are refused (class 3).
 *
 * SUBTEST: bad-last-range
 * Description: A list that is good but for its last range leaves nothing behind (class 3).
 *
 * SUBTEST: refused-file
 * Description: A shared mapping of a file of a file system is refused (class 10).
 *
 * SUBTEST: refused-ramfs
 * Description: A file system whose pages the kernel would let be pinned is refused all the same (class 10).
 *
 * SUBTEST: refused-pfnmap
 * Description: Mappings of bare frames are refused.
 *
 * SUBTEST: refused-zcgem
 * Description: Mappings of a zcgem object or of its dma-buf are refused.
 *
 * SUBTEST: refused-udmabuf
 * Description: Mappings of udmabuf's dma-bufs are refused.
 *
 * SUBTEST: refused-secret
 * Description: Secret memory is refused.
 *
 * SUBTEST: refused-dax
 * Description: Mappings of a DAX file are refused.
 */

IGT_TEST_DESCRIPTION("Check that unfit address ranges are refused");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)

/* Writable or not, this must be refused as memory that cannot be pinned. */
static void expect_refused(int fd, const void *address, uint64_t size)
{
	igt_assert_eq(__zcgem_try_address(fd, address, size, DRM_ZCGEM_WRAP_READONLY), -EFAULT);
	igt_assert_eq(__zcgem_try_address(fd, address, size, 0), -EFAULT);
}

static void test_bad_alignment(int fd)
{
	char *user = zcgem_anonymous(PAGES(4));
	const uint64_t odd[] = { 1, 8, 511, 2048, ZCGEM_PAGE - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(odd); i++) {
		igt_assert_eq(__zcgem_try_address(fd, user + odd[i], PAGES(1), 0), -EINVAL);
		igt_assert_eq(__zcgem_try_address(fd, user, odd[i], 0), -EINVAL);
		igt_assert_eq(__zcgem_try_address(fd, user, PAGES(1) + odd[i], 0), -EINVAL);
		igt_assert_eq(__zcgem_try_address(fd, user + odd[i], PAGES(2) - odd[i], 0),
			      -EINVAL);
	}
	igt_assert_eq(__zcgem_try_address(fd, user, PAGES(4), 0), 0);
	munmap(user, PAGES(4));
}

static void test_bad_range(int fd)
{
	const uint64_t max = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE);
	char *user = zcgem_anonymous(PAGES(4));
	struct drm_zcgem_userptr_range ranges[4];
	uint32_t handle;
	unsigned int i;

	igt_assert_eq(__zcgem_try_address(fd, user, 0, 0), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, NULL, 0, 0), -EINVAL);
	/* these wrap around, to zero and beyond */
	igt_assert_eq(__zcgem_try_address(fd, (void *)-4096l, PAGES(1), 0), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, (void *)-4096l, PAGES(2), 0), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, user, -PAGES(1), 0), -EINVAL);
	igt_assert_eq(__zcgem_try_address(fd, user, -(uint64_t)(uintptr_t)user, 0), -EINVAL);

	igt_assert_eq(__zcgem_try_address(fd, NULL, max + PAGES(1), 0), -EFBIG);
	igt_assert_eq(__zcgem_try_address(fd, user, 1ull << 63, 0), -EFBIG);
	for (i = 0; i < 4; i++)
		ranges[i] = zcgem_address_range(NULL, (max / 4 / ZCGEM_PAGE + 1) * ZCGEM_PAGE);
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 4, 0, &handle), -EFBIG);
	/* these four come to 2^64, which is zero */
	for (i = 0; i < 4; i++)
		ranges[i] = zcgem_address_range(NULL, 1ull << 62);
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 4, 0, &handle), -EFBIG);
	munmap(user, PAGES(4));
}

static void test_bad_address(int fd)
{
	zcgem_refuse_addresses(fd, 0);
}

static void test_bad_protection(int fd)
{
	zcgem_refuse_protection(fd, 0);
}

static struct drm_zcgem_gem_wrap_userptr wrap_arg(const void *ranges,
						  uint32_t stride, uint32_t count)
{
	return (struct drm_zcgem_gem_wrap_userptr) {
		.ranges = {
			.stride = stride,
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
	};
}

static void expect_wrap(int fd, struct drm_zcgem_gem_wrap_userptr arg, int err)
{
	int ret = igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &arg) ? errno : 0;

	igt_assert_f(ret == err, "stride %u count %u flags %#x: %d, expected %d\n",
		     arg.ranges.stride, arg.ranges.count, arg.flags, ret, err);
	if (!ret)
		gem_close(fd, arg.handle);
	errno = 0;
}

static void test_bad_arguments(int fd)
{
	static const uint32_t strides[] = {
		0, 1, 7, 12, 4097, 4104, 0x80000000, 0xfffffff8, 0xffffffff,
	};
	char *user = zcgem_anonymous(PAGES(4)), *list;
	struct drm_zcgem_userptr_range *ranges;
	const uint32_t stride = sizeof(*ranges);
	struct drm_zcgem_gem_wrap_userptr arg;
	unsigned int i;

	list = zcgem_anonymous(PAGES(2));
	ranges = (void *)list;
	ranges[0] = zcgem_address_range(user, PAGES(4));

	for (i = 0; i < 32; i++) {
		arg = wrap_arg(ranges, stride, 1);
		if ((1u << i) & (DRM_ZCGEM_WRAP_READONLY | DRM_ZCGEM_WRAP_SVM))
			continue;
		arg.flags = 1u << i;
		expect_wrap(fd, arg, EINVAL);
		arg.flags |= DRM_ZCGEM_WRAP_READONLY;
		expect_wrap(fd, arg, EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(strides); i++)
		expect_wrap(fd, wrap_arg(ranges, strides[i], 1), EINVAL);
	expect_wrap(fd, wrap_arg(ranges, stride, 0), EINVAL);
	/* cut off before the size, which is zero then */
	expect_wrap(fd, wrap_arg(ranges, 8, 1), EINVAL);
	expect_wrap(fd, wrap_arg(ranges, stride, 65537), E2BIG);
	expect_wrap(fd, wrap_arg(ranges, stride, 0xffffffff), E2BIG);

	expect_wrap(fd, wrap_arg(NULL, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)0xffff888000000000, stride, 1), EFAULT);
	expect_wrap(fd, wrap_arg((void *)-8l, stride, 65536), EFAULT);
	munmap(list + PAGES(1), PAGES(1));
	ranges = (void *)(list + PAGES(1) - stride);
	*ranges = zcgem_address_range(user, PAGES(4));
	expect_wrap(fd, wrap_arg(ranges, stride, 2), EFAULT);
	expect_wrap(fd, wrap_arg(ranges, stride, 1), 0);

	/* elements with a tail of zeroes, and with another */
	ranges = (void *)list;
	ranges[1] = (struct drm_zcgem_userptr_range) {};
	expect_wrap(fd, wrap_arg(ranges, 2 * stride, 1), 0);
	list[2 * stride - 1] = 1;
	expect_wrap(fd, wrap_arg(ranges, 2 * stride, 1), E2BIG);
	munmap(list, PAGES(1));
	munmap(user, PAGES(4));
}

static void test_bad_last_range(int fd)
{
	const uint32_t count = 600;
	char *user = zcgem_anonymous(PAGES(count)), *reader = zcgem_anonymous(PAGES(1));
	struct drm_zcgem_userptr_range *ranges = calloc(count, sizeof(*ranges));
	const struct {
		struct drm_zcgem_userptr_range range;
		int err;
	} last[] = {
		{ zcgem_address_range(user, 0), EINVAL },
		{ zcgem_address_range(user + 8, PAGES(1)), EINVAL },
		{ zcgem_address_range(NULL, PAGES(1)), EFAULT },
		{ zcgem_address_range(reader, PAGES(1)), EFAULT },
		{ zcgem_address_range((void *)0xffff888000000000, PAGES(1)), EFAULT },
		{ zcgem_address_range(user, 1ull << 62), EFBIG },
	};
	uint32_t handle, i;

	igt_assert(ranges);
	igt_assert_eq(mprotect(reader, PAGES(1), PROT_READ), 0);
	for (i = 0; i < count; i++)
		ranges[i] = zcgem_address_range(user + PAGES(i), PAGES(1));
	for (i = 0; i < ARRAY_SIZE(last); i++) {
		ranges[count - 1] = last[i].range;
		igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, count, 0, &handle),
			      -last[i].err);
	}
	free(ranges);
	munmap(reader, PAGES(1));
	munmap(user, PAGES(count));
}

/* A file of a file system that has a disk or a server behind it: the program itself. */
static void test_refused_file(int fd)
{
	int file = open("/proc/self/exe", O_RDONLY);
	char *user, *list;
	struct drm_zcgem_userptr_range ranges[3];
	uint32_t handle;

	igt_assert_fd(file);
	user = mmap(NULL, PAGES(4), PROT_READ, MAP_SHARED, file, 0);
	igt_assert(user != MAP_FAILED);
	expect_refused(fd, user, PAGES(1));
	/* in the page cache already, and with good memory on both sides */
	igt_assert(!memcmp(user, "\177ELF", 4));
	expect_refused(fd, user, PAGES(4));
	list = zcgem_anonymous(PAGES(2));
	ranges[0] = zcgem_address_range(list, PAGES(1));
	ranges[1] = zcgem_address_range(user, PAGES(1));
	ranges[2] = zcgem_address_range(list + PAGES(1), PAGES(1));
	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, 3, DRM_ZCGEM_WRAP_READONLY,
					   &handle), -EFAULT);
	munmap(list, PAGES(2));
	munmap(user, PAGES(4));
	close(file);
}

static void test_refused_ramfs(int fd)
{
	zcgem_refuse_ramfs(fd, expect_refused);
}

static void test_refused_pfnmap(int fd)
{
	igt_require_f(zcgem_refuse_frames(fd, expect_refused),
		      "neither [vvar] nor /dev/mem can be mapped\n");
}

static void test_refused_zcgem(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	char *user = zcgem_huge_anonymous(size), *object, *export;
	uint32_t handles[2], i;
	int dmabuf;

	/* by huge entries and by small ones, touched and not */
	handles[0] = zcgem_wrap_address(fd, user, size, 0);
	handles[1] = zcgem_create(fd, size, DRM_ZCGEM_CREATE_WC);
	for (i = 0; i < 2; i++) {
		object = zcgem_mmap(fd, handles[i], size, RW);
		expect_refused(fd, object, PAGES(1));
		zcgem_mark_all(object, size, 1);
		expect_refused(fd, object, size);
		expect_refused(fd, object + PAGES(77), PAGES(1));
		dmabuf = zcgem_export(fd, handles[i]);
		export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
		igt_assert(export != MAP_FAILED);
		zcgem_check_marks(export, size, 1);
		expect_refused(fd, export, size);
		munmap(export, size);
		munmap(object, size);
		close(dmabuf);
	}
	munmap(user, size);
}

static void test_refused_udmabuf(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	struct udmabuf_create create = { .memfd = memfd, .size = size };
	int device = open("/dev/udmabuf", O_RDWR), dmabuf;
	char *map;

	igt_require_f(device >= 0, "no /dev/udmabuf\n");
	dmabuf = ioctl(device, UDMABUF_CREATE, &create);
	igt_assert_fd(dmabuf);
	map = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	zcgem_mark_all(map, size, 1);
	expect_refused(fd, map, size);
	munmap(map, size);
	close(dmabuf);
	close(device);
	close(memfd);
}

static void test_refused_secret(int fd)
{
	zcgem_refuse_secret(fd, expect_refused);
}

#define PMEM	"/dev/pmem0"

/* Whether a device holds nothing that mkfs would destroy. */
static bool is_blank(const char *device)
{
	char *data = calloc(16, ZCGEM_PAGE);
	int file = open(device, O_RDONLY | O_CLOEXEC);
	bool blank = data && file >= 0 &&
		     pread(file, data, PAGES(16), 0) == (ssize_t)PAGES(16) &&
		     !data[0] && !memcmp(data, data + 1, PAGES(16) - 1);

	if (file >= 0)
		close(file);
	free(data);
	return blank;
}

/* Memory set aside as for a persistent one; what is a module nobody has asked for yet. */
static void mount_dax(const char *directory)
{
	igt_debug("modprobe: %d\n", system("modprobe -qa nd_e820 nd_pmem ext4"));
	igt_debug("udevadm: %d\n", system("udevadm settle"));
	igt_require_f(!access(PMEM, F_OK), "no " PMEM ": boot with memmap=SIZE!START\n");
	igt_require_f(is_blank(PMEM), PMEM " has somebody's data\n");
	igt_require_f(!system("mkfs.ext4 -q -b 4096 -O ^has_journal " PMEM), "no mkfs.ext4\n");
	igt_require_f(!mount(PMEM, directory, "ext4", 0, "dax=always"),
		      "cannot mount ext4 with dax: %m\n");
}

static void test_refused_dax(int fd)
{
	char directory[] = "/tmp/igt-zcgem-XXXXXX", name[64], *map;
	int file;

	igt_require_f(mkdtemp(directory), "no directory in /tmp: %m\n");
	mount_dax(directory);
	snprintf(name, sizeof(name), "%s/file", directory);
	file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	igt_assert_fd(file);
	igt_assert_eq(ftruncate(file, PAGES(4)), 0);
	map = mmap(NULL, PAGES(4), PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC,
		   file, 0);
	igt_assert_f(map != MAP_FAILED, "the file is not a DAX one: %m\n");
	zcgem_mark_all(map, PAGES(4), 1);
	igt_assert_eq(__zcgem_try_address(fd, map, PAGES(4), DRM_ZCGEM_WRAP_READONLY),
		      -EOPNOTSUPP);
	igt_assert_eq(__zcgem_try_address(fd, map, PAGES(4), 0), -EOPNOTSUPP);
	munmap(map, PAGES(4));
	close(file);
	/* nor has the refused call left a page in use */
	igt_assert_eq(umount(directory), 0);
	rmdir(directory);
	/* the next run wants a blank one */
	file = open(PMEM, O_WRONLY | O_CLOEXEC);
	igt_assert_fd(file);
	map = calloc(16, ZCGEM_PAGE);
	igt_assert_eq_u64(pwrite(file, map, PAGES(16), 0), PAGES(16));
	free(map);
	close(file);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Addresses and sizes that are not whole pages are refused");
	igt_subtest("bad-alignment")
		zcgem_run_refused(fd, test_bad_alignment);

	igt_describe("Empty ranges, ranges that wrap around and sums that are too large are refused (class 2)");
	igt_subtest("bad-range")
		zcgem_run_refused(fd, test_bad_range);

	igt_describe("Addresses that are not mapped or not the caller's are refused");
	igt_subtest("bad-address")
		zcgem_run_refused(fd, test_bad_address);

	igt_describe("Memory that the caller may not write or read is refused");
	igt_subtest("bad-protection")
		zcgem_run_refused(fd, test_bad_protection);

	igt_describe("Unknown flags, bad pointers, strides and counts are refused (class 3)");
	igt_subtest("bad-arguments")
		zcgem_run_refused(fd, test_bad_arguments);

	igt_describe("A list that is good but for its last range leaves nothing behind (class 3)");
	igt_subtest("bad-last-range")
		zcgem_run_refused(fd, test_bad_last_range);

	igt_describe("A shared mapping of a file of a file system is refused (class 10)");
	igt_subtest("refused-file")
		zcgem_run_refused(fd, test_refused_file);

	igt_describe("A file system whose pages the kernel would let be pinned is refused all the same (class 10)");
	igt_subtest("refused-ramfs")
		zcgem_run_refused(fd, test_refused_ramfs);

	igt_describe("Mappings of bare frames are refused");
	igt_subtest("refused-pfnmap")
		zcgem_run_refused(fd, test_refused_pfnmap);

	igt_describe("Mappings of a zcgem object or of its dma-buf are refused");
	igt_subtest("refused-zcgem")
		zcgem_run_counted(fd, test_refused_zcgem);

	igt_describe("Mappings of udmabuf's dma-bufs are refused");
	igt_subtest("refused-udmabuf")
		zcgem_run_refused(fd, test_refused_udmabuf);

	igt_describe("Secret memory is refused");
	igt_subtest("refused-secret")
		zcgem_run_refused(fd, test_refused_secret);

	igt_describe("Mappings of a DAX file are refused");
	igt_subtest("refused-dax")
		zcgem_run_refused(fd, test_refused_dax);

	igt_fixture()
		drm_close_driver(fd);
}
