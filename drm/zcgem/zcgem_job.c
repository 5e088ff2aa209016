// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: jobs
 *
 * The life of a submit after it was accepted. The scheduler of its queue calls
 * zcgem_run_job() when its dependencies are ready, which hands it to the engine and
 * allocates nothing; the engine ends with zcgem_job_finish(), which signals its fence; the
 * scheduler then calls zcgem_free_job(), and the rest is done by work, because the last
 * reference to an object and the kernel mapping of foreign memory need dma_resv, which
 * somebody may hold who waits for a fence that needs the scheduler's queue.
 *
 * Everything from a job's acceptance to its fence is what reclaim may wait for: nothing
 * there allocates or takes a lock that is held around an allocation.
 *
 * The references to pages are dropped before the fence signals, so that who has waited
 * for it finds them gone. They are never the last there: objects give pages up only
 * when their fences have signalled, or after their jobs were withdrawn, and of those the
 * pages are dropped by who withdraws them.
 *
 * Cancelling sets an error, which the engine looks at from piece to piece, and ends the
 * wait for dependencies, so that a cancelled job is over soon whatever it waited for, and the
 * engine ends it before it does anything else.
 * The last job is cancelled first: none begins because the one before it has ended.
 */

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "zcgem_device.h"
#include "zcgem_extents.h"
#include "zcgem_fence.h"
#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_pages.h"
#include "zcgem_trace.h"

/* By who has the job's memory, see &enum zcgem_job_state. */
static void zcgem_job_drop_pages(struct zcgem_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_objects; i++) {
		zcgem_pages_put(job->objects[i].pages);
		job->objects[i].pages = NULL;
	}
}

/**
 * zcgem_job_forget_memory() - Let go of pages and kernel mappings.
 * @job: a job that was not accepted yet, dma_resv of its objects held
 */
void zcgem_job_forget_memory(struct zcgem_job *job)
{
	unsigned int i;

	zcgem_job_drop_pages(job);
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_job_object *o = &job->objects[i];

		if (!iosys_map_is_null(&o->map))
			dma_buf_vunmap(o->obj->bo.base.import_attach->dmabuf, &o->map);
		iosys_map_clear(&o->map);
	}
}

/**
 * zcgem_job_free() - Free a job.
 * @job: one that was never armed or has been freed by the scheduler; no dma_resv held
 */
void zcgem_job_free(struct zcgem_job *job)
{
	struct zcgem_queue *queue = job->queue;
	unsigned int i;

	zcgem_deps_fini(&job->deps);
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_job_object *o = &job->objects[i];

		zcgem_pages_put(o->pages);
		if (!iosys_map_is_null(&o->map))
			dma_buf_vunmap_unlocked(o->obj->bo.base.import_attach->dmabuf, &o->map);
		drm_gem_object_put(&o->obj->bo.base);
	}
	zcgem_table_free(job->objects);
	zcgem_table_free(job->ops);
	atomic_long_dec(&job->zdev->counters.jobs);
	kfree(job);

	/* When it wakes up somebody may free the queue. */
	spin_lock_irq(&queue->wait.lock);
	atomic_dec(&queue->jobs);
	wake_up_all_locked(&queue->wait);
	spin_unlock_irq(&queue->wait.lock);
}

static void zcgem_job_cleanup(struct work_struct *work)
{
	struct zcgem_job *job = container_of(work, struct zcgem_job, cleanup);
	struct zcgem_engine *engine = &job->zdev->engine;
	unsigned int i;

	/*
	 * The fence counts as signalled before its callbacks have run, and the scheduler's
	 * uses the scheduler to the end, which may be freed once there is no job. They run
	 * under the fence's lock.
	 */
	spin_lock_irq(&job->fence->lock);
	spin_unlock_irq(&job->fence->lock);

	mutex_lock(&engine->jobs_lock);
	list_del(&job->link);
	for (i = 0; i < job->nr_objects; i++)
		list_del(&job->objects[i].link);
	mutex_unlock(&engine->jobs_lock);

	dma_fence_put(&job->fence->base);
	zcgem_job_free(job);
}

/**
 * zcgem_job_alloc() - Make an empty job.
 * @queue: where it will be submitted
 *
 * Return: the job, for zcgem_job_free(), or NULL.
 */
struct zcgem_job *zcgem_job_alloc(struct zcgem_queue *queue)
{
	struct zcgem_job *job;

	job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return NULL;

	job->zdev = queue->zdev;
	job->queue = queue;
	INIT_LIST_HEAD(&job->link);
	INIT_LIST_HEAD(&job->run_link);
	INIT_WORK(&job->cleanup, zcgem_job_cleanup);
	atomic_inc(&queue->jobs);
	atomic_long_inc(&job->zdev->counters.jobs);
	return job;
}

/**
 * zcgem_job_finish() - A job has done what it could.
 * @job: the job; gone afterwards
 */
void zcgem_job_finish(struct zcgem_job *job)
{
	struct dma_fence *fence = &job->fence->base;
	int error = READ_ONCE(job->deps.error);

	trace_zcgem_job_done(job, error);
	if (READ_ONCE(job->state) == ZCGEM_JOB_RUNS)
		zcgem_job_drop_pages(job);
	atomic64_add(job->ran, &job->queue->busy);

	dma_fence_get(fence);
	if (error)
		dma_fence_set_error(fence, error);
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

static struct dma_fence *zcgem_run_job(struct drm_sched_job *base)
{
	struct zcgem_job *job = to_zcgem_job(base);
	struct dma_fence *fence = dma_fence_get(&job->fence->base);
	struct zcgem_engine *engine = &job->zdev->engine;

	trace_zcgem_job_run(job);
	if (cmpxchg(&job->state, ZCGEM_JOB_WAITS, ZCGEM_JOB_RUNS) != ZCGEM_JOB_WAITS) {
		/* Whoever has withdrawn it may be about to drop its pages. */
		mutex_lock(&engine->jobs_lock);
		mutex_unlock(&engine->jobs_lock);
		zcgem_job_finish(job);
	} else if (READ_ONCE(job->deps.error)) {
		zcgem_job_finish(job);
	} else {
		zcgem_engine_run(job);
	}
	return fence;
}

static void zcgem_free_job(struct drm_sched_job *base)
{
	struct zcgem_job *job = to_zcgem_job(base);

	drm_sched_job_cleanup(base);
	queue_work(job->zdev->engine.cleanup_wq, &job->cleanup);
}

const struct drm_sched_backend_ops zcgem_sched_ops = {
	.run_job = zcgem_run_job,
	.free_job = zcgem_free_job,
};

/**
 * zcgem_jobs_add_queue() - Let there be jobs in a queue.
 * @queue: the queue
 */
void zcgem_jobs_add_queue(struct zcgem_queue *queue)
{
	struct zcgem_engine *engine = &queue->zdev->engine;

	mutex_lock(&engine->jobs_lock);
	list_add_tail(&queue->link, &engine->queues);
	mutex_unlock(&engine->jobs_lock);
}

/**
 * zcgem_jobs_remove_queue() - No more jobs come.
 * @queue: the queue, which has none left
 */
void zcgem_jobs_remove_queue(struct zcgem_queue *queue)
{
	struct zcgem_engine *engine = &queue->zdev->engine;

	mutex_lock(&engine->jobs_lock);
	list_del(&queue->link);
	mutex_unlock(&engine->jobs_lock);
}

/**
 * zcgem_jobs_add() - Have a job found by what concerns its queue or its objects.
 * @job: a job that is being accepted, the queue's lock held
 */
void zcgem_jobs_add(struct zcgem_job *job)
{
	struct zcgem_engine *engine = &job->zdev->engine;
	unsigned int i;

	mutex_lock(&engine->jobs_lock);
	list_add_tail(&job->link, &job->queue->accepted);
	for (i = 0; i < job->nr_objects; i++)
		list_add_tail(&job->objects[i].link, &job->objects[i].obj->jobs);
	mutex_unlock(&engine->jobs_lock);
}

/* jobs_lock held. */
static void zcgem_job_abort(struct zcgem_job *job, int error)
{
	zcgem_deps_abort(&job->deps, error);
	zcgem_engine_hurry(job);
}

/* jobs_lock held. */
static void zcgem_queue_abort(struct zcgem_queue *queue, u64 last, int error)
{
	struct zcgem_job *job;

	list_for_each_entry_reverse(job, &queue->accepted, link)
		if (job->fence->base.seqno <= last)
			zcgem_job_abort(job, error);
}

/**
 * zcgem_jobs_cancel_queue() - End all jobs of a queue early.
 * @queue: the queue
 * @error: of their fences, negative
 */
void zcgem_jobs_cancel_queue(struct zcgem_queue *queue, int error)
{
	struct zcgem_engine *engine = &queue->zdev->engine;

	mutex_lock(&engine->jobs_lock);
	zcgem_queue_abort(queue, U64_MAX, error);
	mutex_unlock(&engine->jobs_lock);
}

/*
 * jobs_lock held. A job that was withdrawn does nothing to the object: what must be waited
 * for is at most the one of its queue that runs.
 */
static void zcgem_job_replace_fence(struct zcgem_job *job, struct zcgem_object *obj)
{
	struct zcgem_job *running = job->queue->running;
	struct dma_fence *fence;

	fence = running ? dma_fence_get(&running->fence->base) : dma_fence_get_stub();
	dma_resv_replace_fences(obj->bo.base.resv, job->fence->base.context, fence,
				DMA_RESV_USAGE_WRITE);
	dma_fence_put(fence);
}

/**
 * zcgem_jobs_withdraw() - End all jobs that use an object early.
 * @obj: the object, dma_resv held, so that no more can come meanwhile
 * @error: of their fences, negative
 *
 * A queue runs its jobs in order, and what is before them may be another one's and take
 * hours. So those that have not begun let go of their pages here, never to have them again,
 * and their fences need not be waited for before the object's pages go.
 */
void zcgem_jobs_withdraw(struct zcgem_object *obj, int error)
{
	struct zcgem_engine *engine = &zcgem_object_device(obj)->engine;
	struct zcgem_job_object *o;

	dma_resv_assert_held(obj->bo.base.resv);

	mutex_lock(&engine->jobs_lock);
	list_for_each_entry_reverse(o, &obj->jobs, link) {
		o->job->queue->running = NULL;
		zcgem_job_abort(o->job, error);
		cond_resched();
	}
	list_for_each_entry(o, &obj->jobs, link) {
		switch (cmpxchg(&o->job->state, ZCGEM_JOB_WAITS, ZCGEM_JOB_WITHDRAWN)) {
		case ZCGEM_JOB_WAITS:
			zcgem_job_drop_pages(o->job);
			break;
		case ZCGEM_JOB_RUNS:
			o->job->queue->running = o->job;
			break;
		case ZCGEM_JOB_WITHDRAWN:
			break;
		}
		cond_resched();
	}
	/* Only now is it certain which jobs have begun. All of a queue's fences go at once. */
	list_for_each_entry(o, &obj->jobs, link) {
		if (READ_ONCE(o->job->state) == ZCGEM_JOB_WITHDRAWN)
			zcgem_job_replace_fence(o->job, obj);
		cond_resched();
	}
	mutex_unlock(&engine->jobs_lock);
}

/**
 * zcgem_jobs_are_late() - Have jobs on an object been waited for in vain before?
 * @obj: the object
 *
 * Return: true if one was queued already when zcgem_jobs_expedite() was called for a job
 * of its queue, and is not over.
 */
bool zcgem_jobs_are_late(struct zcgem_object *obj)
{
	struct zcgem_engine *engine = &zcgem_object_device(obj)->engine;
	struct zcgem_job_object *o;
	bool late = false;

	mutex_lock(&engine->jobs_lock);
	list_for_each_entry(o, &obj->jobs, link) {
		struct dma_fence *fence = &o->job->fence->base;

		late = fence->seqno <= o->job->queue->late && !dma_fence_is_signaled(fence);
		if (late)
			break;
		cond_resched();
	}
	mutex_unlock(&engine->jobs_lock);
	return late;
}

/**
 * zcgem_jobs_yield() - Have only jobs that have begun use an object.
 * @obj: an object that only one client can have
 * @error: of the fences of those that have not, negative; they have done nothing
 * @may_sleep: wait for jobs_lock; without it those that have begun are ended too
 * @running: gets the fences of those that have, one for each of the client's queues or NULL,
 *	with references
 *
 * Return: false if jobs_lock is held by another task and @may_sleep is not set.
 */
bool zcgem_jobs_yield(struct zcgem_object *obj, int error, bool may_sleep,
		      struct dma_fence *running[ZCGEM_PRIORITIES])
{
	struct zcgem_engine *engine = &zcgem_object_device(obj)->engine;
	struct zcgem_job_object *o;

	if (may_sleep)
		mutex_lock(&engine->jobs_lock);
	else if (!mutex_trylock(&engine->jobs_lock))
		return false;
	list_for_each_entry_reverse(o, &obj->jobs, link) {
		struct zcgem_job *job = o->job;
		u32 priority = job->queue->priority;

		if (cmpxchg(&job->state, ZCGEM_JOB_WAITS, ZCGEM_JOB_WITHDRAWN) ==
		    ZCGEM_JOB_WAITS) {
			zcgem_job_abort(job, error);
			zcgem_job_drop_pages(job);
		} else if (READ_ONCE(job->state) == ZCGEM_JOB_RUNS && !running[priority] &&
			   !dma_fence_is_signaled(&job->fence->base)) {
			running[priority] = dma_fence_get(&job->fence->base);
			if (!may_sleep)
				zcgem_job_abort(job, -ECANCELED);
		}
	}
	mutex_unlock(&engine->jobs_lock);
	return true;
}

/**
 * zcgem_jobs_expedite() - Have the jobs that use an object over soon.
 * @obj: an object that only one client can have
 * @error: of the fences of jobs that do not end of themselves, negative
 *
 * A queue runs its jobs in order, so those before them are ended too. Allocates nothing
 * and waits for nothing.
 */
void zcgem_jobs_expedite(struct zcgem_object *obj, int error)
{
	struct zcgem_engine *engine = &zcgem_object_device(obj)->engine;
	struct zcgem_job_object *o;

	mutex_lock(&engine->jobs_lock);
	/* Jobs of a queue are in order here too: the last one stays. */
	list_for_each_entry(o, &obj->jobs, link)
		if (!dma_fence_is_signaled(&o->job->fence->base))
			o->job->queue->ending = o->job->fence->base.seqno;
	list_for_each_entry(o, &obj->jobs, link) {
		struct zcgem_queue *queue = o->job->queue;

		if (!queue->ending)
			continue;
		queue->late = list_last_entry(&queue->accepted, struct zcgem_job,
					      link)->fence->base.seqno;
		zcgem_queue_abort(queue, queue->ending, error);
		queue->ending = 0;
	}
	mutex_unlock(&engine->jobs_lock);
}

/**
 * zcgem_jobs_cancel_device() - End all jobs of a device early.
 * @zdev: the device; no more can come once it is unplugged
 * @error: of their fences, negative
 */
void zcgem_jobs_cancel_device(struct zcgem_device *zdev, int error)
{
	struct zcgem_engine *engine = &zdev->engine;
	struct zcgem_queue *queue;

	mutex_lock(&engine->jobs_lock);
	list_for_each_entry(queue, &engine->queues, link)
		zcgem_queue_abort(queue, U64_MAX, error);
	mutex_unlock(&engine->jobs_lock);
}
