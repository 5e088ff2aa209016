// SPDX-License-Identifier: MIT
/*
 * Objects of the driver's own pages: what they are made of, how they are mapped, and
 * that they come back as they were when they were evicted.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_importer.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem pool
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check objects of the driver's own pages.
 *
 * SUBTEST: cached
 * Description: Objects of any size start as zeroes and keep what is written by any view.
 *
 * SUBTEST: write-combined
 * Description: The same for objects that are mapped write-combined.
 *
 * SUBTEST: zeroed
 * Description: Memory that was used before is zero in the next object.
 *
 * SUBTEST: large-extents
 * Description: Large blocks are used where there are any, and mapped as such (class 6).
 *
 * SUBTEST: evict
 * Description: Evicted objects come back as they were, by every way in (class 12).
 *
 * SUBTEST: evict-shared
 * Description: An importer keeps what it has mapped when the object is evicted (class 12).
 *
 * SUBTEST: evict-race
 * Description: Objects that are evicted all the time lose nothing (class 12).
 *
 * SUBTEST: fill-unlocked
 * Description: While one thread has an object filled, others can lock it.
 *
 * SUBTEST: no-global-swapout
 * Description: No client has TTM swap out what other drivers have.
 */

IGT_TEST_DESCRIPTION("Check objects of the driver's own pages");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

/* What TTM may have allocated before it makes room, in pages. */
#define LIMIT		"/sys/module/ttm/parameters/pages_limit"

static void check_zero(const void *map, uint64_t size)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], 0);
}

static void run_object(int fd, uint32_t flags)
{
	const uint64_t sizes[] = { 1, PAGES(1), PAGES(7) + 5, MIB(4) };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = sizes[i], pages = ALIGN(size, ZCGEM_PAGE);
		struct drm_zcgem_gem_info info;
		char *object, *export;
		uint32_t handle;
		int dmabuf;

		igt_assert_eq(__zcgem_create(fd, &size, flags, &handle), 0);
		igt_assert_eq_u64(size, pages);
		zcgem_info(fd, handle, &info);
		igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_POOL);
		igt_assert_eq_u32(info.flags, ZCGEM_HAS_WC && flags & DRM_ZCGEM_CREATE_WC ?
				  DRM_ZCGEM_INFO_WC : 0);
		igt_assert_eq_u64(info.resident, 0);
		igt_assert_eq_u64(info.charged, 0);

		object = zcgem_mmap(fd, handle, pages, RW);
		check_zero(object, pages);
		igt_assert(zcgem_is_resident(fd, handle));
		zcgem_fill(object, pages, i + 1);
		dmabuf = zcgem_export(fd, handle);
		export = mmap(NULL, pages, RW, MAP_SHARED, dmabuf, 0);
		igt_assert(export != MAP_FAILED);
		zcgem_check(export, pages, i + 1);
		zcgem_check_same(export, object, pages);
		munmap(export, pages);
		close(dmabuf);
		munmap(object, pages);

		/* with no view left it is all still there */
		object = zcgem_mmap(fd, handle, pages, RW);
		zcgem_fill(object, pages, i + 9);
		munmap(object, pages);
		object = zcgem_mmap(fd, handle, pages, PROT_READ);
		zcgem_check(object, pages, i + 9);
		munmap(object, pages);
		gem_close(fd, handle);
	}
}

static void test_cached(int fd)
{
	run_object(fd, 0);
}

static void test_write_combined(int fd)
{
	run_object(fd, DRM_ZCGEM_CREATE_WC);
}

/* Pages that were in an object before must be zero again in the next one. */
static void test_zeroed(int fd)
{
	unsigned int round;

	for (round = 0; round < 8; round++) {
		uint32_t handle = zcgem_create(fd, MIB(4), round & 1 ?
					       DRM_ZCGEM_CREATE_WC : 0);
		char *object = zcgem_mmap(fd, handle, MIB(4), RW);

		check_zero(object, MIB(4));
		memset(object, 0xa5, MIB(4));
		munmap(object, MIB(4));
		gem_close(fd, handle);
	}
}

static void test_large_extents(int fd)
{
	const uint64_t size = 8 * ZCGEM_HUGE;
	struct drm_zcgem_gem_info info;
	uint64_t pages = 0, large = 0;
	uint32_t handle;
	unsigned int n;
	char *object;

	require_large_leaves();
	/* so that the memory has large blocks */
	__zcgem_write_setting("/proc/sys/vm/drop_caches", "3");
	__zcgem_write_setting("/proc/sys/vm/compact_memory", "1");
	handle = zcgem_create(fd, size, 0);
	zcgem_populate(fd, handle, size, NULL);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.resident, size);
	for (n = 0; n < DRM_ZCGEM_EXTENT_ORDERS; n++) {
		pages += info.extents_by_order[n];
		if (n >= ZCGEM_HUGE_ORDER)
			large += info.extents_by_order[n];
	}
	igt_assert_eq_u64(pages, info.extents);
	igt_info("%" PRIu64 " extents, %" PRIu64 " of huge pages or more\n",
		 (uint64_t)info.extents, large);
	igt_assert_lt_u64(0, large);
	igt_assert_lte_u64(info.extents, size / ZCGEM_PAGE / 16);

	/* and the page table gets what the memory allows */
	object = zcgem_mmap(fd, handle, size, RW);
	zcgem_mark_all(object, size, 1);
	zcgem_check_marks(object, size, 1);
	zcgem_info(fd, handle, &info);
	igt_assert_lt_u64(0, info.faults_pmd);
	igt_assert_lte_u64(info.faults_pmd + info.faults_pte, 16);
	munmap(object, size);
}

static uint32_t kind_of(unsigned int i)
{
	return i & 1 ? DRM_ZCGEM_CREATE_WC : 0;
}

static void check_object(int fd, uint32_t handle, uint64_t size, uint64_t seed)
{
	char *map = zcgem_mmap(fd, handle, size, PROT_READ);

	zcgem_check(map, size, seed);
	munmap(map, size);
}

/* The pages go, and what was in them comes back by every way in. */
static void test_evict(int fd)
{
	const uint64_t size = MIB(4);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		uint32_t handle = zcgem_create(fd, size, kind_of(i)), copy;
		char *object = zcgem_mmap(fd, handle, size, RW), *export;
		uint64_t pins = zcgem_pinned_folios(fd);
		int dmabuf = zcgem_export(fd, handle);

		/* nothing is there yet */
		zcgem_evict(fd, handle, size);
		igt_assert_eq_u64(zcgem_evictions(fd, handle), 0);

		zcgem_fill(object, size, 1);
		igt_assert(zcgem_is_resident(fd, handle));
		igt_assert_lt_u64(pins, zcgem_pinned_folios(fd));
		zcgem_evict(fd, handle, size);
		igt_assert(!zcgem_is_resident(fd, handle));
		igt_assert_eq_u64(zcgem_evictions(fd, handle), 1);
		igt_assert_eq_u64(zcgem_pinned_folios(fd), pins);
		zcgem_check(object, size, 1);
		zcgem_fill(object, size, 2);

		zcgem_evict(fd, handle, size);
		export = mmap(NULL, size, RW, MAP_SHARED, dmabuf, 0);
		igt_assert(export != MAP_FAILED);
		zcgem_check(export, size, 2);
		zcgem_fill(export, size, 3);
		munmap(export, size);

		/* and by the engine, which has the linear map */
		zcgem_evict(fd, handle, size);
		copy = zcgem_create(fd, size, 0);
		zcgem_submit_op(fd, zcgem_op_copy(copy, 0, handle, 0, size));
		zcgem_wait(fd, copy);
		check_object(fd, copy, size, 3);
		gem_close(fd, copy);
		igt_assert_eq(__zcgem_revalidate(fd, handle, size), 0);
		zcgem_check(object, size, 3);
		munmap(object, size);
		close(dmabuf);
		gem_close(fd, handle);
	}
}

/*
 * What an importer keeps stays its own, also while the object has its pages anew. Of one that is
 * write-combined the pages stay until the importer has unmapped: they have their type once.
 */
static void test_evict_shared(int fd)
{
	const uint64_t size = MIB(1);
	unsigned int i;

	require_importer();
	for (i = 0; i < 2; i++) {
		uint32_t handle = zcgem_create(fd, size, kind_of(i));
		char *object = zcgem_mmap(fd, handle, size, RW);
		int dmabuf = zcgem_export(fd, handle), device, ret;
		struct drm_zcgem_gem_info info;

		zcgem_fill(object, size, 1);
		device = importer_new(dmabuf, IMPORTER_FOLLOWS | IMPORTER_KEEPS);
		importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_check(device, size, 1, 0);
		zcgem_info(fd, handle, &info);

		ret = __zcgem_evict(fd, handle, size);
		igt_assert_eq(ret, info.pins || (ZCGEM_HAS_WC && kind_of(i)) ? -EBUSY : 0);
		igt_assert_eq(zcgem_is_resident(fd, handle), !!ret);
		zcgem_check(object, size, 1);
		zcgem_fill(object, size, 2);
		importer_check(device, size, 2, 0);

		importer_call(device, IMPORTER_UNMAP, 0);
		zcgem_evict(fd, handle, size);
		igt_assert(!zcgem_is_resident(fd, handle));
		zcgem_check(object, size, 2);
		importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_check(device, size, 2, 0);
		close(device);
		close(dmabuf);
		munmap(object, size);
		gem_close(fd, handle);
	}
}

/* Processes that take the pages of an object away all the time while others use it. */
static void test_evict_race(int fd)
{
	const uint64_t size = MIB(1);
	int dmabufs[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		dmabufs[i] = zcgem_export(fd, zcgem_create(fd, size, kind_of(i)));
	igt_fork(child, 4) {
		int node = drm_reopen_driver(fd);
		uint64_t at = child / 2 * size / 2;
		uint32_t handles[2];
		char *objects[2];
		unsigned int round;

		for (i = 0; i < 2; i++) {
			handles[i] = zcgem_import(node, dmabufs[i]);
			objects[i] = zcgem_mmap(node, handles[i], size, RW);
		}
		for (round = 1; round < 40; round++) {
			for (i = 0; i < 2; i++) {
				if (child & 1) {
					zcgem_evict(node, handles[i], size);
					continue;
				}
				zcgem_fill(objects[i] + at, size / 2, round + child);
				zcgem_check(objects[i] + at, size / 2, round + child);
			}
		}
		munmap(objects[0], size);
		munmap(objects[1], size);
		close(node);
	}
	igt_waitchildren();
	close(dmabufs[0]);
	close(dmabufs[1]);
}

#define TRACING		"/sys/kernel/tracing"
#define PROBE		"igt_zcgem_swapout"

static void end_probe(int sig)
{
	(void)sig;
	__zcgem_write_setting(TRACING "/events/kprobes/" PROBE "/enable", "0");
	__zcgem_write_setting(TRACING "/kprobe_events", "-:" PROBE);
}

static uint64_t count_swapouts(void)
{
	char line[256];
	unsigned long long hits = 0;
	FILE *profile = fopen(TRACING "/kprobe_profile", "r");

	igt_assert_f(profile, "no kprobe_profile: %m\n");
	while (fgets(line, sizeof(line), profile)) {
		char *at = strstr(line, PROBE);

		if (at)
			igt_assert_eq(sscanf(at, PROBE " %llu", &hits), 1);
	}
	fclose(profile);
	return hits;
}

/*
 * ttm_global_swapout() makes room for all drivers, and any client of them waits in it. TTM calls
 * it when more than a limit is allocated, so the limit is one page.
 */
static void test_no_global_swapout(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t pool, wrapped;
	char *map, text[32];
	int dmabuf;

	igt_require_f(__zcgem_write_setting(TRACING "/kprobe_events",
					    "p:" PROBE " ttm_global_swapout"),
		      "no probe on ttm_global_swapout: %m\n");
	igt_install_exit_handler(end_probe);
	igt_assert(__zcgem_write_setting(TRACING "/events/kprobes/" PROBE "/enable", "1"));
	zcgem_change_setting(LIMIT, "1");
	/* which calls it by itself: the probe works */
	igt_require_f(zcgem_read_setting("/sys/kernel/debug/ttm/tt_shrink", text, sizeof(text)),
		      "no debugfs of TTM: %m\n");
	igt_assert_eq_u64(count_swapouts(), 1);

	pool = zcgem_create(fd, size, 0);
	map = zcgem_mmap(fd, pool, size, RW);
	zcgem_fill(map, size, 1);
	dmabuf = udmabuf_create_pages(fd, memfd, 0, size / ZCGEM_PAGE);
	wrapped = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	zcgem_evict(fd, wrapped, size);
	zcgem_populate(fd, wrapped, size, NULL);
	zcgem_check(map, size, 1);
	igt_assert_eq_u64(count_swapouts(), 1);

	zcgem_restore_settings();
	end_probe(0);
	munmap(map, size);
	gem_close(fd, pool);
	gem_close(fd, wrapped);
	close(dmabuf);
	zcgem_release_memfd(memfd);
}

struct filler {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size;
	volatile bool done;
};

static void *fill_object(void *data)
{
	struct filler *filler = data;

	zcgem_populate(filler->fd, filler->handle, filler->size, NULL);
	filler->done = true;
	return NULL;
}

/* Has GEM_INFO, which locks the object, come back when a part of the memory was there? */
static bool info_while_filled(int fd, uint64_t size)
{
	struct filler filler = { .fd = fd, .handle = zcgem_create(fd, size, 0), .size = size };
	uint64_t before = zcgem_read_key("/proc/meminfo", "Shmem") << 10, now;
	struct drm_zcgem_gem_info info;
	bool seen = false;

	igt_assert_eq(pthread_create(&filler.thread, NULL, fill_object, &filler), 0);
	while (!seen && !filler.done) {
		now = zcgem_read_key("/proc/meminfo", "Shmem") << 10;
		zcgem_info(fd, filler.handle, &info);
		seen = !info.resident && now > before + size / 8;
	}
	pthread_join(filler.thread, NULL);
	zcgem_info(fd, filler.handle, &info);
	igt_assert_eq_u64(info.resident, size);
	gem_close(fd, filler.handle);
	return seen;
}

static void test_fill_unlocked(int fd)
{
	unsigned int round;
	bool seen = false;

	for (round = 0; round < 50 && !seen; round++)
		seen = info_while_filled(fd, MIB(128));
	igt_info("%u rounds\n", round);
	igt_assert_f(seen, "the object was locked for as long as it was filled\n");
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Objects of any size start as zeroes and keep what is written by any view");
	igt_subtest("cached")
		zcgem_run_counted(fd, test_cached);

	igt_describe("The same for objects that are mapped write-combined");
	igt_subtest("write-combined")
		zcgem_run_counted(fd, test_write_combined);

	igt_describe("Memory that was used before is zero in the next object");
	igt_subtest("zeroed")
		zcgem_run_counted(fd, test_zeroed);

	igt_describe("Large blocks are used where there are any, and mapped as such (class 6)");
	igt_subtest("large-extents")
		zcgem_run_counted(fd, test_large_extents);

	igt_describe("Evicted objects come back as they were, by every way in (class 12)");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("An importer keeps what it has mapped when the object is evicted (class 12)");
	igt_subtest("evict-shared")
		zcgem_run_counted(fd, test_evict_shared);

	igt_describe("Objects that are evicted all the time lose nothing (class 12)");
	igt_subtest("evict-race")
		zcgem_run_counted(fd, test_evict_race);

	igt_describe("While one thread has an object filled, others can lock it");
	igt_subtest("fill-unlocked")
		zcgem_run_counted(fd, test_fill_unlocked);

	igt_describe("No client has TTM swap out what other drivers have");
	igt_subtest("no-global-swapout")
		zcgem_run_counted(fd, test_no_global_swapout);

	igt_fixture()
		drm_close_driver(fd);
}
