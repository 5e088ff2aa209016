/* SPDX-License-Identifier: MIT */
/*
 * Objects of memfds and address ranges, and advice on objects; memory for them.
 *
 * Named as in igt_zcgem.h: __zcgem_foo() returns 0 or -errno.
 */
#ifndef IGT_ZCGEM_WRAP_H
#define IGT_ZCGEM_WRAP_H

#include <stdint.h>

#include "igt_zcgem.h"

int __zcgem_wrap_userptr(int fd, const struct drm_zcgem_userptr_range *ranges,
			 uint32_t count, uint32_t flags, uint32_t *handle);
uint32_t zcgem_wrap_userptr(int fd, const struct drm_zcgem_userptr_range *ranges,
			    uint32_t count, uint32_t flags);
struct drm_zcgem_userptr_range zcgem_address_range(const void *address, uint64_t size);
int __zcgem_wrap_address(int fd, const void *address, uint64_t size,
			 uint32_t flags, uint32_t *handle);
uint32_t zcgem_wrap_address(int fd, const void *address, uint64_t size,
			    uint32_t flags);
int __zcgem_try_address(int fd, const void *address, uint64_t size, uint32_t flags);
int __zcgem_try_range(int fd, int memfd, uint64_t offset, uint64_t size, uint32_t flags);
struct drm_zcgem_memfd_range *zcgem_scattered_pages(int memfd, uint32_t file_pages,
						    uint32_t count);
int __zcgem_wrap_file(int fd, int memfd, uint64_t size, uint32_t flags,
		      uint32_t *handle);

int __zcgem_advise(int fd, uint32_t handle, uint32_t advice, uint64_t offset,
		   uint64_t size, const void *address);
void zcgem_populate(int fd, uint32_t handle, uint64_t size, const void *address);
int __zcgem_evict(int fd, uint32_t handle, uint64_t size);
void zcgem_evict(int fd, uint32_t handle, uint64_t size);
int __zcgem_revalidate(int fd, uint32_t handle, uint64_t size);

/* igt_zcgem_marks.c */
void *zcgem_anonymous(uint64_t size);
void *zcgem_shared_anonymous(uint64_t size);
void *zcgem_huge_anonymous(uint64_t size);

void zcgem_mark(void *map, uint64_t page, uint64_t value);
void zcgem_check_mark(const void *map, uint64_t page, uint64_t value);
void zcgem_mark_all(void *map, uint64_t size, uint64_t value);
void zcgem_check_marks(const void *map, uint64_t size, uint64_t value);
void zcgem_check_same(void *one, void *other, uint64_t size);
void zcgem_check_order(void *object, void *file, const uint32_t *order, uint32_t pages);
void zcgem_check_zero(const void *map, uint64_t size);

#endif /* IGT_ZCGEM_WRAP_H */
