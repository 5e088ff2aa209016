// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: memfd pages
 *
 * Pins the pages of a list of memfd ranges with memfd_pin_folios(), which moves
 * them out of ZONE_MOVABLE and CMA first, and leaves three things to its caller.
 *
 * Pages that were allocated by fallocate() and never written are not uptodate:
 * shmem would clear them at the first access through the file and destroy what was
 * written through the object, so they are brought uptodate first. Pinning does not
 * dirty, see zcgem_pages.c. And the huge pages that it fills holes of hugetlb files
 * with are not counted right on any kernel: older ones take them without a
 * reservation, which makes the global counter underflow, newer ones leave them out
 * of nr_hugetlb. So holes are filled by fallocate() and the pages pinned under the
 * inode lock, against new ones.
 *
 * Without filling, everything here may be called under dma_resv and mmap_lock; with
 * it, under neither.
 */

#include <linux/err.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/iversion.h>
#include <linux/memfd.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "zcgem_backing_memfd.h"
#include "zcgem_device.h"
#include "zcgem_pages.h"

/*
 * Folios asked for at once: less than a page of pointers, and a multiple of what the
 * page cache is asked for at once, so that none are looked up and put back.
 */
#define ZCGEM_MEMFD_BATCH \
	(16 * sizeof_field(struct folio_batch, folios) / sizeof(struct folio *))

/* Pages pinned between two looks whether the caller was killed. */
#define ZCGEM_MEMFD_KILLABLE	512UL

/* Under dma_resv or not, but never with the folio's file punched meanwhile. */
static int zcgem_memfd_make_uptodate(struct file *file, struct folio *folio)
{
	struct folio *same;

	if (folio_test_uptodate(folio) || is_file_hugepages(file))
		return 0;

	same = shmem_read_folio(file->f_mapping, folio->index);
	if (IS_ERR(same))
		return PTR_ERR(same);
	folio_put(same);

	/* Another folio means that this one was punched out just now. */
	return same == folio ? 0 : -EAGAIN;
}

/*
 * Pin folios of a file, and keep those that are what was asked for. The file can be punched, and
 * a huge page come, between two looks of memfd_pin_folios() at the page cache, which would put
 * pages of another part of the file in the middle of the object. Returns how many were pinned;
 * *@skip is the first page in the first of them. -EAGAIN if all were others; as
 * zcgem_folio_check(): a file keeps a page whose memory has failed until it is punched.
 */
static long zcgem_memfd_pin_folios(struct file *file, pgoff_t start, pgoff_t npages,
				   struct folio **folios, unsigned int max, pgoff_t *skip)
{
	loff_t offset = (loff_t)start << PAGE_SHIFT;
	pgoff_t next = start;
	long nr, i;
	int ret;

	nr = memfd_pin_folios(file, offset, offset + ((loff_t)npages << PAGE_SHIFT) - 1, folios,
			      max, skip);
	if (nr <= 0)
		return nr ?: -EFAULT;

	for (i = 0; i < nr; i++) {
		/* Only the first may begin before; truncation leaves the index as it is. */
		pgoff_t before = next - folios[i]->index;

		if (i ? before : before >= folio_nr_pages(folios[i]))
			break;
		next = folios[i]->index + folio_nr_pages(folios[i]);
		ret = zcgem_folio_check(folios[i], folio_pfn(folios[i]) + before,
					min(next, start + npages) - folios[i]->index - before);
		if (ret) {
			unpin_folios(folios, nr);
			return ret;
		}
	}
	*skip = start - folios[0]->index;
	if (i < nr)
		unpin_folios(folios + i, nr - i);
	return i ?: -EAGAIN;
}

/*
 * Append pinned folios until there are end pages. Returns 0, -EAGAIN if not all of them
 * could be used, or another errno; those that were not appended are unpinned.
 */
static int zcgem_memfd_add_folios(struct zcgem_pages *pages, struct file *file,
				  struct folio **folios, unsigned long nr,
				  unsigned long skip, pgoff_t end)
{
	unsigned long done = 0;
	int ret;

	while (done < nr) {
		struct folio *folio;
		unsigned long n;

		if (!skip)
			done += zcgem_pages_add_folios(pages, folios + done, nr - done,
						       end - pages->extents.npages);
		if (done == nr)
			break;

		/* Part of a folio, or one that needs more than that. */
		folio = folios[done];
		n = min_t(pgoff_t, end - pages->extents.npages, folio_nr_pages(folio) - skip);
		ret = zcgem_memfd_make_uptodate(file, folio);
		if (!ret)
			ret = zcgem_pages_add_folio(pages, folio, skip, n);
		if (ret) {
			unpin_folios(folios + done, nr - done);
			return ret;
		}
		done++;
		skip = 0;
	}
	return 0;
}

/* Pin pages [start, start + npages) of a file and append them. */
static int zcgem_memfd_pin_range(struct zcgem_pages *pages, struct file *file,
				 struct folio **folios, pgoff_t start, pgoff_t npages)
{
	pgoff_t end = pages->extents.npages + npages;
	pgoff_t left;

	while ((left = end - pages->extents.npages)) {
		pgoff_t skip;
		long nr;
		int ret;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		nr = zcgem_memfd_pin_folios(file, start + npages - left, left, folios,
					    min_t(pgoff_t, left, ZCGEM_MEMFD_BATCH), &skip);
		if (nr == -EAGAIN)
			continue;
		if (nr < 0)
			return nr;

		ret = zcgem_memfd_add_folios(pages, file, folios, nr, skip, end);
		if (ret && ret != -EAGAIN)
			return ret;
	}
	return 0;
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
		if (next == was || fatal_signal_pending(current))
			return false;
		cond_resched();
	}
	return true;
}

/*
 * Others that have the file may hold its inode lock for as long as they like. A kernel thread waits
 * for no lock of a client, and is in no client's control group: it takes what is there.
 */
static int zcgem_memfd_lock_inode(struct inode *inode)
{
	if (current->flags & PF_KTHREAD)
		return inode_trylock_shared(inode) ? 0 : -EBUSY;
	return inode_lock_shared_killable(inode);
}

/*
 * Fill the holes of a hugetlb range through the file system, which reserves, and
 * pin with the inode lock held for reading, so that no process punches new ones. The file
 * system waits for that lock without minding signals.
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

		ret = zcgem_memfd_lock_inode(inode);
		if (ret)
			return ret;
		if (zcgem_memfd_is_filled(file, first, count)) {
			ret = zcgem_memfd_pin_range(pages, file, folios, start, npages);
			inode_unlock_shared(inode);
			return ret;
		}
		inode_unlock_shared(inode);

		if (current->flags & PF_KTHREAD)
			return -EBUSY;
		if (!(file->f_mode & FMODE_WRITE))
			return -EACCES;
		ret = vfs_fallocate(file, 0, (loff_t)first << PAGE_SHIFT,
				    (loff_t)count << PAGE_SHIFT);
		if (ret)
			return ret == -ENOSPC ? -ENOMEM : ret;
	}
}

/**
 * zcgem_memfd_all_filled() - Can the pages be pinned without filling holes?
 * @memfd: a complete list
 *
 * Without the inode lock a hole may come into being after the look at it, so this is
 * only for kernels where the worst of it is a page that vmstat does not count.
 *
 * Return: false if a hugetlb range has a hole.
 */
bool zcgem_memfd_all_filled(struct zcgem_memfd *memfd)
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

/* What zcgem_memfd_pin() has done so far. */
struct zcgem_memfd_pinning {
	struct zcgem_memfd *memfd;
	struct zcgem_pages *pages;
	/* Room for so many folios. */
	struct folio **folios;
	unsigned long room;
	/* So many are pinned and wait to be added: one page each, all of one file. */
	unsigned long waiting;
	struct file *file;
};

/* Add what waits. Returns as zcgem_memfd_add_folios(). */
static int zcgem_memfd_flush(struct zcgem_memfd_pinning *p)
{
	unsigned long nr = p->waiting;

	p->waiting = 0;
	return zcgem_memfd_add_folios(p->pages, p->file, p->folios, nr, 0,
				      p->pages->extents.npages + nr);
}

/*
 * Pin a range of a few pages and let its folios wait for more, so that what a long list of
 * short ranges takes is little more than the pinning. Returns 0 or an errno; -EAGAIN if
 * pages that were pinned before have to be pinned again.
 */
static int zcgem_memfd_pin_short(struct zcgem_memfd_pinning *p, struct file *file,
				 pgoff_t start, pgoff_t npages)
{
	struct folio **folios = p->folios + p->waiting;
	pgoff_t skip;
	long nr;
	int ret;

	nr = zcgem_memfd_pin_folios(file, start, npages, folios, npages, &skip);
	if (nr < 0)
		return nr;

	/* As many folios as pages: only the last may have more of its own. */
	if (nr == npages && !skip && !folio_test_large(folios[nr - 1])) {
		p->waiting += nr;
		return 0;
	}

	ret = zcgem_memfd_flush(p);
	if (ret) {
		unpin_folios(folios, nr);
		return ret;
	}
	return zcgem_memfd_add_folios(p->pages, file, folios, nr, skip,
				      p->pages->extents.npages + npages);
}

/* Pin all of a range, or some of it. Returns as zcgem_memfd_pin_short(). */
static int zcgem_memfd_pin_some(struct zcgem_memfd_pinning *p, struct file *file,
				pgoff_t start, pgoff_t npages, bool fill)
{
	bool huge = is_file_hugepages(file);
	int ret;

	if (!huge && npages <= p->room) {
		if (p->waiting && (p->file != file || p->waiting + npages > p->room)) {
			ret = zcgem_memfd_flush(p);
			if (ret)
				return ret;
		}
		p->file = file;
		return zcgem_memfd_pin_short(p, file, start, npages);
	}

	ret = zcgem_memfd_flush(p);
	if (ret)
		return ret;
	if (huge && fill)
		return zcgem_memfd_pin_hugetlb(p->pages, file, p->folios, start, npages);
	return zcgem_memfd_pin_range(p->pages, file, p->folios, start, npages);
}

/*
 * What tells later whether pages have left shmem files since. First the versions, then the pages:
 * so what leaves a file meanwhile is seen as a new version.
 */
static int zcgem_memfd_note_versions(struct zcgem_memfd *memfd, struct zcgem_pages *pages)
{
	unsigned int i;

	pages->versions = &pages->only_version;
	if (memfd->nr_files > 1)
		pages->versions = zcgem_table_alloc(memfd->nr_files, sizeof(*pages->versions));
	if (!pages->versions)
		return -ENOMEM;

	for (i = 0; i < memfd->nr_files; i++) {
		pages->versions[i] = inode_peek_iversion_raw(file_inode(memfd->files[i]));
		zcgem_extents_resched(i);
	}
	/* Pairs with the cmpxchg in inode_inc_iversion(), after the pages have left. */
	smp_rmb();
	return 0;
}

/* On an error some may be waiting. */
static int zcgem_memfd_pin_all(struct zcgem_memfd_pinning *p, bool fill)
{
	struct zcgem_memfd *memfd = p->memfd;
	pgoff_t checked = 0;
	unsigned int i = 0;
	int ret;

	while (p->pages->extents.npages < memfd->npages) {
		pgoff_t done = p->pages->extents.npages + p->waiting;

		/* A short range has fewer than are asked for at once. */
		if (done >= checked) {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			checked = done + ZCGEM_MEMFD_KILLABLE - ZCGEM_MEMFD_BATCH;
		}

		if (done == memfd->npages) {
			ret = zcgem_memfd_flush(p);
		} else {
			struct zcgem_memfd_range *range = &memfd->ranges[i];
			pgoff_t skip = done - range->first;
			pgoff_t left = zcgem_memfd_range_pages(memfd, i) - skip;

			ret = zcgem_memfd_pin_some(p, memfd->files[range->file],
						   range->start + skip, left, fill);
			if (p->pages->extents.npages + p->waiting == done + left)
				i++;
		}
		/* Some that waited, or those after them, were not those of the file any more. */
		if (ret == -EAGAIN) {
			i = zcgem_memfd_find(memfd, p->pages->extents.npages + p->waiting);
			checked = 0;
		} else if (ret) {
			return ret;
		}
	}
	return 0;
}

/**
 * zcgem_memfd_pin() - Pin the pages of all ranges.
 * @memfd: a complete list
 * @fill: fill holes of hugetlb files; inode locks are taken
 *
 * Return: a sealed set with one reference or an ERR_PTR().
 */
struct zcgem_pages *zcgem_memfd_pin(struct zcgem_memfd *memfd, bool fill)
{
	struct zcgem_memfd_pinning p = {
		.memfd = memfd,
		/* Memory may be cleared when it is allocated: no more than is needed. */
		.room = min_t(pgoff_t, memfd->npages, ZCGEM_MEMFD_BATCH),
	};
	int ret;

	p.folios = kmalloc_array(p.room, sizeof(*p.folios), GFP_KERNEL_ACCOUNT);
	if (!p.folios)
		return ERR_PTR(-ENOMEM);
	p.pages = zcgem_pages_alloc(memfd->zdev, ZCGEM_PINS_FILE, !memfd->readonly);
	if (!p.pages) {
		kfree(p.folios);
		return ERR_PTR(-ENOMEM);
	}

	p.pages->expected = memfd->npages;

	ret = zcgem_memfd_note_versions(memfd, p.pages);
	if (!ret)
		ret = zcgem_memfd_pin_all(&p, fill);
	if (ret)
		unpin_folios(p.folios, p.waiting);
	kfree(p.folios);
	if (ret) {
		drm_dbg_ratelimited(&memfd->zdev->drm, "pinning failed after %lu of %lu pages: %d\n",
				    p.pages->extents.npages, memfd->npages, ret);
		zcgem_pages_put(p.pages);
		return ERR_PTR(ret);
	}
	zcgem_pages_seal(p.pages);
	return p.pages;
}
