// SPDX-License-Identifier: MIT
/*
 * The device: finding the render node, its reference count, its parameters.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <xf86drm.h>

#include "internal.h"

/* More DRM devices than a minor range holds do not exist. */
#define MAX_DEVICES	256

int zcgem_ioctl(struct zcgem_device *dev, unsigned long request, void *argument)
{
	return drmIoctl(dev->fd, request, argument) ? -errno : 0;
}

static int check_driver(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	int ret;

	if (!version)
		return errno == ENOMEM ? -ENOMEM : -ENODEV;

	ret = strcmp(version->name, "zcgem") ? -ENODEV : 0;
	drmFreeVersion(version);
	return ret;
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
	int ret = check_driver(fd);

	return ret ? ret : device_create(fd, false, dev);
}

/*
 * Does sysfs name another driver for a node? Then it need not be opened, which may wake a
 * device, and that it may not be opened is no reason to say so.
 */
static bool is_of_other_driver(const char *node)
{
	char path[64], target[256];
	struct stat stat_of_node;
	const char *name;
	ssize_t length;

	if (stat(node, &stat_of_node))
		return false;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device/driver",
		 major(stat_of_node.st_rdev), minor(stat_of_node.st_rdev));
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = 0;
	name = strrchr(target, '/');
	return strcmp(name ? name + 1 : target, "zcgem");
}

/**
 * zcgem_device_open() - Find zcgem's render node and open it.
 * @dev: where the new device is stored; it holds one reference.
 *
 * The node is found by the driver's name. The descriptor belongs to the device
 * and is closed with it.
 *
 * Return: 0; -ENODEV if there is no zcgem device; -EACCES, or what open() said,
 * if none was found and a render node that may be zcgem's could not be opened; -ENOMEM.
 */
drm_public int zcgem_device_open(struct zcgem_device **dev)
{
	drmDevicePtr devices[MAX_DEVICES];
	int count, i, fd = -1, ret = -ENODEV;

	count = drmGetDevices2(0, devices, MAX_DEVICES);
	if (count < 0)
		return count == -ENOENT ? -ENODEV : count;
	/* The return value counts all devices, also those that had no room. */
	if (count > MAX_DEVICES)
		count = MAX_DEVICES;

	for (i = 0; i < count; i++) {
		if (!(devices[i]->available_nodes & (1 << DRM_NODE_RENDER)) ||
		    is_of_other_driver(devices[i]->nodes[DRM_NODE_RENDER]))
			continue;

		fd = open(devices[i]->nodes[DRM_NODE_RENDER], O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			ret = -errno;
			continue;
		}
		if (!check_driver(fd))
			break;
		close(fd);
		fd = -1;
	}
	drmFreeDevices(devices, count);
	if (fd < 0)
		return ret;

	ret = device_create(fd, true, dev);
	if (ret)
		close(fd);
	return ret;
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
