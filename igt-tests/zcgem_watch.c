// SPDX-License-Identifier: MIT
/*
 * Objects of memfds that are watched by a mapping of the creator: pages that leave the file
 * leave the object at once, and nothing else is taken for that.
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
#include "igt_zcgem_process.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_watch.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem watch
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that pages leave a watched object when they leave its memfd.
 *
 * SUBTEST: at-once
 * Description: A watched punch frees the pages though nobody touches the object.
 *
 * SUBTEST: pinned
 * Description: A watched punch leaves alone what an importer has pinned.
 *
 * SUBTEST: ranges
 * Description: Of several ranges only those with a watch address are watched.
 *
 * SUBTEST: false-alarms
 * Description: What does not take pages out of the file costs no eviction and no fault.
 *
 * SUBTEST: munmap
 * Description: The watch ends with the mapping, and the punch is found by the next user.
 *
 * SUBTEST: exit
 * Description: The watch ends with its process, the object does not.
 *
 * SUBTEST: exec
 * Description: The watch ends when its process becomes another program.
 *
 * SUBTEST: fills-nothing
 * Description: A watch does not fill holes that were punched into huge pages.
 *
 * SUBTEST: bad
 * Description: A watch address that is unaligned or wraps around is refused.
 */

IGT_TEST_DESCRIPTION("Check that pages leave a watched object when they leave its memfd");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
/* The hole of the tests that punch one. */
#define HOLE_AT		PAGES(8)
#define HOLE_SIZE	PAGES(8)

static struct devices all;

struct importer {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size, rounds;
	const volatile bool *stop;
};

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

/* On kernels where an attached device cannot fetch huge pages itself, the watch fetches them. */
static void test_watch_fills_nothing(const struct devices *dev)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK), dmabuf;
	char *own = zcgem_map_memfd(memfd, 0, size);
	uint32_t handle, theirs;
	uint64_t before;
	long free_pages;

	own[0] = own[ZCGEM_HUGE] = 1;
	handle = wrap_watched(dev->fd, memfd, 0, size, own);
	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	before = zcgem_evictions(dev->fd, handle);
	free_pages = zcgem_free_huge_pages();
	punch(memfd, ZCGEM_HUGE, ZCGEM_HUGE);
	igt_assert(evicted_soon(dev->fd, handle, before));
	/* what else the work does it would have done by then */
	usleep(300000);
	igt_assert_eq(zcgem_free_huge_pages(), free_pages + 1);
	zcgem_populate(dev->fd, handle, size, NULL);
	igt_assert_eq(zcgem_free_huge_pages(), free_pages);

	close(dmabuf);
	gem_close(dev->other, theirs);
	gem_close(dev->fd, handle);
	munmap(own, size);
	close(memfd);
}

static void test_watch_bad(const struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK);
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = PAGES(8) };
	const uint64_t bad[] = {
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

int igt_main()
{
	igt_fixture()
		open_devices(&all);

	igt_describe("A watched punch frees the pages though nobody touches the object");
	igt_subtest("at-once")
		run_shared(&all, test_watch_at_once);

	igt_describe("A watched punch leaves alone what an importer has pinned");
	igt_subtest("pinned")
		run_shared(&all, test_watch_pinned);

	igt_describe("Of several ranges only those with a watch address are watched");
	igt_subtest("ranges")
		run_shared(&all, test_watch_ranges);

	igt_describe("What does not take pages out of the file costs no eviction and no fault");
	igt_subtest("false-alarms")
		run_shared(&all, test_watch_false_alarms);

	igt_describe("The watch ends with the mapping, and the punch is found by the next user");
	igt_subtest("munmap")
		run_shared(&all, test_watch_munmap);

	igt_describe("The watch ends with its process, the object does not");
	igt_subtest("exit")
		run_shared(&all, test_watch_exit);

	igt_describe("The watch ends when its process becomes another program");
	igt_subtest("exec")
		run_shared(&all, test_watch_exec);

	igt_describe("A watch does not fill holes that were punched into huge pages");
	igt_subtest("fills-nothing")
		run_shared(&all, test_watch_fills_nothing);

	igt_describe("A watch address that is unaligned or wraps around is refused");
	igt_subtest("bad")
		run_shared(&all, test_watch_bad);

	igt_fixture()
		close_devices(&all);
}
