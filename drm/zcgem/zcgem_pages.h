/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_PAGES_H_
#define _ZCGEM_PAGES_H_

#include <linux/kref.h>
#include <linux/mm.h>

#include "zcgem_extents.h"

struct page;
struct zcgem_device;

/**
 * enum zcgem_pins - What a set of pages has to undo at its end.
 */
enum zcgem_pins {
	/** @ZCGEM_PINS_NONE: Nothing, the pages are the driver's. */
	ZCGEM_PINS_NONE,

	/**
	 * @ZCGEM_PINS_FILE: Each folio that an extent touches has one FOLL_PIN
	 * pin for that extent, and its file is held by the object.
	 */
	ZCGEM_PINS_FILE,

	/**
	 * @ZCGEM_PINS_USER: The same, but nobody holds the file, if it is a
	 * file's page: it must be locked to be marked dirty.
	 */
	ZCGEM_PINS_USER,
};

/**
 * struct zcgem_pages - Pages that an object holds or has held.
 *
 * The object has one reference while it is resident. Everything that can reach
 * the memory without going through the object's page tables, such as an
 * importer's scatter list, has another. Immutable once published, but for @versions.
 */
struct zcgem_pages {
	/** @ref: Who holds the pages. */
	struct kref ref;

	/** @zdev: The device, for its counters. */
	struct zcgem_device *zdev;

	/** @extents: Where the pages are. */
	struct zcgem_extents extents;

	/** @expected: How many there will be, if that is known. */
	pgoff_t expected;

	/** @pins: What holds the pages in place. */
	enum zcgem_pins pins;

	/** @writable: Someone may write to the pages, so they are dirtied. */
	bool writable;

	/**
	 * @generation: Of an SVM object: how many invalidations there had been when the
	 * pages were found.
	 */
	u64 generation;

	/**
	 * @versions: Of memfd pages: i_version of each &zcgem_memfd.files at a moment when
	 * all pages were those of the files. Under dma_resv once published.
	 */
	u64 *versions;

	/** @only_version: Place of @versions if there is one file. */
	u64 only_version;

	/** @large: Some folios may have more than one page. */
	bool large;

	/** @nr_pins: Number of those pins. */
	unsigned long nr_pins;

	/**
	 * @locked: Pages of the whole folios that the set keeps, 0 until they are counted.
	 * Protected by dma_resv.
	 */
	unsigned long locked;

	/** @sealed: The set is complete and counted. */
	bool sealed;

	/** @wc: Scratch room while the pages are write-combined, else NULL. */
	struct page **wc;
};

struct zcgem_pages *zcgem_pages_alloc(struct zcgem_device *zdev, enum zcgem_pins pins,
				      bool writable);
int zcgem_pages_add_folio(struct zcgem_pages *pages, struct folio *folio,
			  unsigned long skip, unsigned long npages);
unsigned long zcgem_pages_add_folios(struct zcgem_pages *pages, struct folio **folios,
				     unsigned long nr, unsigned long npages);
void zcgem_pages_seal(struct zcgem_pages *pages);
void zcgem_pages_put(struct zcgem_pages *pages);
bool zcgem_frames_poisoned(unsigned long pfn, unsigned long npages);
bool zcgem_pages_poisoned(struct zcgem_pages *pages);

/* References that a folio may have: there is room for what all processors are about to add. */
#define ZCGEM_MAX_REFS	(INT_MAX / 2)

/**
 * zcgem_folio_check() - May part of a folio that was just pinned be used?
 * @folio: the folio
 * @pfn: first page of the part
 * @npages: number of pages
 *
 * The core warns when the count of references of a folio overflows. A pin of a small page
 * is 1024 of them, and an object may name one page in each of its ranges.
 *
 * Return: 0; -ENOMEM if the folio has too many references; -EHWPOISON as
 * zcgem_frames_poisoned().
 */
static inline int zcgem_folio_check(struct folio *folio, unsigned long pfn,
				    unsigned long npages)
{
	if (unlikely(folio_ref_count(folio) > ZCGEM_MAX_REFS))
		return -ENOMEM;
	if (likely(!folio_contain_hwpoisoned_page(folio)))
		return 0;
	return zcgem_frames_poisoned(pfn, npages) ? -EHWPOISON : 0;
}

static inline struct zcgem_pages *zcgem_pages_get(struct zcgem_pages *pages)
{
	kref_get(&pages->ref);
	return pages;
}

#endif /* _ZCGEM_PAGES_H_ */
