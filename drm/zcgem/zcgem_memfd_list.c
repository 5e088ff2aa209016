// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: memfd ranges
 *
 * The list of memfd ranges that an object is made of: what a client may name, in
 * which files, and what it may then expect of them. Reading the list pins nothing.
 *
 * A writable object counts as a writable mapping of each file
 * (&address_space.i_mmap_writable) for as long as it lives, resident or not. So
 * F_ADD_SEALS refuses F_SEAL_WRITE with EBUSY, as it does for a shared mapping,
 * and the seals that were looked at once, under the inode lock, hold. Pages can
 * therefore be fetched again later without the inode lock, which must not be
 * taken under mmap_lock or dma_resv.
 *
 * A list is changed by the thread that makes it only, before the object is known
 * to anybody, and constant from then on. The inode lock is the only one taken.
 */

#include <kunit/visibility.h>

#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_compat.h"
#include "zcgem_object.h"
#include "zcgem_watch.h"

/* Files that a list has room for at first. */
#define ZCGEM_MEMFD_FILES	16U

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
	if (memfd->files != &memfd->only_file)
		zcgem_table_free(memfd->files);
	if (memfd->ranges != &memfd->only_range)
		zcgem_table_free(memfd->ranges);
	kfree(memfd);
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
	if (count == 1) {
		memfd->ranges = &memfd->only_range;
		memfd->files = &memfd->only_file;
		memfd->files_room = 1;
		return memfd;
	}
	memfd->ranges = zcgem_table_alloc(count, sizeof(*memfd->ranges));
	/* Mostly all ranges are of few files. */
	memfd->files_room = min(count, ZCGEM_MEMFD_FILES);
	memfd->files = zcgem_table_alloc(memfd->files_room, sizeof(*memfd->files));
	if (!memfd->ranges || !memfd->files) {
		zcgem_memfd_abandon(memfd);
		return NULL;
	}
	return memfd;
}

/**
 * zcgem_memfd_of_file() - Make the list of a whole file that no client has.
 * @zdev: the device
 * @file: the file; the list takes over the reference
 *
 * Return: the list, complete, or NULL; the caller keeps the reference then.
 */
struct zcgem_memfd *zcgem_memfd_of_file(struct zcgem_device *zdev, struct file *file)
{
	struct zcgem_memfd *memfd = zcgem_memfd_begin(zdev, 1, false);

	if (!memfd)
		return NULL;
	/* To be undone as for any other file. A new one has no seals. */
	mapping_allow_writable(file->f_mapping);
	memfd->only_file = file;
	memfd->nr_files = 1;
	memfd->only_range = (struct zcgem_memfd_range) {};
	memfd->nr_ranges = 1;
	memfd->npages = i_size_read(file_inode(file)) >> PAGE_SHIFT;
	return memfd;
}

/* May this file back an object? Takes a writable mapping of it on success. */
static int zcgem_memfd_check_file(struct zcgem_memfd *memfd, struct file *file)
{
	struct drm_device *drm = &memfd->zdev->drm;
	struct inode *inode = file_inode(file);
	int seals, ret;

	/* Others that have the file may hold its lock for as long as they like. */
	if (inode_lock_shared_killable(inode))
		return -EINTR;
	seals = zcgem_memfd_seals(file);
	if (seals < 0)
		ret = zcgem_refuse(drm, seals, "not a memfd");
	else if (!(seals & F_SEAL_SHRINK))
		ret = zcgem_refuse(drm, -EINVAL, "memfd lacks F_SEAL_SHRINK");
	else if (!(file->f_mode & FMODE_READ))
		ret = zcgem_refuse(drm, -EACCES, "memfd is not open for reading");
	else if (memfd->readonly)
		ret = 0;
	else if (!(file->f_mode & FMODE_WRITE))
		ret = zcgem_refuse(drm, -EACCES, "memfd is not open for writing");
	else if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		ret = zcgem_refuse(drm, -EPERM, "memfd is sealed against writing");
	else
		ret = mapping_map_writable(file->f_mapping);
	inode_unlock_shared(inode);
	return ret;
}

static int zcgem_memfd_room_for_file(struct zcgem_memfd *memfd)
{
	unsigned int room = min(2 * memfd->files_room, memfd->room);
	struct file **files;

	if (memfd->nr_files < memfd->files_room)
		return 0;
	files = zcgem_table_alloc(room, sizeof(*files));
	if (!files)
		return -ENOMEM;
	memcpy(files, memfd->files, memfd->nr_files * sizeof(*files));
	zcgem_table_free(memfd->files);
	memfd->files = files;
	memfd->files_room = room;
	return 0;
}

/*
 * The file of a descriptor, appended unless it is the last one already. Long lists rarely
 * get here.
 */
static noinline struct file *zcgem_memfd_add_file(struct zcgem_memfd *memfd, int fd,
						  struct file *last)
{
	struct file *file;
	int ret;

	file = fget(fd);
	if (!file)
		return ERR_PTR(zcgem_refuse(&memfd->zdev->drm, -EBADF,
					    "%d is no file descriptor", fd));
	memfd->last_fd = fd;
	if (file == last) {
		fput(file);
		return file;
	}

	ret = zcgem_memfd_room_for_file(memfd);
	if (!ret)
		ret = zcgem_memfd_check_file(memfd, file);
	if (ret) {
		fput(file);
		return ERR_PTR(ret);
	}
	memfd->files[memfd->nr_files++] = file;
	return file;
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

	if (!size || !PAGE_ALIGNED(offset) || !PAGE_ALIGNED(size) ||
	    check_add_overflow(offset, size, &end))
		return zcgem_refuse(drm, -EINVAL, "bad range: offset %#llx size %#llx", offset,
				    size);
	/* Before the sum of the sizes can wrap around. */
	if (size > ZCGEM_MAX_SIZE - ((u64)memfd->npages << PAGE_SHIFT))
		return zcgem_refuse(drm, -EFBIG, "the ranges together are more than %llu bytes",
				    ZCGEM_MAX_SIZE);

	last = memfd->nr_files ? memfd->files[memfd->nr_files - 1] : NULL;
	if (last && fd == memfd->last_fd) {
		/* As if all ranges that name it had been read at once. */
		file = last;
	} else {
		file = zcgem_memfd_add_file(memfd, fd, last);
		if (IS_ERR(file))
			return PTR_ERR(file);
	}

	if (end > i_size_read(file_inode(file)))
		return zcgem_refuse(drm, -EINVAL, "range ends at %#llx, after the end of the memfd",
				    end);

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

/**
 * zcgem_memfd_add_watch() - Watch the range that was added last.
 * @memfd: the list
 * @address: where the current process has mapped the range; if something else is there
 *           the watch sees that, and nothing of the range
 * @size: bytes of the range
 *
 * Return: 0, -EINVAL for an address that is unaligned or wraps around, -ENOMEM.
 */
int zcgem_memfd_add_watch(struct zcgem_memfd *memfd, u64 address, u64 size)
{
	pgoff_t npages = size >> PAGE_SHIFT;

	if (!PAGE_ALIGNED(address) || address > ULONG_MAX)
		return zcgem_refuse(&memfd->zdev->drm, -EINVAL, "bad watch address %#llx", address);
	if (!memfd->watch) {
		memfd->watch = zcgem_watch_alloc(memfd->zdev);
		if (!memfd->watch)
			return -ENOMEM;
	}
	return zcgem_watch_add(memfd->watch, memfd->files[memfd->nr_files - 1], address,
			       memfd->npages - npages, npages);
}

/**
 * zcgem_memfd_trim() - Give back the room that merged ranges did not need.
 * @memfd: a complete list
 */
void zcgem_memfd_trim(struct zcgem_memfd *memfd)
{
	struct zcgem_memfd_range *smaller;

	if (memfd->nr_ranges > memfd->room / 2)
		return;
	smaller = zcgem_table_alloc(memfd->nr_ranges, sizeof(*smaller));
	if (!smaller)
		return;
	memcpy(smaller, memfd->ranges, memfd->nr_ranges * sizeof(*smaller));
	zcgem_table_free(memfd->ranges);
	memfd->ranges = smaller;
}

/**
 * zcgem_memfd_in_order() - Do the ranges follow one another in one file?
 * @memfd: a complete list
 *
 * Return: false if a page may be named twice, or a folio by ranges that are not neighbours.
 */
bool zcgem_memfd_in_order(const struct zcgem_memfd *memfd)
{
	unsigned int i;

	for (i = 1; i < memfd->nr_ranges; i++)
		if (memfd->ranges[i].file != memfd->ranges[0].file ||
		    memfd->ranges[i].start < memfd->ranges[i - 1].start +
					     zcgem_memfd_range_pages(memfd, i - 1))
			return false;
	return true;
}

/**
 * zcgem_memfd_any_hugetlb() - Is a range on hugetlbfs?
 * @memfd: the list
 *
 * Return: true if there is one.
 */
bool zcgem_memfd_any_hugetlb(struct zcgem_memfd *memfd)
{
	unsigned int i;

	for (i = 0; i < memfd->nr_files; i++)
		if (is_file_hugepages(memfd->files[i]))
			return true;
	return false;
}

/**
 * zcgem_memfd_any_shmem() - Is a range on shmem?
 * @memfd: the list
 *
 * Huge pages of hugetlbfs are of no use to reclaim, unpinned or not.
 *
 * Return: true if there is one.
 */
bool zcgem_memfd_any_shmem(struct zcgem_memfd *memfd)
{
	unsigned int i;

	for (i = 0; i < memfd->nr_files; i++)
		if (!is_file_hugepages(memfd->files[i]))
			return true;
	return false;
}

/**
 * zcgem_memfd_find() - Which range backs a page.
 * @memfd: the list
 * @page: page of the object
 *
 * Return: index of the range.
 */
unsigned int zcgem_memfd_find(const struct zcgem_memfd *memfd, pgoff_t page)
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
EXPORT_SYMBOL_IF_KUNIT(zcgem_memfd_find);
