// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: shrinker
 *
 * Takes the pins of idle objects back when memory is short, least recently used
 * first, so that the pages can be swapped out, migrated or compacted like any
 * others. An object is idle if no CPU mapping, no importer's mapping, no pin and no
 * fence needs it. Only memory that reclaim can then do something about is listed.
 *
 * Runs in reclaim: dma_resv is tried and never waited for, fences are looked at and
 * never waited for, and nothing is allocated. lru_lock is a leaf lock.
 */

#include <linux/dma-resv.h>
#include <linux/platform_device.h>
#include <linux/shrinker.h>

#include "zcgem_object.h"
#include "zcgem_shrinker.h"
#include "zcgem_trace.h"

/**
 * zcgem_shrinker_add() - An object has become resident.
 * @obj: the object, dma_resv held
 */
void zcgem_shrinker_add(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	if (!obj->reclaimable)
		return;
	spin_lock(&zdev->lru_lock);
	list_add_tail(&obj->lru, &zdev->lru);
	zdev->lru_pages += zcgem_object_npages(obj);
	spin_unlock(&zdev->lru_lock);
}

/**
 * zcgem_shrinker_touch() - An object was used.
 * @obj: the object, dma_resv held
 */
void zcgem_shrinker_touch(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	if (!obj->reclaimable)
		return;
	spin_lock(&zdev->lru_lock);
	if (!list_empty(&obj->lru))
		list_move_tail(&obj->lru, &zdev->lru);
	spin_unlock(&zdev->lru_lock);
}

/**
 * zcgem_shrinker_remove() - An object's pages are about to go.
 * @obj: the object, dma_resv held or the last reference gone
 */
void zcgem_shrinker_remove(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	spin_lock(&zdev->lru_lock);
	if (!list_empty(&obj->lru)) {
		list_del_init(&obj->lru);
		zdev->lru_pages -= zcgem_object_npages(obj);
	}
	spin_unlock(&zdev->lru_lock);
}

static bool zcgem_object_is_idle(struct zcgem_object *obj)
{
	return obj->pages && !obj->pins && !atomic_read(&obj->mappings) &&
	       list_empty(&obj->dma_maps) &&
	       dma_resv_test_signaled(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP);
}

static unsigned long zcgem_shrink_object(struct zcgem_object *obj)
{
	unsigned long freed = 0;

	if (!dma_resv_trylock(obj->bo.base.resv))
		return 0;
	if (zcgem_object_is_idle(obj) && !zcgem_object_evict(obj))
		freed = zcgem_object_npages(obj);
	zcgem_object_unlock(obj);
	return freed;
}

static struct zcgem_object *zcgem_shrinker_oldest(struct zcgem_device *zdev)
{
	struct zcgem_object *obj;

	spin_lock(&zdev->lru_lock);
	obj = list_first_entry_or_null(&zdev->lru, struct zcgem_object, lru);
	if (obj) {
		/* Whatever comes of it, look at another one next time. */
		list_move_tail(&obj->lru, &zdev->lru);
		if (!kref_get_unless_zero(&obj->bo.base.refcount))
			obj = ERR_PTR(-ENOENT);
	}
	spin_unlock(&zdev->lru_lock);
	return obj;
}

static unsigned long zcgem_shrinker_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct zcgem_device *zdev = shrinker->private_data;
	unsigned long pages = READ_ONCE(zdev->lru_pages);

	return pages ?: SHRINK_EMPTY;
}

static unsigned long zcgem_shrinker_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct zcgem_device *zdev = shrinker->private_data;
	unsigned long freed = 0, tries = 0;

	/* Each try looks at one object, which stands for at least one page. */
	while (freed < sc->nr_to_scan && tries++ < sc->nr_to_scan) {
		struct zcgem_object *obj = zcgem_shrinker_oldest(zdev);

		if (!obj)
			break;
		if (IS_ERR(obj))
			continue;
		freed += zcgem_shrink_object(obj);
		drm_gem_object_put(&obj->bo.base);
	}
	return freed ?: SHRINK_STOP;
}

/**
 * zcgem_shrinker_init() - Start taking pins back.
 * @zdev: the device
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_shrinker_init(struct zcgem_device *zdev)
{
	spin_lock_init(&zdev->lru_lock);
	INIT_LIST_HEAD(&zdev->lru);

	zdev->shrinker = shrinker_alloc(0, "drm-zcgem:%s", dev_name(&zdev->pdev->dev));
	if (!zdev->shrinker)
		return -ENOMEM;

	zdev->shrinker->count_objects = zcgem_shrinker_count;
	zdev->shrinker->scan_objects = zcgem_shrinker_scan;
	zdev->shrinker->private_data = zdev;
	shrinker_register(zdev->shrinker);
	return 0;
}

/**
 * zcgem_shrinker_fini() - Stop taking pins back.
 * @zdev: the device, whose objects may be gone or not
 */
void zcgem_shrinker_fini(struct zcgem_device *zdev)
{
	shrinker_free(zdev->shrinker);
}
