// SPDX-License-Identifier: MIT
/*
 * Calls of the zcgem driver for IGT tests.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_zcgem.h"
#include "ioctl_wrappers.h"

/**
 * zcgem_ioctl:
 * @fd: zcgem descriptor
 * @request: DRM_IOCTL_ZCGEM_*
 * @arg: its argument
 *
 * Returns: 0 or -errno.
 */
int zcgem_ioctl(int fd, unsigned long request, void *arg)
{
	int err = 0;

	if (igt_ioctl(fd, request, arg))
		err = -errno;
	errno = 0;

	return err;
}

/**
 * __zcgem_get_param:
 * @fd: zcgem descriptor
 * @param: one of enum drm_zcgem_param
 * @value: filled with the value
 *
 * Returns: 0 or -errno.
 */
int __zcgem_get_param(int fd, uint32_t param, uint64_t *value)
{
	struct drm_zcgem_get_param arg = { .param = param };
	int err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GET_PARAM, &arg);

	*value = arg.value;
	return err;
}

/**
 * zcgem_get_param:
 * @fd: zcgem descriptor
 * @param: one of enum drm_zcgem_param
 *
 * Returns: The value.
 */
uint64_t zcgem_get_param(int fd, uint32_t param)
{
	uint64_t value;

	igt_assert_eq(__zcgem_get_param(fd, param, &value), 0);
	return value;
}

/**
 * __zcgem_create:
 * @fd: zcgem descriptor
 * @size: bytes, replaced by the object's size
 * @flags: DRM_ZCGEM_CREATE flags
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_create(int fd, uint64_t *size, uint32_t flags, uint32_t *handle)
{
	struct drm_zcgem_gem_create arg = { .size = *size, .flags = flags };
	int err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_CREATE, &arg);

	if (!err) {
		*size = arg.size;
		*handle = arg.handle;
	}
	return err;
}

/**
 * zcgem_create:
 * @fd: zcgem descriptor
 * @size: bytes
 * @flags: DRM_ZCGEM_CREATE flags
 *
 * Returns: The handle of a new object of the driver's own pages.
 */
uint32_t zcgem_create(int fd, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_create(fd, &size, flags, &handle), 0);
	igt_assert_neq_u32(handle, 0);
	return handle;
}

/**
 * __zcgem_mmap_offset:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @offset: filled with the offset to give to mmap()
 *
 * Returns: 0 or -errno.
 */
int __zcgem_mmap_offset(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_zcgem_gem_mmap_offset arg = { .handle = handle };
	int err = zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &arg);

	*offset = arg.offset;
	return err;
}

/**
 * zcgem_mmap_offset:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 *
 * Returns: The offset to give to mmap().
 */
uint64_t zcgem_mmap_offset(int fd, uint32_t handle)
{
	uint64_t offset;

	igt_assert_eq(__zcgem_mmap_offset(fd, handle, &offset), 0);
	return offset;
}

/**
 * __zcgem_mmap:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes
 * @prot: PROT flags
 *
 * Returns: The start of a shared mapping, or NULL with errno set.
 */
void *__zcgem_mmap(int fd, uint32_t handle, uint64_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_SHARED, fd,
			 zcgem_mmap_offset(fd, handle));

	return map == MAP_FAILED ? NULL : map;
}

/**
 * zcgem_mmap:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @size: bytes
 * @prot: PROT flags
 *
 * Returns: The start of a shared mapping.
 */
void *zcgem_mmap(int fd, uint32_t handle, uint64_t size, int prot)
{
	void *map = __zcgem_mmap(fd, handle, size, prot);

	igt_assert_f(map, "mmap of %" PRIu64 " bytes: %m\n", size);
	return map;
}

/**
 * __zcgem_info:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @info: filled
 *
 * Returns: 0 or -errno.
 */
int __zcgem_info(int fd, uint32_t handle, struct drm_zcgem_gem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->handle = handle;
	return zcgem_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_INFO, info);
}

/**
 * zcgem_info:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @info: filled
 */
void zcgem_info(int fd, uint32_t handle, struct drm_zcgem_gem_info *info)
{
	igt_assert_eq(__zcgem_info(fd, handle, info), 0);
}

/**
 * zcgem_evictions:
 * @fd: zcgem descriptor
 * @handle: object
 *
 * Returns: How often the object's pages were taken back.
 */
uint64_t zcgem_evictions(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.evictions;
}

/**
 * zcgem_is_resident:
 * @fd: zcgem descriptor
 * @handle: object
 *
 * Also checks that the object has all of its pages or none.
 *
 * Returns: Whether it has them.
 */
bool zcgem_is_resident(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	if (!(info.flags & DRM_ZCGEM_INFO_RESIDENT)) {
		igt_assert_eq_u64(info.resident, 0);
		igt_assert_eq_u64(info.extents, 0);
		return false;
	}
	igt_assert_eq_u64(info.resident, info.size);
	igt_assert_lt_u64(0, info.extents);
	return true;
}

/**
 * __zcgem_close:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_close(int fd, uint32_t handle)
{
	struct drm_gem_close arg = { .handle = handle };

	return zcgem_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

/**
 * __zcgem_export:
 * @fd: DRM descriptor
 * @handle: GEM handle
 * @flags: DRM_CLOEXEC, DRM_RDWR
 * @dmabuf: filled with the dma-buf's descriptor
 *
 * Returns: 0 or -errno.
 */
int __zcgem_export(int fd, uint32_t handle, uint32_t flags, int *dmabuf)
{
	struct drm_prime_handle arg = {
		.handle = handle,
		.flags = flags,
		.fd = -1,
	};
	int err = zcgem_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	*dmabuf = arg.fd;
	return err;
}

/**
 * zcgem_export:
 * @fd: DRM descriptor
 * @handle: GEM handle
 *
 * Returns: The descriptor of a dma-buf that may be mapped for writing.
 */
int zcgem_export(int fd, uint32_t handle)
{
	int dmabuf;

	igt_assert_eq(__zcgem_export(fd, handle, DRM_CLOEXEC | DRM_RDWR,
				     &dmabuf), 0);
	igt_assert_fd(dmabuf);
	return dmabuf;
}

/**
 * __zcgem_import:
 * @fd: DRM descriptor
 * @dmabuf: a dma-buf's descriptor
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle arg = { .fd = dmabuf };
	int err = zcgem_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	*handle = arg.handle;
	return err;
}

/**
 * zcgem_import:
 * @fd: DRM descriptor
 * @dmabuf: a dma-buf's descriptor
 *
 * Returns: The handle.
 */
uint32_t zcgem_import(int fd, int dmabuf)
{
	uint32_t handle;

	igt_assert_eq(__zcgem_import(fd, dmabuf, &handle), 0);
	return handle;
}
