// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: pool backing
 *
 * Pages from TTM's pool, cached or write-combined, swapped out by TTM when there
 * are too many. The pool hands out non-compound blocks of up to MAX_PAGE_ORDER,
 * so the extents are found from the frame numbers and not from folios.
 *
 * The pages belong to the ttm_tt: it must not be unpopulated while anything but
 * a CPU mapping can reach them.
 */

#include <kunit/visibility.h>

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <drm/drm_print.h>
#include <drm/ttm/ttm_pool.h>
#include <drm/ttm/ttm_tt.h>

#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

/* TTM frees it with the ttm_tt. */
static int zcgem_pool_alloc_array(struct ttm_tt *tt)
{
	if (tt->pages)
		return 0;

	tt->pages = zcgem_table_alloc(tt->num_pages, sizeof(*tt->pages));
	if (!tt->pages)
		return -ENOMEM;
	memset(tt->pages, 0, tt->num_pages * sizeof(*tt->pages));
	return 0;
}

/*
 * TTM has a limit too, but it only swaps other objects out above it: where there is none that
 * can be, one object could have all memory there is.
 */
static int zcgem_pool_reserve(struct zcgem_device *zdev, unsigned long npages)
{
	if (atomic_long_add_return(npages, &zdev->pool_pages) <= totalram_pages() / 4 * 3)
		return 0;
	atomic_long_sub(npages, &zdev->pool_pages);
	return zcgem_refuse(&zdev->drm, -ENOMEM, "%lu pages would be most of the memory", npages);
}

static struct zcgem_pages *zcgem_pool_acquire(struct zcgem_object *obj, struct ttm_tt *tt,
					      struct ttm_operation_ctx *ctx)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);
	struct zcgem_pages *pages;
	unsigned long i;
	int ret;

	/* It may take long, and TTM does not look for signals. */
	if (fatal_signal_pending(current))
		return ERR_PTR(-EINTR);
	ret = zcgem_pool_reserve(zdev, tt->num_pages);
	if (ret)
		return ERR_PTR(ret);
	ret = zcgem_pool_alloc_array(tt);
	if (ret)
		goto unreserve;
	pages = zcgem_pages_alloc(zdev, ZCGEM_PINS_NONE, false);
	if (!pages) {
		ret = -ENOMEM;
		goto unreserve;
	}

	ret = ttm_pool_alloc(&zdev->ttm.pool, tt, ctx);
	if (ret)
		goto put_pages;

	for (i = 0; i < tt->num_pages; i++) {
		ret = zcgem_extents_append(&pages->extents, page_to_pfn(tt->pages[i]), 1);
		if (ret)
			goto free_pool;
	}
	zcgem_pages_seal(pages);
	return pages;

free_pool:
	ttm_pool_free(&zdev->ttm.pool, tt);
put_pages:
	zcgem_pages_put(pages);
unreserve:
	atomic_long_sub(tt->num_pages, &zdev->pool_pages);
	return ERR_PTR(ret);
}

static void zcgem_pool_release(struct zcgem_object *obj, struct ttm_tt *tt)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	ttm_pool_free(&zdev->ttm.pool, tt);
	atomic_long_sub(tt->num_pages, &zdev->pool_pages);
}

const struct zcgem_backing_ops zcgem_pool_ops = {
	.name = "pool",
	.id = DRM_ZCGEM_BACKING_POOL,
	.flags = ZCGEM_BACKING_MAPPABLE | ZCGEM_BACKING_TTM_PAGES,
	.acquire = zcgem_pool_acquire,
	.release = zcgem_pool_release,
};

/**
 * zcgem_pool_create() - Make an object of the driver's own pages.
 * @zdev: the device
 * @size: bytes, not zero, rounded up to the page size
 * @flags: %DRM_ZCGEM_CREATE_WC, a hint, or 0
 *
 * Pages are allocated, zeroed, at first use.
 *
 * Return: the object, or -EINVAL, -EFBIG, -ENOMEM as an ERR_PTR().
 */
struct zcgem_object *zcgem_pool_create(struct zcgem_device *zdev, u64 size, u32 flags)
{
	struct zcgem_object *obj;
	int ret;

	if (flags & ~DRM_ZCGEM_CREATE_WC || !size)
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EINVAL, "size %#llx flags %#x", size,
					    flags));
	if (size > ZCGEM_MAX_SIZE)
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EFBIG, "%llu bytes are too many", size));

	obj = zcgem_object_alloc(zdev, &zcgem_pool_ops, NULL);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	/*
	 * Elsewhere the linear map stays cached, and what clear_page() has left in the cache would
	 * hide from the mapping that the memory is not zero yet.
	 */
	if (IS_ENABLED(CONFIG_X86) && flags & DRM_ZCGEM_CREATE_WC)
		obj->caching = ttm_write_combined;

	/* No page exists yet to tell; the pool prefers large blocks. */
	if (size >= PMD_SIZE)
		obj->map_order = PMD_SHIFT - PAGE_SHIFT;

	ret = zcgem_object_init(obj, PAGE_ALIGN(size), NULL);
	return ret ? ERR_PTR(ret) : obj;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_pool_create);
