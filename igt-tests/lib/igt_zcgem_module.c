// SPDX-License-Identifier: MIT
/*
 * Devices that go and come back, and the module's own removal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem_module.h"

/* Objects die on a workqueue, and hold the module until then. */
#define UNLOAD_STEP_US	10000
#define UNLOAD_STEPS	3000

static void write_driver_file(const char *file, const char *device)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/zcgem/drivers/zcgem/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	igt_assert_f(fd >= 0, "%s: %m\n", path);
	igt_assert_f(write(fd, device, strlen(device)) == (ssize_t)strlen(device),
		     "%s %s: %m\n", file, device);
	close(fd);
}

/**
 * zcgem_unbind:
 * @device: name of a device, "zcgem" or "zcgem.N"
 *
 * Takes the device away from the driver, whoever uses it.
 */
void zcgem_unbind(const char *device)
{
	write_driver_file("unbind", device);
}

/**
 * zcgem_bind:
 * @device: what zcgem_unbind() was given
 */
void zcgem_bind(const char *device)
{
	write_driver_file("bind", device);
}

/**
 * zcgem_unload:
 *
 * Returns: 0 or -errno, -EAGAIN or -EBUSY of a module that is in use.
 */
int zcgem_unload(void)
{
	int err = syscall(SYS_delete_module, "zcgem", O_NONBLOCK) ? -errno : 0;

	errno = 0;
	return err;
}

/**
 * zcgem_unload_soon:
 *
 * As zcgem_unload(), but tries again for 5 s while the module is in use.
 *
 * Returns: 0 or -errno.
 */
int zcgem_unload_soon(void)
{
	int err, step;

	for (step = 0; step < UNLOAD_STEPS; step++) {
		err = zcgem_unload();
		if (err != -EAGAIN && err != -EBUSY)
			return err;
		usleep(UNLOAD_STEP_US);
	}
	return err;
}

/**
 * zcgem_load:
 * @parameters: of the module, as for modprobe, or ""
 *
 * Loads the module anew; nothing of it may be open.
 *
 * Returns: Whether that worked.
 */
bool zcgem_load(const char *parameters)
{
	char command[160];
	int err = zcgem_unload_soon();

	snprintf(command, sizeof(command), "modprobe zcgem %s", parameters);
	return (!err || err == -ENOENT) && !system(command);
}
