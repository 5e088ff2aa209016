// SPDX-License-Identifier: MIT
/*
 * Faults on CPU mappings of objects: how many there are, of which size, and by several
 * threads at once.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"

/**
 * TEST: zcgem mmap fault
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check faults on mappings of zcgem objects.
 *
 * SUBTEST: pte
 * Description: Small pages are mapped by small entries.
 *
 * SUBTEST: pmd
 * Description: Each 2 MiB page is mapped by one entry, by one fault.
 *
 * SUBTEST: once
 * Description: Memory that was touched does not fault again.
 *
 * SUBTEST: concurrent
 * Description: Threads that fault at the same time see the same memory.
 *
 * SUBTEST: vs-unmap
 * Description: Faults race with mappings of the object that come and go.
 */

IGT_TEST_DESCRIPTION("Check faults on mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void read_each_page(const char *map, uint64_t size)
{
	uint64_t at;

	for (at = 0; at < size; at += ZCGEM_PAGE)
		(void)*(volatile const char *)(map + at);
}

static void test_fault_pte(int fd)
{
	const uint32_t pages = 100;
	int memfd = zcgem_memfd(PAGES(pages), F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(pages), 0);
	char *map = zcgem_mmap(fd, handle, PAGES(pages), PROT_RW);
	struct drm_zcgem_gem_info info;

	read_each_page(map, PAGES(pages));
	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(1, info.faults_pte);
	/* a fault fills all of its 2 MiB; these pages lie in two at the most */
	igt_assert_lte_u64(info.faults_pte, 2);
	igt_assert_eq_u64(info.faults_pmd, 0);
	igt_assert_eq_u64(info.faults_pud, 0);
	munmap(map, PAGES(pages));
	close(memfd);
}

static void test_fault_pmd(int fd)
{
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	const uint64_t size = 3 * ZCGEM_HUGE;
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	char *map;
	int memfd;

	igt_require_f(leaves & ZCGEM_HUGE,
		      "the kernel maps no 2 MiB entries for drivers\n");
	memfd = zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	igt_assert_eq_u64((uintptr_t)map % ZCGEM_HUGE, 0);

	zcgem_fill(map, size, 1);
	zcgem_check(map, size, 1);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.faults_pmd, size / ZCGEM_HUGE);
	igt_assert_eq_u64(info.faults_pte, 0);
	igt_assert_eq_u64(info.faults_pud, 0);

	/* a part of a huge entry goes: what is left must come back right */
	igt_assert_eq(munmap(map + ZCGEM_HUGE + PAGES(7), PAGES(1)), 0);
	igt_assert_eq_u64(zcgem_first_difference(map, ZCGEM_HUGE + PAGES(7), 1),
			  ZCGEM_HUGE + PAGES(7));
	igt_assert(zcgem_access_faults(map + ZCGEM_HUGE + PAGES(7), false));
	zcgem_info(fd, handle, &info);
	igt_assert_lte_u64(1, info.faults_pte);
	munmap(map, size);

	map = zcgem_mmap(fd, handle, size, PROT_READ);
	zcgem_check(map, size, 1);
	munmap(map, size);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_fault_once(int fd)
{
	const uint64_t size = PAGES(300);
	uint32_t handle = zcgem_create(fd, size, 0);
	struct drm_zcgem_gem_info before, after;
	char *map = zcgem_mmap(fd, handle, size, PROT_RW);

	/* reading comes first: the write must not need a fault of its own */
	read_each_page(map, size);
	zcgem_info(fd, handle, &before);
	zcgem_fill(map, size, 1);
	zcgem_check(map, size, 1);
	zcgem_info(fd, handle, &after);
	igt_assert_lt_u64(0, before.faults_pte + before.faults_pmd);
	igt_assert_eq_u64(after.faults_pte, before.faults_pte);
	igt_assert_eq_u64(after.faults_pmd, before.faults_pmd);
	igt_assert_eq_u64(after.faults_pud, before.faults_pud);
	munmap(map, size);
}

#define THREADS 4

struct reader {
	pthread_t thread;
	pthread_barrier_t *start;
	char *map;
	uint64_t size, good;
	unsigned int number;
};

/* Each begins elsewhere, so that they meet in the middle of each other's work. */
static void *read_all(void *data)
{
	struct reader *reader = data;
	uint64_t part = reader->size / THREADS, i;

	pthread_barrier_wait(reader->start);
	for (i = 0; i < THREADS; i++) {
		uint64_t n = (i + reader->number) % THREADS;

		reader->good += zcgem_first_difference(reader->map + n * part,
						       part, n + 1);
	}
	return NULL;
}

static void read_by_threads(char *map, uint64_t size)
{
	struct reader readers[THREADS] = {};
	pthread_barrier_t start;
	unsigned int i;

	igt_assert_eq(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (i = 0; i < THREADS; i++) {
		readers[i] = (struct reader) {
			.start = &start, .map = map, .size = size, .number = i,
		};
		igt_assert_eq(pthread_create(&readers[i].thread, NULL, read_all,
					     &readers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(readers[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		igt_assert_eq_u64(readers[i].good, size);
	pthread_barrier_destroy(&start);
}

static void test_concurrent_faults(int fd)
{
	const uint64_t size = 2 * ZCGEM_HUGE, part = size / THREADS;
	uint64_t leaves = zcgem_get_param(fd, DRM_ZCGEM_PARAM_LEAF_SIZES);
	unsigned int kind, round, i;

	for (kind = 0; kind < (leaves & ZCGEM_HUGE ? 3 : 2); kind++) {
		uint32_t handle;
		int memfd = -1;
		char *map;

		if (!kind) {
			handle = zcgem_create(fd, size, 0);
		} else {
			memfd = kind == 1 ? zcgem_memfd(size, F_SEAL_SHRINK) :
					    zcgem_memfd_hugetlb(size, F_SEAL_SHRINK);
			handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
		}
		map = zcgem_mmap(fd, handle, size, PROT_RW);
		for (i = 0; i < THREADS; i++)
			zcgem_fill(map + i * part, part, i + 1);
		munmap(map, size);

		for (round = 0; round < 10; round++) {
			map = zcgem_mmap(fd, handle, size, PROT_RW);
			read_by_threads(map, size);
			munmap(map, size);
		}
		gem_close(fd, handle);
		if (memfd >= 0)
			zcgem_release_memfd(memfd);
	}
}

struct mapper {
	pthread_t thread;
	int fd;
	uint64_t offset, size;
	unsigned int rounds, wrong;
};

static void *map_and_unmap(void *data)
{
	struct mapper *mapper = data;
	unsigned int i;

	for (i = 0; i < mapper->rounds; i++) {
		char *map = mmap(NULL, mapper->size, PROT_RW, MAP_SHARED,
				 mapper->fd, mapper->offset);

		if (map == MAP_FAILED) {
			mapper->wrong++;
			continue;
		}
		if (zcgem_first_difference(map, PAGES(3), 1) != PAGES(3))
			mapper->wrong++;
		/* whole, or in two pieces; never twice, it may be another's by then */
		if (i & 1)
			munmap(map, mapper->size);
		else if (munmap(map, PAGES(1)) ||
			 munmap(map + PAGES(1), mapper->size - PAGES(1)))
			mapper->wrong++;
	}
	return NULL;
}

static void test_fault_vs_unmap(int fd)
{
	const uint64_t size = PAGES(64);
	uint32_t handle = zcgem_create(fd, size, 0);
	struct mapper mappers[THREADS];
	struct drm_zcgem_gem_info info;
	unsigned int i;
	char *map;

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	munmap(map, size);

	for (i = 0; i < THREADS; i++) {
		mappers[i] = (struct mapper) {
			.fd = fd,
			.offset = zcgem_mmap_offset(fd, handle),
			.size = size,
			.rounds = zcgem_rounds(500),
		};
		igt_assert_eq(pthread_create(&mappers[i].thread, NULL,
					     map_and_unmap, &mappers[i]), 0);
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(mappers[i].thread, NULL);
	for (i = 0; i < THREADS; i++)
		igt_assert_eq(mappers[i].wrong, 0);

	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.mappings, 0);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Small pages are mapped by small entries");
	igt_subtest("pte")
		zcgem_run_counted(fd, test_fault_pte);

	igt_describe("Each 2 MiB page is mapped by one entry, by one fault");
	igt_subtest("pmd")
		zcgem_run_counted(fd, test_fault_pmd);

	igt_describe("Memory that was touched does not fault again");
	igt_subtest("once")
		zcgem_run_counted(fd, test_fault_once);

	igt_describe("Threads that fault at the same time see the same memory");
	igt_subtest("concurrent")
		zcgem_run_counted(fd, test_concurrent_faults);

	igt_describe("Faults race with mappings of the object that come and go");
	igt_subtest("vs-unmap")
		zcgem_run_counted(fd, test_fault_vs_unmap);

	igt_fixture()
		drm_close_driver(fd);
}
