// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: kernel mappings
 *
 * One kernel mapping an object, for all importers that ask for one. It is made
 * from the pages that the object has then and holds them by a reference of its
 * own; the object is pinned meanwhile, so it must not be kept longer than needed.
 *
 * dma_buf_vmap() warns when an exporter fails, and drivers of simple displays call it at
 * each commit. So an importer of an object that was revoked, or whose pages cannot
 * be acquired, gets zeroes instead: one page, mapped in place of each, which belongs to
 * the mapping and may be written.
 *
 * Pinned pages stay in the kernel's linear map even if their memory fails; what has failed before
 * may have left it, and is not mapped.
 *
 * Everything here runs under the object's dma_resv. It allocates and, for such importers,
 * waits for the object's fences.
 */

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>

#include "zcgem_object.h"

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

		while (pfn < end) {
			pages[n] = pfn_to_page(pfn++);
			zcgem_extents_resched(n++);
		}
	}

	vaddr = vmap(pages, n, VM_MAP, zcgem_object_pgprot(obj, PAGE_KERNEL));
	zcgem_table_free(pages);
	return vaddr;
}

/**
 * zcgem_object_vmap() - Map an object into the kernel.
 * @obj: the object, dma_resv held
 * @map: filled in
 * @wait: as for zcgem_object_pin()
 *
 * All users share one mapping, and the object is pinned meanwhile. An object
 * that is one extent needs no mapping of its own.
 *
 * Return: 0, -ENOMEM, -EBUSY while the object is mapped as zeroes, -EHWPOISON if the memory
 * of a page has failed, or as zcgem_object_pin().
 */
int zcgem_object_vmap(struct zcgem_object *obj, struct iosys_map *map, bool wait)
{
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->vmap_zeroes)
		return -EBUSY;
	if (!obj->vmap_count) {
		const struct zcgem_extents *extents;

		ret = zcgem_object_pin(obj, wait);
		if (ret)
			return ret;

		if (zcgem_pages_poisoned(obj->pages)) {
			zcgem_object_unpin(obj);
			return -EHWPOISON;
		}
		obj->vmap_pages = zcgem_pages_get(obj->pages);
		extents = &obj->pages->extents;
		obj->vaddr_vmapped = extents->count > 1 || obj->wc ||
				     PageHighMem(pfn_to_page(extents->table[0].pfn));
		obj->vaddr = obj->vaddr_vmapped ? zcgem_object_vmap_pages(obj) :
			page_address(pfn_to_page(extents->table[0].pfn));
		if (!obj->vaddr) {
			zcgem_pages_put(obj->vmap_pages);
			obj->vmap_pages = NULL;
			zcgem_object_unpin(obj);
			return -ENOMEM;
		}
	}

	obj->vmap_count++;
	iosys_map_set_vaddr(map, obj->vaddr);
	return 0;
}

/* Not pinned, and none of the object's pages. */
static int zcgem_object_vmap_zeroes(struct zcgem_object *obj, struct iosys_map *map)
{
	unsigned long i, npages = zcgem_object_npages(obj);
	struct page *page, **pages;

	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	pages = zcgem_table_alloc(npages, sizeof(*pages));
	if (page && pages) {
		for (i = 0; i < npages; i++)
			pages[i] = page;
		obj->vaddr = vmap(pages, npages, VM_MAP, PAGE_KERNEL);
	}
	zcgem_table_free(pages);
	if (!obj->vaddr) {
		if (page)
			__free_page(page);
		return -ENOMEM;
	}

	obj->vmap_zeroes = page;
	obj->vaddr_vmapped = true;
	obj->vmap_count = 1;
	iosys_map_set_vaddr(map, obj->vaddr);
	return 0;
}

/**
 * zcgem_object_vmap_anyway() - Map an object for an importer that cannot be refused.
 * @obj: the object, dma_resv held
 * @map: filled in; for zcgem_object_vunmap()
 *
 * Waits for the fences on pages that are to be replaced, and no signal ends that. Zeroes
 * stand for an object that was revoked, whose device is gone, or whose pages
 * cannot be acquired where dma_resv is held.
 *
 * Return: 0, or -ENOMEM if there is no memory even for that.
 */
int zcgem_object_vmap_anyway(struct zcgem_object *obj, struct iosys_map *map)
{
	int ret = -ENODEV;

	dma_resv_assert_held(obj->bo.base.resv);

	if (obj->vmap_zeroes) {
		obj->vmap_count++;
		iosys_map_set_vaddr(map, obj->vaddr);
		return 0;
	}

	/* One more user of a mapping that is there: no less than the first one had. */
	if (obj->vmap_count)
		return zcgem_object_vmap(obj, map, false);
	if (!drm_dev_is_unplugged(obj->bo.base.dev)) {
		ret = zcgem_object_acquire_now(obj);
		ret = ret ?: zcgem_object_vmap(obj, map, false);
	}
	if (ret == -EAGAIN && obj->pages) {
		dma_resv_wait_timeout(obj->bo.base.resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      MAX_SCHEDULE_TIMEOUT);
		ret = zcgem_object_vmap(obj, map, false);
	}
	return ret ? zcgem_object_vmap_zeroes(obj, map) : 0;
}

/**
 * zcgem_object_vunmap() - Undo one zcgem_object_vmap() or zcgem_object_vmap_anyway().
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
	if (obj->vmap_zeroes) {
		__free_page(obj->vmap_zeroes);
		obj->vmap_zeroes = NULL;
		return;
	}
	zcgem_pages_put(obj->vmap_pages);
	obj->vmap_pages = NULL;
	zcgem_object_unpin(obj);
}
