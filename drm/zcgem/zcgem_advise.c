// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: advice
 *
 * What a client knows about the use of an object: that it is about to be used,
 * that it is not for a while, that its memfd may have been punched.
 *
 * Filling page tables goes through the fault handler, by fixup_user_fault(), so
 * that there is one way in which entries are made. mmap_lock is taken here, so
 * dma_resv must not be held.
 */

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "zcgem_ioctl.h"
#include "zcgem_mmap.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

/* mmap_lock held: is this where the caller has mapped that byte of the object? */
static struct vm_area_struct *zcgem_find_mapping(struct zcgem_object *obj, unsigned long addr,
						 u64 offset)
{
	struct vm_area_struct *vma = vma_lookup(current->mm, addr);

	if (!vma || vma->vm_ops != &zcgem_vm_ops ||
	    vma->vm_private_data != &obj->bo.base ||
	    linear_page_index(vma, addr) !=
	    drm_vma_node_start(&obj->bo.base.vma_node) + (offset >> PAGE_SHIFT))
		return NULL;
	return vma;
}

static int zcgem_fill_tables(struct zcgem_object *obj, unsigned long addr, u64 offset, u64 size)
{
	struct mm_struct *mm = current->mm;
	int ret = 0;

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	while (size && !ret) {
		struct vm_area_struct *vma = zcgem_find_mapping(obj, addr, offset);
		bool unlocked = false;
		u64 step;

		if (!vma) {
			ret = zcgem_refuse(obj->bo.base.dev, -EINVAL,
					   "%#lx is no mapping of the object's byte %#llx", addr,
					   offset);
			break;
		}
		/* A fault fills to the end of its page table, but no other VMA. */
		step = min(size, PMD_SIZE - (addr & ~PMD_MASK));
		step = min_t(u64, step, vma->vm_end - addr);
		ret = fixup_user_fault(mm, addr,
				       vma->vm_flags & VM_WRITE ? FAULT_FLAG_WRITE : 0,
				       &unlocked);
		addr += step;
		offset += step;
		size -= step;

		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (need_resched()) {
			mmap_read_unlock(mm);
			cond_resched();
			mmap_read_lock(mm);
		}
	}

	mmap_read_unlock(mm);
	return ret;
}

static int zcgem_revalidate(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	int ret;

	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;
	if (obj->pages && obj->pins && !zcgem_object_is_current(obj, first, npages))
		ret = zcgem_refuse(obj->bo.base.dev, -EBUSY, "stale pages of a pinned object");
	else
		ret = zcgem_object_acquire_current(obj, first, npages, false);
	zcgem_object_unlock(obj);

	return ret == -EAGAIN ? zcgem_object_prepare(obj, first, npages) : ret;
}

static int zcgem_advise(struct zcgem_object *obj, const struct drm_zcgem_gem_advise *args)
{
	int ret;

	switch (args->advice) {
	case DRM_ZCGEM_ADVICE_POPULATE:
		ret = zcgem_revalidate(obj, args->offset >> PAGE_SHIFT,
				       args->size >> PAGE_SHIFT);
		/* Old pages of a pinned object are as good as any. */
		if (ret == -EBUSY && READ_ONCE(obj->pages))
			ret = 0;
		if (ret || !args->address)
			return ret;
		return zcgem_fill_tables(obj, args->address, args->offset, args->size);
	case DRM_ZCGEM_ADVICE_EVICT:
		return zcgem_object_when_idle(obj, zcgem_object_evict);
	default:
		return zcgem_revalidate(obj, args->offset >> PAGE_SHIFT,
					args->size >> PAGE_SHIFT);
	}
}

/**
 * zcgem_ioctl_gem_advise() - %DRM_IOCTL_ZCGEM_GEM_ADVISE.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_advise
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_advise(struct drm_device *drm, void *data, struct drm_file *file)
{
	const struct drm_zcgem_gem_advise *args = data;
	struct drm_gem_object *gem;
	u64 end, address_end;
	int ret;

	if (args->advice > DRM_ZCGEM_ADVICE_REVALIDATE)
		return zcgem_refuse(drm, -EINVAL, "unknown advice %u", args->advice);
	if (!args->size || !PAGE_ALIGNED(args->offset) || !PAGE_ALIGNED(args->size) ||
	    !PAGE_ALIGNED(args->address) ||
	    check_add_overflow(args->offset, args->size, &end))
		return zcgem_refuse(drm, -EINVAL,
				    "bad range: offset %#llx size %#llx address %#llx",
				    args->offset, args->size, args->address);
	if (args->address && (args->advice != DRM_ZCGEM_ADVICE_POPULATE ||
			      check_add_overflow(args->address, args->size, &address_end) ||
			      address_end - 1 > ULONG_MAX))
		return zcgem_refuse(drm, -EINVAL, "no address %#llx for advice %u",
				    args->address, args->advice);

	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return zcgem_refuse(drm, -ENOENT, "no handle %u", args->handle);

	if (end > gem->size)
		ret = zcgem_refuse(drm, -EINVAL, "%#llx is after the end of the object", end);
	else
		ret = zcgem_advise(to_zcgem_object(gem), args);
	drm_gem_object_put(gem);
	return ret;
}
