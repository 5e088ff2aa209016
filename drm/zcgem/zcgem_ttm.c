// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: TTM
 *
 * What TTM calls. Every object lives in TTM_PL_SYSTEM, so TTM never moves
 * anything; it is used for what it does with system memory: lifetime of objects
 * with fences on them, the page pool with its caching modes, swapping of pool
 * objects, populate and unpopulate as the one place where pages come and go.
 *
 * A ttm_tt of memory that is not the driver's has no page array: the pages are
 * in &zcgem_object.pages, and TTM looks at no page of a ttm_tt that is
 * TTM_TT_FLAG_EXTERNAL. An array would cost 2 MiB for each GiB. One of the pool gets it
 * with its first pages: ttm_tt_init() would make it with the object, charge it to
 * nobody, and complain in the log when there is no memory for it.
 *
 * All callbacks run under dma_resv.
 */

#include <linux/slab.h>

#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

#include "zcgem_object.h"
#include "zcgem_shrinker.h"

static const struct ttm_place zcgem_system_place = {
	.mem_type = TTM_PL_SYSTEM,
};

struct ttm_placement zcgem_system_placement = {
	.num_placement = 1,
	.placement = &zcgem_system_place,
};

struct zcgem_tt {
	struct ttm_tt base;
	struct zcgem_object *obj;
};

static struct zcgem_object *zcgem_tt_object(struct ttm_tt *tt)
{
	return container_of(tt, struct zcgem_tt, base)->obj;
}

static struct ttm_tt *zcgem_tt_create(struct ttm_buffer_object *bo, u32 page_flags)
{
	struct zcgem_object *obj = container_of(bo, struct zcgem_object, bo);
	struct zcgem_tt *tt;

	tt = kzalloc(sizeof(*tt), GFP_KERNEL_ACCOUNT);
	if (!tt)
		return NULL;
	tt->obj = obj;

	/* What ttm_tt_init() does, without the page array. */
	tt->base.num_pages = PFN_UP(bo->base.size);
	tt->base.page_flags = page_flags;
	tt->base.caching = ttm_cached;
	tt->base.page_flags |= TTM_TT_FLAG_EXTERNAL;
	if (obj->ops->flags & ZCGEM_BACKING_MAPPABLE)
		tt->base.page_flags |= TTM_TT_FLAG_EXTERNAL_MAPPABLE;
	return &tt->base;
}

static void zcgem_tt_destroy(struct ttm_device *bdev, struct ttm_tt *tt)
{
	ttm_tt_fini(tt);
	kfree(container_of(tt, struct zcgem_tt, base));
}

static int zcgem_tt_populate(struct ttm_device *bdev, struct ttm_tt *tt,
			     struct ttm_operation_ctx *ctx)
{
	struct zcgem_object *obj = zcgem_tt_object(tt);
	struct zcgem_pages *pages = obj->staged;

	obj->staged = NULL;
	if (!pages)
		pages = obj->ops->acquire(obj);
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	if (obj->wc) {
		int ret = zcgem_wc_begin(pages);

		if (ret) {
			zcgem_pages_put(pages);
			return ret;
		}
	}

	obj->pages = pages;
	return 0;
}

static void zcgem_tt_unpopulate(struct ttm_device *bdev, struct ttm_tt *tt)
{
	struct zcgem_object *obj = zcgem_tt_object(tt);

	zcgem_shrinker_remove(obj);
	zcgem_pages_put(obj->pages);
	obj->pages = NULL;
}

static void zcgem_evict_flags(struct ttm_buffer_object *bo, struct ttm_placement *placement)
{
	*placement = zcgem_system_placement;
}

static int zcgem_move(struct ttm_buffer_object *bo, bool evict,
		      struct ttm_operation_ctx *ctx, struct ttm_resource *new_mem,
		      struct ttm_place *hop)
{
	ttm_bo_move_null(bo, new_mem);
	return 0;
}

const struct ttm_device_funcs zcgem_ttm_funcs = {
	.ttm_tt_create = zcgem_tt_create,
	.ttm_tt_populate = zcgem_tt_populate,
	.ttm_tt_unpopulate = zcgem_tt_unpopulate,
	.ttm_tt_destroy = zcgem_tt_destroy,
	.evict_flags = zcgem_evict_flags,
	.move = zcgem_move,
};
