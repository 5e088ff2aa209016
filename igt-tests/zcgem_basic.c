// SPDX-License-Identifier: MIT
/*
 * The zcgem driver's ioctls as such: parameters, objects of the driver's own
 * pages, handles, and what the kernel answers to calls that make no sense.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
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
 * Description: Check the zcgem ioctls, their errors, and that nothing is left.
 *
 * SUBTEST: version
 * Description: The driver says its name.
 *
 * SUBTEST: layout
 * Description: 64-bit and 32-bit callers see the same structures.
 *
 * SUBTEST: get-param
 * Description: Every parameter has a value that makes sense.
 *
 * SUBTEST: get-param-bad
 * Description: Unknown parameters and padding that is not zero are refused.
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
 * SUBTEST: bad-pointer
 * Description: An argument that cannot be read or written gives EFAULT.
 *
 * SUBTEST: unknown-ioctl
 * Description: Numbers that the driver does not have are refused.
 *
 * SUBTEST: struct-sizes
 * Description: Callers with shorter and longer structures are served.
 *
 * SUBTEST: compat-ioctl
 * Description: The same calls work through the 32-bit entry.
 *
 * SUBTEST: render-node-permissions
 * Description: The render node refuses what only the card node may do.
 *
 * SUBTEST: card-node
 * Description: The ioctls work on the card node, too.
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

IGT_TEST_DESCRIPTION("Check the zcgem ioctls, their errors, and that nothing is left");

#define SAME_LAYOUT(type, field, at) \
	_Static_assert(offsetof(struct type, field) == (at), #type "." #field)
#define SAME_SIZE(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), #type)

/* The numbers are the uAPI: what a 32-bit caller was compiled with for ever. */
SAME_SIZE(drm_zcgem_array, 16);
SAME_LAYOUT(drm_zcgem_array, stride, 0);
SAME_LAYOUT(drm_zcgem_array, count, 4);
SAME_LAYOUT(drm_zcgem_array, pointer, 8);

SAME_SIZE(drm_zcgem_get_param, 16);
SAME_LAYOUT(drm_zcgem_get_param, param, 0);
SAME_LAYOUT(drm_zcgem_get_param, pad, 4);
SAME_LAYOUT(drm_zcgem_get_param, value, 8);

SAME_SIZE(drm_zcgem_gem_create, 16);
SAME_LAYOUT(drm_zcgem_gem_create, size, 0);
SAME_LAYOUT(drm_zcgem_gem_create, flags, 8);
SAME_LAYOUT(drm_zcgem_gem_create, handle, 12);

SAME_SIZE(drm_zcgem_memfd_range, 32);
SAME_LAYOUT(drm_zcgem_memfd_range, fd, 0);
SAME_LAYOUT(drm_zcgem_memfd_range, pad, 4);
SAME_LAYOUT(drm_zcgem_memfd_range, offset, 8);
SAME_LAYOUT(drm_zcgem_memfd_range, size, 16);
SAME_LAYOUT(drm_zcgem_memfd_range, watch_address, 24);

SAME_SIZE(drm_zcgem_gem_wrap_memfd, 32);
SAME_LAYOUT(drm_zcgem_gem_wrap_memfd, ranges, 0);
SAME_LAYOUT(drm_zcgem_gem_wrap_memfd, flags, 16);
SAME_LAYOUT(drm_zcgem_gem_wrap_memfd, handle, 20);
SAME_LAYOUT(drm_zcgem_gem_wrap_memfd, size, 24);

SAME_SIZE(drm_zcgem_gem_mmap_offset, 16);
SAME_LAYOUT(drm_zcgem_gem_mmap_offset, handle, 0);
SAME_LAYOUT(drm_zcgem_gem_mmap_offset, pad, 4);
SAME_LAYOUT(drm_zcgem_gem_mmap_offset, offset, 8);

/* GEM_INFO may grow at its end: only what there is has to stay in place. */
_Static_assert(sizeof(struct drm_zcgem_gem_info) >= 296, "drm_zcgem_gem_info");
_Static_assert(sizeof(struct drm_zcgem_gem_info) % 8 == 0, "drm_zcgem_gem_info");
SAME_LAYOUT(drm_zcgem_gem_info, handle, 0);
SAME_LAYOUT(drm_zcgem_gem_info, pad, 4);
SAME_LAYOUT(drm_zcgem_gem_info, size, 8);
SAME_LAYOUT(drm_zcgem_gem_info, backing, 16);
SAME_LAYOUT(drm_zcgem_gem_info, flags, 20);
SAME_LAYOUT(drm_zcgem_gem_info, resident, 24);
SAME_LAYOUT(drm_zcgem_gem_info, charged, 32);
SAME_LAYOUT(drm_zcgem_gem_info, pins, 40);
SAME_LAYOUT(drm_zcgem_gem_info, mappings, 48);
SAME_LAYOUT(drm_zcgem_gem_info, attachments, 56);
SAME_LAYOUT(drm_zcgem_gem_info, faults_pte, 64);
SAME_LAYOUT(drm_zcgem_gem_info, faults_pmd, 72);
SAME_LAYOUT(drm_zcgem_gem_info, faults_pud, 80);
SAME_LAYOUT(drm_zcgem_gem_info, evictions, 88);
SAME_LAYOUT(drm_zcgem_gem_info, extents, 96);
SAME_LAYOUT(drm_zcgem_gem_info, extents_by_order, 104);

static void test_version(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);

	igt_assert(version);
	igt_assert_f(!strcmp(version->name, "zcgem"), "name '%s'\n",
		     version->name);
	igt_assert_neq(version->desc_len, 0);
	drmFreeVersion(version);
}

static void test_layout(int fd)
{
	(void)fd;

	/* the offsets are checked by the compiler, the numbers here */
	igt_assert_eq_u32(DRM_IOCTL_ZCGEM_GET_PARAM, 0xc0106440);
	igt_assert_eq_u32(DRM_IOCTL_ZCGEM_GEM_CREATE, 0xc0106441);
	igt_assert_eq_u32(DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, 0xc0206442);
	igt_assert_eq_u32(DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, 0xc0106444);
	igt_assert_eq_u32(DRM_IOCTL_ZCGEM_GEM_INFO & 0xc000ffff, 0xc0006445);
}

static void test_get_param(int fd)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	uint64_t backings = zcgem_get_param(fd, DRM_ZCGEM_PARAM_BACKINGS);
	const uint64_t needed = (1u << DRM_ZCGEM_BACKING_POOL) |
				(1u << DRM_ZCGEM_BACKING_MEMFD);

	igt_assert_lte_u64(1, zcgem_get_param(fd, DRM_ZCGEM_PARAM_UAPI_VERSION));
	igt_assert_lte_u64(65536, zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES));
	igt_assert_lte_u64(1ull << 30, zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE));
	igt_assert_eq_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE) %
			  ZCGEM_PAGE, 0);
	igt_assert_eq_u64(backings & needed, needed);
	igt_assert_eq_u64(leaves & 4096, 4096);
	igt_assert_eq_u64(leaves & ~(4096ull | 2097152 | 1073741824), 0);
	igt_assert_lte_u64(zcgem_get_param(fd, DRM_ZCGEM_PARAM_LIVE_INVALIDATION),
			   1);
}

static void test_get_param_bad(int fd)
{
	static const uint32_t unknown[] = { 0x1000, 0x80000000, 0xffffffff };
	struct drm_zcgem_get_param arg;
	uint64_t value;
	unsigned int bit, i;

	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		igt_assert_eq(__zcgem_get_param(fd, unknown[i], &value), -EINVAL);

	for (bit = 0; bit < 32; bit++) {
		memset(&arg, 0, sizeof(arg));
		arg.param = DRM_ZCGEM_PARAM_UAPI_VERSION;
		arg.pad = 1u << bit;
		do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &arg, EINVAL);
	}
}

static void test_create_sizes(int fd)
{
	static const uint64_t sizes[] = {
		1, 4095, 4096, 4097, 8192, 65536 + 1, ZCGEM_HUGE - 1,
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
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_WC, DRM_ZCGEM_INFO_WC);

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

static const unsigned long all_ioctls[] = {
	DRM_IOCTL_ZCGEM_GET_PARAM,
	DRM_IOCTL_ZCGEM_GEM_CREATE,
	DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD,
	DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET,
	DRM_IOCTL_ZCGEM_GEM_INFO,
};

static void test_bad_pointer(int fd)
{
	struct drm_zcgem_gem_create *create;
	char *page;
	unsigned int i;

	page = mmap(NULL, 2 * ZCGEM_PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(page != MAP_FAILED);
	munmap(page + ZCGEM_PAGE, ZCGEM_PAGE);

	for (i = 0; i < ARRAY_SIZE(all_ioctls); i++) {
		do_ioctl_err(fd, all_ioctls[i], NULL, EFAULT);
		/* the last 8 bytes of what is there, and a kernel address */
		do_ioctl_err(fd, all_ioctls[i], page + ZCGEM_PAGE - 8, EFAULT);
		do_ioctl_err(fd, all_ioctls[i], (void *)-4096l, EFAULT);
	}

	/* can be read, but not written: the object must go with the client */
	create = (void *)page;
	create->size = ZCGEM_PAGE;
	igt_assert_eq(mprotect(page, ZCGEM_PAGE, PROT_READ), 0);
	do_ioctl_err(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, create, EFAULT);

	igt_assert_eq(mprotect(page, ZCGEM_PAGE, PROT_NONE), 0);
	for (i = 0; i < ARRAY_SIZE(all_ioctls); i++)
		do_ioctl_err(fd, all_ioctls[i], page, EFAULT);

	munmap(page, ZCGEM_PAGE);
}

static void test_unknown_ioctl(int fd)
{
	uint64_t arg[32] = {};

	do_ioctl_err(fd, DRM_IOWR(DRM_COMMAND_BASE + 0x5f, uint64_t), arg, EINVAL);
	do_ioctl_err(fd, DRM_IO(DRM_COMMAND_BASE + 0x5f), arg, EINVAL);
	do_ioctl_err(fd, _IOWR('Z', 0x40, uint64_t), arg, ENOTTY);
}

static void test_struct_sizes(int fd)
{
	struct {
		struct drm_zcgem_get_param arg;
		uint64_t tail[2];
	} longer = { .tail = { 0x1122334455667788, 0x99aabbccddeeff00 } };
	union {
		struct drm_zcgem_get_param arg;
		uint64_t words[2];
	} shorter;
	union {
		struct drm_zcgem_gem_info arg;
		uint64_t words[sizeof(struct drm_zcgem_gem_info) / 8];
	} info;
	uint32_t handle;
	unsigned int i;

	/* a client newer than the driver: what it does not know stays */
	longer.arg.param = DRM_ZCGEM_PARAM_MAX_RANGES;
	do_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GET_PARAM, longer),
		 &longer);
	igt_assert_eq_u64(longer.arg.value,
			  zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES));
	igt_assert_eq_u64(longer.tail[0], 0x1122334455667788);
	igt_assert_eq_u64(longer.tail[1], 0x99aabbccddeeff00);

	/* a client older than the driver: nothing after its end is touched */
	memset(&shorter, 0xa5, sizeof(shorter));
	shorter.arg.param = DRM_ZCGEM_PARAM_MAX_RANGES;
	shorter.arg.pad = 0;
	do_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GET_PARAM, uint64_t),
		 &shorter);
	igt_assert_eq_u64(shorter.words[1], 0xa5a5a5a5a5a5a5a5);

	handle = zcgem_create(fd, 3 * ZCGEM_PAGE, 0);
	memset(&info, 0xa5, sizeof(info));
	info.arg.handle = handle;
	info.arg.pad = 0;
	do_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ZCGEM_GEM_INFO, uint64_t[2]),
		 &info);
	igt_assert_eq_u64(info.arg.size, 3 * ZCGEM_PAGE);
	for (i = 2; i < ARRAY_SIZE(info.words); i++)
		igt_assert_eq_u64(info.words[i], 0xa5a5a5a5a5a5a5a5);
}

#ifdef __x86_64__
/* ioctl() as a 32-bit process makes it: int 0x80, number 54 of that table */
static int ioctl32(int fd, uint32_t request, void *arg)
{
	long ret;

	asm volatile("int $0x80"
		     : "=a" (ret)
		     : "a" (54l), "b" ((long)fd), "c" ((long)request),
		       "d" (arg)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void test_compat_ioctl(int fd)
{
	struct {
		struct drm_zcgem_get_param param;
		struct drm_zcgem_gem_create create;
		struct drm_zcgem_memfd_range ranges[2];
		struct drm_zcgem_gem_wrap_memfd wrap;
		struct drm_zcgem_gem_mmap_offset offset;
		struct drm_zcgem_gem_info info;
	} *low;
	int memfd = zcgem_memfd(4 * ZCGEM_PAGE, F_SEAL_SHRINK);
	int ret;

	low = mmap(NULL, ZCGEM_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	igt_assert(low != MAP_FAILED);

	low->param.param = DRM_ZCGEM_PARAM_MAX_SIZE;
	ret = ioctl32(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &low->param);
	igt_require_f(ret != -ENOSYS, "the kernel has no 32-bit system calls\n");
	igt_assert_eq(ret, 0);
	igt_assert_eq_u64(low->param.value,
			  zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE));

	low->create.size = 5 * ZCGEM_PAGE;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &low->create), 0);
	low->info.handle = low->create.handle;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_INFO, &low->info), 0);
	igt_assert_eq_u64(low->info.size, 5 * ZCGEM_PAGE);

	low->ranges[0].fd = memfd;
	low->ranges[0].offset = 3 * ZCGEM_PAGE;
	low->ranges[0].size = ZCGEM_PAGE;
	low->ranges[1].fd = memfd;
	low->ranges[1].size = 2 * ZCGEM_PAGE;
	low->wrap.ranges.stride = sizeof(low->ranges[0]);
	low->wrap.ranges.count = 2;
	low->wrap.ranges.pointer = (uintptr_t)low->ranges;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &low->wrap), 0);
	igt_assert_eq_u64(low->wrap.size, 3 * ZCGEM_PAGE);

	low->offset.handle = low->wrap.handle;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &low->offset), 0);
	igt_assert_eq_u64(low->offset.offset,
			  zcgem_mmap_offset(fd, low->wrap.handle));

	low->param.pad = 1;
	igt_assert_eq(ioctl32(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &low->param), -EINVAL);

	munmap(low, ZCGEM_PAGE);
	close(memfd);
}
#else
static void test_compat_ioctl(int fd)
{
	(void)fd;
	igt_skip("the test knows the 32-bit entry of x86-64 only\n");
}
#endif

static void test_render_node_permissions(int fd)
{
	struct drm_mode_create_dumb dumb = {
		.width = 16, .height = 16, .bpp = 32,
	};
	struct drm_gem_flink flink = {};
	struct stat st;

	igt_assert_eq(fstat(fd, &st), 0);
	igt_assert(S_ISCHR(st.st_mode));
	igt_assert_eq(drmGetNodeTypeFromFd(fd), DRM_NODE_RENDER);

	do_ioctl_err(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb, EACCES);
	flink.handle = zcgem_create(fd, ZCGEM_PAGE, 0);
	do_ioctl_err(fd, DRM_IOCTL_GEM_FLINK, &flink, EACCES);
}

static void test_card_node(int fd)
{
	const uint64_t size = 4 * ZCGEM_PAGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int card = zcgem_open_card();
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	void *map;

	igt_assert_eq(drmGetNodeTypeFromFd(card), DRM_NODE_PRIMARY);
	igt_assert_eq_u64(zcgem_get_param(card, DRM_ZCGEM_PARAM_MAX_SIZE),
			  zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_SIZE));

	handle = zcgem_create(card, size, 0);
	gem_close(card, handle);

	handle = zcgem_wrap_memfd(card, memfd, 0, size, 0);
	zcgem_info(card, handle, &info);
	igt_assert_eq_u64(info.size, size);
	map = zcgem_mmap(card, handle, size, PROT_READ | PROT_WRITE);
	zcgem_fill(map, size, 1);
	munmap(map, size);

	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(map, size, 1);
	munmap(map, size);

	close(card);
	zcgem_release_memfd(memfd);
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

	igt_describe("The driver says its name");
	igt_subtest("version")
		zcgem_run_counted(fd, test_version);

	igt_describe("64-bit and 32-bit callers see the same structures");
	igt_subtest("layout")
		zcgem_run_counted(fd, test_layout);

	igt_describe("Every parameter has a value that makes sense");
	igt_subtest("get-param")
		zcgem_run_counted(fd, test_get_param);

	igt_describe("Unknown parameters and padding that is not zero are refused");
	igt_subtest("get-param-bad")
		zcgem_run_refused(fd, test_get_param_bad);

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

	igt_describe("An argument that cannot be read or written gives EFAULT");
	igt_subtest("bad-pointer")
		zcgem_run_counted(fd, test_bad_pointer);

	igt_describe("Numbers that the driver does not have are refused");
	igt_subtest("unknown-ioctl")
		zcgem_run_counted(fd, test_unknown_ioctl);

	igt_describe("Callers with shorter and longer structures are served");
	igt_subtest("struct-sizes")
		zcgem_run_counted(fd, test_struct_sizes);

	igt_describe("The same calls work through the 32-bit entry");
	igt_subtest("compat-ioctl")
		zcgem_run_counted(fd, test_compat_ioctl);

	igt_describe("The render node refuses what only the card node may do");
	igt_subtest("render-node-permissions")
		zcgem_run_counted(fd, test_render_node_permissions);

	igt_describe("The ioctls work on the card node, too");
	igt_subtest("card-node")
		zcgem_run_counted(fd, test_card_node);

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
