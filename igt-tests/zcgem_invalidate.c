// SPDX-License-Identifier: MIT
/*
 * Memory that moves while it is shared: evicted, or punched out of its memfd, with
 * importers that are told of it and importers that must be waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_watch.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem invalidate
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that memory can move, and leave its memfd, while it is shared.
 *
 * SUBTEST: cross-device
 * Description: A second zcgem device imports an object: size, memory, handles, counts.
 *
 * SUBTEST: cross-device-readonly
 * Description: A read-only object is read-only on the second device, too.
 *
 * SUBTEST: evict-dynamic
 * Description: Eviction, every memory and use, of an importer that follows moves.
 *
 * SUBTEST: evict-static
 * Description: Eviction, every memory and use, of an importer that cannot follow.
 *
 * SUBTEST: evict-slow
 * Description: Eviction, every memory and use, of an importer that lets go only later.
 *
 * SUBTEST: punch-dynamic
 * Description: A hole punch, every memory and use, with an importer that follows moves.
 *
 * SUBTEST: punch-static
 * Description: A hole punch, every memory and use, with an importer that cannot follow.
 *
 * SUBTEST: punch-slow
 * Description: A hole punch, every memory and use, with an importer that lets go later.
 *
 * SUBTEST: overlapping-buffers
 * Description: Several dma-bufs of overlapping parts of one memfd, as QEMU and crosvm make.
 */

IGT_TEST_DESCRIPTION("Check that memory can move, and leave its memfd, while it is shared");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)

static struct devices all;

static void test_cross_device(const struct devices *dev)
{
	const uint64_t size = PAGES(33);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf, again;
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0), theirs, same;
	struct drm_zcgem_gem_info info;
	void *ours, *map;

	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &same), 0);
	igt_assert_eq_u32(theirs, same);

	zcgem_info(dev->other, theirs, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_IMPORT);
	igt_assert_eq_u64(info.size, size);
	igt_assert_eq_u64(info.charged, 0);
	igt_assert_eq_u64(info.resident, 0);
	zcgem_info(dev->fd, handle, &info);
	igt_assert_eq_u64(info.attachments, 1);
	igt_assert_eq_u64(info.pins, 0);

	ours = zcgem_mmap(dev->fd, handle, size, PROT_RW);
	map = zcgem_mmap(dev->other, theirs, size, PROT_RW);
	zcgem_check_same(ours, map, size);
	zcgem_info(dev->fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 2);

	zcgem_populate(dev->other, theirs, size, NULL);
	zcgem_populate(dev->other, theirs, size, NULL);
	zcgem_info(dev->fd, handle, &info);
	igt_assert_eq_u64(info.pins, dev->live ? 0 : 1);
	zcgem_info(dev->other, theirs, &info);
	igt_assert(info.flags & DRM_ZCGEM_INFO_RESIDENT);

	/* from there it comes back as what it was */
	again = zcgem_export(dev->other, theirs);
	igt_assert_eq(__zcgem_import(dev->fd, again, &same), 0);
	igt_assert_eq_u32(handle, same);
	close(again);
	close(dmabuf);
	gem_close(dev->fd, handle);
	munmap(ours, size);

	/* and the importer alone keeps it */
	zcgem_mark_all(map, size, 77);
	gem_close(dev->other, theirs);
	zcgem_check_marks(map, size, 77);
	munmap(map, size);
	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_check_marks(map, size, 77);
	munmap(map, size);
	close(memfd);
}

static void test_cross_device_readonly(const struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), dmabuf;
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(4),
					   DRM_ZCGEM_WRAP_READONLY), theirs;
	struct drm_zcgem_gem_info info;
	void *map;

	igt_assert_eq(__zcgem_export(dev->fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), 0);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	zcgem_info(dev->other, theirs, &info);
	igt_assert(info.flags & DRM_ZCGEM_INFO_READONLY);
	igt_assert(!__zcgem_mmap(dev->other, theirs, PAGES(4), PROT_RW));
	igt_assert_eq(errno, EACCES);
	map = zcgem_mmap(dev->other, theirs, PAGES(4), PROT_READ);
	igt_assert_eq(mprotect(map, PAGES(4), PROT_RW), -1);
	igt_assert_eq(errno, EACCES);

	/* it maps for reading only, which is allowed */
	zcgem_populate(dev->other, theirs, PAGES(4), NULL);
	munmap(map, PAGES(4));
	close(dmabuf);
	close(memfd);
}

/* The views show the memory as its owner does: seed 1 around a hole of zeroes. */
static void check_punched(const struct share *share)
{
	const uint64_t at = share->hole_at, size = share->hole_size;
	int i;

	for (i = 0; i < VIEWS; i++) {
		if (!share->views[i])
			continue;
		igt_assert(!memcmp(share->views[i], share->own, share->size));
		zcgem_check_zero(share->views[i] + at, size);
		igt_assert_eq_u64(zcgem_first_difference(share->views[i], at, 1), at);
	}
}

static void check_importer_maps_again(struct share *share, uint64_t seed)
{
	struct drm_zcgem_gem_info info;

	igt_assert_eq(importer_maps_again(share), 0);
	check_device(share, seed);
	zcgem_info(share->devices->fd, share->handle, &info);
	igt_assert_eq_u64(info.pins, share->importer == IMPORTER_STATIC || !share->devices->live);
}

/*
 * An importer that was told has no scatter list any more, or one of pages that are kept
 * for it, as they were, until it lets go.
 */
static void check_importer_was_told(struct share *share, const struct zcgem_snapshot *before)
{
	struct zcgem_snapshot now;

	zcgem_take_snapshot(share->devices->fd, &now);
	if (share->importer == IMPORTER_DYNAMIC) {
		struct drm_zcgem_gem_info info;

		zcgem_info(share->devices->other, share->theirs, &info);
		igt_assert(!(info.flags & DRM_ZCGEM_INFO_RESIDENT));
		/* one that had pinned has let go by itself */
		igt_assert_eq_u64(info.evictions, share->use != USE_ATTACHED);
	} else if (share->importer == IMPORTER_SLOW) {
		struct importer_state state;

		igt_assert_eq_u64(now.dma_maps, before->dma_maps + share->mapped);
		importer_state(share->device, &state);
		igt_assert_eq_u64(state.told, share->mapped);
		if (share->mapped) {
			igt_assert_lt_u64(before->pinned_folios, now.pinned_folios);
			check_device(share, 1);
			importer_let_go(share);
			zcgem_take_snapshot(share->devices->fd, &now);
		}
	}
	igt_assert_eq_u64(now.dma_maps, before->dma_maps);
}

static void evict_case(struct share *share, const struct zcgem_snapshot *before)
{
	int fd = share->devices->fd, ret;
	struct drm_zcgem_gem_info info;
	struct zcgem_snapshot now;

	/* Write-combined pages stay as long as an importer's list: zcgem_pool@evict-shared */
	if (share->source == SOURCE_WC && share->importer == IMPORTER_SLOW && share->mapped)
		return;
	if (share->source == SOURCE_USERPTR) {
		igt_assert_eq(__zcgem_evict(fd, share->handle, share->size), -EOPNOTSUPP);
		igt_assert(!share->fence.signalled);
		check_views(share, 1);
		check_device(share, 1);
		igt_assert_eq_u64(evictions(fd, share->handle), 0);
		return;
	}

	if (share->pinned) {
		igt_assert_eq(__zcgem_evict(fd, share->handle, share->size), -EBUSY);
		igt_assert(!share->fence.signalled);
		igt_assert_eq_u64(evictions(fd, share->handle), 0);
		check_views(share, 1);
		check_device(share, 1);
		importer_let_go(share);
	}

	if (share->use == USE_FENCED)
		signal_later(&share->fence);
	ret = __zcgem_evict(fd, share->handle, share->size);
	/* on 6.12 an importer could not get these again, so they stay while one is attached */
	if ((share->source == SOURCE_HUGETLB || share->source == SOURCE_GIANT) && ret == -EBUSY) {
		check_views(share, 1);
		check_device(share, 1);
		return;
	}
	igt_assert_eq(ret, 0);
	if (share->use == USE_FENCED)
		igt_assert_f(share->fence.signalled, "eviction did not wait for a fence\n");

	zcgem_info(fd, share->handle, &info);
	igt_assert_eq_u64(info.evictions, 1);
	igt_assert_eq_u64(info.resident, 0);
	check_importer_was_told(share, before);
	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.pinned_folios, before->pinned_folios);

	check_views(share, 1);
	zcgem_fill(share->own ?: share->views[VIEW_GEM], share->size, 2);
	check_views(share, 2);
	check_importer_maps_again(share, 2);
}

static void punch_case(struct share *share, const struct zcgem_snapshot *before)
{
	int fd = share->devices->fd;

	if (share->memfd < 0) {
		/* the object keeps the pages that it was made of */
		if (share->source == SOURCE_USERPTR)
			igt_assert_eq(madvise(share->own + share->hole_at,
					      share->hole_size, MADV_DONTNEED), 0);
		igt_assert_eq(__zcgem_revalidate(fd, share->handle, share->size), 0);
		igt_assert(!share->fence.signalled);
		igt_assert_eq_u64(evictions(fd, share->handle), 0);
		check_views(share, 1);
		check_device(share, 1);
		return;
	}

	punch_share(share);
	if (share->pinned) {
		igt_assert_eq(__zcgem_revalidate(fd, share->handle, share->size), -EBUSY);
		igt_assert(!share->fence.signalled);
		igt_assert_eq_u64(evictions(fd, share->handle), 0);
		/* old data of this memfd, which nobody else has got */
		check_views(share, 1);
		check_device(share, 1);
		importer_let_go(share);
	}

	if (share->use == USE_FENCED)
		signal_later(&share->fence);
	igt_assert_eq(__zcgem_revalidate(fd, share->handle, share->size), 0);
	if (share->use == USE_FENCED)
		igt_assert_f(share->fence.signalled, "the pages went before a fence\n");
	igt_assert_eq_u64(evictions(fd, share->handle), 1);
	check_importer_was_told(share, before);

	check_punched(share);
	zcgem_fill(share->views[VIEW_GEM], share->size, 3);
	zcgem_check(share->own, share->size, 3);
	check_views(share, 3);
	check_importer_maps_again(share, 3);
}

static void test_evict_dynamic(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_DYNAMIC, evict_case);
}

static void test_evict_static(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_STATIC, evict_case);
}

static void test_evict_slow(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_SLOW, evict_case);
}

static void test_punch_dynamic(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_DYNAMIC, punch_case);
}

static void test_punch_static(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_STATIC, punch_case);
}

static void test_punch_slow(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_SLOW, punch_case);
}

struct importer {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size, rounds;
	const volatile bool *stop;
};

/* Buffers of 8 pages every 4 pages, so that each page but the ends is in two. */
#define OVERLAPS	15u

static void test_overlapping_buffers(const struct devices *dev)
{
	const uint64_t part = PAGES(8), step = PAGES(4), size = (OVERLAPS + 1) * step;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabufs[OVERLAPS];
	uint32_t handles[OVERLAPS], theirs[OVERLAPS];
	char *own = zcgem_map_memfd(memfd, 0, size), *maps[OVERLAPS], *views[OVERLAPS];
	struct drm_zcgem_gem_revoke revoke = {};
	struct drm_zcgem_gem_info info;
	unsigned int i;

	zcgem_fill(own, size, 1);
	for (i = 0; i < OVERLAPS; i++) {
		handles[i] = wrap_watched(dev->fd, memfd, i * step, part, own + i * step);
		dmabufs[i] = zcgem_export(dev->fd, handles[i]);
		igt_assert_eq(__zcgem_import(dev->other, dmabufs[i], &theirs[i]), 0);
		if (dev->live)
			zcgem_populate(dev->other, theirs[i], part, NULL);
		maps[i] = map_dmabuf(dmabufs[i], part);
		views[i] = zcgem_mmap(dev->other, theirs[i], part, PROT_RW);
		igt_assert(!memcmp(maps[i], own + i * step, part));
		igt_assert(!memcmp(views[i], own + i * step, part));
	}

	/* what is written through one is in its neighbours */
	for (i = 0; i < OVERLAPS; i++) {
		zcgem_check_same(maps[i], own + i * step, part);
		if (i)
			zcgem_check_same(maps[i], maps[i - 1] + step, part - step);
		zcgem_check_same(views[i], maps[i], part);
	}

	/* one moves, the others stay */
	zcgem_evict(dev->fd, handles[4], part);
	for (i = 0; i < OVERLAPS; i++)
		igt_assert_eq_u64(evictions(dev->fd, handles[i]), i == 4);
	zcgem_check_same(maps[4] + step, maps[5], part - step);

	/* a page that two of them have leaves the file */
	punch(memfd, 8 * step + PAGES(1), PAGES(1));
	igt_assert(evicted_soon(dev->fd, handles[7], 0));
	igt_assert(evicted_soon(dev->fd, handles[8], 0));
	for (i = 0; i < OVERLAPS; i++) {
		igt_assert_eq_u64(evictions(dev->fd, handles[i]), i == 4 || i == 7 || i == 8);
		igt_assert(!memcmp(maps[i], own + i * step, part));
		igt_assert(!memcmp(views[i], own + i * step, part));
	}
	zcgem_check_same(maps[7] + step, maps[8], part - step);

	/* one is withdrawn, the memory is still the others' */
	revoke.handle = handles[10];
	do_ioctl(dev->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke);
	igt_assert_eq_u64(revoke.holders, 0);
	igt_assert(zcgem_access_faults(maps[10], false));
	zcgem_check_same(maps[9], own + 9 * step, part);
	zcgem_check_same(maps[11], own + 11 * step, part);

	/* they go in any order */
	for (i = 0; i < OVERLAPS; i++) {
		unsigned int n = i * 7 % OVERLAPS;

		munmap(views[n], part);
		gem_close(dev->other, theirs[n]);
		gem_close(dev->fd, handles[n]);
		close(dmabufs[n]);
		munmap(maps[n], part);
	}
	zcgem_info(dev->fd, wrap_watched(dev->fd, memfd, 0, size, own), &info);
	igt_assert_eq_u64(info.resident, size);
	munmap(own, size);
	close(memfd);
}

int igt_main()
{
	igt_fixture()
		open_devices(&all);

	igt_describe("A second zcgem device imports an object: size, memory, handles, counts");
	igt_subtest("cross-device")
		run_shared(&all, test_cross_device);

	igt_describe("A read-only object is read-only on the second device, too");
	igt_subtest("cross-device-readonly")
		run_shared(&all, test_cross_device_readonly);

	igt_describe("Eviction, every memory and use, of an importer that follows moves");
	igt_subtest("evict-dynamic")
		run_shared(&all, test_evict_dynamic);

	igt_describe("Eviction, every memory and use, of an importer that cannot follow");
	igt_subtest("evict-static")
		run_shared(&all, test_evict_static);

	igt_describe("Eviction, every memory and use, of an importer that lets go only later");
	igt_subtest("evict-slow")
		run_shared(&all, test_evict_slow);

	igt_describe("A hole punch, every memory and use, with an importer that follows moves");
	igt_subtest("punch-dynamic")
		run_shared(&all, test_punch_dynamic);

	igt_describe("A hole punch, every memory and use, with an importer that cannot follow");
	igt_subtest("punch-static")
		run_shared(&all, test_punch_static);

	igt_describe("A hole punch, every memory and use, with an importer that lets go later");
	igt_subtest("punch-slow")
		run_shared(&all, test_punch_slow);

	igt_describe("Several dma-bufs of overlapping parts of one memfd, as QEMU and crosvm make");
	igt_subtest("overlapping-buffers")
		run_shared(&all, test_overlapping_buffers);

	igt_fixture()
		close_devices(&all);
}
