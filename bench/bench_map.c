// SPDX-License-Identifier: MIT
/*
 * What CPU mappings take: to make and remove one that is never touched, the first touch
 * of each small page by reading and by writing, the second touch, and removing a mapping
 * that is full. Page faults are counted beside.
 *
 * A driver's mapping is the one that it means to be used: of the DRM node where there is
 * one. "By dma-buf" is the dma-buf's own mapping, at the address that the kernel chooses.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>

#include "bench.h"
#include "runner.h"
#include "zcgem_drm.h"

struct steps {
	const char *first, *faults, *second, *unmap;
};

static const struct steps read_steps = {
	"first touch, read", "faults, read", "second touch, read", "unmap after read"
};

static const struct steps write_steps = {
	"first touch, write", "faults, write", "second touch, write", "unmap after write"
};

static const struct steps dmabuf_steps = {
	"first touch, by dma-buf", "faults, by dma-buf", "second touch, by dma-buf",
	"unmap, by dma-buf"
};

static void touch(const struct driver *driver, const struct steps *steps, void *map,
		  uint64_t size, void (*access)(volatile void *start, uint64_t size))
{
	uint64_t start, faults;

	faults = bench_faults();
	start = bench_clock();
	access(map, size);
	bench_sample(steps->first, driver->name, "ns", bench_clock() - start);
	bench_sample(steps->faults, driver->name, "faults", bench_faults() - faults);

	start = bench_clock();
	access(map, size);
	bench_sample(steps->second, driver->name, "ns", bench_clock() - start);

	start = bench_clock();
	munmap(map, size);
	bench_sample(steps->unmap, driver->name, "ns", bench_clock() - start);
}

static void read_access(volatile void *start, uint64_t size)
{
	memory_read(start, size);
}

static void untouched(const struct driver *driver, struct buffer *buffer)
{
	uint64_t start = bench_clock();

	munmap(buffer_map(driver, buffer), buffer->size);
	bench_sample("mmap and munmap", driver->name, "ns", bench_clock() - start);
}

/* The last page of many: where it is has to be looked up. */
static void one_page(const struct driver *driver, struct buffer *buffer)
{
	char *map = buffer_map(driver, buffer);
	uint64_t start = bench_clock();

	memory_read(map + buffer->size - SMALL_PAGE, SMALL_PAGE);
	bench_sample("touch of one page", driver->name, "ns", bench_clock() - start);
	munmap(map, buffer->size);
}

/* Only zcgem can be asked to fill the page table beforehand. */
static void populate(const struct driver *driver, struct buffer *buffer)
{
	struct drm_zcgem_gem_advise args = {
		.handle = buffer->handle,
		.advice = DRM_ZCGEM_ADVICE_POPULATE,
		.size = buffer->size,
	};
	void *map = buffer_map(driver, buffer);
	uint64_t start;

	args.address = (uintptr_t)map;
	start = bench_clock();
	bench_check(ioctl(driver->node, DRM_IOCTL_ZCGEM_GEM_ADVISE, &args), "GEM_ADVISE");
	bench_sample("populate", driver->name, "ns", bench_clock() - start);
	munmap(map, buffer->size);
}

static void map(const struct driver *driver, const struct trial *trial)
{
	uint64_t size = trial->size;
	struct buffer buffer;
	void *start;

	buffer_create(driver, &buffer, trial->memfds[0], size);
	untouched(driver, &buffer);
	one_page(driver, &buffer);
	touch(driver, &read_steps, buffer_map(driver, &buffer), size, read_access);
	touch(driver, &write_steps, buffer_map(driver, &buffer), size, memory_write);
	if (driver == &drivers[DRIVER_ZCGEM])
		populate(driver, &buffer);

	start = bench_check_pointer(mmap(NULL, size, PROT_READ, MAP_SHARED, buffer.dmabuf, 0),
				    "mmap of the dma-buf");
	touch(driver, &dmabuf_steps, start, size, read_access);
	buffer_close(driver, &buffer);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 64 * KIB, 4 * MIB, 64 * MIB, GIB };
	static const struct row rows[] = {
		{ .measure = map, .drivers = EVERY_DRIVER },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 1,
	};

	bench_begin("map", argc, argv);
	bench_run(&benchmark);
	return 0;
}
