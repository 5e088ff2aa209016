// SPDX-License-Identifier: MIT
/*
 * Syncobjs: places for fences, binary or with a timeline of points, over libdrm.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <linux/sync_file.h>

#include <xf86drm.h>

#include "internal.h"

/* libdrm returns what ioctl() returned, or -errno, depending on the call. */
static int result(int ret)
{
	return ret < -1 ? ret : ret ? -errno : 0;
}

/**
 * zcgem_syncobj_new() - Make a syncobj.
 * @dev: the device.
 * @flags: %ZCGEM_SYNCOBJ_SIGNALLED or 0 for one without a fence.
 * @sync: where the new syncobj is stored; it holds one reference.
 *
 * Return: 0; -EINVAL for an unknown flag; -ENOMEM.
 */
drm_public int zcgem_syncobj_new(struct zcgem_device *dev, uint32_t flags,
				 struct zcgem_syncobj **sync)
{
	struct zcgem_syncobj *new;
	int ret;

	if (flags & ~ZCGEM_SYNCOBJ_SIGNALLED)
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = result(drmSyncobjCreate(dev->fd, flags & ZCGEM_SYNCOBJ_SIGNALLED ?
				      DRM_SYNCOBJ_CREATE_SIGNALED : 0, &new->handle));
	if (ret) {
		free(new);
		return ret;
	}
	atomic_init(&new->refcount, 1);
	new->dev = zcgem_device_ref(dev);
	*sync = new;
	return 0;
}

/**
 * zcgem_syncobj_ref() - Take another reference.
 * @sync: the syncobj.
 *
 * Return: @sync.
 */
drm_public struct zcgem_syncobj *zcgem_syncobj_ref(struct zcgem_syncobj *sync)
{
	atomic_fetch_add_explicit(&sync->refcount, 1, memory_order_relaxed);
	return sync;
}

/**
 * zcgem_syncobj_unref() - Drop a reference.
 * @sync: the syncobj, or NULL, for which nothing happens.
 *
 * What was submitted with it goes on.
 */
drm_public void zcgem_syncobj_unref(struct zcgem_syncobj *sync)
{
	if (!sync || atomic_fetch_sub_explicit(&sync->refcount, 1, memory_order_acq_rel) != 1)
		return;

	drmSyncobjDestroy(sync->dev->fd, sync->handle);
	zcgem_device_unref(sync->dev);
	free(sync);
}

/**
 * zcgem_syncobj_handle() - The handle behind a syncobj.
 * @sync: the syncobj.
 *
 * Return: the handle, for ioctls of the caller's own. It stays the syncobj's.
 */
drm_public uint32_t zcgem_syncobj_handle(const struct zcgem_syncobj *sync)
{
	return sync->handle;
}

/**
 * zcgem_syncobj_wait() - Wait for a fence.
 * @sync: the syncobj.
 * @point: point on its timeline, 0 for a binary one.
 * @timeout_ns: CLOCK_MONOTONIC nanoseconds at which to give up.
 *
 * A fence that has not been submitted yet is waited for too. Whether the work behind
 * the fence has succeeded is not told; see zcgem_sync_file_status().
 *
 * Return: 0; -ETIME when the time has come first; -ENOMEM.
 */
drm_public int zcgem_syncobj_wait(struct zcgem_syncobj *sync, uint64_t point,
				  int64_t timeout_ns)
{
	uint64_t points[] = { point };
	uint32_t handles[] = { sync->handle };

	return result(drmSyncobjTimelineWait(sync->dev->fd, handles, points, 1, timeout_ns,
					     DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, NULL));
}

/**
 * zcgem_syncobj_signal() - Give a syncobj a fence that has signalled.
 * @sync: the syncobj.
 * @point: point on its timeline, 0 for a binary one.
 *
 * Return: 0 or -ENOMEM.
 */
drm_public int zcgem_syncobj_signal(struct zcgem_syncobj *sync, uint64_t point)
{
	const uint32_t handles[] = { sync->handle };
	uint64_t points[] = { point };

	if (point)
		return result(drmSyncobjTimelineSignal(sync->dev->fd, handles, points, 1));
	return result(drmSyncobjSignal(sync->dev->fd, handles, 1));
}

/**
 * zcgem_syncobj_export_fd() - A descriptor for a syncobj, for another process or device.
 * @sync: the syncobj.
 *
 * It stands for the syncobj itself, with whatever fences it gets later; see
 * zcgem_syncobj_export_sync_file() for the fence that it has now.
 *
 * Return: a descriptor, closed on exec, which is the caller's; -EMFILE, -ENFILE, -ENOMEM.
 */
drm_public int zcgem_syncobj_export_fd(struct zcgem_syncobj *sync)
{
	int fd, ret = result(drmSyncobjHandleToFD(sync->dev->fd, sync->handle, &fd));

	return ret ? ret : fd;
}

/**
 * zcgem_syncobj_import_fd() - A syncobj that a descriptor stands for.
 * @dev: the device.
 * @fd: what zcgem_syncobj_export_fd(), or the like of any DRM driver, has returned; it stays
 *	the caller's.
 * @sync: where the syncobj is stored; it holds one reference.
 *
 * Return: 0; -EINVAL if @fd is no syncobj; -EBADF; -ENOMEM.
 */
drm_public int zcgem_syncobj_import_fd(struct zcgem_device *dev, int fd,
				       struct zcgem_syncobj **sync)
{
	struct zcgem_syncobj *new = calloc(1, sizeof(*new));
	int ret;

	if (!new)
		return -ENOMEM;
	ret = result(drmSyncobjFDToHandle(dev->fd, fd, &new->handle));
	if (ret) {
		free(new);
		return ret;
	}
	atomic_init(&new->refcount, 1);
	new->dev = zcgem_device_ref(dev);
	*sync = new;
	return 0;
}

/**
 * zcgem_syncobj_query() - How far a timeline is.
 * @sync: the syncobj.
 * @point: where the last point that has signalled is stored; 0 for a binary syncobj.
 *
 * Return: 0 or -ENOMEM.
 */
drm_public int zcgem_syncobj_query(struct zcgem_syncobj *sync, uint64_t *point)
{
	return result(drmSyncobjQuery(sync->dev->fd, &sync->handle, point, 1));
}

/**
 * zcgem_syncobj_eventfd() - Have an eventfd raised when a fence signals.
 * @sync: the syncobj.
 * @point: point on its timeline, 0 for a binary one.
 * @eventfd: the eventfd; it stays the caller's.
 *
 * A fence that has not been submitted yet is waited for too, so an event loop needs no thread
 * for it.
 *
 * Return: 0; -EBADF or -EINVAL if @eventfd is none; -ENOMEM.
 */
drm_public int zcgem_syncobj_eventfd(struct zcgem_syncobj *sync, uint64_t point, int eventfd)
{
	return result(drmSyncobjEventfd(sync->dev->fd, sync->handle, point, eventfd, 0));
}

/* A binary syncobj that is used for the length of one call. */
static int with_binary(struct zcgem_syncobj *sync, uint64_t point,
		       int (*use)(struct zcgem_syncobj *sync, uint32_t handle, uint64_t point,
				  int *file), int *file)
{
	uint32_t handle;
	int ret;

	if (!point)
		return use(sync, sync->handle, 0, file);
	ret = result(drmSyncobjCreate(sync->dev->fd, 0, &handle));
	if (ret)
		return ret;
	ret = use(sync, handle, point, file);
	drmSyncobjDestroy(sync->dev->fd, handle);
	return ret;
}

static int export_file(struct zcgem_syncobj *sync, uint32_t handle, uint64_t point, int *file)
{
	int ret = 0;

	if (point)
		ret = result(drmSyncobjTransfer(sync->dev->fd, handle, 0, sync->handle, point, 0));
	return ret ? ret : result(drmSyncobjExportSyncFile(sync->dev->fd, handle, file));
}

static int import_file(struct zcgem_syncobj *sync, uint32_t handle, uint64_t point, int *file)
{
	int ret = result(drmSyncobjImportSyncFile(sync->dev->fd, handle, *file));

	if (!ret && point)
		ret = result(drmSyncobjTransfer(sync->dev->fd, sync->handle, point, handle, 0, 0));
	return ret;
}

/**
 * zcgem_syncobj_export_sync_file() - A syncobj's fence as a sync_file.
 * @sync: the syncobj.
 * @point: point on its timeline, 0 for a binary one.
 *
 * A point that has been reached may be given another fence, which has no error. Export
 * it before, or use a binary syncobj, where it matters whether the work has failed.
 *
 * Return: a descriptor, to poll, to wait for, to give to other drivers; it is the
 * caller's. -EINVAL if there is no fence yet.
 */
drm_public int zcgem_syncobj_export_sync_file(struct zcgem_syncobj *sync, uint64_t point)
{
	int file = -1, ret = with_binary(sync, point, export_file, &file);

	return ret ? ret : file;
}

/**
 * zcgem_syncobj_import_sync_file() - Give a syncobj the fence of a sync_file.
 * @sync: the syncobj.
 * @point: point on its timeline, 0 for a binary one.
 * @file: the sync_file; it stays the caller's.
 *
 * Return: 0; -EINVAL if @file is no sync_file; -ENOMEM.
 */
drm_public int zcgem_syncobj_import_sync_file(struct zcgem_syncobj *sync, uint64_t point,
					      int file)
{
	return with_binary(sync, point, import_file, &file);
}

/**
 * zcgem_sync_file_status() - What has become of the work behind a sync_file.
 * @file: the sync_file. Poll it for POLLIN to wait for it.
 *
 * Return: 0 while it has not ended, 1 when it has; when it has failed, the negative
 * errno of that, among them those that &struct drm_zcgem_submit lists; -ENOTTY or -EBADF
 * if @file is no sync_file; -ENOMEM.
 */
drm_public int zcgem_sync_file_status(int file)
{
	struct sync_file_info info = { 0 };
	struct sync_fence_info *fences;
	int ret;

	if (ioctl(file, SYNC_IOC_FILE_INFO, &info))
		return -errno;
	if (info.status <= 0 || !info.num_fences)
		return info.status;

	/* A point of a timeline has no error itself: only those who ask for its fences get it. */
	fences = calloc(info.num_fences, sizeof(*fences));
	if (!fences)
		return -ENOMEM;
	info = (struct sync_file_info){
		.num_fences = info.num_fences, .sync_fence_info = (uintptr_t)fences,
	};
	ret = ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
	free(fences);
	return ret;
}
