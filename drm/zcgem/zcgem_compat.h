/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_COMPAT_H_
#define _ZCGEM_COMPAT_H_

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#ifdef ZCGEM_HAVE_PFN_T
#include <linux/pfn_t.h>
#endif

#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>

/**
 * DOC: kernel differences
 *
 * The only file that knows that kernels differ. Each entry names the change
 * that made it necessary; the ZCGEM_HAVE_* symbols come from header greps in
 * the Makefile. The current form of an interface is the one the driver is
 * written against, so an in-tree version drops this file and replaces each
 * call by the line in the "have" branch.
 */

/*
 * "module: Convert symbol namespace to string literal" made the macro stop
 * stringifying its argument.
 */
#ifdef ZCGEM_HAVE_UNQUOTED_IMPORT_NS
#define ZCGEM_IMPORT_NS_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#define ZCGEM_IMPORT_NS_KUNIT	MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING)
#else
#define ZCGEM_IMPORT_NS_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#define ZCGEM_IMPORT_NS_KUNIT	MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING")
#endif

/* A module beside the kernel has a version, which DKMS compares; in tree the kernel's will do. */
#define ZCGEM_MODULE_VERSION	MODULE_VERSION("0.1.0")

/*
 * pfn_t was removed, and the functions that took one take a plain frame number now.
 * Where it exists, PFN_DEV|PFN_MAP makes a devmap entry: with no dev_pagemap behind
 * the page, get_user_pages_fast() backs off from it.
 */
static inline vm_fault_t zcgem_insert_pmd(struct vm_fault *vmf,
					  unsigned long pfn, bool write)
{
#ifndef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	return VM_FAULT_FALLBACK;
#elif defined(ZCGEM_HAVE_PFN_T)
	return vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV | PFN_MAP), write);
#else
	return vmf_insert_pfn_pmd(vmf, pfn, write);
#endif
}

static inline vm_fault_t zcgem_insert_pud(struct vm_fault *vmf,
					  unsigned long pfn, bool write)
{
#ifndef CONFIG_ARCH_SUPPORTS_PUD_PFNMAP
	return VM_FAULT_FALLBACK;
#elif defined(ZCGEM_HAVE_PFN_T)
	return vmf_insert_pfn_pud(vmf, __pfn_to_pfn_t(pfn, PFN_DEV | PFN_MAP), write);
#else
	return vmf_insert_pfn_pud(vmf, pfn, write);
#endif
}

/* mm_get_unmapped_area() lost its mm argument: it was always current->mm. */
static inline unsigned long
zcgem_mm_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
			   unsigned long pgoff, unsigned long flags)
{
#ifdef ZCGEM_HAVE_MM_IN_GET_UNMAPPED_AREA
	return mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
#else
	return mm_get_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

/*
 * "dma-buf: Rename .move_notify() callback to a clearer identifier" and the
 * removal of CONFIG_DMABUF_MOVE_NOTIFY, which made invalidation unconditional.
 */
#ifdef ZCGEM_HAVE_INVALIDATE_MAPPINGS
#define ZCGEM_INVALIDATE_MAPPINGS	invalidate_mappings
#define ZCGEM_LIVE_INVALIDATION		true
#else
#define ZCGEM_INVALIDATE_MAPPINGS	move_notify
#define ZCGEM_LIVE_INVALIDATION		IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY)
#endif

static inline void zcgem_dma_buf_invalidate_mappings(struct dma_buf *dmabuf)
{
#ifdef ZCGEM_HAVE_INVALIDATE_MAPPINGS
	dma_buf_invalidate_mappings(dmabuf);
#else
	dma_buf_move_notify(dmabuf);
#endif
}

/*
 * dma_buf_attach_revocable() came with the rule that an importer which is notified unmaps
 * within bounded time. Before, it could keep its mapping for as long as it wanted.
 */
static inline bool zcgem_attach_revocable(struct dma_buf_attachment *attach)
{
#ifdef ZCGEM_HAVE_ATTACH_REVOCABLE
	return dma_buf_attach_revocable(attach);
#else
	return false;
#endif
}

/*
 * The attribute is newer. Without it, what the driver looks at before it maps has to do: that
 * the DMA layer does not bounce everything, and that the device reaches all of the pages.
 */
#ifdef ZCGEM_HAVE_DMA_REQUIRE_COHERENT
#define ZCGEM_DMA_ATTR_REQUIRE_COHERENT	DMA_ATTR_REQUIRE_COHERENT
#else
#define ZCGEM_DMA_ATTR_REQUIRE_COHERENT	0
#endif

/* The bits of struct device became flags; before, only some architectures had this one. */
static inline void zcgem_set_dma_coherent(struct device *dev)
{
#ifdef ZCGEM_HAVE_DEVICE_FLAGS
	dev_set_dma_coherent(dev);
#elif defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	dev->dma_coherent = true;
#endif
}

/* "drm/ttm: replace multiple booleans with flags in device init" */
static inline int zcgem_ttm_device_init(struct ttm_device *bdev,
					const struct ttm_device_funcs *funcs,
					struct device *dev,
					struct address_space *mapping,
					struct drm_vma_offset_manager *manager)
{
#ifdef ZCGEM_HAVE_TTM_ALLOCATION
	return ttm_device_init(bdev, funcs, dev, mapping, manager, 0);
#else
	return ttm_device_init(bdev, funcs, dev, mapping, manager, false, false);
#endif
}

/*
 * "drm/gem: Add huge tmpfs mountpoint helpers": before, each driver that wanted huge pages
 * made a mount of its own. Returns NULL where there are none.
 */
#ifdef ZCGEM_HAVE_GEM_HUGE_MNT
static inline struct vfsmount *zcgem_huge_mnt_create(struct drm_device *drm)
{
	struct vfsmount *mnt;

	if (drm_gem_huge_mnt_create(drm, "within_size"))
		return NULL;
	mnt = drm_gem_get_huge_mnt(drm);
	return IS_ERR(mnt) ? NULL : mnt;
}
#else
static inline void zcgem_huge_mnt_free(struct drm_device *drm, void *mnt)
{
	kern_unmount(mnt);
}

static inline struct vfsmount *zcgem_huge_mnt_create(struct drm_device *drm)
{
	char options[] = "huge=within_size";
	struct file_system_type *type;
	struct vfsmount *mnt;

	type = get_fs_type("tmpfs");
	if (!IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) || !type)
		return NULL;
	mnt = vfs_kern_mount(type, SB_KERNMOUNT, type->name, options);
	if (IS_ERR(mnt) || drmm_add_action_or_reset(drm, zcgem_huge_mnt_free, mnt))
		return NULL;
	return mnt;
}
#endif

/* vm_flags_t became vma_flags_t. @mnt may be NULL. */
static inline struct file *zcgem_shmem_file_setup(struct vfsmount *mnt, const char *name,
						  loff_t size)
{
#ifdef ZCGEM_HAVE_VMA_FLAGS
	const vma_flags_t flags = mk_vma_flags(VMA_NORESERVE_BIT);
#else
	const unsigned long flags = VM_NORESERVE;
#endif

	return mnt ? shmem_file_setup_with_mnt(mnt, name, size, flags) :
		     shmem_file_setup(name, size, flags);
}

/* "drm/ttm: rename ttm_bo_put to _fini": for drm_gem_object_funcs.free only. */
static inline void zcgem_ttm_bo_fini(struct ttm_buffer_object *bo)
{
#ifdef ZCGEM_HAVE_TTM_BO_FINI
	ttm_bo_fini(bo);
#else
	ttm_bo_put(bo);
#endif
}

/*
 * hugetlb_reserve_pages() returns the number of entries since memfd_alloc_folio() uses
 * it to reserve the huge page that it fills a hole with. Before, memfd_pin_folios() took
 * one without a reservation, and the global count of reserved pages underflowed.
 */
#ifdef ZCGEM_HAVE_HUGETLB_RESERVING_MEMFD
#define ZCGEM_PIN_RESERVES_HUGETLB	true
#else
#define ZCGEM_PIN_RESERVES_HUGETLB	false
#endif

/*
 * DRM_GEM_OBJECT_ACTIVE made the line of active bytes optional in fdinfo; before, it was
 * always printed.
 */
#ifdef ZCGEM_HAVE_GEM_OBJECT_ACTIVE
#define ZCGEM_GEM_OBJECT_ACTIVE		DRM_GEM_OBJECT_ACTIVE
#else
#define ZCGEM_GEM_OBJECT_ACTIVE		0
#endif

/*
 * "dma-buf: protected fence ops by RCU": a fence may lose its operations when it has
 * signalled, so the pointer is marked.
 */
static inline bool zcgem_dma_fence_has_ops(struct dma_fence *fence,
					   const struct dma_fence_ops *ops)
{
#ifdef ZCGEM_HAVE_RCU_FENCE_OPS
	return rcu_access_pointer(fence->ops) == ops;
#else
	return fence->ops == ops;
#endif
}

/* "mm/list_lru: split the lock to per-cgroup scope" took the lock from those who walk a list. */
#ifdef ZCGEM_HAVE_LRU_LOCK_ARG
#define ZCGEM_LRU_LOCK_ARG	spinlock_t *lock,
#else
#define ZCGEM_LRU_LOCK_ARG
#endif

/*
 * memfd_get_seals() is not exported to modules on any kernel, so the inode's
 * own field is read. The caller holds the inode lock where it matters that no
 * seal is added meanwhile. Returns F_SEAL_* bits, or -EBADFD for a file that
 * is neither on shmem nor on hugetlbfs.
 */
static inline int zcgem_memfd_seals(struct file *file)
{
	if (shmem_file(file))
		return SHMEM_I(file_inode(file))->seals;
#ifdef CONFIG_HUGETLBFS
	if (is_file_hugepages(file))
		return HUGETLBFS_I(file_inode(file))->seals;
#endif
	return -EBADFD;
}

#endif /* _ZCGEM_COMPAT_H_ */
