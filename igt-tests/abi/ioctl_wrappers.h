/* SPDX-License-Identifier: MIT */
/*
 * What the zcgem tests use of libigt.so.0's ioctl wrappers; see igt_core.h.
 */
#ifndef ZCGEM_ABI_IOCTL_WRAPPERS_H
#define ZCGEM_ABI_IOCTL_WRAPPERS_H

#include <stdint.h>

extern __thread int (*igt_ioctl)(int fd, unsigned long request, void *arg);

void gem_close(int fd, uint32_t handle);
uint32_t prime_fd_to_handle(int fd, int dma_buf_fd);

#endif /* ZCGEM_ABI_IOCTL_WRAPPERS_H */
