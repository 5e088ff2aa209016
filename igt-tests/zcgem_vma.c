// SPDX-License-Identifier: MIT
/*
 * What a program can do to a mapping of an object: cut it, move it, protect it,
 * share it with a child, advise on it. Each is done to mappings by leaves of
 * every size, because a leaf that is larger than what an operation is about has
 * to be taken apart first: peers' bug classes 1 and 9.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_leaves.h"
#include "igt_zcgem.h"
#include "igt_zcgem_memory.h"

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
 *
 * SUBTEST: advice
 * Description: Each MADV has a definite answer and leaves contents alone (class 1).
 *
 * SUBTEST: mlock
 * Description: mlock, munlock, mlockall and MAP_LOCKED are accepted and do nothing.
 *
 * SUBTEST: populate-flag
 * Description: MAP_POPULATE does no harm.
 *
 * SUBTEST: userfaultfd
 * Description: Nobody else can serve the faults of a mapping (class 8).
 *
 * SUBTEST: soft-dirty
 * Description: Writes after soft-dirty bits were cleared do not hang and are not lost.
 *
 * SUBTEST: flags
 * Description: Mappings are neither dumped nor expanded, and say so.
 *
 * SUBTEST: remap-file-pages
 * Description: Pages of a mapping cannot be exchanged.
 *
 * SUBTEST: private-read-only
 * Description: MAP_PRIVATE is refused on descriptors that can only be read (class 9).
 *
 * SUBTEST: write-read-only
 * Description: No protection change gives more than the descriptor or object allows (class 9).
 *
 * SUBTEST: exec
 * Description: PROT_EXEC maps as on other DRM nodes and what was written runs (class 9).
 */

IGT_TEST_DESCRIPTION("Check what can be done to mappings of zcgem objects");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)
#define SEED 1

/**
 * struct view - An object, stamped, and a mapping of it whose leaves are all there.
 * @memory: the object
 * @map: the mapping
 * @size: bytes
 * @step: distance of the stamps
 */
struct view {
	struct memory memory;
	char *map;
	uint64_t size, step;
};

static const enum memory_kind kinds[] = { SHMEM_4K, HUGETLB_2M, HUGETLB_1G };

static uint64_t kind_size(enum memory_kind kind)
{
	return kind == HUGETLB_1G ? LEAF_1G : 3 * LEAF_2M;
}

static void open_view(int fd, enum memory_kind kind, struct view *view)
{
	view->size = kind_size(kind);
	view->step = kind == HUGETLB_1G ? PAGES(16) : ZCGEM_PAGE;
	make_memory(fd, kind, view->size, &view->memory);
	stamp(view->memory.own, 0, view->size, view->step, SEED);
	view->map = map_memory(fd, &view->memory, PROT_RW);
	check_stamps(view->map, 0, view->size, view->step, SEED);
	expect_leaves(view->map, view->size, view->memory.leaf);
}

/* Whatever was done to the mapping, it was not done to the memory. */
static void close_view(int fd, struct view *view)
{
	check_stamps(view->memory.own, 0, view->size, view->step, SEED);
	free_memory(fd, &view->memory);
}

static void try_each_leaf(int fd, void (*test)(int fd, struct view *view))
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct view view;

		if (!memory_available(kinds[i], kind_size(kinds[i])))
			continue;
		open_view(fd, kinds[i], &view);
		test(fd, &view);
		close_view(fd, &view);
	}
}

/* The stamps that lie in a part of the object which is mapped at @map. */
static void check_part(const struct view *view, const char *map, uint64_t first,
		       uint64_t size)
{
	uint64_t skip = ALIGN(first, view->step) - first;

	if (skip < size)
		check_stamps(map + skip, first + skip, size - skip, view->step, SEED);
}

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
	stamp(view->map, 0, view->size, view->step, SEED + 1);
	check_stamps(view->memory.own, 0, view->size, view->step, SEED + 1);
	stamp(view->memory.own, 0, view->size, view->step, SEED);

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
	stamp(view->map, 0, view->size, view->step, SEED);
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
		stamp(view->map + PAGES(1) + 64, child, ZCGEM_PAGE / 2, 512, SEED + 5);
		igt_assert_eq(munmap(view->map + part + PAGES(3), PAGES(2)), 0);
		igt_assert_eq(mprotect(view->map, part, PROT_READ), 0);
		igt_assert(zcgem_access_faults(view->map, true));
		check_part(view, view->map, 0, part);
	}
	check_part(view, view->map, 0, view->size);
	stamp(view->map + PAGES(2) + 64, 0, ZCGEM_PAGE / 2, 512, SEED + 6);
	igt_waitchildren();

	check_stamps(view->map + PAGES(1) + 64, 0, ZCGEM_PAGE / 2, 512, SEED + 5);
	check_stamps(view->map + PAGES(2) + 64, 0, ZCGEM_PAGE / 2, 512, SEED + 6);
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
	unsigned int i;

	for (i = 0; i < 2; i++) {
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

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

/* errno 0 is success; where kernels differ, the other answer follows. */
static const struct {
	const char *name;
	int advice, err, or_err;
} advices[] = {
	{ "NORMAL", MADV_NORMAL, 0, 0 },
	{ "RANDOM", MADV_RANDOM, 0, 0 },
	{ "SEQUENTIAL", MADV_SEQUENTIAL, 0, 0 },
	{ "WILLNEED", MADV_WILLNEED, 0, 0 },
	{ "DONTNEED", MADV_DONTNEED, EINVAL, EINVAL },
	{ "FREE", MADV_FREE, EINVAL, EINVAL },
	{ "REMOVE", MADV_REMOVE, EOPNOTSUPP, ENODEV },
	{ "DONTFORK", MADV_DONTFORK, 0, 0 },
	{ "DOFORK", MADV_DOFORK, EINVAL, EINVAL },
	{ "MERGEABLE", MADV_MERGEABLE, 0, 0 },
	{ "UNMERGEABLE", MADV_UNMERGEABLE, 0, 0 },
	{ "HUGEPAGE", MADV_HUGEPAGE, 0, 0 },
	{ "COLLAPSE", MADV_COLLAPSE, EINVAL, EINVAL },
	{ "DONTDUMP", MADV_DONTDUMP, 0, 0 },
	{ "DODUMP", MADV_DODUMP, EINVAL, EINVAL },
	{ "WIPEONFORK", MADV_WIPEONFORK, EINVAL, EINVAL },
	{ "KEEPONFORK", MADV_KEEPONFORK, 0, 0 },
	{ "COLD", MADV_COLD, EINVAL, EINVAL },
	{ "PAGEOUT", MADV_PAGEOUT, EINVAL, EINVAL },
	{ "POPULATE_READ", MADV_POPULATE_READ, EFAULT, EINVAL },
	{ "POPULATE_WRITE", MADV_POPULATE_WRITE, EFAULT, EINVAL },
	{ "DONTNEED_LOCKED", MADV_DONTNEED_LOCKED, EINVAL, EINVAL },
	{ "GUARD_INSTALL", MADV_GUARD_INSTALL, EINVAL, EINVAL },
};

static void try_advice(int fd, struct view *view)
{
	unsigned int i, part;

	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		for (part = 0; part < 2; part++) {
			char *map = map_memory(fd, &view->memory, PROT_RW);
			uint64_t first = part ? view->size / 2 + PAGES(3) : 0;
			uint64_t size = part ? PAGES(4) : view->size;
			int err;

			check_part(view, map, 0, view->size);
			err = madvise(map + first, size, advices[i].advice) ? errno : 0;
			igt_debug("MADV_%s: %d\n", advices[i].name, err);
			igt_assert_f(err == advices[i].err || err == advices[i].or_err,
				     "MADV_%s: %d, expected %d or %d\n", advices[i].name,
				     err, advices[i].err, advices[i].or_err);
			check_part(view, map, 0, view->size);
			stamp(map, 0, view->size, view->step, SEED);
			munmap(map, view->size);
		}
	}
	munmap(view->map, view->size);
}

static void test_advice(int fd)
{
	try_each_leaf(fd, try_advice);
}

static void try_mlock(int fd, struct view *view)
{
	char *map;

	igt_assert_eq(mlock(view->map, view->size), 0);
	check_part(view, view->map, 0, view->size);
	igt_assert_eq(munlock(view->map, view->size), 0);
	igt_assert_eq(mlock2(view->map + PAGES(1), PAGES(2), MLOCK_ONFAULT), 0);
	igt_assert_eq(munlock(view->map, view->size), 0);
	check_part(view, view->map, 0, view->size);
	munmap(view->map, view->size);

	/* locked or not, the object can be evicted */
	map = mmap(NULL, view->size, PROT_RW, MAP_SHARED | MAP_LOCKED, fd,
		   zcgem_mmap_offset(fd, view->memory.handle));
	igt_assert(map != MAP_FAILED);
	check_part(view, map, 0, view->size);
	igt_assert_eq(mlock(map, view->size), 0);
	zcgem_evict(fd, view->memory.handle, view->size);
	check_part(view, map, 0, view->size);
	munmap(map, view->size);
}

static void test_mlock(int fd)
{
	const uint64_t size = PAGES(16);
	uint32_t handle = zcgem_create(fd, size, 0);

	try_each_leaf(fd, try_mlock);

	igt_fork(child, 1) {
		char *map;

		igt_assert_eq(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
		map = zcgem_mmap(fd, handle, size, PROT_RW);
		zcgem_fill(map, size, 1);
		zcgem_check(map, size, 1);
		igt_assert_eq(munmap(map, size), 0);
		(void)child;
	}
	igt_waitchildren();
}

static void try_populate_flag(int fd, struct view *view)
{
	char *map;

	munmap(view->map, view->size);
	map = mmap(NULL, view->size, PROT_RW, MAP_SHARED | MAP_POPULATE, fd,
		   zcgem_mmap_offset(fd, view->memory.handle));
	igt_assert(map != MAP_FAILED);
	check_part(view, map, 0, view->size);
	expect_leaves(map, view->size, view->memory.leaf);
	munmap(map, view->size);
}

static void test_populate_flag(int fd)
{
	try_each_leaf(fd, try_populate_flag);
}

static int open_userfaultfd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		return -1;
	}
	return uffd;
}

static int register_range(int uffd, const struct view *view, uint64_t mode)
{
	struct uffdio_register range = {
		.range = { (uintptr_t)view->map, view->size },
		.mode = mode,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &range) ? -errno : 0;
}

/* With asynchronous tracking of writes the kernel takes any memory but this. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

static void try_userfaultfd(int fd, struct view *view)
{
	static const uint64_t features[] = { 0, UFFD_FEATURE_WP_ASYNC };
	unsigned int i;
	uint64_t mode;

	(void)fd;
	for (i = 0; i < ARRAY_SIZE(features); i++) {
		int uffd = open_userfaultfd(features[i]);

		igt_require_f(uffd >= 0, "no userfaultfd: %m\n");
		for (mode = 1; mode < 8; mode++)
			igt_assert_eq(register_range(uffd, view, mode), -EINVAL);
		close(uffd);
	}
	check_part(view, view->map, 0, view->size);
	munmap(view->map, view->size);
}

static void test_userfaultfd(int fd)
{
	try_each_leaf(fd, try_userfaultfd);
}

static void clear_soft_dirty(void)
{
	int file = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	igt_require_f(file >= 0, "no clear_refs: %m\n");
	igt_assert_eq(write(file, "4", 1), 1);
	close(file);
}

static void try_soft_dirty(int fd, struct view *view)
{
	unsigned int round;
	char *map;

	for (round = 0; round < 2; round++) {
		/* leaves that are there; then ones that are made after it, by a read */
		clear_soft_dirty();
		stamp(view->map, 0, view->size, view->step, SEED + 1);
		check_stamps(view->memory.own, 0, view->size, view->step, SEED + 1);

		clear_soft_dirty();
		zcgem_evict(fd, view->memory.handle, view->size);
		check_stamps(view->map, 0, view->size, view->step, SEED + 1);
		stamp(view->map, 0, view->size, view->step, SEED + 2);
		check_stamps(view->memory.own, 0, view->size, view->step, SEED + 2);
		expect_leaves(view->map, view->size, view->memory.leaf);

		/* and by a write */
		zcgem_evict(fd, view->memory.handle, view->size);
		stamp(view->map, 0, view->size, view->step, SEED);
		check_stamps(view->memory.own, 0, view->size, view->step, SEED);
	}

	map = map_memory(fd, &view->memory, PROT_RW);
	clear_soft_dirty();
	check_stamps(map, 0, view->size, view->step, SEED);
	stamp(map, 0, view->size, view->step, SEED);
	expect_leaves(map, view->size, view->memory.leaf);
	munmap(map, view->size);
	munmap(view->map, view->size);
}

static void test_soft_dirty(int fd)
{
	try_each_leaf(fd, try_soft_dirty);
}

/* The two-letter flags of the mapping at @map, as /proc/self/smaps says them. */
static void read_vm_flags(const char *map, char *flags, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	uint64_t start = 0, end;
	char line[512];
	bool ours = false;

	igt_assert(file);
	*flags = '\0';
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			ours = start == (uintptr_t)map;
		if (ours && !strncmp(line, "VmFlags:", 8)) {
			snprintf(flags, size, "%s", line + 8);
			break;
		}
	}
	fclose(file);
	igt_debug("VmFlags:%s", flags);
	igt_assert_f(*flags, "no mapping in smaps\n");
}

static void check_vm_flags(const char *map, const char *wanted, const char *unwanted)
{
	char flags[512], word[5];

	read_vm_flags(map, flags, sizeof(flags));
	for (; *wanted; wanted += 2) {
		snprintf(word, sizeof(word), " %.2s ", wanted);
		igt_assert_f(strstr(flags, word), "no%sin%s", word, flags);
	}
	for (; *unwanted; unwanted += 2) {
		snprintf(word, sizeof(word), " %.2s ", unwanted);
		igt_assert_f(!strstr(flags, word), "%sin%s", word, flags);
	}
}

static void test_flags(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint32_t readonly = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	char *map;

	/* pf: PFNMAP, io, de: DONTEXPAND, dd: DONTDUMP, mw: may become writable */
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	check_vm_flags(map, "rdwrshmrmwpfioddde", "lomm");
	munmap(map, size);
	map = zcgem_mmap(fd, handle, size, PROT_READ);
	check_vm_flags(map, "rdshmrmwpfioddde", "wrlomm");
	munmap(map, size);
	map = zcgem_mmap(fd, readonly, size, PROT_READ);
	check_vm_flags(map, "rdmrpfioddde", "wrmwlomm");
	munmap(map, size);

	dmabuf = zcgem_export(fd, handle);
	map = mmap(NULL, size, PROT_RW, MAP_SHARED, dmabuf, 0);
	igt_assert(map != MAP_FAILED);
	check_vm_flags(map, "rdwrshmrmwpfioddde", "lomm");
	munmap(map, size);
	close(dmabuf);

	/* there is no DAX behind it */
	map = mmap(NULL, size, PROT_RW, MAP_SHARED_VALIDATE | MAP_SYNC, fd,
		   zcgem_mmap_offset(fd, handle));
	igt_assert(map == MAP_FAILED);
	igt_assert_eq(errno, EOPNOTSUPP);
	close(memfd);
}

static void try_remap(int fd, struct view *view)
{
	uint64_t offset = zcgem_mmap_offset(fd, view->memory.handle) / ZCGEM_PAGE;

	igt_assert_eq(syscall(SYS_remap_file_pages, view->map, PAGES(2), 0, offset + 5, 0),
		      -1);
	igt_assert_eq(errno, EINVAL);
	/* like a MAP_FIXED that fails, this may have unmapped what was there */
	check_part(view, view->map + PAGES(2), PAGES(2), view->size - PAGES(2));
	munmap(view->map, view->size);
}

static void test_remap_file_pages(int fd)
{
	try_each_leaf(fd, try_remap);
}

static void expect_no_mmap(int file, uint64_t size, uint64_t offset, int prot, int flags,
			   int err)
{
	void *map = mmap(NULL, size, prot, flags, file, offset);

	igt_assert_f(map == MAP_FAILED, "prot %#x flags %#x was mapped\n", prot, flags);
	igt_assert_eq(errno, err);
}

/* The same node again, by a descriptor that cannot be written. */
static int open_read_only(int fd)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	igt_assert_f(file >= 0, "%s: %m\n", path);
	return file;
}

static void test_private_read_only(int fd)
{
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), node = open_read_only(fd);
	uint32_t handle[2], i;
	int dmabuf;

	handle[0] = zcgem_wrap_memfd(node, memfd, 0, size, 0);
	handle[1] = zcgem_wrap_memfd(node, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	for (i = 0; i < ARRAY_SIZE(handle); i++) {
		uint64_t offset = zcgem_mmap_offset(node, handle[i]);

		igt_assert_eq(__zcgem_export(node, handle[i], DRM_CLOEXEC, &dmabuf), 0);
		expect_no_mmap(node, size, offset, PROT_READ, MAP_PRIVATE, EINVAL);
		expect_no_mmap(node, size, offset, PROT_RW, MAP_PRIVATE, EINVAL);
		expect_no_mmap(node, size, offset, PROT_NONE, MAP_PRIVATE, EINVAL);
		expect_no_mmap(dmabuf, size, 0, PROT_READ, MAP_PRIVATE, EINVAL);
		expect_no_mmap(dmabuf, size, 0, PROT_RW, MAP_PRIVATE, EINVAL);
		expect_no_mmap(dmabuf, size, 0, PROT_NONE, MAP_PRIVATE, EINVAL);
		close(dmabuf);
	}
	close(node);
	close(memfd);
}

static void expect_read_only(char *map, uint64_t size)
{
	igt_assert(map != MAP_FAILED);
	igt_assert(!zcgem_access_faults(map, false));
	igt_assert(zcgem_access_faults(map, true));
	igt_assert_eq(mprotect(map, size, PROT_RW), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(mprotect(map + size / 2, ZCGEM_PAGE, PROT_WRITE), -1);
	igt_assert_eq(errno, EACCES);
	/* also after it was split and moved */
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_NONE), 0);
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_RW), -1);
	igt_assert_eq(mprotect(map, ZCGEM_PAGE, PROT_READ), 0);
	igt_assert(zcgem_access_faults(map, true));
	munmap(map, size);
}

static void test_write_read_only(int fd)
{
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), node = open_read_only(fd), dmabuf;
	uint32_t writable = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	uint32_t readonly = zcgem_wrap_memfd(fd, memfd, 0, size, DRM_ZCGEM_WRAP_READONLY);
	uint32_t handle;

	/* the object says no */
	expect_no_mmap(fd, size, zcgem_mmap_offset(fd, readonly), PROT_RW, MAP_SHARED, EACCES);
	expect_no_mmap(fd, size, zcgem_mmap_offset(fd, readonly), PROT_WRITE, MAP_SHARED,
		       EACCES);
	expect_read_only(zcgem_mmap(fd, readonly, size, PROT_READ), size);

	/* the node's descriptor says no */
	handle = zcgem_wrap_memfd(node, memfd, 0, size, 0);
	expect_no_mmap(node, size, zcgem_mmap_offset(node, handle), PROT_RW, MAP_SHARED,
		       EACCES);
	expect_read_only(zcgem_mmap(node, handle, size, PROT_READ), size);

	/* the dma-buf's descriptor says no, of either object */
	igt_assert_eq(__zcgem_export(fd, writable, DRM_CLOEXEC, &dmabuf), 0);
	expect_no_mmap(dmabuf, size, 0, PROT_RW, MAP_SHARED, EACCES);
	expect_read_only(mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0), size);
	close(dmabuf);
	igt_assert_eq(__zcgem_export(fd, readonly, DRM_CLOEXEC, &dmabuf), 0);
	expect_no_mmap(dmabuf, size, 0, PROT_RW, MAP_SHARED, EACCES);
	expect_read_only(mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0), size);
	close(dmabuf);

	close(node);
	close(memfd);
}

static void test_exec(int fd)
{
	/* mov $42, %eax; ret */
	static const unsigned char code[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	const uint64_t size = PAGES(4);
	uint32_t handle = zcgem_create(fd, size, 0);
	int (*function)(void);
	struct leaf leaf;
	char *map, *run;

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	memcpy(map, code, sizeof(code));
	igt_assert_eq(read_leaves(map, ZCGEM_PAGE, &leaf, 1), 1);
	igt_assert(!leaf_has(&leaf, 'x'));

	run = __zcgem_mmap(fd, handle, size, PROT_READ | PROT_EXEC);
	igt_require_f(run, "the node lies on a file system without exec: %m\n");
	function = (int (*)(void))run;
	igt_assert_eq(function(), 42);
	igt_assert_eq(read_leaves(run, ZCGEM_PAGE, &leaf, 1), 1);
	igt_assert(leaf_has(&leaf, 'x'));
	igt_assert(!leaf_has(&leaf, 'w'));
	munmap(run, size);
	munmap(map, size);
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

	igt_describe("Each MADV has a definite answer and leaves contents alone (class 1)");
	igt_subtest("advice")
		zcgem_run_counted(fd, test_advice);

	igt_describe("mlock, munlock, mlockall and MAP_LOCKED are accepted and do nothing");
	igt_subtest("mlock")
		zcgem_run_counted(fd, test_mlock);

	igt_describe("MAP_POPULATE does no harm");
	igt_subtest("populate-flag")
		zcgem_run_counted(fd, test_populate_flag);

	igt_describe("Nobody else can serve the faults of a mapping (class 8)");
	igt_subtest("userfaultfd")
		zcgem_run_counted(fd, test_userfaultfd);

	igt_describe("Writes after soft-dirty bits were cleared do not hang and are not lost");
	igt_subtest("soft-dirty")
		zcgem_run_counted(fd, test_soft_dirty);

	igt_describe("Mappings are neither dumped nor expanded, and say so");
	igt_subtest("flags")
		zcgem_run_counted(fd, test_flags);

	igt_describe("Pages of a mapping cannot be exchanged");
	igt_subtest("remap-file-pages")
		zcgem_run_counted(fd, test_remap_file_pages);

	igt_describe("MAP_PRIVATE is refused on descriptors that can only be read (class 9)");
	igt_subtest("private-read-only")
		zcgem_run_counted(fd, test_private_read_only);

	igt_describe("No protection change gives more than the descriptor or object allows (class 9)");
	igt_subtest("write-read-only")
		zcgem_run_counted(fd, test_write_read_only);

	igt_describe("PROT_EXEC maps as on other DRM nodes and what was written runs (class 9)");
	igt_subtest("exec")
		zcgem_run_counted(fd, test_exec);

	igt_fixture()
		drm_close_driver(fd);
}
