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
#include "runner.h"
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

static bool can_evict(const struct driver *driver)
{
	return driver == &drivers[DRIVER_ZCGEM];
}

/* Its pages go, and its mapping where it cannot do without. */
static void evict(const struct driver *driver, struct buffer *buffer, void *map)
{
	if (can_evict(driver)) {
		advise(driver, buffer, DRM_ZCGEM_ADVICE_EVICT);
		return;
	}
	munmap(map, buffer->size);
	buffer_close(driver, buffer);
}

static void *touch(const struct driver *driver, struct buffer *buffer, void *map, int memfd,
		   uint64_t size)
{
	if (!can_evict(driver)) {
		buffer_create(driver, buffer, memfd, size);
		map = buffer_map(driver, buffer);
	}
	memory_read(map, size);
	return map;
}

static void revalidate(const struct driver *driver, struct buffer *buffer, int memfd,
		       uint64_t size)
{
	if (can_evict(driver)) {
		advise(driver, buffer, DRM_ZCGEM_ADVICE_REVALIDATE);
		return;
	}
	buffer_close(driver, buffer);
	buffer_create(driver, buffer, memfd, size);
}

static void residency(const struct driver *driver, const struct trial *trial)
{
	int memfd = trial->memfds[0];
	uint64_t size = trial->size;
	struct buffer buffer;
	uint64_t start;
	void *map;

	buffer_create(driver, &buffer, memfd, size);
	map = buffer_map(driver, &buffer);
	memory_read(map, size);

	start = bench_clock();
	evict(driver, &buffer, map);
	bench_sample("evict", driver->name, "ns", bench_clock() - start);
	start = bench_clock();
	map = touch(driver, &buffer, map, memfd, size);
	bench_sample("touch after eviction", driver->name, "ns", bench_clock() - start);

	if (can_evict(driver)) {
		start = bench_clock();
		revalidate(driver, &buffer, memfd, size);
		bench_sample("revalidate, nothing punched", driver->name, "ns",
			     bench_clock() - start);
	} else {
		munmap(map, size);
	}

	punch(trial->memory, memfd);
	start = bench_clock();
	revalidate(driver, &buffer, memfd, size);
	bench_sample("revalidate after a punch", driver->name, "ns", bench_clock() - start);

	if (can_evict(driver))
		munmap(map, size);
	buffer_close(driver, &buffer);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB };
	static const struct row rows[] = {
		{ .measure = residency, .drivers = WRAPPING },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 1,
		/* The old page is still pinned when a punch wants a new one. */
		.spare = 1,
	};

	bench_begin("residency", argc, argv);
	bench_run(&benchmark);
	return 0;
}
