// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: debugfs
 *
 * zcgem_stats has what exists on the device, one "name: value" a line; everything
 * in it but evictions and watch_looks is zero when no object is left. zcgem_objects is a table of
 * the objects, with the number of extents in classes of size at the end of a row.
 * zcgem_jobs is a table of the queues that have jobs: how many, since when the oldest has been
 * there, what it does, and one of the fences that it waits for.
 *
 * A row of objects is printed under the object's dma_resv; no lock is held from row to row, so
 * rows belong to different moments.
 */

#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "zcgem_debugfs.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

static int zcgem_stats_show(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct zcgem_counters *c = &to_zcgem(entry->dev)->counters;

	seq_printf(m, "objects: %ld\n", atomic_long_read(&c->objects));
	seq_printf(m, "resident_bytes: %ld\n",
		   atomic_long_read(&c->resident_pages) << PAGE_SHIFT);
	seq_printf(m, "pinned_folios: %ld\n", atomic_long_read(&c->pinned_folios));
	seq_printf(m, "charged_pages: %ld\n", atomic_long_read(&c->charged_pages));
	seq_printf(m, "mappings: %ld\n", atomic_long_read(&c->mappings));
	seq_printf(m, "attachments: %ld\n", atomic_long_read(&c->attachments));
	seq_printf(m, "dma_maps: %ld\n", atomic_long_read(&c->dma_maps));
	seq_printf(m, "jobs: %ld\n", atomic_long_read(&c->jobs));
	seq_printf(m, "notifiers: %ld\n", atomic_long_read(&c->notifiers));
	seq_printf(m, "evictions: %ld\n", atomic_long_read(&c->evictions));
	seq_printf(m, "watch_looks: %ld\n", atomic_long_read(&c->watch_looks));
	return 0;
}

/* Extents by size: one page, less than 64 KiB, than a PMD maps, than a PUD maps, and more. */
static void zcgem_show_extents(struct seq_file *m, struct zcgem_object *obj)
{
	u64 by_order[DRM_ZCGEM_EXTENT_ORDERS] = {}, by_class[5] = {};
	unsigned int order;

	if (obj->pages)
		zcgem_extents_histogram(&obj->pages->extents, by_order,
					DRM_ZCGEM_EXTENT_ORDERS);
	for (order = 0; order < DRM_ZCGEM_EXTENT_ORDERS; order++) {
		if (!order)
			by_class[0] += by_order[order];
		else if (order + PAGE_SHIFT < 16)
			by_class[1] += by_order[order];
		else if (order + PAGE_SHIFT < PMD_SHIFT)
			by_class[2] += by_order[order];
		else if (order + PAGE_SHIFT < PUD_SHIFT)
			by_class[3] += by_order[order];
		else
			by_class[4] += by_order[order];
	}
	seq_printf(m, " %7llu %7llu %7llu %7llu %7llu\n", by_class[0], by_class[1],
		   by_class[2], by_class[3], by_class[4]);
}

static int zcgem_show_object(struct seq_file *m, struct zcgem_object *obj)
{
	int ret;

	ret = zcgem_object_lock(obj);
	if (ret)
		return ret;
	seq_printf(m, "%-16s %-8d %-8s %12zu %8s %4u %4d %8d %7lld %9lld %9lld %9lld",
		   obj->comm, obj->creator, obj->ops->name, obj->bo.base.size,
		   obj->pages ? "yes" : "no", obj->pins, atomic_read(&obj->mappings),
		   atomic_read(&obj->attachments), atomic64_read(&obj->evictions),
		   atomic64_read(&obj->faults[ZCGEM_LEAF_PTE]),
		   atomic64_read(&obj->faults[ZCGEM_LEAF_PMD]),
		   atomic64_read(&obj->faults[ZCGEM_LEAF_PUD]));
	zcgem_show_extents(m, obj);
	zcgem_object_unlock(obj);
	return 0;
}

/* The object after one that is held, or the first; held in turn. */
static struct zcgem_object *zcgem_next_object(struct zcgem_device *zdev,
					      struct zcgem_object *obj)
{
	struct zcgem_object *prev = obj;

	spin_lock(&zdev->objects_lock);
	obj = list_prepare_entry(obj, &zdev->objects, link);
	list_for_each_entry_continue(obj, &zdev->objects, link)
		if (kref_get_unless_zero(&obj->bo.base.refcount))
			break;
	if (list_entry_is_head(obj, &zdev->objects, link))
		obj = NULL;
	spin_unlock(&zdev->objects_lock);

	if (prev)
		drm_gem_object_put(&prev->bo.base);
	return obj;
}

/*
 * Where a reader is: it holds the object that is printed next until it comes again, so that a
 * table of any length costs one pass and a page of memory.
 */
struct zcgem_objects_iter {
	struct zcgem_device *zdev;
	struct zcgem_object *obj;
	loff_t pos;
};

static void zcgem_objects_advance(struct zcgem_objects_iter *iter)
{
	iter->obj = zcgem_next_object(iter->zdev, iter->obj);
	iter->pos++;
	cond_resched();
}

static void zcgem_show_queue(struct seq_file *m, struct zcgem_queue *queue)
{
	struct zcgem_client *client = queue->client;
	u64 context = 0, seqno = 0;
	const char *state = "ready";
	struct zcgem_job *job;
	unsigned int age = 0;
	u32 pending = 0;

	spin_lock(&client->lock);
	job = list_first_entry_or_null(&queue->jobs, struct zcgem_job, link);
	if (job) {
		age = jiffies_to_msecs(jiffies - job->submitted);
		if (READ_ONCE(job->state) == ZCGEM_JOB_RUNS)
			state = "runs";
		else
			pending = zcgem_deps_pending(&job->deps, &context, &seqno);
	}
	spin_unlock(&client->lock);
	if (!job)
		return;

	seq_printf(m, "%8llu %8u %5d %10u ", client->id, queue->priority,
		   atomic_read(&queue->nr_jobs), age);
	if (pending)
		seq_printf(m, "waits for %u fences, one is %llu:%llu\n", pending, context, seqno);
	else
		seq_printf(m, "%s\n", state);
}

static int zcgem_jobs_show(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct zcgem_engine *engine = &to_zcgem(entry->dev)->engine;
	struct zcgem_client *client;
	unsigned int i;

	seq_puts(m, "  client priority  jobs oldest(ms) state\n");
	mutex_lock(&engine->clients_lock);
	list_for_each_entry(client, &engine->clients, link)
		for (i = 0; i < ZCGEM_PRIORITIES; i++)
			zcgem_show_queue(m, &client->queues[i]);
	mutex_unlock(&engine->clients_lock);
	return 0;
}

static void zcgem_objects_rewind(struct zcgem_objects_iter *iter)
{
	if (iter->obj)
		drm_gem_object_put(&iter->obj->bo.base);
	iter->obj = NULL;
	iter->pos = 0;
}

static void *zcgem_objects_start(struct seq_file *m, loff_t *pos)
{
	struct zcgem_objects_iter *iter = m->private;

	if (*pos < iter->pos)
		zcgem_objects_rewind(iter);
	while (iter->pos < *pos) {
		zcgem_objects_advance(iter);
		if (!iter->obj)
			break;
	}
	return *pos ? iter->obj : SEQ_START_TOKEN;
}

static void *zcgem_objects_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct zcgem_objects_iter *iter = m->private;

	zcgem_objects_advance(iter);
	*pos = iter->pos;
	return iter->obj;
}

static void zcgem_objects_stop(struct seq_file *m, void *v)
{
}

static int zcgem_objects_show(struct seq_file *m, void *v)
{
	if (v != SEQ_START_TOKEN)
		return zcgem_show_object(m, v);
	seq_puts(m, "creator          pid      backing          size resident pins maps attached evicted faults-4k faults-2m faults-1g     4k    <64k     <2m     <1g    >=1g\n");
	return 0;
}

static const struct seq_operations zcgem_objects_ops = {
	.start = zcgem_objects_start,
	.next = zcgem_objects_next,
	.stop = zcgem_objects_stop,
	.show = zcgem_objects_show,
};

static int zcgem_objects_open(struct inode *inode, struct file *file)
{
	struct drm_device *drm = inode->i_private;
	struct zcgem_objects_iter *iter;

	iter = __seq_open_private(file, &zcgem_objects_ops, sizeof(*iter));
	if (!iter)
		return -ENOMEM;
	drm_dev_get(drm);
	iter->zdev = to_zcgem(drm);
	return 0;
}

static int zcgem_objects_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct zcgem_objects_iter *iter = m->private;

	zcgem_objects_rewind(iter);
	drm_dev_put(&iter->zdev->drm);
	return seq_release_private(inode, file);
}

static const struct file_operations zcgem_objects_fops = {
	.owner = THIS_MODULE,
	.open = zcgem_objects_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = zcgem_objects_release,
};

static const struct drm_debugfs_info zcgem_debugfs_files[] = {
	{ "zcgem_stats", zcgem_stats_show },
	{ "zcgem_jobs", zcgem_jobs_show },
};

/**
 * zcgem_debugfs_init() - Add the files of a device; removed with it.
 * @zdev: the device, not registered yet
 */
void zcgem_debugfs_init(struct zcgem_device *zdev)
{
	drm_debugfs_add_files(&zdev->drm, zcgem_debugfs_files,
			      ARRAY_SIZE(zcgem_debugfs_files));
	/* Not a single text, which would have to fit in memory. */
	debugfs_create_file("zcgem_objects", 0444, zdev->drm.debugfs_root, &zdev->drm,
			    &zcgem_objects_fops);
}
