// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: clients
 *
 * A client, which is an open file, has a queue for each priority. One spinlock for each client
 * guards its queues and says whether its mirrors of address spaces are valid. MMU notifiers take
 * it, and submits, all of the same client: what a client does costs only itself. Under it nothing
 * sleeps, so no task that has used up its processor time can hold it.
 *
 * When the file closes its jobs are cancelled and waited for, which is short. What has a reference
 * after that, a mirror whose notifiers are still called, finds no jobs.
 */

#include <linux/slab.h>

#include <drm/drm_file.h>

#include "zcgem_device.h"
#include "zcgem_fence.h"
#include "zcgem_job.h"

static void zcgem_client_release(struct kref *kref)
{
	kfree(container_of(kref, struct zcgem_client, kref));
}

/**
 * zcgem_client_put() - Drop a reference.
 * @client: the client
 */
void zcgem_client_put(struct zcgem_client *client)
{
	kref_put(&client->kref, zcgem_client_release);
}

/**
 * zcgem_client_end_jobs() - End what was cancelled, see zcgem_queue_end_jobs().
 * @client: the client
 */
void zcgem_client_end_jobs(struct zcgem_client *client)
{
	unsigned int i;

	for (i = 0; i < ZCGEM_PRIORITIES; i++)
		zcgem_queue_end_jobs(&client->queues[i]);
}

/**
 * zcgem_client_expedite() - Have a job over soon.
 * @client: the client
 * @priority: its queue
 * @seqno: of its fence
 * @error: of the fences of jobs that do not end of themselves, negative
 *
 * A queue runs its jobs in order, so those before it are ended too. Waits for nothing.
 */
void zcgem_client_expedite(struct zcgem_client *client, u32 priority, u64 seqno, int error)
{
	struct zcgem_queue *queue = &client->queues[priority];
	struct zcgem_job *job;

	spin_lock(&client->lock);
	queue->late = queue->seqno;
	list_for_each_entry(job, &queue->jobs, link)
		if (job->fence->base.seqno <= seqno)
			zcgem_job_abort(job, error);
	spin_unlock(&client->lock);
	zcgem_queue_end_jobs(queue);
}

static void zcgem_client_cancel(struct zcgem_client *client, int error)
{
	unsigned int i;

	for (i = 0; i < ZCGEM_PRIORITIES; i++)
		zcgem_client_expedite(client, i, U64_MAX, error);
}

/**
 * zcgem_clients_cancel() - End all jobs of a device early.
 * @zdev: the device; no more can come once it is unplugged
 * @error: of their fences, negative
 */
void zcgem_clients_cancel(struct zcgem_device *zdev, int error)
{
	struct zcgem_client *client;

	mutex_lock(&zdev->engine.clients_lock);
	list_for_each_entry(client, &zdev->engine.clients, link)
		zcgem_client_cancel(client, error);
	mutex_unlock(&zdev->engine.clients_lock);
}

/**
 * zcgem_client_busy() - How long a client's jobs have run.
 * @client: the client
 *
 * Return: nanoseconds.
 */
u64 zcgem_client_busy(struct zcgem_client *client)
{
	unsigned int i;
	u64 busy = 0;

	spin_lock(&client->lock);
	for (i = 0; i < ZCGEM_PRIORITIES; i++) {
		struct zcgem_queue *queue = &client->queues[i];
		struct zcgem_job *job =
			list_first_entry_or_null(&queue->jobs, struct zcgem_job, link);

		busy += atomic64_read(&queue->busy);
		if (job)
			busy += READ_ONCE(job->ran);
	}
	spin_unlock(&client->lock);
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
	struct zcgem_device *zdev = to_zcgem(drm);
	struct zcgem_client *client;
	unsigned int i;

	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return -ENOMEM;
	kref_init(&client->kref);
	client->zdev = zdev;
	client->id = file->client_id;
	spin_lock_init(&client->lock);
	for (i = 0; i < ZCGEM_PRIORITIES; i++)
		zcgem_queue_init(&client->queues[i], client, i);
	file->driver_priv = client;

	mutex_lock(&zdev->engine.clients_lock);
	list_add_tail(&client->link, &zdev->engine.clients);
	mutex_unlock(&zdev->engine.clients_lock);
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
	struct zcgem_engine *engine = &client->zdev->engine;
	unsigned int i;

	mutex_lock(&engine->clients_lock);
	list_del(&client->link);
	mutex_unlock(&engine->clients_lock);

	zcgem_client_cancel(client, -ECANCELED);
	for (i = 0; i < ZCGEM_PRIORITIES; i++) {
		struct zcgem_queue *queue = &client->queues[i];

		wait_event(queue->wait, !atomic_read(&queue->nr_jobs));
		/* With no job left nothing starts them again. */
		timer_delete_sync(&queue->timer);
		cancel_work_sync(&queue->work);
	}
	zcgem_client_put(client);
}
