/* SPDX-License-Identifier: MIT */
/*
 * What the zcgem tests use of libigt.so.0 to drive vgem, their foreign
 * exporter and importer; see igt_core.h.
 */
#ifndef ZCGEM_ABI_IGT_VGEM_H
#define ZCGEM_ABI_IGT_VGEM_H

#include <stdbool.h>
#include <stdint.h>

/* As in vgem_drm.h, which not every libdrm ships. */
#ifndef VGEM_FENCE_WRITE
#define VGEM_FENCE_WRITE	0x1
#endif

struct vgem_bo {
	uint32_t handle;
	uint32_t width, height;
	uint32_t bpp, pitch;
	uint64_t size;
};

void vgem_create(int fd, struct vgem_bo *bo);
void *vgem_mmap(int fd, struct vgem_bo *bo, unsigned int prot);
bool vgem_has_fences(int fd);
uint32_t vgem_fence_attach(int fd, struct vgem_bo *bo, unsigned int flags);
void vgem_fence_signal(int fd, uint32_t fence);

#endif /* ZCGEM_ABI_IGT_VGEM_H */
