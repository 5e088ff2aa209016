// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: watches
 *
 * A file system tells nobody that pages were punched out of a file, unless they are
 * mapped: then the mappings are zapped first, and MMU notifiers hear of it. So the
 * owner of a memfd may name its own mapping of each range when it wraps it, and a
 * notifier there tells when it is time to look whether the pages have changed.
 *
 * The notifier runs in the middle of somebody's page table update, where dma_resv must
 * not be taken and little else is allowed: it notes which pages were meant and queues
 * work. The work first takes the file's inode lock, which a hole punch holds from before
 * the notification until the pages have left the file, and then has the object compare
 * these pages with the file's. It waits for no such lock, since its holder may keep it for as
 * long as it likes: it comes again later, and later each time, up to a second. Where a
 * fence is pending it comes again when that has signalled. Most notifications are false alarms
 * (mprotect, NUMA hints, the owner unmapping its view): they end there and no user of the object
 * notices.
 *
 * New pages are not fetched at once: the memory was punched to be free, and the next user of the
 * object gets them. Only huge pages that an attached device needs, and that no importer can fetch
 * itself (6.12), are fetched if the file has them. The work fills no holes: that would be charged
 * to no client's control group.
 *
 * Removing a notifier waits for every invalidation that runs in its address space, so
 * it is never done where the object is freed, which may be under mmap_lock or in reclaim,
 * but in work of its own. lock is a leaf lock.
 */

#include <linux/dma-fence.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "zcgem_device.h"
#include "zcgem_object.h"
#include "zcgem_trace.h"
#include "zcgem_watch.h"

/* One watched range. */
struct zcgem_watch_range {
	struct mmu_interval_notifier notifier;
	struct zcgem_watch *watch;
	struct list_head link;
	struct file *file;
	/* Pages of the object. */
	pgoff_t first;
	pgoff_t npages;
	/* Under the watch's lock: what pages of the object were hit; none if the end is 0. */
	pgoff_t hit_first;
	pgoff_t hit_end;
};

/* All watched ranges of an object. */
struct zcgem_watch {
	struct zcgem_device *zdev;
	struct list_head ranges;
	struct delayed_work look;
	struct work_struct end;
	/* Protects obj and the ranges' hits; a leaf lock, taken in MMU notifiers and by fences. */
	spinlock_t lock;
	/* The object while it lives, NULL before and after. Under lock. */
	struct zcgem_object *obj;
	/* Of look alone: how long it last waited for a lock, jiffies, and what fence for. */
	unsigned long delay;
	struct dma_fence *fence;
	struct dma_fence_cb fence_cb;
};

/* How long to wait for what is locked: at first, and at most. */
#define ZCGEM_WATCH_FIRST	msecs_to_jiffies(10)
#define ZCGEM_WATCH_LAST	HZ

/* Lock held. */
static void zcgem_watch_hit(struct zcgem_watch_range *r, pgoff_t first, pgoff_t end)
{
	r->hit_first = r->hit_end ? min(r->hit_first, first) : first;
	r->hit_end = max(r->hit_end, end);
}

static bool zcgem_watch_invalidate(struct mmu_interval_notifier *notifier,
				   const struct mmu_notifier_range *range,
				   unsigned long cur_seq)
{
	struct zcgem_watch_range *r =
		container_of(notifier, struct zcgem_watch_range, notifier);
	unsigned long first = 0, npages = r->npages, start = notifier->interval_tree.start;
	struct zcgem_watch *watch = r->watch;
	unsigned long flags;

	if (range->start > start)
		first = (range->start - start) >> PAGE_SHIFT;
	if (range->end < start + (npages << PAGE_SHIFT))
		npages = PFN_UP(range->end - start);

	spin_lock_irqsave(&watch->lock, flags);
	mmu_interval_set_seq(notifier, cur_seq);
	if (watch->obj) {
		zcgem_watch_hit(r, r->first + first, r->first + npages);
		queue_delayed_work(watch->zdev->wq, &watch->look, 0);
	}
	spin_unlock_irqrestore(&watch->lock, flags);
	return true;
}

static const struct mmu_interval_notifier_ops zcgem_watch_ops = {
	.invalidate = zcgem_watch_invalidate,
};

/* Returns whether there is a hit. */
static bool zcgem_watch_take_hit(struct zcgem_watch *watch, struct zcgem_watch_range *r,
				 pgoff_t *first, pgoff_t *end)
{
	spin_lock_irq(&watch->lock);
	*first = r->hit_first;
	*end = r->hit_end;
	r->hit_end = 0;
	spin_unlock_irq(&watch->lock);
	return *end;
}

static void zcgem_watch_put_hit(struct zcgem_watch *watch, struct zcgem_watch_range *r,
				pgoff_t first, pgoff_t end)
{
	spin_lock_irq(&watch->lock);
	zcgem_watch_hit(r, first, end);
	spin_unlock_irq(&watch->lock);
}

static void zcgem_watch_again(struct zcgem_watch *watch, unsigned long delay)
{
	unsigned long flags;

	spin_lock_irqsave(&watch->lock, flags);
	if (watch->obj)
		queue_delayed_work(watch->zdev->wq, &watch->look, delay);
	spin_unlock_irqrestore(&watch->lock, flags);
}

static void zcgem_watch_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	zcgem_watch_again(container_of(cb, struct zcgem_watch, fence_cb), 0);
}

static void zcgem_watch_forget_fence(struct zcgem_watch *watch)
{
	if (!watch->fence)
		return;
	dma_fence_remove_callback(watch->fence, &watch->fence_cb);
	dma_fence_put(watch->fence);
	watch->fence = NULL;
}

/* Look again when a fence has signalled. Takes the reference. */
static void zcgem_watch_follow(struct zcgem_watch *watch, struct dma_fence *fence)
{
	zcgem_watch_forget_fence(watch);
	watch->fence = fence;
	if (dma_fence_add_callback(fence, &watch->fence_cb, zcgem_watch_signalled)) {
		dma_fence_put(fence);
		watch->fence = NULL;
		zcgem_watch_again(watch, 0);
	}
}

/* Returns 0, or -EBUSY if something is locked; *@fence is one that is pending, or NULL. */
static int zcgem_watch_look_at(struct zcgem_watch_range *r, struct zcgem_object *obj,
			       pgoff_t first, pgoff_t end, struct dma_fence **fence)
{
	*fence = NULL;
	atomic_long_inc(&r->watch->zdev->counters.watch_looks);

	/* Is the punch that this is about over? */
	if (!inode_trylock_shared(file_inode(r->file)))
		return -EBUSY;
	inode_unlock_shared(file_inode(r->file));

	if (!dma_resv_trylock(obj->bo.base.resv))
		return -EBUSY;
	*fence = zcgem_object_drop_stale(obj, first, end - first);
	zcgem_object_unlock(obj);

	/* An importer that maps again could not fetch them then. */
	if (!*fence && obj->prepare_only && atomic_read(&obj->attachments))
		zcgem_object_prepare(obj, 0, 0);
	return 0;
}

static void zcgem_watch_look(struct work_struct *work)
{
	struct zcgem_watch *watch =
		container_of(to_delayed_work(work), struct zcgem_watch, look);
	struct dma_fence *fence, *pending = NULL;
	struct zcgem_watch_range *r;
	struct zcgem_object *obj;
	pgoff_t first, end;
	bool busy = false;

	spin_lock_irq(&watch->lock);
	obj = watch->obj;
	if (obj && !kref_get_unless_zero(&obj->bo.base.refcount))
		obj = NULL;
	spin_unlock_irq(&watch->lock);
	if (!obj)
		return;

	list_for_each_entry(r, &watch->ranges, link) {
		cond_resched();
		if (!zcgem_watch_take_hit(watch, r, &first, &end))
			continue;
		if (zcgem_watch_look_at(r, obj, first, end, &fence))
			busy = true;
		else if (!fence)
			continue;
		zcgem_watch_put_hit(watch, r, first, end);
		if (fence) {
			dma_fence_put(pending);
			pending = fence;
		}
	}

	if (pending)
		zcgem_watch_follow(watch, pending);
	watch->delay = busy ? clamp(2 * watch->delay, ZCGEM_WATCH_FIRST, ZCGEM_WATCH_LAST) : 0;
	if (busy)
		zcgem_watch_again(watch, watch->delay);
	drm_gem_object_put(&obj->bo.base);
}

static void zcgem_watch_do_end(struct work_struct *work)
{
	struct zcgem_watch *watch = container_of(work, struct zcgem_watch, end);
	struct zcgem_watch_range *r, *next;

	list_for_each_entry(r, &watch->ranges, link)
		mmu_interval_notifier_remove(&r->notifier);
	/* Without an object nothing queues it any more. */
	cancel_delayed_work_sync(&watch->look);
	zcgem_watch_forget_fence(watch);

	list_for_each_entry_safe(r, next, &watch->ranges, link) {
		fput(r->file);
		kfree(r);
	}
	kfree(watch);
}

/**
 * zcgem_watch_alloc() - Make a watch of no ranges.
 * @zdev: the device
 *
 * Return: the watch, to be ended by zcgem_watch_end(), or NULL.
 */
struct zcgem_watch *zcgem_watch_alloc(struct zcgem_device *zdev)
{
	struct zcgem_watch *watch;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return NULL;

	watch->zdev = zdev;
	INIT_LIST_HEAD(&watch->ranges);
	INIT_DELAYED_WORK(&watch->look, zcgem_watch_look);
	INIT_WORK(&watch->end, zcgem_watch_do_end);
	spin_lock_init(&watch->lock);
	return watch;
}

/**
 * zcgem_watch_add() - Watch one more range.
 * @watch: the watch, not started yet
 * @file: the file that is mapped there
 * @address: where the caller has mapped it
 * @first: first page of the object that the range backs
 * @npages: how many
 *
 * Takes mmap_lock.
 *
 * Return: 0, -ENOMEM, or -EINVAL for addresses that wrap around.
 */
int zcgem_watch_add(struct zcgem_watch *watch, struct file *file, u64 address,
		    pgoff_t first, pgoff_t npages)
{
	struct zcgem_watch_range *r;
	int ret;

	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return -ENOMEM;
	r->watch = watch;
	r->first = first;
	r->npages = npages;

	ret = mmu_interval_notifier_insert(&r->notifier, current->mm, address,
					   npages << PAGE_SHIFT, &zcgem_watch_ops);
	if (ret) {
		kfree(r);
		return ret == -EOVERFLOW ? -EINVAL : ret;
	}
	r->file = get_file(file);
	list_add_tail(&r->link, &watch->ranges);
	return 0;
}

/**
 * zcgem_watch_start() - Act on what happens from here on.
 * @watch: the watch
 * @obj: the object, which ends the watch before it is freed
 */
void zcgem_watch_start(struct zcgem_watch *watch, struct zcgem_object *obj)
{
	spin_lock_irq(&watch->lock);
	watch->obj = obj;
	spin_unlock_irq(&watch->lock);
}

/**
 * zcgem_watch_end() - The object is going, or has never come.
 * @watch: the watch, freed in a while; or NULL
 *
 * Does not sleep and does not wait.
 */
void zcgem_watch_end(struct zcgem_watch *watch)
{
	unsigned long flags;

	if (!watch)
		return;
	spin_lock_irqsave(&watch->lock, flags);
	watch->obj = NULL;
	spin_unlock_irqrestore(&watch->lock, flags);
	queue_work(watch->zdev->wq, &watch->end);
}
