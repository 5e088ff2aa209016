// SPDX-License-Identifier: MIT
/*
 * Objects of memory that the program owns already.
 */
#include "internal.h"

/**
 * zcgem_bo_wrap_memfd_ranges() - Make an object of ranges of memfds.
 * @dev: the device.
 * @ranges: the ranges, in the order in which they make up the object.
 * @stride: bytes of an element where the caller was compiled, its sizeof.
 * @count: how many, 1 to the value of %DRM_ZCGEM_PARAM_MAX_RANGES.
 * @flags: %DRM_ZCGEM_WRAP_READONLY or 0.
 * @bo: where the new object is stored; it holds one reference.
 *
 * The memfds must have F_SEAL_SHRINK; their descriptors and the array may go
 * away after the call. The object is the memory of the memfds, not a copy.
 *
 * The structure may grow with the uAPI, so the kernel is told how long the caller's
 * elements are: a field that a caller does not know is zero. Whoever sets
 * watch_address asks for %DRM_ZCGEM_PARAM_WATCH first, since a kernel without it
 * gives -E2BIG.
 *
 * Return: 0, or one of the errors that &struct drm_zcgem_gem_wrap_memfd lists.
 */
drm_public int zcgem_bo_wrap_memfd_ranges(struct zcgem_device *dev,
					  const struct drm_zcgem_memfd_range *ranges,
					  uint32_t stride, uint32_t count, uint32_t flags,
					  struct zcgem_bo **bo)
{
	struct drm_zcgem_gem_wrap_memfd argument = {
		.ranges = {
			.stride = stride,
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
		.flags = flags,
	};

	return zcgem_bo_make(dev, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &argument,
			     &argument.handle, &argument.size, bo);
}

/**
 * zcgem_bo_wrap_memfd() - Make an object of one range of a memfd.
 * @dev: the device.
 * @memfd: a memfd with F_SEAL_SHRINK; may be closed after the call.
 * @offset: where the range starts, bytes, a multiple of the page size.
 * @size: its length, bytes, a multiple of the page size, not zero.
 * @flags: %DRM_ZCGEM_WRAP_READONLY or 0.
 * @bo: where the new object is stored; it holds one reference.
 *
 * Return: as zcgem_bo_wrap_memfd_ranges().
 */
drm_public int zcgem_bo_wrap_memfd(struct zcgem_device *dev, int memfd, uint64_t offset,
				   uint64_t size, uint32_t flags, struct zcgem_bo **bo)
{
	struct drm_zcgem_memfd_range range = { .fd = memfd, .offset = offset, .size = size };

	return zcgem_bo_wrap_memfd_ranges(dev, &range, sizeof(range), 1, flags, bo);
}

/**
 * zcgem_bo_wrap_userptr_ranges() - Make an object of ranges of the address space.
 * @dev: the device.
 * @ranges: the ranges, in the order in which they make up the object.
 * @stride: bytes of an element where the caller was compiled, its sizeof.
 * @count: how many, 1 to the value of %DRM_ZCGEM_PARAM_MAX_RANGES.
 * @flags: bits %DRM_ZCGEM_WRAP_READONLY and %DRM_ZCGEM_WRAP_SVM.
 * @bo: where the new object is stored; it holds one reference.
 *
 * The object is the pages that are mapped there now, pinned for as long as it
 * lives. Where the addresses are mapped anew they show other pages, and the object
 * still has the old ones. The array may go away after the call.
 *
 * With %DRM_ZCGEM_WRAP_SVM it is whatever is mapped there when a job is submitted, and
 * nothing is pinned. Such an object cannot be mapped or exported (-EPERM). Whoever uses
 * it asks for %DRM_ZCGEM_PARAM_SVM first, since a kernel without it gives -EINVAL.
 *
 * Return: 0, or one of the errors that &struct drm_zcgem_gem_wrap_userptr lists.
 */
drm_public int zcgem_bo_wrap_userptr_ranges(struct zcgem_device *dev,
					    const struct drm_zcgem_userptr_range *ranges,
					    uint32_t stride, uint32_t count, uint32_t flags,
					    struct zcgem_bo **bo)
{
	struct drm_zcgem_gem_wrap_userptr argument = {
		.ranges = {
			.stride = stride,
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
		.flags = flags,
	};

	return zcgem_bo_make(dev, DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, &argument,
			     &argument.handle, &argument.size, bo);
}

/**
 * zcgem_bo_wrap_userptr() - Make an object of one range of the address space.
 * @dev: the device.
 * @address: where the range starts, a multiple of the page size.
 * @size: its length, bytes, a multiple of the page size, not zero.
 * @flags: bits %DRM_ZCGEM_WRAP_READONLY and %DRM_ZCGEM_WRAP_SVM.
 * @bo: where the new object is stored; it holds one reference.
 *
 * Return: as zcgem_bo_wrap_userptr_ranges().
 */
drm_public int zcgem_bo_wrap_userptr(struct zcgem_device *dev, const void *address,
				     uint64_t size, uint32_t flags, struct zcgem_bo **bo)
{
	struct drm_zcgem_userptr_range range = { .address = (uintptr_t)address, .size = size };

	return zcgem_bo_wrap_userptr_ranges(dev, &range, sizeof(range), 1, flags, bo);
}
