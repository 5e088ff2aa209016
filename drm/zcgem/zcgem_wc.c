// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: write-combined pages
 *
 * Gives the linear map of pages the type that their other mappings have. It must never
 * differ: one would show what the other has left in the cache, or overwrite it. The
 * architecture keeps the type of a page in the page, takes it for all other mappings from
 * there, and refuses pages that have one already: only one set of pages may have a page, see
 * zcgem_object_evict(). Pages get their old type back before they are unpinned.
 *
 * Only x86 can do this; elsewhere no object is write-combined.
 *
 * zcgem_wc_begin() allocates and runs under dma_resv. zcgem_wc_end() allocates nothing and
 * may run in reclaim.
 */

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/set_memory.h>
#include <linux/slab.h>

#include "zcgem_pages.h"
#include "zcgem_wc.h"

/* Pages changed at once: a page of pointers, and one flush of the caches. */
#define ZCGEM_WC_BATCH	(PAGE_SIZE / sizeof(struct page *))

/* Pages of [first, end), as many as there is room for. Returns how many. */
static unsigned long zcgem_wc_gather(struct zcgem_pages *pages, pgoff_t first, pgoff_t end)
{
	unsigned long n = 0;

	while (first + n < end && n < ZCGEM_WC_BATCH) {
		unsigned long pfn, run;

		run = zcgem_extents_lookup(&pages->extents, first + n, &pfn);
		run = min3(run, end - first - n, ZCGEM_WC_BATCH - n);
		while (run--)
			pages->wc[n++] = pfn_to_page(pfn++);
	}
	return n;
}

/*
 * The entries of the linear map are of single pages since they were write-combined, so this
 * needs no memory and cannot fail.
 */
static void zcgem_wc_undo(struct zcgem_pages *pages, pgoff_t end)
{
	unsigned long n;
	pgoff_t page;

	for (page = 0; page < end; page += n) {
		n = zcgem_wc_gather(pages, page, end);
		set_pages_array_wb(pages->wc, n);
		cond_resched();
	}
	kfree(pages->wc);
	pages->wc = NULL;
}

/**
 * zcgem_wc_begin() - Make the linear map of pages write-combined.
 * @pages: a sealed set whose pages no other set has; dma_resv of its object held
 *
 * Return: 0, -ENOMEM, -EINTR for a task that is being killed, or -EBUSY for pages that
 * have another type; nothing is changed then.
 */
int zcgem_wc_begin(struct zcgem_pages *pages)
{
	pgoff_t page = 0, end = pages->extents.npages;
	int ret = 0;

	pages->wc = kmalloc_array(ZCGEM_WC_BATCH, sizeof(*pages->wc), GFP_KERNEL_ACCOUNT);
	if (!pages->wc)
		return -ENOMEM;

	while (page < end && !ret) {
		unsigned long n = zcgem_wc_gather(pages, page, end);

		ret = set_pages_array_wc(pages->wc, n);
		/* What failed for want of memory may be half done. */
		if (ret != -EBUSY)
			page += n;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	if (ret)
		zcgem_wc_undo(pages, page);
	return ret;
}

/**
 * zcgem_wc_end() - Undo zcgem_wc_begin().
 * @pages: a set that nothing has mapped any more, still pinned
 */
void zcgem_wc_end(struct zcgem_pages *pages)
{
	if (pages->wc)
		zcgem_wc_undo(pages, pages->extents.npages);
}
