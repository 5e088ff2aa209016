/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_IOCTL_H_
#define _ZCGEM_IOCTL_H_

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct drm_mode_create_dumb;
struct drm_zcgem_array;

/** ZCGEM_MAX_RANGES - Most elements of a range list. */
#define ZCGEM_MAX_RANGES	65536

int zcgem_array_check(struct drm_device *drm, const struct drm_zcgem_array *array);
int zcgem_array_get(const struct drm_zcgem_array *array, u32 index, void *element,
		    size_t size);
int zcgem_array_get_some(const struct drm_zcgem_array *array, u32 first, void *elements,
			 u32 nr, size_t size);

int zcgem_ioctl_get_param(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_create(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_wrap_memfd(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_wrap_userptr(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_advise(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_revoke(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_info(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_gem_wait(struct drm_device *drm, void *data, struct drm_file *file);
int zcgem_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file);

int zcgem_dumb_create(struct drm_file *file, struct drm_device *drm,
		      struct drm_mode_create_dumb *args);
int zcgem_dumb_map_offset(struct drm_file *file, struct drm_device *drm, u32 handle,
			  u64 *offset);

#endif /* _ZCGEM_IOCTL_H_ */
