// SPDX-License-Identifier: MIT
/*
 * zcgem's node: the one in /dev/dri whose driver says that it is zcgem. Sandboxes hide
 * /sys and /proc, so these only save opening other drivers' nodes and tell apart why
 * there is none; libdrm's list of devices would need them.
 */
#define _GNU_SOURCE
#include <dirent.h>
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

/* What comes before every path here: nothing, but in a unit test. */
#ifndef ZCGEM_ROOT
#define ZCGEM_ROOT	""
#endif

#define DRI	ZCGEM_ROOT DRM_DIR_NAME

/* The driver's name for a descriptor is the only thing that must be true. */
int zcgem_node_check(int fd)
{
	char name[16] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	if (!drmIoctl(fd, DRM_IOCTL_VERSION, &version))
		return strcmp(name, "zcgem") ? -ENODEV : 0;
	/* A sandbox may refuse every ioctl; something that is no DRM node knows none. */
	return errno == EACCES || errno == EPERM || errno == ENOSYS ? -errno : -ENODEV;
}

int zcgem_node_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = zcgem_node_check(fd);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/*
 * Does sysfs name another driver for a node? Then it need not be opened, which may wake a
 * device, and that it may not be opened is no reason to say so.
 */
static bool is_of_other_driver(const char *node)
{
	char path[sizeof(ZCGEM_ROOT) + 64], target[256];
	struct stat stat_of_node;
	const char *name;
	ssize_t length;

	if (stat(node, &stat_of_node))
		return false;
	snprintf(path, sizeof(path), ZCGEM_ROOT "/sys/dev/char/%u:%u/device/driver",
		 major(stat_of_node.st_rdev), minor(stat_of_node.st_rdev));
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = 0;
	name = strrchr(target, '/');
	return strcmp(name ? name + 1 : target, "zcgem");
}

/* Is the driver in the kernel? Where neither place can be read the answer is no. */
static bool driver_is_loaded(void)
{
	char *line = NULL;
	bool found = false;
	size_t room = 0;
	FILE *modules;

	if (!access(ZCGEM_ROOT "/sys/module/zcgem", F_OK))
		return true;
	modules = fopen(ZCGEM_ROOT "/proc/modules", "re");
	while (modules && !found && getline(&line, &room, modules) >= 0)
		found = !strncmp(line, "zcgem ", 6);
	if (modules)
		fclose(modules);
	free(line);
	return found;
}

static int is_render_node(const struct dirent *entry)
{
	return !strncmp(entry->d_name, DRM_RENDER_MINOR_NAME, strlen(DRM_RENDER_MINOR_NAME));
}

/* By their numbers, the first that is zcgem's; else the first error that may be of one. */
int zcgem_node_find(void)
{
	int count, i, fd = -ENODEV, error = 0;
	struct dirent **nodes = NULL;

	count = scandir(DRI, &nodes, is_render_node, versionsort);
	if (count < 0 && errno != ENOENT)
		return -errno;

	for (i = 0; i < count; i++) {
		char path[sizeof(DRI) + 1 + sizeof(nodes[i]->d_name)];

		snprintf(path, sizeof(path), DRI "/%s", nodes[i]->d_name);
		free(nodes[i]);
		if (fd >= 0 || is_of_other_driver(path))
			continue;
		fd = zcgem_node_open(path);
		if (fd < 0 && fd != -ENODEV && !error)
			error = fd;
	}
	free(nodes);
	if (fd >= 0)
		return fd;
	if (error)
		return error;
	return driver_is_loaded() ? -ENXIO : -ENODEV;
}
