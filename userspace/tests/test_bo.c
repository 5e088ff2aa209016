// SPDX-License-Identifier: MIT
/*
 * One struct zcgem_bo a handle, one close a handle, nothing left after a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <xf86drm.h>

#include "fake_drm.h"
#include "zcgem.h"

static struct zcgem_device *dev;

static void test_device(int fd)
{
	struct zcgem_device *other = NULL;
	uint64_t value = 77;

	CHECK(zcgem_device_new(-1, &other) == -ENODEV && !other);
	CHECK(zcgem_device_new(0, &other) == -ENODEV && !other);
	CHECK(!zcgem_device_new(fd, &dev));
	CHECK(zcgem_device_fd(dev) == fd);
	CHECK(zcgem_device_get_param(dev, 1000, &value) == -EINVAL && value == 77);
	CHECK(!zcgem_device_get_param(dev, DRM_ZCGEM_PARAM_UAPI_VERSION, &value) && value == DRM_ZCGEM_UAPI_VERSION);
}

static void test_create(void)
{
	struct drm_zcgem_memfd_range ranges[] = { { .size = 4096 }, { .size = 8192 } };
	struct zcgem_bo *bo = NULL;

	CHECK(zcgem_bo_new(dev, 0, 0, &bo) == -EINVAL && !bo);
	CHECK(zcgem_bo_new(dev, UINT64_MAX, 0, &bo) == -EFBIG && !bo);
	CHECK(!zcgem_bo_new(dev, 5000, 0, &bo));
	CHECK(zcgem_bo_size(bo) == 8192 && zcgem_bo_handle(bo) && zcgem_bo_device(bo) == dev);
	zcgem_bo_unref(bo);
	CHECK(!zcgem_bo_wrap_memfd_ranges(dev, ranges, sizeof(*ranges), 2, 0, &bo));
	CHECK(zcgem_bo_size(bo) == 12288);
	CHECK(zcgem_bo_ref(bo) == bo);
	zcgem_bo_unref(bo);
	CHECK(fake_open_handles() == 1);
	zcgem_bo_unref(bo);
	CHECK(fake_open_handles() == 0);
	zcgem_bo_unref(NULL);
}

static void test_export(void)
{
	struct zcgem_bo *bo;
	int fd;

	CHECK(!zcgem_bo_new(dev, 4096, 0, &bo));
	CHECK(zcgem_bo_export(bo, 1u << 31) == -EINVAL);
	fd = zcgem_bo_export(bo, 0);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	fd = zcgem_bo_export(bo, ZCGEM_EXPORT_READONLY);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	close(fd);
	zcgem_bo_unref(bo);

	CHECK(!zcgem_bo_wrap_memfd(dev, 0, 0, 4096, DRM_ZCGEM_WRAP_READONLY, &bo));
	fd = zcgem_bo_export(bo, 0);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
	close(fd);
	zcgem_bo_unref(bo);
}

static void test_import(void)
{
	struct zcgem_bo *bo, *again = NULL, *third = NULL;
	int fd;

	CHECK(!zcgem_bo_new(dev, 4096, 0, &bo));
	fd = zcgem_bo_export(bo, 0);
	CHECK(fd >= 0);
	CHECK(!zcgem_bo_import(dev, fd, &again) && again == bo);
	CHECK(!zcgem_bo_from_handle(dev, zcgem_bo_handle(bo), &third) && third == bo);
	zcgem_bo_unref(bo);
	zcgem_bo_unref(again);
	CHECK(fake_open_handles() == 1);
	zcgem_bo_unref(third);
	CHECK(fake_open_handles() == 0);

	/* The buffer lives on, and comes back as a new object. */
	CHECK(!zcgem_bo_import(dev, fd, &bo) && zcgem_bo_size(bo) == 4096);
	zcgem_bo_unref(bo);

	again = NULL;
	fake_fail_next(DRM_IOCTL_ZCGEM_GEM_INFO, ENODEV);
	CHECK(zcgem_bo_import(dev, fd, &again) == -ENODEV && !again);
	CHECK(zcgem_bo_import(dev, -1, &again) == -EBADF && !again);
	CHECK(fake_open_handles() == 0 && fake_unknown_handles() == 0);
	CHECK(zcgem_bo_from_handle(dev, 99, &again) == -ENOENT && !again);
	close(fd);
}

int main(void)
{
	struct zcgem_bo *bo;
	int fd = fake_open();

	test_device(fd);
	test_create();
	test_export();
	test_import();

	/* An object keeps its device. */
	CHECK(!zcgem_bo_new(dev, 4096, 0, &bo));
	CHECK(zcgem_device_ref(dev) == dev);
	zcgem_device_unref(dev);
	zcgem_device_unref(dev);
	zcgem_bo_unref(bo);
	zcgem_device_unref(NULL);
	CHECK(fake_open_handles() == 0);
	CHECK(fcntl(fd, F_GETFD) >= 0);
	return 0;
}
