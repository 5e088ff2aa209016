/* SPDX-License-Identifier: MIT */
/*
 * What the zcgem tests use of libigt.so.0 to open DRM devices; see igt_core.h.
 */
#ifndef ZCGEM_ABI_DRMTEST_H
#define ZCGEM_ABI_DRMTEST_H

#include <sys/mman.h>
#include <xf86drm.h>

#include "igt_core.h"

#define DRIVER_VGEM	(1 << 2)
#define DRIVER_VKMS	(1 << 9)
#define DRIVER_VIRTIO	(1 << 10)
#define DRIVER_ANY	(~(DRIVER_VGEM | DRIVER_VKMS | DRIVER_VIRTIO))

#define ARRAY_SIZE(arr) (sizeof(arr) / sizeof((arr)[0]))
#define ALIGN(v, a) (((v) + (typeof(v))(a) - 1) & ~((typeof(v))(a) - 1))

void __set_forced_driver(const char *name);
int drm_open_driver(int chipset);
int __drm_open_driver(int chipset);
int drm_open_driver_render(int chipset);
int __drm_open_driver_render(int chipset);
int drm_reopen_driver(int fd);
int drm_close_driver(int fd);

#define do_ioctl(fd, nr, arg)						\
	do {								\
		igt_assert_eq(igt_ioctl((fd), (nr), (arg)), 0);		\
		errno = 0;						\
	} while (0)

#define do_ioctl_err(fd, nr, arg, err)					\
	do {								\
		igt_assert_eq(igt_ioctl((fd), (nr), (arg)), -1);	\
		igt_assert_eq(errno, (err));				\
		errno = 0;						\
	} while (0)

#endif /* ZCGEM_ABI_DRMTEST_H */
