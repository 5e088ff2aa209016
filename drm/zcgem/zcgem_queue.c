// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: queues
 *
 * A client, which is an open file, has a queue for each priority that it uses, made at
 * first use. Each queue is a scheduler of its own with one entity and room for one job
 * at a time: jobs of a queue run in order, and those of different queues compete in the
 * engine, which is fair. One scheduler for all would run jobs in the order in which they
 * were submitted, so that a client with a thousand jobs would delay all others.
 *
 * When the file closes, its jobs are cancelled and waited for. That is short, since a
 * cancelled job waits for nothing, so no job outlives its queue and the scheduler never
 * has anything to kill.
 */

#include <linux/slab.h>

#include <drm/drm_file.h>

#include "zcgem_device.h"
#include "zcgem_job.h"

struct zcgem_client {
	/* Guards the making of queues. */
	struct mutex lock;
	struct zcgem_queue *queues[ZCGEM_PRIORITIES];
};

static struct zcgem_queue *zcgem_queue_create(struct drm_file *file, u32 priority)
{
	struct zcgem_device *zdev = to_zcgem(file->minor->dev);
	struct drm_gpu_scheduler *sched;
	struct zcgem_queue *queue;
	int ret;

	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue)
		return ERR_PTR(-ENOMEM);

	queue->zdev = zdev;
	queue->client = file->client_id;
	queue->priority = priority;
	queue->context = dma_fence_context_alloc(2);
	mutex_init(&queue->lock);
	init_waitqueue_head(&queue->wait);
	INIT_LIST_HEAD(&queue->accepted);

	/* The engine ends what takes too long. */
	sched = &queue->sched;
	ret = drm_sched_init(sched, &(struct drm_sched_init_args) {
		.ops = &zcgem_sched_ops,
		.submit_wq = zdev->engine.sched_wq,
		.num_rqs = 1,
		.credit_limit = 1,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = "zcgem",
		.dev = zdev->drm.dev,
	});
	if (ret)
		goto free_queue;
	/* The only run queue is that of the highest priority. */
	ret = drm_sched_entity_init(&queue->entity, DRM_SCHED_PRIORITY_KERNEL, &sched, 1, NULL);
	if (ret)
		goto fini_sched;
	zcgem_jobs_add_queue(queue);
	return queue;

fini_sched:
	drm_sched_fini(&queue->sched);
free_queue:
	kfree(queue);
	return ERR_PTR(ret);
}

static void zcgem_queue_destroy(struct zcgem_queue *queue)
{
	zcgem_jobs_cancel_queue(queue, -ECANCELED);

	/* Behind the lock of the one who has lowered the count. */
	wait_event(queue->wait, !atomic_read(&queue->jobs));
	spin_lock_irq(&queue->wait.lock);
	spin_unlock_irq(&queue->wait.lock);

	zcgem_jobs_remove_queue(queue);
	drm_sched_entity_fini(&queue->entity);
	drm_sched_fini(&queue->sched);
	mutex_destroy(&queue->lock);
	kfree(queue);
}

/**
 * zcgem_client_queue() - The queue of a client for a priority.
 * @file: the client
 * @priority: one of &enum drm_zcgem_priority
 *
 * Return: the queue, which lives as long as the file, or an ERR_PTR().
 */
struct zcgem_queue *zcgem_client_queue(struct drm_file *file, u32 priority)
{
	struct zcgem_client *client = file->driver_priv;
	struct zcgem_queue *queue;

	mutex_lock(&client->lock);
	queue = client->queues[priority];
	if (!queue) {
		queue = zcgem_queue_create(file, priority);
		if (!IS_ERR(queue))
			WRITE_ONCE(client->queues[priority], queue);
	}
	mutex_unlock(&client->lock);
	return queue;
}

/**
 * zcgem_client_busy() - Processor time that a client's jobs took.
 * @file: the client
 *
 * Return: nanoseconds, of jobs that have ended.
 */
u64 zcgem_client_busy(struct drm_file *file)
{
	struct zcgem_client *client = file->driver_priv;
	u64 busy = 0;
	unsigned int i;

	for (i = 0; i < ZCGEM_PRIORITIES; i++) {
		struct zcgem_queue *queue = READ_ONCE(client->queues[i]);

		if (queue)
			busy += atomic64_read(&queue->busy);
	}
	return busy;
}

/**
 * zcgem_client_open() - &drm_driver.open.
 * @drm: the device
 * @file: the client
 *
 * Return: 0 or -ENOMEM.
 */
int zcgem_client_open(struct drm_device *drm, struct drm_file *file)
{
	struct zcgem_client *client;

	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return -ENOMEM;
	mutex_init(&client->lock);
	file->driver_priv = client;
	return 0;
}

/**
 * zcgem_client_close() - &drm_driver.postclose.
 * @drm: the device
 * @file: the client, with no call in progress
 */
void zcgem_client_close(struct drm_device *drm, struct drm_file *file)
{
	struct zcgem_client *client = file->driver_priv;
	unsigned int i;

	for (i = 0; i < ZCGEM_PRIORITIES; i++)
		if (client->queues[i])
			zcgem_queue_destroy(client->queues[i]);
	mutex_destroy(&client->lock);
	kfree(client);
}
