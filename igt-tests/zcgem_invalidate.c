// SPDX-License-Identifier: MIT
/*
 * Memory that moves while it is shared: evicted, or punched out of its memfd, with
 * importers that are told of it and importers that must be waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_share.h"
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
 * SUBTEST: punch-while-reading
 * Description: Class 12: who reads while holes are punched never sees foreign data.
 *
 * SUBTEST: watch-while-reading
 * Description: Class 12: the same with a watch, after which all views agree at once.
 *
 * SUBTEST: remove-while-reading
 * Description: Class 12: the same by MADV_REMOVE of the watched mapping.
 *
 * SUBTEST: watch-at-once
 * Description: A watched punch frees the pages though nobody touches the object.
 *
 * SUBTEST: watch-pinned
 * Description: A watched punch leaves alone what an importer has pinned.
 *
 * SUBTEST: watch-ranges
 * Description: Of several ranges only those with a watch address are watched.
 *
 * SUBTEST: watch-false-alarms
 * Description: What does not take pages out of the file costs no eviction and no fault.
 *
 * SUBTEST: watch-munmap
 * Description: The watch ends with the mapping, and the punch is found by the next user.
 *
 * SUBTEST: watch-exit
 * Description: The watch ends with its process, the object does not.
 *
 * SUBTEST: watch-exec
 * Description: The watch ends when its process becomes another program.
 *
 * SUBTEST: watch-bad
 * Description: A watch address that is unaligned or wraps around is refused.
 *
 * SUBTEST: overlapping-buffers
 * Description: Several dma-bufs of overlapping parts of one memfd, as QEMU and crosvm make.
 *
 * SUBTEST: class4-import-vs-close
 * Description: Class 4: import on another device races with closing the handle there.
 *
 * SUBTEST: class4-export-vs-close
 * Description: Class 4: export, import elsewhere and close of both handles, in every order.
 *
 * SUBTEST: class7-sync-many
 * Description: Class 7: 10^5 concurrent DMA_BUF_IOCTL_SYNC from 8 threads leak nothing.
 *
 * SUBTEST: class13-invalidate-vs-map
 * Description: Class 13: eviction and hole punch race with map, unmap, attach and access.
 */

IGT_TEST_DESCRIPTION("Check that memory can move, and leave its memfd, while it is shared");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
#define WORDS		(ZCGEM_PAGE / sizeof(uint64_t))

/* The hole of the tests that punch one. */
#define HOLE_AT		PAGES(8)
#define HOLE_SIZE	PAGES(8)

/* How long the driver may take to act on a watch: it has to get a CPU. */
#define SOON_STEP_US	5000
#define SOON_STEPS	1000

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
	static const char zero[HOLE_SIZE];
	int i;

	for (i = 0; i < VIEWS; i++) {
		if (!share->views[i])
			continue;
		igt_assert(!memcmp(share->views[i], share->own, share->size));
		igt_assert(!memcmp(share->views[i] + HOLE_AT, zero, HOLE_SIZE));
		igt_assert_eq_u64(zcgem_first_difference(share->views[i], HOLE_AT, 1), HOLE_AT);
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
	int fd = share->devices->fd;
	struct drm_zcgem_gem_info info;
	struct zcgem_snapshot now;

	if (share->source != SOURCE_MEMFD) {
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
	zcgem_evict(fd, share->handle, share->size);
	if (share->use == USE_FENCED)
		igt_assert_f(share->fence.signalled, "eviction did not wait for a fence\n");

	zcgem_info(fd, share->handle, &info);
	igt_assert_eq_u64(info.evictions, 1);
	igt_assert_eq_u64(info.resident, 0);
	check_importer_was_told(share, before);
	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.pinned_folios, before->pinned_folios);

	check_views(share, 1);
	zcgem_fill(share->own, share->size, 2);
	check_views(share, 2);
	check_importer_maps_again(share, 2);
}

static void punch_case(struct share *share, const struct zcgem_snapshot *before)
{
	int fd = share->devices->fd;

	if (share->source != SOURCE_MEMFD) {
		/* the object keeps the pages that it was made of */
		if (share->source == SOURCE_USERPTR)
			igt_assert_eq(madvise(share->own + HOLE_AT, HOLE_SIZE,
					      MADV_DONTNEED), 0);
		igt_assert_eq(__zcgem_revalidate(fd, share->handle, share->size), 0);
		igt_assert(!share->fence.signalled);
		igt_assert_eq_u64(evictions(fd, share->handle), 0);
		check_views(share, 1);
		check_device(share, 1);
		return;
	}

	punch(share->memfd, HOLE_AT, HOLE_SIZE);
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

/*
 * Words that only this memfd's pages have: a tag, how often the page was written, and
 * which page it is. The memory that other processes get has the poison.
 */
#define TAG		0x5a6dull
#define POISON		0xdeadbeefdeadbeefull

static uint64_t tagged(uint64_t page, uint64_t generation)
{
	return TAG << 48 | generation << 24 | page;
}

static void tag_all(void *map, uint64_t npages, uint64_t generation)
{
	volatile uint64_t *words = map;
	uint64_t page;

	for (page = 0; page < npages; page++) {
		words[page * WORDS] = tagged(page, generation);
		words[page * WORDS + WORDS - 1] = tagged(page, generation);
	}
}

struct reader {
	pthread_t thread;
	const char *name;
	const volatile uint64_t *words;
	/* read by read() of /proc/self/mem instead of by the CPU */
	int mem;
	uint64_t npages;
	const volatile bool *stop;
	uint64_t looks, bad, bad_page;
};

static uint64_t read_word(const struct reader *reader, uint64_t page)
{
	const volatile uint64_t *word = reader->words + page * WORDS;
	uint64_t value;

	if (reader->mem < 0)
		return *word;
	if (pread(reader->mem, &value, sizeof(value), (uintptr_t)word) != sizeof(value))
		return POISON;
	return value;
}

static void *read_on(void *data)
{
	struct reader *reader = data;
	uint64_t page = 0;

	while (!*reader->stop) {
		uint64_t word = read_word(reader, page);

		if (word && (word >> 48 != TAG || (word & 0xffffff) != page)) {
			reader->bad = word;
			reader->bad_page = page;
			break;
		}
		reader->looks++;
		page = (page + 1) % reader->npages;
	}
	return NULL;
}

struct importer {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size, rounds;
	const volatile bool *stop;
};

/* What a device does: it maps whenever it has lost its scatter list. */
static void *map_on(void *data)
{
	struct importer *importer = data;

	while (!*importer->stop) {
		if (!__zcgem_advise(importer->fd, importer->handle, DRM_ZCGEM_ADVICE_POPULATE,
				    0, importer->size, NULL))
			importer->rounds++;
		usleep(1000);
	}
	return NULL;
}

/* Takes what becomes free and writes over it. */
static void hog_memory(const volatile bool *stop)
{
	const uint64_t size = 16ull << 20;

	while (!*stop) {
		volatile uint64_t *map = zcgem_anonymous(size);
		uint64_t i;

		for (i = 0; i < size / sizeof(*map); i += WORDS / 2)
			map[i] = POISON;
		munmap((void *)map, size);
	}
}

static bool same_soon(const void *view, const void *own, uint64_t size)
{
	int step;

	for (step = 0; step < SOON_STEPS; step++) {
		if (!memcmp(view, own, size))
			return true;
		usleep(SOON_STEP_US);
	}
	return false;
}

enum punch_way { BY_PUNCH, BY_REMOVE };

static void punch_while_reading(const struct devices *dev, bool watch, enum punch_way way)
{
	const uint64_t npages = 256, size = PAGES(npages);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), mem;
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };
	volatile bool *stop = zcgem_shared_anonymous(ZCGEM_PAGE);
	void *own = zcgem_map_memfd(memfd, 0, size), *views[4];
	struct reader readers[4] = {
		{ .name = "GEM mapping" }, { .name = "dma-buf mapping" },
		{ .name = "mapping of the other device" }, { .name = "read by the kernel" },
	};
	struct importer importer = {};
	unsigned int i, round;
	uint64_t looks = 0;
	uint32_t handle;
	int dmabuf;

	tag_all(own, npages, 0);
	range.watch_address = watch ? (uintptr_t)own : 0;
	handle = zcgem_wrap(dev->fd, &range, 1, 0);
	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &importer.handle), 0);
	views[0] = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	views[1] = map_dmabuf(dmabuf, size);
	views[2] = zcgem_mmap(dev->other, importer.handle, size, PROT_READ);
	views[3] = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	igt_assert_fd(mem);

	igt_fork(child, 1)
		hog_memory(stop);

	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i].words = views[i];
		readers[i].mem = i == 3 ? mem : -1;
		readers[i].npages = npages;
		readers[i].stop = stop;
		igt_assert_eq(pthread_create(&readers[i].thread, NULL, read_on,
					     &readers[i]), 0);
	}
	importer.fd = dev->other;
	importer.size = size;
	importer.stop = stop;
	/* where importers pin, that would forbid what is to be tested */
	if (dev->live)
		igt_assert_eq(pthread_create(&importer.thread, NULL, map_on, &importer), 0);

	for (round = 1; round <= 150; round++) {
		uint64_t first = (round * 37) % npages;
		uint64_t count = 1 + (round * 11) % 64;

		count = first + count > npages ? npages - first : count;
		if (way == BY_PUNCH)
			punch(memfd, PAGES(first), PAGES(count));
		else
			igt_assert_eq(madvise(own + PAGES(first), PAGES(count),
					      MADV_REMOVE), 0);
		if (round & 1)
			tag_all(own, npages, round);
		if (!watch && round % 5 == 0)
			igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
		usleep(2000);
	}

	/* the last word */
	punch(memfd, 0, size / 2);
	tag_all(own, npages / 4, round);
	if (!watch)
		igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	for (i = 0; i < 4; i++)
		igt_assert_f(same_soon(views[i], own, size), "the %s shows other data\n",
			     readers[i].name);

	*stop = true;
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		pthread_join(readers[i].thread, NULL);
		looks += readers[i].looks;
	}
	if (dev->live)
		pthread_join(importer.thread, NULL);
	igt_waitchildren();
	igt_info("%" PRIu64 " reads, %" PRIu64 " evictions, %" PRIu64 " maps by the importer\n",
		 looks, evictions(dev->fd, handle), importer.rounds);
	for (i = 0; i < ARRAY_SIZE(readers); i++)
		igt_assert_f(!readers[i].bad, "%s: page %" PRIu64 " had %#" PRIx64 "\n",
			     readers[i].name, readers[i].bad_page, readers[i].bad);
	igt_assert_lt_u64(0, evictions(dev->fd, handle));

	for (i = 0; i < 4; i++)
		munmap(views[i], size);
	munmap(own, size);
	munmap((void *)stop, ZCGEM_PAGE);
	close(mem);
	close(dmabuf);
	close(memfd);
}

static void test_punch_while_reading(const struct devices *dev)
{
	punch_while_reading(dev, false, BY_PUNCH);
}

static void test_watch_while_reading(const struct devices *dev)
{
	punch_while_reading(dev, true, BY_PUNCH);
}

static void test_remove_while_reading(const struct devices *dev)
{
	punch_while_reading(dev, true, BY_REMOVE);
}

static uint32_t wrap_watched(int fd, int memfd, uint64_t offset, uint64_t size, void *own)
{
	struct drm_zcgem_memfd_range range = {
		.fd = memfd, .offset = offset, .size = size,
		.watch_address = (uintptr_t)own,
	};

	return zcgem_wrap(fd, &range, 1, 0);
}

static bool evicted_soon(int fd, uint32_t handle, uint64_t before)
{
	int step;

	for (step = 0; step < SOON_STEPS; step++) {
		if (evictions(fd, handle) > before)
			return true;
		usleep(SOON_STEP_US);
	}
	return false;
}

/* Nothing happened; the driver's work would have had its turn by now. */
static void assert_not_evicted(int fd, uint32_t handle, uint64_t before)
{
	usleep(100000);
	igt_assert_eq_u64(evictions(fd, handle), before);
}

static void test_watch_at_once(const struct devices *dev)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	struct zcgem_snapshot before, now;
	struct drm_zcgem_gem_info info;
	void *own = zcgem_map_memfd(memfd, 0, size), *ours, *map;
	uint32_t handle, theirs;

	igt_assert_eq_u64(zcgem_get_param(dev->fd, DRM_ZCGEM_PARAM_WATCH), 1);
	zcgem_take_snapshot(dev->fd, &before);
	zcgem_fill(own, size, 1);
	handle = wrap_watched(dev->fd, memfd, 0, size, own);
	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	if (dev->live)
		zcgem_populate(dev->other, theirs, size, NULL);
	ours = zcgem_mmap(dev->fd, handle, size, PROT_RW);
	map = zcgem_mmap(dev->other, theirs, size, PROT_RW);
	zcgem_check(ours, size, 1);
	zcgem_check(map, size, 1);

	punch(memfd, PAGES(7), PAGES(1));
	igt_assert(evicted_soon(dev->fd, handle, 0));

	/* nobody holds a page any more, and nobody asked for new ones */
	zcgem_take_snapshot(dev->fd, &now);
	igt_assert_eq_u64(now.pinned_folios, before.pinned_folios);
	igt_assert_eq_u64(now.dma_maps, before.dma_maps);
	zcgem_info(dev->fd, handle, &info);
	igt_assert_eq_u64(info.evictions, 1);
	igt_assert_eq_u64(info.resident, 0);
	zcgem_info(dev->other, theirs, &info);
	igt_assert(!(info.flags & DRM_ZCGEM_INFO_RESIDENT));

	/* new pages of the memfd are seen, from either side */
	igt_assert(!memcmp(ours, own, size));
	igt_assert(!memcmp(map, own, size));
	zcgem_check_same(own, map, size);
	zcgem_check_same(own, ours, size);
	if (dev->live)
		zcgem_populate(dev->other, theirs, size, NULL);

	/* again, and the new pages are fetched by who maps for DMA */
	punch(memfd, 0, size);
	igt_assert(evicted_soon(dev->fd, handle, 1));
	zcgem_fill(own, size, 4);
	zcgem_populate(dev->other, theirs, size, NULL);
	zcgem_check(map, size, 4);

	munmap(ours, size);
	munmap(map, size);
	munmap(own, size);
	close(dmabuf);
	close(memfd);
}

static void test_watch_pinned(const struct devices *dev)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	void *own = zcgem_map_memfd(memfd, 0, size), *map;
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	int device;

	zcgem_fill(own, size, 1);
	handle = wrap_watched(dev->fd, memfd, 0, size, own);
	dmabuf = zcgem_export(dev->fd, handle);
	device = importer_new(dmabuf, 0);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	zcgem_info(dev->fd, handle, &info);
	igt_assert_eq_u64(info.pins, 1);
	map = zcgem_mmap(dev->fd, handle, size, PROT_RW);
	zcgem_check(map, size, 1);

	punch(memfd, HOLE_AT, HOLE_SIZE);
	assert_not_evicted(dev->fd, handle, 0);
	zcgem_check(map, size, 1);
	importer_check(device, size, 1, 0);

	close(device);
	igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	igt_assert(!memcmp(map, own, size));
	igt_assert_eq_u64(evictions(dev->fd, handle), 1);

	munmap(map, size);
	munmap(own, size);
	close(dmabuf);
	close(memfd);
}

static void test_watch_ranges(const struct devices *dev)
{
	const uint64_t part = PAGES(16), size = 4 * part;
	struct drm_zcgem_memfd_range ranges[4];
	void *own[4], *map;
	uint32_t handle;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = zcgem_memfd(2 * part, F_SEAL_SHRINK),
			.offset = part, .size = part,
		};
		own[i] = zcgem_map_memfd(ranges[i].fd, part, part);
		zcgem_fill(own[i], part, i + 1);
		/* the odd ones are watched */
		if (i & 1)
			ranges[i].watch_address = (uintptr_t)own[i];
	}
	handle = zcgem_wrap(dev->fd, ranges, 4, 0);
	map = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	for (i = 0; i < 4; i++)
		zcgem_check(map + i * part, part, i + 1);

	/* not the object's part of the file, and not watched */
	punch(ranges[1].fd, 0, part);
	punch(ranges[2].fd, part, PAGES(1));
	assert_not_evicted(dev->fd, handle, 0);
	zcgem_check(map + 2 * part, part, 3);

	/* watched: all of the object is fetched anew, so the other hole is seen, too */
	punch(ranges[3].fd, part + PAGES(15), PAGES(1));
	igt_assert(evicted_soon(dev->fd, handle, 0));
	for (i = 0; i < 4; i++)
		igt_assert(!memcmp(map + i * part, own[i], part));
	punch(ranges[1].fd, part, PAGES(1));
	igt_assert(evicted_soon(dev->fd, handle, 1));

	munmap(map, size);
	for (i = 0; i < 4; i++) {
		igt_assert_eq(munmap(own[i], part), 0);
		close(ranges[i].fd);
	}
}

static void false_alarm(const char *what, int fd, uint32_t handle, const void *map,
			uint64_t size, const struct drm_zcgem_gem_info *before)
{
	struct drm_zcgem_gem_info now;

	igt_debug("%s\n", what);
	assert_not_evicted(fd, handle, 0);
	zcgem_check(map, size, 1);
	zcgem_info(fd, handle, &now);
	igt_assert_f(now.faults_pte == before->faults_pte &&
		     now.faults_pmd == before->faults_pmd && now.resident == size,
		     "%s made the object fault or go\n", what);
}

static void test_watch_false_alarms(const struct devices *dev)
{
	const uint64_t size = PAGES(32), around = PAGES(16), whole = size + 2 * around;
	int memfd = zcgem_memfd(whole, F_SEAL_SHRINK);
	char *all_of_it = zcgem_map_memfd(memfd, 0, whole), *own = all_of_it + around;
	static const struct {
		const char *name;
		int advice;
	} advices[] = {
		{ "MADV_WILLNEED", MADV_WILLNEED }, { "MADV_COLD", MADV_COLD },
		{ "MADV_PAGEOUT", MADV_PAGEOUT }, { "MADV_DONTNEED", MADV_DONTNEED },
		{ "MADV_HUGEPAGE", MADV_HUGEPAGE }, { "MADV_DONTFORK", MADV_DONTFORK },
	};
	struct drm_zcgem_gem_info before;
	uint32_t handle;
	unsigned int i;
	char *map;

	zcgem_fill(own, size, 1);
	handle = wrap_watched(dev->fd, memfd, around, size, own);
	map = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	zcgem_check(map, size, 1);
	zcgem_info(dev->fd, handle, &before);
	igt_assert_lt_u64(0, before.faults_pte);

	igt_assert_eq(mprotect(own, size, PROT_READ), 0);
	igt_assert_eq(mprotect(own, PAGES(3), PROT_NONE), 0);
	igt_assert_eq(mprotect(own, size, PROT_RW), 0);
	false_alarm("mprotect", dev->fd, handle, map, size, &before);
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		madvise(own, size, advices[i].advice);
		false_alarm(advices[i].name, dev->fd, handle, map, size, &before);
		zcgem_check(own, size, 1);
	}
	madvise(own, size, MADV_DOFORK);
	igt_fork(child, 1)
		zcgem_check(own, size, 1);
	igt_waitchildren();
	false_alarm("fork", dev->fd, handle, map, size, &before);
	punch(memfd, 0, around);
	punch(memfd, around + size, around);
	false_alarm("a punch next to it", dev->fd, handle, map, size, &before);
	igt_assert_eq(madvise(all_of_it, around, MADV_REMOVE), 0);
	false_alarm("MADV_REMOVE next to it", dev->fd, handle, map, size, &before);
	igt_assert_eq(munmap(all_of_it, around), 0);
	igt_assert_eq(munmap(own + size, around), 0);
	false_alarm("munmap next to it", dev->fd, handle, map, size, &before);
	igt_assert_eq(munmap(own, PAGES(5)), 0);
	false_alarm("munmap of a part", dev->fd, handle, map, size, &before);

	/* the alarm that is none: what is left of the mapping is still watched */
	punch(memfd, around + PAGES(9), PAGES(1));
	igt_assert(evicted_soon(dev->fd, handle, 0));

	munmap(own + PAGES(5), size - PAGES(5));
	munmap(map, size);
	close(memfd);
}

static void test_watch_munmap(const struct devices *dev)
{
	const uint64_t size = PAGES(32);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	void *own = zcgem_map_memfd(memfd, 0, size), *map, *other;
	uint32_t handle;

	zcgem_fill(own, size, 1);
	handle = wrap_watched(dev->fd, memfd, 0, size, own);
	map = zcgem_mmap(dev->fd, handle, size, PROT_RW);
	zcgem_check(map, size, 1);
	munmap(own, size);
	assert_not_evicted(dev->fd, handle, 0);

	punch(memfd, HOLE_AT, HOLE_SIZE);
	assert_not_evicted(dev->fd, handle, 0);
	zcgem_check(map, size, 1);
	igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	igt_assert_eq_u64(evictions(dev->fd, handle), 1);
	igt_assert_eq_u64(*(uint64_t *)(map + HOLE_AT), 0);

	/* other memory at that address is none of the object's business */
	zcgem_fill(map, size, 2);
	other = mmap(own, size, PROT_RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	igt_assert(other == own);
	zcgem_fill(other, size, 9);
	igt_assert_eq(madvise(other, size, MADV_DONTNEED), 0);
	munmap(other, size);
	assert_not_evicted(dev->fd, handle, 1);
	zcgem_check(map, size, 2);

	munmap(map, size);
	close(memfd);
}

/* A child makes a watched object and is gone; all that is left is a dma-buf. */
static void watch_of_child(const struct devices *dev, bool exec)
{
	const uint64_t size = PAGES(32);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	struct zcgem_line line;
	uint32_t handle;
	void *own, *map;

	zcgem_open_line(&line);
	igt_fork(child, 1) {
		int fd = drm_reopen_driver(dev->fd);
		void *childs = zcgem_map_memfd(memfd, 0, size);

		zcgem_fill(childs, size, 1);
		handle = wrap_watched(fd, memfd, 0, size, childs);
		dmabuf = zcgem_export(fd, handle);
		zcgem_send_fd(line.end[1], dmabuf);
		zcgem_hear(line.end[1]);
		/* pages may leave while the process does */
		punch(memfd, PAGES(1), PAGES(1));
		if (exec) {
			execl("/bin/true", "true", NULL);
			igt_assert_f(false, "cannot run /bin/true: %m\n");
		}
	}
	dmabuf = zcgem_receive_fd(line.end[0]);
	map = map_dmabuf(dmabuf, size);
	zcgem_check(map, size, 1);
	zcgem_say(line.end[0], 1);
	igt_waitchildren();
	zcgem_close_line(&line);

	own = zcgem_map_memfd(memfd, 0, size);
	igt_assert_eq(__zcgem_import(dev->fd, dmabuf, &handle), 0);
	punch(memfd, HOLE_AT, HOLE_SIZE);
	igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	igt_assert(!memcmp(map, own, size));
	zcgem_check_same(map, own, size);

	munmap(own, size);
	munmap(map, size);
	close(dmabuf);
	close(memfd);
}

static void test_watch_exit(const struct devices *dev)
{
	unsigned int i;

	for (i = 0; i < 5; i++)
		watch_of_child(dev, false);
}

static void test_watch_exec(const struct devices *dev)
{
	watch_of_child(dev, true);
}

static void test_watch_bad(const struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = PAGES(8) };
	static const uint64_t bad[] = {
		1, ZCGEM_PAGE - 1, ZCGEM_PAGE + 8, -ZCGEM_PAGE, -PAGES(4),
	};
	uint32_t handle;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		range.watch_address = bad[i];
		igt_assert_eq(__zcgem_wrap(dev->fd, &range, 1, 0, &handle), -EINVAL);
	}
	close(memfd);
}

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

struct worker {
	pthread_t thread;
	const struct devices *dev;
	int fd, dmabuf, memfd;
	uint32_t handle, theirs;
	uint64_t size;
	unsigned int number, rounds, wrong;
	int error;
	void *map;
	const volatile bool *stop;
	pthread_barrier_t *barrier;
	/* the round that may run */
	const volatile unsigned int *gate;
};

static void start_worker(struct worker *worker, void *(*work)(void *data))
{
	igt_assert_eq(pthread_create(&worker->thread, NULL, work, worker), 0);
}

static void end_workers(struct worker *workers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < count; i++)
		igt_assert_f(!workers[i].wrong, "thread %u: %u times wrong, error %d\n", i,
			     workers[i].wrong, workers[i].error);
}

static void note_error(struct worker *worker, int err)
{
	worker->wrong++;
	worker->error = err;
}

/* All threads have the same handle: one's close may take the others' away. */
static void *import_and_close(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		uint32_t handle;
		int err = __zcgem_import(worker->fd, worker->dmabuf, &handle);

		if (err) {
			note_error(worker, err);
			continue;
		}
		if ((i + worker->number) & 1) {
			err = __zcgem_advise(worker->fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0,
					     worker->size, NULL);
			if (err && err != -ENOENT)
				note_error(worker, err);
		}
		err = __zcgem_close(worker->fd, handle);
		if (err && err != -EINVAL)
			note_error(worker, err);
	}
	return NULL;
}

static void test_import_vs_close(const struct devices *dev)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(dev->fd, handle);
	struct worker workers[4];
	void *map, *own;
	unsigned int i;

	gem_close(dev->fd, handle);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker) {
			.fd = dev->other, .dmabuf = dmabuf, .size = size, .rounds = zcgem_rounds(1000),
			.number = i,
		};
		start_worker(&workers[i], import_and_close);
	}
	end_workers(workers, ARRAY_SIZE(workers));

	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &handle), 0);
	map = zcgem_mmap(dev->other, handle, size, PROT_RW);
	own = zcgem_map_memfd(memfd, 0, size);
	zcgem_check_same(map, own, size);
	munmap(map, size);
	munmap(own, size);
	close(dmabuf);
	close(memfd);
}

static void *export_and_close(void *data)
{
	struct worker *worker = data;
	const struct devices *dev = worker->dev;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		uint64_t size = ZCGEM_PAGE;
		uint32_t handle, theirs;
		int dmabuf, err;

		err = __zcgem_create(dev->fd, &size, 0, &handle);
		if (!err)
			err = __zcgem_export(dev->fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf);
		if (err) {
			note_error(worker, err);
			continue;
		}
		/* the handle goes before, or after, or between */
		if (i % 3 == 0)
			err = __zcgem_close(dev->fd, handle);
		err = err ?: __zcgem_import(dev->other, dmabuf, &theirs);
		if (i % 3 == 1)
			err = err ?: __zcgem_close(dev->fd, handle);
		if (i & 1)
			close(dmabuf);
		err = err ?: __zcgem_advise(dev->other, theirs, DRM_ZCGEM_ADVICE_POPULATE, 0,
					    size, NULL);
		err = err ?: __zcgem_close(dev->other, theirs);
		if (i % 3 == 2)
			err = err ?: __zcgem_close(dev->fd, handle);
		if (!(i & 1))
			close(dmabuf);
		if (err)
			note_error(worker, err);
	}
	return NULL;
}

static void test_export_vs_close(const struct devices *dev)
{
	struct worker workers[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker) { .dev = dev, .rounds = zcgem_rounds(300) };
		start_worker(&workers[i], export_and_close);
	}
	end_workers(workers, ARRAY_SIZE(workers));
}

#define SYNC_THREADS	8
#define SYNC_ROUNDS	200
#define SYNC_CALLS	64

/* A fresh dma-buf each round, because the first calls on one are where it matters. */
static void *sync_often(void *data)
{
	struct worker *worker = data;
	static const uint64_t accesses[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	unsigned int round, i;

	for (round = 0; round < worker->rounds; round++) {
		pthread_barrier_wait(worker->barrier);
		/* on every CPU somebody is running when the gate opens */
		while (*worker->gate <= round)
			sched_yield();
		for (i = 0; i < SYNC_CALLS; i++) {
			uint64_t access = accesses[(i / 2 + worker->number) % 3];
			int err = dmabuf_sync(worker->dmabuf, access | (i & 1 ? DMA_BUF_SYNC_END :
									 DMA_BUF_SYNC_START));

			if (err)
				note_error(worker, err);
		}
		pthread_barrier_wait(worker->barrier);
	}
	return NULL;
}

static void write_one(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(value, file);
	fclose(file);
}

/*
 * What the kernel's own allocator has given out, without what it keeps in store and
 * without what waits to be freed, which dropping caches makes it hurry up with. The
 * smallest objects are names and the like, which come and go by hundreds, and what is
 * accounted to a group is in the driver's own counts.
 */
static uint64_t kernel_objects(void)
{
	char line[512], name[64];
	unsigned long long active;
	uint64_t sum = 0;
	glob_t found;
	FILE *file;
	size_t i;

	write_one("/proc/sys/vm/drop_caches", "2\n");
	usleep(300000);
	if (!glob("/sys/kernel/slab/kmalloc-*/shrink", 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			write_one(found.gl_pathv[i], "1\n");
		globfree(&found);
	}
	file = fopen("/proc/slabinfo", "r");
	igt_require_f(file, "no /proc/slabinfo\n");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %llu", name, &active) == 2 &&
		    !strncmp(name, "kmalloc-", 8) && strcmp(name, "kmalloc-8") &&
		    strncmp(name, "kmalloc-cg-", 11)) {
			igt_debug("%s %llu\n", name, active);
			sum += active;
		}
	fclose(file);
	return sum;
}

typedef int (*make_dmabuf_t)(const struct devices *dev, int memfd, uint64_t size);

static int make_zcgem(const struct devices *dev, int memfd, uint64_t size)
{
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(dev->fd, handle);

	gem_close(dev->fd, handle);
	return dmabuf;
}

static int make_udmabuf(const struct devices *dev, int memfd, uint64_t size)
{
	struct udmabuf_create create = {
		.memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), dmabuf;

	(void)dev;
	igt_assert_f(device >= 0, "/dev/udmabuf: %m\n");
	dmabuf = ioctl(device, UDMABUF_CREATE, &create);
	igt_assert_fd(dmabuf);
	close(device);
	return dmabuf;
}

/* Returns by how many objects the kernel's allocator has grown. */
static int64_t sync_many(const struct devices *dev, make_dmabuf_t make, unsigned int rounds,
			 bool import)
{
	const uint64_t size = PAGES(1024);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	struct worker workers[SYNC_THREADS];
	pthread_barrier_t barrier;
	uint64_t before, after;
	volatile unsigned int gate = 0;
	unsigned int round, i;

	before = kernel_objects();
	igt_assert_eq(pthread_barrier_init(&barrier, NULL, SYNC_THREADS + 1), 0);
	for (i = 0; i < SYNC_THREADS; i++) {
		workers[i] = (struct worker) {
			.barrier = &barrier, .gate = &gate, .rounds = rounds, .number = i,
		};
		start_worker(&workers[i], sync_often);
	}
	for (round = 0; round < rounds; round++) {
		int dmabuf = make(dev, memfd, size);
		uint32_t theirs = 0;

		if (import) {
			igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
			zcgem_populate(dev->other, theirs, size, NULL);
		}
		for (i = 0; i < SYNC_THREADS; i++)
			workers[i].dmabuf = dmabuf;
		pthread_barrier_wait(&barrier);
		usleep(100);
		gate = round + 1;
		pthread_barrier_wait(&barrier);
		if (theirs)
			gem_close(dev->other, theirs);
		close(dmabuf);
	}
	end_workers(workers, SYNC_THREADS);
	pthread_barrier_destroy(&barrier);

	after = kernel_objects();
	close(memfd);
	return after - before;
}

static void test_sync_many(const struct devices *dev)
{
	const unsigned int rounds = zcgem_rounds(SYNC_ROUNDS);
	bool has_udmabuf = !access("/dev/udmabuf", R_OK | W_OK);
	int64_t ours, imported, theirs = 0;

	/* so that every cache that is needed is there */
	sync_many(dev, make_zcgem, 5, true);
	if (has_udmabuf)
		sync_many(dev, make_udmabuf, 5, false);

	ours = sync_many(dev, make_zcgem, rounds, false);
	imported = sync_many(dev, make_zcgem, rounds, true);
	if (has_udmabuf)
		theirs = sync_many(dev, make_udmabuf, rounds, false);
	igt_info("%d calls by %d threads on %d buffers; kernel objects left: zcgem %" PRId64
		 ", zcgem with an importer %" PRId64 ", udmabuf %" PRId64 "\n",
		 SYNC_THREADS * rounds * SYNC_CALLS, SYNC_THREADS, rounds, ours,
		 imported, theirs);
	igt_assert_f(ours < rounds / 2, "zcgem leaves %" PRId64 " objects behind\n", ours);
	igt_assert_f(imported < rounds / 2, "zcgem leaves %" PRId64 " objects behind\n",
		     imported);
}

static bool is_expected(int err)
{
	/* EBUSY where an importer's mapping pins */
	return !err || err == -EBUSY;
}

static void *race_populate(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		int err = __zcgem_advise(worker->fd, worker->handle, DRM_ZCGEM_ADVICE_POPULATE,
					 0, worker->size, NULL);

		if (!is_expected(err))
			note_error(worker, err);
		worker->rounds++;
	}
	return NULL;
}

static void *race_evict(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		int err = __zcgem_evict(worker->fd, worker->handle, worker->size);

		if (!is_expected(err))
			note_error(worker, err);
		worker->rounds++;
		usleep(500);
	}
	return NULL;
}

static void *race_attach(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		uint32_t handle;
		int err = __zcgem_import(worker->fd, worker->dmabuf, &handle);

		if (!err && worker->rounds & 1)
			err = __zcgem_advise(worker->fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0,
					     worker->size, NULL);
		if (!is_expected(err))
			note_error(worker, err);
		__zcgem_close(worker->fd, handle);
		worker->rounds++;
	}
	return NULL;
}

static void *race_sync(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		int err = dmabuf_sync(worker->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);

		err = err ?: dmabuf_sync(worker->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
		if (err)
			note_error(worker, err);
		worker->rounds++;
		usleep(500);
	}
	return NULL;
}

static void *race_access(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		volatile uint64_t *word = worker->map + (worker->rounds * ZCGEM_PAGE) % worker->size;

		*word = *word + 1;
		worker->rounds++;
	}
	return NULL;
}

static void test_invalidate_vs_map(const struct devices *dev)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf, third = drm_reopen_driver(dev->other);
	void *own = zcgem_map_memfd(memfd, 0, size), *maps[2];
	uint32_t handle = wrap_watched(dev->fd, memfd, 0, size, own), theirs;
	struct worker workers[7];
	volatile bool stop = false;
	unsigned int i;

	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	maps[0] = zcgem_mmap(dev->fd, handle, size, PROT_RW);
	maps[1] = zcgem_mmap(dev->other, theirs, size, PROT_RW);
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		workers[i] = (struct worker) {
			.fd = dev->other, .handle = theirs, .size = size, .dmabuf = dmabuf,
			.map = maps[i & 1], .stop = &stop,
		};
	workers[1].fd = dev->fd;
	workers[1].handle = handle;
	workers[3].fd = third;
	start_worker(&workers[0], race_populate);
	start_worker(&workers[1], race_evict);
	start_worker(&workers[2], race_evict);
	start_worker(&workers[3], race_attach);
	start_worker(&workers[4], race_access);
	start_worker(&workers[5], race_access);
	start_worker(&workers[6], race_sync);

	for (i = 0; i < 200; i++) {
		punch(memfd, PAGES(i % 64), ZCGEM_PAGE);
		usleep(10000);
	}
	stop = true;
	end_workers(workers, ARRAY_SIZE(workers));
	igt_info("%" PRIu64 " evictions; maps %u, attachments %u, accesses %u\n",
		 evictions(dev->fd, handle), workers[0].rounds, workers[3].rounds,
		 workers[4].rounds);

	zcgem_evict(dev->other, theirs, size);
	igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	zcgem_check_same(maps[0], own, size);
	zcgem_check_same(maps[1], own, size);

	for (i = 0; i < 2; i++)
		munmap(maps[i], size);
	munmap(own, size);
	close(third);
	close(dmabuf);
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

	igt_describe("Class 12: who reads while holes are punched never sees foreign data");
	igt_subtest("punch-while-reading")
		run_shared(&all, test_punch_while_reading);

	igt_describe("Class 12: the same with a watch, after which all views agree at once");
	igt_subtest("watch-while-reading")
		run_shared(&all, test_watch_while_reading);

	igt_describe("Class 12: the same by MADV_REMOVE of the watched mapping");
	igt_subtest("remove-while-reading")
		run_shared(&all, test_remove_while_reading);

	igt_describe("A watched punch frees the pages though nobody touches the object");
	igt_subtest("watch-at-once")
		run_shared(&all, test_watch_at_once);

	igt_describe("A watched punch leaves alone what an importer has pinned");
	igt_subtest("watch-pinned") {
		run_shared(&all, test_watch_pinned);
	}

	igt_describe("Of several ranges only those with a watch address are watched");
	igt_subtest("watch-ranges")
		run_shared(&all, test_watch_ranges);

	igt_describe("What does not take pages out of the file costs no eviction and no fault");
	igt_subtest("watch-false-alarms")
		run_shared(&all, test_watch_false_alarms);

	igt_describe("The watch ends with the mapping, and the punch is found by the next user");
	igt_subtest("watch-munmap")
		run_shared(&all, test_watch_munmap);

	igt_describe("The watch ends with its process, the object does not");
	igt_subtest("watch-exit")
		run_shared(&all, test_watch_exit);

	igt_describe("The watch ends when its process becomes another program");
	igt_subtest("watch-exec")
		run_shared(&all, test_watch_exec);

	igt_describe("A watch address that is unaligned or wraps around is refused");
	igt_subtest("watch-bad")
		run_shared(&all, test_watch_bad);

	igt_describe("Several dma-bufs of overlapping parts of one memfd, as QEMU and crosvm make");
	igt_subtest("overlapping-buffers")
		run_shared(&all, test_overlapping_buffers);

	igt_describe("Class 4: import on another device races with closing the handle there");
	igt_subtest("class4-import-vs-close")
		run_shared(&all, test_import_vs_close);

	igt_describe("Class 4: export, import elsewhere and close of both handles, in every order");
	igt_subtest("class4-export-vs-close")
		run_shared(&all, test_export_vs_close);

	igt_describe("Class 7: 10^5 concurrent DMA_BUF_IOCTL_SYNC from 8 threads leak nothing");
	igt_subtest("class7-sync-many")
		run_shared(&all, test_sync_many);

	igt_describe("Class 13: eviction and hole punch race with map, unmap, attach and access");
	igt_subtest("class13-invalidate-vs-map")
		run_shared(&all, test_invalidate_vs_map);

	igt_fixture()
		close_devices(&all);
}
