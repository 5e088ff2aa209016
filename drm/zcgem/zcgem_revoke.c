// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: revocation
 *
 * Withdraws an object from all who share it. CPU mappings are zapped and get SIGBUS from
 * then on, importers are notified, fences are waited for, and no access gets the pages
 * again. After the notification and the fences an importer may still read ahead until it
 * unmaps. Where the kernel requires that of notified importers, the ioctl waits for it a
 * while, without any lock. An importer that was never dynamic cannot be notified at all:
 * its pages stay pinned until it unmaps, and the client learns how many such there are.
 *
 * Only the client that made an object may revoke it.
 */

#include <linux/dma-resv.h>
#include <linux/list.h>
#include <linux/wait.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "zcgem_ioctl.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

/* How long importers have to unmap; those that have not by then are holders. */
#define ZCGEM_REVOKE_WAIT	HZ

/**
 * zcgem_ioctl_gem_revoke() - %DRM_IOCTL_ZCGEM_GEM_REVOKE.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_revoke
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_revoke(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_gem_revoke *args = data;
	struct drm_gem_object *gem;
	struct zcgem_object *obj;
	int ret;

	if (args->pad)
		return zcgem_refuse(drm, -EINVAL, "pad is %#x", args->pad);
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return zcgem_refuse(drm, -ENOENT, "no handle %u", args->handle);
	obj = to_zcgem_object(gem);

	if (obj->ops->flags & ZCGEM_BACKING_FOREIGN) {
		ret = zcgem_refuse(drm, -EOPNOTSUPP, "foreign memory cannot be revoked");
		goto put;
	}
	if (obj->client != file->client_id) {
		ret = zcgem_refuse(drm, -EPERM, "only the creator of an object may revoke it");
		goto put;
	}

	ret = zcgem_object_when_idle(obj, zcgem_object_revoke);
	if (ret)
		goto put;
	ret = wait_event_interruptible_timeout(zcgem_object_device(obj)->unmapped,
					       !READ_ONCE(obj->revocable_maps),
					       ZCGEM_REVOKE_WAIT);
	if (ret < 0) {
		ret = -EINTR;
		goto put;
	}
	ret = zcgem_object_lock(obj);
	if (ret)
		goto put;
	args->holders = list_count_nodes(&obj->dma_maps);
	if (!obj->vmap_zeroes)
		args->holders += obj->vmap_count;
	zcgem_object_unlock(obj);
put:
	drm_gem_object_put(gem);
	return ret;
}
