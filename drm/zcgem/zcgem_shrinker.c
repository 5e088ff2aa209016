// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: idle objects
 *
 * Takes the pins of idle objects back, so that their pages can be swapped out, migrated
 * or compacted like any others: after idle_seconds without use, and at once when memory is
 * short, least recently used first. An object is idle if no CPU mapping, no importer's
 * mapping, no pin and no fence needs it. Pins are not dropped the moment the last user
 * goes, because most users come back: an importer that maps and unmaps for each frame
 * would pay for the pinning each time.
 *
 * The shrinker runs in reclaim: there dma_resv is tried and never waited for, fences are
 * looked at and never waited for, and nothing is allocated. It passes over hugetlb, from
 * which reclaim gains nothing. The same rules serve the work that looks for idle objects
 * in peace time. lru_lock is a leaf lock.
 */

#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/shrinker.h>
#include <linux/workqueue.h>

#include "zcgem_object.h"
#include "zcgem_shrinker.h"
#include "zcgem_trace.h"

#define ZCGEM_MAX_IDLE_SECONDS	86400U

static unsigned int idle_seconds = 10;
module_param(idle_seconds, uint, 0444);
MODULE_PARM_DESC(idle_seconds,
		 "Seconds after which an unused memfd object is unpinned (default 10, 0: only when memory is short)");

/**
 * zcgem_shrinker_add() - An object has become resident.
 * @obj: the object, dma_resv held
 */
void zcgem_shrinker_add(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	if (!(obj->ops->flags & ZCGEM_BACKING_EVICTABLE))
		return;
	spin_lock(&zdev->lru_lock);
	obj->last_use = jiffies;
	list_add_tail(&obj->lru, &zdev->lru);
	if (obj->reclaimable)
		zdev->lru_pages += zcgem_object_npages(obj);
	spin_unlock(&zdev->lru_lock);

	if (idle_seconds)
		queue_delayed_work(zdev->wq, &zdev->idle_work, idle_seconds * HZ);
}

/**
 * zcgem_shrinker_touch() - An object was used.
 * @obj: the object, dma_resv held
 */
void zcgem_shrinker_touch(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	if (!(obj->ops->flags & ZCGEM_BACKING_EVICTABLE))
		return;
	spin_lock(&zdev->lru_lock);
	obj->last_use = jiffies;
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
		if (obj->reclaimable)
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
	if (zcgem_object_is_idle(obj) && !zcgem_object_evict(obj, false))
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
		if (obj->reclaimable)
			freed += zcgem_shrink_object(obj);
		drm_gem_object_put(&obj->bo.base);
	}
	return freed ?: SHRINK_STOP;
}

/* The oldest object if it has not been used for long enough, else NULL; held. */
static struct zcgem_object *zcgem_oldest_unused(struct zcgem_device *zdev)
{
	struct zcgem_object *obj;

	spin_lock(&zdev->lru_lock);
	obj = list_first_entry_or_null(&zdev->lru, struct zcgem_object, lru);
	if (obj && time_before(jiffies, obj->last_use + idle_seconds * HZ))
		obj = NULL;
	if (obj) {
		/* If it is not idle, it is in use now. */
		obj->last_use = jiffies;
		list_move_tail(&obj->lru, &zdev->lru);
		if (!kref_get_unless_zero(&obj->bo.base.refcount))
			obj = ERR_PTR(-ENOENT);
	}
	spin_unlock(&zdev->lru_lock);
	return obj;
}

static void zcgem_idle_work(struct work_struct *work)
{
	struct zcgem_device *zdev =
		container_of(to_delayed_work(work), struct zcgem_device, idle_work);
	struct zcgem_object *obj;

	while ((obj = zcgem_oldest_unused(zdev))) {
		if (IS_ERR(obj))
			continue;
		zcgem_shrink_object(obj);
		drm_gem_object_put(&obj->bo.base);
		cond_resched();
	}
	if (!list_empty_careful(&zdev->lru))
		queue_delayed_work(zdev->wq, &zdev->idle_work, idle_seconds * HZ);
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
	INIT_DELAYED_WORK(&zdev->idle_work, zcgem_idle_work);
	idle_seconds = min(idle_seconds, ZCGEM_MAX_IDLE_SECONDS);

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
 * @zdev: the device; no file or dma-buf of it is left
 */
void zcgem_shrinker_fini(struct zcgem_device *zdev)
{
	shrinker_free(zdev->shrinker);
	cancel_delayed_work_sync(&zdev->idle_work);
}
