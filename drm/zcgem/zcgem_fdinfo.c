// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: usage statistics
 *
 * What /proc/PID/fdinfo shows of a client, by the DRM usage-stats document: bytes
 * by kind of memory, each kind a region of its own, and the processor time that the
 * client's submits took, and how many of them run at a time. An object that several handles
 * or a dma-buf share is counted in each client and under "shared".
 *
 * Runs under the table's spinlock, so nothing may sleep: pages are looked at without
 * dma_resv, only for whether there are any.
 */

#include <linux/dma-resv.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "zcgem_compat.h"
#include "zcgem_fdinfo.h"
#include "zcgem_job.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

/*
 * Nothing is purgeable, which means that contents may be thrown away: pages that are given back
 * keep theirs in the file.
 */
#define ZCGEM_STATUS	(DRM_GEM_OBJECT_RESIDENT | ZCGEM_GEM_OBJECT_ACTIVE)

static const char * const zcgem_regions[] = {
	[DRM_ZCGEM_BACKING_POOL] = "pool",
	[DRM_ZCGEM_BACKING_MEMFD] = "memfd",
	[DRM_ZCGEM_BACKING_USERPTR] = "userptr",
	[DRM_ZCGEM_BACKING_SVM] = "svm",
	[DRM_ZCGEM_BACKING_IMPORT] = "import",
};

static void zcgem_add_stats(struct drm_memory_stats *stats, struct zcgem_object *obj)
{
	u64 size = obj->bo.base.size;

	if (drm_gem_object_is_shared_for_memory_stats(&obj->bo.base))
		stats->shared += size;
	else
		stats->private += size;

	if (READ_ONCE(obj->pages))
		stats->resident += size;
	if (!dma_resv_test_signaled(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP))
		stats->active += size;
}

/**
 * zcgem_show_fdinfo() - &drm_driver.show_fdinfo.
 * @p: where to print
 * @file: the client
 */
void zcgem_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct drm_memory_stats stats[ARRAY_SIZE(zcgem_regions)] = {};
	struct drm_gem_object *gem;
	unsigned int i;
	int id;

	drm_printf(p, "drm-engine-copy:\t%llu ns\n", zcgem_client_busy(file->driver_priv));
	drm_printf(p, "drm-engine-capacity-copy:\t%u\n", zcgem_engine_workers());

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, gem, id) {
		/* A handle that is being made has no object yet. */
		if (gem)
			zcgem_add_stats(&stats[to_zcgem_object(gem)->ops->id],
					to_zcgem_object(gem));
	}
	spin_unlock(&file->table_lock);

	for (i = 0; i < ARRAY_SIZE(zcgem_regions); i++)
		if (zcgem_regions[i])
			drm_print_memory_stats(p, &stats[i], ZCGEM_STATUS, zcgem_regions[i]);
}
