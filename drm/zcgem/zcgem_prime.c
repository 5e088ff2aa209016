// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: PRIME
 *
 * Objects as dma-bufs. Exports are dynamic: an importer that understands it may be
 * told that the memory moves, and everybody else pins it. Each scatter list that
 * is handed out holds the pages it was made of, so they outlive the object's own
 * interest in them until the importer unmaps.
 *
 * map, unmap, pin, unpin, vmap and vunmap are called under dma_resv; attach, detach,
 * mmap, begin and end of CPU access are not. An importer may unmap from inside the
 * notification that pages move, so nothing is locked around that but dma_resv.
 *
 * The list has one entry for each physically contiguous run within the importer's
 * longest segment and its boundary, and importers must not use the entries' pages.
 *
 * A device that cannot address all of the pages gets no list: the DMA layer would give
 * it other memory, bounce buffers, and what it writes there would be lost. The same
 * holds for all devices where the DMA layer bounces everything. Importers
 * that follow moves are there for DMA and are refused when they attach. The others may
 * want a kernel mapping only, as drivers of simple displays do, so they are refused when
 * they map, and so is everybody when the pages have moved out of reach since. Pages are
 * system memory always, so that an importer's being able to do peer-to-peer DMA changes
 * nothing.
 */

#include <kunit/visibility.h>

#include <linux/cc_platform.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include "zcgem_compat.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"
#include "zcgem_trace.h"

/* One scatter list in the hands of an importer. */
struct zcgem_dma_map {
	struct sg_table sgt;
	struct dma_buf_attachment *attach;
	enum dma_data_direction dir;
	unsigned long attrs;
	struct zcgem_pages *pages;
	struct list_head link;
	/* The importer knows that it must not be used any more. */
	bool told;
	/* It unmaps soon after. */
	bool revocable;
};

static const struct dma_buf_ops zcgem_dmabuf_ops;

static struct zcgem_object *zcgem_dmabuf_object(struct dma_buf *dmabuf)
{
	return to_zcgem_object(dmabuf->priv);
}

static int zcgem_unreachable(struct zcgem_object *obj, struct device *dev, const char *why)
{
	drm_dbg_ratelimited(obj->bo.base.dev, "%s, DMA mask %#llx: %s\n",
			    dev_name(dev), dma_get_mask(dev), why);
	return -EOPNOTSUPP;
}

/*
 * dma_resv held. The mask alone says too little: what counts are the pages that the object
 * has. For a device behind an IOMMU that translates, the DMA layer asks for 32 bits.
 */
static int zcgem_check_reach(struct zcgem_object *obj, struct device *dev)
{
	const struct zcgem_extents *extents = &obj->pages->extents;
	u64 limit = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	unsigned long i;

	if (is_swiotlb_force_bounce(dev) || cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return zcgem_unreachable(obj, dev, "all of its DMA is bounced");
	if (!dma_addressing_limited(dev))
		return 0;
	/* Only the DMA layer knows what an address is on such a bus. */
	if (dev->dma_range_map || cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return zcgem_unreachable(obj, dev, "it cannot reach all memory");

	for (i = 0; i < extents->count; i++) {
		u64 end = extents->table[i].pfn + zcgem_extents_length(extents, i);

		zcgem_extents_resched(i);
		if (PFN_PHYS(end) - 1 > limit)
			return zcgem_unreachable(obj, dev, "it cannot reach the object's memory");
	}
	return 0;
}

/*
 * dma_resv held. Success is a promise: no mapping by the device fails for the creator's limit.
 *
 * An importing device's object_name_lock is held around this, and then around the pin of an
 * importer that does not follow moves, so nothing waits for fences: when there are some on
 * pages that have left their file, the importer must come again.
 */
static int zcgem_attach_locked(struct zcgem_object *obj, struct dma_buf_attachment *attach)
{
	int ret;

	if (obj->prepare_only || !attach->importer_ops)
		ret = zcgem_object_acquire_current(obj, 0, zcgem_object_npages(obj), false);
	else
		ret = zcgem_object_acquire(obj);
	if (ret == -EAGAIN && obj->pages)
		ret = -EBUSY;
	if (!ret && attach->importer_ops)
		ret = zcgem_check_reach(obj, attach->dev);
	return ret ?: zcgem_object_hold(obj);
}

/*
 * Locks may be taken here that mapping, under dma_resv, must not take. With the attachment
 * counted, pages that only prepare can get are not evicted any more.
 */
static int zcgem_attach_check(struct zcgem_object *obj, struct dma_buf_attachment *attach)
{
	int ret;

	do {
		ret = zcgem_object_prepare(obj, 0, 0);
		if (ret)
			return ret;
		ret = zcgem_object_lock(obj);
		if (ret)
			return ret;
		ret = zcgem_attach_locked(obj, attach);
		zcgem_object_unlock(obj);
		if (ret == -EAGAIN && fatal_signal_pending(current))
			return -EINTR;
	} while (ret == -EAGAIN);
	return ret;
}

static int zcgem_dmabuf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(dmabuf);
	int ret;

	if (!attach->dev->dma_mask) {
		drm_dbg_ratelimited(obj->bo.base.dev, "%s cannot do DMA\n",
				    dev_name(attach->dev));
		return -ENODEV;
	}

	/* Removal must not wait for what an owner's file does. */
	if (drm_dev_is_unplugged(obj->bo.base.dev))
		return -ENODEV;

	atomic_inc(&obj->attachments);
	ret = zcgem_attach_check(obj, attach);
	if (ret) {
		atomic_dec(&obj->attachments);
		return ret;
	}
	atomic_long_inc(&zcgem_object_device(obj)->counters.attachments);
	return 0;
}

static void zcgem_dmabuf_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(dmabuf);

	dma_resv_lock(obj->bo.base.resv, NULL);
	zcgem_object_unhold(obj);
	dma_resv_unlock(obj->bo.base.resv);
	atomic_dec(&obj->attachments);
	atomic_long_dec(&zcgem_object_device(obj)->counters.attachments);
}

static int zcgem_dmabuf_pin(struct dma_buf_attachment *attach)
{
	int ret = zcgem_object_pin(zcgem_dmabuf_object(attach->dmabuf), true);

	/* Importers repeat -EAGAIN for ever, and 7.2 warns of -EBUSY. */
	return ret == -EAGAIN ? -ENOMEM : ret;
}

static void zcgem_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	zcgem_object_unpin(zcgem_dmabuf_object(attach->dmabuf));
}

/* Of pages in one piece, how many make an entry that the device takes. */
static unsigned long zcgem_entry_pages(struct device *dev, unsigned long pfn, unsigned long left)
{
	unsigned long longest = min_t(unsigned long, dma_get_max_seg_size(dev), INT_MAX);
	unsigned long boundary = dma_get_seg_boundary_nr_pages(dev, PAGE_SHIFT);

	return min3(left, max(longest >> PAGE_SHIFT, 1UL), boundary - (pfn & (boundary - 1)));
}

/* Calls for each entry; without a table they are only counted. */
static unsigned long zcgem_fill_sgt(struct scatterlist *sg, struct device *dev,
				    const struct zcgem_extents *extents)
{
	unsigned long i, nents = 0;

	for (i = 0; i < extents->count; i++) {
		unsigned long pfn = extents->table[i].pfn;
		unsigned long left = zcgem_extents_length(extents, i);

		while (left) {
			unsigned long n = zcgem_entry_pages(dev, pfn, left);

			if (sg) {
				sg_set_page(sg, pfn_to_page(pfn), n << PAGE_SHIFT, 0);
				sg = sg_next(sg);
			}
			pfn += n;
			left -= n;
			zcgem_extents_resched(nents++);
		}
	}
	return nents;
}

static int zcgem_build_sgt(struct sg_table *sgt, struct device *dev,
			   const struct zcgem_extents *extents)
{
	unsigned long nents = zcgem_fill_sgt(NULL, dev, extents);
	int ret;

	if (nents > UINT_MAX)
		return -E2BIG;
	ret = sg_alloc_table(sgt, nents, GFP_KERNEL_ACCOUNT);
	if (!ret)
		zcgem_fill_sgt(sgt->sgl, dev, extents);
	return ret;
}

/*
 * The DMA layer must not put other memory between the object and a coherent device: neither
 * side would see what the other writes. For a device that is not coherent it cleans the caches
 * here, of all that was written before, and invalidates them when the list is given back.
 */
static int zcgem_map_sgt(struct zcgem_dma_map *map, struct device *dev)
{
	int ret;

	map->attrs = ZCGEM_DMA_ATTR_REQUIRE_COHERENT;
	ret = dma_map_sgtable(dev, &map->sgt, map->dir, map->attrs);
	if (ret != -EOPNOTSUPP)
		return ret;
	map->attrs = 0;
	return dma_map_sgtable(dev, &map->sgt, map->dir, 0);
}

static struct sg_table *zcgem_make_map(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(attach->dmabuf);
	struct zcgem_dma_map *map;
	int ret;

	if (obj->readonly && dir != DMA_TO_DEVICE) {
		drm_dbg_ratelimited(obj->bo.base.dev,
				    "%s wants to write to a read-only object\n",
				    dev_name(attach->dev));
		return ERR_PTR(-EACCES);
	}

	ret = zcgem_object_acquire_current(obj, 0, zcgem_object_npages(obj), true);
	if (ret)
		return ERR_PTR(ret == -EAGAIN ? -EBUSY : ret);
	if (zcgem_pages_poisoned(obj->pages))
		return ERR_PTR(-EHWPOISON);
	ret = zcgem_check_reach(obj, attach->dev);
	if (ret)
		return ERR_PTR(ret);

	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);

	ret = zcgem_build_sgt(&map->sgt, attach->dev, &obj->pages->extents);
	if (ret)
		goto free_map;
	map->dir = dir;
	ret = zcgem_map_sgt(map, attach->dev);
	if (ret)
		goto free_table;

	map->attach = attach;
	map->pages = zcgem_pages_get(obj->pages);
	map->revocable = zcgem_attach_revocable(attach);
	WRITE_ONCE(obj->revocable_maps, obj->revocable_maps + map->revocable);
	list_add_tail(&map->link, &obj->dma_maps);
	atomic_long_inc(&zcgem_object_device(obj)->counters.dma_maps);
	return &map->sgt;

free_table:
	sg_free_table(&map->sgt);
free_map:
	kfree(map);
	return ERR_PTR(ret);
}

static struct sg_table *zcgem_dmabuf_map(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	/* Not to be entered: this may wait for fences, and removal of any device for this. */
	if (drm_dev_is_unplugged(zcgem_dmabuf_object(attach->dmabuf)->bo.base.dev))
		return ERR_PTR(-ENODEV);
	return zcgem_make_map(attach, dir);
}

static void zcgem_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			       enum dma_data_direction dir)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(attach->dmabuf);
	struct zcgem_dma_map *map = container_of(sgt, struct zcgem_dma_map, sgt);

	list_del(&map->link);
	WRITE_ONCE(obj->revocable_maps, obj->revocable_maps - map->revocable);
	atomic_long_dec(&zcgem_object_device(obj)->counters.dma_maps);

	/* With the direction it was mapped with, whatever the importer says. */
	dma_unmap_sgtable(attach->dev, sgt, map->dir, map->attrs);
	sg_free_table(sgt);
	zcgem_pages_put(map->pages);
	kfree(map);
	/* zcgem_ioctl_gem_revoke() may wait for this. */
	wake_up_all(&zcgem_object_device(obj)->unmapped);
}

/*
 * dma_resv held. Each importer's mapping is synced with the direction that it was made with,
 * so concurrent callers with different directions cannot confuse each other, and there is
 * nothing to allocate. What no importer has mapped is synced when one maps it.
 */
static void zcgem_sync_maps(struct zcgem_object *obj, bool for_cpu)
{
	struct zcgem_dma_map *map;

	list_for_each_entry(map, &obj->dma_maps, link) {
		if (for_cpu)
			dma_sync_sgtable_for_cpu(map->attach->dev, &map->sgt, map->dir);
		else
			dma_sync_sgtable_for_device(map->attach->dev, &map->sgt, map->dir);
	}
}

/*
 * Before a device is done it may write again what was synced already, so fences come first.
 * The DMA-BUF core waits for the same ones afterwards, and callers in the kernel have to take
 * its -ERESTARTSYS as well.
 */
static int zcgem_dmabuf_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(dmabuf);
	bool write = dir == DMA_BIDIRECTIONAL || dir == DMA_TO_DEVICE;
	long ret;

	ret = dma_resv_wait_timeout(dmabuf->resv, dma_resv_usage_rw(write), true,
				    MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;
	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;
	zcgem_sync_maps(obj, true);
	zcgem_object_unlock(obj);
	return 0;
}

/* Uninterruptible: callers in the kernel do not repeat it, and the device would miss the data. */
static int zcgem_dmabuf_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	zcgem_sync_maps(obj, false);
	zcgem_object_unlock(obj);
	return 0;
}

static int zcgem_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	return zcgem_object_vmap_anyway(zcgem_dmabuf_object(dmabuf), map);
}

static void zcgem_dmabuf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	zcgem_object_vunmap(zcgem_dmabuf_object(dmabuf));
}

/* The mapping is one of the DRM file's, so that zapping the object reaches it. */
static int zcgem_dmabuf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	u64 offset;
	int ret;

	ret = zcgem_object_mmap_offset(zcgem_dmabuf_object(dmabuf), &offset);
	return ret ?: drm_gem_dmabuf_mmap(dmabuf, vma);
}

static const struct dma_buf_ops zcgem_dmabuf_ops = {
	.attach = zcgem_dmabuf_attach,
	.detach = zcgem_dmabuf_detach,
	.pin = zcgem_dmabuf_pin,
	.unpin = zcgem_dmabuf_unpin,
	.map_dma_buf = zcgem_dmabuf_map,
	.unmap_dma_buf = zcgem_dmabuf_unmap,
	.release = drm_gem_dmabuf_release,
	.begin_cpu_access = zcgem_dmabuf_begin_cpu_access,
	.end_cpu_access = zcgem_dmabuf_end_cpu_access,
	.mmap = zcgem_dmabuf_mmap,
	.vmap = zcgem_dmabuf_vmap,
	.vunmap = zcgem_dmabuf_vunmap,
};

/**
 * zcgem_prime_invalidate() - Tell importers that an object's pages will change.
 * @obj: the object, dma_resv held
 *
 * Only those with a scatter list are concerned, and the list leads to the dma-buf:
 * &drm_gem_object.dma_buf is gone once the last handle is closed. Each is told once of
 * each list, however often it takes until fences let the pages go.
 */
void zcgem_prime_invalidate(struct zcgem_object *obj)
{
	struct dma_buf *dmabuf = NULL;
	struct zcgem_dma_map *map;

	dma_resv_assert_held(obj->bo.base.resv);

	list_for_each_entry(map, &obj->dma_maps, link) {
		if (!map->told)
			dmabuf = map->attach->dmabuf;
		map->told = true;
	}
	/* Importers may unmap in there. */
	if (dmabuf)
		zcgem_dma_buf_invalidate_mappings(dmabuf);
}

static int zcgem_prime_vmap_own(struct dma_buf *dmabuf, struct iosys_map *map, bool now)
{
	struct zcgem_object *obj = zcgem_dmabuf_object(dmabuf);
	struct iosys_map own;
	int ret;

	if (obj->revoked)
		return zcgem_refuse(obj->bo.base.dev, -EACCES, "the object was revoked");
	if (drm_dev_is_unplugged(obj->bo.base.dev))
		return -ENODEV;
	if (now) {
		ret = zcgem_object_acquire_now(obj);
		if (ret)
			return ret;
	}
	ret = zcgem_object_vmap(obj, &own, false);
	if (ret)
		return ret;
	ret = dma_buf_vmap(dmabuf, map);
	zcgem_object_vunmap(obj);
	return ret;
}

/**
 * zcgem_prime_prepare() - Have a dma-buf ready for zcgem_prime_vmap().
 * @dmabuf: the dma-buf; no locks held
 * @refresh: its pages may be stale
 *
 * Does what must not be done with the dma_resv of other objects held: waits for fences.
 *
 * Return: 0, also for other exporters, of which nothing is known; -ENODEV; as
 * zcgem_object_prepare().
 */
int zcgem_prime_prepare(struct dma_buf *dmabuf, bool refresh)
{
	struct zcgem_object *obj;

	if (dmabuf->ops != &zcgem_dmabuf_ops)
		return 0;
	obj = zcgem_dmabuf_object(dmabuf);
	if (drm_dev_is_unplugged(obj->bo.base.dev))
		return -ENODEV;
	return zcgem_object_prepare(obj, 0, refresh ? zcgem_object_npages(obj) : 0);
}

/**
 * zcgem_prime_vmap() - Map a dma-buf of whatever driver into the kernel.
 * @dmabuf: the dma-buf, its dma_resv held
 * @map: filled in; for dma_buf_vunmap()
 * @now: wait for memory with dma_resv held
 *
 * dma_buf_vmap() warns when the exporter fails, and clients can have it fail: an
 * object of another device of this driver may have been revoked, its device may be gone,
 * and other drivers may have nothing to map. So what can be known is found out before.
 *
 * Return: 0, -EOPNOTSUPP for memory that cannot be mapped, or what the exporter says;
 * -EAGAIN if zcgem_prime_prepare() must be called without locks first.
 */
int zcgem_prime_vmap(struct dma_buf *dmabuf, struct iosys_map *map, bool now)
{
	const struct drm_gem_object *gem;
	int ret;

	dma_resv_assert_held(dmabuf->resv);

	if (dmabuf->ops == &zcgem_dmabuf_ops)
		return zcgem_prime_vmap_own(dmabuf, map, now);
	if (!dmabuf->ops->vmap)
		return -EOPNOTSUPP;
	if (dmabuf->ops->vmap == drm_gem_dmabuf_vmap) {
		gem = dmabuf->priv;
		if (!gem->funcs->vmap)
			return -EOPNOTSUPP;
	}
	ret = dma_buf_vmap(dmabuf, map);
	return ret == -EAGAIN ? -EBUSY : ret;
}

/**
 * zcgem_gem_export_as() - Make a dma-buf of an object, under an exporter's name.
 * @gem: the object
 * @flags: O_RDWR, O_CLOEXEC; a read-only object is exported O_RDONLY all the same
 * @name: what fdinfo and debugfs give as the exporter; not copied
 *
 * drm_gem_dmabuf_export() gives the dma-buf the device's address space, so that
 * zapping an object's mappings reaches those made through the dma-buf too.
 *
 * Return: the dma-buf or an ERR_PTR(), -EPERM for an object that must not be shared.
 */
struct dma_buf *zcgem_gem_export_as(struct drm_gem_object *gem, int flags, const char *name)
{
	struct zcgem_object *obj = to_zcgem_object(gem);
	struct dma_buf_export_info info = {
		.exp_name = name,
		.owner = THIS_MODULE,
		.ops = &zcgem_dmabuf_ops,
		.size = gem->size,
		.flags = flags,
		.priv = gem,
		.resv = gem->resv,
	};

	if (obj->ops->flags & ZCGEM_BACKING_PRIVATE) {
		drm_dbg_ratelimited(gem->dev, "%s objects cannot be exported\n",
				    obj->ops->name);
		return ERR_PTR(-EPERM);
	}
	if (READ_ONCE(obj->revoked))
		return ERR_PTR(zcgem_refuse(gem->dev, -EACCES, "the object was revoked"));
	if (obj->readonly)
		info.flags = (flags & ~O_ACCMODE) | O_RDONLY;
	return drm_gem_dmabuf_export(gem->dev, &info);
}

/**
 * zcgem_gem_export() - &drm_gem_object_funcs.export.
 * @gem: the object
 * @flags: as for zcgem_gem_export_as()
 *
 * Return: as zcgem_gem_export_as().
 */
struct dma_buf *zcgem_gem_export(struct drm_gem_object *gem, int flags)
{
	return zcgem_gem_export_as(gem, flags, KBUILD_MODNAME);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_gem_export);

/**
 * zcgem_gem_prime_import() - &drm_driver.gem_prime_import.
 * @drm: the device
 * @dmabuf: the dma-buf
 *
 * Return: the exported object itself if it is this device's, else a new object
 * on top of the dma-buf, or an ERR_PTR().
 */
struct drm_gem_object *zcgem_gem_prime_import(struct drm_device *drm, struct dma_buf *dmabuf)
{
	if (dmabuf->ops == &zcgem_dmabuf_ops) {
		struct drm_gem_object *gem = dmabuf->priv;

		if (gem->dev == drm) {
			drm_gem_object_get(gem);
			return gem;
		}
	}
	return zcgem_import_create(drm, dmabuf);
}
