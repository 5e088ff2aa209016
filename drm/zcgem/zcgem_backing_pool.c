// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: pool backing
 *
 * Objects of the driver's own memory: a shmem file for each, which no client can open. It
 * is filled and pinned like a memfd (zcgem_memfd_pin.c), so the memory is charged to the
 * memory cgroup of the process that needs it first, and the core swaps it out while no one
 * has it pinned. Without a descriptor there are no holes to be punched and no seals:
 * the pages of the object never leave the file.
 *
 * The file is on a mount of the device that wants huge pages, where the kernel has one.
 *
 * Allocating, clearing and swapping in take long. That is done without dma_resv, by
 * zcgem_pool_prepare(), for every caller but those that cannot do without the lock: importers
 * that hold it, debuggers, and later rounds of faults and submits, which must not begin again
 * without end. The inode lock is never taken.
 */

#include <kunit/visibility.h>

#include <linux/err.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>

#include <drm/drm_print.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_compat.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

/*
 * Pages are pinned as soon as they exist, so they are not allocated where memory must stay
 * movable. Rather fail than have the OOM killer make room for one object.
 */
#define ZCGEM_POOL_GFP	(GFP_HIGHUSER | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Have all pages in the page cache, looking for signals at each. */
static int zcgem_pool_read(const struct zcgem_memfd *memfd)
{
	struct address_space *mapping = memfd->only_file->f_mapping;
	pgoff_t page = 0;

	while (page < memfd->npages) {
		struct folio *folio;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		folio = shmem_read_folio(mapping, page);
		if (IS_ERR(folio))
			return PTR_ERR(folio) == -ENOSPC ? -ENOMEM : PTR_ERR(folio);
		page = folio_next_index(folio);
		folio_put(folio);
	}
	return 0;
}

static bool zcgem_pool_is_full(const struct zcgem_memfd *memfd)
{
	return READ_ONCE(memfd->only_file->f_mapping->nrpages) == memfd->npages;
}

/*
 * memfd_pin_folios() fills holes as well, but looks for signals only when it is done. All pages
 * will be pinned at once, so do not fill memory to find out that they cannot.
 */
static int zcgem_pool_fill(const struct zcgem_memfd *memfd)
{
	if (memfd->npages > totalram_pages())
		return zcgem_refuse(&memfd->zdev->drm, -ENOMEM,
				    "%lu pages are more than there are", memfd->npages);
	return zcgem_pool_is_full(memfd) ? 0 : zcgem_pool_read(memfd);
}

/*
 * dma_resv held: what has come of filling the file. An object that never had all its pages has
 * no contents, and keeps no memory. Only with dma_resv held is it known that no other caller
 * has got them meanwhile.
 */
static void zcgem_pool_filled(struct zcgem_object *obj, int ret)
{
	struct zcgem_memfd *memfd = obj->backing;

	if (!ret)
		memfd->filled = true;
	else if (!memfd->filled)
		shmem_truncate_range(file_inode(memfd->only_file), 0, -1);
}

static struct zcgem_pages *zcgem_pool_prepare(struct zcgem_object *obj)
{
	struct zcgem_memfd *memfd = obj->backing;
	int ret, filled;

	filled = zcgem_pool_fill(memfd);
	/* Another task may hold it for long. What was filled stays for the next attempt then. */
	ret = zcgem_object_lock(obj);
	if (ret)
		return ERR_PTR(ret);
	zcgem_pool_filled(obj, filled);
	zcgem_object_unlock(obj);
	return filled ? ERR_PTR(filled) : zcgem_memfd_pin(memfd, false);
}

static struct zcgem_pages *zcgem_pool_acquire(struct zcgem_object *obj, bool now)
{
	struct zcgem_memfd *memfd = obj->backing;
	int ret;

	if (!now && !zcgem_pool_is_full(memfd))
		return ERR_PTR(-EAGAIN);
	ret = zcgem_pool_fill(memfd);
	zcgem_pool_filled(obj, ret);
	return ret ? ERR_PTR(ret) : zcgem_memfd_pin(memfd, false);
}

static void zcgem_pool_free(struct zcgem_object *obj)
{
	zcgem_memfd_abandon(obj->backing);
}

static const struct zcgem_backing_ops zcgem_pool_ops = {
	.name = "pool",
	.id = DRM_ZCGEM_BACKING_POOL,
	.flags = ZCGEM_BACKING_MAPPABLE | ZCGEM_BACKING_EVICTABLE,
	.prepare = zcgem_pool_prepare,
	.acquire = zcgem_pool_acquire,
	.free = zcgem_pool_free,
};

static struct zcgem_memfd *zcgem_pool_memfd(struct zcgem_device *zdev, u64 size)
{
	struct zcgem_memfd *memfd;
	struct file *file;

	file = zcgem_shmem_file_setup(zdev->huge_mnt, "zcgem", size);
	if (IS_ERR(file))
		return ERR_CAST(file);
	mapping_set_gfp_mask(file->f_mapping, ZCGEM_POOL_GFP);

	memfd = zcgem_memfd_of_file(zdev, file);
	if (!memfd) {
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	return memfd;
}

/**
 * zcgem_pool_create() - Make an object of the driver's own pages.
 * @zdev: the device
 * @size: bytes, not zero, rounded up to the page size
 * @flags: %DRM_ZCGEM_CREATE_WC, a hint, or 0
 *
 * Pages are allocated, zeroed, at first use.
 *
 * Return: the object, or -EINVAL, -EFBIG, -ENFILE, -ENOMEM as an ERR_PTR().
 */
struct zcgem_object *zcgem_pool_create(struct zcgem_device *zdev, u64 size, u32 flags)
{
	struct zcgem_memfd *memfd;
	struct zcgem_object *obj;
	int ret;

	if (flags & ~DRM_ZCGEM_CREATE_WC || !size)
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EINVAL, "size %#llx flags %#x", size,
					    flags));
	if (size > ZCGEM_MAX_SIZE)
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EFBIG, "%llu bytes are too many", size));

	size = PAGE_ALIGN(size);
	memfd = zcgem_pool_memfd(zdev, size);
	if (IS_ERR(memfd))
		return ERR_CAST(memfd);
	obj = zcgem_object_alloc(zdev, &zcgem_pool_ops, memfd);
	if (!obj) {
		zcgem_memfd_abandon(memfd);
		return ERR_PTR(-ENOMEM);
	}
	obj->reclaimable = true;
	obj->in_order = true;
	obj->wc = ZCGEM_CAN_WC && flags & DRM_ZCGEM_CREATE_WC;

	/* No page exists yet to tell; the file prefers large ones. */
	if (size >= PMD_SIZE)
		obj->map_order = PMD_SHIFT - PAGE_SHIFT;

	ret = zcgem_object_init(obj, size, NULL);
	return ret ? ERR_PTR(ret) : obj;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_pool_create);
