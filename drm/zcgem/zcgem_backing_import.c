// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: import backing
 *
 * A dma-buf of another driver, or of another zcgem device, as an object here. It
 * shares the exporter's dma_resv. The CPU gets at the memory through the exporter's own
 * mmap and vmap, and struct pages are never looked at. Resident here means that the
 * dma-buf is mapped for the device, by a scatter list.
 *
 * The attachment is dynamic, so an exporter that can move its memory stays free to do so:
 * the scatter list is given back from inside the notification.
 */

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include <drm/drm_prime.h>

#include "zcgem_compat.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

static enum dma_data_direction zcgem_import_dir(struct zcgem_object *obj)
{
	return obj->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

/* Resident means mapped for DMA: what a device does before it uses the memory. */
static struct zcgem_pages *zcgem_import_acquire(struct zcgem_object *obj, bool now)
{
	struct zcgem_pages *pages;
	struct sg_table *sgt;

	pages = zcgem_pages_alloc(zcgem_object_device(obj), ZCGEM_PINS_NONE, false);
	if (!pages)
		return ERR_PTR(-ENOMEM);

	sgt = dma_buf_map_attachment(obj->bo.base.import_attach, zcgem_import_dir(obj));
	if (IS_ERR(sgt)) {
		zcgem_pages_put(pages);
		/* That means something else here. */
		return PTR_ERR(sgt) == -EAGAIN ? ERR_PTR(-EBUSY) : ERR_CAST(sgt);
	}
	obj->backing = sgt;
	zcgem_pages_seal(pages);
	return pages;
}

static void zcgem_import_release(struct zcgem_object *obj)
{
	dma_buf_unmap_attachment(obj->bo.base.import_attach, obj->backing,
				 zcgem_import_dir(obj));
	obj->backing = NULL;
}

/* The last reference may have been dropped under the dma_resv of the dma-buf. */
static void zcgem_import_retire(struct zcgem_object *obj)
{
	struct dma_buf_attachment *attach = obj->bo.base.import_attach;

	dma_resv_lock(attach->dmabuf->resv, NULL);
	if (obj->pages) {
		zcgem_import_release(obj);
		zcgem_pages_put(obj->pages);
		WRITE_ONCE(obj->pages, NULL);
	}
	dma_resv_unlock(attach->dmabuf->resv);
	drm_prime_gem_destroy(&obj->bo.base, NULL);
}

static const struct zcgem_backing_ops zcgem_import_ops = {
	.name = "import",
	.id = DRM_ZCGEM_BACKING_IMPORT,
	.flags = ZCGEM_BACKING_MAPPABLE | ZCGEM_BACKING_FOREIGN,
	.acquire = zcgem_import_acquire,
	.release = zcgem_import_release,
	.retire = zcgem_import_retire,
};

/*
 * dma_resv held. Nothing here uses the memory without a fence that the exporter waits
 * for, so the mapping can go at once; it is had again when it is needed.
 */
static void zcgem_import_invalidate(struct dma_buf_attachment *attach)
{
	zcgem_object_unmap_foreign(attach->importer_priv);
}

static const struct dma_buf_attach_ops zcgem_attach_ops = {
	.ZCGEM_INVALIDATE_MAPPINGS = zcgem_import_invalidate,
};

/**
 * zcgem_import_create() - Make an object of a foreign dma-buf.
 * @drm: the device
 * @dmabuf: the dma-buf; the object takes its own reference
 *
 * Return: the object or an ERR_PTR().
 */
struct drm_gem_object *zcgem_import_create(struct drm_device *drm, struct dma_buf *dmabuf)
{
	struct dma_buf_attachment *attach;
	struct zcgem_object *obj;
	int ret;

	if (!dmabuf->size || !PAGE_ALIGNED(dmabuf->size) || dmabuf->size > ZCGEM_MAX_SIZE)
		return ERR_PTR(-EINVAL);

	obj = zcgem_object_alloc(to_zcgem(drm), &zcgem_import_ops, NULL);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	/* The exporter may not look at how its file was opened when we map it. */
	obj->readonly = !(dmabuf->file->f_mode & FMODE_WRITE);

	attach = dma_buf_dynamic_attach(dmabuf, drm->dev, &zcgem_attach_ops, obj);
	if (IS_ERR(attach)) {
		zcgem_object_abandon(obj);
		return ERR_CAST(attach);
	}
	get_dma_buf(dmabuf);
	obj->bo.base.import_attach = attach;

	/* From here on freeing the object detaches. */
	ret = zcgem_object_init(obj, dmabuf->size, dmabuf->resv);
	return ret ? ERR_PTR(ret) : &obj->bo.base;
}

/**
 * zcgem_import_mmap() - Map an imported object by the exporter's mmap.
 * @obj: an object whose memory is foreign
 * @vma: the mapping, with the reference to @obj that DRM took for it
 *
 * Return: 0 with that reference dropped, or what the exporter says.
 */
int zcgem_import_mmap(struct zcgem_object *obj, struct vm_area_struct *vma)
{
	int ret;

	/* The exporter may not set these, and must not find ours. */
	vma->vm_private_data = NULL;
	vma->vm_ops = NULL;

	ret = dma_buf_mmap(obj->bo.base.import_attach->dmabuf, vma, 0);
	if (ret)
		return ret;

	/* DRM insists on it; some exporters leave it out. */
	vm_flags_set(vma, VM_DONTEXPAND);
	drm_gem_object_put(&obj->bo.base);
	return 0;
}
