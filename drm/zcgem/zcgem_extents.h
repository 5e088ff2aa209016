/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_EXTENTS_H_
#define _ZCGEM_EXTENTS_H_

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/sched.h>
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

	/** @end_pfn: Frame after that of the last page, 0 if there is none. */
	unsigned long end_pfn;
};

void *zcgem_table_alloc(size_t count, size_t size);
void zcgem_table_free(void *table);

unsigned long zcgem_extents_room(const struct zcgem_extents *extents, unsigned long need,
				 unsigned long likely);
int zcgem_extents_grow(struct zcgem_extents *extents);
int zcgem_extents_reserve(struct zcgem_extents *extents, unsigned long runs, pgoff_t npages);
void zcgem_extents_trim(struct zcgem_extents *extents);
void zcgem_extents_free(struct zcgem_extents *extents);

unsigned long zcgem_extents_find(const struct zcgem_extents *extents, pgoff_t page);
unsigned long zcgem_extents_lookup(const struct zcgem_extents *extents, pgoff_t page,
				   unsigned long *pfn);
unsigned long zcgem_extents_find_block(const struct zcgem_extents *extents, unsigned int order);
void zcgem_extents_histogram(const struct zcgem_extents *extents, u64 *by_order,
			     unsigned int entries);

/* Turns of a loop over runs between two chances for others to run. */
#define ZCGEM_EXTENTS_TURNS	1024UL

/**
 * zcgem_extents_resched() - In a loop over runs: let others run now and then.
 * @turn: number of the turn, from 0
 *
 * An object can have many millions of runs. May sleep.
 */
static inline void zcgem_extents_resched(unsigned long turn)
{
	if (turn % ZCGEM_EXTENTS_TURNS == ZCGEM_EXTENTS_TURNS - 1)
		cond_resched();
}

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
 * zcgem_extents_push() - Add pages to the end where there is room.
 * @extents: the runs, with room for one more
 * @pfn: frame of the first page, not zero
 * @npages: number of pages, not zero
 *
 * A run that continues the last one physically is merged with it. Called once a page
 * where pages are small, so it is inline.
 */
static inline void zcgem_extents_push(struct zcgem_extents *extents, unsigned long pfn,
				      unsigned long npages)
{
	if (extents->end_pfn != pfn) {
		struct zcgem_extent *extent = &extents->table[extents->count++];

		extent->start = extents->npages;
		extent->pfn = pfn;
	}

	extents->npages += npages;
	extents->end_pfn = pfn + npages;
}

/**
 * zcgem_extents_append() - Add pages to the end.
 * @extents: the runs
 * @pfn: frame of the first page, not zero
 * @npages: number of pages, not zero
 *
 * As zcgem_extents_push(), after making room.
 *
 * Return: 0 or -ENOMEM, in which case nothing was added.
 */
static inline int zcgem_extents_append(struct zcgem_extents *extents, unsigned long pfn,
				       unsigned long npages)
{
	if (unlikely(extents->count == extents->capacity)) {
		int ret = zcgem_extents_grow(extents);

		if (ret)
			return ret;
	}
	zcgem_extents_push(extents, pfn, npages);
	return 0;
}

#endif /* _ZCGEM_EXTENTS_H_ */
