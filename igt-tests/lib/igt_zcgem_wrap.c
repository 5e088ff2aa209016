// SPDX-License-Identifier: MIT
/*
 * Objects of address ranges and advice on objects, for tests of memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_zcgem_wrap.h"
#include "ioctl_wrappers.h"

#define WORDS	(ZCGEM_PAGE / sizeof(uint64_t))

/**
 * __zcgem_wrap_userptr:
 * @fd: zcgem descriptor
 * @ranges: address ranges
 * @count: number of @ranges
 * @flags: DRM_ZCGEM_WRAP flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_wrap_userptr(int fd, const struct drm_zcgem_userptr_range *ranges,
			 uint32_t count, uint32_t flags, uint32_t *handle)
{
	struct drm_zcgem_gem_wrap_userptr arg = {
		.ranges = {
			.stride = sizeof(*ranges),
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
		.flags = flags,
	};
	uint64_t sum = 0;
	uint32_t i;
	int err;

	err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &arg);
	if (err)
		return err;

	for (i = 0; i < count; i++)
		sum += ranges[i].size;
	igt_assert_eq_u64(arg.size, sum);
	*handle = arg.handle;
	return 0;
}

/**
 * zcgem_wrap_userptr:
 * @fd: zcgem descriptor
 * @ranges: address ranges
 * @count: number of @ranges
 * @flags: DRM_ZCGEM_WRAP flags
 *
 * Returns: The handle of a new object made of @ranges.
 */
uint32_t zcgem_wrap_userptr(int fd, const struct drm_zcgem_userptr_range *ranges,
			    uint32_t count, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap_userptr(fd, ranges, count, flags, &handle), 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

/**
 * zcgem_address_range:
 * @address: where it begins
 * @size: bytes
 *
 * Returns: An element of a list.
 */
struct drm_zcgem_userptr_range zcgem_address_range(const void *address, uint64_t size)
{
	return (struct drm_zcgem_userptr_range) {
		.address = (uintptr_t)address,
		.size = size,
	};
}

/**
 * __zcgem_wrap_address:
 * @fd: zcgem descriptor
 * @address: start of the only range
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_wrap_address(int fd, const void *address, uint64_t size,
			 uint32_t flags, uint32_t *handle)
{
	struct drm_zcgem_userptr_range range = {
		.address = (uintptr_t)address,
		.size = size,
	};

	return __zcgem_wrap_userptr(fd, &range, 1, flags, handle);
}

/**
 * zcgem_wrap_address:
 * @fd: zcgem descriptor
 * @address: start of the only range
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP flags
 *
 * Returns: The handle of a new object.
 */
uint32_t zcgem_wrap_address(int fd, const void *address, uint64_t size,
			    uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap_address(fd, address, size, flags, &handle), 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

/**
 * __zcgem_try_address:
 * @fd: zcgem descriptor
 * @address: where the range begins
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP_*
 *
 * Makes an object and closes it.
 *
 * Returns: 0 or -errno.
 */
int __zcgem_try_address(int fd, const void *address, uint64_t size, uint32_t flags)
{
	uint32_t handle;
	int err = __zcgem_wrap_address(fd, address, size, flags, &handle);

	if (!err)
		gem_close(fd, handle);
	return err;
}

/**
 * __zcgem_try_range:
 * @fd: zcgem descriptor
 * @memfd: a memfd
 * @offset: start in it, bytes
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP_*
 *
 * Makes an object and closes it.
 *
 * Returns: 0 or -errno.
 */
int __zcgem_try_range(int fd, int memfd, uint64_t offset, uint64_t size, uint32_t flags)
{
	struct drm_zcgem_memfd_range range = {
		.fd = memfd,
		.offset = offset,
		.size = size,
	};
	uint32_t handle;
	int err = __zcgem_wrap(fd, &range, 1, flags, &handle);

	if (!err)
		gem_close(fd, handle);
	return err;
}

/**
 * zcgem_scattered_pages:
 * @memfd: a memfd
 * @file_pages: its size, not a multiple of 37
 * @count: how many ranges
 *
 * Returns: Ranges of a page each, no two neighbours in order, to be freed.
 */
struct drm_zcgem_memfd_range *zcgem_scattered_pages(int memfd, uint32_t file_pages,
						    uint32_t count)
{
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	uint32_t i;

	igt_assert(ranges);
	for (i = 0; i < count; i++) {
		ranges[i].fd = memfd;
		ranges[i].offset = (uint64_t)i * 37 % file_pages * ZCGEM_PAGE;
		ranges[i].size = ZCGEM_PAGE;
	}
	return ranges;
}

/**
 * __zcgem_wrap_file:
 * @fd: zcgem descriptor
 * @memfd: a memfd
 * @size: bytes, from its start
 * @flags: DRM_ZCGEM_WRAP flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_wrap_file(int fd, int memfd, uint64_t size, uint32_t flags,
		      uint32_t *handle)
{
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };

	return __zcgem_wrap(fd, &range, 1, flags, handle);
}

/**
 * __zcgem_advise:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @advice: one of enum drm_zcgem_advice
 * @offset: start in the object, bytes
 * @size: bytes
 * @address: where @offset is mapped, or NULL
 *
 * Returns: 0 or -errno.
 */
int __zcgem_advise(int fd, uint32_t handle, uint32_t advice, uint64_t offset,
		   uint64_t size, const void *address)
{
	struct drm_zcgem_gem_advise arg = {
		.handle = handle,
		.advice = advice,
		.offset = offset,
		.size = size,
		.address = (uintptr_t)address,
	};

	return zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_ADVISE, &arg);
}

/**
 * zcgem_populate:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes of the object, from its start
 * @address: where it is mapped, or NULL
 */
void zcgem_populate(int fd, uint32_t handle, uint64_t size, const void *address)
{
	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0,
				     size, address), 0);
}

/**
 * __zcgem_evict:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes of the object
 *
 * Returns: 0 or -errno.
 */
int __zcgem_evict(int fd, uint32_t handle, uint64_t size)
{
	return __zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_EVICT, 0, size, NULL);
}

/**
 * zcgem_evict:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes of the object
 */
void zcgem_evict(int fd, uint32_t handle, uint64_t size)
{
	igt_assert_eq(__zcgem_evict(fd, handle, size), 0);
}

/**
 * __zcgem_revalidate:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes of the object
 *
 * Returns: 0 or -errno.
 */
int __zcgem_revalidate(int fd, uint32_t handle, uint64_t size)
{
	return __zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_REVALIDATE, 0, size,
			      NULL);
}

/**
 * zcgem_anonymous:
 * @size: bytes
 *
 * Returns: Private memory on 4 KiB pages, not touched yet.
 */
void *zcgem_anonymous(uint64_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert_f(map != MAP_FAILED, "%" PRIu64 " bytes of memory: %m\n", size);
	/* EINVAL where the kernel has no huge pages is as good */
	madvise(map, size, MADV_NOHUGEPAGE);
	return map;
}

/**
 * zcgem_shared_anonymous:
 * @size: bytes
 *
 * Returns: Memory that a child shares, a file of shmem without a name.
 */
void *zcgem_shared_anonymous(uint64_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert_f(map != MAP_FAILED, "%" PRIu64 " bytes of memory: %m\n", size);
	return map;
}

/**
 * zcgem_huge_anonymous:
 * @size: bytes, a multiple of 2 MiB
 *
 * The memory starts at a multiple of 2 MiB and has its pages. Whether they are
 * huge ones is for the test to look at: an object of them tells.
 *
 * Returns: Private memory, on transparent huge pages if there are any.
 */
void *zcgem_huge_anonymous(uint64_t size)
{
	uintptr_t start;
	char *map;

	map = mmap(NULL, size + ZCGEM_HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert_f(map != MAP_FAILED, "%" PRIu64 " bytes of memory: %m\n", size);

	start = ALIGN((uintptr_t)map, ZCGEM_HUGE);
	if (start > (uintptr_t)map)
		munmap(map, start - (uintptr_t)map);
	munmap((char *)start + size, (uintptr_t)map + ZCGEM_HUGE - start);

	igt_require_f(!madvise((void *)start, size, MADV_HUGEPAGE),
		      "the kernel has no transparent huge pages\n");
	for (uint64_t at = 0; at < size; at += ZCGEM_PAGE)
		((volatile char *)start)[at] = 1;
	return (void *)start;
}

/**
 * zcgem_mark:
 * @map: memory
 * @page: page in it
 * @value: what to write at both ends of the page
 */
void zcgem_mark(void *map, uint64_t page, uint64_t value)
{
	volatile uint64_t *words = map;

	words[page * WORDS] = value;
	words[page * WORDS + WORDS - 1] = ~value;
}

/**
 * zcgem_check_mark:
 * @map: memory
 * @page: page in it
 * @value: what zcgem_mark() was given
 */
void zcgem_check_mark(const void *map, uint64_t page, uint64_t value)
{
	const volatile uint64_t *words = map;
	uint64_t first = words[page * WORDS], last = words[page * WORDS + WORDS - 1];

	igt_assert_f(first == value && last == ~value,
		     "page %" PRIu64 ": %#" PRIx64 " %#" PRIx64 ", expected %#" PRIx64 "\n",
		     page, first, last, value);
}

/**
 * zcgem_mark_all:
 * @map: memory
 * @size: bytes
 * @value: mark of the first page; the others count up
 */
void zcgem_mark_all(void *map, uint64_t size, uint64_t value)
{
	uint64_t page;

	for (page = 0; page < size / ZCGEM_PAGE; page++)
		zcgem_mark(map, page, value + page);
}

/**
 * zcgem_check_marks:
 * @map: memory
 * @size: bytes
 * @value: what zcgem_mark_all() was given
 */
void zcgem_check_marks(const void *map, uint64_t size, uint64_t value)
{
	uint64_t page;

	for (page = 0; page < size / ZCGEM_PAGE; page++)
		zcgem_check_mark(map, page, value + page);
}

/**
 * zcgem_check_same:
 * @one: a view of memory
 * @other: what should be a view of the same memory
 * @size: bytes
 *
 * Writes through each and looks through the other.
 */
void zcgem_check_same(void *one, void *other, uint64_t size)
{
	static uint64_t round;

	round += 1ull << 40;
	zcgem_mark_all(one, size, round);
	zcgem_check_marks(other, size, round);
	round += 1ull << 40;
	zcgem_mark_all(other, size, round);
	zcgem_check_marks(one, size, round);
}

/**
 * zcgem_check_order:
 * @object: a view of an object
 * @file: a view of the memory that it is of
 * @order: where in @file each page of the object is
 * @pages: how many it has
 *
 * As zcgem_check_same(), for pages in another order.
 */
void zcgem_check_order(void *object, void *file, const uint32_t *order, uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++) {
		zcgem_mark(file, order[i], 0x1000000 + i);
		zcgem_check_mark(object, i, 0x1000000 + i);
		zcgem_mark(object, i, 0x2000000 + i);
		zcgem_check_mark(file, order[i], 0x2000000 + i);
	}
}

/**
 * zcgem_check_zero:
 * @map: memory
 * @size: bytes
 */
void zcgem_check_zero(const void *map, uint64_t size)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], 0);
}
