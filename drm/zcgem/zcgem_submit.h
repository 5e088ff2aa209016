/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_SUBMIT_H_
#define _ZCGEM_SUBMIT_H_

#include <linux/types.h>

struct dma_fence_chain;
struct drm_file;
struct drm_syncobj;
struct drm_zcgem_submit;
struct zcgem_job;

/**
 * struct zcgem_out_sync - A syncobj that gets the fence of a job.
 */
struct zcgem_out_sync {
	/** @syncobj: The syncobj, with a reference. */
	struct drm_syncobj *syncobj;

	/** @chain: Link of its timeline, NULL for a binary one. */
	struct dma_fence_chain *chain;

	/** @point: Point on the timeline. */
	u64 point;
};

int zcgem_submit_check_ops(struct drm_device *drm, const struct drm_zcgem_submit *args);
int zcgem_submit_get_ops(struct drm_file *file, struct zcgem_job *job,
			 const struct drm_zcgem_submit *args);
int zcgem_submit_get_in_syncs(struct drm_file *file, struct zcgem_job *job,
			      const struct drm_zcgem_submit *args);
struct zcgem_out_sync *zcgem_submit_get_out_syncs(struct drm_file *file,
						  const struct drm_zcgem_submit *args);
void zcgem_submit_put_out_syncs(struct zcgem_out_sync *syncs, u32 count);

#endif /* _ZCGEM_SUBMIT_H_ */
