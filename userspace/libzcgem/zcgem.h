/* SPDX-License-Identifier: MIT */
/*
 * libzcgem: memory that a program already owns, as GEM objects, without a copy.
 */
#ifndef ZCGEM_H
#define ZCGEM_H

#include <stdint.h>

#include <drm/zcgem_drm.h>

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: libzcgem
 *
 * Conventions of every function here:
 *
 * - A function that returns int returns 0 (or a descriptor where it says so) on
 *   success and a negative errno on failure. On failure nothing is left behind
 *   and what the out pointers point at is unchanged.
 * - Sizes, offsets and addresses are in bytes.
 * - Every function may be called from any thread at any time, as long as the
 *   caller holds a reference to the device or object that it passes.
 * - The errors of an ioctl are passed on as the uAPI header states them; only
 *   what the library adds is listed again. The common ones are EINVAL for a
 *   bad argument, ENOMEM, and ENODEV once the device is gone.
 * - The library keeps no state outside of the devices and objects it hands out.
 */

struct zcgem_device;
struct zcgem_bo;

int zcgem_device_open(struct zcgem_device **dev);
int zcgem_device_new(int fd, struct zcgem_device **dev);
struct zcgem_device *zcgem_device_ref(struct zcgem_device *dev);
void zcgem_device_unref(struct zcgem_device *dev);
int zcgem_device_fd(const struct zcgem_device *dev);
int zcgem_device_get_param(struct zcgem_device *dev, uint32_t param, uint64_t *value);

int zcgem_bo_new(struct zcgem_device *dev, uint64_t size, uint32_t flags,
		 struct zcgem_bo **bo);
int zcgem_bo_wrap_memfd(struct zcgem_device *dev, int memfd, uint64_t offset, uint64_t size,
			uint32_t flags, struct zcgem_bo **bo);
int zcgem_bo_wrap_memfd_ranges(struct zcgem_device *dev,
			       const struct drm_zcgem_memfd_range *ranges, uint32_t stride,
			       uint32_t count, uint32_t flags, struct zcgem_bo **bo);
int zcgem_bo_wrap_userptr(struct zcgem_device *dev, const void *address, uint64_t size,
			  uint32_t flags, struct zcgem_bo **bo);
int zcgem_bo_wrap_userptr_ranges(struct zcgem_device *dev,
				 const struct drm_zcgem_userptr_range *ranges, uint32_t stride,
				 uint32_t count, uint32_t flags, struct zcgem_bo **bo);
int zcgem_bo_import(struct zcgem_device *dev, int dmabuf, struct zcgem_bo **bo);
int zcgem_bo_from_handle(struct zcgem_device *dev, uint32_t handle, struct zcgem_bo **bo);
struct zcgem_bo *zcgem_bo_ref(struct zcgem_bo *bo);
void zcgem_bo_unref(struct zcgem_bo *bo);

struct zcgem_device *zcgem_bo_device(const struct zcgem_bo *bo);
uint32_t zcgem_bo_handle(const struct zcgem_bo *bo);
uint64_t zcgem_bo_size(const struct zcgem_bo *bo);
int zcgem_bo_info(struct zcgem_bo *bo, struct drm_zcgem_gem_info *info);
int zcgem_bo_export(struct zcgem_bo *bo, uint32_t flags);

int zcgem_bo_advise(struct zcgem_bo *bo, uint32_t advice, uint64_t offset, uint64_t size,
		    void *address);
int zcgem_bo_revoke(struct zcgem_bo *bo, uint64_t *holders);

int zcgem_bo_map(struct zcgem_bo *bo, int prot, void **address);
int zcgem_bo_unmap(struct zcgem_bo *bo, void *address);

int zcgem_dmabuf_map(int dmabuf, uint64_t size, int prot, void **address);
int zcgem_dmabuf_unmap(void *address, uint64_t size);
int zcgem_dmabuf_begin_cpu_access(int dmabuf, uint64_t flags);
int zcgem_dmabuf_end_cpu_access(int dmabuf, uint64_t flags);

/** ZCGEM_EXPORT_READONLY - Make a dma-buf descriptor that is open for reading only. */
#define ZCGEM_EXPORT_READONLY	(1u << 0)

#if defined(__cplusplus)
}
#endif

#endif /* ZCGEM_H */
