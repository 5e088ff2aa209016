/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_EXTENTS_H_
#define _ZCGEM_EXTENTS_H_

#include <linux/types.h>

/**
 * struct zcgem_extent - A physically contiguous run of an object's pages.
 *
 * Its length is the distance to the next extent's @start, or to the end.
 */
struct zcgem_extent {
	/** @start: First page of the object that the run backs. */
	pgoff_t start;

	/** @pfn: Page frame number of that page. */
	unsigned long pfn;
};

/**
 * struct zcgem_extents - All pages of an object, in order and without gaps.
 */
struct zcgem_extents {
	/** @table: The runs, sorted by start. */
	struct zcgem_extent *table;

	/** @count: Runs in use. */
	unsigned long count;

	/** @capacity: Runs that fit into @table. */
	unsigned long capacity;

	/** @npages: Pages of all runs. */
	pgoff_t npages;
};

void *zcgem_table_alloc(size_t count, size_t size);
void zcgem_table_free(void *table);

int zcgem_extents_append(struct zcgem_extents *extents, unsigned long pfn,
			 unsigned long npages);
void zcgem_extents_trim(struct zcgem_extents *extents);
void zcgem_extents_free(struct zcgem_extents *extents);

unsigned long zcgem_extents_find(const struct zcgem_extents *extents, pgoff_t page);
unsigned long zcgem_extents_lookup(const struct zcgem_extents *extents, pgoff_t page,
				   unsigned long *pfn);
unsigned int zcgem_extents_max_order(const struct zcgem_extents *extents);
void zcgem_extents_histogram(const struct zcgem_extents *extents, u64 *by_order,
			     unsigned int entries);

/**
 * zcgem_extents_length() - Length of one run.
 * @extents: the runs
 * @index: which run, less than @extents->count
 *
 * Return: pages in the run.
 */
static inline unsigned long
zcgem_extents_length(const struct zcgem_extents *extents, unsigned long index)
{
	pgoff_t end = index + 1 < extents->count ?
		extents->table[index + 1].start : extents->npages;

	return end - extents->table[index].start;
}

/**
 * zcgem_extents_end_pfn() - Frame that follows the last page.
 * @extents: the runs
 *
 * Return: the frame number after that of the last page, 0 if there is none.
 */
static inline unsigned long zcgem_extents_end_pfn(const struct zcgem_extents *extents)
{
	const struct zcgem_extent *last;

	if (!extents->count)
		return 0;
	last = &extents->table[extents->count - 1];
	return last->pfn + (extents->npages - last->start);
}

#endif /* _ZCGEM_EXTENTS_H_ */
