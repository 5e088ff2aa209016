// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: holding objects
 *
 * An object is charged (zcgem_account.c) while something can hold its pages where
 * reclaim gets at them no more: an attached device, a pin, a kernel mapping. Each of these
 * has a hold; the first one charges the creator and the last one refunds it. An address
 * range is held from its creation to its end. CPU mappings, idle objects and jobs, which
 * end by themselves, are no holds.
 *
 * A pin on part of a folio keeps the whole of it, so folios are charged whole and once an
 * object. Pages of hugetlb are never swapped, pinned or not: of these the wrapped part
 * is charged.
 *
 * With the charge a device has been granted the pages. When they are replaced by others
 * while it is attached, which may be in larger folios, the charge follows and no limit is
 * looked at any more, so that no mapping by a device fails for it.
 *
 * Holds are counted under dma_resv.
 */

#include <linux/dma-resv.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include <drm/drm_print.h>

#include "zcgem_object.h"

/* Folios counted between two chances for others to run. */
#define ZCGEM_COUNT_BATCH	1024

/* A folio that was met: its first frame, and pages of it that are counted. */
struct zcgem_met {
	unsigned long head;
	unsigned long npages;
};

/* Folios that were met, in a hash table; just the last one if each comes once in a row. */
struct zcgem_count {
	struct zcgem_met last;
	struct zcgem_met *table;
	unsigned int bits;
	unsigned long npages;
};

static struct zcgem_met *zcgem_count_find(struct zcgem_count *count, unsigned long head)
{
	unsigned long i;

	if (!count->table) {
		if (count->last.head != head)
			count->last = (struct zcgem_met){ .head = head };
		return &count->last;
	}
	i = hash_long(head, count->bits);
	while (count->table[i].head && count->table[i].head != head)
		i = (i + 1) & (BIT(count->bits) - 1);
	count->table[i].head = head;
	return &count->table[i];
}

static void zcgem_count_folio(struct zcgem_count *count, struct folio *folio,
			      unsigned long npages)
{
	struct zcgem_met *met = zcgem_count_find(count, folio_pfn(folio));
	unsigned long before = met->npages;

	met->npages = folio_nr_pages(folio);
	if (folio_test_hugetlb(folio))
		met->npages = min(met->npages, before + npages);
	count->npages += met->npages - before;
}

static void zcgem_count_extents(struct zcgem_count *count, const struct zcgem_extents *extents)
{
	unsigned long i;
	unsigned int left = ZCGEM_COUNT_BATCH;

	for (i = 0; i < extents->count; i++) {
		unsigned long pfn = extents->table[i].pfn;
		unsigned long end = pfn + zcgem_extents_length(extents, i);

		while (pfn < end) {
			struct folio *folio = page_folio(pfn_to_page(pfn));
			unsigned long next = min(end, folio_pfn(folio) + folio_nr_pages(folio));

			zcgem_count_folio(count, folio, next - pfn);
			pfn = next;
			if (!--left) {
				left = ZCGEM_COUNT_BATCH;
				cond_resched();
			}
		}
	}
}

/* Find out what is locked while the object has these pages. */
static int zcgem_object_count(struct zcgem_object *obj)
{
	struct zcgem_pages *pages = obj->pages;
	struct zcgem_count count = {};

	if (pages->locked)
		return 0;
	if (pages->pins == ZCGEM_PINS_NONE || (obj->in_order && !pages->large)) {
		pages->locked = pages->extents.npages;
		return 0;
	}

	if (!obj->in_order) {
		/* There is a pin for each folio of an extent, so half of the table is free. */
		count.bits = ilog2(pages->nr_pins) + 2;
		count.table = zcgem_table_alloc(BIT(count.bits), sizeof(*count.table));
		if (!count.table)
			return -ENOMEM;
		memset(count.table, 0, sizeof(*count.table) << count.bits);
	}
	zcgem_count_extents(&count, &pages->extents);
	zcgem_table_free(count.table);
	pages->locked = count.npages;
	return 0;
}

static void zcgem_object_charged(struct zcgem_object *obj, unsigned long before)
{
	atomic_long_add(obj->charge.npages - before,
			&zcgem_object_device(obj)->counters.charged_pages);
}

/**
 * zcgem_object_charge() - Charge an object to its creator.
 * @obj: the object, with nothing charged
 * @npages: pages
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_object_charge(struct zcgem_object *obj, unsigned long npages)
{
	int ret = zcgem_charge(&obj->charge, npages);

	if (ret) {
		drm_dbg_ratelimited(obj->bo.base.dev,
				    "%s[%d]: %lu pages are over the user's limit of %lu (RLIMIT_MEMLOCK %lu)\n",
				    obj->comm, obj->creator, npages,
				    zcgem_charge_limit(&obj->charge), obj->charge.limit);
		return ret;
	}
	zcgem_object_charged(obj, 0);
	return 0;
}

/**
 * zcgem_object_recharge() - Charge an object that is charged for the pages it has now.
 * @obj: a resident object, dma_resv held
 *
 * Return: 0, or -ENOMEM if they cannot be counted.
 */
int zcgem_object_recharge(struct zcgem_object *obj)
{
	unsigned long before = obj->charge.npages;
	int ret;

	ret = zcgem_object_count(obj);
	if (ret)
		return ret;
	zcgem_charge_set(&obj->charge, obj->pages->locked);
	zcgem_object_charged(obj, before);
	return 0;
}

/**
 * zcgem_object_refund() - Refund what an object is charged.
 * @obj: the object, dma_resv held or the last reference gone
 */
void zcgem_object_refund(struct zcgem_object *obj)
{
	unsigned long before = obj->charge.npages;

	zcgem_charge_set(&obj->charge, 0);
	zcgem_object_charged(obj, before);
}

/**
 * zcgem_object_hold() - Something can hold the pages from now on.
 * @obj: a resident object, dma_resv held
 *
 * Return: 0, or -ENOMEM if the creator's limit does not allow it.
 */
int zcgem_object_hold(struct zcgem_object *obj)
{
	int ret;

	dma_resv_assert_held(obj->bo.base.resv);

	if (!obj->holds) {
		ret = zcgem_object_count(obj);
		if (ret)
			return ret;
		ret = zcgem_object_charge(obj, obj->pages->locked);
		if (ret)
			return ret;
	}
	obj->holds++;
	return 0;
}

/**
 * zcgem_object_unhold() - Undo one zcgem_object_hold().
 * @obj: the object, dma_resv held
 */
void zcgem_object_unhold(struct zcgem_object *obj)
{
	dma_resv_assert_held(obj->bo.base.resv);

	if (!--obj->holds)
		zcgem_object_refund(obj);
}
