// SPDX-License-Identifier: MIT
/*
 * Where memory is: page frames behind addresses, what they are, and their zones.
 *
 * All of it is read from /proc, which shows frame numbers to root only.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drmtest.h"
#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_frames.h"

#define PAGEMAP_PRESENT	(1ull << 63)
#define PAGEMAP_SWAPPED	(1ull << 62)
#define PAGEMAP_FRAME	((1ull << 55) - 1)

#define KPAGE_HUGETLB	(1ull << 17)
#define KPAGE_THP	(1ull << 22)

static uint64_t read_word(const char *path, uint64_t index)
{
	uint64_t word;
	int file = open(path, O_RDONLY);

	igt_assert_f(file >= 0, "%s: %m\n", path);
	igt_assert_f(pread(file, &word, sizeof(word), index * sizeof(word)) ==
		     sizeof(word), "%s, word %" PRIu64 ": %m\n", path, index);
	close(file);
	return word;
}

static uint64_t pagemap(const void *address)
{
	return read_word("/proc/self/pagemap", (uintptr_t)address / ZCGEM_PAGE);
}

/* One entry for each page of @map. */
static uint64_t *read_pagemap(const void *map, uint64_t size)
{
	uint64_t bytes = size / ZCGEM_PAGE * sizeof(uint64_t);
	uint64_t at = (uintptr_t)map / ZCGEM_PAGE * sizeof(uint64_t), done = 0;
	uint64_t *entries = malloc(bytes);
	int file = open("/proc/self/pagemap", O_RDONLY);

	igt_assert_f(entries && file >= 0, "/proc/self/pagemap: %m\n");
	while (done < bytes) {
		ssize_t len = pread(file, (char *)entries + done, bytes - done,
				    at + done);

		igt_assert_f(len > 0, "/proc/self/pagemap: %m\n");
		done += len;
	}
	close(file);
	return entries;
}

/**
 * zcgem_frame:
 * @address: address of this process
 *
 * Returns: Number of the page frame that is mapped there, 0 if there is none.
 */
uint64_t zcgem_frame(const void *address)
{
	uint64_t entry = pagemap(address);

	return entry & PAGEMAP_PRESENT ? entry & PAGEMAP_FRAME : 0;
}

/**
 * zcgem_is_swapped:
 * @address: address of this process
 *
 * Returns: Whether the page there is in swap, and only there.
 */
bool zcgem_is_swapped(const void *address)
{
	return pagemap(address) & PAGEMAP_SWAPPED;
}

/**
 * zcgem_count_swapped:
 * @map: memory
 * @size: bytes
 *
 * Returns: How many of its pages are in swap.
 */
uint64_t zcgem_count_swapped(const void *map, uint64_t size)
{
	uint64_t *entries = read_pagemap(map, size);
	uint64_t i, count = 0;

	for (i = 0; i < size / ZCGEM_PAGE; i++)
		count += !!(entries[i] & PAGEMAP_SWAPPED);
	free(entries);
	return count;
}

/**
 * zcgem_frames:
 * @map: memory
 * @size: bytes
 *
 * Returns: zcgem_frame() of each page, to be freed.
 */
uint64_t *zcgem_frames(const void *map, uint64_t size)
{
	uint64_t *entries = read_pagemap(map, size), i;

	for (i = 0; i < size / ZCGEM_PAGE; i++)
		entries[i] = entries[i] & PAGEMAP_PRESENT ?
			     entries[i] & PAGEMAP_FRAME : 0;
	return entries;
}

/**
 * zcgem_frame_is_huge:
 * @frame: number of a page frame
 *
 * Returns: Whether it is part of a hugetlb page or of a transparent huge page.
 */
bool zcgem_frame_is_huge(uint64_t frame)
{
	return read_word("/proc/kpageflags", frame) & (KPAGE_HUGETLB | KPAGE_THP);
}

/* Spans of ZONE_MOVABLE, in page frames; they only change with memory hotplug. */
static struct span {
	uint64_t start;
	uint64_t end;
} spans[16];

static unsigned int read_movable_spans(void)
{
	unsigned long long spanned = 0, start;
	static unsigned int count;
	char line[256], zone[32];
	bool movable = false;
	FILE *file;

	if (count)
		return count;
	file = fopen("/proc/zoneinfo", "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Node %*d, zone %31s", zone) == 1)
			movable = !strcmp(zone, "Movable");
		else if (sscanf(line, " spanned %llu", &spanned) == 1)
			continue;
		else if (movable && spanned && count < ARRAY_SIZE(spans) &&
			 sscanf(line, " start_pfn: %llu", &start) == 1)
			spans[count++] = (struct span) { start, start + spanned };
	}
	fclose(file);
	return count;
}

/**
 * zcgem_check_frames:
 * @map: memory
 * @size: bytes
 * @frames: what zcgem_frames() returned
 *
 * Asserts that the pages are still where they were then.
 */
void zcgem_check_frames(const void *map, uint64_t size, const uint64_t *frames)
{
	uint64_t *now = zcgem_frames(map, size), i;

	for (i = 0; i < size / ZCGEM_PAGE; i++) {
		igt_assert_neq_u64(frames[i], 0);
		igt_assert_eq_u64(now[i], frames[i]);
	}
	free(now);
}

/**
 * zcgem_frame_is_movable:
 * @frame: number of a page frame
 *
 * Returns: Whether it is in ZONE_MOVABLE.
 */
bool zcgem_frame_is_movable(uint64_t frame)
{
	unsigned int count = read_movable_spans(), i;

	for (i = 0; i < count; i++) {
		if (frame >= spans[i].start && frame < spans[i].end)
			return true;
	}
	return false;
}

/**
 * zcgem_count_movable:
 * @map: memory
 * @size: bytes
 *
 * Returns: How many of its pages are in ZONE_MOVABLE.
 */
uint64_t zcgem_count_movable(const void *map, uint64_t size)
{
	uint64_t *entries = read_pagemap(map, size);
	uint64_t i, count = 0;

	for (i = 0; i < size / ZCGEM_PAGE; i++)
		count += entries[i] & PAGEMAP_PRESENT &&
			 zcgem_frame_is_movable(entries[i] & PAGEMAP_FRAME);
	free(entries);
	return count;
}

/**
 * zcgem_require_movable_zone:
 *
 * Skips where the machine has no ZONE_MOVABLE.
 */
void zcgem_require_movable_zone(void)
{
	igt_require_f(read_movable_spans(),
		      "no ZONE_MOVABLE: boot with movablecore=\n");
}
