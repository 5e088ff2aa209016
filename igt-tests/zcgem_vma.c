// SPDX-License-Identifier: MIT
/*
 * What a program can do to a mapping of an object: cut it, move it, protect it, share it
 * with a child. Each is done to mappings by leaves of every size, because a leaf that is
 * larger than what an operation is about has to be taken apart first: peers' bug class 1.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_view.h"

/**
 * TEST: zcgem vma
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what can be done to mappings of zcgem objects.
 *
 * SUBTEST: munmap
 * Description: After munmap nothing is mapped, whatever the leaves were (class 1).
 *
 * SUBTEST: munmap-part
 * Description: What is left after munmap of parts shows the right pages (class 1).
 *
 * SUBTEST: mremap-move
 * Description: A moved mapping shows its pages, the old addresses nothing (class 1).
 *
 * SUBTEST: mremap-part
 * Description: A part can be moved out of the middle of a leaf (class 1).
 *
 * SUBTEST: mremap-shrink
 * Description: A mapping can be shrunk to less than a leaf (class 1).
 *
 * SUBTEST: mremap-grow
 * Description: A mapping cannot be grown, doubled, or moved and kept (class 1).
 *
 * SUBTEST: mremap-no-stale
 * Description: After a move no processor reaches freed pages by the old translation (class 1).
 *
 * SUBTEST: mprotect-part
 * Description: Parts of a leaf can get another protection and get it back.
 *
 * SUBTEST: fork
 * Description: Parent and child share all leaves, and each can cut its own (class 1).
 *
 * SUBTEST: split-offset
 * Description: Pieces of a mapping that was split show their own pages (class 1).
 *
 * SUBTEST: split-halves
 * Description: Halves of a mapping are zapped by eviction as the whole was (class 1).
 *
 * SUBTEST: split-vs-faults
 * Description: Splits race with faults and eviction.
 */

IGT_TEST_DESCRIPTION("Check what can be done to mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void *reserve(uint64_t size)
{
	void *start = mmap(NULL, size, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	igt_assert(start != MAP_FAILED);
	return start;
}

/* An address in a new reservation of twice the size, at @phase behind a leaf's start. */
static char *target_for(const struct view *view, uint64_t phase)
{
	char *start = reserve(2 * view->size + view->memory.leaf);

	return (char *)ALIGN((uintptr_t)start, view->memory.leaf) + phase;
}

static void expect_mappings(int fd, const struct view *view, uint64_t count)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, view->memory.handle, &info);
	igt_assert_eq_u64(info.mappings, count);
}

static void try_munmap(int fd, struct view *view)
{
	igt_assert_eq(munmap(view->map, view->size), 0);
	expect_unmapped(view->map, view->size);
	igt_assert(zcgem_access_faults(view->map, true));
	igt_assert(zcgem_access_faults(view->map + view->size / 2, true));
	igt_assert(zcgem_access_faults(view->map + view->size - 8, true));
	expect_mappings(fd, view, 0);
}

static void test_munmap(int fd)
{
	try_each_leaf(fd, try_munmap);
}

static void try_munmap_part(int fd, struct view *view)
{
	const uint64_t hole = ALIGN(view->size / 2, ZCGEM_PAGE) + PAGES(5);
	const uint64_t hole_size = PAGES(7), end = PAGES(3);

	igt_assert_eq(munmap(view->map + hole, hole_size), 0);
	igt_assert(zcgem_access_faults(view->map + hole, true));
	igt_assert(zcgem_access_faults(view->map + hole + hole_size - 8, true));
	expect_mappings(fd, view, 2);
	check_part(view, view->map, 0, hole);
	check_part(view, view->map + hole + hole_size, hole + hole_size,
		   view->size - hole - hole_size);

	/* leaves that the hole did not touch come back large */
	if (view->memory.leaf == LEAF_2M) {
		expect_leaves(view->map, LEAF_2M, LEAF_2M);
		expect_leaves(view->map + 2 * LEAF_2M, LEAF_2M, LEAF_2M);
	}

	/* at both ends */
	igt_assert_eq(munmap(view->map, end), 0);
	igt_assert_eq(munmap(view->map + view->size - end, end), 0);
	igt_assert(zcgem_access_faults(view->map, true));
	igt_assert(zcgem_access_faults(view->map + end - 8, true));
	igt_assert(zcgem_access_faults(view->map + view->size - end, true));
	check_part(view, view->map + end, end, hole - end);
	check_part(view, view->map + hole + hole_size, hole + hole_size,
		   view->size - end - hole - hole_size);
	expect_mappings(fd, view, 2);

	/* the hole can be filled again, but only with the object's start */
	igt_assert(mmap(view->map + hole, PAGES(2), PROT_RW, MAP_SHARED | MAP_FIXED, fd,
			zcgem_mmap_offset(fd, view->memory.handle)) == view->map + hole);
	check_part(view, view->map + hole, 0, PAGES(2));
	igt_assert_eq(munmap(view->map, view->size), 0);
	expect_unmapped(view->map, view->size);
	expect_mappings(fd, view, 0);
}

static void test_munmap_part(int fd)
{
	try_each_leaf(fd, try_munmap_part);
}

static void move(struct view *view, char *target)
{
	char *old = view->map;

	view->map = mremap(old, view->size, view->size, MREMAP_MAYMOVE | MREMAP_FIXED,
			   target);
	igt_assert_f(view->map == target, "mremap: %m\n");
	expect_unmapped(old, view->size);
	igt_assert(zcgem_access_faults(old, true));
	igt_assert(zcgem_access_faults(old + view->size / 2, true));
	check_part(view, view->map, 0, view->size);
}

static void try_mremap_move(int fd, struct view *view)
{
	struct leaf_count sum;

	/* where the same leaves fit, and again from there */
	move(view, target_for(view, 0));
	expect_leaves(view->map, view->size, view->memory.leaf);
	move(view, target_for(view, 0));
	expect_leaves(view->map, view->size, view->memory.leaf);
	stamp(view->map, 0, view->size, view->step, VIEW_SEED + 1);
	check_stamps(view->memory.own, 0, view->size, view->step, VIEW_SEED + 1);
	stamp(view->memory.own, 0, view->size, view->step, VIEW_SEED);

	/* where they do not */
	move(view, target_for(view, PAGES(9)));
	touch(view->map, view->size, ZCGEM_PAGE, false);
	count_leaves(view->map, view->size, &sum);
	igt_assert_eq_u64(sum.bytes, view->size);
	igt_assert_eq_u64(sum.giant, 0);
	move(view, target_for(view, 0));
	touch(view->map, view->size, ZCGEM_PAGE, false);

	/* over itself: not allowed, and no harm */
	igt_assert(mremap(view->map, view->size, view->size, MREMAP_MAYMOVE | MREMAP_FIXED,
			  view->map + PAGES(1)) == MAP_FAILED);
	igt_assert_eq(errno, EINVAL);
	check_part(view, view->map, 0, view->size);
	expect_mappings(fd, view, 1);
	igt_assert_eq(munmap(view->map, view->size), 0);
	expect_unmapped(view->map, view->size);
}

static void test_mremap_move(int fd)
{
	try_each_leaf(fd, try_mremap_move);
}

static void try_mremap_part(int fd, struct view *view)
{
	const uint64_t first = view->size / 2 + PAGES(11), size = PAGES(40);
	char *target = target_for(view, PAGES(11));

	igt_assert(mremap(view->map + first, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			  target) == target);
	igt_assert(zcgem_access_faults(view->map + first, true));
	igt_assert(zcgem_access_faults(view->map + first + size - 8, true));
	check_part(view, target, first, size);
	check_part(view, view->map, 0, first);
	check_part(view, view->map + first + size, first + size, view->size - first - size);
	expect_mappings(fd, view, 3);

	/* and back */
	igt_assert(mremap(target, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			  view->map + first) == view->map + first);
	check_part(view, view->map, 0, view->size);
	igt_assert(zcgem_access_faults(target, true));
	igt_assert_eq(munmap(view->map, view->size), 0);
	expect_unmapped(view->map, view->size);
	expect_mappings(fd, view, 0);
}

static void test_mremap_part(int fd)
{
	try_each_leaf(fd, try_mremap_part);
}

static void try_mremap_shrink(int fd, struct view *view)
{
	const uint64_t most = view->size - PAGES(1), few = PAGES(33);

	igt_assert(mremap(view->map, view->size, most, 0) == view->map);
	igt_assert(zcgem_access_faults(view->map + most, true));
	check_part(view, view->map, 0, most);
	igt_assert(mremap(view->map, most, few, MREMAP_MAYMOVE) == view->map);
	igt_assert(zcgem_access_faults(view->map + few, true));
	check_part(view, view->map, 0, few);
	expect_unmapped(view->map + few, view->size - few);
	igt_assert_eq(munmap(view->map, few), 0);
	expect_mappings(fd, view, 0);
}

static void test_mremap_shrink(int fd)
{
	try_each_leaf(fd, try_mremap_shrink);
}

static void expect_mremap(const struct view *view, uint64_t old_size, uint64_t new_size,
			  int flags, void *target, int err)
{
	void *moved = mremap(view->map, old_size, new_size, flags, target);

	igt_assert_f(moved == MAP_FAILED && errno == err,
		     "mremap of %" PRIu64 " to %" PRIu64 ", flags %#x: %p, %m\n",
		     old_size, new_size, flags, moved);
	check_part(view, view->map, 0, view->size);
}

static void try_mremap_grow(int fd, struct view *view)
{
	char *target = target_for(view, 0);

	expect_mremap(view, view->size, view->size + PAGES(1), MREMAP_MAYMOVE, NULL, EFAULT);
	expect_mremap(view, view->size, view->size + PAGES(1), 0, NULL, EFAULT);
	expect_mremap(view, view->size, 2 * view->size, MREMAP_MAYMOVE, NULL, EFAULT);
	expect_mremap(view, view->size, 2 * view->size, MREMAP_MAYMOVE | MREMAP_FIXED,
		      target, EFAULT);
	/* a size of zero asks for a second mapping */
	expect_mremap(view, 0, view->size, MREMAP_MAYMOVE, NULL, EFAULT);
	expect_mremap(view, 0, 2 * view->size, MREMAP_MAYMOVE, NULL, EFAULT);
	expect_mremap(view, view->size, view->size,
		      MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, target, EINVAL);
	expect_mremap(view, view->size, view->size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
		      NULL, EINVAL);
	expect_mappings(fd, view, 1);
	igt_assert_eq(munmap(view->map, view->size), 0);
}

static void test_mremap_grow(int fd)
{
	try_each_leaf(fd, try_mremap_grow);
}

/*
 * The mapping moves away, and memory that nobody else has takes its addresses at
 * once. An access by a translation that the processor still has finds the object.
 */
static void try_no_stale(int fd, struct view *view)
{
	const unsigned int rounds = view->memory.leaf == LEAF_1G ? 10 : 40;
	const uint64_t step = view->size / 64;
	unsigned int round;
	uint64_t at;

	for (round = 0; round < rounds; round++) {
		char *target = target_for(view, 0), *old = view->map;

		touch(old, view->size, step, true);
		igt_assert(mremap(old, view->size, view->size,
				  MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
		igt_assert(mmap(old, view->size, PROT_RW,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
				-1, 0) == old);
		for (at = 0; at < view->size; at += step) {
			igt_assert_eq_u64(*(volatile uint64_t *)(old + at), 0);
			*(volatile uint64_t *)(old + at) = round + 1;
		}
		munmap(old, view->size);
		view->map = target;
		check_part(view, target, 0, view->size);
	}
	igt_assert_eq(munmap(view->map, view->size), 0);
	expect_unmapped(view->map, view->size);
	(void)fd;
}

static void test_mremap_no_stale(int fd)
{
	try_each_leaf(fd, try_no_stale);
}

static bool page_writable(const char *map)
{
	struct leaf leaf;

	if (!read_leaves(map, ZCGEM_PAGE, &leaf, 1))
		return false;
	return leaf_has(&leaf, 'w') && leaf_has(&leaf, 'p');
}

static void try_mprotect_part(int fd, struct view *view)
{
	/* nowhere near a stamp, because this is written to */
	const uint64_t first = view->size / 2 + PAGES(2), size = PAGES(5);
	char *part = view->map + first;

	igt_assert_eq(mprotect(part, size, PROT_READ), 0);
	igt_assert(!page_writable(part));
	igt_assert(zcgem_access_faults(part + 8, true));
	igt_assert(zcgem_access_faults(part + size - 8, true));
	igt_assert(!zcgem_access_faults(part - 8, true));
	igt_assert(!zcgem_access_faults(part + size + 8, true));
	igt_assert(!zcgem_access_faults(part + 8, false));
	check_part(view, view->map, 0, view->size);
	igt_assert(!page_writable(part));

	igt_assert_eq(mprotect(part, size, PROT_NONE), 0);
	igt_assert(zcgem_access_faults(part, false));
	igt_assert(zcgem_access_faults(part + size - 8, false));
	check_part(view, view->map, 0, first);
	igt_assert_eq(mprotect(part, size, PROT_RW), 0);
	check_part(view, view->map, 0, view->size);
	igt_assert(!zcgem_access_faults(part + 8, true));
	igt_assert_eq_u64(*(uint64_t *)(part + 8),
			  *(uint64_t *)((char *)view->memory.own + first + 8));

	/* the whole, which keeps large leaves, and back */
	munmap(view->map, view->size);
	view->map = map_memory(fd, &view->memory, PROT_RW);
	check_part(view, view->map, 0, view->size);
	igt_assert_eq(mprotect(view->map, view->size, PROT_READ), 0);
	check_part(view, view->map, 0, view->size);
	expect_leaves(view->map, view->size, view->memory.leaf);
	igt_assert(!page_writable(view->map));
	igt_assert(zcgem_access_faults(view->map + 8, true));
	igt_assert_eq(mprotect(view->map, view->size, PROT_NONE), 0);
	igt_assert(zcgem_access_faults(view->map, false));
	igt_assert_eq(mprotect(view->map, view->size, PROT_RW), 0);
	check_part(view, view->map, 0, view->size);
	stamp(view->map, 0, view->size, view->step, VIEW_SEED);
	expect_leaves(view->map, view->size, view->memory.leaf);
	igt_assert_eq(munmap(view->map, view->size), 0);
}

static void test_mprotect_part(int fd)
{
	try_each_leaf(fd, try_mprotect_part);
}

/* Both write at the same time, and the child cuts its mapping into pieces. */
static void try_fork(int fd, struct view *view)
{
	const uint64_t part = view->size / 2;

	igt_fork(child, 1) {
		check_part(view, view->map, 0, view->size);
		expect_leaves(view->map, view->size, view->memory.leaf);
		stamp(view->map + PAGES(1) + 64, child, ZCGEM_PAGE / 2, 512, VIEW_SEED + 5);
		igt_assert_eq(munmap(view->map + part + PAGES(3), PAGES(2)), 0);
		igt_assert_eq(mprotect(view->map, part, PROT_READ), 0);
		igt_assert(zcgem_access_faults(view->map, true));
		check_part(view, view->map, 0, part);
	}
	check_part(view, view->map, 0, view->size);
	stamp(view->map + PAGES(2) + 64, 0, ZCGEM_PAGE / 2, 512, VIEW_SEED + 6);
	igt_waitchildren();

	check_stamps(view->map + PAGES(1) + 64, 0, ZCGEM_PAGE / 2, 512, VIEW_SEED + 5);
	check_stamps(view->map + PAGES(2) + 64, 0, ZCGEM_PAGE / 2, 512, VIEW_SEED + 6);
	check_part(view, view->map, 0, view->size);
	expect_leaves(view->map, view->size, view->memory.leaf);
	igt_assert(!zcgem_access_faults(view->map + part + PAGES(3) + 8, true));
	expect_mappings(fd, view, 1);

	/* a child that dies with its mapping, or without having touched it */
	igt_fork(child, 2) {
		if (child)
			check_part(view, view->map, 0, view->size);
	}
	igt_waitchildren();
	check_part(view, view->map, 0, view->size);
	expect_mappings(fd, view, 1);
	igt_assert_eq(munmap(view->map, view->size), 0);
}

static void test_fork(int fd)
{
	try_each_leaf(fd, try_fork);
}

/* The pieces are faulted backwards, so that none is found by its predecessor. */
static void check_pieces(const struct view *view, char *map, uint64_t piece)
{
	uint64_t first = view->size;

	while (first) {
		first -= piece;
		check_part(view, map + first, first, piece);
	}
}

static void split_into(char *map, uint64_t size, uint64_t piece)
{
	uint64_t at;

	/* every other piece gets an advice that changes nothing but the VMA */
	for (at = 0; at < size; at += 2 * piece)
		igt_assert_eq(madvise(map + at, piece, MADV_RANDOM), 0);
}

static void try_split_offset(int fd, struct view *view)
{
	uint64_t piece = view->size / 24;
	char *map, *high;
	int dmabuf;

	/* after the leaves are there */
	split_into(view->map, view->size, piece);
	check_pieces(view, view->map, piece);
	igt_assert_eq(munmap(view->map, view->size), 0);

	/* before */
	map = map_memory(fd, &view->memory, PROT_RW);
	split_into(map, view->size, piece);
	check_pieces(view, map, piece);
	expect_mappings(fd, view, view->size / piece);
	munmap(map, view->size);

	/* by the dma-buf, whose mapping may begin inside the object */
	dmabuf = zcgem_export(fd, view->memory.handle);
	high = mmap(NULL, view->size / 2, PROT_RW, MAP_SHARED, dmabuf, view->size / 2);
	igt_assert(high != MAP_FAILED);
	split_into(high, view->size / 2, piece);
	check_part(view, high, view->size / 2, view->size / 2);
	igt_assert_eq(munmap(high + piece, 3 * piece), 0);
	check_part(view, high, view->size / 2, piece);
	check_part(view, high + 4 * piece, view->size / 2 + 4 * piece,
		   view->size / 2 - 4 * piece);
	munmap(high, view->size / 2);
	close(dmabuf);
}

static void test_split_offset(int fd)
{
	static const enum memory_kind kinds[] = { SHMEM_4K, HUGETLB_2M };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct view view;

		open_view(fd, kinds[i], &view);
		try_split_offset(fd, &view);
		close_view(fd, &view);
	}
}

/* A thread that reads all over a mapping, again and again, and so faults it in. */
struct reader {
	pthread_t thread;
	char *map;
	uint64_t size, step;
	volatile bool stop;
	volatile uint64_t rounds;
};

static void *read_always(void *data)
{
	struct reader *reader = data;

	while (!reader->stop) {
		touch(reader->map, reader->size, reader->step, false);
		reader->rounds++;
	}
	return NULL;
}

static void start_reader(struct reader *reader, const struct view *view)
{
	*reader = (struct reader) {
		.map = view->map, .size = view->size, .step = view->size / 64,
	};
	igt_assert_eq(pthread_create(&reader->thread, NULL, read_always, reader), 0);
	while (reader->rounds < 3)
		sched_yield();
}

static void stop_reader(struct reader *reader)
{
	reader->stop = true;
	pthread_join(reader->thread, NULL);
}

/*
 * A split zaps a 1 GiB leaf before it locks the VMA against faults. One that is
 * faulted in again between lies across two VMAs then.
 */
static void try_split_vs_faults(int fd, struct view *view)
{
	const unsigned int rounds = view->memory.leaf == LEAF_1G ? 60 : 40;
	struct reader reader;
	unsigned int round;

	for (round = 0; round < rounds; round++) {
		start_reader(&reader, view);
		igt_assert_eq(madvise(view->map + view->size / 2, PAGES(1), MADV_RANDOM), 0);
		zcgem_evict(fd, view->memory.handle, view->size);
		igt_assert_eq(mprotect(view->map + view->size / 4, PAGES(3), PROT_READ), 0);
		zcgem_evict(fd, view->memory.handle, view->size);
		stop_reader(&reader);
		check_part(view, view->map, 0, view->size);
		igt_assert_eq(munmap(view->map, view->size), 0);
		view->map = map_memory(fd, &view->memory, PROT_RW);
	}
	igt_assert_eq(munmap(view->map, view->size), 0);
}

static void test_split_vs_faults(int fd)
{
	try_each_leaf(fd, try_split_vs_faults);
}

/*
 * Where a split is at 2 MiB nothing looks below a 1 GiB leaf. One that stayed would be
 * zapped by halves, which 6.12 only does for a caller that holds mmap_lock.
 */
static void try_split_halves(int fd, struct view *view)
{
	uint64_t half = view->size / 2;

	check_part(view, view->map, 0, view->size);
	igt_assert_eq(madvise(view->map + half, half, MADV_RANDOM), 0);
	zcgem_evict(fd, view->memory.handle, view->size);
	check_part(view, view->map, 0, view->size);
	igt_assert_eq(munmap(view->map + half, half), 0);
	zcgem_evict(fd, view->memory.handle, view->size);
	check_part(view, view->map, 0, half);
	igt_assert_eq(munmap(view->map, half), 0);
}

static void test_split_halves(int fd)
{
	try_each_leaf(fd, try_split_halves);
}

int igt_main()
{
	int fd = -1;

	igt_fixture() {
		fd = zcgem_open();
		require_walker();
	}

	igt_describe("After munmap nothing is mapped, whatever the leaves were (class 1)");
	igt_subtest("munmap")
		zcgem_run_counted(fd, test_munmap);

	igt_describe("What is left after munmap of parts shows the right pages (class 1)");
	igt_subtest("munmap-part")
		zcgem_run_counted(fd, test_munmap_part);

	igt_describe("A moved mapping shows its pages, the old addresses nothing (class 1)");
	igt_subtest("mremap-move")
		zcgem_run_counted(fd, test_mremap_move);

	igt_describe("A part can be moved out of the middle of a leaf (class 1)");
	igt_subtest("mremap-part")
		zcgem_run_counted(fd, test_mremap_part);

	igt_describe("A mapping can be shrunk to less than a leaf (class 1)");
	igt_subtest("mremap-shrink")
		zcgem_run_counted(fd, test_mremap_shrink);

	igt_describe("A mapping cannot be grown, doubled, or moved and kept (class 1)");
	igt_subtest("mremap-grow")
		zcgem_run_counted(fd, test_mremap_grow);

	igt_describe("After a move no processor reaches freed pages by the old translation (class 1)");
	igt_subtest("mremap-no-stale")
		zcgem_run_counted(fd, test_mremap_no_stale);

	igt_describe("Parts of a leaf can get another protection and get it back");
	igt_subtest("mprotect-part")
		zcgem_run_counted(fd, test_mprotect_part);

	igt_describe("Parent and child share all leaves, and each can cut its own (class 1)");
	igt_subtest("fork")
		zcgem_run_counted(fd, test_fork);

	igt_describe("Pieces of a mapping that was split show their own pages (class 1)");
	igt_subtest("split-offset")
		zcgem_run_counted(fd, test_split_offset);

	igt_describe("Halves of a mapping are zapped by eviction as the whole was (class 1)");
	igt_subtest("split-halves")
		zcgem_run_counted(fd, test_split_halves);

	igt_describe("Splits race with faults and eviction");
	igt_subtest("split-vs-faults")
		zcgem_run_counted(fd, test_split_vs_faults);

	igt_fixture()
		drm_close_driver(fd);
}
