// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: objects and locking
 *
 * An object is a TTM buffer object with a backing (where its pages come from)
 * and, while it is resident, a set of pages (where they are). This file makes
 * and frees objects and moves them between resident and not. The code for CPU
 * mappings and for PRIME sits on top of it and sees pages, never backings; the
 * backings sit below it.
 *
 * The order of locks in the whole driver, outermost first::
 *
 *	inode lock of a memfd
 *	  mmap_lock, or the lock of one VMA
 *	    dma_resv of the object
 *	      fs_reclaim
 *	        i_mmap_rwsem, folio locks, MMU notifiers waiting for fences
 *	          objects_lock, TTM's lru_lock, the VMA manager's lock
 *
 * dma_resv guards &zcgem_object.pages, the pins and every page table entry of
 * CPU mappings: entries are made only under it and only for the pages that
 * the object has then, and they are zapped before it lets go of them. So under
 * dma_resv nothing may take an inode lock or mmap_lock, or fault; what needs
 * them is done by &zcgem_backing_ops.prepare before. Memory may be allocated
 * under it. It must never be taken in an MMU notifier.
 */

#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <drm/drm_print.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

#include "zcgem_compat.h"
#include "zcgem_mmap.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"
#include "zcgem_shrinker.h"
#include "zcgem_trace.h"

/**
 * zcgem_object_alloc() - First half of making an object.
 * @zdev: the device
 * @ops: the kind of memory
 * @backing: private to @ops; freed by &zcgem_backing_ops.free with the object,
 *	and by this function if it fails
 *
 * The object is not known to TTM yet: end with zcgem_object_init() or with
 * zcgem_object_abandon().
 *
 * Return: the object or NULL.
 */
struct zcgem_object *zcgem_object_alloc(struct zcgem_device *zdev,
					const struct zcgem_backing_ops *ops,
					void *backing)
{
	struct zcgem_object *obj;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	if (!obj)
		return NULL;

	obj->ops = ops;
	obj->backing = backing;
	obj->caching = ttm_cached;
	obj->creator = task_tgid_nr(current);
	get_task_comm(obj->comm, current->group_leader);
	INIT_LIST_HEAD(&obj->dma_maps);
	INIT_LIST_HEAD(&obj->link);
	INIT_LIST_HEAD(&obj->lru);
	obj->bo.base.dev = &zdev->drm;
	return obj;
}

static void zcgem_object_free_parts(struct zcgem_object *obj)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);

	if (obj->ops->free)
		obj->ops->free(obj);
	atomic_long_sub(obj->charge.npages, &zdev->counters.charged_pages);
	zcgem_uncharge(&obj->charge);
	kfree(obj);
}

/**
 * zcgem_object_abandon() - Free an object that TTM does not know yet.
 * @obj: what zcgem_object_alloc() returned
 */
void zcgem_object_abandon(struct zcgem_object *obj)
{
	zcgem_object_free_parts(obj);
}

/**
 * zcgem_object_charge() - Charge an object to its creator.
 * @obj: an object that is being made by the current process
 * @size: bytes
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_object_charge(struct zcgem_object *obj, u64 size)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);
	int ret;

	ret = zcgem_charge(&obj->charge, size >> PAGE_SHIFT);
	if (ret) {
		drm_dbg_ratelimited(&zdev->drm,
				    "%s[%d]: %llu bytes are over the user's RLIMIT_MEMLOCK\n",
				    obj->comm, obj->creator, size);
		return ret;
	}
	atomic_long_add(obj->charge.npages, &zdev->counters.charged_pages);
	return 0;
}

/**
 * zcgem_object_init() - Second half of making an object.
 * @obj: what zcgem_object_alloc() returned; freed on failure
 * @size: bytes, a multiple of the page size
 * @resv: lock to share with another object, held by the caller, or NULL
 *
 * Return: 0 with one GEM reference, or -ENOMEM, also if the DRM file's address space
 * has no room left.
 */
int zcgem_object_init(struct zcgem_object *obj, u64 size, struct dma_resv *resv)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);
	enum ttm_bo_type type = obj->ops->flags & ZCGEM_BACKING_FOREIGN ?
		ttm_bo_type_sg : ttm_bo_type_device;
	struct ttm_operation_ctx ctx = { .interruptible = true };
	int ret;

	obj->bo.base.funcs = &zcgem_gem_funcs;
	drm_gem_private_object_init(&zdev->drm, &obj->bo.base, size);

	atomic_long_inc(&zdev->counters.objects);
	spin_lock(&zdev->objects_lock);
	list_add_tail(&obj->link, &zdev->objects);
	spin_unlock(&zdev->objects_lock);

	/* On failure this has called zcgem_ttm_destroy(). */
	ret = ttm_bo_init_reserved(&zdev->ttm, &obj->bo, type, &zcgem_system_placement,
				   0, &ctx, NULL, resv, zcgem_ttm_destroy);
	if (ret)
		return ret == -ENOSPC ? -ENOMEM : ret;
	if (!resv)
		dma_resv_unlock(obj->bo.base.resv);

	trace_zcgem_create(obj);
	return 0;
}

/**
 * zcgem_ttm_destroy() - TTM lets go of an object for good.
 * @bo: the buffer object, unpopulated
 */
void zcgem_ttm_destroy(struct ttm_buffer_object *bo)
{
	struct zcgem_object *obj = container_of(bo, struct zcgem_object, bo);
	struct zcgem_device *zdev = zcgem_object_device(obj);

	spin_lock(&zdev->objects_lock);
	list_del(&obj->link);
	spin_unlock(&zdev->objects_lock);

	drm_gem_object_release(&bo->base);
	atomic_long_dec(&zdev->counters.objects);
	zcgem_object_free_parts(obj);
}

/**
 * zcgem_object_lock() - Take an object's dma_resv.
 * @obj: the object
 *
 * Return: 0, or -EINTR if a signal came first.
 */
int zcgem_object_lock(struct zcgem_object *obj)
{
	return dma_resv_lock_interruptible(obj->bo.base.resv, NULL);
}

/**
 * zcgem_object_unlock() - Release what zcgem_object_lock() took.
 * @obj: the object
 */
void zcgem_object_unlock(struct zcgem_object *obj)
{
	dma_resv_unlock(obj->bo.base.resv);
}

/*
 * Where mappings should go so that the largest leaf fits. The pages rarely
 * change their layout, and a stale hint only costs smaller leaves.
 */
static void zcgem_object_note_layout(struct zcgem_object *obj)
{
	const struct zcgem_extents *extents = &obj->pages->extents;
	unsigned int order = zcgem_extents_max_order(extents);
	unsigned long i, block;

	if (order >= PUD_SHIFT - PAGE_SHIFT)
		order = PUD_SHIFT - PAGE_SHIFT;
	else if (order >= PMD_SHIFT - PAGE_SHIFT)
		order = PMD_SHIFT - PAGE_SHIFT;
	else
		order = 0;

	block = 1UL << order;
	for (i = 0; i < extents->count; i++) {
		unsigned long pfn = extents->table[i].pfn;

		if (round_up(pfn, block) + block <= pfn + zcgem_extents_length(extents, i)) {
			WRITE_ONCE(obj->map_phase,
				   (pfn - extents->table[i].start) & (block - 1));
			break;
		}
	}
	WRITE_ONCE(obj->map_order, order);
}

/*
 * An importer must let go when the exporter says so, with fences pending or not, which
 * TTM would answer with a ghost object; so it has no part in this.
 */
static int zcgem_object_map_foreign(struct zcgem_object *obj, struct ttm_operation_ctx *ctx)
{
	struct zcgem_pages *pages = obj->ops->acquire(obj, NULL, ctx);

	if (IS_ERR(pages))
		return PTR_ERR(pages);
	obj->pages = pages;
	return 0;
}

/**
 * zcgem_object_unmap_foreign() - Let go of another driver's memory.
 * @obj: an object whose memory is foreign, dma_resv held
 */
void zcgem_object_unmap_foreign(struct zcgem_object *obj)
{
	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->pages)
		return;
	obj->ops->release(obj, NULL);
	zcgem_pages_put(obj->pages);
	obj->pages = NULL;
	atomic64_inc(&obj->evictions);
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
	/* Rather fail than have the OOM killer make room for one object. */
	struct ttm_operation_ctx ctx = { .interruptible = true, .gfp_retry_mayfail = true };
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->revoked)
		return -EACCES;
	if (obj->pages)
		return 0;
	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN)
		return zcgem_object_map_foreign(obj, &ctx);

	/* Eviction has taken the placement away and left the ttm_tt. */
	if (!obj->bo.resource) {
		ret = ttm_bo_validate(&obj->bo, &zcgem_system_placement, &ctx);
		if (ret)
			return ret;
	}

	ret = zcgem_ttm_bo_populate(&obj->bo, &ctx);
	if (ret)
		return ret;

	zcgem_object_note_layout(obj);
	zcgem_shrinker_add(obj);
	return 0;
}

/**
 * zcgem_object_prepare() - Make an object resident where any lock may be taken.
 * @obj: the object; the caller holds neither its dma_resv nor mmap_lock
 *
 * Return: 0 or what the backing says, but never -EAGAIN.
 */
int zcgem_object_prepare(struct zcgem_object *obj)
{
	struct zcgem_pages *pages;
	int ret;

	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;
	ret = zcgem_object_acquire(obj);
	zcgem_object_unlock(obj);
	if (ret != -EAGAIN)
		return ret;

	pages = obj->ops->prepare(obj);
	if (IS_ERR(pages))
		return PTR_ERR(pages);

	ret = zcgem_object_lock(obj);
	if (!ret) {
		obj->staged = pages;
		ret = zcgem_object_acquire(obj);
		/* Still there if somebody else was faster. */
		pages = obj->staged;
		obj->staged = NULL;
		zcgem_object_unlock(obj);
	}
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

/* Take the pages away and have every view fetch them anew. */
static int zcgem_object_drop_pages(struct zcgem_object *obj)
{
	struct ttm_placement nowhere = {};
	long left;
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->pages)
		return 0;

	zcgem_object_zap(obj);
	zcgem_prime_invalidate(obj);

	left = dma_resv_wait_timeout(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP, true,
				     MAX_SCHEDULE_TIMEOUT);
	if (left < 0)
		return left;

	/* Idle, and the lock is held: TTM unpopulates at once. */
	ret = ttm_bo_validate(&obj->bo, &nowhere, &(struct ttm_operation_ctx){});
	if (ret)
		return ret;

	atomic64_inc(&obj->evictions);
	atomic_long_inc(&zcgem_object_device(obj)->counters.evictions);
	return 0;
}

/**
 * zcgem_object_evict() - Give an object's pages back.
 * @obj: the object, dma_resv held
 *
 * CPU mappings are zapped and importers notified; both fetch the pages again
 * when they need them. Pages that an importer has not unmapped by then stay
 * pinned for it until it does.
 *
 * Return: 0, also if nothing was resident; -EBUSY if somebody has pinned the
 * object; -EOPNOTSUPP if its kind of memory cannot be had again; -EACCES if it was
 * revoked; -EINTR.
 */
int zcgem_object_evict(struct zcgem_object *obj)
{
	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN) {
		zcgem_object_unmap_foreign(obj);
		return 0;
	}
	if (!(obj->ops->flags & ZCGEM_BACKING_EVICTABLE))
		return -EOPNOTSUPP;
	if (obj->revoked)
		return -EACCES;
	if (obj->pins)
		return -EBUSY;
	/* An importer maps under dma_resv, where these cannot be had again. */
	if (obj->prepare_only && atomic_read(&obj->attachments))
		return -EBUSY;

	trace_zcgem_evict(obj);
	return zcgem_object_drop_pages(obj);
}

/**
 * zcgem_object_drop_stale() - Let go of pages that have left their file.
 * @obj: the object, dma_resv held
 * @first: first page that may have
 * @npages: how many
 *
 * Does nothing if all is well, or if the object is pinned.
 */
void zcgem_object_drop_stale(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	if (!obj->pages || obj->pins || zcgem_object_is_current(obj, first, npages))
		return;

	trace_zcgem_invalidate(obj);
	zcgem_object_drop_pages(obj);
}

/**
 * zcgem_object_revoke() - Withdraw an object from all who share it.
 * @obj: the object, dma_resv held
 *
 * Pages of an address range or a memfd stay only with those who hold them already, by
 * a scatter list or a kernel mapping; pages of the pool stay while there are such.
 *
 * Return: 0, -EOPNOTSUPP for foreign memory, -EINTR while waiting for fences.
 */
int zcgem_object_revoke(struct zcgem_object *obj)
{
	long left;

	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN)
		return -EOPNOTSUPP;

	trace_zcgem_revoke(obj);
	WRITE_ONCE(obj->revoked, true);

	if (obj->ops->flags & ZCGEM_BACKING_TTM_PAGES &&
	    (!list_empty(&obj->dma_maps) || obj->pins)) {
		zcgem_object_zap(obj);
		zcgem_prime_invalidate(obj);
		left = dma_resv_wait_timeout(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP, true,
					     MAX_SCHEDULE_TIMEOUT);
		if (left < 0)
			return left;
		/* Those who could be told may have let go. */
		if (!list_empty(&obj->dma_maps) || obj->pins)
			return 0;
	}
	return zcgem_object_drop_pages(obj);
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

	return !obj->ops->current_pages || obj->ops->current_pages(obj, first, npages);
}

/**
 * zcgem_object_acquire_current() - Make an object resident with today's pages.
 * @obj: the object, dma_resv held
 * @first: first page that the caller will use
 * @npages: how many it will use
 *
 * Finds out whether any of these pages has left its file (hole punch) and if so
 * replaces the object's pages. A pinned object keeps what it has: whoever pinned
 * it was promised that nothing moves.
 *
 * Return: as zcgem_object_acquire().
 */
int zcgem_object_acquire_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	int ret;

	ret = zcgem_object_acquire(obj);
	if (ret)
		return ret;
	zcgem_shrinker_touch(obj);
	if (obj->pins || zcgem_object_is_current(obj, first, npages))
		return 0;

	trace_zcgem_invalidate(obj);
	ret = zcgem_object_drop_pages(obj);
	return ret ?: zcgem_object_acquire(obj);
}

/**
 * zcgem_object_pin() - Forbid an object to move.
 * @obj: the object, dma_resv held
 *
 * Return: 0 or as zcgem_object_acquire().
 */
int zcgem_object_pin(struct zcgem_object *obj)
{
	int ret;

	ret = zcgem_object_acquire_current(obj, 0, zcgem_object_npages(obj));
	if (ret)
		return ret;

	obj->pins++;
	ttm_bo_pin(&obj->bo);
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
	ttm_bo_unpin(&obj->bo);
	trace_zcgem_unpin(obj);
}

/**
 * zcgem_object_pgprot() - Page protection for the object's caching.
 * @obj: the object
 * @prot: protection for normal memory
 *
 * Return: @prot, with another cache mode if the object has one.
 */
pgprot_t zcgem_object_pgprot(struct zcgem_object *obj, pgprot_t prot)
{
	return obj->caching == ttm_write_combined ? pgprot_writecombine(prot) : prot;
}

static void *zcgem_object_vmap_pages(struct zcgem_object *obj)
{
	const struct zcgem_extents *extents = &obj->pages->extents;
	struct page **pages;
	unsigned long i, n = 0;
	void *vaddr;

	pages = zcgem_table_alloc(extents->npages, sizeof(*pages));
	if (!pages)
		return NULL;

	for (i = 0; i < extents->count; i++) {
		unsigned long pfn = extents->table[i].pfn;
		unsigned long end = pfn + zcgem_extents_length(extents, i);

		while (pfn < end)
			pages[n++] = pfn_to_page(pfn++);
	}

	vaddr = vmap(pages, n, VM_MAP, zcgem_object_pgprot(obj, PAGE_KERNEL));
	zcgem_table_free(pages);
	return vaddr;
}

/**
 * zcgem_object_vmap() - Map an object into the kernel.
 * @obj: the object, dma_resv held
 * @map: filled in
 *
 * All users share one mapping, and the object is pinned meanwhile. An object
 * that is one extent needs no mapping of its own.
 *
 * Return: 0, -ENOMEM, or as zcgem_object_pin().
 */
int zcgem_object_vmap(struct zcgem_object *obj, struct iosys_map *map)
{
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->vmap_count) {
		const struct zcgem_extents *extents;

		ret = zcgem_object_pin(obj);
		if (ret)
			return ret;

		obj->vmap_pages = zcgem_pages_get(obj->pages);
		extents = &obj->pages->extents;
		obj->vaddr_vmapped = extents->count > 1 || obj->caching != ttm_cached ||
				     PageHighMem(pfn_to_page(extents->table[0].pfn));
		obj->vaddr = obj->vaddr_vmapped ? zcgem_object_vmap_pages(obj) :
			page_address(pfn_to_page(extents->table[0].pfn));
		if (!obj->vaddr) {
			zcgem_pages_put(obj->vmap_pages);
			zcgem_object_unpin(obj);
			return -ENOMEM;
		}
	}

	obj->vmap_count++;
	iosys_map_set_vaddr(map, obj->vaddr);
	return 0;
}

/**
 * zcgem_object_vunmap() - Undo one zcgem_object_vmap().
 * @obj: the object, dma_resv held
 */
void zcgem_object_vunmap(struct zcgem_object *obj)
{
	dma_resv_assert_held(obj->bo.base.resv);

	if (--obj->vmap_count)
		return;
	if (obj->vaddr_vmapped)
		vunmap(obj->vaddr);
	obj->vaddr = NULL;
	zcgem_pages_put(obj->vmap_pages);
	obj->vmap_pages = NULL;
	zcgem_object_unpin(obj);
}

static void zcgem_gem_free(struct drm_gem_object *gem)
{
	zcgem_ttm_bo_fini(&to_zcgem_object(gem)->bo);
}

static int zcgem_gem_vmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	struct zcgem_object *obj = to_zcgem_object(gem);

	if (gem->import_attach)
		return dma_buf_vmap(gem->import_attach->dmabuf, map);
	return zcgem_object_vmap(obj, map);
}

static void zcgem_gem_vunmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	if (gem->import_attach)
		dma_buf_vunmap(gem->import_attach->dmabuf, map);
	else
		zcgem_object_vunmap(to_zcgem_object(gem));
}

const struct drm_gem_object_funcs zcgem_gem_funcs = {
	.free = zcgem_gem_free,
	.export = zcgem_gem_export,
	.vmap = zcgem_gem_vmap,
	.vunmap = zcgem_gem_vunmap,
	.mmap = zcgem_gem_mmap,
	.vm_ops = &zcgem_vm_ops,
};
