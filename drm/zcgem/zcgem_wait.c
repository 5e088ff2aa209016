// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: waiting
 *
 * %DRM_IOCTL_ZCGEM_GEM_WAIT: waits for the fences on an object, of whatever driver.
 * dma_resv is not taken, so nobody is held up by a client that waits.
 */

#include <linux/dma-resv.h>
#include <linux/ktime.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_utils.h>

#include "zcgem_device.h"
#include "zcgem_ioctl.h"

#include <drm/zcgem_drm.h>

/**
 * zcgem_ioctl_gem_wait() - %DRM_IOCTL_ZCGEM_GEM_WAIT.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_wait
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	const struct drm_zcgem_gem_wait *args = data;
	bool write = args->flags & DRM_ZCGEM_WAIT_WRITE;
	struct drm_gem_object *gem;
	long left;

	if (args->flags & ~DRM_ZCGEM_WAIT_WRITE)
		return zcgem_refuse(drm, -EINVAL, "flags %#x", args->flags);
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return zcgem_refuse(drm, -ENOENT, "no handle %u", args->handle);

	/* The tick that ends a wait may come before the time that was asked for. */
	do {
		left = dma_resv_wait_timeout(gem->resv, dma_resv_usage_rw(write), true,
					     drm_timeout_abs_to_jiffies(args->timeout_ns));
	} while (!left && ktime_to_ns(ktime_get()) < args->timeout_ns);
	drm_gem_object_put(gem);
	if (!left)
		return -ETIME;
	return left < 0 ? left : 0;
}
