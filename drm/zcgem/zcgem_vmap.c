// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: kernel mappings
 *
 * One kernel mapping an object, for all importers that ask for one. It is made
 * from the pages that the object has then and holds them by a reference of its
 * own; the object is pinned meanwhile, so it must not be kept longer than needed.
 *
 * Everything here runs under the object's dma_resv and allocates only.
 */

#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

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
 * @wait: as for zcgem_object_pin()
 *
 * All users share one mapping, and the object is pinned meanwhile. An object
 * that is one extent needs no mapping of its own.
 *
 * Return: 0, -ENOMEM, or as zcgem_object_pin().
 */
int zcgem_object_vmap(struct zcgem_object *obj, struct iosys_map *map, bool wait)
{
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->vmap_count) {
		const struct zcgem_extents *extents;

		ret = zcgem_object_pin(obj, wait);
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
