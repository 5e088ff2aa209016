// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: engine
 *
 * Stands for the hardware that other drivers have. Each queue is a FIFO of jobs with one work item,
 * which gives its first job a turn of some milliseconds and then queues itself again, behind those
 * of all other queues, on a workqueue that runs as many at a time as there are processors. So the
 * FIFO of the workqueue is a round robin of the queues: a client gets its share however long the
 * jobs of others are, and however many. A priority is the length of a turn, so no queue starves
 * while others have work; fences hang on it.
 *
 * drm_sched is not used because it would do less with more: it picks among queues for hardware that
 * takes whole jobs, and for turns there would have to be another scheduler below it. What it has
 * besides, a FIFO and callbacks of fences, is a list and a counter.
 *
 * What is done with the first job of a queue is done by the task that has claimed the queue: the
 * worker, or who has cancelled jobs and ends them there and then, since it waits for them and must
 * not do so behind the work of others. The claim is no lock. Who finds the queue claimed goes away;
 * the claim's holder looks again before it releases it, under &zcgem_client.lock.
 *
 * A job that runs for longer than ZCGEM_JOB_SECONDS is ended: its fence is waited for by other
 * drivers, displays and reclaim, and must signal in bounded time.
 *
 * A worker may be preempted in the middle of a step, so what a step counts for has a limit: that
 * makes it a time of the processor and not of the wall, as near as that can be known.
 *
 * Everything from acceptance to the fence is what reclaim may wait for: between
 * dma_fence_begin_signalling() and the end nothing allocates or takes dma_resv.
 *
 * A small job that has nothing to wait for does not come this far: the client's own call does it
 * (zcgem_job_run_at_once()), on its own account, and publishes no fence.
 */

#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/timekeeping.h>

#include <drm/drm_file.h>
#include <drm/drm_managed.h>

#include "zcgem_device.h"
#include "zcgem_fence.h"
#include "zcgem_job.h"
#include "zcgem_object.h"
#include "zcgem_trace.h"

static bool engine = true;
module_param(engine, bool, 0444);
MODULE_PARM_DESC(engine, "Copies and fills by the driver, and objects for them (default on)");

/* More do not make memory faster. */
#define ZCGEM_MAX_WORKERS	8U

/* What a step takes at most, generously: the rest of its time other tasks have had. */
#define ZCGEM_STEP_NS		NSEC_PER_MSEC

static const u64 zcgem_turn_ns[ZCGEM_PRIORITIES] = {
	[DRM_ZCGEM_PRIORITY_LOW] = NSEC_PER_MSEC / 2,
	[DRM_ZCGEM_PRIORITY_NORMAL] = 2 * NSEC_PER_MSEC,
	[DRM_ZCGEM_PRIORITY_HIGH] = 8 * NSEC_PER_MSEC,
};

/**
 * zcgem_has_engine() - May clients submit?
 *
 * Return: the module's parameter.
 */
bool zcgem_has_engine(void)
{
	return engine;
}

/**
 * zcgem_engine_workers() - How many jobs run at a time.
 *
 * Return: 1 to ZCGEM_MAX_WORKERS.
 */
unsigned int zcgem_engine_workers(void)
{
	return min(num_online_cpus(), ZCGEM_MAX_WORKERS);
}

/**
 * zcgem_queue_kick() - Have the first job of a queue looked at.
 * @queue: the queue
 *
 * Any context.
 */
void zcgem_queue_kick(struct zcgem_queue *queue)
{
	queue_work(queue->client->zdev->engine.copy_wq, &queue->work);
}

static void zcgem_queue_timeout(struct timer_list *timer)
{
	zcgem_queue_kick(container_of(timer, struct zcgem_queue, timer));
}

static bool zcgem_job_has_failed(const struct zcgem_job *job)
{
	return READ_ONCE(job->error) || READ_ONCE(job->state) == ZCGEM_JOB_WITHDRAWN;
}

/* The first job, with the queue claimed; NULL if there is nothing to do for this task. */
static struct zcgem_job *zcgem_queue_claim(struct zcgem_queue *queue, bool may_run)
{
	struct zcgem_job *job = NULL;

	spin_lock(&queue->client->lock);
	if (!queue->claimed)
		job = list_first_entry_or_null(&queue->jobs, struct zcgem_job, link);
	/* Pairs with the release in zcgem_submit_queue(). */
	if (job && !(smp_load_acquire(&job->accepted) && (may_run || zcgem_job_has_failed(job))))
		job = NULL;
	if (job)
		queue->claimed = true;
	spin_unlock(&queue->client->lock);
	return job;
}

/* Returns whether there may be more to do that others have left to the claim's holder. */
static bool zcgem_queue_release(struct zcgem_queue *queue, struct zcgem_job *job, bool over)
{
	bool more;

	spin_lock(&queue->client->lock);
	queue->claimed = false;
	more = over || zcgem_job_has_failed(job);
	if (over)
		list_del(&job->link);
	spin_unlock(&queue->client->lock);
	return more;
}

/* Whether all that it waits for has signalled. Else its queue will be kicked. */
static bool zcgem_job_is_ready(struct zcgem_job *job)
{
	unsigned long limit = job->submitted + ZCGEM_IN_FENCE_SECONDS * HZ;
	bool ready = zcgem_deps_arm(&job->deps);
	int error = READ_ONCE(job->deps.error);

	if (error)
		zcgem_job_abort(job, error);
	if (ready || error)
		return !error;
	if (!zcgem_deps_foreign(&job->deps))
		return false;
	if (time_after_eq(jiffies, limit))
		zcgem_job_abort(job, -ETIMEDOUT);
	else
		mod_timer(&job->queue->timer, limit);
	return false;
}

/* Returns whether the job is over. */
static bool zcgem_job_turn(struct zcgem_job *job, u64 end)
{
	u64 start = ktime_get_ns(), now;
	bool more;

	switch (cmpxchg(&job->state, ZCGEM_JOB_WAITS, ZCGEM_JOB_RUNS)) {
	case ZCGEM_JOB_WAITS:
		trace_zcgem_job_run(job);
		break;
	case ZCGEM_JOB_RUNS:
		break;
	case ZCGEM_JOB_WITHDRAWN:
		return true;
	}

	do {
		more = zcgem_job_step(job);
		cond_resched();
		now = ktime_get_ns();
		WRITE_ONCE(job->ran, job->ran + min(now - start, ZCGEM_STEP_NS));
		start = now;
	} while (more && !READ_ONCE(job->error) && now < end);

	if (more && job->ran > ZCGEM_JOB_SECONDS * NSEC_PER_SEC)
		zcgem_job_abort(job, -ETIMEDOUT);
	return !more || READ_ONCE(job->error);
}

static void zcgem_queue_work(struct work_struct *work)
{
	struct zcgem_queue *queue = container_of(work, struct zcgem_queue, work);
	u64 end = ktime_get_ns() + zcgem_turn_ns[queue->priority];
	struct zcgem_job *job;
	bool more = true;

	while (more && (job = zcgem_queue_claim(queue, true))) {
		bool cookie = dma_fence_begin_signalling(), over, ready;

		over = zcgem_job_has_failed(job);
		ready = !over && zcgem_job_is_ready(job);
		if (ready)
			over = zcgem_job_turn(job, end);
		if (over)
			zcgem_job_end(job);
		more = zcgem_queue_release(queue, job, over);
		if (ready && ktime_get_ns() >= end) {
			zcgem_queue_kick(queue);
			more = false;
		}
		dma_fence_end_signalling(cookie);
		if (over)
			zcgem_job_release(job, true);
	}
}

/**
 * zcgem_queue_end_jobs() - End what was cancelled.
 * @queue: the queue
 *
 * Of jobs that were cancelled ends those with none before them that was not. Takes no longer
 * than that and waits for nothing. No locks held but those that MMU notifiers are called with.
 */
void zcgem_queue_end_jobs(struct zcgem_queue *queue)
{
	struct zcgem_job *job;
	bool kick = false;

	while ((job = zcgem_queue_claim(queue, false))) {
		bool cookie = dma_fence_begin_signalling();

		zcgem_job_end(job);
		zcgem_queue_release(queue, job, true);
		dma_fence_end_signalling(cookie);
		zcgem_job_release(job, false);
		kick = true;
	}
	if (kick)
		zcgem_queue_kick(queue);
}

/**
 * zcgem_job_run_at_once() - Do a small job on the caller's account.
 * @job: a job with nothing to wait for that was not accepted, dma_resv of its objects held
 *
 * Memory that can go without dma_resv cannot while this holds &zcgem_client.lock.
 *
 * Return: 1 if it was done; 0 if others are before it, or if it has failed, so that it must have a
 * fence to say so; -EAGAIN if memory has gone.
 */
int zcgem_job_run_at_once(struct zcgem_job *job)
{
	struct zcgem_queue *queue = job->queue;
	u64 start = ktime_get_ns();
	bool mirrored = false;
	unsigned int i;
	int ret = 1;

	spin_lock(&queue->client->lock);
	for (i = 0; i < job->nr_objects; i++) {
		struct zcgem_object *obj = job->objects[i].obj;

		if (!obj->ops->still_valid)
			continue;
		mirrored = true;
		if (!obj->ops->still_valid(obj))
			ret = -EAGAIN;
	}
	if (!list_empty(&queue->jobs))
		ret = 0;
	if (ret <= 0 || !mirrored)
		spin_unlock(&queue->client->lock);
	if (ret <= 0)
		return ret;

	trace_zcgem_submit(job);
	while (zcgem_job_step(job))
		;
	if (mirrored)
		spin_unlock(&queue->client->lock);
	atomic64_add(ktime_get_ns() - start, &queue->busy);
	return READ_ONCE(job->error) ? 0 : 1;
}

/**
 * zcgem_queue_init() - Make a queue.
 * @queue: zeroed
 * @client: whose it is
 * @priority: one of &enum drm_zcgem_priority
 */
void zcgem_queue_init(struct zcgem_queue *queue, struct zcgem_client *client, u32 priority)
{
	queue->client = client;
	queue->priority = priority;
	queue->context = dma_fence_context_alloc(1);
	INIT_LIST_HEAD(&queue->jobs);
	INIT_WORK(&queue->work, zcgem_queue_work);
	timer_setup(&queue->timer, zcgem_queue_timeout, 0);
	init_waitqueue_head(&queue->wait);
}

static void zcgem_engine_fini(struct drm_device *drm, void *data)
{
	struct zcgem_engine *engine = &to_zcgem(drm)->engine;

	destroy_workqueue(engine->copy_wq);
	destroy_workqueue(engine->cleanup_wq);
	mutex_destroy(&engine->clients_lock);
}

/**
 * zcgem_engine_init() - Make the engine of a device, which goes with the device.
 * @zdev: the device
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_engine_init(struct zcgem_device *zdev)
{
	struct zcgem_engine *engine = &zdev->engine;

	mutex_init(&engine->clients_lock);
	INIT_LIST_HEAD(&engine->clients);

	/* A name that no device has that was removed and is still open. */
	engine->copy_wq = alloc_workqueue("zcgem-copy-%d",
					  WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_SYSFS,
					  zcgem_engine_workers(), zdev->drm.render->index);
	if (!engine->copy_wq)
		return -ENOMEM;
	engine->cleanup_wq = alloc_workqueue("zcgem-cleanup", WQ_UNBOUND, 0);
	if (!engine->cleanup_wq) {
		destroy_workqueue(engine->copy_wq);
		return -ENOMEM;
	}
	return drmm_add_action_or_reset(&zdev->drm, zcgem_engine_fini, NULL);
}
