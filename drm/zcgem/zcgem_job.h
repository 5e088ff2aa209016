/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_JOB_H_
#define _ZCGEM_JOB_H_

#include <linux/iosys-map.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/zcgem_drm.h>

#include "zcgem_deps.h"

struct drm_device;
struct drm_file;
struct zcgem_client;
struct zcgem_device;
struct zcgem_fence;
struct zcgem_object;
struct zcgem_pages;
struct zcgem_queue;

/** ZCGEM_MAX_OPS - Most operations of a submit. */
#define ZCGEM_MAX_OPS		1024

/** ZCGEM_MAX_SYNCS - Most in-syncs, and most out-syncs, of a submit. */
#define ZCGEM_MAX_SYNCS		1024

/** ZCGEM_JOB_SECONDS - How long the engine works on a job. */
#define ZCGEM_JOB_SECONDS	10

/** ZCGEM_IN_FENCE_SECONDS - How long a job waits for fences of other drivers. */
#define ZCGEM_IN_FENCE_SECONDS	10

/** ZCGEM_PRIORITIES - Values of &enum drm_zcgem_priority. */
#define ZCGEM_PRIORITIES	3

/** ZCGEM_ROW_COST - Bytes that take as long as what a row takes beside its length. */
#define ZCGEM_ROW_COST		256

/** ZCGEM_QUEUE_DEPTH - Jobs of a queue above which submits wait for room. */
#define ZCGEM_QUEUE_DEPTH	512

/**
 * struct zcgem_job_object - An object as a job sees it.
 */
struct zcgem_job_object {
	/** @job: The job. */
	struct zcgem_job *job;

	/** @link: In &zcgem_object.jobs, from acceptance until the job is over. */
	struct list_head link;

	/** @obj: The object, with a reference. */
	struct zcgem_object *obj;

	/**
	 * @pages: Its pages at submit, with a reference; NULL for foreign memory. Of an accepted
	 * job under &zcgem_object.jobs_lock.
	 */
	struct zcgem_pages *pages;

	/** @map: Foreign memory's kernel mapping. */
	struct iosys_map map;

	/** @first: First page that the job touches. */
	pgoff_t first;

	/** @end: One past the last page that it touches. */
	pgoff_t end;

	/** @handle: What the client calls it. */
	u32 handle;

	/** @write: The job writes to it. */
	bool write;
};

/**
 * enum zcgem_job_state - What has a job's memory.
 * @ZCGEM_JOB_WAITS: nothing yet
 * @ZCGEM_JOB_RUNS: the engine, until the fence
 * @ZCGEM_JOB_WITHDRAWN: nothing, the engine will pass it over
 */
enum zcgem_job_state {
	ZCGEM_JOB_WAITS,
	ZCGEM_JOB_RUNS,
	ZCGEM_JOB_WITHDRAWN,
};

/**
 * struct zcgem_job - A submit.
 */
struct zcgem_job {
	/** @queue: Where it was submitted. */
	struct zcgem_queue *queue;

	/** @link: In &zcgem_queue.jobs, under &zcgem_client.lock. */
	struct list_head link;

	/** @fence: Signals when it is over. */
	struct zcgem_fence *fence;

	/** @deps: What it waits for. */
	struct zcgem_deps deps;

	/** @state: One of &enum zcgem_job_state; changed by cmpxchg(). */
	enum zcgem_job_state state;

	/** @error: Why it must not run, negative, or 0; set once by cmpxchg(). */
	int error;

	/** @accepted: Its fence is everywhere: it may be run, or ended. */
	bool accepted;

	/** @submitted: When, jiffies. */
	unsigned long submitted;

	/** @op: How far it is: the operation. */
	unsigned int op;

	/** @row: How far it is: the row in @op. */
	u64 row;

	/** @column: How far it is: bytes of @row. */
	u64 column;

	/** @ran: Nanoseconds that it ran so far; read while it runs. */
	u64 ran;

	/** @cost: Bytes that it moves, with ZCGEM_ROW_COST for each row. */
	u64 cost;

	/** @cleanup: Frees it where that takes locks. */
	struct work_struct cleanup;

	/** @objects: What it touches. */
	struct zcgem_job_object *objects;

	/** @nr_objects: Length of @objects. */
	unsigned int nr_objects;

	/** @nr_ops: Length of @ops. */
	unsigned int nr_ops;

	/**
	 * @ops: What it does; handles are indices into @objects, and height is at least 1. Followed
	 * by @objects.
	 */
	struct drm_zcgem_op ops[];
};

/**
 * struct zcgem_engine - What copies and fills on a device.
 */
struct zcgem_engine {
	/** @copy_wq: Runs jobs. */
	struct workqueue_struct *copy_wq;

	/**
	 * @cleanup_wq: Frees jobs, which closing a file waits for, so apart from work that
	 * waits for fences.
	 */
	struct workqueue_struct *cleanup_wq;

	/** @clients_lock: Guards @clients. No client waits for it but to open and close. */
	struct mutex clients_lock;

	/** @clients: All clients. */
	struct list_head clients;
};

/**
 * struct zcgem_queue - The submits of one client at one priority.
 */
struct zcgem_queue {
	/** @client: The client. */
	struct zcgem_client *client;

	/** @priority: One of &enum drm_zcgem_priority. */
	u32 priority;

	/** @work: Runs the jobs. */
	struct work_struct work;

	/** @timer: Looks again at the first job, which waits for fences of others. */
	struct timer_list timer;

	/** @jobs: Accepted and not over, in order. Under &zcgem_client.lock. */
	struct list_head jobs;

	/** @claimed: A task runs the first job or ends it. Under &zcgem_client.lock. */
	bool claimed;

	/** @context: Fence context of the jobs. */
	u64 context;

	/** @seqno: Of the last job. Under &zcgem_client.lock. */
	u64 seqno;

	/**
	 * @late: Jobs up to this seqno get no more time when the owner of mirrored memory waits
	 * for them. Under &zcgem_client.lock.
	 */
	u64 late;

	/** @nr_jobs: Jobs not freed yet. */
	atomic_t nr_jobs;

	/** @wait: For @nr_jobs to become fewer. */
	wait_queue_head_t wait;

	/** @busy: Nanoseconds that jobs have run. */
	atomic64_t busy;
};

/**
 * struct zcgem_client - An open file.
 */
struct zcgem_client {
	/** @kref: One of the file, one of each job and of each mirror. */
	struct kref kref;

	/** @zdev: The device. */
	struct zcgem_device *zdev;

	/** @id: &drm_file.client_id. */
	u64 id;

	/** @link: In &zcgem_engine.clients. */
	struct list_head link;

	/**
	 * @lock: Guards the queues, and whether the client's mirrors are valid, see
	 * &zcgem_backing_ops.still_valid. Taken in MMU notifiers; around
	 * &zcgem_object.jobs_lock, inside everything else.
	 */
	spinlock_t lock;

	/** @queues: One for each priority. */
	struct zcgem_queue queues[ZCGEM_PRIORITIES];
};

/* zcgem_job.c */
struct zcgem_job *zcgem_job_alloc(struct zcgem_queue *queue, u32 nr_ops);
void zcgem_job_free(struct zcgem_job *job);
void zcgem_job_forget_memory(struct zcgem_job *job);
void zcgem_job_release(struct zcgem_job *job, bool may_free);
void zcgem_job_end(struct zcgem_job *job);
void zcgem_job_abort(struct zcgem_job *job, int error);
void zcgem_jobs_withdraw(struct zcgem_object *obj, int error);
void zcgem_jobs_yield(struct zcgem_object *obj, bool begun, int error,
		      struct dma_fence *fences[ZCGEM_PRIORITIES]);

/* zcgem_copy.c */
bool zcgem_job_step(struct zcgem_job *job);

/* zcgem_engine.c */
bool zcgem_has_engine(void);
int zcgem_engine_init(struct zcgem_device *zdev);
unsigned int zcgem_engine_workers(void);
void zcgem_queue_init(struct zcgem_queue *queue, struct zcgem_client *client, u32 priority);
void zcgem_queue_kick(struct zcgem_queue *queue);
void zcgem_queue_end_jobs(struct zcgem_queue *queue);
int zcgem_job_run_at_once(struct zcgem_job *job);

/* zcgem_client.c */
int zcgem_client_open(struct drm_device *drm, struct drm_file *file);
void zcgem_client_close(struct drm_device *drm, struct drm_file *file);
void zcgem_client_put(struct zcgem_client *client);
void zcgem_client_end_jobs(struct zcgem_client *client);
void zcgem_client_expedite(struct zcgem_client *client, u32 priority, u64 seqno, int error);
void zcgem_clients_cancel(struct zcgem_device *zdev, int error);
u64 zcgem_client_busy(struct zcgem_client *client);

#endif /* _ZCGEM_JOB_H_ */
