// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: jobs
 *
 * The life of a submit. Once it is accepted it is on the list of its queue and on those of its
 * objects, until it is over: zcgem_job_end() takes it off the objects, drops their pages and
 * signals its fence. What is left is freed where that may sleep, because the last reference to an
 * object and the kernel mapping of foreign memory need dma_resv, whose holder may wait for a fence.
 *
 * A list of jobs on an object is guarded by the object's own spinlock, under which nothing sleeps.
 * So a client that shares an object with others can hold none of them up by it.
 *
 * The references to pages are dropped before the fence signals, so that whatever has waited for the
 * fence finds them gone. They are never the last: objects give pages up only when their fences have
 * signalled, or after their jobs were withdrawn, which drops those of that object.
 */

#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "zcgem_device.h"
#include "zcgem_extents.h"
#include "zcgem_fence.h"
#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_pages.h"
#include "zcgem_trace.h"

static void zcgem_job_object_drop_pages(struct zcgem_job_object *o)
{
	zcgem_pages_put(o->pages);
	o->pages = NULL;
}

/**
 * zcgem_job_forget_memory() - Release pages and kernel mappings.
 * @job: a job that was not accepted, dma_resv of its objects held
 */
void zcgem_job_forget_memory(struct zcgem_job *job)
{
	unsigned int i;

	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_job_object *o = &job->objects[i];

		zcgem_job_object_drop_pages(o);
		if (!iosys_map_is_null(&o->map))
			dma_buf_vunmap(o->obj->bo.base.import_attach->dmabuf, &o->map);
		iosys_map_clear(&o->map);
	}
}

/**
 * zcgem_job_free() - Free a job.
 * @job: one that is over or was never accepted; no dma_resv held
 */
void zcgem_job_free(struct zcgem_job *job)
{
	struct zcgem_queue *queue = job->queue;
	struct zcgem_client *client = queue->client;
	unsigned int i;

	zcgem_deps_fini(&job->deps);
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_job_object *o = &job->objects[i];

		zcgem_pages_put(o->pages);
		if (!iosys_map_is_null(&o->map))
			dma_buf_vunmap_unlocked(o->obj->bo.base.import_attach->dmabuf, &o->map);
		drm_gem_object_put(&o->obj->bo.base);
	}
	if (job->fence)
		dma_fence_put(&job->fence->base);
	zcgem_table_free(job);

	atomic_long_dec(&client->zdev->counters.jobs);
	atomic_dec(&queue->nr_jobs);
	wake_up(&queue->wait);
	zcgem_client_put(client);
}

static void zcgem_job_cleanup(struct work_struct *work)
{
	zcgem_job_free(container_of(work, struct zcgem_job, cleanup));
}

/**
 * zcgem_job_release() - Free a job that is over.
 * @job: the job
 * @may_free: the caller may sleep and is nothing that a fence waits for
 *
 * Where that takes no dma_resv it is done at once.
 */
void zcgem_job_release(struct zcgem_job *job, bool may_free)
{
	while (may_free && job->nr_objects) {
		struct zcgem_job_object *o = &job->objects[job->nr_objects - 1];

		if (!iosys_map_is_null(&o->map) ||
		    !refcount_dec_not_one(&o->obj->bo.base.refcount.refcount))
			break;
		job->nr_objects--;
	}
	if (may_free && !job->nr_objects)
		zcgem_job_free(job);
	else
		queue_work(job->queue->client->zdev->engine.cleanup_wq, &job->cleanup);
}

/**
 * zcgem_job_alloc() - Make an empty job.
 * @queue: where it will be submitted
 * @nr_ops: how many operations it will have, 1 to ZCGEM_MAX_OPS
 *
 * Waits for room in the queue.
 *
 * Return: the job, for zcgem_job_free(), or -ENOMEM or -ERESTARTSYS as an ERR_PTR().
 */
struct zcgem_job *zcgem_job_alloc(struct zcgem_queue *queue, u32 nr_ops)
{
	size_t ops = struct_size_t(struct zcgem_job, ops, nr_ops);
	struct zcgem_job *job;
	int ret;

	ret = wait_event_interruptible(queue->wait, atomic_add_unless(&queue->nr_jobs, 1,
								      ZCGEM_QUEUE_DEPTH));
	if (ret)
		return ERR_PTR(ret);
	/* Each operation has two objects at most. */
	job = zcgem_table_alloc(1, ops + 2 * nr_ops * sizeof(*job->objects));
	if (!job) {
		atomic_dec(&queue->nr_jobs);
		wake_up(&queue->wait);
		return ERR_PTR(-ENOMEM);
	}

	memset(job, 0, sizeof(*job));
	job->objects = (void *)job + ops;
	job->nr_ops = nr_ops;
	job->queue = queue;
	job->submitted = jiffies;
	INIT_WORK(&job->cleanup, zcgem_job_cleanup);
	zcgem_deps_init(&job->deps, queue);
	kref_get(&queue->client->kref);
	atomic_long_inc(&queue->client->zdev->counters.jobs);
	return job;
}

/**
 * zcgem_job_end() - A job has done what it could.
 * @job: the job, claimed and still on its queue
 *
 * Its fence signals here. Any context but interrupts.
 */
void zcgem_job_end(struct zcgem_job *job)
{
	int error = READ_ONCE(job->error);
	unsigned int i;

	trace_zcgem_job_done(job, error);

	/* Withdrawing a job from an object drops its pages under that object's lock. */
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_job_object *o = &job->objects[i];

		spin_lock(&o->obj->jobs_lock);
		list_del(&o->link);
		spin_unlock(&o->obj->jobs_lock);
		zcgem_job_object_drop_pages(o);
	}
	atomic64_add(job->ran, &job->queue->busy);
	if (error)
		dma_fence_set_error(&job->fence->base, error);
	dma_fence_signal(&job->fence->base);
}

/**
 * zcgem_job_abort() - Have a job end before it does more.
 * @job: an accepted job that is on its queue
 * @error: of its fence, negative; the first one counts
 *
 * The caller sees to it that zcgem_queue_end_jobs() is called without locks. Any context.
 */
void zcgem_job_abort(struct zcgem_job *job, int error)
{
	cmpxchg(&job->error, 0, error);
}

/* The object's jobs_lock held. Returns whether it will not begin. */
static bool zcgem_job_object_withdraw(struct zcgem_job_object *o, int error)
{
	struct zcgem_job *job = o->job;

	if (cmpxchg(&job->state, ZCGEM_JOB_WAITS, ZCGEM_JOB_WITHDRAWN) == ZCGEM_JOB_RUNS)
		return false;
	zcgem_job_abort(job, error);
	zcgem_job_object_drop_pages(o);
	return true;
}

/*
 * A job that was withdrawn does nothing to the object: what must be waited for is at most the one
 * of its queue that runs, if that is being ended. All fences of the queue go at once.
 */
static void zcgem_job_replace_fence(struct zcgem_queue *queue, struct zcgem_object *obj)
{
	struct dma_fence *fence = NULL;
	struct zcgem_job *job;

	spin_lock(&queue->client->lock);
	job = list_first_entry_or_null(&queue->jobs, struct zcgem_job, link);
	if (job && READ_ONCE(job->state) == ZCGEM_JOB_RUNS && READ_ONCE(job->error))
		fence = dma_fence_get(&job->fence->base);
	spin_unlock(&queue->client->lock);

	if (!fence)
		fence = dma_fence_get_stub();
	dma_resv_replace_fences(obj->bo.base.resv, queue->context, fence, DMA_RESV_USAGE_WRITE);
	dma_fence_put(fence);
}

/**
 * zcgem_jobs_withdraw() - End all jobs that use an object early.
 * @obj: the object, dma_resv held, so that no more can come meanwhile
 * @error: of their fences, negative
 *
 * A queue runs its jobs in order, and what is before them may be another one's and take
 * hours. So those that have not begun release their pages of the object here, and their fences
 * need not be waited for before it gives its pages up.
 */
void zcgem_jobs_withdraw(struct zcgem_object *obj, int error)
{
	struct zcgem_client *client;
	struct zcgem_job_object *o;
	LIST_HEAD(done);

	dma_resv_assert_held(obj->bo.base.resv);

	spin_lock(&obj->jobs_lock);
	while ((o = list_first_entry_or_null(&obj->jobs, struct zcgem_job_object, link))) {
		list_move_tail(&o->link, &done);
		if (!zcgem_job_object_withdraw(o, error))
			zcgem_job_abort(o->job, error);
		client = o->job->queue->client;
		kref_get(&client->kref);
		spin_unlock(&obj->jobs_lock);
		zcgem_client_end_jobs(client);
		zcgem_client_put(client);
		cond_resched();
		spin_lock(&obj->jobs_lock);
	}
	/* Only now is it certain which of them have begun. */
	while ((o = list_first_entry_or_null(&done, struct zcgem_job_object, link))) {
		struct zcgem_queue *queue = o->job->queue;

		list_move_tail(&o->link, &obj->jobs);
		if (READ_ONCE(o->job->state) != ZCGEM_JOB_WITHDRAWN)
			continue;
		kref_get(&queue->client->kref);
		spin_unlock(&obj->jobs_lock);
		zcgem_job_replace_fence(queue, obj);
		zcgem_client_put(queue->client);
		cond_resched();
		spin_lock(&obj->jobs_lock);
	}
	spin_unlock(&obj->jobs_lock);
}

/**
 * zcgem_jobs_yield() - Find what must be waited for before an object's memory goes.
 * @obj: an object that only one client can have, whose lock is held
 * @begun: only jobs that have begun; the others are withdrawn and do nothing
 * @error: of the fences of those, negative
 * @fences: gets the last fence of each of the client's queues, with a reference, or NULL
 *
 * Call zcgem_client_end_jobs() afterwards.
 */
void zcgem_jobs_yield(struct zcgem_object *obj, bool begun, int error,
		      struct dma_fence *fences[ZCGEM_PRIORITIES])
{
	struct zcgem_job_object *o;

	spin_lock(&obj->jobs_lock);
	list_for_each_entry_reverse(o, &obj->jobs, link) {
		struct dma_fence **last = &fences[o->job->queue->priority];

		if (begun && zcgem_job_object_withdraw(o, error))
			continue;
		if (!*last && READ_ONCE(o->job->state) != ZCGEM_JOB_WITHDRAWN)
			*last = dma_fence_get(&o->job->fence->base);
	}
	spin_unlock(&obj->jobs_lock);
}
