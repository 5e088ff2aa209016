// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: pages
 *
 * A counted reference to the pages behind an object, and the pins on them. An
 * object that is evicted, or whose memfd was punched, lets go of its reference;
 * an importer that has not unmapped yet still has its own, so no page is
 * unpinned while an sg_table can reach it.
 *
 * One pin is held for each folio in each extent, never one a page. Folios are
 * marked dirty after they are pinned, because a clean large folio is dropped as
 * a whole when part of it is punched, and again before they are unpinned,
 * because writes through VM_PFNMAP and by devices leave no trace in a page
 * table that reclaim would look at.
 *
 * Memory may fail while it is pinned: memory_failure() then marks the page, takes it from page
 * tables that it knows of, and leaves it where it is. A marked page is not pinned anew, mapped,
 * copied, or given to a device.
 *
 * The last put may come in any context that may sleep, under dma_resv or in
 * reclaim, so it must take no lock but leaf locks and must not allocate. Pages of
 * address ranges are the exception: their folios are locked to be dirtied, which
 * is why reclaim never drops those.
 */

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "zcgem_device.h"
#include "zcgem_pages.h"
#include "zcgem_wc.h"

/* Folios unpinned, or pages looked at, between two chances for others to run. */
#define ZCGEM_PAGES_BATCH	512UL
/* Runs that are looked at together. */
#define ZCGEM_PAGES_RUNS	64UL

/**
 * zcgem_pages_alloc() - Make an empty set of pages.
 * @zdev: the device
 * @pins: how the folios will be pinned
 * @writable: the pages may be written through the object
 *
 * Return: the set with one reference, or NULL.
 */
struct zcgem_pages *zcgem_pages_alloc(struct zcgem_device *zdev, enum zcgem_pins pins,
				      bool writable)
{
	struct zcgem_pages *pages;

	pages = kzalloc(sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return NULL;

	kref_init(&pages->ref);
	pages->zdev = zdev;
	pages->pins = pins;
	pages->writable = writable;
	return pages;
}

static void zcgem_pages_dirty_folio(struct zcgem_pages *pages, struct folio *folio)
{
	if (pages->writable && !folio_test_dirty(folio))
		folio_mark_dirty(folio);
}

/**
 * zcgem_pages_add_folio() - Append part of a folio.
 * @pages: a pinned set
 * @folio: the folio, with one pin that passes to @pages
 * @skip: first page in the folio
 * @npages: number of pages
 *
 * If the last pages of the set are in the same folio and physically just before
 * these, the pin they hold serves for both and the new one is dropped.
 *
 * Return: 0, or -ENOMEM; the caller keeps the pin then.
 */
int zcgem_pages_add_folio(struct zcgem_pages *pages, struct folio *folio,
			  unsigned long skip, unsigned long npages)
{
	unsigned long pfn = folio_pfn(folio) + skip;
	bool same = skip && pages->extents.end_pfn == pfn;
	int ret;

	ret = zcgem_extents_append(&pages->extents, pfn, npages);
	if (ret)
		return ret;

	if (same) {
		unpin_folio(folio);
		return 0;
	}

	/* GUP has dirtied what it was asked to make writable. */
	if (pages->pins == ZCGEM_PINS_FILE)
		zcgem_pages_dirty_folio(pages, folio);
	if (folio_test_large(folio))
		pages->large = true;
	pages->nr_pins++;
	return 0;
}

/**
 * zcgem_pages_add_folios() - Append whole folios, as long as that is simple.
 * @pages: a set of file pages
 * @folios: the folios, each with one pin that passes to @pages
 * @nr: how many
 * @npages: number of pages, of which the last folio may have more
 *
 * Stops at a folio that is not uptodate, and where there is no memory. This is what
 * is done for each page of a large object of small pages: it is kept short.
 *
 * Return: how many of the folios were added; the caller keeps the pins of the others.
 */
unsigned long zcgem_pages_add_folios(struct zcgem_pages *pages, struct folio **folios,
				     unsigned long nr, unsigned long npages)
{
	bool writable = pages->writable, large = pages->large;
	struct zcgem_extents extents;
	unsigned long i;

	if (zcgem_extents_reserve(&pages->extents, nr, pages->expected))
		return 0;

	/* Nobody else sees the set yet, and a loop is shorter with a copy. */
	extents = pages->extents;
	for (i = 0; i < nr; i++) {
		struct folio *folio = folios[i];
		unsigned long n = 1;

		if (unlikely(!folio_test_uptodate(folio)))
			break;
		if (unlikely(!folio_test_dirty(folio)) && writable)
			folio_mark_dirty(folio);
		if (folio_test_large(folio)) {
			n = min(npages, folio_nr_pages(folio));
			large = true;
		}
		zcgem_extents_push(&extents, folio_pfn(folio), n);
		npages -= n;
	}
	pages->extents = extents;
	pages->large = large;
	pages->nr_pins += i;
	return i;
}

/**
 * zcgem_pages_seal() - Say that a set is complete.
 * @pages: the set
 *
 * Gives back what its table has too much and counts the pins.
 */
void zcgem_pages_seal(struct zcgem_pages *pages)
{
	zcgem_extents_trim(&pages->extents);
	pages->sealed = true;
	atomic_long_add(pages->nr_pins, &pages->zdev->counters.pinned_folios);
	atomic_long_add(pages->extents.npages, &pages->zdev->counters.resident_pages);
}

/* A page of a set whose folios all have one. */
static void zcgem_pages_unpin_small(struct zcgem_pages *pages, unsigned long pfn)
{
	/* Not page_folio(), which looks again whether the page is part of something larger. */
	struct folio *folio = (struct folio *)pfn_to_page(pfn);

	if (unlikely(!folio_test_dirty(folio)))
		zcgem_pages_dirty_folio(pages, folio);
	unpin_folio(folio);
}

/* Unpin the folio that has a page. Returns the frame after that of its last page. */
static unsigned long zcgem_pages_unpin_folio(struct zcgem_pages *pages, unsigned long pfn)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));
	/* The pin may be all that keeps the folio. */
	unsigned long next = folio_pfn(folio) + folio_nr_pages(folio);

	if (pages->pins == ZCGEM_PINS_USER) {
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), 1, pages->writable);
	} else {
		zcgem_pages_dirty_folio(pages, folio);
		unpin_folio(folio);
	}
	return next;
}

/* Runs [first, end) of a set whose folios all have one page. */
static void zcgem_pages_unpin_small_runs(struct zcgem_pages *pages, unsigned long first,
					 unsigned long end)
{
	const struct zcgem_extents *extents = &pages->extents;
	unsigned long i;

	for (i = first; i < end; i++) {
		unsigned long pfn = extents->table[i].pfn;
		unsigned long left = zcgem_extents_length(extents, i);

		do {
			zcgem_pages_unpin_small(pages, pfn++);
			if (left % ZCGEM_PAGES_BATCH == 0)
				cond_resched();
		} while (--left);
	}
}

/* One page each, and no two are neighbours: there may be millions, this is kept short. */
static void zcgem_pages_unpin_scattered(struct zcgem_pages *pages, unsigned long first,
					unsigned long end)
{
	const struct zcgem_extent *extent = &pages->extents.table[first];
	const struct zcgem_extent *stop = &pages->extents.table[end];

	for (; extent < stop; extent++)
		zcgem_pages_unpin_small(pages, extent->pfn);
}

static void zcgem_pages_unpin_small_all(struct zcgem_pages *pages)
{
	const struct zcgem_extents *extents = &pages->extents;
	unsigned long first, end;

	for (first = 0; first < extents->count; first = end) {
		end = min(first + ZCGEM_PAGES_RUNS, extents->count);
		if (end < extents->count &&
		    extents->table[end].start - extents->table[first].start == end - first)
			zcgem_pages_unpin_scattered(pages, first, end);
		else
			zcgem_pages_unpin_small_runs(pages, first, end);
		cond_resched();
	}
}

static void zcgem_pages_unpin(struct zcgem_pages *pages)
{
	const struct zcgem_extents *extents = &pages->extents;
	unsigned long i, left = ZCGEM_PAGES_BATCH;

	if (pages->pins == ZCGEM_PINS_FILE && !pages->large) {
		zcgem_pages_unpin_small_all(pages);
		return;
	}

	for (i = 0; i < extents->count; i++) {
		unsigned long pfn = extents->table[i].pfn;
		unsigned long end = pfn + zcgem_extents_length(extents, i);

		while (pfn < end) {
			pfn = zcgem_pages_unpin_folio(pages, pfn);
			if (!--left) {
				cond_resched();
				left = ZCGEM_PAGES_BATCH;
			}
		}
	}
}

static void zcgem_pages_release(struct kref *ref)
{
	struct zcgem_pages *pages = container_of(ref, struct zcgem_pages, ref);
	struct zcgem_counters *counters = &pages->zdev->counters;

	zcgem_wc_end(pages);
	if (pages->pins != ZCGEM_PINS_NONE)
		zcgem_pages_unpin(pages);
	if (pages->sealed) {
		atomic_long_sub(pages->nr_pins, &counters->pinned_folios);
		atomic_long_sub(pages->extents.npages, &counters->resident_pages);
	}
	if (pages->versions != &pages->only_version)
		zcgem_table_free(pages->versions);
	zcgem_extents_free(&pages->extents);
	kfree(pages);
}

/**
 * zcgem_frames_poisoned() - Has the memory of a run failed?
 * @pfn: first page of a run that the caller holds
 * @npages: number of pages
 *
 * All of a page of hugetlbfs counts as poisoned if a part of it is: the kernel does not let modules
 * see which.
 *
 * Return: true if a page of it is marked hwpoison.
 */
bool zcgem_frames_poisoned(unsigned long pfn, unsigned long npages)
{
	unsigned long end = pfn + npages;

	while (pfn < end) {
		struct folio *folio = page_folio(pfn_to_page(pfn));
		unsigned long next = min(end, folio_pfn(folio) + folio_nr_pages(folio));

		if (unlikely(folio_contain_hwpoisoned_page(folio))) {
			if (folio_test_hugetlb(folio))
				return true;
			for (; pfn < next; pfn++)
				if (PageHWPoison(pfn_to_page(pfn)))
					return true;
		}
		pfn = next;
	}
	return false;
}

/**
 * zcgem_pages_poisoned() - Has the memory of a page of a set failed?
 * @pages: a sealed set
 *
 * May sleep.
 *
 * Return: true if a page of it is marked hwpoison.
 */
bool zcgem_pages_poisoned(struct zcgem_pages *pages)
{
	const struct zcgem_extents *extents = &pages->extents;
	unsigned long i, until_resched = ZCGEM_PAGES_BATCH;

	for (i = 0; i < extents->count; i++) {
		unsigned long pfn = extents->table[i].pfn;
		unsigned long left = zcgem_extents_length(extents, i);

		while (left) {
			unsigned long n = min(left, until_resched);

			if (zcgem_frames_poisoned(pfn, n))
				return true;
			pfn += n;
			left -= n;
			until_resched -= n;
			if (!until_resched) {
				until_resched = ZCGEM_PAGES_BATCH;
				cond_resched();
			}
		}
	}
	return false;
}

/**
 * zcgem_pages_put() - Drop a reference.
 * @pages: a set, or NULL
 */
void zcgem_pages_put(struct zcgem_pages *pages)
{
	if (pages)
		kref_put(&pages->ref, zcgem_pages_release);
}
