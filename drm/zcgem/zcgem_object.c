// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: objects and locking
 *
 * An object is a TTM buffer object with a backing (where its pages come from)
 * and, while it is resident, a set of pages (where they are). This file makes
 * and frees objects, zcgem_residency.c moves them between resident and not. The
 * code for CPU mappings and for PRIME sits on top of these and sees pages, never
 * backings; the backings sit below.
 *
 * The order of locks in the whole driver, outermost first::
 *
 *	inode lock of a memfd
 *	  mmap_lock, or the lock of one VMA
 *	    dma_resv of the object
 *	      fs_reclaim
 *	        i_mmap_rwsem, folio locks, MMU notifiers waiting for fences
 *	          objects_lock, idle_lock, TTM's lru_lock, the VMA manager's lock
 *
 * dma_resv guards &zcgem_object.pages, the pins and every page table entry of
 * CPU mappings: entries are made only under it and only for the pages that
 * the object has then, and they are zapped before it lets go of them. So under
 * dma_resv nothing may take an inode lock or mmap_lock, or fault; what needs
 * them is done by &zcgem_backing_ops.prepare before. Memory may be allocated
 * under it. It must never be taken in an MMU notifier.
 */

#include <linux/ctype.h>
#include <linux/error-injection.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "zcgem_compat.h"
#include "zcgem_mmap.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"
#include "zcgem_shrinker.h"
#include "zcgem_trace.h"

static struct kmem_cache *zcgem_object_cache;

/**
 * zcgem_objects_init() - Before the first object is made.
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_objects_init(void)
{
	zcgem_object_cache = KMEM_CACHE(zcgem_object, 0);
	return zcgem_object_cache ? 0 : -ENOMEM;
}

/**
 * zcgem_objects_exit() - After the last object is gone.
 */
void zcgem_objects_exit(void)
{
	kmem_cache_destroy(zcgem_object_cache);
}

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
	char *name;

	/* With the lists in place that reclaim of the creator's memory cgroup looks at. */
	obj = kmem_cache_alloc_lru(zcgem_object_cache, &zdev->lru,
				   GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!obj)
		return NULL;
	if (zcgem_charge_init(&obj->charge)) {
		kmem_cache_free(zcgem_object_cache, obj);
		return NULL;
	}

	obj->ops = ops;
	obj->backing = backing;
	obj->creator = task_tgid_nr(current);
	get_task_comm(obj->comm, current->group_leader);
	/* It is part of a line wherever it is shown. */
	for (name = obj->comm; *name; name++)
		if (iscntrl(*name))
			*name = '?';
	INIT_LIST_HEAD(&obj->dma_maps);
	spin_lock_init(&obj->jobs_lock);
	INIT_LIST_HEAD(&obj->jobs);
	INIT_LIST_HEAD(&obj->link);
	zcgem_shrinker_prepare(obj);
	obj->bo.base.dev = &zdev->drm;
	return obj;
}

static void zcgem_object_free_parts(struct zcgem_object *obj)
{
	if (obj->ops->free)
		obj->ops->free(obj);
	zcgem_object_refund(obj);
	zcgem_charge_fini(&obj->charge);
	kmem_cache_free(zcgem_object_cache, obj);
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
 * zcgem_object_init() - Second half of making an object.
 * @obj: what zcgem_object_alloc() returned; freed on failure
 * @size: bytes, a multiple of the page size
 * @resv: lock to share with another object, or NULL
 *
 * Return: 0 with one GEM reference, or -ENOMEM.
 */
int zcgem_object_init(struct zcgem_object *obj, u64 size, struct dma_resv *resv)
{
	struct zcgem_device *zdev = zcgem_object_device(obj);
	struct ttm_operation_ctx ctx = { .interruptible = true };
	int ret;

	obj->bo.base.funcs = &zcgem_gem_funcs;
	drm_gem_private_object_init(&zdev->drm, &obj->bo.base, size);
	atomic_long_inc(&zdev->counters.objects);

	/*
	 * On failure this has called zcgem_ttm_destroy(). Of the types this is the one that TTM
	 * gives no place in the DRM file, where a client could find the object too early. With
	 * fences pending TTM would make a second object, so it begins with a lock of its own.
	 */
	ret = ttm_bo_init_reserved(&zdev->ttm, &obj->bo, ttm_bo_type_kernel,
				   &zcgem_no_placement, 0, &ctx, NULL, NULL, zcgem_ttm_destroy);
	if (ret)
		return ret;
	dma_resv_unlock(obj->bo.base.resv);
	if (resv)
		obj->bo.base.resv = resv;

	spin_lock(&zdev->objects_lock);
	list_add_tail(&obj->link, &zdev->objects);
	spin_unlock(&zdev->objects_lock);

	trace_zcgem_create(obj);
	return 0;
}

static void zcgem_object_free(struct zcgem_object *obj)
{
	drm_gem_object_release(&obj->bo.base);
	zcgem_object_free_parts(obj);
}

static void zcgem_object_free_work(struct work_struct *work)
{
	struct zcgem_object *obj = container_of(work, struct zcgem_object, free_work);

	obj->ops->retire(obj);
	zcgem_object_free(obj);
}

/**
 * zcgem_ttm_destroy() - TTM lets go of an object for good.
 * @bo: the buffer object, without pages
 *
 * May be called under dma_resv of another object, under mmap_lock or in reclaim.
 */
void zcgem_ttm_destroy(struct ttm_buffer_object *bo)
{
	struct zcgem_object *obj = container_of(bo, struct zcgem_object, bo);
	struct zcgem_device *zdev = zcgem_object_device(obj);

	spin_lock(&zdev->objects_lock);
	list_del(&obj->link);
	spin_unlock(&zdev->objects_lock);

	atomic_long_dec(&zdev->counters.objects);
	if (obj->ops->retire) {
		INIT_WORK(&obj->free_work, zcgem_object_free_work);
		queue_work(zdev->wq, &obj->free_work);
	} else {
		zcgem_object_free(obj);
	}
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
ALLOW_ERROR_INJECTION(zcgem_object_lock, ERRNO);

/**
 * zcgem_object_unlock() - Release what zcgem_object_lock() took.
 * @obj: the object
 */
void zcgem_object_unlock(struct zcgem_object *obj)
{
	dma_resv_unlock(obj->bo.base.resv);
}

/**
 * zcgem_object_mmap_offset() - Give an object a place in the DRM file.
 * @obj: the object
 * @offset: set to what to pass to mmap()
 *
 * The place stays the object's until its end.
 *
 * Return: 0, -EPERM for an object that has no CPU mapping, -ENOMEM, also if the
 * file has no room left.
 */
int zcgem_object_mmap_offset(struct zcgem_object *obj, u64 *offset)
{
	struct drm_gem_object *gem = &obj->bo.base;
	int ret;

	if (!(obj->ops->flags & ZCGEM_BACKING_MAPPABLE))
		return zcgem_refuse(gem->dev, -EPERM, "the object has no CPU mapping");
	ret = drm_gem_create_mmap_offset(gem);
	if (ret)
		return ret == -ENOSPC ? -ENOMEM : ret;
	*offset = drm_vma_node_offset_addr(&gem->vma_node);
	return 0;
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
	return obj->wc ? pgprot_writecombine(prot) : prot;
}

static void zcgem_gem_free(struct drm_gem_object *gem)
{
	zcgem_ttm_bo_fini(&to_zcgem_object(gem)->bo);
}

static int zcgem_gem_vmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	struct zcgem_object *obj = to_zcgem_object(gem);

	if (gem->import_attach)
		return zcgem_prime_vmap(gem->import_attach->dmabuf, map, true);
	return zcgem_object_vmap(obj, map, true);
}

static void zcgem_gem_vunmap(struct drm_gem_object *gem, struct iosys_map *map)
{
	if (gem->import_attach)
		dma_buf_vunmap(gem->import_attach->dmabuf, map);
	else
		zcgem_object_vunmap(to_zcgem_object(gem));
}

/* A name (GEM_FLINK) would be another way to share what must not be shared. */
static int zcgem_gem_open(struct drm_gem_object *gem, struct drm_file *file)
{
	struct zcgem_object *obj = to_zcgem_object(gem);

	if (obj->ops->flags & ZCGEM_BACKING_PRIVATE && obj->client != file->client_id)
		return zcgem_refuse(gem->dev, -EPERM, "%s objects cannot be shared",
				    obj->ops->name);
	return 0;
}

const struct drm_gem_object_funcs zcgem_gem_funcs = {
	.open = zcgem_gem_open,
	.free = zcgem_gem_free,
	.export = zcgem_gem_export,
	.vmap = zcgem_gem_vmap,
	.vunmap = zcgem_gem_vunmap,
	.mmap = zcgem_gem_mmap,
	.vm_ops = &zcgem_vm_ops,
};
