// SPDX-License-Identifier: MIT
/*
 * Objects of every kind of memory that a leaf of a page table can map.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_zcgem_memory.h"
#include "igt_zcgem_settings.h"
#include "ioctl_wrappers.h"

#define THP_DIR		"/sys/kernel/mm/transparent_hugepage/"
#define GIANT_DIR	"/sys/kernel/mm/hugepages/hugepages-1048576kB/"

#define PROT_RW (PROT_READ | PROT_WRITE)

/* Giant pages come back a while after the object that had them is closed. */
static bool giant_page_free(void)
{
	char text[8];
	int step;

	/* where pages have 16 KiB, a PUD maps more than any machine has */
	if (LEAF_1G != 1ull << 30)
		return false;
	if (!zcgem_read_setting(GIANT_DIR "nr_hugepages", text, sizeof(text)))
		return false;
	if (!atol(text))
		zcgem_change_setting(GIANT_DIR "nr_hugepages", "1");
	for (step = 0; step < 3000; step++) {
		if (!zcgem_read_number(GIANT_DIR "nr_hugepages"))
			return false;
		if (zcgem_read_number(GIANT_DIR "free_hugepages"))
			return true;
		usleep(10000);
	}
	return false;
}

const char *memory_name(enum memory_kind kind)
{
	static const char * const names[] = {
		[SHMEM_4K] = "memfd of 4 KiB pages",
		[SHMEM_THP] = "memfd of 2 MiB pages",
		[HUGETLB_2M] = "hugetlb memfd of 2 MiB pages",
		[HUGETLB_1G] = "hugetlb memfd of 1 GiB pages",
		[ANON_4K] = "anonymous 4 KiB pages",
		[ANON_THP] = "anonymous 2 MiB pages",
		[ANON_HUGETLB] = "anonymous hugetlb pages",
		[POOL] = "pool",
		[POOL_WC] = "write-combined pool",
	};

	return names[kind];
}

/**
 * memory_available:
 * @kind: kind of memory
 * @size: bytes
 *
 * Returns: Whether make_memory() would not skip for want of 1 GiB pages, which
 * only a machine started with them is sure to have.
 */
bool memory_available(enum memory_kind kind, uint64_t size)
{
	return kind != HUGETLB_1G || (size <= LEAF_1G && giant_page_free());
}

static void *reserve_aligned(uint64_t size, uint64_t align, int flags)
{
	char *start = mmap(NULL, size + align, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *aligned;

	igt_assert(start != MAP_FAILED);
	aligned = (char *)ALIGN((uintptr_t)start, align);
	if (aligned > start)
		munmap(start, aligned - start);
	munmap(aligned + size, start + align - aligned);
	if (flags)
		igt_assert(mmap(aligned, size, PROT_RW, flags | MAP_FIXED, -1, 0) ==
			   aligned);
	return aligned;
}

/*
 * Gets small pages in an order that is not that of the addresses, so that chance
 * does not put a table of them in a row, which would be mapped like a huge page. No
 * page is read before: that would map the huge zero page, and a write to that
 * gives small pages on 6.12.
 */
static void allocate_scattered(void *start, uint64_t size)
{
	const uint64_t step = 7 * LEAF_4K;
	uint64_t first, at;

	for (first = 0; first < step; first += LEAF_4K) {
		for (at = first; at < size; at += step)
			*(volatile char *)((char *)start + at) = 0;
	}
}

static void require_own_leaves(const struct memory *memory)
{
	struct leaf_count sum;

	count_leaves(memory->own, memory->size, &sum);
	igt_debug("%" PRIu64 " leaves of 2M, %" PRIu64 " of 4K\n", sum.large, sum.small);
	igt_require_f(sum.large == memory->size / LEAF_2M && !sum.small,
		      "the kernel gives no 2 MiB pages for this\n");
}

static void make_shmem(struct memory *memory, bool huge)
{
	memory->memfd = zcgem_memfd(memory->size, F_SEAL_SHRINK);
	memory->own = reserve_aligned(memory->size, LEAF_2M, 0);
	igt_assert(mmap(memory->own, memory->size, PROT_RW, MAP_SHARED | MAP_FIXED,
			memory->memfd, 0) == memory->own);
	if (!huge) {
		allocate_scattered(memory->own, memory->size);
		return;
	}

	zcgem_change_setting(THP_DIR "shmem_enabled", "advise");
	igt_assert_eq(madvise(memory->own, memory->size, MADV_HUGEPAGE), 0);
	allocate_scattered(memory->own, memory->size);
	require_own_leaves(memory);
}

static void make_hugetlb(struct memory *memory)
{
	if (memory->leaf == LEAF_2M) {
		memory->memfd = zcgem_memfd_hugetlb(memory->size, F_SEAL_SHRINK);
	} else {
		igt_require_f(memory_available(HUGETLB_1G, memory->size),
			      "no free 1 GiB page\n");
		memory->memfd = memfd_create("igt-zcgem", MFD_CLOEXEC | MFD_ALLOW_SEALING |
					     MFD_HUGETLB | MFD_HUGE_1GB);
		igt_require_f(memory->memfd >= 0, "no memfd on 1 GiB pages: %m\n");
		igt_assert_eq(ftruncate(memory->memfd, memory->size), 0);
		igt_assert_eq(fcntl(memory->memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	}
	memory->own = mmap(NULL, memory->size, PROT_RW, MAP_SHARED, memory->memfd, 0);
	igt_assert_f(memory->own != MAP_FAILED, "mmap of hugetlb: %m\n");
}

/**
 * page_table_is_checked:
 *
 * Returns: Whether the kernel checks each entry of page tables. Then the driver maps anonymous
 * memory, which has another mapping, by small entries.
 */
bool page_table_is_checked(void)
{
	char words[4096];

	return zcgem_read_setting("/proc/cmdline", words, sizeof(words)) &&
	       strstr(words, "page_table_check=on");
}

static void make_anonymous(int fd, struct memory *memory)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS, advice = MADV_HUGEPAGE;

	if (memory->kind == ANON_HUGETLB) {
		/* asks the kernel for the pages */
		close(zcgem_memfd_hugetlb(memory->size, 0));
		flags |= MAP_HUGETLB | __builtin_ctzll(LEAF_2M) << MAP_HUGE_SHIFT;
		memory->own = mmap(NULL, memory->size, PROT_RW, flags, -1, 0);
		igt_require_f(memory->own != MAP_FAILED, "no hugetlb memory: %m\n");
	} else {
		memory->own = reserve_aligned(memory->size, LEAF_2M, flags);
		if (memory->kind == ANON_4K)
			advice = MADV_NOHUGEPAGE;
		else
			zcgem_change_setting(THP_DIR "enabled", "madvise");
		/* a kernel without huge pages does not know the advice */
		igt_assert(!madvise(memory->own, memory->size, advice) ||
			   (advice == MADV_NOHUGEPAGE && errno == EINVAL));
	}
	allocate_scattered(memory->own, memory->size);
	if (memory->kind == ANON_THP)
		require_own_leaves(memory);
	memory->handle = zcgem_wrap_address(fd, memory->own, memory->size, 0);
	if (page_table_is_checked())
		memory->leaf = LEAF_4K;
}

/**
 * make_memory:
 * @fd: zcgem descriptor
 * @kind: kind of memory
 * @size: bytes, a multiple of the kind's page size
 * @memory: filled
 *
 * Skips where the machine has no such memory.
 */
void make_memory(int fd, enum memory_kind kind, uint64_t size, struct memory *memory)
{
	*memory = (struct memory) {
		.kind = kind,
		.size = size,
		.leaf = kind == HUGETLB_1G ? LEAF_1G :
			kind == SHMEM_4K || kind == ANON_4K ? LEAF_4K : LEAF_2M,
		.memfd = -1,
	};

	if (!has_large_leaves())
		memory->leaf = LEAF_4K;
	igt_debug("%s, %" PRIu64 " KiB\n", memory_name(kind), size >> 10);
	switch (kind) {
	case SHMEM_4K:
	case SHMEM_THP:
		make_shmem(memory, kind == SHMEM_THP);
		break;
	case HUGETLB_2M:
	case HUGETLB_1G:
		make_hugetlb(memory);
		break;
	case ANON_4K:
	case ANON_THP:
	case ANON_HUGETLB:
		make_anonymous(fd, memory);
		return;
	case POOL:
	case POOL_WC:
		memory->handle = zcgem_create(fd, size, kind == POOL_WC ?
					      DRM_ZCGEM_CREATE_WC : 0);
		return;
	}
	memory->handle = zcgem_wrap_memfd(fd, memory->memfd, 0, size, 0);
}

/**
 * free_memory:
 * @fd: zcgem descriptor
 * @memory: what make_memory() filled
 */
void free_memory(int fd, struct memory *memory)
{
	if (memory->handle)
		gem_close(fd, memory->handle);
	if (memory->own)
		munmap(memory->own, memory->size);
	if (memory->memfd >= 0)
		close(memory->memfd);
}

/**
 * map_memory:
 * @fd: zcgem descriptor
 * @memory: an object
 * @prot: PROT flags
 *
 * Returns: The start of a mapping of the whole object.
 */
void *map_memory(int fd, const struct memory *memory, int prot)
{
	return zcgem_mmap(fd, memory->handle, memory->size, prot);
}

/* Says where in the object it belongs, and is never zero. */
static uint64_t stamp_value(uint64_t offset, uint64_t seed)
{
	return seed << 44 | offset | 1;
}

/**
 * stamp:
 * @map: where byte @first of an object is mapped
 * @first: offset in the object
 * @size: bytes
 * @step: distance of the stamps
 * @seed: makes them differ from others
 *
 * Writes into an object that is too large to be filled.
 */
void stamp(void *map, uint64_t first, uint64_t size, uint64_t step, uint64_t seed)
{
	uint64_t at;

	for (at = 0; at < size; at += step)
		*(volatile uint64_t *)((char *)map + at) = stamp_value(first + at, seed);
}

/**
 * first_bad_stamp:
 * @map: where byte @first of an object is mapped
 * @first: offset in the object
 * @size: bytes
 * @step: distance of the stamps
 * @seed: what stamp() was given
 *
 * For threads, which must not fail an assertion.
 *
 * Returns: Offset from @map of the first one that is wrong, or @size.
 */
uint64_t first_bad_stamp(const void *map, uint64_t first, uint64_t size,
			 uint64_t step, uint64_t seed)
{
	uint64_t at;

	for (at = 0; at < size; at += step) {
		if (*(const volatile uint64_t *)((const char *)map + at) !=
		    stamp_value(first + at, seed))
			return at;
	}
	return size;
}

/**
 * check_stamps:
 * @map: where byte @first of an object is mapped
 * @first: offset in the object
 * @size: bytes
 * @step: distance of the stamps
 * @seed: what stamp() was given
 *
 * Fails unless all are there.
 */
void check_stamps(const void *map, uint64_t first, uint64_t size, uint64_t step,
		  uint64_t seed)
{
	uint64_t bad = first_bad_stamp(map, first, size, step, seed);

	igt_assert_f(bad == size, "at byte %#" PRIx64 " of the object: %#" PRIx64
		     ", expected %#" PRIx64 "\n", first + bad,
		     *(const volatile uint64_t *)((const char *)map + bad),
		     stamp_value(first + bad, seed));
}

/**
 * touch:
 * @map: memory
 * @size: bytes
 * @step: distance of the accesses
 * @write: write what is there rather than just read it
 */
void touch(const void *map, uint64_t size, uint64_t step, bool write)
{
	uint64_t at;

	for (at = 0; at < size; at += step) {
		volatile uint64_t *word = (volatile uint64_t *)((char *)map + at);
		uint64_t value = *word;

		if (write)
			*word = value;
	}
}

/**
 * minor_faults:
 *
 * Returns: The kernel's count of this thread's faults.
 */
uint64_t minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_minflt;
}
