/* SPDX-License-Identifier: MIT */
/*
 * Objects whose driver is told when pages leave the memfd.
 */
#ifndef IGT_ZCGEM_WATCH_H
#define IGT_ZCGEM_WATCH_H

#include <stdbool.h>
#include <stdint.h>

uint32_t wrap_watched(int fd, int memfd, uint64_t offset, uint64_t size, void *own);
bool same_soon(const void *view, const void *own, uint64_t size);
bool evicted_soon(int fd, uint32_t handle, uint64_t before);
void assert_not_evicted(int fd, uint32_t handle, uint64_t before);

#endif /* IGT_ZCGEM_WATCH_H */
