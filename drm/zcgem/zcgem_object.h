/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_OBJECT_H_
#define _ZCGEM_OBJECT_H_

#include <linux/iosys-map.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <drm/drm_gem.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_tt.h>

#include "zcgem_account.h"
#include "zcgem_device.h"
#include "zcgem_pages.h"
#include "zcgem_wc.h"

struct zcgem_object;

/**
 * ZCGEM_MAX_SIZE - Largest object, bytes.
 *
 * More than machines have for one object, and so little that a device's file, in which
 * every object has a place, has room for more objects than a machine has memory.
 */
#define ZCGEM_MAX_SIZE		BIT_ULL(39)

/** ZCGEM_BACKING_MAPPABLE - Objects can be mapped by the CPU. */
#define ZCGEM_BACKING_MAPPABLE	BIT(0)
/** ZCGEM_BACKING_EVICTABLE - Pages can be given back and had again by acquire. */
#define ZCGEM_BACKING_EVICTABLE	BIT(1)
/** ZCGEM_BACKING_FOREIGN - The memory is another driver's; there are no pages. */
#define ZCGEM_BACKING_FOREIGN	BIT(2)
/** ZCGEM_BACKING_ANONYMOUS - Pages may be anonymous, mapped by their process as well. */
#define ZCGEM_BACKING_ANONYMOUS	BIT(3)
/** ZCGEM_BACKING_PRIVATE - Objects cannot be exported. */
#define ZCGEM_BACKING_PRIVATE	BIT(4)

/**
 * struct zcgem_backing_ops - What differs between kinds of memory.
 *
 * Only zcgem_object.c and zcgem_residency.c call these, and zcgem_submit.c
 * @still_valid.
 */
struct zcgem_backing_ops {
	/** @name: For people, in debugfs. */
	const char *name;

	/** @id: One of &enum drm_zcgem_backing. */
	u32 id;

	/** @flags: Bits named ZCGEM_BACKING_*. */
	unsigned int flags;

	/**
	 * @prepare: Get the pages where any lock may be taken.
	 *
	 * Called without dma_resv and mmap_lock when @acquire has returned
	 * -EAGAIN. Returns a sealed set with one reference or an ERR_PTR()
	 * that is not -EAGAIN.
	 */
	struct zcgem_pages *(*prepare)(struct zcgem_object *obj);

	/**
	 * @acquire: Get the pages under dma_resv.
	 *
	 * Called with the object's dma_resv held, perhaps under mmap_lock, so
	 * it must not take mmap_lock or an inode lock nor use GUP or HMM.
	 * Returns a sealed set with one reference or an ERR_PTR(), -EAGAIN if
	 * only @prepare can do it, or should because it takes long. With @now
	 * the caller has no way to call @prepare first.
	 */
	struct zcgem_pages *(*acquire)(struct zcgem_object *obj, bool now);

	/** @release: Undo @acquire beyond dropping the set. Optional, dma_resv held. */
	void (*release)(struct zcgem_object *obj);

	/**
	 * @current_pages: Are the object's pages still those of their source?
	 *
	 * Called with dma_resv held for a resident object. Optional; without it
	 * they always are.
	 */
	bool (*current_pages)(struct zcgem_object *obj, pgoff_t first, pgoff_t npages);

	/**
	 * @still_valid: Has memory that can go without dma_resv stayed?
	 *
	 * For backings whose memory an MMU notifier takes away, which may not take
	 * dma_resv. A submit calls it with the dma_resv of all its objects held and
	 * &zcgem_client.lock held, a spinlock, after @current_pages has
	 * said yes, and puts its job on the lists of its objects before it releases
	 * that. The notifier marks the memory as gone with the same lock held, finds
	 * the jobs on the object (zcgem_jobs_yield()), and then waits for their fences.
	 * So either this sees the mark, or the notifier sees the job.
	 *
	 * On false the submit lets go of all locks and begins anew with
	 * zcgem_object_prepare(), which calls @prepare if @current_pages and then
	 * @acquire say that the pages are no longer good. Optional; without it
	 * memory stays as long as dma_resv is held.
	 */
	bool (*still_valid)(struct zcgem_object *obj);

	/**
	 * @retire: End what may still look at the object's fences. No locks held, in
	 * work of its own, so that it may wait for anything. Optional.
	 */
	void (*retire)(struct zcgem_object *obj);

	/** @free: Free the private part. No locks held. Optional. */
	void (*free)(struct zcgem_object *obj);
};

/**
 * struct zcgem_object - A GEM object.
 *
 * Fields without a lock named are set at creation and then constant.
 */
struct zcgem_object {
	/** @bo: TTM's buffer object, which embeds the GEM object. */
	struct ttm_buffer_object bo;

	/** @tt: What TTM wants every object to have. */
	struct ttm_tt tt;

	/** @ops: The kind of memory. */
	const struct zcgem_backing_ops *ops;

	/** @backing: Private to @ops. */
	void *backing;

	/** @readonly: Nobody may write through the object. */
	bool readonly;

	/** @reclaimable: Reclaim gains something if the pages are unpinned. */
	bool reclaimable;

	/** @prepare_only: acquire() cannot do without prepare(). */
	bool prepare_only;

	/** @wc: The CPU maps the pages write-combined. */
	bool wc;

	/** @revoked: Withdrawn for good. Written under dma_resv. */
	bool revoked;

	/** @client: &drm_file.client_id of the creator. */
	u64 client;

	/**
	 * @pages: The pages while resident, else NULL. Under dma_resv; whether there are any
	 * is asked without it, too.
	 */
	struct zcgem_pages *pages;

	/** @staged: What prepare() got, on its way to @pages. Under dma_resv. */
	struct zcgem_pages *staged;

	/**
	 * @acquire_error: Why the last zcgem_object_prepare() left the object without
	 * pages; 0 once it has had pages again. Under dma_resv.
	 */
	int acquire_error;

	/** @pins: Users that forbid eviction: vmaps, dma-buf pins. Under dma_resv. */
	unsigned int pins;

	/** @vmap_count: Users of @vaddr. Under dma_resv. */
	unsigned int vmap_count;

	/** @vaddr: Kernel mapping while @vmap_count is not zero. Under dma_resv. */
	void *vaddr;

	/** @vmap_pages: The pages that @vaddr maps, held for it. Under dma_resv. */
	struct zcgem_pages *vmap_pages;

	/** @vmap_zeroes: The page that @vaddr maps in place of each instead. Under dma_resv. */
	struct page *vmap_zeroes;

	/** @vaddr_vmapped: @vaddr came from vmap(), not from the linear map. */
	bool vaddr_vmapped;

	/** @dma_maps: Importers' scatter lists, &zcgem_dma_map.link. Under dma_resv. */
	struct list_head dma_maps;

	/** @revocable_maps: How many of them their importers end when notified. Under dma_resv. */
	unsigned int revocable_maps;

	/** @jobs_lock: Guards @jobs and their pages of the object; a leaf lock. */
	spinlock_t jobs_lock;

	/** @jobs: What uses the object, &zcgem_job_object.link. */
	struct list_head jobs;

	/** @attachments: Devices attached to the dma-buf. */
	atomic_t attachments;

	/** @mappings: VMAs. */
	atomic_t mappings;

	/**
	 * @map_order: Order of the largest page table leaf that can map the
	 * pages; a hint for placing mappings, read without a lock.
	 */
	unsigned int map_order;

	/** @map_phase: What page 0's address must be modulo 2^@map_order, in pages. */
	unsigned long map_phase;

	/** @faults: Faults served by an entry of PTE, PMD, PUD size. */
	atomic64_t faults[3];

	/** @evictions: How often the pages were taken back. */
	atomic64_t evictions;

	/** @charge: Who pays, and what is charged now. Changed under dma_resv. */
	struct zcgem_charge charge;

	/**
	 * @holds: Attachments and pins, for which the object is charged. One more for an
	 * address range. Protected by dma_resv.
	 */
	unsigned int holds;

	/** @in_order: The pages are of one file, in its order and none twice. */
	bool in_order;

	/** @link: In &zcgem_device.objects. */
	struct list_head link;

	/** @lru: In &zcgem_device.lru while resident. Changed under dma_resv. */
	struct list_head lru;

	/** @referenced: Used since reclaim looked at the object last. */
	bool referenced;

	/** @idle: In &zcgem_device.idle while resident and evictable. */
	struct list_head idle;

	/** @evict_work: Unpins a large object that reclaim has found. */
	struct work_struct evict_work;

	/** @idle_at: When the object was unpinned after idle_seconds, jiffies; or 0. */
	unsigned long idle_at;

	/** @spared: How many idle_seconds it is spared since it came back soon. */
	unsigned int spared;

	/** @chances: How many of them are left. */
	unsigned int chances;

	/** @last_use: When the pages were last asked for, jiffies. Written under idle_lock. */
	unsigned long last_use;

	/** @free_work: Frees an object whose backing must be retired. */
	struct work_struct free_work;

	/** @creator: PID of the creating process in the initial namespace. */
	pid_t creator;

	/** @comm: Its name then. */
	char comm[TASK_COMM_LEN];
};

/* Index into &zcgem_object.faults. */
enum zcgem_leaf {
	ZCGEM_LEAF_PTE,
	ZCGEM_LEAF_PMD,
	ZCGEM_LEAF_PUD,
};

#define to_zcgem_object(gem) container_of(gem, struct zcgem_object, bo.base)

static inline struct zcgem_device *zcgem_object_device(struct zcgem_object *obj)
{
	return to_zcgem(obj->bo.base.dev);
}

/* A wait that a signal has ended. */
static inline bool zcgem_is_signal(int error)
{
	return error == -EINTR || error == -ERESTARTSYS;
}

static inline pgoff_t zcgem_object_npages(struct zcgem_object *obj)
{
	return obj->bo.base.size >> PAGE_SHIFT;
}

int zcgem_objects_init(void);
void zcgem_objects_exit(void);
struct zcgem_object *zcgem_object_alloc(struct zcgem_device *zdev,
					const struct zcgem_backing_ops *ops,
					void *backing);
int zcgem_object_init(struct zcgem_object *obj, u64 size, struct dma_resv *resv);
void zcgem_object_abandon(struct zcgem_object *obj);
int zcgem_object_lock(struct zcgem_object *obj);
void zcgem_object_unlock(struct zcgem_object *obj);
int zcgem_object_mmap_offset(struct zcgem_object *obj, u64 *offset);
pgprot_t zcgem_object_pgprot(struct zcgem_object *obj, pgprot_t prot);

extern const struct drm_gem_object_funcs zcgem_gem_funcs;

/* zcgem_residency.c */
int zcgem_object_prepare(struct zcgem_object *obj, pgoff_t first, pgoff_t npages);
int zcgem_object_acquire(struct zcgem_object *obj);
int zcgem_object_acquire_now(struct zcgem_object *obj);
bool zcgem_object_is_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages);
int zcgem_object_acquire_current(struct zcgem_object *obj, pgoff_t first, pgoff_t npages,
				 bool wait);
int zcgem_object_pin(struct zcgem_object *obj, bool wait);
void zcgem_object_unpin(struct zcgem_object *obj);
void zcgem_object_release_pages(struct zcgem_object *obj);
void zcgem_object_zap(struct zcgem_object *obj);
struct dma_fence *zcgem_object_drop_stale(struct zcgem_object *obj, pgoff_t first, pgoff_t npages);
void zcgem_object_unmap_foreign(struct zcgem_object *obj);
int zcgem_object_revoke(struct zcgem_object *obj, bool wait);
int zcgem_object_evict(struct zcgem_object *obj, bool wait);
int zcgem_object_when_idle(struct zcgem_object *obj,
			   int (*step)(struct zcgem_object *obj, bool wait));

/* zcgem_hold.c */
int zcgem_object_charge(struct zcgem_object *obj, unsigned long npages);
int zcgem_object_recharge(struct zcgem_object *obj);
void zcgem_object_refund(struct zcgem_object *obj);
int zcgem_object_hold(struct zcgem_object *obj);
void zcgem_object_unhold(struct zcgem_object *obj);

/* zcgem_vmap.c */
int zcgem_object_vmap(struct zcgem_object *obj, struct iosys_map *map, bool wait);
int zcgem_object_vmap_anyway(struct zcgem_object *obj, struct iosys_map *map);
void zcgem_object_vunmap(struct zcgem_object *obj);

/* zcgem_ttm.c */
extern const struct ttm_device_funcs zcgem_ttm_funcs;
extern struct ttm_placement zcgem_no_placement;
void zcgem_ttm_destroy(struct ttm_buffer_object *bo);

/* zcgem_backing_*.c */
struct drm_zcgem_gem_create;
struct drm_zcgem_gem_wrap_memfd;
struct drm_zcgem_gem_wrap_userptr;
struct drm_zcgem_userptr_range;

struct zcgem_object *zcgem_pool_create(struct zcgem_device *zdev, u64 size, u32 flags);
struct zcgem_object *zcgem_memfd_create(struct zcgem_device *zdev,
					const struct drm_zcgem_gem_wrap_memfd *args);
struct zcgem_object *zcgem_userptr_create(struct zcgem_device *zdev,
					  struct zcgem_client *client,
					  const struct drm_zcgem_gem_wrap_userptr *args);
struct zcgem_object *zcgem_svm_create(struct zcgem_client *client,
				      const struct drm_zcgem_userptr_range *ranges,
				      unsigned int nr_ranges, u64 size, bool readonly);
struct drm_gem_object *zcgem_import_create(struct drm_device *drm, struct dma_buf *dmabuf);
int zcgem_import_mmap(struct zcgem_object *obj, struct vm_area_struct *vma);

#endif /* _ZCGEM_OBJECT_H_ */
