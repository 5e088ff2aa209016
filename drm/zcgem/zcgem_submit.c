// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: submit
 *
 * Turns a submit into a job: everything that can fail is done first, then the fence of
 * the job is published on the objects and the job queued, then the fence put into syncobjs,
 * where a long timeline may take its time, so no lock is held then. A submit that fails
 * has published nothing.
 *
 * The objects' pages must be there and be those of today when the fence is published,
 * and stay until it signals. What needs mmap_lock or inode locks is done before the
 * objects are locked (zcgem_object_prepare()), and so is what waits for fences, which others
 * would wait for who need one of the objects; once all are locked each is looked at again,
 * and if one has no pages or old ones all are let go of and it starts again. Memory
 * that can go without dma_resv, by an MMU notifier, is looked at once more under
 * notifier_lock (&zcgem_backing_ops.still_valid), with which the notifier marks it; when
 * the notifier then waits for the fences on the object it finds the job's.
 *
 * Locks, outermost first: dma_resv of the objects (drm_exec), notifier_lock, the queue's
 * lock, jobs_lock. From notifier_lock on nothing allocates.
 */

#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence-chain.h>
#include <linux/dma-resv.h>
#include <linux/sched/signal.h>

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

/* No locks held. With @refresh for objects whose pages may be stale too. */
static int zcgem_submit_prepare(struct zcgem_job *job, bool refresh)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < job->nr_objects && !ret; i++) {
		const struct zcgem_job_object *o = &job->objects[i];

		if (zcgem_is_foreign(o))
			ret = zcgem_prime_prepare(o->obj->bo.base.import_attach->dmabuf, refresh);
		else
			ret = zcgem_object_prepare(o->obj, o->first,
						   refresh ? o->end - o->first : 0);
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
 * dma_resv of all objects held, so nothing here waits for fences.
 * Return: 0 with the pages, or the mapping, that the job will use; -EAGAIN if the pages are
 * not those of today.
 */
static int zcgem_submit_get_memory(struct zcgem_job_object *o)
{
	struct zcgem_object *obj = o->obj;
	int ret;

	if (!zcgem_is_foreign(o)) {
		ret = zcgem_object_acquire(obj);
		if (ret)
			return ret;
		if (zcgem_submit_is_stale(o))
			return -EAGAIN;
		zcgem_shrinker_touch(obj);
		o->pages = zcgem_pages_get(obj->pages);
		return 0;
	}

	ret = zcgem_prime_vmap(obj->bo.base.import_attach->dmabuf, &o->map);
	if (ret || !o->map.is_iomem)
		return ret;
	drm_dbg_ratelimited(obj->bo.base.dev, "imported object is not memory\n");
	dma_buf_vunmap(obj->bo.base.import_attach->dmabuf, &o->map);
	iosys_map_clear(&o->map);
	return -EOPNOTSUPP;
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

/* notifier_lock held. */
static bool zcgem_submit_is_valid(struct zcgem_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_object *obj = job->objects[i].obj;

		if (obj->ops->still_valid && !obj->ops->still_valid(obj))
			return false;
	}
	return true;
}

/* Nothing can fail any more. Returns a reference to the fence: the job may be gone. */
static struct dma_fence *zcgem_submit_publish(struct zcgem_job *job,
					      const struct drm_zcgem_submit *args)
{
	struct zcgem_queue *queue = job->queue;
	struct dma_fence *fence = &job->fence->base;
	unsigned int i;

	mutex_lock(&queue->lock);
	drm_sched_job_arm(&job->base);
	zcgem_fence_init(job->fence, queue->context, ++queue->seqno);
	dma_fence_get(fence);

	for (i = 0; i < job->nr_objects; i++) {
		enum dma_resv_usage usage = job->objects[i].write ? DMA_RESV_USAGE_WRITE :
					    DMA_RESV_USAGE_READ;

		if (args->flags & DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC)
			usage = DMA_RESV_USAGE_BOOKKEEP;
		dma_resv_add_fence(job->objects[i].obj->bo.base.resv, fence, usage);
	}

	trace_zcgem_submit(job);
	zcgem_jobs_add(job);
	zcgem_deps_arm(&job->deps);
	drm_sched_entity_push_job(&job->base);
	mutex_unlock(&queue->lock);
	return fence;
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

/*
 * dma_resv held. Jobs that are accepted in here are cancelled by zcgem_remove(), which
 * waits for all who are in such a section of any DRM device: nothing in it may block for
 * long.
 */
static int zcgem_submit_accept(struct zcgem_job *job, const struct drm_zcgem_submit *args,
			       struct dma_fence **fence)
{
	struct zcgem_engine *engine = &job->zdev->engine;
	int idx, ret = 0;

	if (!drm_dev_enter(&job->zdev->drm, &idx))
		return -ENODEV;
	down_read(&engine->notifier_lock);
	if (zcgem_submit_is_valid(job))
		*fence = zcgem_submit_publish(job, args);
	else
		ret = -EAGAIN;
	up_read(&engine->notifier_lock);
	drm_dev_exit(idx);
	return ret;
}

/*
 * One attempt. -EAGAIN: zcgem_submit_prepare() has to be called again. A job that was
 * accepted may be gone when this returns.
 */
static int zcgem_submit_try(struct zcgem_job *job, const struct drm_zcgem_submit *args,
			    struct dma_fence **fence)
{
	bool implicit = !(args->flags & DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC);
	unsigned int i, nr_explicit = job->deps.count;
	struct drm_exec exec;
	int ret;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		      job->nr_objects);
	ret = zcgem_submit_lock(job, &exec);
	if (ret)
		goto fini;

	for (i = 0; i < job->nr_objects && !ret; i++)
		ret = zcgem_submit_get_memory(&job->objects[i]);
	/* Exporters of foreign memory may have added fences of their own. */
	for (i = 0; i < job->nr_objects && !ret; i++)
		if (zcgem_is_foreign(&job->objects[i]))
			ret = dma_resv_reserve_fences(job->objects[i].obj->bo.base.resv,
						      ZCGEM_FENCES_PER_OBJECT);
	for (i = 0; i < job->nr_objects && !ret; i++)
		ret = zcgem_submit_get_fences(job, &job->objects[i], implicit);

	if (!ret)
		ret = zcgem_submit_accept(job, args, fence);
	if (ret) {
		zcgem_job_forget_memory(job);
		zcgem_deps_truncate(&job->deps, nr_explicit);
	}
fini:
	drm_exec_fini(&exec);
	return ret;
}

/* On success @fence gets a reference to the job's. */
static int zcgem_submit_job(struct zcgem_job *job, const struct drm_zcgem_submit *args,
			    struct dma_fence **fence)
{
	bool again = false;
	int ret;

	do {
		ret = zcgem_submit_prepare(job, again);
		if (!ret)
			ret = zcgem_submit_try(job, args, fence);
		if (ret == -EAGAIN && signal_pending(current))
			ret = -ERESTARTSYS;
		again = true;
	} while (ret == -EAGAIN);
	return ret;
}

/* The scheduler's part, and what it waits for. */
static int zcgem_submit_init_job(struct drm_file *file, struct zcgem_job *job)
{
	struct zcgem_queue *queue = job->queue;
	int ret;

	ret = zcgem_deps_init(&job->deps, queue->context + 1);
	if (ret)
		return ret;
	ret = drm_sched_job_init(&job->base, &queue->entity, 1, queue, file->client_id);
	if (ret)
		return ret;
	/* This takes the reference, whatever it returns. */
	ret = drm_sched_job_add_dependency(&job->base, dma_fence_get(&job->deps.ready->base));
	if (!ret) {
		job->fence = zcgem_fence_alloc();
		ret = job->fence ? 0 : -ENOMEM;
	}
	if (ret)
		drm_sched_job_cleanup(&job->base);
	return ret;
}

static int zcgem_submit(struct drm_file *file, struct zcgem_job *job,
			const struct drm_zcgem_submit *args)
{
	struct zcgem_out_sync *out_syncs;
	struct dma_fence *fence;
	int ret;

	ret = zcgem_submit_get_ops(file, job, args);
	if (ret)
		return ret;
	out_syncs = zcgem_submit_get_out_syncs(file, args);
	if (IS_ERR(out_syncs))
		return PTR_ERR(out_syncs);

	ret = zcgem_submit_init_job(file, job);
	if (ret)
		goto put_syncs;
	ret = zcgem_submit_get_in_syncs(file, job, args);
	if (!ret)
		ret = zcgem_submit_job(job, args, &fence);
	if (ret) {
		drm_sched_job_cleanup(&job->base);
		zcgem_fence_abandon(job->fence);
	} else {
		zcgem_submit_fill_out_syncs(out_syncs, args->out_syncs.count, fence);
		dma_fence_put(fence);
	}
put_syncs:
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
	struct zcgem_queue *queue;
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

	queue = zcgem_client_queue(file, args->priority);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	ret = wait_event_interruptible(queue->wait,
				       atomic_read(&queue->jobs) < ZCGEM_QUEUE_DEPTH);
	if (ret)
		return ret;

	job = zcgem_job_alloc(queue);
	ret = job ? zcgem_submit(file, job, args) : -ENOMEM;
	if (job && ret)
		zcgem_job_free(job);
	return ret;
}
