// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: userptr backing
 *
 * Pages of address ranges of the creating process, pinned once with
 * FOLL_LONGTERM, for the life of the object, and with no MMU notifier: the pages
 * are the object's whatever the address space does later, and no page that an
 * object uses is ever waited for by the memory manager. FOLL_LONGTERM moves them
 * out of ZONE_MOVABLE and CMA first and unshares what fork() has left shared, so
 * the creator's own view stays coherent with the object's.
 *
 * GUP takes a pin for each page. All but one of those on the same run of a folio
 * are dropped at once, so that what is kept is one for each folio in each extent,
 * as for a memfd.
 *
 * GUP takes mmap_lock, so pages are only ever had in prepare, at creation.
 */

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "zcgem_ioctl.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

/* Pages asked for at once: a page of pointers. */
#define ZCGEM_USERPTR_BATCH	((int)(PAGE_SIZE / sizeof(struct page *)))

struct zcgem_userptr {
	bool readonly;
	unsigned int nr_ranges;
	/* Where the ranges are; needed at creation only, NULL afterwards. */
	struct drm_zcgem_userptr_range *ranges;
	u64 size;
};

static void zcgem_userptr_free(struct zcgem_userptr *userptr)
{
	zcgem_table_free(userptr->ranges);
	kfree(userptr);
}

static void zcgem_userptr_backing_free(struct zcgem_object *obj)
{
	zcgem_userptr_free(obj->backing);
}

/*
 * GUP lets a file system's pages be pinned for reading. It must not be: the file
 * may be truncated or its blocks moved, and the object would not hear of it.
 */
static bool zcgem_userptr_allowed(struct folio *folio)
{
	struct address_space *mapping;
	bool allowed;

	if (folio_test_anon(folio) || folio_test_hugetlb(folio))
		return true;

	/* The pin holds the page, and not the file. */
	rcu_read_lock();
	mapping = READ_ONCE(folio->mapping);
	allowed = folio_test_swapbacked(folio) && mapping && shmem_mapping(mapping);
	rcu_read_unlock();
	return allowed;
}

static int zcgem_userptr_check(struct folio *folio, unsigned long pfn, int npages)
{
	if (!zcgem_userptr_allowed(folio))
		return -EFAULT;
	/* A large folio whose memory fails may stay mapped. */
	return zcgem_folio_check(folio, pfn, npages);
}

/* How many of the pages follow one another in one folio. */
static int zcgem_userptr_run(struct page **batch, int nr)
{
	struct folio *folio = page_folio(batch[0]);
	unsigned long pfn = page_to_pfn(batch[0]);
	int left = min_t(unsigned long, nr,
			 folio_pfn(folio) + folio_nr_pages(folio) - pfn);
	int n = 1;

	while (n < left && page_to_pfn(batch[n]) == pfn + n)
		n++;
	return n;
}

static int zcgem_userptr_add(struct zcgem_pages *pages, struct page **batch, int nr)
{
	int done = 0, ret;

	while (done < nr) {
		struct folio *folio = page_folio(batch[done]);
		int run = zcgem_userptr_run(batch + done, nr - done);

		ret = zcgem_userptr_check(folio, page_to_pfn(batch[done]), run);
		if (!ret) {
			if (run > 1)
				unpin_user_page_range_dirty_lock(batch[done], run - 1, false);
			ret = zcgem_pages_add_folio(pages, folio,
						    page_to_pfn(batch[done]) - folio_pfn(folio),
						    run);
			if (ret)
				unpin_folio(folio);
		} else {
			unpin_user_pages(batch + done, run);
		}
		done += run;
		if (ret) {
			unpin_user_pages(batch + done, nr - done);
			return ret;
		}
	}
	return 0;
}

/*
 * A pin may not fault in a page from where it must not stay. If huge pages are to be had
 * only there, let an ordinary fault take one and the pin move it.
 */
static bool zcgem_userptr_fault_in(unsigned long address, unsigned int gup_flags)
{
	char __user *p = (char __user *)address;

	return gup_flags & FOLL_WRITE ? !fault_in_safe_writeable(p, 1) :
					!fault_in_readable(p, 1);
}

static int zcgem_userptr_pin_range(struct zcgem_pages *pages, struct page **batch,
				   const struct drm_zcgem_userptr_range *range,
				   unsigned int gup_flags)
{
	unsigned long address = range->address;
	unsigned long left = range->size >> PAGE_SHIFT;
	unsigned long faulted = 0;
	int nr, ret;

	while (left) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		nr = pin_user_pages_fast(address,
					 min_t(unsigned long, left, ZCGEM_USERPTR_BATCH),
					 gup_flags, batch);
		if (nr == -EFAULT && faulted != address &&
		    zcgem_userptr_fault_in(address, gup_flags)) {
			faulted = address;
			continue;
		}
		/* The fast variant does not say that memory has failed. */
		if (nr == -EFAULT)
			nr = pin_user_pages_unlocked(address, 1, batch,
						     gup_flags | FOLL_HWPOISON);
		if (nr <= 0)
			return nr ?: -EFAULT;
		ret = zcgem_userptr_add(pages, batch, nr);
		if (ret)
			return ret;
		address += (unsigned long)nr << PAGE_SHIFT;
		left -= nr;
	}
	return 0;
}

static struct zcgem_pages *zcgem_userptr_prepare(struct zcgem_object *obj)
{
	struct zcgem_userptr *userptr = obj->backing;
	unsigned int gup_flags = FOLL_LONGTERM | (userptr->readonly ? 0 : FOLL_WRITE);
	struct zcgem_pages *pages;
	struct page **batch;
	unsigned int i;
	int ret = 0;

	batch = kmalloc_array(ZCGEM_USERPTR_BATCH, sizeof(*batch), GFP_KERNEL_ACCOUNT);
	if (!batch)
		return ERR_PTR(-ENOMEM);
	pages = zcgem_pages_alloc(zcgem_object_device(obj), ZCGEM_PINS_USER,
				  !userptr->readonly);
	if (!pages) {
		kfree(batch);
		return ERR_PTR(-ENOMEM);
	}

	for (i = 0; i < userptr->nr_ranges && !ret; i++) {
		ret = zcgem_userptr_pin_range(pages, batch, &userptr->ranges[i], gup_flags);
		if (ret)
			drm_dbg_ratelimited(obj->bo.base.dev,
					    "range %u at %#llx cannot be pinned: %d\n", i,
					    userptr->ranges[i].address, ret);
	}

	kfree(batch);
	if (ret) {
		zcgem_pages_put(pages);
		/* GUP is out of patience, not out of pages: do not make a loop of it. */
		return ERR_PTR(ret == -EAGAIN ? -EBUSY : ret);
	}
	zcgem_pages_seal(pages);
	return pages;
}

static struct zcgem_pages *zcgem_userptr_acquire(struct zcgem_object *obj, bool now)
{
	return ERR_PTR(-EAGAIN);
}

static const struct zcgem_backing_ops zcgem_userptr_ops = {
	.name = "userptr",
	.id = DRM_ZCGEM_BACKING_USERPTR,
	.flags = ZCGEM_BACKING_MAPPABLE | ZCGEM_BACKING_ANONYMOUS,
	.prepare = zcgem_userptr_prepare,
	.acquire = zcgem_userptr_acquire,
	.free = zcgem_userptr_backing_free,
};

static int zcgem_userptr_add_range(struct drm_device *drm, struct zcgem_userptr *userptr,
				   const struct drm_zcgem_userptr_range *range)
{
	u64 end;

	if (!range->size || !PAGE_ALIGNED(range->address) || !PAGE_ALIGNED(range->size) ||
	    check_add_overflow(range->address, range->size, &end))
		return zcgem_refuse(drm, -EINVAL, "bad range: address %#llx size %#llx",
				    range->address, range->size);
	if (range->size > ZCGEM_MAX_SIZE - userptr->size)
		return zcgem_refuse(drm, -EFBIG, "the ranges together are more than %llu bytes",
				    ZCGEM_MAX_SIZE);
	/* On 32 bits an address may be one that no pointer can hold. */
	if (end - 1 > ULONG_MAX)
		return zcgem_refuse(drm, -EFAULT, "no address %#llx", end - 1);

	userptr->ranges[userptr->nr_ranges++] = *range;
	userptr->size += range->size;
	return 0;
}

/* Charge what the pins keep in place of what was charged before it was known. */
static int zcgem_userptr_hold(struct zcgem_object *obj)
{
	int ret;

	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;
	zcgem_object_refund(obj);
	ret = zcgem_object_hold(obj);
	zcgem_object_unlock(obj);
	return ret;
}

static struct zcgem_object *zcgem_userptr_finish(struct zcgem_device *zdev,
						 struct zcgem_userptr *userptr)
{
	struct zcgem_object *obj;
	int ret;

	obj = zcgem_object_alloc(zdev, &zcgem_userptr_ops, userptr);
	if (!obj) {
		zcgem_userptr_free(userptr);
		return ERR_PTR(-ENOMEM);
	}
	obj->readonly = userptr->readonly;

	/* Before anything is pinned, as if no folio was larger than a page and none named twice. */
	ret = zcgem_object_charge(obj, userptr->size >> PAGE_SHIFT);
	if (ret) {
		zcgem_object_abandon(obj);
		return ERR_PTR(ret);
	}
	ret = zcgem_object_init(obj, userptr->size, NULL);
	if (ret)
		return ERR_PTR(ret);

	ret = zcgem_object_prepare(obj, 0, 0);
	zcgem_table_free(userptr->ranges);
	userptr->ranges = NULL;
	if (!ret)
		ret = zcgem_userptr_hold(obj);
	if (ret) {
		drm_gem_object_put(&obj->bo.base);
		return ERR_PTR(ret);
	}
	return obj;
}

/**
 * zcgem_userptr_create() - Make an object of the caller's address ranges.
 * @zdev: the device
 * @client: who makes it
 * @args: the ioctl's argument
 *
 * With %DRM_ZCGEM_WRAP_SVM the ranges are only read here, and zcgem_svm_create() does
 * the rest.
 *
 * Return: the object, resident, or an ERR_PTR() with an errno that
 * &struct drm_zcgem_gem_wrap_userptr names.
 */
struct zcgem_object *zcgem_userptr_create(struct zcgem_device *zdev,
					  struct zcgem_client *client,
					  const struct drm_zcgem_gem_wrap_userptr *args)
{
	struct zcgem_userptr *userptr;
	struct zcgem_object *obj;
	u32 i;
	int ret;

	if (args->flags & ~(DRM_ZCGEM_WRAP_READONLY | DRM_ZCGEM_WRAP_SVM))
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EINVAL, "flags %#x", args->flags));
	ret = zcgem_array_check(&zdev->drm, &args->ranges);
	if (ret)
		return ERR_PTR(ret);

	userptr = kzalloc(sizeof(*userptr), GFP_KERNEL_ACCOUNT);
	if (!userptr)
		return ERR_PTR(-ENOMEM);
	userptr->readonly = args->flags & DRM_ZCGEM_WRAP_READONLY;
	userptr->ranges = zcgem_table_alloc(args->ranges.count, sizeof(*userptr->ranges));
	if (!userptr->ranges) {
		zcgem_userptr_free(userptr);
		return ERR_PTR(-ENOMEM);
	}

	for (i = 0; i < args->ranges.count; i++) {
		struct drm_zcgem_userptr_range range;

		ret = zcgem_array_get(&args->ranges, i, &range, sizeof(range));
		if (!ret)
			ret = zcgem_userptr_add_range(&zdev->drm, userptr, &range);
		if (ret) {
			zcgem_userptr_free(userptr);
			return ERR_PTR(ret);
		}
		cond_resched();
	}
	if (args->flags & DRM_ZCGEM_WRAP_SVM) {
		obj = zcgem_svm_create(client, userptr->ranges, userptr->nr_ranges,
				       userptr->size, userptr->readonly);
		zcgem_userptr_free(userptr);
		return obj;
	}
	return zcgem_userptr_finish(zdev, userptr);
}
