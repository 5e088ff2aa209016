/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_DEVICE_H_
#define _ZCGEM_DEVICE_H_

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/list_lru.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>
#include <drm/ttm/ttm_device.h>

#include "zcgem_job.h"

struct shrinker;
struct vfsmount;

/**
 * struct zcgem_counters - What exists on a device now, for leak checks.
 *
 * Each is raised and lowered by the code that owns the thing counted.
 */
struct zcgem_counters {
	/** @objects: GEM objects. */
	atomic_long_t objects;

	/** @resident_pages: Pages that objects hold. */
	atomic_long_t resident_pages;

	/** @pinned_folios: Pins on folios that are not the driver's own. */
	atomic_long_t pinned_folios;

	/** @charged_pages: Pages charged to RLIMIT_MEMLOCK of users. */
	atomic_long_t charged_pages;

	/** @mappings: VMAs of objects. */
	atomic_long_t mappings;

	/** @attachments: Devices attached to exported objects. */
	atomic_long_t attachments;

	/** @dma_maps: Scatter lists handed to importers. */
	atomic_long_t dma_maps;

	/** @jobs: Submits that have not been freed. */
	atomic_long_t jobs;

	/** @notifiers: MMU notifiers of SVM objects. */
	atomic_long_t notifiers;

	/** @evictions: How often pages of an object were taken back so far. */
	atomic_long_t evictions;

	/** @watch_looks: How often a watched range was looked at so far. */
	atomic_long_t watch_looks;
};

/**
 * struct zcgem_device - One zcgem device.
 */
struct zcgem_device {
	/** @drm: The DRM device, with the reference count. */
	struct drm_device drm;

	/** @offsets: Places of objects in the device's file. */
	struct drm_vma_offset_manager offsets;

	/** @ttm: TTM's side of the device. */
	struct ttm_device ttm;

	/** @huge_mnt: Where the files of pool objects get huge pages, or NULL. */
	struct vfsmount *huge_mnt;

	/** @counters: What exists now. */
	struct zcgem_counters counters;

	/**
	 * @wq: Work that must not be done where it turns up, see zcgem_watch.c. It may wait
	 * for fences, so nothing may wait for it that a fence or a client waits for.
	 */
	struct workqueue_struct *wq;

	/** @engine: What copies and fills. */
	struct zcgem_engine engine;

	/** @objects_lock: Guards @objects; a leaf lock. */
	spinlock_t objects_lock;

	/** @lru: Resident objects that reclaim can gain from, by memory cgroup and node. */
	struct list_lru lru;

	/** @idle_lock: Protects the next three fields and &zcgem_object.idle; a leaf lock. */
	spinlock_t idle_lock;

	/** @idle: Resident objects that can be evicted, oldest use first. */
	struct list_head idle;

	/** @lru_objects: How many of them reclaim can gain from. */
	unsigned long lru_objects;

	/** @lru_pages: Pages of these. */
	unsigned long lru_pages;

	/** @shrinker: Takes their pins back when memory is short. */
	struct shrinker *shrinker;

	/** @idle_work: Takes them back when they have not been used for long. */
	struct delayed_work idle_work;

	/** @unmapped: Woken when an importer has unmapped. */
	wait_queue_head_t unmapped;

	/** @objects: All objects, oldest first, by &zcgem_object.link. */
	struct list_head objects;
};

#define to_zcgem(d) container_of(d, struct zcgem_device, drm)

/**
 * zcgem_refuse() - Refuse a call and say why.
 * @drm: the device
 * @error: negative errno, the value of the expression
 * @fmt: the reason, as printf() takes it, without the end of the line
 * @...: what it prints
 *
 * The reason goes to the kernel log at most ten times in five seconds for each place, and
 * only when DRM debugging is on.
 */
#define zcgem_refuse(drm, error, fmt, ...) ({				\
	drm_dbg_ratelimited(drm, fmt "\n", ##__VA_ARGS__);		\
	(error);							\
})

#endif /* _ZCGEM_DEVICE_H_ */
