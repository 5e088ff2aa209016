// SPDX-License-Identifier: MIT
/*
 * Memory of this process for tests of memory, and marks that tell its pages apart.
 */
#include <inttypes.h>
#include <sys/mman.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_zcgem_wrap.h"

#define WORDS	(ZCGEM_PAGE / sizeof(uint64_t))

/**
 * zcgem_anonymous:
 * @size: bytes
 *
 * Returns: Private memory on 4 KiB pages, not touched yet.
 */
void *zcgem_anonymous(uint64_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	igt_assert_f(map != MAP_FAILED, "%" PRIu64 " bytes of memory: %m\n", size);
	/* EINVAL where the kernel has no huge pages is as good */
	madvise(map, size, MADV_NOHUGEPAGE);
	return map;
}

/**
 * zcgem_shared_anonymous:
 * @size: bytes
 *
 * Returns: Memory that a child shares, a file of shmem without a name.
 */
void *zcgem_shared_anonymous(uint64_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert_f(map != MAP_FAILED, "%" PRIu64 " bytes of memory: %m\n", size);
	return map;
}

/**
 * zcgem_huge_anonymous:
 * @size: bytes, a multiple of 2 MiB
 *
 * The memory starts at a multiple of 2 MiB and has its pages. Whether they are
 * huge ones is for the test to look at: an object of them tells.
 *
 * Returns: Private memory, on transparent huge pages if there are any.
 */
void *zcgem_huge_anonymous(uint64_t size)
{
	uintptr_t start;
	char *map;

	map = mmap(NULL, size + ZCGEM_HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert_f(map != MAP_FAILED, "%" PRIu64 " bytes of memory: %m\n", size);

	start = ALIGN((uintptr_t)map, ZCGEM_HUGE);
	if (start > (uintptr_t)map)
		munmap(map, start - (uintptr_t)map);
	munmap((char *)start + size, (uintptr_t)map + ZCGEM_HUGE - start);

	igt_require_f(!madvise((void *)start, size, MADV_HUGEPAGE),
		      "the kernel has no transparent huge pages\n");
	for (uint64_t at = 0; at < size; at += ZCGEM_PAGE)
		((volatile char *)start)[at] = 1;
	return (void *)start;
}

/**
 * zcgem_mark:
 * @map: memory
 * @page: page in it
 * @value: what to write at both ends of the page
 */
void zcgem_mark(void *map, uint64_t page, uint64_t value)
{
	volatile uint64_t *words = map;

	words[page * WORDS] = value;
	words[page * WORDS + WORDS - 1] = ~value;
}

/**
 * zcgem_check_mark:
 * @map: memory
 * @page: page in it
 * @value: what zcgem_mark() was given
 */
void zcgem_check_mark(const void *map, uint64_t page, uint64_t value)
{
	const volatile uint64_t *words = map;
	uint64_t first = words[page * WORDS], last = words[page * WORDS + WORDS - 1];

	igt_assert_f(first == value && last == ~value,
		     "page %" PRIu64 ": %#" PRIx64 " %#" PRIx64 ", expected %#" PRIx64 "\n",
		     page, first, last, value);
}

/**
 * zcgem_mark_all:
 * @map: memory
 * @size: bytes
 * @value: mark of the first page; the others count up
 */
void zcgem_mark_all(void *map, uint64_t size, uint64_t value)
{
	uint64_t page;

	for (page = 0; page < size / ZCGEM_PAGE; page++)
		zcgem_mark(map, page, value + page);
}

/**
 * zcgem_check_marks:
 * @map: memory
 * @size: bytes
 * @value: what zcgem_mark_all() was given
 */
void zcgem_check_marks(const void *map, uint64_t size, uint64_t value)
{
	uint64_t page;

	for (page = 0; page < size / ZCGEM_PAGE; page++)
		zcgem_check_mark(map, page, value + page);
}

/**
 * zcgem_check_same:
 * @one: a view of memory
 * @other: what should be a view of the same memory
 * @size: bytes
 *
 * Writes through each and looks through the other.
 */
void zcgem_check_same(void *one, void *other, uint64_t size)
{
	static uint64_t round;

	round += 1ull << 40;
	zcgem_mark_all(one, size, round);
	zcgem_check_marks(other, size, round);
	round += 1ull << 40;
	zcgem_mark_all(other, size, round);
	zcgem_check_marks(one, size, round);
}

/**
 * zcgem_check_order:
 * @object: a view of an object
 * @file: a view of the memory that it is of
 * @order: where in @file each page of the object is
 * @pages: how many it has
 *
 * As zcgem_check_same(), for pages in another order.
 */
void zcgem_check_order(void *object, void *file, const uint32_t *order, uint32_t pages)
{
	uint32_t i;

	for (i = 0; i < pages; i++) {
		zcgem_mark(file, order[i], 0x1000000 + i);
		zcgem_check_mark(object, i, 0x1000000 + i);
		zcgem_mark(object, i, 0x2000000 + i);
		zcgem_check_mark(file, order[i], 0x2000000 + i);
	}
}

/**
 * zcgem_check_zero:
 * @map: memory
 * @size: bytes
 */
void zcgem_check_zero(const void *map, uint64_t size)
{
	const volatile uint64_t *words = map;
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], 0);
}
