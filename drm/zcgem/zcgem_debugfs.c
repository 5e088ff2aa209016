// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: debugfs
 *
 * zcgem_stats has what exists on the device, one "name: value" a line; everything
 * in it but evictions is zero when no object is left. zcgem_objects is a table of
 * the objects. Both read counters only: a table row is printed without dma_resv,
 * so its columns may belong to different moments.
 */

#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_file.h>

#include "zcgem_debugfs.h"
#include "zcgem_object.h"

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
	seq_printf(m, "evictions: %ld\n", atomic_long_read(&c->evictions));
	return 0;
}

static int zcgem_objects_show(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct zcgem_device *zdev = to_zcgem(entry->dev);
	struct zcgem_object *obj;

	seq_puts(m, "creator          pid      backing        size  resident pins maps attached  evicted faults-4k faults-2m faults-1g\n");

	spin_lock(&zdev->objects_lock);
	list_for_each_entry(obj, &zdev->objects, link)
		seq_printf(m, "%-16s %-8d %-8s %11zu %9s %4u %4d %8d %8lld %9lld %9lld %9lld\n",
			   obj->comm, obj->creator, obj->ops->name, obj->bo.base.size,
			   READ_ONCE(obj->pages) ? "yes" : "no", READ_ONCE(obj->pins),
			   atomic_read(&obj->mappings), atomic_read(&obj->attachments),
			   atomic64_read(&obj->evictions),
			   atomic64_read(&obj->faults[ZCGEM_LEAF_PTE]),
			   atomic64_read(&obj->faults[ZCGEM_LEAF_PMD]),
			   atomic64_read(&obj->faults[ZCGEM_LEAF_PUD]));
	spin_unlock(&zdev->objects_lock);
	return 0;
}

static const struct drm_debugfs_info zcgem_debugfs_files[] = {
	{ "zcgem_stats", zcgem_stats_show },
	{ "zcgem_objects", zcgem_objects_show },
};

/**
 * zcgem_debugfs_init() - Add the files; removed with the device.
 * @zdev: the device, not registered yet
 */
void zcgem_debugfs_init(struct zcgem_device *zdev)
{
	drm_debugfs_add_files(&zdev->drm, zcgem_debugfs_files,
			      ARRAY_SIZE(zcgem_debugfs_files));
}
