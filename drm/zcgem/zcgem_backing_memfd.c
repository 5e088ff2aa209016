// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: memfd backing
 *
 * Objects of memfd ranges, on shmem or hugetlbfs, pinned while somebody needs them.
 *
 * What clients may name is in zcgem_memfd_list.c, how pages are pinned in
 * zcgem_memfd_pin.c. Holes of hugetlb files are only filled where the inode lock may
 * be taken, in prepare.
 *
 * A hole punch takes pages out of the file under our feet. A shmem file has a new version then,
 * which is one look for each file; only after a change of version, and on hugetlbfs, each folio
 * is asked whether it still belongs to the file's mapping. A pinned folio is never migrated or
 * collapsed, and not swapped either but for one that reclaim had begun with when it was pinned:
 * that one is in the swap cache then, may look as if it had left, and is found again there, by the
 * file as by the object, when the pages are fetched anew.
 */

#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/iversion.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <drm/drm_print.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_compat.h"
#include "zcgem_ioctl.h"
#include "zcgem_object.h"
#include "zcgem_watch.h"

#include <drm/zcgem_drm.h>

/* Pages looked at between two chances for others to run. */
#define ZCGEM_MEMFD_CHECK_BATCH	4096UL
/* Ranges read from the client at once, onto the stack. */
#define ZCGEM_MEMFD_RANGES_BATCH	16U

static void zcgem_memfd_backing_free(struct zcgem_object *obj)
{
	zcgem_memfd_abandon(obj->backing);
}

static struct zcgem_pages *zcgem_memfd_prepare(struct zcgem_object *obj)
{
	return zcgem_memfd_pin(obj->backing, true);
}

static struct zcgem_pages *zcgem_memfd_acquire(struct zcgem_object *obj, bool now)
{
	struct zcgem_memfd *memfd = obj->backing;

	if (obj->prepare_only ||
	    (zcgem_memfd_any_hugetlb(memfd) && !zcgem_memfd_all_filled(memfd)))
		return ERR_PTR(-EAGAIN);
	return zcgem_memfd_pin(memfd, false);
}

/* Do all these pages belong to the file? */
static bool zcgem_memfd_pages_are_of(unsigned long pfn, unsigned long end,
				     const struct address_space *mapping)
{
	while (pfn < end) {
		struct folio *folio = page_folio(pfn_to_page(pfn));

		if (READ_ONCE(folio->mapping) != mapping)
			return false;
		if (folio_test_large(folio))
			pfn = folio_pfn(folio) + folio_nr_pages(folio);
		else
			pfn++;
	}
	return true;
}

/* Do pages [page, end) of the object belong to the file? Each turn may be one page. */
static bool zcgem_memfd_scan(const struct zcgem_extents *extents, pgoff_t page, pgoff_t end,
			     const struct address_space *mapping)
{
	const struct zcgem_extent *extent = &extents->table[zcgem_extents_find(extents, page)];
	const struct zcgem_extent *last = &extents->table[extents->count - 1];
	long until_resched = ZCGEM_MEMFD_CHECK_BATCH;

	while (page < end) {
		pgoff_t extent_end = extent < last ? extent[1].start : extents->npages;
		unsigned long pfn = extent->pfn + (page - extent->start);
		unsigned long n;

		n = min3(extent_end, end, page + ZCGEM_MEMFD_CHECK_BATCH) - page;
		if (!zcgem_memfd_pages_are_of(pfn, pfn + n, mapping))
			return false;

		page += n;
		if (page == extent_end)
			extent++;
		until_resched -= n;
		if (until_resched <= 0) {
			until_resched = ZCGEM_MEMFD_CHECK_BATCH;
			cond_resched();
		}
	}
	return true;
}

/*
 * Do pages [page, end) of the object belong to a file of the list? @all: these are all that it
 * backs. shmem raises the inode's version before a punch returns; writing raises it too
 * after a query, so another version proves nothing. hugetlbfs never does.
 */
static bool zcgem_memfd_file_current(struct zcgem_object *obj, unsigned int i, pgoff_t page,
				     pgoff_t end, bool all)
{
	const struct zcgem_memfd *memfd = obj->backing;
	struct file *file = memfd->files[i];
	u64 version = inode_peek_iversion_raw(file_inode(file));

	if (version == obj->pages->versions[i] && !is_file_hugepages(file))
		return true;

	/* As in zcgem_memfd_note_versions(). */
	smp_rmb();
	if (!zcgem_memfd_scan(&obj->pages->extents, page, end, file->f_mapping))
		return false;
	if (all)
		obj->pages->versions[i] = version;
	return true;
}

static bool zcgem_memfd_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	const struct zcgem_memfd *memfd = obj->backing;
	bool all = npages == memfd->npages;
	pgoff_t end = first + npages, stop;
	unsigned int r;

	if (memfd->nr_files == 1)
		return zcgem_memfd_file_current(obj, 0, first, end, all);

	/* The ranges of an entry of the list of files follow one another. */
	for (r = zcgem_memfd_find(memfd, first); first < end; first = stop) {
		unsigned int file = memfd->ranges[r].file;

		for (stop = end; ++r < memfd->nr_ranges; zcgem_extents_resched(r)) {
			if (memfd->ranges[r].first >= end)
				break;
			if (memfd->ranges[r].file != file) {
				stop = memfd->ranges[r].first;
				break;
			}
		}
		if (!zcgem_memfd_file_current(obj, file, first, stop, all))
			return false;
	}
	return true;
}

static const struct zcgem_backing_ops zcgem_memfd_ops = {
	.name = "memfd",
	.id = DRM_ZCGEM_BACKING_MEMFD,
	.flags = ZCGEM_BACKING_MAPPABLE | ZCGEM_BACKING_EVICTABLE,
	.prepare = zcgem_memfd_prepare,
	.acquire = zcgem_memfd_acquire,
	.current_pages = zcgem_memfd_current,
	.free = zcgem_memfd_backing_free,
};

/**
 * zcgem_memfd_finish() - Make an object of a list of ranges.
 * @memfd: a list of at least one range, which is the object's from here on
 *
 * Return: the object, resident, or an ERR_PTR(); the list is freed then.
 */
struct zcgem_object *zcgem_memfd_finish(struct zcgem_memfd *memfd)
{
	u64 size = (u64)memfd->npages << PAGE_SHIFT;
	struct zcgem_object *obj;
	int ret;

	zcgem_memfd_trim(memfd);

	obj = zcgem_object_alloc(memfd->zdev, &zcgem_memfd_ops, memfd);
	if (!obj) {
		zcgem_memfd_abandon(memfd);
		return ERR_PTR(-ENOMEM);
	}
	obj->readonly = memfd->readonly;
	obj->in_order = zcgem_memfd_in_order(memfd);
	obj->reclaimable = zcgem_memfd_any_shmem(memfd);
	obj->prepare_only = !ZCGEM_PIN_RESERVES_HUGETLB && zcgem_memfd_any_hugetlb(memfd);

	ret = zcgem_object_init(obj, size, NULL);
	if (ret)
		return ERR_PTR(ret);

	/* What is punched while the pages are being had counts already. */
	if (memfd->watch)
		zcgem_watch_start(memfd->watch, obj);
	/* Every page is had once, so that what cannot work fails here. */
	ret = zcgem_object_prepare(obj, 0, 0);
	if (ret) {
		drm_gem_object_put(&obj->bo.base);
		return ERR_PTR(ret);
	}
	return obj;
}

/* Read some of the ranges that the client named, and append them. */
static int zcgem_memfd_add_ranges(struct zcgem_memfd *memfd, const struct drm_zcgem_array *array,
				  u32 first, u32 nr)
{
	struct drm_zcgem_memfd_range ranges[ZCGEM_MEMFD_RANGES_BATCH];
	u32 i;
	int ret;

	ret = zcgem_array_get_some(array, first, ranges, nr, sizeof(ranges[0]));
	for (i = 0; i < nr && !ret; i++) {
		struct drm_zcgem_memfd_range *range = &ranges[i];

		if (range->pad)
			return zcgem_refuse(&memfd->zdev->drm, -EINVAL, "pad of range %u is %#x",
					    first + i, range->pad);
		ret = zcgem_memfd_add_range(memfd, range->fd, range->offset, range->size);
		if (!ret && range->watch_address)
			ret = zcgem_memfd_add_watch(memfd, range->watch_address, range->size);
	}
	return ret;
}

/**
 * zcgem_memfd_create() - Make an object of memfd ranges.
 * @zdev: the device
 * @args: the ioctl's argument
 *
 * Return: the object, resident, or an ERR_PTR() with an errno that
 * &struct drm_zcgem_gem_wrap_memfd names.
 */
struct zcgem_object *zcgem_memfd_create(struct zcgem_device *zdev,
					const struct drm_zcgem_gem_wrap_memfd *args)
{
	struct zcgem_memfd *memfd;
	u32 i, nr;
	int ret;

	if (args->flags & ~DRM_ZCGEM_WRAP_READONLY)
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EINVAL, "flags %#x", args->flags));
	ret = zcgem_array_check(&zdev->drm, &args->ranges);
	if (ret)
		return ERR_PTR(ret);

	memfd = zcgem_memfd_begin(zdev, args->ranges.count,
				  args->flags & DRM_ZCGEM_WRAP_READONLY);
	if (!memfd)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < args->ranges.count; i += nr) {
		nr = min(args->ranges.count - i, ZCGEM_MEMFD_RANGES_BATCH);
		ret = zcgem_memfd_add_ranges(memfd, &args->ranges, i, nr);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		if (ret) {
			zcgem_memfd_abandon(memfd);
			return ERR_PTR(ret);
		}
		cond_resched();
	}

	return zcgem_memfd_finish(memfd);
}
