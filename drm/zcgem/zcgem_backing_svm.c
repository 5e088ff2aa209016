// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: SVM backing
 *
 * Address ranges of the creating process, mirrored and not pinned: the object is whatever
 * is mapped there at the moment. It holds no reference to a page and charges nothing to
 * RLIMIT_MEMLOCK, so the memory can be swapped, migrated, merged, split and unmapped as
 * if there were no object. The page numbers come from hmm_range_fault() and are good
 * until one of the MMU notifiers says that they are not. Ranges that overlap or touch share
 * one: the same memory may be named tens of thousands of times, and whoever changes it runs
 * through all notifiers there.
 *
 * Who uses them goes by this protocol:
 *
 * - with no lock held, prepare() mirrors the ranges, which takes mmap_lock and may fault;
 * - with dma_resv held the page numbers are installed like any other object's;
 * - with the client's spinlock held as well, still_valid() is asked, and only if it says yes
 *   is the job put on the object's list, before that lock is released. Else everything is
 *   unlocked and starts again.
 *
 * A notifier makes the pages stale with that lock held, and then waits for the jobs on the
 * object's list. So it either sees the job of a use, or that use sees stale pages.
 * It is called with mmap_lock, i_mmap_rwsem or a folio's lock held and in reclaim: it takes
 * no dma_resv, allocates nothing, and meets no lock but those of the client, under which
 * nothing sleeps. Nothing on the way to the signal of a fence may allocate.
 *
 * A job is as long as its client likes, and there may be many before it in its queue. The
 * owner, a task of the address space, changes its own memory: it waits for a second, and then
 * the jobs on the object are ended, and those before them in their queues, which are of the same
 * client. What was queued then behind those gets no second of its own, so a client that has
 * work for hours on many objects costs one. When the address space goes, or its process was
 * killed while it changes it, there is none: nothing can see what the jobs do to it. That comes
 * before the file is closed, which would end them too.
 *
 * Strangers, which are reclaim, compaction and other processes, wait for no job that has not
 * begun: it has written nothing, and fails with EAGAIN for its client to submit it again. Jobs
 * that run have the time that the budget of their user allows (zcgem_patience.c), and are ended
 * then. Write-back does not wait at all: it only takes away the right to write, which concerns
 * no object that is read, and files with write-back cannot be mirrored for writing. The OOM
 * reaper may not sleep; it is refused only where a job runs at that moment, and has that end.
 *
 * Stale numbers are not given up at once but when the object is used next: until then
 * nothing looks at what they stand for.
 *
 * Pages that jobs may write to are marked dirty when they are mirrored. That a page table
 * entry is writable does not mean that it or the page is dirty: a page that was swapped in
 * by a read is clean, and reclaim would drop it without a look at what a job has written.
 * Once is enough, since whoever cleans a page must first take it out of the page table, or
 * write-protect it there, and that notifies.
 *
 * The object belongs to the address space that it was made in, which it does not keep
 * alive: mm_users is raised only to fault. After that address space is gone, by exit or
 * exec, there is nothing to mirror.
 *
 * Nothing but jobs may reach the pages: a CPU mapping or an importer's would have to be
 * zapped from a notifier that may hold the lock it takes. Removing a notifier waits for
 * all invalidations that run in the address space and so for fences, which is why the
 * object is freed by work.
 */

#include <linux/backing-dev.h>
#include <linux/cred.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/hmm.h>
#include <linux/hugetlb_inline.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include <drm/drm_print.h>

#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_patience.h"
#include "zcgem_trace.h"

#include <drm/zcgem_drm.h>

/* Pages asked for at once: a page of page numbers. */
#define ZCGEM_SVM_CHUNK		(PAGE_SIZE / sizeof(unsigned long))

/* One mirrored range, or one that is watched. */
struct zcgem_svm_range {
	unsigned long address;
	unsigned long size;
};

/* What hears of changes in one or several ranges. */
struct zcgem_svm_notifier {
	struct mmu_interval_notifier base;
	struct zcgem_object *obj;
	unsigned long address;
	unsigned long size;
};

struct zcgem_svm {
	/* Whose jobs use it, and whose lock says whether it is valid. */
	struct zcgem_client *client;
	struct mm_struct *mm;
	/* How long strangers wait for jobs, whatever object of the user they meet. */
	struct zcgem_patience *patience;
	/* Counts invalidations. Under the client's lock. */
	u64 generation;
	/* As the client has them. */
	unsigned int nr_ranges;
	struct zcgem_svm_range *ranges;
	/* By address; how many there are, and how many of those are registered. */
	unsigned int nr_notifiers;
	unsigned int nr_registered;
	struct zcgem_svm_notifier *notifiers;
};

/* How long the owner waits for jobs in a notifier, jiffies. */
#define ZCGEM_SVM_PATIENCE	HZ

static bool zcgem_svm_is_late(struct zcgem_client *client, u32 priority, u64 seqno)
{
	bool late;

	spin_lock(&client->lock);
	late = seqno <= client->queues[priority].late;
	spin_unlock(&client->lock);
	return late;
}

/* Waits for one job as long as the notifier's caller may be held up, and ends the job then. */
static void zcgem_svm_wait(struct zcgem_svm *svm, u32 priority, struct dma_fence *fence,
			   bool stranger, bool gone)
{
	u64 start = ktime_get_ns();
	long left = ZCGEM_SVM_PATIENCE;

	if (gone || (!stranger && zcgem_svm_is_late(svm->client, priority, fence->seqno)))
		left = 0;
	else if (stranger)
		left = nsecs_to_jiffies(zcgem_patience_left(svm->patience));

	left = dma_fence_wait_timeout(fence, false, left);
	if (stranger)
		zcgem_patience_spend(svm->patience, ktime_get_ns() - start);
	if (left > 0)
		return;
	zcgem_client_expedite(svm->client, priority, fence->seqno,
			      gone ? -ECANCELED : -ETIMEDOUT);
	dma_fence_wait(fence, false);
}

static bool zcgem_svm_invalidate(struct mmu_interval_notifier *notifier,
				 const struct mmu_notifier_range *range,
				 unsigned long cur_seq)
{
	struct zcgem_object *obj =
		container_of(notifier, struct zcgem_svm_notifier, base)->obj;
	struct dma_fence *fences[ZCGEM_PRIORITIES] = {};
	bool may_sleep = mmu_notifier_range_blockable(range), over = true;
	struct zcgem_svm *svm = obj->backing;
	bool gone, stranger;
	u32 i;

	/* A reader need not care that a page cannot be written any more. */
	if (obj->readonly && range->event == MMU_NOTIFY_PROTECTION_PAGE)
		return true;
	gone = range->event == MMU_NOTIFY_RELEASE ||
	       (current->mm == svm->mm && fatal_signal_pending(current));
	stranger = !gone && current->mm != svm->mm;

	spin_lock(&svm->client->lock);
	mmu_interval_set_seq(notifier, cur_seq);
	WRITE_ONCE(svm->generation, svm->generation + 1);
	zcgem_jobs_yield(obj, stranger || gone, gone ? -ECANCELED : -EAGAIN, fences);
	spin_unlock(&svm->client->lock);
	trace_zcgem_invalidate(obj);
	zcgem_client_end_jobs(svm->client);

	for (i = 0; i < ZCGEM_PRIORITIES; i++) {
		if (!fences[i])
			continue;
		if (may_sleep) {
			zcgem_svm_wait(svm, i, fences[i], stranger, gone);
		} else {
			zcgem_client_expedite(svm->client, i, fences[i]->seqno, -ECANCELED);
			over &= dma_fence_is_signaled(fences[i]);
		}
		dma_fence_put(fences[i]);
	}
	return over;
}

static const struct mmu_interval_notifier_ops zcgem_svm_notifier_ops = {
	.invalidate = zcgem_svm_invalidate,
};

/*
 * Anonymous memory, shmem, hugetlb and the page cache of file systems that write back. What
 * else can be mapped may have no struct page, none in the kernel's own mapping (secretmem),
 * or a driver behind it that moves it as it likes. HMM refuses VM_IO and VM_PFNMAP itself.
 */
static bool zcgem_svm_vma_allowed(struct zcgem_object *obj, struct vm_area_struct *vma)
{
	struct address_space *mapping;

	if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP))
		return false;
	/* What get_user_pages() does not let the kernel write to either. */
	if (!obj->readonly && vma->vm_flags & VM_SHADOW_STACK)
		return false;
	if (vma_is_anonymous(vma) || is_vm_hugetlb_page(vma))
		return true;
	if (!vma->vm_file)
		return false;

	mapping = vma->vm_file->f_mapping;
	if (shmem_mapping(mapping))
		return true;
	/* Jobs that write would hold up the write-back of others' files too. */
	if (!obj->readonly && vma->vm_flags & VM_SHARED)
		return false;
	return mapping_can_writeback(mapping) && !IS_DAX(mapping->host);
}

/* mmap_lock held. Where nothing is mapped HMM will find out. */
static int zcgem_svm_check_vmas(struct zcgem_object *obj, struct mm_struct *mm,
				unsigned long start, unsigned long end)
{
	struct vm_area_struct *vma;
	struct vma_iterator vmi;

	vma_iter_init(&vmi, mm, start);
	for_each_vma_range(vmi, vma, end) {
		if (!zcgem_svm_vma_allowed(obj, vma)) {
			drm_dbg_ratelimited(obj->bo.base.dev,
					    "the mapping at %#lx cannot be mirrored\n",
					    vma->vm_start);
			return -EFAULT;
		}
	}
	return 0;
}

/*
 * Look at the pages, which is only allowed while the notifier is kept from returning. To mark pages
 * of these kinds dirty is to set a bit, so a spinlock will do.
 * Return: 0, -EBUSY if they are stale by now, -EFAULT.
 */
static int zcgem_svm_take(struct zcgem_object *obj, const struct hmm_range *hmm)
{
	unsigned long i, npages = (hmm->end - hmm->start) >> PAGE_SHIFT;
	struct zcgem_svm *svm = obj->backing;
	struct folio *last = NULL;
	int ret = 0;

	spin_lock(&svm->client->lock);
	if (mmu_interval_read_retry(hmm->notifier, hmm->notifier_seq))
		ret = -EBUSY;
	for (i = 0; i < npages && !ret; i++) {
		struct page *page = hmm_pfn_to_page(hmm->hmm_pfns[i]);

		if (!(hmm->hmm_pfns[i] & HMM_PFN_VALID) || is_zone_device_page(page))
			ret = -EFAULT;
		if (ret || obj->readonly || page_folio(page) == last)
			continue;
		last = page_folio(page);
		if (!folio_test_dirty(last))
			folio_mark_dirty(last);
	}
	spin_unlock(&svm->client->lock);
	return ret;
}

static int zcgem_svm_append(struct zcgem_pages *pages, const struct hmm_range *hmm)
{
	unsigned long i = 0, npages = (hmm->end - hmm->start) >> PAGE_SHIFT;
	int ret;

	while (i < npages) {
		unsigned long pfn = page_to_pfn(hmm_pfn_to_page(hmm->hmm_pfns[i]));
		unsigned long n = 1;

		while (i + n < npages &&
		       page_to_pfn(hmm_pfn_to_page(hmm->hmm_pfns[i + n])) == pfn + n)
			n++;
		ret = zcgem_extents_append(&pages->extents, pfn, n);
		if (ret)
			return ret;
		i += n;
	}
	return 0;
}

/*
 * Faults in and appends pages of one range. Faulting a page in may move it, by
 * copy-on-write for instance, which notifies like all else: then this part is done
 * again, but not what went before.
 */
static int zcgem_svm_mirror_chunk(struct zcgem_object *obj, struct hmm_range *hmm,
				  struct zcgem_pages *pages)
{
	struct mm_struct *mm = hmm->notifier->mm;
	unsigned long npages = (hmm->end - hmm->start) >> PAGE_SHIFT;
	int ret;

	for (;;) {
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;

		/* Some bits are input as well, and not the same ones on all kernels. */
		memset(hmm->hmm_pfns, 0, npages * sizeof(*hmm->hmm_pfns));
		hmm->notifier_seq = mmu_interval_read_begin(hmm->notifier);

		if (mmap_read_lock_killable(mm))
			return -EINTR;
		ret = zcgem_svm_check_vmas(obj, mm, hmm->start, hmm->end);
		if (!ret)
			ret = hmm_range_fault(hmm);
		mmap_read_unlock(mm);

		if (!ret)
			ret = zcgem_svm_take(obj, hmm);
		if (!ret)
			return zcgem_svm_append(pages, hmm);
		/* EPERM is a mapping that cannot be written. */
		if (ret != -EBUSY)
			return ret == -ENOMEM ? ret : -EFAULT;
		if (signal_pending(current))
			return -EINTR;
	}
}

static struct mmu_interval_notifier *zcgem_svm_find_notifier(struct zcgem_svm *svm,
							     unsigned long address)
{
	unsigned int low = 0, high = svm->nr_notifiers;

	/* The last one that does not begin behind it. */
	while (high - low > 1) {
		unsigned int middle = low + (high - low) / 2;

		if (svm->notifiers[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return &svm->notifiers[low].base;
}

static int zcgem_svm_mirror_range(struct zcgem_object *obj, struct zcgem_svm_range *range,
				  struct zcgem_pages *pages, unsigned long *pfns)
{
	struct hmm_range hmm = {
		.notifier = zcgem_svm_find_notifier(obj->backing, range->address),
		.hmm_pfns = pfns,
		.default_flags = HMM_PFN_REQ_FAULT | (obj->readonly ? 0 : HMM_PFN_REQ_WRITE),
	};
	unsigned long end = range->address + range->size;
	int ret = 0;

	for (hmm.start = range->address; hmm.start != end && !ret; hmm.start = hmm.end) {
		hmm.end = hmm.start + min(end - hmm.start, ZCGEM_SVM_CHUNK << PAGE_SHIFT);
		ret = zcgem_svm_mirror_chunk(obj, &hmm, pages);
	}
	if (ret)
		drm_dbg_ratelimited(obj->bo.base.dev,
				    "range at %#lx cannot be mirrored: %d\n",
				    range->address, ret);
	return ret;
}

static u64 zcgem_svm_generation(struct zcgem_svm *svm)
{
	u64 generation;

	spin_lock(&svm->client->lock);
	generation = svm->generation;
	spin_unlock(&svm->client->lock);
	return generation;
}

/* All ranges, as they were at one moment. */
static struct zcgem_pages *zcgem_svm_mirror(struct zcgem_object *obj, unsigned long *pfns)
{
	struct zcgem_svm *svm = obj->backing;
	struct zcgem_pages *pages;
	unsigned int i;
	int ret;

	for (;;) {
		pages = zcgem_pages_alloc(zcgem_object_device(obj), ZCGEM_PINS_NONE,
					  !obj->readonly);
		if (!pages)
			return ERR_PTR(-ENOMEM);

		ret = 0;
		pages->generation = zcgem_svm_generation(svm);
		for (i = 0; i < svm->nr_ranges && !ret; i++)
			ret = zcgem_svm_mirror_range(obj, &svm->ranges[i], pages, pfns);
		if (!ret && zcgem_svm_generation(svm) == pages->generation) {
			zcgem_pages_seal(pages);
			return pages;
		}

		/* Whoever changes the range has the time; the caller may stop waiting. */
		if (!ret && signal_pending(current))
			ret = -EINTR;
		zcgem_pages_put(pages);
		if (ret)
			return ERR_PTR(ret);
	}
}

static struct zcgem_pages *zcgem_svm_prepare(struct zcgem_object *obj)
{
	struct zcgem_svm *svm = obj->backing;
	struct zcgem_pages *pages;
	unsigned long *pfns;

	pfns = kmalloc_array(ZCGEM_SVM_CHUNK, sizeof(*pfns), GFP_KERNEL_ACCOUNT);
	if (!pfns)
		return ERR_PTR(-ENOMEM);

	if (mmget_not_zero(svm->mm)) {
		pages = zcgem_svm_mirror(obj, pfns);
		mmput(svm->mm);
	} else {
		drm_dbg_ratelimited(obj->bo.base.dev,
				    "%s[%d]: the address space is gone\n",
				    obj->comm, obj->creator);
		pages = ERR_PTR(-EFAULT);
	}
	kfree(pfns);
	return pages;
}

static struct zcgem_pages *zcgem_svm_acquire(struct zcgem_object *obj, bool now)
{
	return ERR_PTR(-EAGAIN);
}

/* Without the client's lock the answer may be old. */
static bool zcgem_svm_still_valid(struct zcgem_object *obj)
{
	struct zcgem_svm *svm = obj->backing;

	return obj->pages->generation == READ_ONCE(svm->generation);
}

static bool zcgem_svm_current_pages(struct zcgem_object *obj, pgoff_t first, pgoff_t npages)
{
	return zcgem_svm_still_valid(obj);
}

static void zcgem_svm_retire(struct zcgem_object *obj)
{
	struct zcgem_counters *counters = &zcgem_object_device(obj)->counters;
	struct zcgem_svm *svm = obj->backing;

	while (svm->nr_registered) {
		mmu_interval_notifier_remove(&svm->notifiers[--svm->nr_registered].base);
		atomic_long_dec(&counters->notifiers);
	}
}

static void zcgem_svm_free(struct zcgem_svm *svm)
{
	mmdrop(svm->mm);
	zcgem_client_put(svm->client);
	if (svm->patience)
		zcgem_patience_put(svm->patience);
	zcgem_table_free(svm->notifiers);
	zcgem_table_free(svm->ranges);
	kfree(svm);
}

static void zcgem_svm_backing_free(struct zcgem_object *obj)
{
	zcgem_svm_free(obj->backing);
}

static const struct zcgem_backing_ops zcgem_svm_ops = {
	.name = "svm",
	.id = DRM_ZCGEM_BACKING_SVM,
	.flags = ZCGEM_BACKING_EVICTABLE | ZCGEM_BACKING_PRIVATE,
	.prepare = zcgem_svm_prepare,
	.acquire = zcgem_svm_acquire,
	.current_pages = zcgem_svm_current_pages,
	.still_valid = zcgem_svm_still_valid,
	.retire = zcgem_svm_retire,
	.free = zcgem_svm_backing_free,
};

static int zcgem_svm_compare(const void *a, const void *b)
{
	const struct zcgem_svm_range *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* Sorts ranges and joins those without a gap; returns how many are left. */
static unsigned int zcgem_svm_join(struct zcgem_svm_range *ranges, unsigned int count)
{
	unsigned int i, last = 0;

	sort(ranges, count, sizeof(*ranges), zcgem_svm_compare, NULL);
	for (i = 1; i < count; i++) {
		unsigned long end = ranges[i].address + ranges[i].size;
		struct zcgem_svm_range *to = &ranges[last];

		if (ranges[i].address > to->address + to->size)
			ranges[++last] = ranges[i];
		else if (end > to->address + to->size)
			to->size = end - to->address;
	}
	return last + 1;
}

static int zcgem_svm_make_notifiers(struct zcgem_svm *svm)
{
	struct zcgem_svm_range *joined;
	unsigned int i;

	joined = zcgem_table_alloc(svm->nr_ranges, sizeof(*joined));
	if (!joined)
		return -ENOMEM;
	memcpy(joined, svm->ranges, svm->nr_ranges * sizeof(*joined));
	svm->nr_notifiers = zcgem_svm_join(joined, svm->nr_ranges);
	svm->notifiers = zcgem_table_alloc(svm->nr_notifiers, sizeof(*svm->notifiers));
	for (i = 0; i < svm->nr_notifiers && svm->notifiers; i++) {
		svm->notifiers[i].address = joined[i].address;
		svm->notifiers[i].size = joined[i].size;
	}
	zcgem_table_free(joined);
	return svm->notifiers ? 0 : -ENOMEM;
}

static struct zcgem_svm *zcgem_svm_alloc(struct zcgem_client *client,
					 const struct drm_zcgem_userptr_range *ranges,
					 unsigned int nr_ranges)
{
	struct zcgem_svm *svm;
	unsigned int i;

	svm = kzalloc(sizeof(*svm), GFP_KERNEL_ACCOUNT);
	if (!svm)
		return NULL;
	svm->client = client;
	kref_get(&client->kref);
	svm->mm = current->mm;
	mmgrab(svm->mm);
	svm->patience = zcgem_patience_get(current_uid());
	svm->ranges = zcgem_table_alloc(nr_ranges, sizeof(*svm->ranges));
	if (!svm->patience || !svm->ranges)
		goto free;

	for (i = 0; i < nr_ranges; i++) {
		svm->ranges[i].address = ranges[i].address;
		svm->ranges[i].size = ranges[i].size;
	}
	svm->nr_ranges = nr_ranges;
	if (!zcgem_svm_make_notifiers(svm))
		return svm;
free:
	zcgem_svm_free(svm);
	return NULL;
}

static int zcgem_svm_watch(struct zcgem_object *obj)
{
	struct zcgem_counters *counters = &zcgem_object_device(obj)->counters;
	struct zcgem_svm *svm = obj->backing;
	int ret;

	while (svm->nr_registered < svm->nr_notifiers) {
		struct zcgem_svm_notifier *notifier = &svm->notifiers[svm->nr_registered];

		notifier->obj = obj;
		ret = mmu_interval_notifier_insert(&notifier->base, svm->mm, notifier->address,
						   notifier->size, &zcgem_svm_notifier_ops);
		if (ret)
			return ret;
		svm->nr_registered++;
		atomic_long_inc(&counters->notifiers);
		cond_resched();
	}
	return 0;
}

/**
 * zcgem_svm_create() - Make an object that mirrors the caller's address ranges.
 * @client: who makes it
 * @ranges: page aligned ranges that do not wrap around
 * @nr_ranges: how many, at least one
 * @size: sum of their sizes, bytes
 * @readonly: jobs may only read
 *
 * Return: the object, mirrored once, or an ERR_PTR() with an errno that
 * &struct drm_zcgem_gem_wrap_userptr names.
 */
struct zcgem_object *zcgem_svm_create(struct zcgem_client *client,
				      const struct drm_zcgem_userptr_range *ranges,
				      unsigned int nr_ranges, u64 size, bool readonly)
{
	struct zcgem_device *zdev = client->zdev;
	struct zcgem_object *obj;
	struct zcgem_svm *svm;
	int ret;

	if (!zcgem_has_engine())
		return ERR_PTR(zcgem_refuse(&zdev->drm, -EOPNOTSUPP, "the module has engine=0"));
	svm = zcgem_svm_alloc(client, ranges, nr_ranges);
	if (!svm)
		return ERR_PTR(-ENOMEM);
	obj = zcgem_object_alloc(zdev, &zcgem_svm_ops, svm);
	if (!obj) {
		zcgem_svm_free(svm);
		return ERR_PTR(-ENOMEM);
	}
	obj->readonly = readonly;

	ret = zcgem_object_init(obj, size, NULL);
	if (ret)
		return ERR_PTR(ret);

	/* From here on notifiers look at the object's fences. */
	ret = zcgem_svm_watch(obj);
	if (!ret)
		ret = zcgem_object_prepare(obj, 0, 0);
	if (ret) {
		drm_gem_object_put(&obj->bo.base);
		return ERR_PTR(ret);
	}
	return obj;
}
