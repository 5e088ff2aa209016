// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: extents
 *
 * The list of physically contiguous runs that make up an object. It costs 16
 * bytes a run, however long the run is, so an object of huge pages needs a few
 * kilobytes for each GiB where an array of pages needs megabytes. Lookup is a
 * binary search.
 *
 * This is pure arithmetic on page numbers: it takes no lock and no reference
 * and knows nothing of where the pages come from. Whoever owns a list
 * serialises its changes. It must never ask for more than eight physically
 * contiguous pages, since lists can have millions of entries and any client can
 * make one.
 */

#include <kunit/visibility.h>

#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "zcgem_extents.h"

#define ZCGEM_EXTENTS_FIRST	8

/* At most so many times what is needed now is made room for because it is likely. */
#define ZCGEM_EXTENTS_LEAP	64UL

/* Largest table that is taken from the page allocator in one piece, order 3. */
#define ZCGEM_TABLE_KMALLOC	(PAGE_SIZE << 3)

/**
 * zcgem_table_alloc() - Allocate a table that may be long.
 * @count: number of elements
 * @size: bytes of an element
 *
 * Charged to the caller's memory cgroup. Unlike kvmalloc() this never tries a
 * physically contiguous block above order 3, and as there none above order 0 for which the
 * OOM killer would be asked. May sleep.
 *
 * Return: the uninitialised table or NULL; free it with zcgem_table_free().
 */
void *zcgem_table_alloc(size_t count, size_t size)
{
	size_t bytes = size_mul(count, size);

	if (bytes <= ZCGEM_TABLE_KMALLOC)
		return kvmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (bytes > INT_MAX)
		return NULL;
	return __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_table_alloc);

/**
 * zcgem_table_free() - Free what zcgem_table_alloc() returned.
 * @table: the table or NULL
 */
void zcgem_table_free(void *table)
{
	kvfree(table);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_table_free);

/* Longest table, by the limit of vmalloc(). */
#define ZCGEM_EXTENTS_MAX	(INT_MAX / sizeof(struct zcgem_extent))

/* Runs that a search for a long one skips at once. */
#define ZCGEM_EXTENTS_STRIDE	64UL

static int zcgem_extents_resize(struct zcgem_extents *extents, unsigned long capacity)
{
	struct zcgem_extent *table;

	table = zcgem_table_alloc(capacity, sizeof(*table));
	if (!table)
		return -ENOMEM;

	if (extents->count)
		memcpy(table, extents->table, extents->count * sizeof(*table));
	zcgem_table_free(extents->table);
	extents->table = table;
	extents->capacity = capacity;
	return 0;
}

/**
 * zcgem_extents_room() - How long to make a table that is too short.
 * @extents: the runs
 * @need: how many must fit
 * @likely: how many are likely to come
 *
 * Return: number of runs, @need at least, and no more than a table can have unless @need is.
 */
unsigned long zcgem_extents_room(const struct zcgem_extents *extents, unsigned long need,
				 unsigned long likely)
{
	unsigned long wanted = max(likely, 2 * extents->capacity);

	return max(need, min(wanted, (unsigned long)ZCGEM_EXTENTS_MAX));
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_room);

/**
 * zcgem_extents_grow() - Make room for more runs.
 * @extents: the runs; the table is full
 *
 * Return: 0 or -ENOMEM, in which case nothing has changed.
 */
int zcgem_extents_grow(struct zcgem_extents *extents)
{
	return zcgem_extents_resize(extents,
				    zcgem_extents_room(extents, extents->capacity + 1,
						       ZCGEM_EXTENTS_FIRST));
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_grow);

/**
 * zcgem_extents_reserve() - Make room for many more runs at once.
 * @extents: the runs
 * @runs: how many zcgem_extents_push() may add after this
 * @npages: pages that the object is expected to have in the end
 *
 * Where the pages so far were scattered, those to come will be, so there is made room
 * for all of them rather than by doubling the table again and again. A wrong guess costs
 * memory only until zcgem_extents_trim(), and no more than a few times what is needed.
 *
 * Return: 0 or -ENOMEM, in which case nothing has changed.
 */
int zcgem_extents_reserve(struct zcgem_extents *extents, unsigned long runs, pgoff_t npages)
{
	unsigned long need = extents->count + runs, likely_runs = 0;

	if (need <= extents->capacity)
		return 0;
	if (extents->npages && npages > extents->npages)
		likely_runs = div64_ul((u64)extents->count * npages, extents->npages);
	likely_runs = min(likely_runs, ZCGEM_EXTENTS_LEAP * need);
	if (!zcgem_extents_resize(extents, zcgem_extents_room(extents, need, likely_runs)))
		return 0;
	return zcgem_extents_resize(extents, need);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_reserve);

/**
 * zcgem_extents_trim() - Give back the unused part of the table.
 * @extents: the runs
 *
 * Does nothing if the waste is small or no memory can be had for it.
 */
void zcgem_extents_trim(struct zcgem_extents *extents)
{
	if (extents->count && extents->capacity - extents->count > extents->count / 8)
		zcgem_extents_resize(extents, extents->count);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_trim);

/**
 * zcgem_extents_free() - Free the table.
 * @extents: the runs; the pages themselves are not touched
 */
void zcgem_extents_free(struct zcgem_extents *extents)
{
	zcgem_table_free(extents->table);
	memset(extents, 0, sizeof(*extents));
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_free);

/**
 * zcgem_extents_find() - Which run holds a page.
 * @extents: the runs
 * @page: page of the object, less than @extents->npages
 *
 * Return: index of the run.
 */
unsigned long zcgem_extents_find(const struct zcgem_extents *extents, pgoff_t page)
{
	unsigned long low = 0, high = extents->count;

	while (high - low > 1) {
		unsigned long mid = low + (high - low) / 2;

		if (extents->table[mid].start <= page)
			low = mid;
		else
			high = mid;
	}
	return low;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_find);

/**
 * zcgem_extents_lookup() - Where a page is.
 * @extents: the runs
 * @page: page of the object
 * @pfn: set to the frame of the page
 *
 * Return: how many pages from @page on are physically contiguous, 0 if @page is
 * beyond the end.
 */
unsigned long zcgem_extents_lookup(const struct zcgem_extents *extents, pgoff_t page,
				   unsigned long *pfn)
{
	unsigned long index;
	pgoff_t skip;

	if (page >= extents->npages)
		return 0;

	index = zcgem_extents_find(extents, page);
	skip = page - extents->table[index].start;
	*pfn = extents->table[index].pfn + skip;
	return zcgem_extents_length(extents, index) - skip;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_lookup);

/**
 * zcgem_extents_find_block() - First run that holds a naturally aligned block.
 * @extents: the runs
 * @order: of the block: 2^@order pages that start at a multiple of as many frames
 *
 * May sleep.
 *
 * Return: index of the run, or @extents->count if none holds one.
 */
unsigned long zcgem_extents_find_block(const struct zcgem_extents *extents, unsigned int order)
{
	const struct zcgem_extent *table = extents->table;
	unsigned long i = 0, turn, block = 1UL << order;

	for (turn = 0; i < extents->count; turn++) {
		unsigned long ahead = i + ZCGEM_EXTENTS_STRIDE;
		unsigned long end = table[i].pfn + zcgem_extents_length(extents, i);

		zcgem_extents_resched(turn);
		/* Where many runs together are shorter than that, so is each of them. */
		if (ahead < extents->count && table[ahead].start - table[i].start < block) {
			i = ahead;
			continue;
		}
		if (round_up(table[i].pfn, block) + block <= end)
			break;
		i++;
	}
	return i;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_find_block);

/**
 * zcgem_extents_histogram() - Count runs by size.
 * @extents: the runs
 * @by_order: out; entry n counts the runs of 2^n to 2^(n+1)-1 pages
 * @entries: length of @by_order; the last entry counts all longer runs too
 *
 * May sleep.
 */
void zcgem_extents_histogram(const struct zcgem_extents *extents, u64 *by_order,
			     unsigned int entries)
{
	unsigned long i;

	memset(by_order, 0, entries * sizeof(*by_order));
	for (i = 0; i < extents->count; i++) {
		unsigned int order = ilog2(zcgem_extents_length(extents, i));

		by_order[min(order, entries - 1)]++;
		zcgem_extents_resched(i);
	}
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_extents_histogram);
