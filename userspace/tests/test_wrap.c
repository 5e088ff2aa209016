// SPDX-License-Identifier: MIT
/*
 * What the caller passes reaches the kernel: ranges of the caller's own size, watch
 * addresses, advice. Nothing is left after a failure.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "fake_drm.h"
#include "zcgem.h"

static struct zcgem_device *dev;

/* How struct drm_zcgem_memfd_range was before it had a watch address, and will be one day. */
struct older_range {
	__s32 fd;
	__u32 pad;
	__u64 offset, size;
};

struct newer_range {
	struct drm_zcgem_memfd_range known;
	__u64 unknown;
};

static void test_memfd_ranges(void)
{
	struct drm_zcgem_memfd_range ranges[] = {
		{ .size = 4096 },
		{ .size = 8192, .watch_address = 0x10000 },
	};
	struct older_range older[] = { { .size = 4096 }, { .size = 4096 } };
	struct newer_range newer[] = { { { .size = 4096 }, 0 }, { { .size = 4096 }, 0 } };
	struct zcgem_bo *bo = NULL;

	CHECK(!zcgem_bo_wrap_memfd_ranges(dev, ranges, sizeof(*ranges), 2, 0, &bo));
	CHECK(zcgem_bo_size(bo) == 12288 && fake_watched() == 1);
	zcgem_bo_unref(bo);

	CHECK(!zcgem_bo_wrap_memfd_ranges(dev, (void *)older, sizeof(*older), 2, 0, &bo));
	CHECK(zcgem_bo_size(bo) == 8192 && fake_watched() == 0);
	zcgem_bo_unref(bo);

	CHECK(!zcgem_bo_wrap_memfd_ranges(dev, (void *)newer, sizeof(*newer), 2, 0, &bo));
	CHECK(zcgem_bo_size(bo) == 8192);
	zcgem_bo_unref(bo);

	bo = NULL;
	newer[1].unknown = 1;
	CHECK(zcgem_bo_wrap_memfd_ranges(dev, (void *)newer, sizeof(*newer), 2, 0, &bo) == -E2BIG);
	CHECK(zcgem_bo_wrap_memfd_ranges(dev, ranges, 0, 2, 0, &bo) == -EINVAL && !bo);
	CHECK(fake_open_handles() == 0);
}

static void test_userptr(void)
{
	struct drm_zcgem_userptr_range ranges[] = {
		{ .address = 0x10000, .size = 4096 },
		{ .address = 0x20000, .size = 8192 },
	};
	struct drm_zcgem_gem_info info;
	struct zcgem_bo *bo = NULL;

	CHECK(!zcgem_bo_wrap_userptr_ranges(dev, ranges, sizeof(*ranges), 2, 0, &bo));
	CHECK(zcgem_bo_size(bo) == 12288 && !zcgem_bo_info(bo, &info, sizeof(info)));
	CHECK(info.backing == DRM_ZCGEM_BACKING_USERPTR && !info.flags);
	zcgem_bo_unref(bo);

	CHECK(!zcgem_bo_wrap_userptr(dev, (void *)0x10000, 4096, DRM_ZCGEM_WRAP_READONLY, &bo));
	CHECK(!zcgem_bo_info(bo, &info, sizeof(info)) && info.flags == DRM_ZCGEM_INFO_READONLY);
	zcgem_bo_unref(bo);

	CHECK(!zcgem_bo_wrap_userptr(dev, (void *)0x10000, 4096, DRM_ZCGEM_WRAP_SVM, &bo));
	CHECK(!zcgem_bo_info(bo, &info, sizeof(info)) && info.backing == DRM_ZCGEM_BACKING_SVM && !info.flags);
	zcgem_bo_unref(bo);

	bo = NULL;
	CHECK(zcgem_bo_wrap_userptr(dev, NULL, 4096, 0, &bo) == -EFAULT && !bo);
	fake_fail_next(DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR, ENOMEM);
	CHECK(zcgem_bo_wrap_userptr(dev, ranges, 4096, 0, &bo) == -ENOMEM && !bo);
	CHECK(fake_open_handles() == 0);
}

static void test_advise(void)
{
	const struct drm_zcgem_gem_advise *seen = fake_last_advice();
	struct zcgem_bo *bo;

	CHECK(!zcgem_bo_new(dev, 8192, 0, &bo));
	CHECK(!zcgem_bo_advise(bo, DRM_ZCGEM_ADVICE_POPULATE, 4096, 4096, (void *)0x5000));
	CHECK(seen->handle == zcgem_bo_handle(bo) && seen->advice == DRM_ZCGEM_ADVICE_POPULATE);
	CHECK(seen->offset == 4096 && seen->size == 4096 && seen->address == 0x5000);
	CHECK(!zcgem_bo_advise(bo, DRM_ZCGEM_ADVICE_EVICT, 0, 8192, NULL));
	CHECK(seen->advice == DRM_ZCGEM_ADVICE_EVICT && !seen->address);
	CHECK(zcgem_bo_advise(bo, DRM_ZCGEM_ADVICE_EVICT, 0, 12288, NULL) == -EINVAL);
	fake_fail_next(DRM_IOCTL_ZCGEM_GEM_ADVISE, EBUSY);
	CHECK(zcgem_bo_advise(bo, DRM_ZCGEM_ADVICE_REVALIDATE, 0, 8192, NULL) == -EBUSY);
	zcgem_bo_unref(bo);
}

static void test_revoke(void)
{
	struct drm_zcgem_gem_info info;
	uint64_t holders = 77;
	struct zcgem_bo *bo;

	CHECK(!zcgem_bo_new(dev, 4096, 0, &bo));
	fake_fail_next(DRM_IOCTL_ZCGEM_GEM_REVOKE, EPERM);
	CHECK(zcgem_bo_revoke(bo, &holders) == -EPERM && holders == 77);
	CHECK(!zcgem_bo_revoke(bo, &holders) && holders == 3);
	CHECK(!zcgem_bo_revoke(bo, NULL));
	CHECK(!zcgem_bo_info(bo, &info, sizeof(info)) && info.flags & DRM_ZCGEM_INFO_REVOKED);
	zcgem_bo_unref(bo);
	CHECK(fake_open_handles() == 0);
}

int main(void)
{
	int fd = fake_open();

	CHECK(!zcgem_device_new(fd, &dev));
	test_memfd_ranges();
	test_userptr();
	test_advise();
	test_revoke();
	CHECK(fake_unknown_handles() == 0);
	zcgem_device_unref(dev);
	close(fd);
	return 0;
}
