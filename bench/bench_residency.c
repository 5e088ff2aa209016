// SPDX-License-Identifier: MIT
/*
 * What it takes to let go of pages and to have them again: eviction and the faults after
 * it, and finding the new pages after a hole was punched. udmabuf can do neither: what a
 * program does with it instead is to make a new buffer and a new mapping.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>

#include "bench.h"
#include "drivers.h"
#include "memory.h"
#include "zcgem_drm.h"

static void advise(const struct driver *driver, const struct buffer *buffer, uint32_t advice)
{
	struct drm_zcgem_gem_advise args = {
		.handle = buffer->handle,
		.advice = advice,
		.size = buffer->size,
	};

	bench_check(ioctl(driver->node, DRM_IOCTL_ZCGEM_GEM_ADVISE, &args), "GEM_ADVISE");
}

static void punch(const struct memory *memory, int memfd)
{
	bench_check(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			      memory->page_size), "punch");
}

static void zcgem(const struct memory *memory, int memfd, uint64_t size)
{
	const struct driver *driver = &drivers[DRIVER_ZCGEM];
	struct buffer buffer;
	uint64_t start;
	void *map;

	buffer_create(driver, &buffer, memfd, size);
	map = buffer_map(driver, &buffer);
	memory_read(map, size);

	start = bench_clock();
	advise(driver, &buffer, DRM_ZCGEM_ADVICE_EVICT);
	bench_sample("evict", driver->name, "ns", bench_clock() - start);
	start = bench_clock();
	memory_read(map, size);
	bench_sample("touch after eviction", driver->name, "ns", bench_clock() - start);

	start = bench_clock();
	advise(driver, &buffer, DRM_ZCGEM_ADVICE_REVALIDATE);
	bench_sample("revalidate, nothing punched", driver->name, "ns", bench_clock() - start);

	punch(memory, memfd);
	start = bench_clock();
	advise(driver, &buffer, DRM_ZCGEM_ADVICE_REVALIDATE);
	bench_sample("revalidate after a punch", driver->name, "ns", bench_clock() - start);

	munmap(map, size);
	buffer_close(driver, &buffer);
}

static void udmabuf(const struct memory *memory, int memfd, uint64_t size)
{
	const struct driver *driver = &drivers[DRIVER_UDMABUF];
	struct buffer buffer;
	uint64_t start;
	void *map;

	buffer_create(driver, &buffer, memfd, size);
	map = buffer_map(driver, &buffer);
	memory_read(map, size);

	start = bench_clock();
	munmap(map, size);
	buffer_close(driver, &buffer);
	bench_sample("evict", driver->name, "ns", bench_clock() - start);
	start = bench_clock();
	buffer_create(driver, &buffer, memfd, size);
	map = buffer_map(driver, &buffer);
	memory_read(map, size);
	bench_sample("touch after eviction", driver->name, "ns", bench_clock() - start);
	munmap(map, size);

	punch(memory, memfd);
	start = bench_clock();
	buffer_close(driver, &buffer);
	buffer_create(driver, &buffer, memfd, size);
	bench_sample("revalidate after a punch", driver->name, "ns", bench_clock() - start);
	buffer_close(driver, &buffer);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB };
	unsigned int kind, i, r;

	bench_begin("residency", argc, argv);
	drivers_open();
	/* A punch needs a spare page in the pool: the old one is still pinned. */
	for (kind = 0; kind < MEMORY_HUGETLB_1G; kind++) {
		const struct memory *memory = &memory_kinds[kind];

		for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
			int memfd;

			if (!bench_wants(memory->name, sizes[i]) ||
			    !memory_available(memory, 2 * sizes[i]))
				continue;
			memfd = memory_make_warm(memory, sizes[i]);
			for (r = 0; r < bench_options.repeat; r++) {
				zcgem(memory, memfd, sizes[i]);
				udmabuf(memory, memfd, sizes[i]);
			}
			close(memfd);
			bench_report(memory->name, sizes[i]);
		}
	}
	return 0;
}
