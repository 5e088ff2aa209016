// SPDX-License-Identifier: MIT
/*
 * Objects of memfds and address ranges, and advice on objects.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "igt_core.h"
#include "igt_zcgem_wrap.h"
#include "ioctl_wrappers.h"

/**
 * struct list - What an object is to be made of.
 * @ranges: the elements
 * @count: how many
 * @stride: size of one
 * @size_at: where in it is how long it is
 */
struct list {
	const void *ranges;
	uint32_t count, stride;
	size_t size_at;
};

/* Both calls take and give the same, but for the elements. */
static int wrap_list(int fd, unsigned long request, const struct list *list,
		     uint32_t flags, uint32_t *handle)
{
	union {
		struct drm_zcgem_gem_wrap_memfd memfd;
		struct drm_zcgem_gem_wrap_userptr userptr;
	} arg = {
		.memfd.ranges = {
			.stride = list->stride,
			.count = list->count,
			.pointer = (uintptr_t)list->ranges,
		},
		.memfd.flags = flags,
	};
	uint64_t sum = 0, size;
	uint32_t i;
	int err;

	err = zcgem_ioctl(fd, request, &arg);
	if (err)
		return err;

	for (i = 0; i < list->count; i++) {
		memcpy(&size, (const char *)list->ranges + i * list->stride + list->size_at,
		       sizeof(size));
		sum += size;
	}
	igt_assert_eq_u64(arg.memfd.size, sum);
	*handle = arg.memfd.handle;
	return 0;
}

/**
 * __zcgem_wrap:
 * @fd: zcgem descriptor
 * @ranges: ranges of memfds
 * @count: number of @ranges
 * @flags: DRM_ZCGEM_WRAP flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_wrap(int fd, const struct drm_zcgem_memfd_range *ranges,
		 uint32_t count, uint32_t flags, uint32_t *handle)
{
	const struct list list = {
		ranges, count, sizeof(*ranges), offsetof(struct drm_zcgem_memfd_range, size),
	};

	return wrap_list(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &list, flags, handle);
}

/**
 * zcgem_wrap:
 * @fd: zcgem descriptor
 * @ranges: ranges of memfds
 * @count: number of @ranges
 * @flags: DRM_ZCGEM_WRAP flags
 *
 * Returns: The handle of a new object made of @ranges.
 */
uint32_t zcgem_wrap(int fd, const struct drm_zcgem_memfd_range *ranges,
		    uint32_t count, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_wrap(fd, ranges, count, flags, &handle), 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

/**
 * zcgem_wrap_memfd:
 * @fd: zcgem descriptor
 * @memfd: a memfd
 * @offset: start in it, bytes
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP flags
 *
 * Returns: The handle of a new object made of one range.
 */
uint32_t zcgem_wrap_memfd(int fd, int memfd, uint64_t offset, uint64_t size,
			  uint32_t flags)
{
	struct drm_zcgem_memfd_range range = {
		.fd = memfd,
		.offset = offset,
		.size = size,
	};

	return zcgem_wrap(fd, &range, 1, flags);
}

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
	const struct list list = {
		ranges, count, sizeof(*ranges), offsetof(struct drm_zcgem_userptr_range, size),
	};

	return wrap_list(fd, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &list, flags, handle);
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
