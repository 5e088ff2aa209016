// SPDX-License-Identifier: MIT
/*
 * What a driver's own data takes for a buffer: the growth of slab, vmalloc and page
 * tables of the kernel while one exists. The guest must be quiet.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "drivers.h"
#include "memory.h"

/* One buffer's few hundred bytes are lost in slabs that have room: what many take. */
#define BUFFERS	32

/* Bytes that the slab allocator has handed out, by its objects in use. */
static uint64_t slab_bytes(void)
{
	uint64_t bytes = 0;
	char line[512];
	FILE *file;

	file = bench_check_pointer(fopen("/proc/slabinfo", "r"), "/proc/slabinfo");
	while (fgets(line, sizeof(line), file)) {
		unsigned long active, all, size;

		if (sscanf(line, "%*s %lu %lu %lu", &active, &all, &size) == 3)
			bytes += (uint64_t)active * size;
	}
	fclose(file);
	return bytes;
}

/* Bytes of vmalloc areas, without their guard pages. */
static uint64_t vmalloc_bytes(void)
{
	uint64_t bytes = 0;
	char line[512];
	FILE *file;

	file = bench_check_pointer(fopen("/proc/vmallocinfo", "r"), "/proc/vmallocinfo");
	while (fgets(line, sizeof(line), file)) {
		char *pages = strstr(line, " pages=");

		if (pages)
			bytes += strtoull(pages + 7, NULL, 10) * SMALL_PAGE;
	}
	fclose(file);
	return bytes;
}

/* Bytes that the page allocator has handed out, whatever for: what kmalloc() passes on. */
static uint64_t free_bytes(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file;

	file = bench_check_pointer(fopen("/proc/meminfo", "r"), "/proc/meminfo");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %llu", &kib) == 1)
			break;
	fclose(file);
	return kib * KIB;
}

struct usage {
	uint64_t slab, vmalloc, free;
};

static void look(struct usage *usage)
{
	/* Let the kernel finish what it puts off. */
	usleep(200000);
	usage->slab = slab_bytes();
	usage->vmalloc = vmalloc_bytes();
	usage->free = free_bytes();
}

static uint64_t above(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void footprint(const struct driver *driver, int memfd, uint64_t size)
{
	struct buffer buffers[BUFFERS];
	struct usage before, after;
	unsigned int i;

	look(&before);
	for (i = 0; i < BUFFERS; i++)
		buffer_create(driver, &buffers[i], memfd, size);
	look(&after);
	bench_sample("metadata, slab", driver->name, "bytes",
		     above(after.slab, before.slab) / BUFFERS);
	bench_sample("metadata, vmalloc", driver->name, "bytes",
		     above(after.vmalloc, before.vmalloc) / BUFFERS);
	bench_sample("metadata, of free memory", driver->name, "bytes",
		     above(before.free, after.free) / BUFFERS);
	for (i = 0; i < BUFFERS; i++)
		buffer_close(driver, &buffers[i]);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB, GIB };
	unsigned int kind, i, r, d;

	bench_begin("footprint", argc, argv);
	drivers_open();
	for (kind = 0; kind < MEMORY_KINDS; kind++) {
		const struct memory *memory = &memory_kinds[kind];

		for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
			int memfd;

			if (!bench_wants(memory->name, sizes[i]) ||
			    !memory_available(memory, sizes[i]) ||
			    !memory_worthwhile(memory, sizes[i]))
				continue;
			memfd = memory_make_warm(memory, sizes[i]);
			for (r = 0; r < bench_options.repeat; r++)
				for (d = 0; d < DRIVERS; d++)
					if (drivers[d].wraps)
						footprint(&drivers[d], memfd, sizes[i]);
			close(memfd);
			bench_report(memory->name, sizes[i]);
		}
	}
	return 0;
}
