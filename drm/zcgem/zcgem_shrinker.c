// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: reclaim
 *
 * Unpins objects that no device needs in place, so that their pages can be swapped out,
 * migrated or compacted like any others: when memory is short, and after idle_seconds
 * without use. What keeps an object is a pin, an importer's mapping or a pending fence. A
 * CPU mapping is none: it is zapped and faults back in. Pins are not dropped the moment the
 * last user goes, because most users come back: an importer that maps and unmaps for each
 * frame would pay for the pinning each time.
 *
 * For reclaim, objects are in a list_lru, by the memory cgroup of their creator and the
 * NUMA node that they were created on, so that a group at its limit finds its own. An
 * object that was used since reclaim looked at it last gets a second chance. Objects all of
 * whose memory is hugetlbfs are not there, since reclaim gains nothing from them, and
 * without swap space it gains nothing from any. Objects above ZCGEM_SHRINK_DIRECT are
 * unpinned by kswapd, by a task of the group whose limit it is, or by the device's
 * workqueue, but not by other tasks that merely allocate.
 *
 * For idle_seconds all are in a list sorted by their last use, and the work runs when the
 * oldest is due. One that comes back soon after is left alone for longer the next time.
 *
 * The shrinker runs in reclaim: there dma_resv is tried and never waited for, fences are
 * looked at and never waited for, and nothing is allocated. idle_lock and the locks of the
 * list_lru are leaf locks, but that dma_resv is tried under the latter.
 */

#include <linux/dma-resv.h>
#include <linux/jiffies.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/sizes.h>
#include <linux/swap.h>
#include <linux/workqueue.h>

#include "zcgem_compat.h"
#include "zcgem_object.h"
#include "zcgem_shrinker.h"
#include "zcgem_trace.h"

#define ZCGEM_MAX_IDLE_SECONDS	86400U

/* The most that a task has to unpin that allocates memory for itself, pages. */
#define ZCGEM_SHRINK_DIRECT	(SZ_64M >> PAGE_SHIFT)

/* The most times that an object is spared which comes back soon whenever it is unpinned. */
#define ZCGEM_MAX_CHANCES	7

/* How exactly the time of the last use is kept. */
#define ZCGEM_USE_JIFFIES	(HZ / 4)

static unsigned int idle_seconds = 10;
module_param(idle_seconds, uint, 0444);
MODULE_PARM_DESC(idle_seconds,
		 "Seconds after which an unused memfd or pool object is unpinned (default 10, 0: only when memory is short)");

static unsigned long zcgem_idle_jiffies(void)
{
	return idle_seconds * HZ;
}

/**
 * zcgem_shrinker_add() - An object has become resident.
 * @obj: the object, dma_resv held
 */
void zcgem_shrinker_add(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);
	bool first;

	if (!(obj->ops->flags & ZCGEM_BACKING_EVICTABLE))
		return;

	if (obj->idle_at && time_before(jiffies, obj->idle_at + zcgem_idle_jiffies()))
		obj->spared = min(2 * obj->spared + 1, ZCGEM_MAX_CHANCES);
	else
		obj->spared = 0;
	obj->chances = obj->spared;

	spin_lock(&zdev->idle_lock);
	WRITE_ONCE(obj->last_use, jiffies);
	first = list_empty(&zdev->idle);
	list_add_tail(&obj->idle, &zdev->idle);
	if (obj->reclaimable) {
		zdev->lru_objects++;
		zdev->lru_pages += zcgem_object_npages(obj);
	}
	spin_unlock(&zdev->idle_lock);

	if (obj->reclaimable)
		list_lru_add_obj(&zdev->lru, &obj->lru);
	if (idle_seconds && first)
		queue_delayed_work(zdev->wq, &zdev->idle_work, zcgem_idle_jiffies());
}

/**
 * zcgem_shrinker_touch() - An object was used.
 * @obj: the object, dma_resv held
 */
void zcgem_shrinker_touch(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	WRITE_ONCE(obj->referenced, true);
	/* Faults come in bursts, and the lock is the device's. */
	if (time_before(jiffies, READ_ONCE(obj->last_use) + ZCGEM_USE_JIFFIES))
		return;
	spin_lock(&zdev->idle_lock);
	WRITE_ONCE(obj->last_use, jiffies);
	if (!list_empty(&obj->idle))
		list_move_tail(&obj->idle, &zdev->idle);
	spin_unlock(&zdev->idle_lock);
}

/**
 * zcgem_shrinker_remove() - An object's pages are about to go.
 * @obj: the object, dma_resv held or the last reference gone
 */
void zcgem_shrinker_remove(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	if (list_empty(&obj->idle))
		return;
	if (obj->reclaimable)
		list_lru_del_obj(&zdev->lru, &obj->lru);

	spin_lock(&zdev->idle_lock);
	list_del_init(&obj->idle);
	if (obj->reclaimable) {
		zdev->lru_objects--;
		zdev->lru_pages -= zcgem_object_npages(obj);
	}
	spin_unlock(&zdev->idle_lock);
}

/* Whether no device needs the pages in place. dma_resv is held. */
static bool zcgem_object_is_idle(struct zcgem_object *obj)
{
	return obj->pages && !obj->pins && list_empty(&obj->dma_maps) &&
	       dma_resv_test_signaled(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP);
}

static bool zcgem_unpin_idle(struct zcgem_object *obj)
{
	return zcgem_object_is_idle(obj) && !zcgem_object_evict(obj, false);
}

static void zcgem_evict_work(struct work_struct *work)
{
	struct zcgem_object *obj = container_of(work, struct zcgem_object, evict_work);

	dma_resv_lock(obj->bo.base.resv, NULL);
	zcgem_unpin_idle(obj);
	dma_resv_unlock(obj->bo.base.resv);
	drm_gem_object_put(&obj->bo.base);
}

/**
 * zcgem_shrinker_prepare() - Make an object fit for the shrinker.
 * @obj: an object that is being made
 */
void zcgem_shrinker_prepare(struct zcgem_object *obj)
{
	INIT_LIST_HEAD(&obj->lru);
	INIT_LIST_HEAD(&obj->idle);
	INIT_WORK(&obj->evict_work, zcgem_evict_work);
}

/* Whether the current task has the memory reclaimed for others than itself or its group. */
static bool zcgem_is_stranger(const struct shrink_control *sc)
{
	struct mem_cgroup *memcg = sc->memcg;

	if (current_is_kswapd())
		return false;
	return !memcg || !parent_mem_cgroup(memcg) || !current->mm ||
	       !mm_match_cgroup(current->mm, memcg);
}

/* What zcgem_isolate() found. */
struct zcgem_found {
	/* An object with a reference, or NULL. */
	struct zcgem_object *obj;
	/* It is off the list, and its dma_resv is held. */
	bool isolated;
	/* Pages of the object that was looked at. */
	unsigned long npages;
};

static enum lru_status zcgem_isolate(struct list_head *item, struct list_lru_one *list,
				     ZCGEM_LRU_LOCK_ARG void *arg)
{
	struct zcgem_object *obj = container_of(item, struct zcgem_object, lru);
	struct zcgem_found *found = arg;

	found->npages = zcgem_object_npages(obj);
	if (READ_ONCE(obj->referenced)) {
		WRITE_ONCE(obj->referenced, false);
		return LRU_ROTATE;
	}
	if (!kref_get_unless_zero(&obj->bo.base.refcount))
		return LRU_ROTATE;
	found->obj = obj;
	if (!dma_resv_trylock(obj->bo.base.resv))
		return LRU_ROTATE;
	/* From here on no other thread adds or removes it. */
	found->isolated = true;
	list_lru_isolate(list, item);
	return LRU_REMOVED;
}

/* Returns how many pages were unpinned. The reference is used up. */
static unsigned long zcgem_shrink_found(const struct zcgem_found *found, bool stranger)
{
	struct zcgem_object *obj = found->obj;
	struct zcgem_device *zdev = zcgem_object_device(obj);
	unsigned long freed = 0;
	bool later = false;

	if (found->isolated) {
		if (stranger && found->npages > ZCGEM_SHRINK_DIRECT)
			later = zcgem_object_is_idle(obj);
		else if (zcgem_unpin_idle(obj))
			freed = found->npages;
		if (!freed)
			list_lru_add_obj(&zdev->lru, &obj->lru);
		dma_resv_unlock(obj->bo.base.resv);
	}
	if (!later || !queue_work(zdev->wq, &obj->evict_work))
		drm_gem_object_put(&obj->bo.base);
	return freed;
}

static unsigned long zcgem_shrinker_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct zcgem_device *zdev = shrinker->private_data;
	unsigned long objects = list_lru_shrink_count(&zdev->lru, sc), pages;

	if (!objects)
		return SHRINK_EMPTY;
	/* Not SHRINK_EMPTY: the group would not be looked at again when there is swap space. */
	if (get_nr_swap_pages() <= 0)
		return 0;

	/* The list counts objects: take each for one of average size. */
	spin_lock(&zdev->idle_lock);
	pages = zdev->lru_objects ? zdev->lru_pages / zdev->lru_objects : 1;
	spin_unlock(&zdev->idle_lock);
	return objects * pages;
}

static unsigned long zcgem_shrinker_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct zcgem_device *zdev = shrinker->private_data;
	unsigned long left = list_lru_shrink_count(&zdev->lru, sc), freed = 0, scanned = 0;
	bool stranger = zcgem_is_stranger(sc);

	while (left-- && freed < sc->nr_to_scan) {
		struct zcgem_found found = {};
		unsigned long one = 1;

		list_lru_walk_one(&zdev->lru, sc->nid, sc->memcg, zcgem_isolate, &found, &one);
		if (one)
			break;
		scanned += found.npages;
		if (found.obj)
			freed += zcgem_shrink_found(&found, stranger);
	}
	sc->nr_scanned = scanned;
	return scanned ? freed : SHRINK_STOP;
}

/*
 * The oldest object if it is due, with a reference; an ERR_PTR() if there may be another one.
 * Else NULL, and @delay is how long until it is, 0 if there is none.
 */
static struct zcgem_object *zcgem_oldest_due(struct zcgem_device *zdev, unsigned long *delay)
{
	struct zcgem_object *obj;
	unsigned long due;

	*delay = 0;
	spin_lock(&zdev->idle_lock);
	obj = list_first_entry_or_null(&zdev->idle, struct zcgem_object, idle);
	if (!obj)
		goto unlock;
	due = obj->last_use + zcgem_idle_jiffies();
	if (time_before(jiffies, due)) {
		*delay = max(due - jiffies, 1UL);
		obj = NULL;
		goto unlock;
	}
	/* If it is not idle, it is in use now. */
	WRITE_ONCE(obj->last_use, jiffies);
	list_move_tail(&obj->idle, &zdev->idle);
	if (!kref_get_unless_zero(&obj->bo.base.refcount))
		obj = ERR_PTR(-ENOENT);
unlock:
	spin_unlock(&zdev->idle_lock);
	return obj;
}

static void zcgem_unpin_due(struct zcgem_object *obj)
{
	if (!dma_resv_trylock(obj->bo.base.resv))
		return;
	if (obj->chances)
		obj->chances--;
	else if (zcgem_unpin_idle(obj))
		obj->idle_at = jiffies;
	dma_resv_unlock(obj->bo.base.resv);
}

static void zcgem_idle_work(struct work_struct *work)
{
	struct zcgem_device *zdev =
		container_of(to_delayed_work(work), struct zcgem_device, idle_work);
	struct zcgem_object *obj;
	unsigned long delay;

	while ((obj = zcgem_oldest_due(zdev, &delay))) {
		if (IS_ERR(obj))
			continue;
		zcgem_unpin_due(obj);
		drm_gem_object_put(&obj->bo.base);
		cond_resched();
	}
	/* Rounded, so that objects that are due within the same second are taken together. */
	if (delay)
		queue_delayed_work(zdev->wq, &zdev->idle_work, round_jiffies_up_relative(delay));
}

/**
 * zcgem_shrinker_init() - Start taking pins back.
 * @zdev: the device
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_shrinker_init(struct zcgem_device *zdev)
{
	int ret;

	spin_lock_init(&zdev->idle_lock);
	INIT_LIST_HEAD(&zdev->idle);
	INIT_DEFERRABLE_WORK(&zdev->idle_work, zcgem_idle_work);
	idle_seconds = min(idle_seconds, ZCGEM_MAX_IDLE_SECONDS);

	zdev->shrinker = shrinker_alloc(SHRINKER_MEMCG_AWARE | SHRINKER_NUMA_AWARE,
					"drm-zcgem:%s", dev_name(zdev->drm.dev));
	if (!zdev->shrinker)
		return -ENOMEM;
	ret = list_lru_init_memcg(&zdev->lru, zdev->shrinker);
	if (ret) {
		shrinker_free(zdev->shrinker);
		return ret;
	}

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
	list_lru_destroy(&zdev->lru);
}
