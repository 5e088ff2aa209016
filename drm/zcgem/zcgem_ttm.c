// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: TTM
 *
 * What TTM calls. An object is a TTM buffer object for what TTM knows about the end of
 * one: it may come in any context, with fences pending that others have put on the object,
 * and with its dma_resv held or shared. TTM then keeps the object until it is idle.
 *
 * The memory is never TTM's. It is a memfd's, an address range's, or a shmem file's, which
 * the core accounts, swaps and migrates, so no object has a placement: TTM has it on no
 * LRU, calls nothing to populate it, and never makes room for it at the expense of other
 * drivers. What is resident is &zcgem_object.pages, see zcgem_residency.c, and what can be
 * reclaimed is on the device's own LRU, see zcgem_shrinker.c. TTM gives each object a ttm_tt
 * all the same; it is part of the object and has no pages.
 *
 * All callbacks run under dma_resv.
 */

#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

#include "zcgem_object.h"

struct ttm_placement zcgem_no_placement = {};

static struct ttm_tt *zcgem_tt_create(struct ttm_buffer_object *bo, u32 page_flags)
{
	struct zcgem_object *obj = container_of(bo, struct zcgem_object, bo);

	obj->tt.page_flags = page_flags | TTM_TT_FLAG_EXTERNAL;
	return &obj->tt;
}

/* It goes with the object. */
static void zcgem_tt_destroy(struct ttm_device *bdev, struct ttm_tt *tt)
{
}

/* The last reference is gone and the object is idle. */
static void zcgem_delete_mem_notify(struct ttm_buffer_object *bo)
{
	struct zcgem_object *obj = container_of(bo, struct zcgem_object, bo);

	/* An importer releases under the dma_resv of the exporter, see zcgem_import_retire(). */
	if (!(obj->ops->flags & ZCGEM_BACKING_FOREIGN))
		zcgem_object_release_pages(obj);
}

const struct ttm_device_funcs zcgem_ttm_funcs = {
	.ttm_tt_create = zcgem_tt_create,
	.ttm_tt_destroy = zcgem_tt_destroy,
	.delete_mem_notify = zcgem_delete_mem_notify,
};
