// SPDX-License-Identifier: MIT
/*
 * Objects of memfds hold pages only while somebody needs them: how pages are given
 * back and had again, that nothing is lost over it, and that the rest of the machine
 * gets by beside objects, however large.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_uring.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem residency
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check when objects hold their pages, and that others can live with it.
 *
 * SUBTEST: evict
 * Description: An evicted object holds no page, and each view brings back what it held (class 10).
 *
 * SUBTEST: evict-mapped
 * Description: Eviction takes an object out of all mappings, of other processes too, and they fault it in again (class 12).
 *
 * SUBTEST: evict-hugetlb
 * Description: Objects on huge pages come back as huge pages (class 6).
 *
 * SUBTEST: evict-list
 * Description: 65536 ranges of several memfds come back in list order (class 14).
 *
 * SUBTEST: many-objects
 * Description: Many objects over one memfd have their own pins each (class 10).
 *
 * SUBTEST: evict-refused
 * Description: Memory that cannot be had again is not evicted.
 *
 * SUBTEST: evict-pinned
 * Description: Neither eviction nor revalidation takes pages from an importer that follows no moves.
 *
 * SUBTEST: evict-race
 * Description: Nothing that is written by any view while the object is evicted is lost (class 12).
 *
 * SUBTEST: populate
 * Description: A populated mapping causes no more faults, a populated object is resident.
 *
 * SUBTEST: populate-kinds
 * Description: The same for every kind of memory.
 *
 * SUBTEST: populate-part
 * Description: A part of a mapping is populated by itself.
 *
 * SUBTEST: bad-advice
 * Description: Unknown advice, bad ranges and addresses that are not of the object are refused (class 2).
 *
 * SUBTEST: revalidate
 * Description: After a hole was punched all views move to the file's new pages (class 12).
 *
 * SUBTEST: swappable
 * Description: The memory of an idle object can be swapped out, with what the object has written (class 10, class 12).
 *
 * SUBTEST: shrinker
 * Description: The shrinker evicts idle objects and no others (class 10).
 *
 * SUBTEST: io-uring
 * Description: Others can pin the same memory before, while and after it is an object (class 10).
 *
 * SUBTEST: movable
 * Description: Pages of a memfd leave ZONE_MOVABLE before they are pinned (class 10).
 *
 * SUBTEST: offline
 * Description: Memory can be taken offline beside idle objects (class 10).
 *
 * SUBTEST: cma
 * Description: Pages leave CMA before they are pinned, and CMA can be allocated beside an object (class 10).
 *
 * SUBTEST: huge-object
 * Description: An object of 128 GiB in 65536 huge pages (class 2, class 14).
 *
 * SUBTEST: huge-scattered
 * Description: An object of 17 GiB in pages of 4 KiB (class 2, class 14).
 *
 * SUBTEST: killed
 * Description: A long wrap can be killed and leaves nothing behind (class 14).
 *
 * SUBTEST: allocation-order
 * Description: No allocation for the longest lists is above order 3 (class 14).
 *
 * SUBTEST: pressure
 * Description: A program gets memory that idle objects hold, and the objects keep their contents.
 *
 * SUBTEST: pressure-udmabuf
 * Description: The same program beside udmabuf objects fails, or this machine is no test.
 */

IGT_TEST_DESCRIPTION("Check when objects hold their pages, and that others can live with it");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

static uint64_t pinned_folios(int fd)
{
	struct zcgem_snapshot snap;

	zcgem_take_snapshot(fd, &snap);
	return snap.pinned_folios;
}

static uint64_t evictions(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.evictions;
}

static uint64_t faults(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.faults_pte + info.faults_pmd + info.faults_pud;
}

static bool is_resident(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	if (!(info.flags & DRM_ZCGEM_INFO_RESIDENT)) {
		igt_assert_eq_u64(info.resident, 0);
		igt_assert_eq_u64(info.extents, 0);
		return false;
	}
	igt_assert_eq_u64(info.resident, info.size);
	igt_assert_lt_u64(0, info.extents);
	return true;
}

static void *map_dmabuf(int dmabuf, uint64_t size)
{
	void *map = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);

	igt_assert_f(map != MAP_FAILED, "mmap of a dma-buf: %m\n");
	return map;
}

static void punch(int memfd, uint64_t offset, uint64_t size)
{
	igt_assert_eq(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				offset, size), 0);
}

static void check_zero(const void *map, uint64_t size)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], 0);
}

static void test_evict(int fd)
{
	const uint64_t size = PAGES(70);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	uint64_t before = pinned_folios(fd);
	char *file, *object, *export;
	struct zcgem_snapshot snap;
	struct drm_zcgem_gem_info info;
	uint32_t handle;

	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	igt_assert(is_resident(fd, handle));
	igt_assert_lt_u64(before, pinned_folios(fd));
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_fill(object, size, 1);
	munmap(object, size);

	zcgem_evict(fd, handle, size);
	igt_assert(!is_resident(fd, handle));
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.evictions, 1);
	igt_assert_eq_u64(info.charged, size);
	zcgem_take_snapshot(fd, &snap);
	igt_assert_eq_u64(snap.pinned_folios, before);
	igt_assert_eq_u64(snap.resident_bytes, 0);
	/* nothing is left to evict, and that is no error */
	zcgem_evict(fd, handle, size);
	igt_assert_eq_u64(evictions(fd, handle), 1);

	/* through the file it was there all along; each other view brings it back */
	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(file, size, 1);
	igt_assert(!is_resident(fd, handle));
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check(object, size, 1);
	igt_assert(is_resident(fd, handle));
	munmap(object, size);

	zcgem_evict(fd, handle, size);
	zcgem_fill(file, size, 2);
	dmabuf = zcgem_export(fd, handle);
	export = map_dmabuf(dmabuf, size);
	zcgem_check(export, size, 2);
	igt_assert(is_resident(fd, handle));
	zcgem_check_same(export, file, size);
	munmap(export, size);
	close(dmabuf);

	/* a part stands for the whole */
	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_EVICT, PAGES(3),
				     PAGES(1), NULL), 0);
	igt_assert(!is_resident(fd, handle));
	igt_assert_eq_u64(evictions(fd, handle), 3);
	gem_close(fd, handle);
	munmap(file, size);
	zcgem_release_memfd(memfd);
}

static void test_evict_mapped(int fd)
{
	const uint64_t size = PAGES(1100);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	char *file = zcgem_map_memfd(memfd, 0, size), *object, *export, *reader;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	struct zcgem_line line;
	uint64_t count;

	object = zcgem_mmap(fd, handle, size, RW);
	reader = zcgem_mmap(fd, handle, size, PROT_READ);
	dmabuf = zcgem_export(fd, handle);
	export = map_dmabuf(dmabuf, size);
	zcgem_mark_all(object, size, 1);
	zcgem_check_marks(reader, size, 1);
	zcgem_check_marks(export, size, 1);

	/* and the same mapping in another process */
	zcgem_open_line(&line);
	igt_fork(child, 1) {
		zcgem_take_end(&line, 1);
		zcgem_check_marks(object, size, 1);
		zcgem_say(line.end[1], 0);
		zcgem_hear(line.end[1]);
		zcgem_check_marks(object, size, 2);
		zcgem_mark_all(object, size, 3);
		zcgem_say(line.end[1], 0);
	}
	zcgem_take_end(&line, 0);
	zcgem_hear(line.end[0]);

	count = faults(fd, handle);
	zcgem_evict(fd, handle, size);
	igt_assert(!is_resident(fd, handle));
	/* all gone, for there are pages in the file that nobody here has seen */
	punch(memfd, 0, size);
	zcgem_mark_all(file, size, 2);
	zcgem_say(line.end[0], 0);
	zcgem_hear(line.end[0]);
	igt_waitchildren();
	zcgem_check_marks(reader, size, 3);
	zcgem_check_marks(export, size, 3);
	zcgem_check_marks(object, size, 3);
	zcgem_check_marks(file, size, 3);
	igt_assert_lt_u64(count, faults(fd, handle));
	zcgem_check_same(object, file, size);
	zcgem_check_same(export, file, size);

	zcgem_close_line(&line);
	munmap(export, size);
	munmap(reader, size);
	munmap(object, size);
	munmap(file, size);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_evict_hugetlb(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	struct drm_zcgem_gem_info info;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint64_t round;

	object = zcgem_mmap(fd, handle, size, RW);
	for (round = 0; round < 3; round++) {
		zcgem_mark_all(object, size, round << 32);
		zcgem_evict(fd, handle, size);
		igt_assert(!is_resident(fd, handle));
		zcgem_check_marks(file, size, round << 32);
		zcgem_check_marks(object, size, round << 32);
		zcgem_check_same(file, object, size);
	}
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.evictions, 3);
	igt_assert_eq_u64(info.extents_by_order[9] + info.extents_by_order[10],
			  info.extents);
	/* a leaf again each time, not a table of small entries */
	igt_assert_lte_u64(8, info.faults_pmd);
	igt_assert_eq_u64(info.faults_pte, 0);
	munmap(object, size);
	munmap(file, size);
	close(memfd);
}

#define FILES		3u
#define FILE_PAGES	1024u

/* 65536 ranges of three memfds, in an order that no two neighbours keep. */
static struct drm_zcgem_memfd_range *scattered_ranges(const int *memfds, uint32_t count)
{
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	uint32_t i;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfds[i % FILES],
			.offset = PAGES(i * 709ull % FILE_PAGES),
			.size = PAGES(1),
		};
	return ranges;
}

static void check_scattered(const char *object, uint32_t count, uint64_t value)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		zcgem_check_mark(object, i, value + (i % FILES) * FILE_PAGES +
				 i * 709ull % FILE_PAGES);
}

static void test_evict_list(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges;
	char *files[FILES], *object;
	int memfds[FILES];
	uint32_t handle, i;

	for (i = 0; i < FILES; i++) {
		memfds[i] = zcgem_memfd(PAGES(FILE_PAGES), F_SEAL_SHRINK);
		files[i] = zcgem_map_memfd(memfds[i], 0, PAGES(FILE_PAGES));
		zcgem_mark_all(files[i], PAGES(FILE_PAGES), i * FILE_PAGES);
	}
	ranges = scattered_ranges(memfds, count);
	handle = zcgem_wrap(fd, ranges, count, 0);
	object = zcgem_mmap(fd, handle, PAGES((uint64_t)count), RW);
	check_scattered(object, count, 0);
	zcgem_evict(fd, handle, PAGES((uint64_t)count));
	check_scattered(object, count, 0);
	for (i = 0; i < FILES; i++)
		zcgem_mark_all(files[i], PAGES(FILE_PAGES), (1ull << 32) + i * FILE_PAGES);
	check_scattered(object, count, 1ull << 32);

	munmap(object, PAGES((uint64_t)count));
	gem_close(fd, handle);
	for (i = 0; i < FILES; i++) {
		munmap(files[i], PAGES(FILE_PAGES));
		zcgem_release_memfd(memfds[i]);
	}
	free(ranges);
}

#define OBJECTS	64

static void test_many_objects(int fd)
{
	const uint64_t size = MIB(1);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint64_t before = pinned_folios(fd);
	uint32_t handles[OBJECTS], i;

	zcgem_mark_all(file, size, 1);
	for (i = 0; i < OBJECTS; i++)
		handles[i] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	/* one gone, one evicted, in turn: what is left keeps its own pins */
	for (i = 0; i < OBJECTS - 1; i++) {
		if (i & 1)
			gem_close(fd, handles[i]);
		else
			zcgem_evict(fd, handles[i], size);
	}
	object = zcgem_mmap(fd, handles[OBJECTS - 1], size, RW);
	zcgem_check_marks(object, size, 1);
	zcgem_check_same(object, file, size);
	munmap(object, size);
	zcgem_evict(fd, handles[OBJECTS - 1], size);
	igt_assert_eq_u64(pinned_folios(fd), before);
	for (i = 0; i < OBJECTS; i += 2) {
		object = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_check_same(object, file, size);
		munmap(object, size);
		gem_close(fd, handles[i]);
	}
	gem_close(fd, handles[OBJECTS - 1]);
	munmap(file, size);
	zcgem_release_memfd(memfd);
}

static void test_evict_refused(int fd)
{
	char *user = zcgem_anonymous(PAGES(4)), *object;
	uint32_t handles[3], i;

	handles[0] = zcgem_wrap_address(fd, user, PAGES(4), 0);
	handles[1] = zcgem_create(fd, PAGES(4), 0);
	handles[2] = zcgem_create(fd, PAGES(4), DRM_ZCGEM_CREATE_WC);
	for (i = 0; i < 3; i++) {
		object = zcgem_mmap(fd, handles[i], PAGES(4), RW);
		zcgem_mark_all(object, PAGES(4), 1);
		igt_assert_eq(__zcgem_evict(fd, handles[i], PAGES(4)), -EOPNOTSUPP);
		igt_assert(is_resident(fd, handles[i]));
		igt_assert_eq_u64(evictions(fd, handles[i]), 0);
		zcgem_check_marks(object, PAGES(4), 1);
		munmap(object, PAGES(4));
	}
	zcgem_check_marks(user, PAGES(4), 1);
	munmap(user, PAGES(4));
}

/* vgem follows no moves: where it maps what it imports, that is a pin. */
static void test_evict_pinned(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), vgem, dmabuf;
	struct drm_zcgem_gem_info info;
	uint32_t handle, theirs;
	char *file, *object;

	vgem = __drm_open_driver(DRIVER_VGEM);
	igt_require_f(vgem >= 0, "no vgem device\n");
	file = zcgem_map_memfd(memfd, 0, size);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	dmabuf = zcgem_export(fd, handle);
	theirs = prime_fd_to_handle(vgem, dmabuf);
	zcgem_info(fd, handle, &info);
	if (!info.pins) {
		munmap(file, size);
		gem_close(vgem, theirs);
		gem_close(fd, handle);
		close(dmabuf);
		close(vgem);
		close(memfd);
	}
	igt_require_f(info.pins, "vgem does not map what it imports\n");

	igt_assert_eq(__zcgem_evict(fd, handle, size), -EBUSY);
	igt_assert(is_resident(fd, handle));
	igt_assert_eq_u64(evictions(fd, handle), 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_same(object, file, size);

	/* and punched pages cannot be replaced now */
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
	zcgem_mark_all(file, size, 1);
	punch(memfd, 0, PAGES(1));
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), -EBUSY);
	zcgem_check_marks(object, size, 1);

	gem_close(vgem, theirs);
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
	check_zero(object, PAGES(1));
	zcgem_check_same(object, file, size);
	zcgem_evict(fd, handle, size);
	igt_assert(!is_resident(fd, handle));

	munmap(object, size);
	munmap(file, size);
	close(dmabuf);
	close(vgem);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

struct writers {
	uint64_t *words;
	unsigned int count;
	uint64_t last;
	bool stop;
	bool wrong;
};

/* Counts up in a word of its own in each page, and never finds another value there. */
static void *count_up(void *data)
{
	struct writers *writer = data;
	uint64_t value, page;

	for (value = 1; !__atomic_load_n(&writer->stop, __ATOMIC_RELAXED); value++) {
		for (page = 0; page < writer->count; page++) {
			volatile uint64_t *word = writer->words + page * PAGES(1) / 8;

			if (*word != value - 1)
				writer->wrong = true;
			*word = value;
		}
		writer->last = value;
	}
	return NULL;
}

static void test_evict_race(int fd)
{
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	char *file = zcgem_map_memfd(memfd, 0, size), *object, *export;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	struct writers writers[3] = {};
	pthread_t threads[3];
	unsigned int i, page;

	object = zcgem_mmap(fd, handle, size, RW);
	dmabuf = zcgem_export(fd, handle);
	export = map_dmabuf(dmabuf, size);
	for (i = 0; i < 3; i++) {
		writers[i].words = (uint64_t *)(i ? i == 1 ? export : file : object) + i;
		writers[i].count = size / ZCGEM_PAGE;
		igt_assert_eq(pthread_create(&threads[i], NULL, count_up, &writers[i]), 0);
	}
	for (i = 0; i < 2000; i++) {
		if (__zcgem_evict(fd, handle, size))
			break;
	}
	for (page = 0; page < 3; page++) {
		__atomic_store_n(&writers[page].stop, true, __ATOMIC_RELAXED);
		pthread_join(threads[page], NULL);
	}
	igt_assert_eq(i, 2000);
	zcgem_evict(fd, handle, size);
	for (i = 0; i < 3; i++) {
		igt_assert(!writers[i].wrong);
		for (page = 0; page < size / ZCGEM_PAGE; page++)
			igt_assert_eq_u64(((uint64_t *)(file + PAGES(page)))[i],
					  writers[i].last);
	}
	munmap(export, size);
	munmap(object, size);
	munmap(file, size);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_populate(int fd)
{
	const uint64_t size = PAGES(1500);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	char *object, *reader;
	uint64_t count;

	/* without an address: resident, and no more */
	zcgem_evict(fd, handle, size);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_populate(fd, handle, size, NULL);
	igt_assert(is_resident(fd, handle));
	igt_assert_eq_u64(faults(fd, handle), 0);
	zcgem_mark_all(object, size, 1);
	igt_assert_lt_u64(0, faults(fd, handle));
	munmap(object, size);

	/* with one: every page is there, also to write */
	zcgem_evict(fd, handle, size);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_populate(fd, handle, size, object);
	igt_assert(is_resident(fd, handle));
	count = faults(fd, handle);
	zcgem_check_marks(object, size, 1);
	zcgem_mark_all(object, size, 2);
	igt_assert_eq_u64(faults(fd, handle), count);
	/* again: nothing to do */
	zcgem_populate(fd, handle, size, object);
	zcgem_check_marks(object, size, 2);

	reader = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_populate(fd, handle, size, reader);
	count = faults(fd, handle);
	zcgem_check_marks(reader, size, 2);
	igt_assert_eq_u64(faults(fd, handle), count);
	igt_assert(zcgem_access_faults(reader, true));
	munmap(reader, size);
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_populate_kinds(int fd)
{
	const uint64_t size = ZCGEM_HUGE;
	char *user = zcgem_huge_anonymous(size), *object;
	int memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	uint32_t handles[4], i;
	uint64_t count;

	handles[0] = zcgem_wrap_address(fd, user, size, 0);
	handles[1] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	handles[2] = zcgem_create(fd, size, 0);
	handles[3] = zcgem_create(fd, size, DRM_ZCGEM_CREATE_WC);
	for (i = 0; i < 4; i++) {
		igt_assert_eq(is_resident(fd, handles[i]), i < 2);
		object = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_populate(fd, handles[i], size, object);
		igt_assert(is_resident(fd, handles[i]));
		count = faults(fd, handles[i]);
		zcgem_mark_all(object, size, 1);
		zcgem_check_marks(object, size, 1);
		igt_assert_eq_u64(faults(fd, handles[i]), count);
		munmap(object, size);
	}
	munmap(user, size);
	close(memfd);
}

static void test_populate_part(int fd)
{
	const uint64_t size = 4 * ZCGEM_HUGE, part = ZCGEM_HUGE;
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	char *object = zcgem_mmap(fd, handle, size, RW);
	uint64_t count;

	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_POPULATE, part, part,
				     object + part), 0);
	count = faults(fd, handle);
	zcgem_mark_all(object + part, part, 1);
	igt_assert_eq_u64(faults(fd, handle), count);
	/* what was not asked for was not filled: it is two tables away */
	zcgem_mark_all(object + 3 * part, part, 1);
	igt_assert_lt_u64(count, faults(fd, handle));
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void expect_advice(int fd, uint32_t handle, uint32_t advice, uint64_t offset,
			  uint64_t size, const void *address, int err)
{
	int ret = __zcgem_advise(fd, handle, advice, offset, size, address);

	igt_assert_f(ret == err, "advice %u offset %#" PRIx64 " size %#" PRIx64
		     " address %p: %d, expected %d\n", advice, offset, size, address, ret,
		     err);
}

static void test_bad_advice(int fd)
{
	const uint32_t all[] = {
		DRM_ZCGEM_ADVICE_POPULATE,
		DRM_ZCGEM_ADVICE_EVICT,
		DRM_ZCGEM_ADVICE_REVALIDATE,
	};
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0), i;
	uint32_t other = zcgem_create(fd, size, 0);
	char *object = zcgem_mmap(fd, handle, size, RW);
	char *another = zcgem_mmap(fd, other, size, RW);
	char *file = zcgem_map_memfd(memfd, 0, size);

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		expect_advice(fd, handle, all[i], 0, 0, NULL, -EINVAL);
		expect_advice(fd, handle, all[i], 0, 1, NULL, -EINVAL);
		expect_advice(fd, handle, all[i], 0, size + 1, NULL, -EINVAL);
		expect_advice(fd, handle, all[i], 8, PAGES(1), NULL, -EINVAL);
		expect_advice(fd, handle, all[i], 0, size + PAGES(1), NULL, -EINVAL);
		expect_advice(fd, handle, all[i], size, PAGES(1), NULL, -EINVAL);
		expect_advice(fd, handle, all[i], PAGES(1), size, NULL, -EINVAL);
		expect_advice(fd, handle, all[i], -PAGES(1), PAGES(1), NULL, -EINVAL);
		expect_advice(fd, handle, all[i], -PAGES(1), PAGES(2), NULL, -EINVAL);
		expect_advice(fd, handle, all[i], PAGES(1), -PAGES(1), NULL, -EINVAL);
		expect_advice(fd, 0, all[i], 0, size, NULL, -ENOENT);
		expect_advice(fd, 0x7fffffff, all[i], 0, size, NULL, -ENOENT);
	}
	for (i = DRM_ZCGEM_ADVICE_REVALIDATE + 1; i < 32; i++)
		expect_advice(fd, handle, i, 0, size, NULL, -EINVAL);
	expect_advice(fd, handle, 0xffffffff, 0, size, NULL, -EINVAL);

	/* an address is for populate */
	expect_advice(fd, handle, DRM_ZCGEM_ADVICE_EVICT, 0, size, object, -EINVAL);
	expect_advice(fd, handle, DRM_ZCGEM_ADVICE_REVALIDATE, 0, size, object, -EINVAL);
	/* and must be where this part of this object is */
	expect_advice(fd, handle, 0, 0, size, object + 8, -EINVAL);
	expect_advice(fd, handle, 0, 0, PAGES(1), object + PAGES(1), -EINVAL);
	expect_advice(fd, handle, 0, PAGES(1), PAGES(1), object, -EINVAL);
	expect_advice(fd, handle, 0, 0, size, another, -EINVAL);
	expect_advice(fd, handle, 0, 0, size, file, -EINVAL);
	expect_advice(fd, handle, 0, 0, size, (void *)-4096l, -EINVAL);
	expect_advice(fd, handle, 0, 0, size, (void *)0xffff888000000000, -EINVAL);
	munmap(object + PAGES(4), PAGES(4));
	expect_advice(fd, handle, 0, 0, size, object, -EINVAL);
	expect_advice(fd, handle, 0, 0, PAGES(4), object, 0);

	munmap(file, size);
	munmap(another, size);
	munmap(object, PAGES(4));
	gem_close(fd, other);
	gem_close(fd, handle);
	close(memfd);
}

static void test_revalidate(int fd)
{
	const uint64_t size = PAGES(600);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	char *file = zcgem_map_memfd(memfd, 0, size), *object, *export;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);

	object = zcgem_mmap(fd, handle, size, RW);
	dmabuf = zcgem_export(fd, handle);
	export = map_dmabuf(dmabuf, size);
	zcgem_mark_all(object, size, 1);
	zcgem_check_marks(export, size, 1);
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
	zcgem_check_same(object, file, size);

	/* pages in the middle, mapped or not, are seen by all views afterwards */
	zcgem_mark_all(file, size, 1);
	punch(memfd, PAGES(3), PAGES(2));
	punch(memfd, PAGES(590), PAGES(1));
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
	check_zero(object + PAGES(3), PAGES(2));
	check_zero(export + PAGES(590), PAGES(1));
	zcgem_check_mark(object, 2, 3);
	zcgem_check_mark(export, 5, 6);
	zcgem_check_same(object, file, size);
	zcgem_check_same(export, file, size);

	/* only the range that is asked for need be looked at, and one page is enough */
	punch(memfd, PAGES(599), PAGES(1));
	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_REVALIDATE, PAGES(599),
				     PAGES(1), NULL), 0);
	check_zero(object + PAGES(599), PAGES(1));
	zcgem_check_same(object, file, size);

	/* all of it, and evicted: then there is nothing to compare with */
	zcgem_evict(fd, handle, size);
	punch(memfd, 0, size);
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
	check_zero(object, size);
	zcgem_check_same(object, file, size);

	munmap(export, size);
	munmap(object, size);
	munmap(file, size);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static uint64_t pages_in_core(void *map, uint64_t size)
{
	unsigned char *core = malloc(size / ZCGEM_PAGE);
	uint64_t i, count = 0;

	igt_assert(core && !mincore(map, size, core));
	for (i = 0; i < size / ZCGEM_PAGE; i++)
		count += core[i] & 1;
	free(core);
	return count;
}

static void test_swappable(int fd)
{
	const uint64_t size = MIB(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint32_t handle;

	zcgem_require_swap(MIB(64));
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_mark_all(object, size, 1);
	zcgem_check_marks(file, size, 1);

	/* in use: not one page may go */
	igt_require(zcgem_page_out(file, size));
	igt_assert_eq_u64(pages_in_core(file, size), size / ZCGEM_PAGE);
	zcgem_check_same(object, file, size);

	/* written through the object last, by nothing that reclaim can see */
	zcgem_mark_all(object, size, 2);
	zcgem_evict(fd, handle, size);
	zcgem_check_marks(file, size, 2);
	igt_assert(zcgem_page_out(file, size));
	igt_assert_lt_u64(pages_in_core(file, size), size / ZCGEM_PAGE / 4);
	zcgem_check_marks(object, size, 2);
	zcgem_check_same(object, file, size);

	munmap(object, size);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

/* Shrinkers run when caches are dropped as they do when memory is short. */
static void test_shrinker(int fd)
{
	const uint64_t size = PAGES(64);
	uint32_t idle[8], mapped, exported, untouched, i;
	uint64_t before = pinned_folios(fd);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	char *file = zcgem_map_memfd(memfd, 0, size), *object, *user;

	zcgem_mark_all(file, size, 1);
	for (i = 0; i < ARRAY_SIZE(idle); i++)
		idle[i] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	mapped = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	object = zcgem_mmap(fd, mapped, size, RW);
	zcgem_check_marks(object, size, 1);
	/* a dma-buf by itself is no use of the memory */
	exported = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	dmabuf = zcgem_export(fd, exported);
	user = zcgem_anonymous(size);
	untouched = zcgem_wrap_address(fd, user, size, 0);

	igt_require_f(__zcgem_write_setting("/proc/sys/vm/drop_caches", "2"),
		      "cannot drop caches: %m\n");
	for (i = 0; i < ARRAY_SIZE(idle); i++) {
		igt_assert(!is_resident(fd, idle[i]));
		igt_assert_eq_u64(evictions(fd, idle[i]), 1);
	}
	igt_assert(!is_resident(fd, exported));
	igt_assert(is_resident(fd, mapped));
	igt_assert_eq_u64(evictions(fd, mapped), 0);
	igt_assert(is_resident(fd, untouched));
	zcgem_check_same(object, file, size);

	munmap(object, size);
	igt_assert(__zcgem_write_setting("/proc/sys/vm/drop_caches", "2"));
	igt_assert(!is_resident(fd, mapped));
	igt_assert_eq_u64(pinned_folios(fd), before + size / ZCGEM_PAGE);
	object = zcgem_mmap(fd, idle[3], size, RW);
	zcgem_check_same(object, file, size);

	munmap(object, size);
	munmap(user, size);
	munmap(file, size);
	close(dmabuf);
	close(memfd);
}

static void test_uring(int fd)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), source = zcgem_memfd(size, 0);
	char *file = zcgem_map_memfd(memfd, 0, size), *text, *object;
	struct zcgem_uring ring;
	uint32_t handle;

	zcgem_uring_open(&ring);
	text = zcgem_map_memfd(source, 0, size);

	/* before: what is pinned by another can be wrapped */
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_fill(text, size, 1);
	igt_assert_eq(zcgem_uring_read(&ring, source, file, size), size);
	zcgem_check(object, size, 1);
	zcgem_uring_unregister(&ring);
	zcgem_check_same(object, file, size);

	/* while: and what is wrapped can be pinned by another, evicted or not */
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_evict(fd, handle, size);
	zcgem_fill(text, size, 2);
	igt_assert_eq(zcgem_uring_read(&ring, source, file, size), size);
	zcgem_check(object, size, 2);
	zcgem_uring_unregister(&ring);
	zcgem_evict(fd, handle, size);
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_check_same(object, file, size);

	/* after */
	munmap(object, size);
	gem_close(fd, handle);
	zcgem_fill(text, size, 3);
	igt_assert_eq(zcgem_uring_read(&ring, source, file, size), size);
	zcgem_check(file, size, 3);
	zcgem_uring_unregister(&ring);
	igt_assert_eq(__zcgem_uring_register(&ring, file, size), 0);
	zcgem_uring_unregister(&ring);
	zcgem_uring_close(&ring);
	munmap(text, size);
	munmap(file, size);
	close(source);
	zcgem_release_memfd(memfd);
}

static void test_movable(int fd)
{
	const uint64_t size = MIB(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint64_t before;
	uint32_t handle;

	zcgem_require_movable_zone();
	zcgem_mark_all(file, size, 1);
	before = zcgem_count_movable(file, size);
	igt_require_f(before, "none of the test's pages are in ZONE_MOVABLE\n");
	igt_info("%" PRIu64 " of %llu pages were in ZONE_MOVABLE\n", before,
		 size / ZCGEM_PAGE);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	zcgem_check_marks(file, size, 1);
	igt_assert_eq_u64(zcgem_count_movable(file, size), 0);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, size, 1);
	zcgem_check_same(object, file, size);
	munmap(object, size);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

#define BLOCKS	"/sys/devices/system/memory"

static bool block_is(unsigned int block, const char *file, const char *word)
{
	char path[128], value[128];

	snprintf(path, sizeof(path), BLOCKS "/memory%u/%s", block, file);
	return zcgem_read_setting(path, value, sizeof(value)) && strstr(value, word);
}

static bool set_block(unsigned int block, const char *state)
{
	char path[128];

	snprintf(path, sizeof(path), BLOCKS "/memory%u/state", block);
	return __zcgem_write_setting(path, state);
}

static void online_all(int sig)
{
	unsigned int block;

	(void)sig;
	for (block = 0; block < 256; block++) {
		if (block_is(block, "state", "offline"))
			set_block(block, "online_movable");
	}
}

/* Takes every block of ZONE_MOVABLE away, and gives it back. */
static unsigned int offline_movable(void)
{
	unsigned int block, count = 0;

	for (block = 0; block < 256; block++) {
		if (!block_is(block, "state", "online") ||
		    !block_is(block, "valid_zones", "Movable"))
			continue;
		if (set_block(block, "offline"))
			count++;
		else	/* one that has holes, like the last one, cannot be for that reason */
			igt_assert_f(errno == EINVAL, "memory block %u: %m\n", block);
	}
	online_all(0);
	return count;
}

static void test_offline(int fd)
{
	const uint64_t size = MIB(16);
	int memfds[2] = {
		zcgem_memfd(size, F_SEAL_SHRINK), zcgem_memfd(size, F_SEAL_SHRINK),
	};
	char *files[2], *object;
	uint32_t handles[2], i;

	zcgem_require_movable_zone();
	igt_install_exit_handler(online_all);
	zcgem_require_swap(MIB(128));
	for (i = 0; i < 2; i++) {
		files[i] = zcgem_map_memfd(memfds[i], 0, size);
		zcgem_mark_all(files[i], size, i + 1);
		igt_require_f(zcgem_count_movable(files[i], size),
			      "none of the test's pages are in ZONE_MOVABLE\n");
		handles[i] = zcgem_wrap_memfd(fd, memfds[i], 0, size, 0);
	}
	/* one idle and resident, one evicted, whose pages went and came back there */
	zcgem_evict(fd, handles[1], size);
	igt_require(zcgem_page_out(files[1], size));
	zcgem_check_marks(files[1], size, 2);
	igt_info("%" PRIu64 " pages of an evicted object are in ZONE_MOVABLE\n",
		 zcgem_count_movable(files[1], size));
	igt_assert_lt_u64(0, zcgem_count_movable(files[1], size));

	i = offline_movable();
	igt_require_f(i, "no block of memory can be taken offline\n");
	igt_info("%u blocks of memory were taken offline\n", i);
	for (i = 0; i < 2; i++) {
		object = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_check_marks(object, size, i + 1);
		zcgem_check_same(object, files[i], size);
		munmap(object, size);
	}
	/* both resident now, and still nothing that is in the way */
	igt_assert_lt_u64(0, offline_movable());
	for (i = 0; i < 2; i++) {
		munmap(files[i], size);
		gem_close(fd, handles[i]);
		zcgem_release_memfd(memfds[i]);
	}
}

#define GIGANTIC	"/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages"

/* hugetlb_cma= makes pages of 1 GiB come from CMA: a program can allocate there. */
static void test_cma(int fd)
{
	const uint64_t size = MIB(32);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint64_t borrowed, idle;
	uint32_t handle;

	igt_require_f(!access("/sys/kernel/mm/cma/hugetlb0", F_OK) &&
		      !access(GIGANTIC, W_OK),
		      "no CMA for huge pages: boot with hugetlb_cma=1G\n");
	idle = zcgem_read_key("/proc/meminfo", "CmaFree");
	zcgem_mark_all(file, size, 1);
	borrowed = idle - zcgem_read_key("/proc/meminfo", "CmaFree");
	igt_info("%" PRIu64 " KiB are in CMA\n", borrowed);
	igt_require_f(borrowed > size / 1024 / 2 && borrowed <= idle,
		      "the test's pages are not in CMA\n");

	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	igt_assert_lt_u64(idle - borrowed / 4, zcgem_read_key("/proc/meminfo", "CmaFree"));
	zcgem_check_marks(file, size, 1);
	/* only if every single page of CMA can be had */
	zcgem_change_setting(GIGANTIC, "1");
	igt_assert_eq_u64(zcgem_read_number(GIGANTIC), 1);
	igt_assert(is_resident(fd, handle));
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, size, 1);
	zcgem_check_same(object, file, size);
	zcgem_restore_settings();
	munmap(object, size);
	munmap(file, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

/* One huge page, listed so often that offsets need more than 32 bits, in bytes and pages. */
static void test_huge_object(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint64_t size = count * ZCGEM_HUGE;
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd_hugetlb(ZCGEM_HUGE, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, ZCGEM_HUGE), *object;
	struct drm_zcgem_gem_info info;
	uint32_t handle, i;
	uint64_t at;
	int dmabuf;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = memfd, .size = ZCGEM_HUGE,
		};
	handle = zcgem_wrap(fd, ranges, count, 0);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.size, 128ull << 30);
	igt_assert_eq_u64(info.resident, size);
	igt_assert_eq_u64(info.charged, size);
	igt_assert_eq_u64(info.extents, count);

	zcgem_mark_all(file, ZCGEM_HUGE, 1);
	object = zcgem_mmap(fd, handle, size, RW);
	for (at = ZCGEM_HUGE; at <= size; at *= 2) {
		zcgem_check_marks(object + at - PAGES(3), PAGES(3), 510);
		if (at < size)
			zcgem_check_marks(object + at, PAGES(3), 1);
	}
	munmap(object, size);
	/* a window far inside */
	dmabuf = zcgem_export(fd, handle);
	object = mmap(NULL, ZCGEM_HUGE, RW, MAP_SHARED, dmabuf, size - 2 * ZCGEM_HUGE);
	igt_assert(object != MAP_FAILED);
	zcgem_check_same(object, file, ZCGEM_HUGE);
	munmap(object, ZCGEM_HUGE);
	close(dmabuf);
	zcgem_evict(fd, handle, size);
	igt_assert(!is_resident(fd, handle));
	gem_close(fd, handle);
	munmap(file, ZCGEM_HUGE);
	free(ranges);
	close(memfd);
}

/* 17 GiB of 4 KiB pages: one megabyte of file, over and over. */
static void test_huge_scattered(int fd)
{
	const uint64_t part = MIB(1), size = 17ull << 30;
	const uint32_t count = size / part;
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd(part, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, part), *object;
	uint32_t handle, i;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) { .fd = memfd, .size = part };
	handle = zcgem_wrap(fd, ranges, count, 0);
	zcgem_mark_all(file, part, 1);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check_marks(object, part, 1);
	zcgem_check_marks(object + size - part, part, 1);
	zcgem_check_same(object + (16ull << 30), file, part);
	munmap(object, size);
	gem_close(fd, handle);
	munmap(file, part);
	free(ranges);
	zcgem_release_memfd(memfd);
}

static uint64_t pins_taken(void)
{
	return zcgem_read_key("/proc/vmstat", "nr_foll_pin_acquired");
}

/*
 * A wrap that takes very many pins is killed once it has begun. That it did not go
 * on to its end is seen by the pins: the kernel counts each one that is taken.
 */
static void test_killed(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	const uint64_t part = MIB(1), pages = count * (part / ZCGEM_PAGE);
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int memfd = zcgem_memfd(part, F_SEAL_SHRINK), status;
	struct zcgem_snapshot before;
	uint64_t start, taken;
	uint32_t handle, i;
	pid_t child;

	igt_assert(ranges);
	for (i = 0; i < count; i++)
		ranges[i] = (struct drm_zcgem_memfd_range) { .fd = memfd, .size = part };
	zcgem_take_snapshot(fd, &before);
	start = pins_taken();

	child = fork();
	if (!child) {
		__zcgem_wrap(fd, ranges, count, 0, &handle);
		_exit(1);
	}
	igt_assert(child > 0);
	while (pins_taken() < start + 20000 && !waitpid(child, &status, WNOHANG))
		sched_yield();
	igt_assert_eq(kill(child, SIGKILL), 0);
	igt_assert_eq(waitpid(child, &status, 0), child);
	igt_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

	taken = pins_taken() - start;
	igt_info("killed after %" PRIu64 " of %" PRIu64 " pins\n", taken, pages);
	igt_assert_lt_u64(taken, pages / 2);
	zcgem_check_leaks(fd, &before);
	free(ranges);
	zcgem_release_memfd(memfd);
}

#define TRACING	"/sys/kernel/tracing/instances/igt-zcgem"

static void end_tracing(int sig)
{
	(void)sig;
	__zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/enable", "0");
	rmdir(TRACING);
}

/* However many ranges, extents and entries there are, no table of them is large. */
static void test_allocation_order(int fd)
{
	const uint32_t count = zcgem_get_param(fd, DRM_ZCGEM_PARAM_MAX_RANGES);
	struct drm_zcgem_memfd_range *ranges;
	struct drm_zcgem_userptr_range *addresses = calloc(count, sizeof(*addresses));
	char *files[FILES], line[512], pid[16], *user, *object;
	uint32_t handles[2], i, large = 0;
	int memfds[FILES], dmabuf;
	FILE *trace;

	igt_require_f(!mkdir(TRACING, 0700), "no trace of allocations: %m\n");
	igt_install_exit_handler(end_tracing);
	igt_assert(addresses);
	user = zcgem_anonymous(PAGES(FILE_PAGES));
	zcgem_mark_all(user, PAGES(FILE_PAGES), 1);
	for (i = 0; i < count; i++)
		addresses[i] = (struct drm_zcgem_userptr_range) {
			.address = (uintptr_t)user + PAGES(i * 709ull % FILE_PAGES),
			.size = PAGES(1),
		};
	for (i = 0; i < FILES; i++) {
		memfds[i] = zcgem_memfd(PAGES(FILE_PAGES), F_SEAL_SHRINK);
		files[i] = zcgem_map_memfd(memfds[i], 0, PAGES(FILE_PAGES));
		zcgem_mark_all(files[i], PAGES(FILE_PAGES), 1);
	}
	ranges = scattered_ranges(memfds, count);

	snprintf(pid, sizeof(pid), "%d", getpid());
	igt_require(__zcgem_write_setting(TRACING "/set_event_pid", pid) &&
		    __zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/filter",
					  "order > 3") &&
		    __zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/enable",
					  "1"));
	handles[0] = zcgem_wrap(fd, ranges, count, 0);
	handles[1] = zcgem_wrap_userptr(fd, addresses, count, 0);
	zcgem_evict(fd, handles[0], PAGES((uint64_t)count));
	for (i = 0; i < 2; i++) {
		object = zcgem_mmap(fd, handles[i], PAGES((uint64_t)count), RW);
		zcgem_populate(fd, handles[i], PAGES((uint64_t)count), object);
		munmap(object, PAGES((uint64_t)count));
		dmabuf = zcgem_export(fd, handles[i]);
		close(dmabuf);
		gem_close(fd, handles[i]);
	}
	__zcgem_write_setting(TRACING "/events/kmem/mm_page_alloc/enable", "0");

	trace = fopen(TRACING "/trace", "r");
	igt_assert(trace);
	while (fgets(line, sizeof(line), trace)) {
		/* vmalloc() takes large blocks that lie ready, but can do without */
		if (!strstr(line, "mm_page_alloc:") || strstr(line, "=GFP_NOWAIT|"))
			continue;
		igt_info("%s", line);
		large++;
	}
	fclose(trace);
	end_tracing(0);
	igt_assert_eq(large, 0);

	for (i = 0; i < FILES; i++) {
		munmap(files[i], PAGES(FILE_PAGES));
		zcgem_release_memfd(memfds[i]);
	}
	munmap(user, PAGES(FILE_PAGES));
	free(addresses);
	free(ranges);
}

#define BIG_OBJECTS	8
#define BIG_SIZE	MIB(128)
#define TOUCHED		MIB(1024)

/* One value all over each page, which zram packs into nothing. */
static void fill_pages(uint64_t *words, uint64_t size, uint64_t seed)
{
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		words[i] = seed + i / (ZCGEM_PAGE / sizeof(*words));
}

static uint64_t count_bad_pages(const uint64_t *words, uint64_t size, uint64_t seed)
{
	const uint64_t each = ZCGEM_PAGE / sizeof(*words);
	uint64_t page, i, bad = 0;

	for (page = 0; page < size / ZCGEM_PAGE; page++) {
		for (i = 0; i < each && words[page * each + i] == seed + page; i++)
			;
		bad += i < each;
	}
	return bad;
}

/*
 * A program that touches 1 GiB and cannot be swapped out itself, or there would be room
 * for it beside anything. Returns how it ended, as waitpid() says.
 */
static int run_program(void)
{
	int status;
	pid_t child = fork();

	if (!child) {
		uint64_t *memory;

		/* it, and not the test, is who is killed */
		__zcgem_write_setting("/proc/self/oom_score_adj", "1000");
		memory = mmap(NULL, TOUCHED, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED || mlock2(memory, TOUCHED, MLOCK_ONFAULT))
			_exit(1);
		fill_pages(memory, TOUCHED, 7ull << 40);
		_exit(count_bad_pages(memory, TOUCHED, 7ull << 40) ? 2 : 0);
	}
	igt_assert(child > 0);
	igt_assert_eq(waitpid(child, &status, 0), child);
	return status;
}

static void make_big_memfds(int *memfds)
{
	unsigned int i;

	for (i = 0; i < BIG_OBJECTS; i++) {
		uint64_t *file;

		memfds[i] = zcgem_memfd(BIG_SIZE, F_SEAL_SHRINK);
		file = zcgem_map_memfd(memfds[i], 0, BIG_SIZE);
		fill_pages(file, BIG_SIZE, (uint64_t)(i + 1) << 40);
		munmap(file, BIG_SIZE);
	}
}

static void require_tight_machine(void)
{
	uint64_t total = zcgem_read_key("/proc/meminfo", "MemTotal") * 1024;

	igt_require_f(total > MIB(1200) && total < MIB(1700),
		      "this needs a machine of 1.5 GiB, for lack of memory\n");
	zcgem_require_swap(MIB(3072));
}

static void print_figures(const char *what, int status, uint64_t swapped)
{
	igt_info("%s: 8 objects of 128 MiB idle, a program touches 1024 MiB: %s (%d), %" PRIu64
		 " MiB in swap\n", what,
		 WIFSIGNALED(status) ? "killed by signal" : "exits",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		 swapped / 1024);
}

static uint64_t swap_used(void)
{
	return zcgem_read_key("/proc/meminfo", "SwapTotal") -
	       zcgem_read_key("/proc/meminfo", "SwapFree");
}

static void test_pressure(int fd)
{
	int memfds[BIG_OBJECTS], status;
	uint32_t handles[BIG_OBJECTS];
	uint64_t bad = 0, evicted = 0;
	unsigned int i;

	require_tight_machine();
	make_big_memfds(memfds);
	for (i = 0; i < BIG_OBJECTS; i++)
		handles[i] = zcgem_wrap_memfd(fd, memfds[i], 0, BIG_SIZE, 0);

	status = run_program();
	print_figures("zcgem", status, swap_used());
	for (i = 0; i < BIG_OBJECTS; i++) {
		uint64_t *object;

		evicted += evictions(fd, handles[i]);
		object = zcgem_mmap(fd, handles[i], BIG_SIZE, PROT_READ);
		bad += count_bad_pages(object, BIG_SIZE, (uint64_t)(i + 1) << 40);
		munmap(object, BIG_SIZE);
		gem_close(fd, handles[i]);
		zcgem_release_memfd(memfds[i]);
	}
	igt_info("zcgem: %" PRIu64 " evictions, %" PRIu64 " pages with wrong contents\n",
		 evicted, bad);
	igt_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	igt_assert_lt_u64(0, evicted);
	igt_assert_eq_u64(bad, 0);
}

/* What the machine is like without zcgem: if this passes, pressure proves nothing. */
static void test_pressure_udmabuf(int fd)
{
	char *limit = "/sys/module/udmabuf/parameters/size_limit_mb";
	int memfds[BIG_OBJECTS], dmabufs[BIG_OBJECTS], device, status;
	unsigned int i;

	(void)fd;
	require_tight_machine();
	device = open("/dev/udmabuf", O_RDWR);
	igt_require_f(device >= 0, "no /dev/udmabuf\n");
	zcgem_change_setting(limit, "256");
	make_big_memfds(memfds);
	for (i = 0; i < BIG_OBJECTS; i++) {
		struct udmabuf_create create = {
			.memfd = memfds[i], .size = BIG_SIZE,
		};

		dmabufs[i] = ioctl(device, UDMABUF_CREATE, &create);
		igt_assert_f(dmabufs[i] >= 0, "udmabuf of 128 MiB: %m\n");
	}
	status = run_program();
	print_figures("udmabuf", status, swap_used());
	for (i = 0; i < BIG_OBJECTS; i++) {
		close(dmabufs[i]);
		zcgem_release_memfd(memfds[i]);
	}
	close(device);
	zcgem_restore_settings();
	igt_assert(!WIFEXITED(status) || WEXITSTATUS(status));
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("An evicted object holds no page, and each view brings back what it held (class 10)");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("Eviction takes an object out of all mappings, of other processes too, and they fault it in again (class 12)");
	igt_subtest("evict-mapped")
		zcgem_run_counted(fd, test_evict_mapped);

	igt_describe("Objects on huge pages come back as huge pages (class 6)");
	igt_subtest("evict-hugetlb")
		zcgem_run_counted(fd, test_evict_hugetlb);

	igt_describe("65536 ranges of several memfds come back in list order (class 14)");
	igt_subtest("evict-list")
		zcgem_run_counted(fd, test_evict_list);

	igt_describe("Many objects over one memfd have their own pins each (class 10)");
	igt_subtest("many-objects")
		zcgem_run_counted(fd, test_many_objects);

	igt_describe("Memory that cannot be had again is not evicted");
	igt_subtest("evict-refused")
		zcgem_run_counted(fd, test_evict_refused);

	igt_describe("Neither eviction nor revalidation takes pages from an importer that follows no moves");
	igt_subtest("evict-pinned")
		zcgem_run_counted(fd, test_evict_pinned);

	igt_describe("Nothing that is written by any view while the object is evicted is lost (class 12)");
	igt_subtest("evict-race")
		zcgem_run_counted(fd, test_evict_race);

	igt_describe("A populated mapping causes no more faults, a populated object is resident");
	igt_subtest("populate")
		zcgem_run_counted(fd, test_populate);

	igt_describe("The same for every kind of memory");
	igt_subtest("populate-kinds")
		zcgem_run_counted(fd, test_populate_kinds);

	igt_describe("A part of a mapping is populated by itself");
	igt_subtest("populate-part")
		zcgem_run_counted(fd, test_populate_part);

	igt_describe("Unknown advice, bad ranges and addresses that are not of the object are refused (class 2)");
	igt_subtest("bad-advice")
		zcgem_run_refused(fd, test_bad_advice);

	igt_describe("After a hole was punched all views move to the file's new pages (class 12)");
	igt_subtest("revalidate")
		zcgem_run_counted(fd, test_revalidate);

	igt_describe("The memory of an idle object can be swapped out, with what the object has written (class 10, class 12)");
	igt_subtest("swappable")
		zcgem_run_counted(fd, test_swappable);

	igt_describe("The shrinker evicts idle objects and no others (class 10)");
	igt_subtest("shrinker")
		zcgem_run_counted(fd, test_shrinker);

	igt_describe("Others can pin the same memory before, while and after it is an object (class 10)");
	igt_subtest("io-uring")
		zcgem_run_counted(fd, test_uring);

	igt_describe("Pages of a memfd leave ZONE_MOVABLE before they are pinned (class 10)");
	igt_subtest("movable")
		zcgem_run_counted(fd, test_movable);

	igt_describe("Memory can be taken offline beside idle objects (class 10)");
	igt_subtest("offline")
		zcgem_run_counted(fd, test_offline);

	igt_describe("Pages leave CMA before they are pinned, and CMA can be allocated beside an object (class 10)");
	igt_subtest("cma")
		zcgem_run_counted(fd, test_cma);

	igt_describe("An object of 128 GiB in 65536 huge pages (class 2, class 14)");
	igt_subtest("huge-object")
		zcgem_run_counted(fd, test_huge_object);

	igt_describe("An object of 17 GiB in pages of 4 KiB (class 2, class 14)");
	igt_subtest("huge-scattered")
		zcgem_run_counted(fd, test_huge_scattered);

	igt_describe("A long wrap can be killed and leaves nothing behind (class 14)");
	igt_subtest("killed")
		zcgem_run_counted(fd, test_killed);

	igt_describe("No allocation for the longest lists is above order 3 (class 14)");
	igt_subtest("allocation-order")
		zcgem_run_counted(fd, test_allocation_order);

	igt_describe("A program gets memory that idle objects hold, and the objects keep their contents");
	igt_subtest("pressure")
		zcgem_run_counted(fd, test_pressure);

	igt_describe("The same program beside udmabuf objects fails, or this machine is no test");
	igt_subtest("pressure-udmabuf")
		zcgem_run_counted(fd, test_pressure_udmabuf);

	igt_fixture()
		drm_close_driver(fd);
}
