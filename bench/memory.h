/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* A kind of memory that a memfd can be made of. */
struct memory {
	const char *name;
	/* Flags of memfd_create(). */
	unsigned int flags;
	uint64_t page_size;
	/* For /sys/kernel/mm/transparent_hugepage/shmem_enabled, or NULL. */
	const char *shmem_enabled;
};

enum {
	MEMORY_SHMEM,
	MEMORY_THP,
	MEMORY_HUGETLB_2M,
	MEMORY_HUGETLB_1G,
	MEMORY_KINDS
};

extern const struct memory memory_kinds[MEMORY_KINDS];

bool memory_available(const struct memory *memory, uint64_t size);
bool memory_worthwhile(const struct memory *memory, uint64_t size);
int memory_make(const struct memory *memory, uint64_t size);
int memory_make_warm(const struct memory *memory, uint64_t size);

void memory_read(const volatile void *start, uint64_t size);
void memory_write(volatile void *start, uint64_t size);

#endif
