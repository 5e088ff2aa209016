// SPDX-License-Identifier: MIT
/*
 * The device: its reference count, its parameters. node.c finds its node.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <xf86drm.h>

#include "internal.h"

int zcgem_ioctl(struct zcgem_device *dev, unsigned long request, void *argument)
{
	return drmIoctl(dev->fd, request, argument) ? -errno : 0;
}

static int device_create(int fd, bool owns_fd, struct zcgem_device **out)
{
	struct zcgem_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;

	dev->table = drmHashCreate();
	if (!dev->table) {
		free(dev);
		return -ENOMEM;
	}
	atomic_init(&dev->refcount, 1);
	dev->fd = fd;
	dev->owns_fd = owns_fd;
	pthread_mutex_init(&dev->table_lock, NULL);
	*out = dev;
	return 0;
}

/**
 * zcgem_device_new() - Make a device of a node that is open already.
 * @fd: descriptor of a zcgem render or card node.
 * @dev: where the new device is stored; it holds one reference.
 *
 * The descriptor stays the caller's and must stay open for as long as the device
 * exists. GEM handles belong to the open file, so make one device only of each
 * open file and its duplicates, else two devices close each other's handles.
 *
 * Return: 0; -ENODEV if @fd is not a node of the zcgem driver; -ENOMEM.
 */
drm_public int zcgem_device_new(int fd, struct zcgem_device **dev)
{
	int ret = zcgem_node_check(fd);

	return ret ? ret : device_create(fd, false, dev);
}

static int device_own(int fd, struct zcgem_device **dev)
{
	int ret = fd < 0 ? fd : device_create(fd, true, dev);

	if (ret && fd >= 0)
		close(fd);
	return ret;
}

/**
 * zcgem_device_open() - Find zcgem's render node and open it.
 * @dev: where the new device is stored; it holds one reference.
 *
 * The environment variable ``ZCGEM_DEVICE``, if it is set and the program has no more
 * privileges than its caller, is the path of the node, as for zcgem_device_open_path().
 * Else the node is found by the driver's name: of several devices the one with the
 * lowest number. Neither /sys nor /proc is needed, so that a sandbox that shows only
 * /dev/dri will do. The descriptor belongs to the device and is closed with it.
 *
 * Return: 0;
 * -ENODEV if the kernel has no zcgem driver, as far as /sys and /proc tell: the module is
 * not loaded;
 * -ENXIO if it has one and /dev/dri has no render node of it, as in a container that
 * was not given one;
 * -EACCES, -EPERM, or what else open() or the node's first ioctl said, if none was found and
 * a render node that is zcgem's, or may be, could not be used;
 * -ENOMEM.
 */
drm_public int zcgem_device_open(struct zcgem_device **dev)
{
	const char *path = secure_getenv("ZCGEM_DEVICE");

	return device_own(path && *path ? zcgem_node_open(path) : zcgem_node_find(), dev);
}

/**
 * zcgem_device_open_path() - Open the zcgem node that has this name.
 * @path: of a render or card node, or of a link to one.
 * @dev: where the new device is stored; it holds one reference.
 *
 * For machines with several devices: udev keeps a link to each that does not change,
 * /dev/dri/by-driver/zcgem-render, zcgem.1-render and so on.
 *
 * Return: 0; -ENODEV if @path is not a node of the zcgem driver; what open() or
 * the node's first ioctl said, as -ENOENT or -EACCES; -ENOMEM.
 */
drm_public int zcgem_device_open_path(const char *path, struct zcgem_device **dev)
{
	return device_own(zcgem_node_open(path), dev);
}

/**
 * zcgem_device_ref() - Take another reference.
 * @dev: the device.
 *
 * Return: @dev.
 */
drm_public struct zcgem_device *zcgem_device_ref(struct zcgem_device *dev)
{
	atomic_fetch_add_explicit(&dev->refcount, 1, memory_order_relaxed);
	return dev;
}

/**
 * zcgem_device_unref() - Drop a reference.
 * @dev: the device, or NULL, for which nothing happens.
 *
 * Objects hold a reference to their device, so they may be dropped later.
 */
drm_public void zcgem_device_unref(struct zcgem_device *dev)
{
	if (!dev || atomic_fetch_sub_explicit(&dev->refcount, 1, memory_order_acq_rel) != 1)
		return;

	if (dev->owns_fd)
		close(dev->fd);
	drmHashDestroy(dev->table);
	pthread_mutex_destroy(&dev->table_lock);
	free(dev);
}

/**
 * zcgem_device_fd() - The descriptor behind a device.
 * @dev: the device.
 *
 * Return: the descriptor, for ioctls of the caller's own. It stays the device's.
 */
drm_public int zcgem_device_fd(const struct zcgem_device *dev)
{
	return dev->fd;
}

/**
 * zcgem_device_get_param() - Ask for a parameter.
 * @dev: the device.
 * @param: one of &enum drm_zcgem_param, which also states the unit of the value.
 * @value: where the value is stored.
 *
 * Return: 0; -EINVAL if this kernel does not know @param, which means that the
 * feature behind it is absent.
 */
drm_public int zcgem_device_get_param(struct zcgem_device *dev, uint32_t param, uint64_t *value)
{
	struct drm_zcgem_get_param argument = { .param = param };
	int ret = zcgem_ioctl(dev, DRM_IOCTL_ZCGEM_GET_PARAM, &argument);

	if (!ret)
		*value = argument.value;
	return ret;
}
