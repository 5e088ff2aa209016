// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: CPU mappings
 *
 * A mapping is VM_PFNMAP and shared, so no kernel path can take a reference to a
 * page through it: get_user_pages() refuses the VMA, and its fast variant backs
 * off from special and devmap entries. A fault fills the largest page table leaf
 * that the object's extents, the VMA and the address allow: that of a PUD, of a
 * PMD, or all entries of the surrounding page table in one pass.
 *
 * Entries are made under the object's dma_resv and zapped under it before the
 * object lets go of the pages. After taking it the page table is looked at again,
 * since another thread may have been faster: a leaf of another size that is there
 * already wins. Which size is right follows from the object and the VMA alone,
 * never from a lock that was busy, because a range that once got a table of
 * smaller entries can never become a large leaf again.
 *
 * A fault may come with mmap_lock or with just the lock of its VMA. dma_resv
 * nests inside both. The first round of a fault does not wait under them: it
 * releases the fault lock, with release_fault_lock() which knows which one it is,
 * and gets the pages where nothing is locked. A later round waits with the fault
 * lock held, so that the number of rounds has a bound however busy the object is.
 * TTM's own fault helpers know only mmap_lock and must not be used.
 *
 * The page of the object comes from vmf->pgoff and the object's offset in the
 * DRM file, never from vm_start or vm_pgoff, which change when a VMA is split.
 */

#include <linux/cacheflush.h>
#include <linux/mman.h>
#include <linux/mm.h>
#include <linux/page_table_check.h>
#include <linux/pgtable.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include "zcgem_compat.h"
#include "zcgem_mmap.h"
#include "zcgem_object.h"
#include "zcgem_trace.h"

#define ZCGEM_PMD_ORDER		(PMD_SHIFT - PAGE_SHIFT)
#define ZCGEM_PUD_ORDER		(PUD_SHIFT - PAGE_SHIFT)

/**
 * zcgem_has_leaf() - Are there page table leaves of a size?
 * @order: of PTE, PMD or PUD size, log2 of pages
 *
 * What the kernel was built for is not what the processor can do, and the core does not
 * look: a leaf of PUD size on x86 without 1 GiB pages has a reserved bit set.
 *
 * Return: true if kernel and processor know them.
 */
bool zcgem_has_leaf(unsigned int order)
{
	/* No constants everywhere, and one level may be folded into the other. */
	if (order == ZCGEM_PMD_ORDER)
		return IS_ENABLED(CONFIG_ARCH_SUPPORTS_PMD_PFNMAP);
	if (order == ZCGEM_PUD_ORDER)
		return IS_ENABLED(CONFIG_ARCH_SUPPORTS_PUD_PFNMAP) &&
		       arch_vmap_pud_supported(PAGE_KERNEL);
	return !order;
}

static struct zcgem_object *zcgem_vma_object(struct vm_area_struct *vma)
{
	return to_zcgem_object(vma->vm_private_data);
}

static pgoff_t zcgem_fault_page(struct vm_fault *vmf, struct zcgem_object *obj)
{
	return vmf->pgoff - drm_vma_node_start(&obj->bo.base.vma_node);
}

/* Is there anything where a leaf of this size would go that must stay? */
static bool zcgem_table_present(struct vm_fault *vmf, unsigned int order)
{
	pud_t pud;
	pmd_t pmd;

	if (order == ZCGEM_PUD_ORDER) {
		pud = READ_ONCE(*vmf->pud);
		return !pud_none(pud) && !pud_leaf(pud);
	}

	pmd = READ_ONCE(*vmf->pmd);
	return !pmd_none(pmd) && !pmd_leaf(pmd);
}

/*
 * PAGE_TABLE_CHECK stops the kernel when an anonymous page is mapped a second time, even
 * where a pin makes that sound. It exempts special entries, and there are none but small.
 */
static bool zcgem_leaf_forbidden(struct zcgem_object *obj)
{
#ifdef CONFIG_PAGE_TABLE_CHECK
	return obj->ops->flags & ZCGEM_BACKING_ANONYMOUS &&
	       !static_branch_likely(&page_table_check_disabled);
#else
	return false;
#endif
}

static vm_fault_t zcgem_insert_leaf(struct vm_fault *vmf, struct zcgem_object *obj,
				    unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long size = PAGE_SIZE << order;
	unsigned long addr = ALIGN_DOWN(vmf->address, size);
	/* As for small entries: dirty at once. */
	bool write = vma->vm_flags & VM_WRITE;
	unsigned long pfn, run;
	pgoff_t page;

	if (addr < vma->vm_start || addr + size > vma->vm_end || zcgem_leaf_forbidden(obj))
		return VM_FAULT_FALLBACK;

	page = zcgem_fault_page(vmf, obj) - ((vmf->address - addr) >> PAGE_SHIFT);
	run = zcgem_extents_lookup(&obj->pages->extents, page, &pfn);
	if (run < 1UL << order || !IS_ALIGNED(pfn, 1UL << order))
		return VM_FAULT_FALLBACK;
	if (zcgem_table_present(vmf, order) || zcgem_frames_poisoned(pfn, 1UL << order))
		return VM_FAULT_FALLBACK;

	return order == ZCGEM_PUD_ORDER ? zcgem_insert_pud(vmf, pfn, write) :
					  zcgem_insert_pmd(vmf, pfn, write);
}

struct zcgem_fill {
	struct vm_area_struct *vma;
	/* The run that the next entry belongs to, and what is left of it. */
	const struct zcgem_extent *extent;
	unsigned long pfn;
	unsigned long left;
	/* The last run, and one past its pages. */
	const struct zcgem_extent *last;
	pgoff_t end;
};

/*
 * A special entry's dirty bit says nothing of the page, and a processor that does not set
 * it by itself would fault for each.
 */
static void zcgem_set_entry(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
			    unsigned long pfn)
{
	pte_t entry = pte_mkyoung(pte_mkspecial(pfn_pte(pfn, vma->vm_page_prot)));

	if (vma->vm_flags & VM_WRITE)
		entry = pte_mkdirty(entry);
#ifdef CONFIG_RISCV
	/* What set_pte_at() calls for executable entries is not exported; see zcgem_sync_code(). */
	set_pte(pte, entry);
#else
	set_pte_at(vma->vm_mm, addr, pte, entry);
#endif
	update_mmu_cache(vma, addr, pte);
}

static int zcgem_fill_entry(pte_t *pte, unsigned long addr, void *data)
{
	struct zcgem_fill *fill = data;

	if (!fill->left) {
		const struct zcgem_extent *extent = ++fill->extent;

		fill->pfn = extent->pfn;
		fill->left = (extent < fill->last ? extent[1].start : fill->end) - extent->start;
	}
	if (pte_none(ptep_get(pte)) && !zcgem_frames_poisoned(fill->pfn, 1))
		zcgem_set_entry(fill->vma, addr, pte, fill->pfn);
	fill->pfn++;
	fill->left--;
	return 0;
}

/*
 * All entries of the faulting address's page table, one pass. The window never
 * leaves the page table that the core has just found, so no huge entry is on the
 * way, and at most PTRS_PER_PTE entries are made.
 */
static vm_fault_t zcgem_insert_entries(struct vm_fault *vmf, struct zcgem_object *obj,
				       unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t first = zcgem_fault_page(vmf, obj) - ((vmf->address - start) >> PAGE_SHIFT);
	const struct zcgem_extents *extents = &obj->pages->extents;
	struct zcgem_fill fill = {
		.vma = vma,
		.extent = &extents->table[zcgem_extents_find(extents, first)],
		.last = &extents->table[extents->count - 1],
		.end = extents->npages,
	};
	pmd_t pmd = READ_ONCE(*vmf->pmd);
	int ret;

	/* Another thread has put a leaf here since the core looked. */
	if (!pmd_none(pmd) && pmd_leaf(pmd))
		return VM_FAULT_NOPAGE;

	zcgem_extents_lookup(extents, zcgem_fault_page(vmf, obj), &fill.pfn);
	if (zcgem_frames_poisoned(fill.pfn, 1))
		return VM_FAULT_HWPOISON;
	fill.left = zcgem_extents_lookup(extents, first, &fill.pfn);

	ret = apply_to_page_range(vma->vm_mm, start, end - start, zcgem_fill_entry, &fill);
	return ret ? vmf_error(ret) : VM_FAULT_NOPAGE;
}

/*
 * Instructions that were written through other views. set_pte_at() sees to that, but not for
 * special entries.
 */
static void zcgem_sync_code(const struct zcgem_extents *extents, pgoff_t page, unsigned long left)
{
	while (left) {
		unsigned long pfn, n = min(zcgem_extents_lookup(extents, page, &pfn), left);
		unsigned long start = (unsigned long)page_address(pfn_to_page(pfn));

		flush_icache_range(start, start + (n << PAGE_SHIFT));
		page += n;
		left -= n;
	}
}

static enum zcgem_leaf zcgem_leaf_of(unsigned int order)
{
	if (order == ZCGEM_PUD_ORDER)
		return ZCGEM_LEAF_PUD;
	return order == ZCGEM_PMD_ORDER ? ZCGEM_LEAF_PMD : ZCGEM_LEAF_PTE;
}

/* What a fault fills: the leaf or page table that the address is in, cut to VMA and object. */
struct zcgem_fault_window {
	unsigned long start;
	unsigned long end;
	pgoff_t first;
	pgoff_t npages;
};

/* False if the address is beyond the object. */
static bool zcgem_fault_window(struct vm_fault *vmf, struct zcgem_object *obj,
			       unsigned int order, struct zcgem_fault_window *window)
{
	unsigned long size = PAGE_SIZE << max_t(unsigned int, order, ZCGEM_PMD_ORDER);
	unsigned long start = ALIGN_DOWN(vmf->address, size);
	unsigned long end = min(start + size, vmf->vma->vm_end);
	pgoff_t page = zcgem_fault_page(vmf, obj);
	pgoff_t npages = zcgem_object_npages(obj);

	if (page >= npages)
		return false;

	window->start = max(start, vmf->vma->vm_start);
	window->first = page - ((vmf->address - window->start) >> PAGE_SHIFT);
	window->end = min(end, window->start + ((npages - window->first) << PAGE_SHIFT));
	window->npages = (window->end - window->start) >> PAGE_SHIFT;
	return true;
}

/*
 * May this round release the fault lock? Only the first one does: later rounds wait with
 * it held, as in TTM, so that no one can make a fault begin again without end.
 */
static bool zcgem_fault_may_release(struct vm_fault *vmf)
{
	return fault_flag_allow_retry_first(vmf->flags);
}

/* -EAGAIN: only zcgem_fault_later() can get the pages. */
static int zcgem_fault_acquire(struct vm_fault *vmf, struct zcgem_object *obj)
{
	if (!obj->pages && !obj->revoked) {
		/* However little is touched, this gets all pages of the object. */
		if (zcgem_fault_may_release(vmf))
			return -EAGAIN;
		/* An earlier round of this fault has tried. */
		if (vmf->flags & FAULT_FLAG_TRIED && obj->acquire_error)
			return obj->acquire_error;
	}
	return zcgem_object_acquire_now(obj);
}

static vm_fault_t zcgem_fault_locked(struct vm_fault *vmf, struct zcgem_object *obj,
				     unsigned int order,
				     const struct zcgem_fault_window *window, int *error)
{
	unsigned long pfn;
	vm_fault_t ret;
	int idx;

	*error = zcgem_fault_acquire(vmf, obj);
	if (*error)
		return 0;
	/* Say no to a leaf that cannot be before looking at every page of it. */
	if (order &&
	    zcgem_extents_lookup(&obj->pages->extents, window->first, &pfn) < 1UL << order)
		return VM_FAULT_FALLBACK;
	*error = zcgem_object_acquire_current(obj, window->first, window->npages,
					      !zcgem_fault_may_release(vmf));
	if (*error)
		return 0;

	if (vmf->vma->vm_flags & VM_EXEC)
		zcgem_sync_code(&obj->pages->extents, window->first, window->npages);
	/* Not before: removal of any DRM device waits for this section. */
	if (!drm_dev_enter(obj->bo.base.dev, &idx))
		return VM_FAULT_SIGBUS;
	if (order)
		ret = zcgem_insert_leaf(vmf, obj, order);
	else
		ret = zcgem_insert_entries(vmf, obj, window->start, window->end);
	drm_dev_exit(idx);

	if (ret == VM_FAULT_NOPAGE) {
		atomic64_inc(&obj->faults[zcgem_leaf_of(order)]);
		trace_zcgem_fault(obj, vmf->address, order);
	}
	return ret;
}

/*
 * A signal has ended a wait. A fault of the kernel's own code cannot take it, only be killed:
 * sleep before it waits again, since until then it could only spin.
 */
static bool zcgem_fault_waits_again(unsigned int flags, int error)
{
	if (!zcgem_is_signal(error) || flags & FAULT_FLAG_USER)
		return false;
	return !fatal_signal_pending(current) && !schedule_timeout_killable(1);
}

/*
 * A task that is to take a signal first faults again after it. For one that is being killed
 * in the kernel's own code there is no after, so it is told that there is nothing.
 */
static vm_fault_t zcgem_fault_interrupted(void)
{
	return fatal_signal_pending(current) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

/* Get the pages where nothing is locked, and have the fault come again. */
static vm_fault_t zcgem_fault_later(struct vm_fault *vmf, struct zcgem_object *obj,
				    const struct zcgem_fault_window *window)
{
	unsigned int flags = vmf->flags;
	int error;

	if (flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;

	trace_zcgem_fault_retry(obj, vmf->address);
	drm_gem_object_get(&obj->bo.base);
	release_fault_lock(vmf);
	/* Only RETRY can be returned now; the next round sees what came of it. */
	do {
		error = zcgem_object_prepare(obj, window->first, window->npages);
	} while (zcgem_fault_waits_again(flags, error));
	drm_gem_object_put(&obj->bo.base);
	return VM_FAULT_RETRY;
}

static vm_fault_t zcgem_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct zcgem_object *obj = zcgem_vma_object(vmf->vma);
	struct zcgem_fault_window window;
	vm_fault_t ret = 0;
	int error;

	if (!zcgem_fault_window(vmf, obj, order, &window) ||
	    drm_dev_is_unplugged(obj->bo.base.dev))
		return VM_FAULT_SIGBUS;
	if (!zcgem_has_leaf(order))
		return VM_FAULT_FALLBACK;

	do {
		if (dma_resv_trylock(obj->bo.base.resv))
			error = 0;
		else if (zcgem_fault_may_release(vmf))
			error = -EAGAIN;
		else
			error = zcgem_object_lock(obj);
		if (error)
			continue;
		ret = zcgem_fault_locked(vmf, obj, order, &window, &error);
		zcgem_object_unlock(obj);
	} while (zcgem_fault_waits_again(vmf->flags, error));

	/* In a later round: the pages came and were taken back, and need what it must not lock. */
	if (error == -EAGAIN && vmf->flags & FAULT_FLAG_ALLOW_RETRY)
		return zcgem_fault_later(vmf, obj, &window);
	if (zcgem_is_signal(error))
		return zcgem_fault_interrupted();
	if (error == -EHWPOISON)
		return VM_FAULT_HWPOISON;
	/* Not VM_FAULT_OOM: the core would try again for ever. */
	return error ? VM_FAULT_SIGBUS : ret;
}

static vm_fault_t zcgem_fault(struct vm_fault *vmf)
{
	return zcgem_huge_fault(vmf, 0);
}

/*
 * The core does not expect leaves of PUD size where it splits a VMA: it looks for a
 * leaf of PMD size below, and would take what the object holds for a page table.
 * None may be there then, and none may come back: a fault that has just the VMA's
 * lock does not wait for mmap_lock, which is held here for writing, so lock it out.
 */
static int zcgem_vm_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	struct zcgem_object *obj = zcgem_vma_object(vma);

	vma_start_write(vma);
	if (atomic64_read(&obj->faults[ZCGEM_LEAF_PUD]))
		zcgem_object_zap(obj);
	return 0;
}

/*
 * mremap() moves page tables but does not know leaves of PUD size: it would drop
 * the entry and leave the TLB as it is. It opens the new VMA first, so nothing
 * that large is left to move if the node is zapped here.
 */
static void zcgem_vm_open(struct vm_area_struct *vma)
{
	struct zcgem_object *obj = zcgem_vma_object(vma);

	drm_gem_vm_open(vma);
	atomic_inc(&obj->mappings);
	atomic_long_inc(&zcgem_object_device(obj)->counters.mappings);

	if (atomic64_read(&obj->faults[ZCGEM_LEAF_PUD]))
		zcgem_object_zap(obj);
}

static void zcgem_vm_close(struct vm_area_struct *vma)
{
	struct zcgem_object *obj = zcgem_vma_object(vma);

	atomic_dec(&obj->mappings);
	atomic_long_dec(&zcgem_object_device(obj)->counters.mappings);
	drm_gem_vm_close(vma);
}

/* copy_to_user_page(), which modules do not have: a breakpoint must reach the instruction cache. */
static void zcgem_poke(struct vm_area_struct *vma, void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	flush_dcache_page(virt_to_page(to));
	if (vma->vm_flags & VM_EXEC)
		flush_icache_range((unsigned long)to, (unsigned long)to + size);
}

/*
 * For a debugger: ptrace() and /proc/PID/mem, which cannot get at the pages. The core
 * checks neither the end of the mapping nor what may be done with it: a process could
 * write by its own /proc/self/mem what it was given to read only.
 */
static int zcgem_vm_access(struct vm_area_struct *vma, unsigned long addr, void *buf,
			   int len, int write)
{
	struct zcgem_object *obj = zcgem_vma_object(vma);
	pgoff_t page = linear_page_index(vma, addr) -
		drm_vma_node_start(&obj->bo.base.vma_node);
	unsigned int offset = offset_in_page(addr);
	pgoff_t npages;
	int done = 0, ret;

	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	len = min_t(unsigned long, len, vma->vm_end - addr);
	/* Not entered: this waits for others, and removal of any DRM device would for this. */
	if (drm_dev_is_unplugged(obj->bo.base.dev))
		return -EIO;
	if (page >= zcgem_object_npages(obj))
		return 0;
	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;

	npages = min(PFN_UP(offset + len), zcgem_object_npages(obj) - page);
	ret = zcgem_object_acquire_now(obj);
	if (!ret)
		ret = zcgem_object_acquire_current(obj, page, npages, false);
	while (!ret && done < len) {
		int n = min_t(int, len - done, PAGE_SIZE - offset);
		unsigned long pfn;
		void *kaddr;

		if (!zcgem_extents_lookup(&obj->pages->extents, page, &pfn))
			break;
		/* It may have left the linear map. */
		if (zcgem_frames_poisoned(pfn, 1)) {
			ret = done ? 0 : -EIO;
			break;
		}
		kaddr = page_address(pfn_to_page(pfn));
		if (write)
			zcgem_poke(vma, kaddr + offset, buf + done, n);
		else
			memcpy(buf + done, kaddr + offset, n);

		done += n;
		offset = 0;
		page++;
	}
	zcgem_object_unlock(obj);
	return ret ?: done;
}

const struct vm_operations_struct zcgem_vm_ops = {
	.open = zcgem_vm_open,
	.close = zcgem_vm_close,
	.may_split = zcgem_vm_may_split,
	.fault = zcgem_fault,
	.huge_fault = zcgem_huge_fault,
	.access = zcgem_vm_access,
};

/**
 * zcgem_gem_mmap() - &drm_gem_object_funcs.mmap, for the node and the dma-buf.
 * @gem: the object, with a reference that the mapping keeps
 * @vma: the mapping
 *
 * Return: 0, -EINVAL for a private mapping, -EACCES for a revoked object or a
 * writable mapping of a read-only one, -EPERM if the object has no CPU mapping.
 */
int zcgem_gem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	struct zcgem_object *obj = to_zcgem_object(gem);
	struct drm_device *drm = gem->dev;

	/* Not is_cow_mapping(), which believes that VM_MAYWRITE was not taken away yet. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return zcgem_refuse(drm, -EINVAL, "private mappings are not possible");
	if (!(obj->ops->flags & ZCGEM_BACKING_MAPPABLE))
		return zcgem_refuse(drm, -EPERM, "the object has no CPU mapping");
	if (READ_ONCE(obj->revoked))
		return zcgem_refuse(drm, -EACCES, "the object was revoked");
	if (obj->readonly && vma->vm_flags & VM_WRITE)
		return zcgem_refuse(drm, -EACCES, "the object is read-only");
	if (obj->readonly)
		vm_flags_clear(vma, VM_MAYWRITE);
	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN)
		return zcgem_import_mmap(obj, vma);

	/* VM_HUGEPAGE lets huge faults happen where THP is set to madvise. */
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_HUGEPAGE);
	vma->vm_page_prot = zcgem_object_pgprot(obj, vma->vm_page_prot);

	atomic_inc(&obj->mappings);
	atomic_long_inc(&zcgem_object_device(obj)->counters.mappings);
	return 0;
}

/* How a mapping at this offset of the DRM file should be placed. */
static void zcgem_placement_hint(struct file *file, unsigned long pgoff, unsigned long npages,
				 unsigned int *order, unsigned long *phase)
{
	struct drm_file *priv = file->private_data;
	struct drm_vma_offset_manager *manager = priv->minor->dev->vma_offset_manager;
	struct drm_vma_offset_node *node;

	*order = 0;
	*phase = 0;

	drm_vma_offset_lock_lookup(manager);
	node = drm_vma_offset_lookup_locked(manager, pgoff, npages);
	if (node && drm_vma_node_is_allowed(node, priv)) {
		struct zcgem_object *obj =
			to_zcgem_object(container_of(node, struct drm_gem_object, vma_node));

		*order = READ_ONCE(obj->map_order);
		*phase = READ_ONCE(obj->map_phase) + (pgoff - drm_vma_node_start(node));
	}
	drm_vma_offset_unlock_lookup(manager);
}

/**
 * zcgem_get_unmapped_area() - Place a mapping so that the largest leaf fits.
 * @file: the DRM file
 * @addr: hint or, with MAP_FIXED, the address
 * @len: bytes
 * @pgoff: offset in the DRM file, pages
 * @flags: MAP_*
 *
 * Return: an address, or an errno.
 */
unsigned long zcgem_get_unmapped_area(struct file *file, unsigned long addr,
				      unsigned long len, unsigned long pgoff,
				      unsigned long flags)
{
	unsigned long phase, align, start, found;
	unsigned int order;

	if (addr || flags & MAP_FIXED)
		goto anywhere;

	zcgem_placement_hint(file, pgoff, len >> PAGE_SHIFT, &order, &phase);
	align = PAGE_SIZE << order;
	/* Less than a leaf, or the address space does not wrap. */
	if (!order || len < align || len + align < len)
		goto anywhere;

	start = zcgem_mm_get_unmapped_area(file, 0, len + align, 0, flags);
	if (IS_ERR_VALUE(start))
		goto anywhere;

	found = ALIGN_DOWN(start, align) + ((phase << PAGE_SHIFT) & (align - 1));
	if (found < start)
		found += align;
	return found;

anywhere:
	return zcgem_mm_get_unmapped_area(file, addr, len, 0, flags);
}
