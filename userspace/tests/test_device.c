// SPDX-License-Identifier: MIT
/*
 * Finding the node: among other drivers' nodes, without /sys and /proc, by a path; and an errno
 * for each way in which it can fail. The library is built to look below ./root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xf86drm.h>

#include "fake_drm.h"
#include "zcgem.h"

static struct zcgem_device *const untouched = (struct zcgem_device *)1;

static void directory(const char *path)
{
	CHECK(!mkdir(path, 0755));
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static int open_now(void)
{
	struct zcgem_device *dev = untouched;
	int ret = zcgem_device_open(&dev);

	CHECK(!ret == (dev != untouched));
	if (!ret)
		zcgem_device_unref(dev);
	return ret;
}

/* What is behind the device that was opened. */
static int opens(const char *path)
{
	struct stat wanted, opened;
	struct zcgem_device *dev;
	int fd;

	CHECK(!stat(path, &wanted));
	if (zcgem_device_open(&dev))
		return 0;
	fd = zcgem_device_fd(dev);
	CHECK(!fstat(fd, &opened));
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	zcgem_device_unref(dev);
	CHECK(fcntl(fd, F_GETFD) < 0);
	return opened.st_ino == wanted.st_ino;
}

static void test_absent(void)
{
	CHECK(open_now() == -ENODEV);
	directory("root");
	directory("root/dev");
	directory("root/dev/dri");
	CHECK(open_now() == -ENODEV);
	put("root/dev/dri/renderD128", "i915");
	put("root/dev/dri/renderD129", "");
	CHECK(open_now() == -ENODEV);

	/* The kernel has it, as either place tells. */
	directory("root/proc");
	put("root/proc/modules", "not_zcgem 1 0\nzcgem_tests 1 0 -\n");
	CHECK(open_now() == -ENODEV);
	put("root/proc/modules", "drm 1 1 zcgem, Live\nzcgem 1 0 - Live\n");
	CHECK(open_now() == -ENXIO);
	CHECK(!unlink("root/proc/modules"));
	directory("root/sys");
	CHECK(open_now() == -ENODEV);
	directory("root/sys/module");
	directory("root/sys/module/zcgem");
	CHECK(open_now() == -ENXIO);
	CHECK(!unlink("root/dev/dri/renderD128") && !unlink("root/dev/dri/renderD129"));
	CHECK(!rmdir("root/dev/dri"));
	CHECK(open_now() == -ENXIO);
	directory("root/dev/dri");
}

static void test_found(void)
{
	put("root/dev/dri/card0", "zcgem");
	CHECK(open_now() == -ENXIO);
	put("root/dev/dri/renderD1000", "zcgem");
	CHECK(opens("root/dev/dri/renderD1000"));
	put("root/dev/dri/renderD129", "zcgem");
	put("root/dev/dri/renderD130", "zcgem");
	put("root/dev/dri/renderD128", "zcgemini");
	CHECK(opens("root/dev/dri/renderD129"));
	put("root/dev/dri/renderD128", "a driver with a long name");
	CHECK(opens("root/dev/dri/renderD129"));

	/* With sysfs other drivers' nodes are left alone; files have the number 0:0. */
	directory("root/sys/dev");
	directory("root/sys/dev/char");
	directory("root/sys/dev/char/0:0");
	directory("root/sys/dev/char/0:0/device");
	CHECK(!symlink("../../bus/drivers/amdgpu", "root/sys/dev/char/0:0/device/driver"));
	CHECK(open_now() == -ENXIO);
	CHECK(!unlink("root/sys/dev/char/0:0/device/driver"));
	CHECK(!symlink("../../bus/drivers/zcgem", "root/sys/dev/char/0:0/device/driver"));
	CHECK(opens("root/dev/dri/renderD129"));
	CHECK(!unlink("root/sys/dev/char/0:0/device/driver"));
}

static void test_refused(void)
{
	/* One that cannot be opened is no reason while another one can. */
	CHECK(!unlink("root/dev/dri/renderD128"));
	CHECK(!symlink("renderD128", "root/dev/dri/renderD128"));
	CHECK(opens("root/dev/dri/renderD129"));
	CHECK(!unlink("root/dev/dri/renderD129") && !unlink("root/dev/dri/renderD130"));
	CHECK(!unlink("root/dev/dri/renderD1000"));
	CHECK(open_now() == -ELOOP);
	put("root/dev/dri/renderD129", "i915");
	CHECK(open_now() == -ELOOP);
	CHECK(!unlink("root/dev/dri/renderD128"));
	put("root/dev/dri/renderD128", "refused");
	CHECK(open_now() == -EPERM);
	put("root/dev/dri/renderD129", "zcgem");
	CHECK(opens("root/dev/dri/renderD129"));
	fake_fail_next(DRM_IOCTL_VERSION, EACCES);
	CHECK(opens("root/dev/dri/renderD129"));
	CHECK(!unlink("root/dev/dri/renderD128"));
	fake_fail_next(DRM_IOCTL_VERSION, EACCES);
	CHECK(open_now() == -EACCES);
}

static void test_path(void)
{
	struct zcgem_device *dev = untouched;

	put("root/dev/dri/renderD130", "zcgem");
	put("root/dev/dri/renderD131", "i915");
	CHECK(!symlink("renderD130", "root/dev/dri/link"));
	CHECK(zcgem_device_open_path("root/dev/dri/renderD200", &dev) == -ENOENT && dev == untouched);
	CHECK(zcgem_device_open_path("root/dev/dri/renderD131", &dev) == -ENODEV && dev == untouched);
	CHECK(zcgem_device_open_path("root/dev", &dev) == -EISDIR && dev == untouched);
	CHECK(!zcgem_device_open_path("root/dev/dri/card0", &dev));
	zcgem_device_unref(dev);

	CHECK(opens("root/dev/dri/renderD129"));
	CHECK(!setenv("ZCGEM_DEVICE", "root/dev/dri/link", 1));
	CHECK(opens("root/dev/dri/renderD130"));
	CHECK(!setenv("ZCGEM_DEVICE", "root/dev/dri/renderD131", 1));
	CHECK(open_now() == -ENODEV);
	CHECK(!setenv("ZCGEM_DEVICE", "root/dev/dri/renderD200", 1));
	CHECK(open_now() == -ENOENT);
	CHECK(!setenv("ZCGEM_DEVICE", "", 1));
	CHECK(opens("root/dev/dri/renderD129"));
}

int main(void)
{
	char place[] = "/tmp/test_device.XXXXXX";

	CHECK(mkdtemp(place) && !chdir(place));
	unsetenv("ZCGEM_DEVICE");
	test_absent();
	test_found();
	test_refused();
	test_path();
	CHECK(!system("rm -r root") && !rmdir(place));
	return 0;
}
