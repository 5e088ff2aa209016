/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_BACKING_MEMFD_H_
#define _ZCGEM_BACKING_MEMFD_H_

#include <linux/types.h>

struct file;
struct zcgem_device;
struct zcgem_object;
struct zcgem_pages;
struct zcgem_watch;

/**
 * struct zcgem_memfd_range - Part of a file.
 *
 * It ends where the next one begins, or the object.
 */
struct zcgem_memfd_range {
	/** @first: First page of the object that the range backs. */
	pgoff_t first;

	/** @start: First page of it in the file. */
	pgoff_t start;

	/** @file: Index into &zcgem_memfd.files. */
	unsigned int file;
};

/** struct zcgem_memfd - The ranges of an object, constant once it is made but for @filled. */
struct zcgem_memfd {
	/** @zdev: The device. */
	struct zcgem_device *zdev;

	/** @readonly: The object can only be read. */
	bool readonly;

	/** @files: What the ranges are of; neighbours of one file share an entry. */
	struct file **files;

	/** @nr_files: Entries of @files. */
	unsigned int nr_files;

	/** @last_fd: Descriptor that the last of @files was found by. */
	int last_fd;

	/** @ranges: In the order of the object. */
	struct zcgem_memfd_range *ranges;

	/** @nr_ranges: Entries of @ranges. */
	unsigned int nr_ranges;

	/** @npages: Pages of all ranges. */
	pgoff_t npages;

	/** @room: Entries that @ranges was made for. */
	unsigned int room;

	/** @files_room: Entries that @files has room for. */
	unsigned int files_room;

	/** @only_file: Place of @files if there is room for one range only. */
	struct file *only_file;

	/** @only_range: Place of @ranges then. */
	struct zcgem_memfd_range only_range;

	/** @filled: Of a pool object: the file has had all pages. Under dma_resv. */
	bool filled;

	/** @watch: Of the ranges that have a watch address, or NULL. */
	struct zcgem_watch *watch;
};

static inline pgoff_t zcgem_memfd_range_pages(const struct zcgem_memfd *memfd, unsigned int i)
{
	pgoff_t end = i + 1 < memfd->nr_ranges ? memfd->ranges[i + 1].first : memfd->npages;

	return end - memfd->ranges[i].first;
}

/* zcgem_memfd_list.c */
struct zcgem_memfd *zcgem_memfd_begin(struct zcgem_device *zdev, u32 count, bool readonly);
int zcgem_memfd_add_range(struct zcgem_memfd *memfd, int fd, u64 offset, u64 size);
int zcgem_memfd_add_watch(struct zcgem_memfd *memfd, u64 address, u64 size);
struct zcgem_memfd *zcgem_memfd_of_file(struct zcgem_device *zdev, struct file *file);
void zcgem_memfd_trim(struct zcgem_memfd *memfd);
void zcgem_memfd_abandon(struct zcgem_memfd *memfd);
bool zcgem_memfd_any_hugetlb(struct zcgem_memfd *memfd);
bool zcgem_memfd_in_order(const struct zcgem_memfd *memfd);
bool zcgem_memfd_any_shmem(struct zcgem_memfd *memfd);
unsigned int zcgem_memfd_find(const struct zcgem_memfd *memfd, pgoff_t page);

/* zcgem_memfd_pin.c */
struct zcgem_pages *zcgem_memfd_pin(struct zcgem_memfd *memfd, bool fill);
bool zcgem_memfd_all_filled(struct zcgem_memfd *memfd);

/* zcgem_backing_memfd.c */
struct zcgem_object *zcgem_memfd_finish(struct zcgem_memfd *memfd);

#endif /* _ZCGEM_BACKING_MEMFD_H_ */
