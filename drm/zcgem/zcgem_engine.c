// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: engine
 *
 * Stands for the hardware that other drivers have: takes jobs that have nothing to wait
 * for and runs them on a few workers, one turn after the other. A turn is some
 * milliseconds, after which a job goes behind all others of its priority, so a client
 * gets its share however long the jobs of others are; and since the scheduler of a queue
 * hands out one job at a time, however many they are.
 *
 * A job that was cancelled goes before all others, since somebody waits for it, and its turn
 * is only to end. Higher priorities go first, but one turn in ZCGEM_FAIR_TURN is given to
 * each of the lower ones in turn: jobs hold fences that others wait for, so none may starve.
 *
 * A job that takes longer than ZCGEM_JOB_SECONDS of an engine's time is ended: its fence is
 * waited for by other drivers, displays and reclaim, and must signal in bounded time.
 *
 * The whole file is what a fence waits for. Nothing here allocates.
 */

#include <linux/cpumask.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include <drm/drm_file.h>
#include <drm/drm_managed.h>

#include <drm/zcgem_drm.h>

#include "zcgem_device.h"
#include "zcgem_fence.h"
#include "zcgem_job.h"

static bool engine = true;
module_param(engine, bool, 0444);
MODULE_PARM_DESC(engine, "Copies and fills by the driver, and objects for them (default on)");

/**
 * zcgem_has_engine() - May clients submit?
 *
 * Return: the module's parameter.
 */
bool zcgem_has_engine(void)
{
	return engine;
}

#define ZCGEM_TURN_NS		(2 * NSEC_PER_MSEC)
#define ZCGEM_FAIR_TURN		16

static const u32 zcgem_priority_order[ZCGEM_PRIORITIES] = {
	DRM_ZCGEM_PRIORITY_HIGH,
	DRM_ZCGEM_PRIORITY_NORMAL,
	DRM_ZCGEM_PRIORITY_LOW,
};

/* The next job to have a turn, or NULL: the worker goes to sleep then. */
static struct zcgem_job *zcgem_engine_pick(struct zcgem_engine *engine,
					   struct zcgem_worker *worker)
{
	struct zcgem_job *job = NULL;
	unsigned int i;
	unsigned int first = 0;

	spin_lock(&engine->lock);
	job = list_first_entry_or_null(&engine->ended, struct zcgem_job, run_link);
	/* Fair turns go to the lower priorities in turn. */
	if (!job && !(++engine->turn % ZCGEM_FAIR_TURN))
		first = 1 + engine->turn / ZCGEM_FAIR_TURN % (ZCGEM_PRIORITIES - 1);
	for (i = 0; i < ZCGEM_PRIORITIES && !job; i++) {
		u32 priority = zcgem_priority_order[(first + i) % ZCGEM_PRIORITIES];

		job = list_first_entry_or_null(&engine->runnable[priority], struct zcgem_job,
					       run_link);
	}
	if (job)
		list_del_init(&job->run_link);
	else
		worker->awake = false;
	spin_unlock(&engine->lock);
	return job;
}

/* Lock held: zcgem_engine_hurry() looks here after the error was set. */
static void zcgem_engine_put(struct zcgem_engine *engine, struct zcgem_job *job)
{
	lockdep_assert_held(&engine->lock);

	list_add_tail(&job->run_link, READ_ONCE(job->deps.error) ? &engine->ended :
		      &engine->runnable[job->queue->priority]);
}

static void zcgem_engine_put_back(struct zcgem_engine *engine, struct zcgem_job *job)
{
	spin_lock(&engine->lock);
	zcgem_engine_put(engine, job);
	spin_unlock(&engine->lock);
}

/* Returns whether the job is over. */
static bool zcgem_engine_turn(struct zcgem_job *job)
{
	u64 start = ktime_get_ns(), now;
	bool more;

	do {
		more = !READ_ONCE(job->deps.error) && zcgem_job_step(job);
		cond_resched();
		now = ktime_get_ns();
	} while (more && now - start < ZCGEM_TURN_NS);

	job->ran += now - start;
	if (more && job->ran > ZCGEM_JOB_SECONDS * NSEC_PER_SEC)
		zcgem_deps_abort(&job->deps, -ETIMEDOUT);
	return !more;
}

static void zcgem_worker_run(struct work_struct *work)
{
	struct zcgem_worker *worker = container_of(work, struct zcgem_worker, work);
	struct zcgem_engine *engine = worker->engine;
	struct zcgem_job *job;
	bool cookie;

	while ((job = zcgem_engine_pick(engine, worker))) {
		cookie = dma_fence_begin_signalling();
		if (zcgem_engine_turn(job))
			zcgem_job_finish(job);
		else
			zcgem_engine_put_back(engine, job);
		dma_fence_end_signalling(cookie);
	}
}

/**
 * zcgem_engine_run() - Run a job.
 * @job: a job that has nothing to wait for
 */
void zcgem_engine_run(struct zcgem_job *job)
{
	struct zcgem_engine *engine = &job->zdev->engine;
	struct zcgem_worker *worker = NULL;
	unsigned int i;

	spin_lock(&engine->lock);
	zcgem_engine_put(engine, job);
	for (i = 0; i < engine->nr_workers && !worker; i++)
		if (!engine->workers[i].awake)
			worker = &engine->workers[i];
	if (worker)
		worker->awake = true;
	spin_unlock(&engine->lock);

	/* Those that are awake look at the list before they go to sleep. */
	if (worker)
		queue_work(engine->copy_wq, &worker->work);
}

/**
 * zcgem_engine_hurry() - A job has been cancelled: end it next.
 * @job: a job that has an error; perhaps the engine does not have it
 */
void zcgem_engine_hurry(struct zcgem_job *job)
{
	struct zcgem_engine *engine = &job->zdev->engine;

	spin_lock(&engine->lock);
	if (!list_empty(&job->run_link))
		list_move_tail(&job->run_link, &engine->ended);
	spin_unlock(&engine->lock);
}

static void zcgem_engine_fini(struct drm_device *drm, void *data)
{
	struct zcgem_engine *engine = &to_zcgem(drm)->engine;

	destroy_workqueue(engine->copy_wq);
	destroy_workqueue(engine->sched_wq);
	/* The schedulers queue to it. */
	destroy_workqueue(engine->cleanup_wq);
	mutex_destroy(&engine->jobs_lock);
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
	unsigned int i;

	spin_lock_init(&engine->lock);
	mutex_init(&engine->jobs_lock);
	init_rwsem(&engine->notifier_lock);
	INIT_LIST_HEAD(&engine->queues);
	INIT_LIST_HEAD(&engine->ended);
	for (i = 0; i < ZCGEM_PRIORITIES; i++)
		INIT_LIST_HEAD(&engine->runnable[i]);

	engine->nr_workers = min(num_online_cpus(), ZCGEM_MAX_WORKERS);
	for (i = 0; i < engine->nr_workers; i++) {
		engine->workers[i].engine = engine;
		INIT_WORK(&engine->workers[i].work, zcgem_worker_run);
	}

	/* A name that no device has that was removed and is still open. */
	engine->copy_wq = alloc_workqueue("zcgem-copy-%d",
					  WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_SYSFS, 0,
					  zdev->drm.render->index);
	if (!engine->copy_wq)
		return -ENOMEM;
	engine->sched_wq = alloc_workqueue("zcgem-sched", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!engine->sched_wq)
		goto destroy_copy;
	engine->cleanup_wq = alloc_workqueue("zcgem-cleanup", WQ_UNBOUND, 0);
	if (!engine->cleanup_wq)
		goto destroy_sched;
	return drmm_add_action_or_reset(&zdev->drm, zcgem_engine_fini, NULL);

destroy_sched:
	destroy_workqueue(engine->sched_wq);
destroy_copy:
	destroy_workqueue(engine->copy_wq);
	return -ENOMEM;
}
