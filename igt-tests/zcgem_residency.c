// SPDX-License-Identifier: MIT
/*
 * Objects of memfds hold pages only while somebody needs them: how pages are given
 * back and had again by advice, and that nothing is lost over it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#include "igt.h"
#include "igt_leaves.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem residency
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check when objects hold their pages.
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
 */

IGT_TEST_DESCRIPTION("Check when objects hold their pages");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

static uint64_t faults(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.faults_pte + info.faults_pmd + info.faults_pud;
}

static void test_evict(int fd)
{
	const uint64_t size = PAGES(70);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	uint64_t before = zcgem_pinned_folios(fd);
	char *file, *object, *export;
	struct zcgem_snapshot snap;
	struct drm_zcgem_gem_info info;
	uint32_t handle;

	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	igt_assert(zcgem_is_resident(fd, handle));
	igt_assert_lt_u64(before, zcgem_pinned_folios(fd));
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_fill(object, size, 1);
	munmap(object, size);

	zcgem_evict(fd, handle, size);
	igt_assert(!zcgem_is_resident(fd, handle));
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.evictions, 1);
	igt_assert_eq_u64(info.charged, 0);
	zcgem_take_snapshot(fd, &snap);
	igt_assert_eq_u64(snap.pinned_folios, before);
	igt_assert_eq_u64(snap.resident_bytes, 0);
	/* nothing is left to evict, and that is no error */
	zcgem_evict(fd, handle, size);
	igt_assert_eq_u64(zcgem_evictions(fd, handle), 1);

	/* through the file it was there all along; each other view brings it back */
	file = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(file, size, 1);
	igt_assert(!zcgem_is_resident(fd, handle));
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_check(object, size, 1);
	igt_assert(zcgem_is_resident(fd, handle));
	munmap(object, size);

	zcgem_evict(fd, handle, size);
	zcgem_fill(file, size, 2);
	dmabuf = zcgem_export(fd, handle);
	export = map_dmabuf(dmabuf, size);
	zcgem_check(export, size, 2);
	igt_assert(zcgem_is_resident(fd, handle));
	zcgem_check_same(export, file, size);
	munmap(export, size);
	close(dmabuf);

	/* a part stands for the whole */
	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_EVICT, PAGES(3),
				     PAGES(1), NULL), 0);
	igt_assert(!zcgem_is_resident(fd, handle));
	igt_assert_eq_u64(zcgem_evictions(fd, handle), 3);
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
	igt_assert(!zcgem_is_resident(fd, handle));
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
		igt_assert(!zcgem_is_resident(fd, handle));
		zcgem_check_marks(file, size, round << 32);
		zcgem_check_marks(object, size, round << 32);
		zcgem_check_same(file, object, size);
	}
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.evictions, 3);
	igt_assert_eq_u64(info.extents_by_order[ZCGEM_HUGE_ORDER] +
			  info.extents_by_order[ZCGEM_HUGE_ORDER + 1],
			  info.extents);
	/* a leaf again each time, not a table of small entries */
	if (has_large_leaves()) {
		igt_assert_lte_u64(8, info.faults_pmd);
		igt_assert_eq_u64(info.faults_pte, 0);
	}
	munmap(object, size);
	munmap(file, size);
	close(memfd);
}

#define OBJECTS	64

static void test_many_objects(int fd)
{
	const uint64_t size = MIB(1);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	char *file = zcgem_map_memfd(memfd, 0, size), *object;
	uint64_t before = zcgem_pinned_folios(fd);
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
	igt_assert_eq_u64(zcgem_pinned_folios(fd), before);
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
	uint32_t handle;

	handle = zcgem_wrap_address(fd, user, PAGES(4), 0);
	object = zcgem_mmap(fd, handle, PAGES(4), RW);
	zcgem_mark_all(object, PAGES(4), 1);
	igt_assert_eq(__zcgem_evict(fd, handle, PAGES(4)), -EOPNOTSUPP);
	igt_assert(zcgem_is_resident(fd, handle));
	igt_assert_eq_u64(zcgem_evictions(fd, handle), 0);
	zcgem_check_marks(object, PAGES(4), 1);
	munmap(object, PAGES(4));
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
	igt_assert(zcgem_is_resident(fd, handle));
	igt_assert_eq_u64(zcgem_evictions(fd, handle), 0);
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
	zcgem_check_zero(object, PAGES(1));
	zcgem_check_same(object, file, size);
	zcgem_evict(fd, handle, size);
	igt_assert(!zcgem_is_resident(fd, handle));

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
	igt_assert(zcgem_is_resident(fd, handle));
	igt_assert_eq_u64(faults(fd, handle), 0);
	zcgem_mark_all(object, size, 1);
	igt_assert_lt_u64(0, faults(fd, handle));
	munmap(object, size);

	/* with one: every page is there, also to write */
	zcgem_evict(fd, handle, size);
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_populate(fd, handle, size, object);
	igt_assert(zcgem_is_resident(fd, handle));
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
		igt_assert_eq(zcgem_is_resident(fd, handles[i]), i < 2);
		object = zcgem_mmap(fd, handles[i], size, RW);
		zcgem_populate(fd, handles[i], size, object);
		igt_assert(zcgem_is_resident(fd, handles[i]));
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
	zcgem_check_zero(object + PAGES(3), PAGES(2));
	zcgem_check_zero(export + PAGES(590), PAGES(1));
	zcgem_check_mark(object, 2, 3);
	zcgem_check_mark(export, 5, 6);
	zcgem_check_same(object, file, size);
	zcgem_check_same(export, file, size);

	/* only the range that is asked for need be looked at, and one page is enough */
	punch(memfd, PAGES(599), PAGES(1));
	igt_assert_eq(__zcgem_advise(fd, handle, DRM_ZCGEM_ADVICE_REVALIDATE, PAGES(599),
				     PAGES(1), NULL), 0);
	zcgem_check_zero(object + PAGES(599), PAGES(1));
	zcgem_check_same(object, file, size);

	/* all of it, and evicted: then there is nothing to compare with */
	zcgem_evict(fd, handle, size);
	punch(memfd, 0, size);
	igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
	zcgem_check_zero(object, size);
	zcgem_check_same(object, file, size);

	munmap(export, size);
	munmap(object, size);
	munmap(file, size);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
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

	igt_fixture()
		drm_close_driver(fd);
}
