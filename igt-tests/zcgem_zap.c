// SPDX-License-Identifier: MIT
/*
 * What becomes of the leaves that map an object when its pages go away: they are taken
 * from every mapping and every processor, and come back as they were.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "zcgem.h"

/**
 * TEST: zcgem zap
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check that no mapping outlives the pages of an object.
 *
 * SUBTEST: evict
 * Description: Eviction takes every leaf away and the next access brings it back.
 *
 * SUBTEST: evict-vs-faults
 * Description: Four threads fault and write while the object is evicted.
 *
 * SUBTEST: stale-tlb
 * Description: Once pages have gone, no processor reaches them by old translations.
 */

IGT_TEST_DESCRIPTION("Check that no mapping outlives the pages of an object");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)
static uint64_t kind_size(enum memory_kind kind)
{
	return kind == HUGETLB_1G ? LEAF_1G : 3 * LEAF_2M;
}

static const enum memory_kind evictable[] = {
	SHMEM_4K, SHMEM_THP, HUGETLB_2M, HUGETLB_1G,
};

static void test_evict_zaps(int fd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(evictable); i++) {
		uint64_t size = kind_size(evictable[i]);
		struct drm_zcgem_gem_info info;
		struct memory memory;
		char *map, *other;
		int dmabuf;

		if (!memory_available(evictable[i], size))
			continue;
		make_memory(fd, evictable[i], size, &memory);
		map = map_memory(fd, &memory, PROT_RW);
		dmabuf = zcgem_export(fd, memory.handle);
		igt_assert_eq(zcgem_dmabuf_map(dmabuf, size, PROT_READ, (void **)&other), 0);
		stamp(map, 0, size, ZCGEM_PAGE, 1);
		check_stamps(other, 0, size, ZCGEM_PAGE, 1);
		expect_leaves(map, size, memory.leaf);
		expect_leaves(other, size, memory.leaf);

		zcgem_evict(fd, memory.handle, size);
		expect_unmapped(map, size);
		expect_unmapped(other, size);
		zcgem_info(fd, memory.handle, &info);
		igt_assert_eq_u64(info.resident, 0);

		/* the pages are the same, and so are the leaves */
		check_stamps(other, 0, size, ZCGEM_PAGE, 1);
		stamp(map, 0, size, ZCGEM_PAGE, 2);
		check_stamps(other, 0, size, ZCGEM_PAGE, 2);
		expect_leaves(map, size, memory.leaf);
		expect_leaves(other, size, memory.leaf);
		munmap(other, size);
		munmap(map, size);
		close(dmabuf);
		free_memory(fd, &memory);
	}
}

#define THREADS 4

/* Writes to words of its own and looks whether it finds what it wrote. */
struct worker {
	pthread_t thread;
	char *map;
	uint64_t size, step;
	unsigned int number;
	volatile bool *stop;
	uint64_t rounds, wrong;
};

static void *work(void *data)
{
	struct worker *worker = data;
	uint64_t at;

	while (!*worker->stop) {
		for (at = 0; at < worker->size; at += worker->step) {
			volatile uint64_t *word = (volatile uint64_t *)
				(worker->map + at) + worker->number;

			if (*word != worker->rounds)
				worker->wrong++;
			*word = worker->rounds + 1;
		}
		worker->rounds++;
	}
	return NULL;
}

static bool all_have_begun(const struct worker *workers)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		if (!*(const volatile uint64_t *)&workers[i].rounds)
			return false;
	return true;
}

static void evict_while_used(int fd, enum memory_kind kind, uint64_t size,
			     unsigned int evictions)
{
	volatile bool stop = false;
	struct worker workers[THREADS];
	struct memory memory;
	uint64_t step = size / 32, at;
	unsigned int i;
	char *map;

	make_memory(fd, kind, size, &memory);
	map = map_memory(fd, &memory, PROT_RW);
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker) {
			.map = map, .size = size, .step = step, .number = i,
			.stop = &stop,
		};
		igt_assert_eq(pthread_create(&workers[i].thread, NULL, work,
					     &workers[i]), 0);
	}
	for (i = 0; i < evictions || !all_have_begun(workers); i++) {
		zcgem_evict(fd, memory.handle, size);
		usleep(i % 8 * 100);
	}
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);

	for (i = 0; i < THREADS; i++) {
		igt_debug("thread %u: %" PRIu64 " rounds\n", i, workers[i].rounds);
		igt_assert_eq_u64(workers[i].wrong, 0);
		for (at = 0; at < size; at += step)
			igt_assert_eq_u64(((uint64_t *)((char *)memory.own + at))[i],
					  workers[i].rounds);
	}
	munmap(map, size);
	free_memory(fd, &memory);
}

static void test_evict_vs_faults(int fd)
{
	evict_while_used(fd, SHMEM_4K, 2 * LEAF_2M, 100);
	evict_while_used(fd, SHMEM_THP, 2 * LEAF_2M, 100);
	evict_while_used(fd, HUGETLB_2M, 4 * LEAF_2M, 100);
	if (memory_available(HUGETLB_1G, LEAF_1G))
		evict_while_used(fd, HUGETLB_1G, LEAF_1G, 100);
}

/*
 * A thread that writes ever larger numbers to one word. It makes no system call,
 * so its processor has no reason to drop a translation unless it is told to.
 */
struct writer {
	pthread_t thread;
	volatile uint64_t *word;
	volatile bool stop;
	volatile uint64_t written;
};

static void *write_numbers(void *data)
{
	struct writer *writer = data;

	while (!writer->stop) {
		*writer->word = writer->written + 1;
		writer->written++;
	}
	return NULL;
}

static void wait_for_writes(struct writer *writer, uint64_t more)
{
	uint64_t goal = writer->written + more;

	while (writer->written < goal)
		sched_yield();
}

/*
 * Punched pages go back to the kernel. What is written by the object's mapping
 * after that must land in the file's new pages; by an old translation it would
 * land in memory that is somebody else's by then.
 */
static void punch_under_writer(int fd, enum memory_kind kind, uint64_t size,
			       unsigned int rounds)
{
	struct writer writer = {};
	struct memory memory;
	unsigned int round;
	char *map;

	make_memory(fd, kind, size, &memory);
	map = map_memory(fd, &memory, PROT_RW);
	touch(map, size, ZCGEM_PAGE, true);
	expect_leaves(map, size, memory.leaf);

	writer.word = (uint64_t *)(map + size / 2 + PAGES(5));
	igt_assert_eq(pthread_create(&writer.thread, NULL, write_numbers, &writer), 0);
	for (round = 0; round < rounds; round++) {
		volatile uint64_t *own = (uint64_t *)((char *)memory.own + size / 2 + PAGES(5));
		volatile uint64_t *mine = (uint64_t *)(map + PAGES(3));
		uint64_t least;

		wait_for_writes(&writer, 100);
		*mine = round + 1;
		/* until then the object keeps the pages, as nobody tells it */
		igt_assert_eq(fallocate(memory.memfd, FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE, 0, size), 0);
		zcgem_evict(fd, memory.handle, size);
		*mine = round + 2;
		least = writer.written;
		wait_for_writes(&writer, 100);
		igt_assert_eq_u64(*(uint64_t *)((char *)memory.own + PAGES(3)), round + 2);
		igt_assert_f(*own >= least, "round %u: the file has %" PRIu64
			     ", at least %" PRIu64 " was written\n", round,
			     *own, least);
	}
	writer.stop = true;
	pthread_join(writer.thread, NULL);
	munmap(map, size);
	free_memory(fd, &memory);
}

static void test_stale_tlb(int fd)
{
	punch_under_writer(fd, SHMEM_4K, LEAF_2M, 50);
	punch_under_writer(fd, HUGETLB_2M, LEAF_2M, 30);
	if (memory_available(HUGETLB_1G, LEAF_1G))
		punch_under_writer(fd, HUGETLB_1G, LEAF_1G, 2);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("Eviction takes every leaf away and the next access brings it back");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict_zaps);

	igt_describe("Four threads fault and write while the object is evicted");
	igt_subtest("evict-vs-faults")
		zcgem_run_counted(fd, test_evict_vs_faults);

	igt_describe("Once pages have gone, no processor reaches them by old translations");
	igt_subtest("stale-tlb")
		zcgem_run_counted(fd, test_stale_tlb);

	igt_fixture()
		drm_close_driver(fd);
}
