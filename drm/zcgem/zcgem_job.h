/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _ZCGEM_JOB_H_
#define _ZCGEM_JOB_H_

#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "zcgem_deps.h"

struct drm_device;
struct drm_file;
struct zcgem_device;
struct zcgem_object;
struct zcgem_pages;
struct zcgem_queue;

/** ZCGEM_MAX_OPS - Most operations of a submit. */
#define ZCGEM_MAX_OPS		1024

/** ZCGEM_MAX_SYNCS - Most in-syncs, and most out-syncs, of a submit. */
#define ZCGEM_MAX_SYNCS		1024

/** ZCGEM_JOB_SECONDS - How long the engine works on a job. */
#define ZCGEM_JOB_SECONDS	10

/** ZCGEM_PRIORITIES - Values of &enum drm_zcgem_priority. */
#define ZCGEM_PRIORITIES	3

/*
 * One checked operation. Fields as in &struct drm_zcgem_op, but dst and src are places in
 * &zcgem_job.objects and height is at least 1.
 */
struct zcgem_op {
	u32 type;
	u32 dst;
	u32 src;
	u32 pattern_size;
	u64 dst_offset;
	u64 src_offset;
	u64 size;
	u64 height;
	u64 dst_pitch;
	u64 src_pitch;
	u64 pattern;
};

/**
 * struct zcgem_job_object - An object as a job sees it.
 */
struct zcgem_job_object {
	/** @job: The job. */
	struct zcgem_job *job;

	/** @link: In &zcgem_object.jobs, under &zcgem_engine.jobs_lock. */
	struct list_head link;

	/** @obj: The object, with a reference. */
	struct zcgem_object *obj;

	/** @pages: Its pages at submit, with a reference; NULL for foreign memory. */
	struct zcgem_pages *pages;

	/** @map: Foreign memory's kernel mapping. */
	struct iosys_map map;

	/** @first: First page that the job touches. */
	pgoff_t first;

	/** @end: One past the last page that it touches. */
	pgoff_t end;

	/** @write: The job writes to it. */
	bool write;
};

/**
 * enum zcgem_job_state - Who has a job's memory.
 * @ZCGEM_JOB_WAITS: nobody yet
 * @ZCGEM_JOB_RUNS: the engine, until the fence
 * @ZCGEM_JOB_WITHDRAWN: nobody, the engine will pass it over
 */
enum zcgem_job_state {
	ZCGEM_JOB_WAITS,
	ZCGEM_JOB_RUNS,
	ZCGEM_JOB_WITHDRAWN,
};

/**
 * struct zcgem_job - A submit.
 *
 * Made by zcgem_submit.c, waits in its &struct zcgem_queue, then runs in the engine,
 * and is freed by work once its fence has signalled.
 */
struct zcgem_job {
	/** @base: The scheduler's part. */
	struct drm_sched_job base;

	/** @zdev: The device. */
	struct zcgem_device *zdev;

	/** @queue: Where it was submitted. */
	struct zcgem_queue *queue;

	/** @deps: What it waits for; &zcgem_deps.error is the job's. */
	struct zcgem_deps deps;

	/** @fence: Signals when it is over. */
	struct zcgem_fence *fence;

	/** @objects: What it touches. */
	struct zcgem_job_object *objects;

	/** @nr_objects: Length of @objects. */
	unsigned int nr_objects;

	/** @ops: What it does. */
	struct zcgem_op *ops;

	/** @nr_ops: Length of @ops. */
	unsigned int nr_ops;

	/** @state: One of &enum zcgem_job_state; changed by cmpxchg(). */
	enum zcgem_job_state state;

	/** @op: How far it is: the operation. */
	unsigned int op;

	/** @row: How far it is: the row in @op. */
	u64 row;

	/** @column: How far it is: bytes of @row. */
	u64 column;

	/** @ran: Nanoseconds of processor time so far. */
	u64 ran;

	/** @run_link: In &zcgem_engine.runnable or ended, under its lock. */
	struct list_head run_link;

	/** @link: In &zcgem_queue.accepted, under &zcgem_engine.jobs_lock. */
	struct list_head link;

	/** @cleanup: Frees it. */
	struct work_struct cleanup;
};

#define to_zcgem_job(b) container_of(b, struct zcgem_job, base)

struct zcgem_engine;

/**
 * struct zcgem_worker - All do the same; one work never runs twice at a time.
 */
struct zcgem_worker {
	/** @work: Runs jobs as long as there are any. */
	struct work_struct work;

	/** @engine: Whose jobs. */
	struct zcgem_engine *engine;

	/** @awake: It will look for jobs. Under &zcgem_engine.lock. */
	bool awake;
};

/* More do not make memory faster. */
#define ZCGEM_MAX_WORKERS	8

/**
 * struct zcgem_engine - What copies and fills on a device.
 */
struct zcgem_engine {
	/** @copy_wq: Runs @workers. */
	struct workqueue_struct *copy_wq;

	/** @sched_wq: Runs the schedulers of all queues. */
	struct workqueue_struct *sched_wq;

	/**
	 * @cleanup_wq: Frees jobs, which closing a file waits for, so apart from work that
	 * waits for fences.
	 */
	struct workqueue_struct *cleanup_wq;

	/** @workers: What runs jobs. */
	struct zcgem_worker workers[ZCGEM_MAX_WORKERS];

	/** @nr_workers: How many are used. */
	unsigned int nr_workers;

	/** @lock: Guards @runnable, @ended, @turn and who is awake; a leaf lock. */
	spinlock_t lock;

	/** @runnable: Jobs with nothing to wait for, by priority. */
	struct list_head runnable[ZCGEM_PRIORITIES];

	/** @ended: Jobs that were cancelled meanwhile: somebody waits for them. */
	struct list_head ended;

	/** @turn: Counts what was picked. */
	unsigned int turn;

	/**
	 * @jobs_lock: Guards @queues, and which jobs queues and objects have. Inside dma_resv,
	 * taken in MMU notifiers; nothing allocates under it or waits.
	 */
	struct mutex jobs_lock;

	/** @queues: All queues. */
	struct list_head queues;

	/**
	 * @notifier_lock: Memory that can go without dma_resv, see
	 * &zcgem_backing_ops.still_valid.
	 */
	struct rw_semaphore notifier_lock;
};

/**
 * struct zcgem_queue - The submits of one client at one priority.
 */
struct zcgem_queue {
	/** @sched: Runs one job at a time. */
	struct drm_gpu_scheduler sched;

	/** @entity: The only one of @sched. */
	struct drm_sched_entity entity;

	/** @zdev: The device. */
	struct zcgem_device *zdev;

	/** @client: &drm_file.client_id of the client. */
	u64 client;

	/** @priority: One of &enum drm_zcgem_priority. */
	u32 priority;

	/** @link: In &zcgem_engine.queues, under jobs_lock. */
	struct list_head link;

	/** @accepted: Jobs that were accepted and not freed yet, in order. Under jobs_lock. */
	struct list_head accepted;

	/** @lock: Makes the order of fences that of jobs. Nothing allocates under it. */
	struct mutex lock;

	/** @context: Fence context of the jobs, then that of what they wait for. */
	u64 context;

	/** @seqno: Of the last job. Under @lock. */
	u64 seqno;

	/**
	 * @late: Jobs up to this seqno get no more time when they are waited for. Under
	 * jobs_lock.
	 */
	u64 late;

	/** @ending: Jobs up to this seqno are being ended. Within zcgem_jobs_expedite(). */
	u64 ending;

	/** @running: The job that runs and uses an object. Within zcgem_jobs_withdraw(). */
	struct zcgem_job *running;

	/** @jobs: Jobs not freed yet. */
	atomic_t jobs;

	/** @wait: For @jobs to become fewer. */
	wait_queue_head_t wait;

	/** @busy: Nanoseconds of processor time that ended jobs took. */
	atomic64_t busy;
};

/* Above it, submits wait for room. */
#define ZCGEM_QUEUE_DEPTH	512

/* zcgem_job.c */
struct zcgem_job *zcgem_job_alloc(struct zcgem_queue *queue);
void zcgem_job_free(struct zcgem_job *job);
void zcgem_job_forget_memory(struct zcgem_job *job);
void zcgem_job_finish(struct zcgem_job *job);
void zcgem_jobs_add(struct zcgem_job *job);
void zcgem_jobs_add_queue(struct zcgem_queue *queue);
void zcgem_jobs_remove_queue(struct zcgem_queue *queue);
void zcgem_jobs_cancel_queue(struct zcgem_queue *queue, int error);
void zcgem_jobs_withdraw(struct zcgem_object *obj, int error);
bool zcgem_jobs_are_late(struct zcgem_object *obj);
bool zcgem_jobs_yield(struct zcgem_object *obj, int error, bool may_sleep,
		      struct dma_fence *running[ZCGEM_PRIORITIES]);
void zcgem_jobs_expedite(struct zcgem_object *obj, int error);
void zcgem_jobs_cancel_device(struct zcgem_device *zdev, int error);
extern const struct drm_sched_backend_ops zcgem_sched_ops;

/* zcgem_copy.c */
bool zcgem_job_step(struct zcgem_job *job);

/* zcgem_engine.c */
bool zcgem_has_engine(void);
int zcgem_engine_init(struct zcgem_device *zdev);
void zcgem_engine_run(struct zcgem_job *job);
void zcgem_engine_hurry(struct zcgem_job *job);

/* zcgem_queue.c */
int zcgem_client_open(struct drm_device *drm, struct drm_file *file);
void zcgem_client_close(struct drm_device *drm, struct drm_file *file);
struct zcgem_queue *zcgem_client_queue(struct drm_file *file, u32 priority);
u64 zcgem_client_busy(struct drm_file *file);

#endif /* _ZCGEM_JOB_H_ */
