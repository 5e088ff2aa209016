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
 * work. The work first has the file's inode lock, which a hole punch holds from before
 * the notification until the pages have left the file, and then has the object compare
 * its pages with the file's. It waits for no such lock or fence, since whoever holds one
 * may never let go: it comes again a little later. Most notifications are false alarms (mprotect,
 * NUMA hints, the owner unmapping its view): they end there and nobody sees them.
 *
 * New pages are not fetched at once: the memory was punched to be free. Whoever touches
 * the object next gets them. Only huge pages that an attached device is to have, and that
 * can be had nowhere but here (6.12), are fetched, which may wait for the file's inode.
 *
 * Removing a notifier waits for every invalidation that runs in its address space, so
 * it is never done where the object is freed, which may be under mmap_lock or in reclaim,
 * but in work of its own. lock is a leaf lock.
 */

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
	/* Under the watch's lock: something happened there. */
	bool hit;
};

/* All watched ranges of an object. */
struct zcgem_watch {
	struct zcgem_device *zdev;
	struct list_head ranges;
	struct delayed_work look;
	struct work_struct end;
	/* Guards obj and the ranges' hit; a leaf lock, taken in MMU notifiers. */
	spinlock_t lock;
	/* The object while it lives, NULL before and after. Under lock. */
	struct zcgem_object *obj;
};

static bool zcgem_watch_invalidate(struct mmu_interval_notifier *notifier,
				   const struct mmu_notifier_range *range,
				   unsigned long cur_seq)
{
	struct zcgem_watch_range *r =
		container_of(notifier, struct zcgem_watch_range, notifier);
	struct zcgem_watch *watch = r->watch;
	unsigned long flags;

	spin_lock_irqsave(&watch->lock, flags);
	mmu_interval_set_seq(notifier, cur_seq);
	if (watch->obj) {
		r->hit = true;
		queue_delayed_work(watch->zdev->wq, &watch->look, 0);
	}
	spin_unlock_irqrestore(&watch->lock, flags);
	return true;
}

static const struct mmu_interval_notifier_ops zcgem_watch_ops = {
	.invalidate = zcgem_watch_invalidate,
};

/* How long to wait for what is locked or busy. */
#define ZCGEM_WATCH_AGAIN	msecs_to_jiffies(10)

static void zcgem_watch_put_hit(struct zcgem_watch *watch, struct zcgem_watch_range *r)
{
	spin_lock_irq(&watch->lock);
	r->hit = true;
	if (watch->obj)
		queue_delayed_work(watch->zdev->wq, &watch->look, ZCGEM_WATCH_AGAIN);
	spin_unlock_irq(&watch->lock);
}

static bool zcgem_watch_take_hit(struct zcgem_watch *watch, struct zcgem_watch_range *r)
{
	bool hit;

	spin_lock_irq(&watch->lock);
	hit = r->hit;
	r->hit = false;
	spin_unlock_irq(&watch->lock);
	return hit;
}

/* Returns false if it must be tried again. */
static bool zcgem_watch_look_at(struct zcgem_watch_range *r, struct zcgem_object *obj)
{
	bool done;

	/* Is the punch that this is about over? */
	if (!inode_trylock_shared(file_inode(r->file)))
		return false;
	inode_unlock_shared(file_inode(r->file));

	if (!dma_resv_trylock(obj->bo.base.resv))
		return false;
	done = zcgem_object_drop_stale(obj, r->first, r->npages);
	zcgem_object_unlock(obj);

	/* An importer that maps again could not have them then. */
	if (done && obj->prepare_only && atomic_read(&obj->attachments))
		zcgem_object_prepare(obj, 0, 0);
	return done;
}

static void zcgem_watch_look(struct work_struct *work)
{
	struct zcgem_watch *watch =
		container_of(to_delayed_work(work), struct zcgem_watch, look);
	struct zcgem_watch_range *r;
	struct zcgem_object *obj;

	spin_lock_irq(&watch->lock);
	obj = watch->obj;
	if (obj && !kref_get_unless_zero(&obj->bo.base.refcount))
		obj = NULL;
	spin_unlock_irq(&watch->lock);
	if (!obj)
		return;

	list_for_each_entry(r, &watch->ranges, link) {
		if (zcgem_watch_take_hit(watch, r) && !zcgem_watch_look_at(r, obj))
			zcgem_watch_put_hit(watch, r);
		cond_resched();
	}
	drm_gem_object_put(&obj->bo.base);
}

static void zcgem_watch_do_end(struct work_struct *work)
{
	struct zcgem_watch *watch = container_of(work, struct zcgem_watch, end);
	struct zcgem_watch_range *r, *next;

	list_for_each_entry(r, &watch->ranges, link)
		mmu_interval_notifier_remove(&r->notifier);
	/* Nothing queues it any more. */
	cancel_delayed_work_sync(&watch->look);

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
