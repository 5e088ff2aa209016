/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_PRIME_H_
#define _ZCGEM_PRIME_H_

struct dma_buf;
struct drm_device;
struct drm_gem_object;
struct iosys_map;
struct zcgem_object;

struct dma_buf *zcgem_gem_export_as(struct drm_gem_object *gem, int flags, const char *name);
struct dma_buf *zcgem_gem_export(struct drm_gem_object *gem, int flags);
int zcgem_prime_prepare(struct dma_buf *dmabuf, bool refresh);
int zcgem_prime_vmap(struct dma_buf *dmabuf, struct iosys_map *map, bool now);
void zcgem_prime_invalidate(struct zcgem_object *obj);
struct drm_gem_object *zcgem_gem_prime_import(struct drm_device *drm, struct dma_buf *dmabuf);

#endif /* _ZCGEM_PRIME_H_ */
