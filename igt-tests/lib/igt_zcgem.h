/* SPDX-License-Identifier: MIT */
/*
 * Calls of the zcgem driver for IGT tests, and the count of what it holds.
 *
 * As elsewhere in IGT: __zcgem_foo() returns 0 or -errno, zcgem_foo() fails the
 * test when the call fails.
 */
#ifndef IGT_ZCGEM_H
#define IGT_ZCGEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zcgem_drm.h"

/*
 * Bytes of a page, of a huge page, and pages in a huge one. One program serves
 * kernels with pages of 4, 16 and 64 KiB, so these are no constants.
 */
#define ZCGEM_PAGE		igt_zcgem_page_size()
#define ZCGEM_HUGE		igt_zcgem_pmd_size()
#define ZCGEM_HUGE_PAGES	(ZCGEM_HUGE / ZCGEM_PAGE)
#define ZCGEM_HUGE_ORDER	((unsigned int)__builtin_ctzll(ZCGEM_HUGE_PAGES))

/* Where write-combined objects are more than a hint. */
#if defined(__x86_64__) || defined(__i386__)
#define ZCGEM_HAS_WC	true
#else
#define ZCGEM_HAS_WC	false
#endif

/**
 * struct zcgem_snapshot - Everything that a subtest could leave behind.
 * @objects: objects that the driver has
 * @resident_bytes: bytes of pages that its objects hold
 * @pinned_folios: folios that it has pinned
 * @charged_pages: pages that it has charged to users
 * @mappings: CPU mappings of its objects
 * @attachments: devices attached to its dma-bufs
 * @dma_maps: mappings that such devices have
 * @jobs: submits that it has not freed
 * @notifiers: MMU notifiers of its objects
 * @process_pins: kilobytes that the kernel counts as pinned for this process
 * @fds: open descriptors of this process
 */
struct zcgem_snapshot {
	uint64_t objects;
	uint64_t resident_bytes;
	uint64_t pinned_folios;
	uint64_t charged_pages;
	uint64_t mappings;
	uint64_t attachments;
	uint64_t dma_maps;
	uint64_t jobs;
	uint64_t notifiers;
	uint64_t process_pins;
	int fds;
};

unsigned long long igt_zcgem_page_size(void) __attribute__((const));
unsigned long long igt_zcgem_pmd_size(void) __attribute__((const));
int zcgem_open(void);
int zcgem_open_card(void);
int zcgem_count_fds(void);
void zcgem_take_snapshot(int fd, struct zcgem_snapshot *snap);
uint64_t zcgem_pinned_folios(int fd);
uint64_t zcgem_charged_pages(int fd);
bool zcgem_counts_come_back(int fd, const struct zcgem_snapshot *before);
void zcgem_check_leaks(int fd, const struct zcgem_snapshot *before);
void zcgem_run_counted(int fd, void (*test)(int fd));
void zcgem_run_refused(int fd, void (*test)(int fd));
unsigned int zcgem_rounds(unsigned int rounds);

/* igt_zcgem_calls.c */
int zcgem_ioctl(int fd, unsigned long request, void *arg);
int __zcgem_get_param(int fd, uint32_t param, uint64_t *value);
uint64_t zcgem_get_param(int fd, uint32_t param);
int __zcgem_create(int fd, uint64_t *size, uint32_t flags, uint32_t *handle);
uint32_t zcgem_create(int fd, uint64_t size, uint32_t flags);
int __zcgem_mmap_offset(int fd, uint32_t handle, uint64_t *offset);
uint64_t zcgem_mmap_offset(int fd, uint32_t handle);
void *__zcgem_mmap(int fd, uint32_t handle, uint64_t size, int prot);
void *zcgem_mmap(int fd, uint32_t handle, uint64_t size, int prot);
int __zcgem_info(int fd, uint32_t handle, struct drm_zcgem_gem_info *info);
void zcgem_info(int fd, uint32_t handle, struct drm_zcgem_gem_info *info);
uint64_t zcgem_evictions(int fd, uint32_t handle);
bool zcgem_is_resident(int fd, uint32_t handle);
int __zcgem_close(int fd, uint32_t handle);
int __zcgem_export(int fd, uint32_t handle, uint32_t flags, int *dmabuf);
int zcgem_export(int fd, uint32_t handle);
int __zcgem_import(int fd, int dmabuf, uint32_t *handle);
uint32_t zcgem_import(int fd, int dmabuf);

/* igt_zcgem_wrap.c, which has more in a header of its own */
int __zcgem_wrap(int fd, const struct drm_zcgem_memfd_range *ranges,
		 uint32_t count, uint32_t flags, uint32_t *handle);
uint32_t zcgem_wrap(int fd, const struct drm_zcgem_memfd_range *ranges,
		    uint32_t count, uint32_t flags);
uint32_t zcgem_wrap_memfd(int fd, int memfd, uint64_t offset, uint64_t size,
			  uint32_t flags);

/* igt_zcgem_memfd.c */
int zcgem_memfd(uint64_t size, unsigned int seals);
int zcgem_memfd_hugetlb(uint64_t size, unsigned int seals);
long zcgem_free_huge_pages(void);
void zcgem_release_memfd(int memfd);
int zcgem_reopen(int memfd, int flags);
void *zcgem_map_memfd(int memfd, uint64_t offset, uint64_t size);

void zcgem_fill(void *map, uint64_t size, uint64_t seed);
void zcgem_check(const void *map, uint64_t size, uint64_t seed);
uint64_t zcgem_first_difference(const void *map, uint64_t size, uint64_t seed);

bool zcgem_access_faults(void *addr, bool write);
void zcgem_touch_until_sigbus(void *map, uint64_t size) __attribute__((noreturn));

#endif /* IGT_ZCGEM_H */
