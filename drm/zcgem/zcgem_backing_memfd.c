// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: memfd backing
 *
 * Pages of a list of memfd ranges, on shmem or hugetlbfs, pinned with
 * memfd_pin_folios(), which moves them out of ZONE_MOVABLE and CMA first.
 *
 * A writable object counts as a writable mapping of each file
 * (&address_space.i_mmap_writable) for as long as it lives, resident or not. So
 * F_ADD_SEALS refuses F_SEAL_WRITE with EBUSY, as it does for a shared mapping,
 * and the seals that were looked at once, under the inode lock, hold. Pages can
 * therefore be fetched again later without the inode lock, which must not be
 * taken under mmap_lock or dma_resv.
 *
 * memfd_pin_folios() leaves three things to its caller. Pages that were
 * allocated by fallocate() and never written are not uptodate: shmem would clear
 * them at the first access through the file and destroy what was written through
 * the object, so they are brought uptodate first. Pinning does not dirty, see
 * zcgem_pages.c. And the huge pages that it fills holes of hugetlb files with are not
 * counted right on any kernel: older ones take them without a reservation, which makes
 * the global counter underflow, newer ones leave them out of nr_hugetlb. So holes are
 * filled by fallocate() and the pages pinned under the inode lock, against new ones,
 * which is only possible in prepare.
 *
 * A hole punch takes pages out of the file under our feet: the only sign is that
 * the folio no longer belongs to the file's mapping. A pinned folio is never
 * migrated, swapped or collapsed, so nothing else changes that.
 */

#include <linux/dma-resv.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_print.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_compat.h"
#include "zcgem_ioctl.h"
#include "zcgem_object.h"
#include "zcgem_watch.h"

#include <drm/zcgem_drm.h>

/* Folios asked for at once: a page of pointers. */
#define ZCGEM_MEMFD_BATCH	(PAGE_SIZE / sizeof(struct folio *))

struct zcgem_memfd_range {
	/* First page of the object that the range backs. */
	pgoff_t first;
	/* First page of it in the file. */
	pgoff_t start;
	/* Index into files. */
	unsigned int file;
};

struct zcgem_memfd {
	struct zcgem_device *zdev;
	bool readonly;

	/* Neighbouring ranges of one file share an entry. */
	struct file **files;
	unsigned int nr_files;

	struct zcgem_memfd_range *ranges;
	unsigned int nr_ranges;
	pgoff_t npages;

	/* Entries that the tables were made for. */
	unsigned int room;

	/* Of the ranges that have a watch address, or NULL. */
	struct zcgem_watch *watch;
};

static pgoff_t zcgem_memfd_range_pages(const struct zcgem_memfd *memfd, unsigned int i)
{
	pgoff_t end = i + 1 < memfd->nr_ranges ? memfd->ranges[i + 1].first : memfd->npages;

	return end - memfd->ranges[i].first;
}

/**
 * zcgem_memfd_abandon() - Free a list of ranges.
 * @memfd: the list
 */
void zcgem_memfd_abandon(struct zcgem_memfd *memfd)
{
	unsigned int i;

	zcgem_watch_end(memfd->watch);
	for (i = 0; i < memfd->nr_files; i++) {
		if (!memfd->readonly)
			mapping_unmap_writable(memfd->files[i]->f_mapping);
		fput(memfd->files[i]);
	}
	zcgem_table_free(memfd->files);
	zcgem_table_free(memfd->ranges);
	kfree(memfd);
}

static void zcgem_memfd_backing_free(struct zcgem_object *obj)
{
	zcgem_memfd_abandon(obj->backing);
}

/* Under dma_resv or not, but never with the folio's file punched meanwhile. */
static int zcgem_memfd_make_uptodate(struct file *file, struct folio *folio, pgoff_t index)
{
	struct folio *same;

	if (folio_test_uptodate(folio) || is_file_hugepages(file))
		return 0;

	same = shmem_read_folio(file->f_mapping, index);
	if (IS_ERR(same))
		return PTR_ERR(same);
	folio_put(same);

	/* Another folio means that this one was punched out just now. */
	return same == folio ? 0 : -EAGAIN;
}

/* Pin pages [start, start + npages) of a file and append them. */
static int zcgem_memfd_pin_range(struct zcgem_pages *pages, struct file *file,
				 struct folio **folios, pgoff_t start, pgoff_t npages)
{
	while (npages) {
		pgoff_t skip;
		long i, nr;
		int ret;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		nr = memfd_pin_folios(file, (loff_t)start << PAGE_SHIFT,
				      ((loff_t)(start + npages) << PAGE_SHIFT) - 1,
				      folios, ZCGEM_MEMFD_BATCH, &skip);
		if (nr <= 0)
			return nr ?: -EFAULT;

		skip >>= PAGE_SHIFT;
		for (i = 0; i < nr; i++) {
			unsigned long n = min_t(pgoff_t, npages,
						folio_nr_pages(folios[i]) - skip);

			ret = zcgem_memfd_make_uptodate(file, folios[i], start);
			if (ret == -EAGAIN) {
				/* Look at this part of the file again. */
				unpin_folios(folios + i, nr - i);
				break;
			}
			if (!ret)
				ret = zcgem_pages_add_folio(pages, folios[i], skip, n);
			if (ret) {
				unpin_folios(folios + i, nr - i);
				return ret;
			}
			start += n;
			npages -= n;
			skip = 0;
		}
	}
	return 0;
}

static struct zcgem_pages *zcgem_memfd_pin(struct zcgem_memfd *memfd)
{
	struct zcgem_pages *pages;
	struct folio **folios;
	unsigned int i;
	int ret = 0;

	folios = kmalloc_array(ZCGEM_MEMFD_BATCH, sizeof(*folios), GFP_KERNEL_ACCOUNT);
	if (!folios)
		return ERR_PTR(-ENOMEM);

	pages = zcgem_pages_alloc(memfd->zdev, ZCGEM_PINS_FILE, !memfd->readonly);
	if (!pages) {
		kfree(folios);
		return ERR_PTR(-ENOMEM);
	}

	for (i = 0; i < memfd->nr_ranges && !ret; i++) {
		struct zcgem_memfd_range *range = &memfd->ranges[i];

		ret = zcgem_memfd_pin_range(pages, memfd->files[range->file], folios,
					    range->start, zcgem_memfd_range_pages(memfd, i));
	}

	kfree(folios);
	if (ret) {
		drm_dbg_ratelimited(&memfd->zdev->drm, "pinning failed in range %u: %d\n",
				    i - 1, ret);
		zcgem_pages_put(pages);
		return ERR_PTR(ret);
	}
	zcgem_pages_seal(pages);
	return pages;
}

static bool zcgem_memfd_any_hugetlb(struct zcgem_memfd *memfd)
{
	unsigned int i;

	for (i = 0; i < memfd->nr_files; i++)
		if (is_file_hugepages(memfd->files[i]))
			return true;
	return false;
}

/* The pages of the file that make up the huge pages of a range. */
static void zcgem_memfd_huge_range(struct file *file, pgoff_t start, pgoff_t npages,
				   pgoff_t *first, pgoff_t *count)
{
	unsigned long huge = 1UL << huge_page_order(hstate_file(file));

	*first = round_down(start, huge);
	*count = round_up(start + npages, huge) - *first;
}

/* Is every huge page of the range in the page cache? */
static bool zcgem_memfd_is_filled(struct file *file, pgoff_t start, pgoff_t npages)
{
	struct folio_batch batch;
	pgoff_t next = start, end = start + npages - 1;

	while (next <= end) {
		pgoff_t was = next;

		folio_batch_init(&batch);
		filemap_get_folios_contig(file->f_mapping, &next, end, &batch);
		folio_batch_release(&batch);
		if (next == was)
			return false;
		cond_resched();
	}
	return true;
}

/*
 * Fill the holes of a hugetlb range through the file system, which reserves, and
 * pin with the inode lock held for reading, so that nobody punches new ones.
 */
static int zcgem_memfd_pin_hugetlb(struct zcgem_pages *pages, struct file *file,
				   struct folio **folios, pgoff_t start, pgoff_t npages)
{
	struct inode *inode = file_inode(file);
	pgoff_t first, count;
	int ret;

	zcgem_memfd_huge_range(file, start, npages, &first, &count);
	for (;;) {
		if (fatal_signal_pending(current))
			return -EINTR;

		inode_lock_shared(inode);
		if (zcgem_memfd_is_filled(file, first, count)) {
			ret = zcgem_memfd_pin_range(pages, file, folios, start, npages);
			inode_unlock_shared(inode);
			return ret;
		}
		inode_unlock_shared(inode);

		if (!(file->f_mode & FMODE_WRITE))
			return -EACCES;
		ret = vfs_fallocate(file, 0, (loff_t)first << PAGE_SHIFT,
				    (loff_t)count << PAGE_SHIFT);
		if (ret)
			return ret == -ENOSPC ? -ENOMEM : ret;
	}
}

static struct zcgem_pages *zcgem_memfd_prepare(struct zcgem_object *obj)
{
	struct zcgem_memfd *memfd = obj->backing;
	struct zcgem_pages *pages;
	struct folio **folios;
	unsigned int i;
	int ret = 0;

	folios = kmalloc_array(ZCGEM_MEMFD_BATCH, sizeof(*folios), GFP_KERNEL_ACCOUNT);
	if (!folios)
		return ERR_PTR(-ENOMEM);
	pages = zcgem_pages_alloc(memfd->zdev, ZCGEM_PINS_FILE, !memfd->readonly);
	if (!pages) {
		kfree(folios);
		return ERR_PTR(-ENOMEM);
	}

	for (i = 0; i < memfd->nr_ranges && !ret; i++) {
		struct zcgem_memfd_range *range = &memfd->ranges[i];
		struct file *file = memfd->files[range->file];
		pgoff_t npages = zcgem_memfd_range_pages(memfd, i);

		if (is_file_hugepages(file))
			ret = zcgem_memfd_pin_hugetlb(pages, file, folios, range->start,
						      npages);
		else
			ret = zcgem_memfd_pin_range(pages, file, folios, range->start,
						    npages);
	}

	kfree(folios);
	if (ret) {
		zcgem_pages_put(pages);
		return ERR_PTR(ret);
	}
	zcgem_pages_seal(pages);
	return pages;
}

/*
 * Without the inode lock a hole may come into being after the look at it, so this is
 * only for kernels where the worst of it is a page that vmstat does not count.
 */
static bool zcgem_memfd_all_filled(struct zcgem_memfd *memfd)
{
	unsigned int i;

	for (i = 0; i < memfd->nr_ranges; i++) {
		struct zcgem_memfd_range *range = &memfd->ranges[i];
		struct file *file = memfd->files[range->file];
		pgoff_t first, count;

		if (!is_file_hugepages(file))
			continue;
		zcgem_memfd_huge_range(file, range->start, zcgem_memfd_range_pages(memfd, i),
				       &first, &count);
		if (!zcgem_memfd_is_filled(file, first, count))
			return false;
	}
	return true;
}

static struct zcgem_pages *zcgem_memfd_acquire(struct zcgem_object *obj, struct ttm_tt *tt,
					       struct ttm_operation_ctx *ctx)
{
	struct zcgem_memfd *memfd = obj->backing;

	if (obj->prepare_only || !zcgem_memfd_all_filled(memfd))
		return ERR_PTR(-EAGAIN);
	return zcgem_memfd_pin(memfd);
}

static unsigned int zcgem_memfd_find(const struct zcgem_memfd *memfd, pgoff_t page)
{
	unsigned int low = 0, high = memfd->nr_ranges;

	while (high - low > 1) {
		unsigned int mid = low + (high - low) / 2;

		if (memfd->ranges[mid].first <= page)
			low = mid;
		else
			high = mid;
	}
	return low;
}

static bool zcgem_memfd_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	const struct zcgem_memfd *memfd = obj->backing;
	const struct zcgem_extents *extents = &obj->pages->extents;
	pgoff_t page = first, end = first + npages;
	unsigned long e = zcgem_extents_find(extents, first);
	unsigned int r = zcgem_memfd_find(memfd, first);
	pgoff_t range_end = memfd->ranges[r].first + zcgem_memfd_range_pages(memfd, r);

	while (page < end) {
		unsigned long skip = page - extents->table[e].start;
		unsigned long pfn = extents->table[e].pfn + skip;
		unsigned long left = zcgem_extents_length(extents, e) - skip;
		struct folio *folio = page_folio(pfn_to_page(pfn));

		if (READ_ONCE(folio->mapping) !=
		    memfd->files[memfd->ranges[r].file]->f_mapping)
			return false;

		left = min(left, folio_nr_pages(folio) - (pfn - folio_pfn(folio)));
		left = min_t(unsigned long, left, range_end - page);
		page += left;
		if (page >= end)
			break;
		if (page == range_end) {
			r++;
			range_end += zcgem_memfd_range_pages(memfd, r);
		}
		if (e + 1 < extents->count && page >= extents->table[e + 1].start)
			e++;
		cond_resched();
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

/* May this file back an object? Takes a writable mapping of it on success. */
static int zcgem_memfd_check_file(struct zcgem_memfd *memfd, struct file *file)
{
	struct drm_device *drm = &memfd->zdev->drm;
	struct inode *inode = file_inode(file);
	int seals, ret = 0;

	inode_lock_shared(inode);
	seals = zcgem_memfd_seals(file);
	if (seals < 0) {
		drm_dbg_ratelimited(drm, "not a memfd\n");
		ret = seals;
	} else if (!(seals & F_SEAL_SHRINK)) {
		drm_dbg_ratelimited(drm, "memfd lacks F_SEAL_SHRINK\n");
		ret = -EINVAL;
	} else if (!(file->f_mode & FMODE_READ)) {
		drm_dbg_ratelimited(drm, "memfd is not open for reading\n");
		ret = -EACCES;
	} else if (memfd->readonly) {
		ret = 0;
	} else if (!(file->f_mode & FMODE_WRITE)) {
		drm_dbg_ratelimited(drm, "memfd is not open for writing\n");
		ret = -EACCES;
	} else if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
		drm_dbg_ratelimited(drm, "memfd is sealed against writing\n");
		ret = -EPERM;
	} else {
		ret = mapping_map_writable(file->f_mapping);
	}
	inode_unlock_shared(inode);
	return ret;
}

/**
 * zcgem_memfd_add_range() - Append a range.
 * @memfd: what zcgem_memfd_begin() returned
 * @fd: the memfd
 * @offset: bytes
 * @size: bytes
 *
 * Return: 0 or an errno that &struct drm_zcgem_gem_wrap_memfd names.
 */
int zcgem_memfd_add_range(struct zcgem_memfd *memfd, int fd, u64 offset, u64 size)
{
	struct drm_device *drm = &memfd->zdev->drm;
	struct zcgem_memfd_range *range;
	struct file *file, *last;
	u64 end;
	int ret;

	if (!size || !PAGE_ALIGNED(offset) || !PAGE_ALIGNED(size) ||
	    check_add_overflow(offset, size, &end)) {
		drm_dbg_ratelimited(drm, "bad range: offset %#llx size %#llx\n",
				    offset, size);
		return -EINVAL;
	}
	/* Before the sum of the sizes can wrap around. */
	if (size > ZCGEM_MAX_SIZE - ((u64)memfd->npages << PAGE_SHIFT))
		return -EFBIG;

	file = fget(fd);
	if (!file)
		return -EBADF;

	last = memfd->nr_files ? memfd->files[memfd->nr_files - 1] : NULL;
	if (file == last) {
		fput(file);
	} else {
		ret = zcgem_memfd_check_file(memfd, file);
		if (ret) {
			fput(file);
			return ret;
		}
		memfd->files[memfd->nr_files++] = file;
	}

	if (end > i_size_read(file_inode(file))) {
		drm_dbg_ratelimited(drm, "range ends at %#llx, after the end of the memfd\n",
				    end);
		return -EINVAL;
	}

	/* A range that continues the last one is more of the same. */
	range = memfd->nr_ranges ? &memfd->ranges[memfd->nr_ranges - 1] : NULL;
	if (!range || file != last ||
	    range->start + (memfd->npages - range->first) != offset >> PAGE_SHIFT) {
		range = &memfd->ranges[memfd->nr_ranges++];
		range->first = memfd->npages;
		range->start = offset >> PAGE_SHIFT;
		range->file = memfd->nr_files - 1;
	}
	memfd->npages += size >> PAGE_SHIFT;
	return 0;
}

/* Watch the range that was added last. */
static int zcgem_memfd_add_watch(struct zcgem_memfd *memfd, u64 address, u64 size)
{
	pgoff_t npages = size >> PAGE_SHIFT;

	if (!PAGE_ALIGNED(address) || address > ULONG_MAX)
		return -EINVAL;
	if (!memfd->watch) {
		memfd->watch = zcgem_watch_alloc(memfd->zdev);
		if (!memfd->watch)
			return -ENOMEM;
	}
	return zcgem_watch_add(memfd->watch, memfd->files[memfd->nr_files - 1], address,
			       memfd->npages - npages, npages);
}

/**
 * zcgem_memfd_begin() - Start the list of ranges of a new object.
 * @zdev: the device
 * @count: how many ranges there will be at most
 * @readonly: the object can only be read
 *
 * Return: an empty list, to be given to zcgem_memfd_finish() or
 * zcgem_memfd_abandon(), or NULL.
 */
struct zcgem_memfd *zcgem_memfd_begin(struct zcgem_device *zdev, u32 count, bool readonly)
{
	struct zcgem_memfd *memfd;

	memfd = kzalloc(sizeof(*memfd), GFP_KERNEL_ACCOUNT);
	if (!memfd)
		return NULL;

	memfd->zdev = zdev;
	memfd->readonly = readonly;
	memfd->room = count;
	memfd->ranges = zcgem_table_alloc(count, sizeof(*memfd->ranges));
	memfd->files = zcgem_table_alloc(count, sizeof(*memfd->files));
	if (!memfd->ranges || !memfd->files) {
		zcgem_memfd_abandon(memfd);
		return NULL;
	}
	return memfd;
}

/* Give back the room that merged ranges and shared files did not need. */
static void zcgem_memfd_trim(void **table, size_t used, size_t room, size_t size)
{
	void *smaller;

	if (used > room / 2)
		return;
	smaller = zcgem_table_alloc(used, size);
	if (!smaller)
		return;
	memcpy(smaller, *table, used * size);
	zcgem_table_free(*table);
	*table = smaller;
}

/* Huge pages of hugetlbfs are of no use to reclaim, unpinned or not. */
static bool zcgem_memfd_any_shmem(struct zcgem_memfd *memfd)
{
	unsigned int i;

	for (i = 0; i < memfd->nr_files; i++)
		if (!is_file_hugepages(memfd->files[i]))
			return true;
	return false;
}

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

	zcgem_memfd_trim((void **)&memfd->ranges, memfd->nr_ranges, memfd->room,
			 sizeof(*memfd->ranges));
	zcgem_memfd_trim((void **)&memfd->files, memfd->nr_files, memfd->room,
			 sizeof(*memfd->files));

	obj = zcgem_object_alloc(memfd->zdev, &zcgem_memfd_ops, memfd);
	if (!obj) {
		zcgem_memfd_abandon(memfd);
		return ERR_PTR(-ENOMEM);
	}
	obj->readonly = memfd->readonly;
	obj->reclaimable = zcgem_memfd_any_shmem(memfd);
	obj->prepare_only = !ZCGEM_PIN_RESERVES_HUGETLB && zcgem_memfd_any_hugetlb(memfd);

	ret = zcgem_object_charge(obj, size);
	if (ret) {
		zcgem_object_abandon(obj);
		return ERR_PTR(ret);
	}

	ret = zcgem_object_init(obj, size, NULL);
	if (ret)
		return ERR_PTR(ret);

	/* What is punched while the pages are being had counts already. */
	if (memfd->watch)
		zcgem_watch_start(memfd->watch, obj);
	/* Every page is had once, so that what cannot work fails here. */
	ret = zcgem_object_prepare(obj);
	if (ret) {
		drm_gem_object_put(&obj->bo.base);
		return ERR_PTR(ret);
	}
	return obj;
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
	u32 i;
	int ret;

	if (args->flags & ~DRM_ZCGEM_WRAP_READONLY)
		return ERR_PTR(-EINVAL);
	ret = zcgem_array_check(&zdev->drm, &args->ranges);
	if (ret)
		return ERR_PTR(ret);

	memfd = zcgem_memfd_begin(zdev, args->ranges.count,
				  args->flags & DRM_ZCGEM_WRAP_READONLY);
	if (!memfd)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < args->ranges.count; i++) {
		struct drm_zcgem_memfd_range range;

		ret = zcgem_array_get(&args->ranges, i, &range, sizeof(range));
		if (!ret && range.pad)
			ret = -EINVAL;
		if (!ret)
			ret = zcgem_memfd_add_range(memfd, range.fd, range.offset,
						    range.size);
		if (!ret && range.watch_address)
			ret = zcgem_memfd_add_watch(memfd, range.watch_address,
						    range.size);
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
