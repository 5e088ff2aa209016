// SPDX-License-Identifier: MIT
/*
 * What a driver's own data takes for a buffer: the growth of the kernel's slab and
 * vmalloc while one exists. The guest must be quiet.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "runner.h"

/* One buffer's few hundred bytes are lost among others': what many take, beside as many. */
#define BUFFERS	64

/* What processors and nodes keep of freed objects counts as in use until it is given back. */
static void shrink_slabs(void)
{
	glob_t caches;
	size_t i;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &caches))
		bench_fail("/sys/kernel/slab");
	for (i = 0; i < caches.gl_pathc; i++)
		bench_write_file(caches.gl_pathv[i], "1");
	globfree(&caches);
}

/* Bytes of the objects in use, and of the slabs that they are in. */
static void slab_bytes(uint64_t *objects, uint64_t *slabs)
{
	char line[512];
	FILE *file;

	*objects = *slabs = 0;
	file = bench_check_pointer(fopen("/proc/slabinfo", "r"), "/proc/slabinfo");
	while (fgets(line, sizeof(line), file)) {
		unsigned long active, size, pages, count;

		if (sscanf(line, "%*s %lu %*u %lu %*u %lu : tunables %*u %*u %*u : slabdata %*u %lu",
			   &active, &size, &pages, &count) != 4)
			continue;
		*objects += (uint64_t)active * size;
		*slabs += (uint64_t)count * pages * SMALL_PAGE;
	}
	fclose(file);
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

/* A line of /proc/meminfo, bytes. */
static uint64_t meminfo(const char *name)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file;

	file = bench_check_pointer(fopen("/proc/meminfo", "r"), "/proc/meminfo");
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, strlen(name)))
			continue;
		if (sscanf(line + strlen(name), ": %llu", &kib) == 1)
			break;
	}
	fclose(file);
	return kib * KIB;
}

struct usage {
	uint64_t slab, vmalloc, large;
};

static void look(struct usage *usage)
{
	uint64_t slabs, all;

	/* Let the kernel finish what it puts off. */
	usleep(200000);
	shrink_slabs();
	slab_bytes(&usage->slab, &slabs);
	usage->vmalloc = vmalloc_bytes();
	/* What kmalloc() has of the page allocator counts here, too. */
	all = meminfo("Slab");
	usage->large = all > slabs ? all - slabs : 0;
}

static uint64_t above(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void footprint(const struct driver *driver, const struct trial *trial)
{
	struct buffer buffers[2 * BUFFERS];
	struct usage before, after;
	uint64_t slab, vmalloc, large;
	unsigned int i;

	for (i = 0; i < BUFFERS; i++)
		buffer_create(driver, &buffers[i], trial->memfds[0], trial->size);
	look(&before);
	for (; i < 2 * BUFFERS; i++)
		buffer_create(driver, &buffers[i], trial->memfds[0], trial->size);
	look(&after);
	slab = above(after.slab, before.slab);
	vmalloc = above(after.vmalloc, before.vmalloc);
	large = above(after.large, before.large);
	bench_sample("metadata, slab", driver->name, "bytes", slab / BUFFERS);
	bench_sample("metadata, vmalloc", driver->name, "bytes", vmalloc / BUFFERS);
	bench_sample("metadata, kmalloc of pages", driver->name, "bytes", large / BUFFERS);
	bench_sample("metadata", driver->name, "bytes", (slab + vmalloc + large) / BUFFERS);
	for (i = 0; i < 2 * BUFFERS; i++)
		buffer_close(driver, &buffers[i]);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB, GIB };
	static const struct row rows[] = {
		{ .measure = footprint, .drivers = WRAPPING },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 1,
		/* It is the mean of many already. */
		.once = true,
	};

	bench_begin("footprint", argc, argv);
	bench_run(&benchmark);
	return 0;
}
