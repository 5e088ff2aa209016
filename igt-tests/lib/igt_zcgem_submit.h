/* SPDX-License-Identifier: MIT */
/*
 * Submits, waits and syncobjs for tests of the engine.
 *
 * Named as in igt_zcgem.h: __zcgem_foo() returns 0 or -errno.
 */
#ifndef IGT_ZCGEM_SUBMIT_H
#define IGT_ZCGEM_SUBMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "igt_zcgem.h"

#define WAIT_NS		(120ll * 1000000000)

struct drm_zcgem_op zcgem_op_copy(uint32_t dst, uint64_t dst_offset, uint32_t src,
				  uint64_t src_offset, uint64_t size);
struct drm_zcgem_op zcgem_op_fill32(uint32_t dst, uint64_t offset, uint64_t size,
				    uint32_t pattern);
struct drm_zcgem_op zcgem_op_fill64(uint32_t dst, uint64_t offset, uint64_t size,
				    uint64_t pattern);

int __zcgem_submit(int fd, const struct drm_zcgem_submit *submit);
int __zcgem_submit_ops(int fd, const struct drm_zcgem_op *ops, uint32_t count);
int __zcgem_submit_syncs(int fd, const struct drm_zcgem_op *op,
			 const struct drm_zcgem_sync *in,
			 const struct drm_zcgem_sync *out);
void zcgem_submit_op(int fd, struct drm_zcgem_op op);
int zcgem_submit_for_file(int fd, struct drm_zcgem_op op, uint32_t in);

int64_t zcgem_now(void);
int __zcgem_wait(int fd, uint32_t handle, uint32_t flags, int64_t timeout_ns);
void zcgem_wait(int fd, uint32_t handle);

uint32_t syncobj_new(int fd);
void syncobj_free(int fd, uint32_t handle);
int syncobj_wait_for(int fd, uint32_t handle, uint64_t point, int64_t timeout_ns);
int syncobj_file(int fd, uint32_t handle);
void syncobj_import_file(int fd, uint32_t handle, int file);
int sync_file_status(int file);
uint64_t sync_file_time(int file);
int sync_file_wait(int file);
void sync_file_names(int file, char *driver, char *timeline);
int syncobj_error(int fd, uint32_t handle);

int __dmabuf_export_sync_file(int dmabuf, uint32_t flags, int *file);
int dmabuf_export_sync_file(int dmabuf, uint32_t flags);
int __dmabuf_import_sync_file(int dmabuf, uint32_t flags, int file);

int sw_sync_open(void);
int sw_sync_fence(int timeline, uint32_t value);
void sw_sync_advance(int timeline, uint32_t count);
uint32_t syncobj_pending(int fd, int timeline);

#endif /* IGT_ZCGEM_SUBMIT_H */
