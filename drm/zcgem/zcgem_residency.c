// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: residency
 *
 * Moves objects between resident and not. An object gets its pages when somebody
 * first needs them, keeps them while it is pinned, and loses them to eviction, to
 * revocation, or when it turns out that they have left their file. Whoever has a
 * view of the pages is told before they go: page table entries are zapped,
 * importers notified, fences waited for, and only then is anything unpinned.
 *
 * Everything here runs under the object's dma_resv but zcgem_object_prepare() and
 * zcgem_object_when_idle(), which take it and wait for fences without it. Nothing here
 * may be called in an MMU notifier, and reclaim only evicts what has no fences, since it
 * must not wait for them.
 */

#include <kunit/visibility.h>

#include <linux/mm.h>

#include <drm/drm_vma_manager.h>

#include "zcgem_compat.h"
#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"
#include "zcgem_shrinker.h"
#include "zcgem_trace.h"

/*
 * Where mappings should go so that the largest leaf fits. The pages rarely
 * change their layout, and a stale hint only costs smaller leaves.
 */
static void zcgem_object_note_layout(struct zcgem_object *obj)
{
	const unsigned int orders[] = { PUD_SHIFT - PAGE_SHIFT, PMD_SHIFT - PAGE_SHIFT };
	const struct zcgem_extents *extents = &obj->pages->extents;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		unsigned long run = zcgem_extents_find_block(extents, orders[i]);
		const struct zcgem_extent *extent = &extents->table[run];

		if (run < extents->count) {
			WRITE_ONCE(obj->map_phase,
				   (extent->pfn - extent->start) & ((1UL << orders[i]) - 1));
			WRITE_ONCE(obj->map_order, orders[i]);
			return;
		}
	}
	WRITE_ONCE(obj->map_phase, 0);
	WRITE_ONCE(obj->map_order, 0);
}

/**
 * zcgem_object_unmap_foreign() - Let go of another driver's memory.
 * @obj: an object whose memory is foreign, dma_resv of the dma-buf held
 */
void zcgem_object_unmap_foreign(struct zcgem_object *obj)
{
	/* The exporter may tell of a move before it is known what is attached. */
	if (!obj->pages)
		return;

	/* TTM may have given the object another one; the attachment goes by this. */
	dma_resv_assert_held(obj->bo.base.import_attach->dmabuf->resv);

	obj->ops->release(obj);
	zcgem_pages_put(obj->pages);
	WRITE_ONCE(obj->pages, NULL);
	atomic64_inc(&obj->evictions);
}

/* Have the charge of an object that is held be that of the pages that it has now. */
static int zcgem_object_follow(struct zcgem_object *obj)
{
	return obj->holds && !obj->pages->locked ? zcgem_object_recharge(obj) : 0;
}

static int zcgem_object_get_pages(struct zcgem_object *obj, bool now)
{
	struct zcgem_pages *pages;
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->revoked)
		return -EACCES;
	if (obj->pages)
		return zcgem_object_follow(obj);

	pages = obj->staged;
	obj->staged = NULL;
	if (!pages)
		pages = obj->ops->acquire(obj, now);
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	if (obj->wc) {
		ret = zcgem_wc_begin(pages);
		if (ret) {
			zcgem_pages_put(pages);
			return ret;
		}
	}
	WRITE_ONCE(obj->pages, pages);
	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN)
		return 0;

	obj->acquire_error = 0;
	zcgem_object_note_layout(obj);
	zcgem_shrinker_add(obj);
	return zcgem_object_follow(obj);
}

/**
 * zcgem_object_acquire() - Make an object resident.
 * @obj: the object, dma_resv held
 *
 * Return: 0, also if it was; -EACCES if it was revoked; -EAGAIN if
 * zcgem_object_prepare() must be called without locks first; else what the backing says.
 */
int zcgem_object_acquire(struct zcgem_object *obj)
{
	return zcgem_object_get_pages(obj, false);
}

/**
 * zcgem_object_acquire_now() - Make an object resident, however long it takes.
 * @obj: the object, dma_resv held
 *
 * For callers that cannot call zcgem_object_prepare(), as importers that hold dma_resv.
 *
 * Return: as zcgem_object_acquire(); -EAGAIN if only
 * zcgem_object_prepare() can get the memory.
 */
int zcgem_object_acquire_now(struct zcgem_object *obj)
{
	return zcgem_object_get_pages(obj, true);
}

/*
 * Fences may be added faster than they can be waited for, but only by who has dma_resv:
 * after so many times hold it and wait.
 */
#define ZCGEM_UNLOCKED_WAITS	8

/*
 * With dma_resv held all fences. Without it those that were there: dma_resv_wait_timeout()
 * starts anew when somebody makes room for another one, and may never come to an end.
 */
static int zcgem_object_wait_fences(struct zcgem_object *obj)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	bool begun = false;
	long ret = 0;

	dma_resv_iter_begin(&cursor, obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (begun && dma_resv_iter_is_restarted(&cursor))
			break;
		begun = true;
		ret = dma_fence_wait(fence, true);
		if (ret)
			break;
	}
	dma_resv_iter_end(&cursor);
	return ret;
}

/*
 * One attempt. *@staged, which may be an error, is used up if it is needed. -EAGAIN with
 * *@fences: wait for them.
 */
static int zcgem_object_try_prepare(struct zcgem_object *obj, pgoff_t first, pgoff_t npages,
				    struct zcgem_pages **staged, bool wait, bool *fences)
{
	int ret;

	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;

	if (IS_ERR(*staged) && !obj->pages) {
		ret = PTR_ERR(*staged);
	} else {
		obj->staged = IS_ERR(*staged) ? NULL : *staged;
		ret = npages ? zcgem_object_acquire_current(obj, first, npages, wait) :
			       zcgem_object_acquire(obj);
		/* Still there if another caller was faster. */
		*staged = obj->staged;
		obj->staged = NULL;
	}
	*fences = obj->pages;
	if (!obj->pages && ret != -EAGAIN && !zcgem_is_signal(ret))
		obj->acquire_error = ret;
	zcgem_object_unlock(obj);
	return ret;
}

/**
 * zcgem_object_prepare() - Make an object resident where any lock may be taken.
 * @obj: the object; the caller holds neither its dma_resv nor mmap_lock
 * @first: first page that must be that of today
 * @npages: how many; 0 if any pages will do, or are looked at later
 *
 * Return: 0 or what the backing says, but never -EAGAIN; -EBUSY if only another driver
 * could do so; -EINTR while waiting for fences on old pages.
 */
int zcgem_object_prepare(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	struct zcgem_pages *pages = NULL;
	unsigned int waits = 0;
	bool fences = false;
	int ret;

	for (;;) {
		ret = zcgem_object_try_prepare(obj, first, npages, &pages,
					       waits == ZCGEM_UNLOCKED_WAITS, &fences);
		if (ret != -EAGAIN)
			break;

		if (fences) {
			waits++;
			ret = zcgem_object_wait_fences(obj);
			if (ret)
				break;
			continue;
		}
		ret = -EBUSY;
		if (!obj->ops->prepare)
			break;
		pages = obj->ops->prepare(obj);
		/* These are. */
		if (!IS_ERR(pages))
			npages = 0;
	}
	if (!IS_ERR(pages))
		zcgem_pages_put(pages);
	return ret;
}

/**
 * zcgem_object_zap() - Take an object out of all page tables.
 * @obj: the object
 *
 * Reaches mappings made through the node and through the dma-buf. Nothing keeps
 * them from faulting back in but dma_resv, so hold it if they must not.
 */
void zcgem_object_zap(struct zcgem_object *obj)
{
	drm_vma_node_unmap(&obj->bo.base.vma_node, obj->bo.base.dev->anon_inode->i_mapping);
}

/*
 * Tell every view that the pages are about to go, and let fences be. -EAGAIN if some are
 * pending and @wait is not set.
 */
static int zcgem_object_end_views(struct zcgem_object *obj, bool wait)
{
	zcgem_object_zap(obj);
	zcgem_prime_invalidate(obj);

	if (wait)
		return zcgem_object_wait_fences(obj);
	return dma_resv_test_signaled(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP) ? 0 : -EAGAIN;
}

/**
 * zcgem_object_release_pages() - Let go of an object's pages.
 * @obj: an object that nothing uses any more, dma_resv held
 */
void zcgem_object_release_pages(struct zcgem_object *obj)
{
	if (!obj->pages)
		return;
	zcgem_shrinker_remove(obj);
	zcgem_pages_put(obj->pages);
	WRITE_ONCE(obj->pages, NULL);
}

/* Take the pages away and have every view fetch them anew. */
static int zcgem_object_drop_pages(struct zcgem_object *obj, bool wait)
{
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->pages)
		return 0;

	ret = zcgem_object_end_views(obj, wait);
	if (ret)
		return ret;

	zcgem_object_release_pages(obj);
	atomic64_inc(&obj->evictions);
	atomic_long_inc(&zcgem_object_device(obj)->counters.evictions);
	return 0;
}

/**
 * zcgem_object_evict() - Give an object's pages back.
 * @obj: the object, dma_resv held
 * @wait: wait for fences, with dma_resv held
 *
 * CPU mappings are zapped and importers notified; both fetch the pages again
 * when they need them. Pages that an importer has not unmapped by then stay
 * pinned for it until it does.
 *
 * Return: 0, also if nothing was resident; -EBUSY if the object is pinned, or
 * write-combined while an importer keeps its mapping; -EOPNOTSUPP if its kind of memory
 * cannot be fetched again; -EACCES if it was revoked; -EINTR; -EAGAIN if fences are pending,
 * without @wait.
 */
int zcgem_object_evict(struct zcgem_object *obj, bool wait)
{
	struct drm_device *drm = obj->bo.base.dev;
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN) {
		zcgem_object_unmap_foreign(obj);
		return 0;
	}
	if (!(obj->ops->flags & ZCGEM_BACKING_EVICTABLE))
		return zcgem_refuse(drm, -EOPNOTSUPP, "%s pages cannot be had again",
				    obj->ops->name);
	if (obj->revoked)
		return zcgem_refuse(drm, -EACCES, "the object was revoked");
	if (obj->pins)
		return zcgem_refuse(drm, -EBUSY, "the object is pinned");
	/* An importer maps under dma_resv, where these cannot be had again. */
	if (obj->prepare_only && atomic_read(&obj->attachments))
		return zcgem_refuse(drm, -EBUSY, "a device is attached to huge pages");

	/* The pages would get their type a second time. */
	if (obj->wc && obj->pages) {
		ret = zcgem_object_end_views(obj, wait);
		if (ret)
			return ret;
		if (kref_read(&obj->pages->ref) > 1)
			return zcgem_refuse(drm, -EBUSY, "an importer keeps write-combined pages");
	}

	ret = zcgem_object_drop_pages(obj, wait);
	if (!ret)
		trace_zcgem_evict(obj);
	return ret;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_object_evict);

/**
 * zcgem_object_drop_stale() - Let go of pages that have left their file.
 * @obj: the object, dma_resv held
 * @first: first page that may have
 * @npages: how many
 *
 * Does nothing if all is well, or if the object is pinned. Does not wait.
 *
 * Return: NULL, or a fence that is pending, with a reference: all views were told, but the
 * pages are still there, so call this again when it has signalled.
 */
struct dma_fence *zcgem_object_drop_stale(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	if (!obj->pages || obj->pins || zcgem_object_is_current(obj, first, npages))
		return NULL;

	if (zcgem_object_drop_pages(obj, false) != -EAGAIN) {
		trace_zcgem_invalidate(obj);
		return NULL;
	}
	dma_resv_for_each_fence(&cursor, obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP, fence)
		if (!dma_fence_is_signaled(fence))
			return dma_fence_get(fence);
	/* All have signalled since, so there is one that has. */
	return dma_fence_get_stub();
}

/**
 * zcgem_object_revoke() - Withdraw an object from all who share it.
 * @obj: the object, dma_resv held
 * @wait: wait for fences, with dma_resv held
 *
 * Pages stay only with those who hold them already, by a scatter list or a kernel mapping.
 *
 * Return: 0, -EOPNOTSUPP for foreign memory, -EINTR while waiting for fences; -EAGAIN
 * if they are pending, without @wait: nobody new gets at the object then, but the pages
 * are still there.
 */
int zcgem_object_revoke(struct zcgem_object *obj, bool wait)
{
	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN)
		return -EOPNOTSUPP;

	if (!obj->revoked)
		trace_zcgem_revoke(obj);
	WRITE_ONCE(obj->revoked, true);
	zcgem_jobs_withdraw(obj, -EACCES);

	return zcgem_object_drop_pages(obj, wait);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_object_revoke);

/**
 * zcgem_object_when_idle() - Take an object's pages away, and wait for fences unlocked.
 * @obj: the object, dma_resv not held
 * @step: zcgem_object_evict() or zcgem_object_revoke()
 *
 * Meanwhile others can use the object, and be told that they cannot.
 *
 * Return: as @step, but never -EAGAIN.
 */
int zcgem_object_when_idle(struct zcgem_object *obj,
			   int (*step)(struct zcgem_object *obj, bool wait))
{
	unsigned int waits = 0;
	int ret;

	do {
		ret = zcgem_object_lock(obj);
		if (ret)
			return ret;
		ret = step(obj, waits++ == ZCGEM_UNLOCKED_WAITS);
		zcgem_object_unlock(obj);
		if (ret != -EAGAIN)
			return ret;
		ret = zcgem_object_wait_fences(obj);
	} while (!ret);
	return ret;
}

/**
 * zcgem_object_is_current() - Are an object's pages still those of their source?
 * @obj: a resident object, dma_resv held
 * @first: first page meant
 * @npages: how many
 *
 * Return: false if a page of the range has left its file.
 */
bool zcgem_object_is_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->ops->current_pages || obj->ops->current_pages(obj, first, npages))
		return true;

	trace_zcgem_punch(obj, first, npages);
	return false;
}

/**
 * zcgem_object_acquire_current() - Make an object resident with today's pages.
 * @obj: the object, dma_resv held
 * @first: first page that the caller will use
 * @npages: how many it will use
 * @wait: wait for fences on pages that are to be replaced, and for memory, with dma_resv held
 *
 * Finds out whether any of these pages has left its file (hole punch) and if so
 * replaces the object's pages. A pinned object keeps what it has: whoever pinned
 * it was promised that nothing moves.
 *
 * Return: as zcgem_object_acquire(); -EAGAIN also if there are such fences, without @wait.
 */
int zcgem_object_acquire_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages,
				 bool wait)
{
	int ret;

	ret = zcgem_object_get_pages(obj, wait);
	if (ret)
		return ret;
	zcgem_shrinker_touch(obj);
	if (obj->pins || zcgem_object_is_current(obj, first, npages))
		return 0;

	ret = zcgem_object_drop_pages(obj, wait);
	if (ret)
		return ret;
	trace_zcgem_invalidate(obj);
	return zcgem_object_get_pages(obj, wait);
}

/**
 * zcgem_object_pin() - Forbid an object to move.
 * @obj: the object, dma_resv held
 * @wait: wait for fences on pages that are to be replaced; importers that call with
 *	dma_resv held leave no other way
 *
 * Return: 0, as zcgem_object_acquire_current() or as zcgem_object_hold().
 */
int zcgem_object_pin(struct zcgem_object *obj, bool wait)
{
	int ret;

	ret = zcgem_object_acquire_current(obj, 0, zcgem_object_npages(obj), wait);
	if (ret)
		return ret;
	ret = zcgem_object_hold(obj);
	if (ret)
		return ret;

	obj->pins++;
	trace_zcgem_pin(obj);
	return 0;
}

/**
 * zcgem_object_unpin() - Undo one zcgem_object_pin().
 * @obj: the object, dma_resv held
 */
void zcgem_object_unpin(struct zcgem_object *obj)
{
	dma_resv_assert_held(obj->bo.base.resv);

	obj->pins--;
	zcgem_object_unhold(obj);
	trace_zcgem_unpin(obj);
}
