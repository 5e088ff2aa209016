// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: overview
 *
 * zcgem wraps memory that a program already owns as GEM objects. It drives no
 * hardware: the device is on a bus of its own (zcgem_bus.c), with a render node
 * for everything and a card node for the dumb buffers that some clients ask for.
 *
 * From a client to the memory there are three layers, and none reaches round the
 * next: the ioctls (zcgem_ioctl.c), CPU mappings (zcgem_mmap.c) and PRIME
 * (zcgem_prime.c) use objects (zcgem_object.c, zcgem_residency.c) and their extents
 * (zcgem_pages.c, zcgem_extents.c); objects use backings (zcgem_backing_*.c).
 *
 * This file makes and removes the device. The module cannot be removed while a
 * file, an object or a dma-buf of it is open.
 */

#include <linux/device/driver.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/drm_vma_manager.h>

#include "zcgem_bus.h"
#include "zcgem_compat.h"
#include "zcgem_debugfs.h"
#include "zcgem_fdinfo.h"
#include "zcgem_ioctl.h"
#include "zcgem_job.h"
#include "zcgem_mmap.h"
#include "zcgem_object.h"
#include "zcgem_patience.h"
#include "zcgem_prime.h"
#include "zcgem_shrinker.h"
#include "zcgem_udmabuf.h"

#include <drm/zcgem_drm.h>

static const struct drm_ioctl_desc zcgem_ioctls[] = {
	DRM_IOCTL_DEF_DRV(ZCGEM_GET_PARAM, zcgem_ioctl_get_param, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_CREATE, zcgem_ioctl_gem_create, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_WRAP_MEMFD, zcgem_ioctl_gem_wrap_memfd, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_WRAP_USERPTR, zcgem_ioctl_gem_wrap_userptr,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_ADVISE, zcgem_ioctl_gem_advise, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_REVOKE, zcgem_ioctl_gem_revoke, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_MMAP_OFFSET, zcgem_ioctl_gem_mmap_offset, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_INFO, zcgem_ioctl_gem_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_GEM_WAIT, zcgem_ioctl_gem_wait, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(ZCGEM_SUBMIT, zcgem_ioctl_submit, DRM_RENDER_ALLOW),
};

static const struct file_operations zcgem_fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = zcgem_unlocked_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = zcgem_compat_ioctl,
#endif
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.get_unmapped_area = zcgem_get_unmapped_area,
	.show_fdinfo = drm_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

static const struct drm_driver zcgem_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.name = "zcgem",
	.desc = "zero-copy GEM objects of program memory",
	.major = 1,
	.minor = 0,
	.fops = &zcgem_fops,
	.ioctls = zcgem_ioctls,
	.num_ioctls = ARRAY_SIZE(zcgem_ioctls),
	.open = zcgem_client_open,
	.postclose = zcgem_client_close,
	.gem_prime_import = zcgem_gem_prime_import,
	.show_fdinfo = zcgem_show_fdinfo,
	.dumb_create = zcgem_dumb_create,
	.dumb_map_offset = zcgem_dumb_map_offset,
};

static void zcgem_ttm_release(struct drm_device *drm, void *data)
{
	struct zcgem_device *zdev = to_zcgem(drm);

	/* A watch that looks has a reference to its object, and the last one by now. */
	flush_workqueue(zdev->wq);
	zcgem_shrinker_fini(zdev);
	ttm_device_fini(&zdev->ttm);
}

static void zcgem_wq_release(struct drm_device *drm, void *data)
{
	destroy_workqueue(to_zcgem(drm)->wq);
}

/*
 * A client can ask for the places of objects in the DRM file as large as it likes, which need no
 * memory, and those that the DRM core has would be gone after two of the largest. These are
 * as many as a signed file offset can tell apart, by half: no client can have all.
 */
#define ZCGEM_FILE_PAGES	BIT_ULL(62 - PAGE_SHIFT)

/* The core ends the manager that it has made. */
static void zcgem_offsets_release(struct drm_device *drm, void *core)
{
	drm_vma_offset_manager_destroy(drm->vma_offset_manager);
	drm->vma_offset_manager = core;
}

static int zcgem_offsets_init(struct zcgem_device *zdev)
{
	struct drm_device *drm = &zdev->drm;
	void *core = drm->vma_offset_manager;

	drm_vma_offset_manager_init(&zdev->offsets, DRM_FILE_PAGE_OFFSET_START,
				    ZCGEM_FILE_PAGES);
	drm->vma_offset_manager = &zdev->offsets;
	return drmm_add_action_or_reset(drm, zcgem_offsets_release, core);
}

static int zcgem_probe(struct device *dev)
{
	struct zcgem_device *zdev;
	int ret;

	zdev = devm_drm_dev_alloc(dev, &zcgem_driver, struct zcgem_device, drm);
	if (IS_ERR(zdev))
		return PTR_ERR(zdev);

	/* The processor copies, so what importers make of this device is no DMA either. */
	zcgem_set_dma_coherent(dev);

	spin_lock_init(&zdev->objects_lock);
	init_waitqueue_head(&zdev->unmapped);
	INIT_LIST_HEAD(&zdev->objects);
	dev_set_drvdata(dev, zdev);
	ret = zcgem_offsets_init(zdev);
	if (ret)
		return ret;
	zdev->huge_mnt = zcgem_huge_mnt_create(&zdev->drm);

	/* Actions run in reverse: TTM's last work, which frees objects, is first. */
	zdev->wq = alloc_workqueue("zcgem", WQ_UNBOUND, 0);
	if (!zdev->wq)
		return -ENOMEM;
	ret = drmm_add_action_or_reset(&zdev->drm, zcgem_wq_release, NULL);
	if (ret)
		return ret;

	ret = zcgem_engine_init(zdev);
	if (ret)
		return ret;

	ret = zcgem_ttm_device_init(&zdev->ttm, &zcgem_ttm_funcs, dev,
				    zdev->drm.anon_inode->i_mapping,
				    zdev->drm.vma_offset_manager);
	if (ret)
		return ret;
	ret = zcgem_shrinker_init(zdev);
	if (ret) {
		ttm_device_fini(&zdev->ttm);
		return ret;
	}
	ret = drmm_add_action_or_reset(&zdev->drm, zcgem_ttm_release, NULL);
	if (ret)
		return ret;

	zcgem_debugfs_init(zdev);
	ret = drm_dev_register(&zdev->drm, 0);
	if (ret)
		return ret;

	if (!ZCGEM_LIVE_INVALIDATION)
		drm_info(&zdev->drm,
			 "kernel without CONFIG_DMABUF_MOVE_NOTIFY: memory is pinned while importers map it\n");
	return 0;
}

static int zcgem_remove(struct device *dev)
{
	struct zcgem_device *zdev = dev_get_drvdata(dev);

	/* Unplugging waits for whoever is in the middle of something, and may wait for jobs. */
	zcgem_clients_cancel(zdev, -ENODEV);
	drm_dev_unplug(&zdev->drm);
	zcgem_clients_cancel(zdev, -ENODEV);
	return 0;
}

static struct device_driver zcgem_device_driver = {
	.name = "zcgem",
	.owner = THIS_MODULE,
	.mod_name = KBUILD_MODNAME,
	.probe = zcgem_probe,
	.remove = zcgem_remove,
};

static unsigned int num_devices = 1;
module_param(num_devices, uint, 0444);
MODULE_PARM_DESC(num_devices, "Number of devices, each with nodes of its own (1 to 16, default 1)");

static int __init zcgem_init(void)
{
	int ret;

	if (!num_devices || num_devices > ZCGEM_MAX_DEVICES)
		return -EINVAL;

	ret = zcgem_objects_init();
	if (ret)
		return ret;
	ret = zcgem_bus_init(&zcgem_device_driver, num_devices);
	if (ret)
		zcgem_objects_exit();
	return ret;
}

static void __exit zcgem_exit(void)
{
	zcgem_bus_exit(&zcgem_device_driver);

	/* Whoever dropped the last fence may still be in zcgem_fence_release(). */
	synchronize_rcu_tasks();
	zcgem_objects_exit();
	zcgem_patience_exit();
}

module_init(zcgem_init);
module_exit(zcgem_exit);

MODULE_DESCRIPTION("zero-copy GEM objects of program memory");
MODULE_AUTHOR("The zcgem developers");
MODULE_LICENSE("GPL");
ZCGEM_MODULE_VERSION;
ZCGEM_IMPORT_NS_DMA_BUF;
