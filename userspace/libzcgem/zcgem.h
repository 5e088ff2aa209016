/* SPDX-License-Identifier: MIT */
/*
 * libzcgem: memory that a program already owns, as GEM objects, without a copy.
 */
#ifndef ZCGEM_H
#define ZCGEM_H

#include <stddef.h>
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
struct zcgem_submit;
struct zcgem_syncobj;

int zcgem_device_open(struct zcgem_device **dev);
int zcgem_device_open_path(const char *path, struct zcgem_device **dev);
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
int zcgem_bo_info(struct zcgem_bo *bo, struct drm_zcgem_gem_info *info, size_t size);
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
int zcgem_dmabuf_export_sync_file(int dmabuf, uint32_t flags);
int zcgem_dmabuf_import_sync_file(int dmabuf, uint32_t flags, int file);

int zcgem_bo_wait(struct zcgem_bo *bo, uint32_t flags, int64_t timeout_ns);

int zcgem_submit_new(struct zcgem_device *dev, struct zcgem_submit **submit);
struct zcgem_submit *zcgem_submit_ref(struct zcgem_submit *submit);
void zcgem_submit_unref(struct zcgem_submit *submit);
int zcgem_submit_copy(struct zcgem_submit *submit, struct zcgem_bo *dst, uint64_t dst_offset,
		      struct zcgem_bo *src, uint64_t src_offset, uint64_t size);
int zcgem_submit_copy_rows(struct zcgem_submit *submit, struct zcgem_bo *dst,
			   uint64_t dst_offset, uint64_t dst_pitch, struct zcgem_bo *src,
			   uint64_t src_offset, uint64_t src_pitch, uint64_t size,
			   uint64_t height);
int zcgem_submit_fill(struct zcgem_submit *submit, struct zcgem_bo *dst, uint64_t offset,
		      uint64_t size, uint64_t pattern, uint32_t pattern_size);
int zcgem_submit_fill_rows(struct zcgem_submit *submit, struct zcgem_bo *dst, uint64_t offset,
			   uint64_t pitch, uint64_t size, uint64_t height, uint64_t pattern,
			   uint32_t pattern_size);
int zcgem_submit_wait_for(struct zcgem_submit *submit, struct zcgem_syncobj *sync,
			  uint64_t point);
int zcgem_submit_signal(struct zcgem_submit *submit, struct zcgem_syncobj *sync, uint64_t point);
int zcgem_submit_run(struct zcgem_submit *submit, uint32_t flags, uint32_t priority);
void zcgem_submit_reset(struct zcgem_submit *submit);

int zcgem_syncobj_new(struct zcgem_device *dev, uint32_t flags, struct zcgem_syncobj **sync);
struct zcgem_syncobj *zcgem_syncobj_ref(struct zcgem_syncobj *sync);
void zcgem_syncobj_unref(struct zcgem_syncobj *sync);
uint32_t zcgem_syncobj_handle(const struct zcgem_syncobj *sync);
int zcgem_syncobj_wait(struct zcgem_syncobj *sync, uint64_t point, int64_t timeout_ns);
int zcgem_syncobj_signal(struct zcgem_syncobj *sync, uint64_t point);
int zcgem_syncobj_export_fd(struct zcgem_syncobj *sync);
int zcgem_syncobj_import_fd(struct zcgem_device *dev, int fd, struct zcgem_syncobj **sync);
int zcgem_syncobj_query(struct zcgem_syncobj *sync, uint64_t *point);
int zcgem_syncobj_eventfd(struct zcgem_syncobj *sync, uint64_t point, int eventfd);
int zcgem_syncobj_export_sync_file(struct zcgem_syncobj *sync, uint64_t point);
int zcgem_syncobj_import_sync_file(struct zcgem_syncobj *sync, uint64_t point, int file);
int zcgem_sync_file_status(int file);

/** ZCGEM_SYNCOBJ_SIGNALLED - Make a syncobj whose fence has signalled. */
#define ZCGEM_SYNCOBJ_SIGNALLED	(1u << 0)

/** ZCGEM_EXPORT_READONLY - Make a dma-buf descriptor that is open for reading only. */
#define ZCGEM_EXPORT_READONLY	(1u << 0)

#if defined(__cplusplus)
}
#endif

#endif /* ZCGEM_H */
