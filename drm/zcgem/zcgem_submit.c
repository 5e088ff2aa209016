// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: submit
 *
 * Turns a submit into a job: everything that can fail is done first, then the job put on its lists
 * and its fence published on the objects, then the fence put into syncobjs, where a long timeline
 * may take its time, so no lock is held then. A submit that fails has published nothing.
 *
 * The objects' pages must be there and be those of today when the fence is published,
 * and stay until it signals. What needs mmap_lock or inode locks is done before the
 * objects are locked (zcgem_object_prepare()), and so is what waits for fences, which others
 * would wait for who need one of the objects; once all are locked each is looked at again,
 * and if one has no pages or old ones all are released and it starts again. Memory
 * that can go without dma_resv, by an MMU notifier, is looked at once more under the client's
 * lock (&zcgem_backing_ops.still_valid), with which the notifier marks it; under that lock the job
 * is put on the lists of its objects, where the notifier finds it.
 *
 * Locks, outermost first: dma_resv of the objects (drm_exec), the client's lock, jobs_lock of an
 * object. The last two are spinlocks, and nothing that is done with each object but a list_add() is
 * done under them.
 */

#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/drm_syncobj.h>

#include "zcgem_device.h"
#include "zcgem_fence.h"
#include "zcgem_ioctl.h"
#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_prime.h"
#include "zcgem_shrinker.h"
#include "zcgem_submit.h"
#include "zcgem_trace.h"

#include <drm/zcgem_drm.h>

/* An object may share its dma_resv with another one: a fence of each usage. */
#define ZCGEM_FENCES_PER_OBJECT	2

/* &zcgem_job.cost of what the caller does itself: 64 KiB in some rows, tens of microseconds. */
#define ZCGEM_COST_AT_ONCE	(SZ_64K + SZ_4K)

static bool zcgem_is_foreign(const struct zcgem_job_object *o)
{
	return o->obj->ops->flags & ZCGEM_BACKING_FOREIGN;
}

/*
 * dma_resv held. Only pages that the job touches are looked at, so that a small job costs
 * the same whatever the object's size.
 */
static bool zcgem_submit_is_stale(const struct zcgem_job_object *o)
{
	struct zcgem_object *obj = o->obj;

	return obj->pages && !obj->pins &&
	       !zcgem_object_is_current(obj, o->first, o->end - o->first);
}

/* No locks held. For objects that have no pages, or in another round stale ones. */
static int zcgem_submit_prepare(struct zcgem_job *job, bool again)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < job->nr_objects && !ret; i++) {
		const struct zcgem_job_object *o = &job->objects[i];

		if (zcgem_is_foreign(o))
			ret = zcgem_prime_prepare(o->obj->bo.base.import_attach->dmabuf, again);
		else if (again || !READ_ONCE(o->obj->pages))
			ret = zcgem_object_prepare(o->obj, o->first,
						   again ? o->end - o->first : 0);
	}
	return ret;
}

static int zcgem_submit_lock(struct zcgem_job *job, struct drm_exec *exec)
{
	unsigned int i;
	int ret = 0;

	drm_exec_until_all_locked(exec) {
		for (i = 0; i < job->nr_objects; i++) {
			ret = drm_exec_prepare_obj(exec, &job->objects[i].obj->bo.base,
						   ZCGEM_FENCES_PER_OBJECT);
			drm_exec_retry_on_contention(exec);
			if (ret)
				return ret;
		}
	}
	return ret;
}

/*
 * dma_resv of all objects held, so nothing here waits for fences. In later rounds it may wait
 * for memory, so that reclaim cannot make a submit begin again without end.
 * Return: 0 with the pages, or the mapping, that the job will use; -EAGAIN if the pages are
 * not those of today.
 */
static int zcgem_submit_get_memory(struct zcgem_job_object *o, bool again)
{
	struct zcgem_object *obj = o->obj;
	int ret;

	if (!zcgem_is_foreign(o)) {
		ret = again ? zcgem_object_acquire_now(obj) : zcgem_object_acquire(obj);
		if (ret)
			return ret;
		if (zcgem_submit_is_stale(o))
			return -EAGAIN;
		zcgem_shrinker_touch(obj);
		o->pages = zcgem_pages_get(obj->pages);
		return 0;
	}

	ret = zcgem_prime_vmap(obj->bo.base.import_attach->dmabuf, &o->map, again);
	if (!ret && o->map.is_iomem) {
		dma_buf_vunmap(obj->bo.base.import_attach->dmabuf, &o->map);
		iosys_map_clear(&o->map);
		return zcgem_refuse(obj->bo.base.dev, -EOPNOTSUPP,
				    "imported object is not memory");
	}
	/* The exporter may have added fences of its own. */
	return ret ? ret : dma_resv_reserve_fences(obj->bo.base.resv, ZCGEM_FENCES_PER_OBJECT);
}

/* dma_resv held. */
static int zcgem_submit_get_fences(struct zcgem_job *job, const struct zcgem_job_object *o,
				   bool implicit)
{
	enum dma_resv_usage usage = implicit ? dma_resv_usage_rw(o->write) :
				    DMA_RESV_USAGE_KERNEL;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret = 0;

	dma_resv_for_each_fence(&cursor, o->obj->bo.base.resv, usage, fence) {
		ret = zcgem_deps_add(&job->deps, fence, false);
		if (ret)
			break;
	}
	return ret;
}

static int zcgem_submit_get(struct zcgem_job *job, bool implicit, bool again)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < job->nr_objects && !ret; i++)
		ret = zcgem_submit_get_memory(&job->objects[i], again);
	for (i = 0; i < job->nr_objects && !ret; i++)
		ret = zcgem_submit_get_fences(job, &job->objects[i], implicit);
	return ret ? ret : zcgem_deps_end(&job->deps);
}

/*
 * Puts the job where it will be found, unless memory has gone. From here on its fence will be
 * waited for, so nothing can fail any more.
 */
static int zcgem_submit_enlist(struct zcgem_job *job, struct zcgem_fence *fence)
{
	struct zcgem_queue *queue = job->queue;
	unsigned int i;

	spin_lock(&queue->client->lock);
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_object *obj = job->objects[i].obj;

		if (obj->ops->still_valid && !obj->ops->still_valid(obj)) {
			spin_unlock(&queue->client->lock);
			return -EAGAIN;
		}
	}
	zcgem_fence_init(fence, queue->context, ++queue->seqno);
	job->fence = fence;
	list_add_tail(&job->link, &queue->jobs);
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_job_object *o = &job->objects[i];

		spin_lock(&o->obj->jobs_lock);
		list_add_tail(&o->link, &o->obj->jobs);
		spin_unlock(&o->obj->jobs_lock);
	}
	spin_unlock(&queue->client->lock);
	return 0;
}

/* On success returns 0 with a reference to the fence, the job's may be gone. */
static int zcgem_submit_queue(struct zcgem_job *job, bool implicit, struct dma_fence **out)
{
	struct zcgem_fence *fence = zcgem_fence_alloc();
	unsigned int i;
	bool cookie;
	int ret;

	if (!fence)
		return -ENOMEM;

	cookie = dma_fence_begin_signalling();
	ret = zcgem_submit_enlist(job, fence);
	if (!ret) {
		for (i = 0; i < job->nr_objects; i++) {
			const struct zcgem_job_object *o = &job->objects[i];
			enum dma_resv_usage usage = o->write ? DMA_RESV_USAGE_WRITE :
						    DMA_RESV_USAGE_READ;

			dma_resv_add_fence(o->obj->bo.base.resv, &fence->base,
					   implicit ? usage : DMA_RESV_USAGE_BOOKKEEP);
		}
		trace_zcgem_submit(job);
		*out = dma_fence_get(&fence->base);
		/* From here on it may be run, or ended, and freed. */
		smp_store_release(&job->accepted, true);
		zcgem_queue_kick(job->queue);
	}
	dma_fence_end_signalling(cookie);
	if (ret)
		kfree(fence);
	return ret;
}

/*
 * dma_resv held. Jobs that are accepted in here are cancelled by zcgem_remove(), which
 * waits for all tasks in such a section of any DRM device: nothing in it may block for
 * long.
 */
static int zcgem_submit_accept(struct zcgem_job *job, bool implicit, struct dma_fence **fence)
{
	int idx, ret = 0;

	if (!drm_dev_enter(&job->queue->client->zdev->drm, &idx))
		return -ENODEV;
	if (job->cost <= ZCGEM_COST_AT_ONCE && !job->deps.count && !job->deps.error)
		ret = zcgem_job_run_at_once(job);
	if (!ret)
		ret = zcgem_submit_queue(job, implicit, fence);
	drm_dev_exit(idx);
	return ret;
}

/*
 * One attempt. -EAGAIN: zcgem_submit_prepare() has to be called again; 1: the job was done; 0: a
 * job that was accepted and may be gone.
 */
static int zcgem_submit_try(struct zcgem_job *job, bool implicit, bool again,
			    struct dma_fence **fence)
{
	struct drm_exec exec;
	int ret;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		      job->nr_objects);
	ret = zcgem_submit_lock(job, &exec);
	if (!ret) {
		ret = zcgem_submit_get(job, implicit, again);
		if (!ret)
			ret = zcgem_submit_accept(job, implicit, fence);
		if (ret) {
			zcgem_job_forget_memory(job);
			zcgem_deps_drop_implicit(&job->deps);
		}
	}
	drm_exec_fini(&exec);
	return ret;
}

/* As zcgem_submit_try(), but never -EAGAIN. */
static int zcgem_submit_job(struct zcgem_job *job, bool implicit, struct dma_fence **fence)
{
	bool again = false;
	int ret;

	do {
		ret = zcgem_submit_prepare(job, again);
		if (!ret)
			ret = zcgem_submit_try(job, implicit, again, fence);
		if (ret == -EAGAIN && signal_pending(current))
			ret = -ERESTARTSYS;
		again = true;
	} while (ret == -EAGAIN);
	return ret;
}

/* No locks held. */
static void zcgem_submit_fill_out_syncs(struct zcgem_out_sync *syncs, u32 count,
					struct dma_fence *fence)
{
	u32 i;

	for (i = 0; i < count; i++) {
		struct zcgem_out_sync *out = &syncs[i];

		if (out->chain) {
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
			out->chain = NULL;
		} else {
			drm_syncobj_replace_fence(out->syncobj, fence);
		}
		cond_resched();
	}
}

/* Returns 0 for a job that was accepted and may be gone, 1 for one that was done, or an error. */
static int zcgem_submit(struct drm_file *file, struct zcgem_job *job,
			const struct drm_zcgem_submit *args)
{
	bool implicit = !(args->flags & DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC);
	struct zcgem_out_sync *out_syncs;
	struct dma_fence *fence = NULL;
	int ret;

	ret = zcgem_submit_get_ops(file, job, args);
	if (ret)
		return ret;
	out_syncs = zcgem_submit_get_out_syncs(file, args);
	if (IS_ERR(out_syncs))
		return PTR_ERR(out_syncs);

	ret = zcgem_submit_get_in_syncs(file, job, args);
	if (!ret)
		ret = zcgem_submit_job(job, implicit, &fence);
	if (ret > 0)
		fence = dma_fence_get_stub();
	if (ret >= 0)
		zcgem_submit_fill_out_syncs(out_syncs, args->out_syncs.count, fence);
	dma_fence_put(fence);
	zcgem_submit_put_out_syncs(out_syncs, args->out_syncs.count);
	return ret;
}

/**
 * zcgem_ioctl_submit() - %DRM_IOCTL_ZCGEM_SUBMIT.
 * @drm: the device
 * @data: &struct drm_zcgem_submit
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	const struct drm_zcgem_submit *args = data;
	struct zcgem_client *client = file->driver_priv;
	struct zcgem_job *job;
	int ret;

	if (!zcgem_has_engine())
		return zcgem_refuse(drm, -EOPNOTSUPP, "the module has engine=0");
	if (args->flags & ~DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC ||
	    args->priority >= ZCGEM_PRIORITIES)
		return zcgem_refuse(drm, -EINVAL, "flags %#x priority %u", args->flags,
				    args->priority);
	if (args->priority == DRM_ZCGEM_PRIORITY_HIGH && !capable(CAP_SYS_NICE))
		return zcgem_refuse(drm, -EPERM, "high priority takes CAP_SYS_NICE");
	ret = zcgem_submit_check_ops(drm, args);
	if (ret)
		return ret;

	job = zcgem_job_alloc(&client->queues[args->priority], args->ops.count);
	if (IS_ERR(job))
		return PTR_ERR(job);
	ret = zcgem_submit(file, job, args);
	if (ret)
		zcgem_job_free(job);
	return ret > 0 ? 0 : ret;
}
