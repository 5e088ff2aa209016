// SPDX-License-Identifier: MIT
/*
 * The kinds of memory that programs wrap: memfds of small pages, of transparent huge
 * pages, and of huge pages of both sizes.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "memory.h"

#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

const struct memory memory_kinds[MEMORY_KINDS] = {
	[MEMORY_SHMEM] = { "shmem", 0, SMALL_PAGE, "never" },
	[MEMORY_THP] = { "thp", 0, 2 * MIB, "force" },
	[MEMORY_HUGETLB_2M] = { "hugetlb-2m", MFD_HUGETLB | MFD_HUGE_2MB, 2 * MIB, NULL },
	[MEMORY_HUGETLB_1G] = { "hugetlb-1g", MFD_HUGETLB | MFD_HUGE_1GB, GIB, NULL },
};

static uint64_t rounded(const struct memory *memory, uint64_t size)
{
	return (size + memory->page_size - 1) / memory->page_size * memory->page_size;
}

/* Has the machine got that much of this kind, free? */
bool memory_available(const struct memory *memory, uint64_t size)
{
	unsigned long pages = 0;
	char path[96];
	FILE *file;

	if (memory->shmem_enabled)
		return true;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%llukB/free_hugepages",
		 (unsigned long long)(memory->page_size / KIB));
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * memory->page_size >= rounded(memory, size);
}

/*
 * An emulated processor needs minutes for a gigabyte of small pages, and for one huge page
 * of that size to be cleared again and again: a part of the sizes tells as much.
 */
bool memory_worthwhile(const struct memory *memory, uint64_t size)
{
	if (memory->page_size == GIB)
		return size == GIB;
	return memory->page_size > SMALL_PAGE || size <= 256 * MIB;
}

/* A memfd of at least that size, sealed as wrapping it asks for, without a page. */
int memory_make(const struct memory *memory, uint64_t size)
{
	int fd;

	if (memory->shmem_enabled && !bench_write_file(SHMEM_ENABLED, memory->shmem_enabled))
		bench_fail(SHMEM_ENABLED);

	fd = bench_check(memfd_create("bench", MFD_ALLOW_SEALING | MFD_CLOEXEC | memory->flags),
			 "memfd_create");
	bench_check(ftruncate(fd, rounded(memory, size)), "ftruncate");
	bench_check(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), "F_ADD_SEALS");
	return fd;
}

/* The same with all pages, written to once. */
int memory_make_warm(const struct memory *memory, uint64_t size)
{
	int fd = memory_make(memory, size);
	struct stat stat;
	void *map;

	bench_check(fstat(fd, &stat), "fstat");
	map = bench_check_pointer(mmap(NULL, stat.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
				       fd, 0), "mmap of the memfd");
	memory_write(map, stat.st_size);
	munmap(map, stat.st_size);
	return fd;
}

/* Pages touched in a turn, so that less of what is measured is the loop. */
#define TURN	16

/* Read a byte of each small page. */
void memory_read(const volatile void *start, uint64_t size)
{
	const volatile char *byte = start, *end = byte + size;
	unsigned int i;

	for (; byte + TURN * SMALL_PAGE <= end; byte += TURN * SMALL_PAGE) {
		_Pragma("GCC unroll 16")
		for (i = 0; i < TURN; i++)
			(void)byte[i * SMALL_PAGE];
	}
	for (; byte < end; byte += SMALL_PAGE)
		(void)*byte;
}

/* Write a byte of each small page. */
void memory_write(volatile void *start, uint64_t size)
{
	volatile char *byte = start, *end = byte + size;
	unsigned int i;

	for (; byte + TURN * SMALL_PAGE <= end; byte += TURN * SMALL_PAGE) {
		_Pragma("GCC unroll 16")
		for (i = 0; i < TURN; i++)
			byte[i * SMALL_PAGE] = 1;
	}
	for (; byte < end; byte += SMALL_PAGE)
		*byte = 1;
}
