// SPDX-License-Identifier: MIT
/*
 * Frames as a client hands them to a display: from a pool of memfds the next one is
 * wrapped and exported, a device that follows moves attaches and maps it, the program
 * brackets its access, and all is let go of again. Beside it the same with a buffer that
 * is made once for each memfd, and what a program does that has no such driver: it copies
 * the frame into a buffer of vgem's that exists already.
 *
 * The figure is the processor time of one frame.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "drivers.h"
#include "memory.h"
#include "stopwatch.h"

#define POOL	4

struct pool {
	uint64_t size;
	int memfds[POOL];
};

static int stopwatch;

static uint64_t cpu_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* The program's access, and the device's. */
static void use(const struct buffer *buffer)
{
	struct stopwatch_import import = { .dmabuf = buffer->dmabuf, .flags = STOPWATCH_DYNAMIC };
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE };

	bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_START");
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE;
	bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_END");
	bench_check(ioctl(stopwatch, STOPWATCH_IMPORT, &import), "STOPWATCH_IMPORT");
}

static void wrap_each(const struct driver *driver, const struct pool *pool, unsigned int frames)
{
	uint64_t start = cpu_clock();
	struct buffer buffer;
	unsigned int i;

	for (i = 0; i < frames; i++) {
		buffer_create(driver, &buffer, pool->memfds[i % POOL], pool->size);
		use(&buffer);
		buffer_close(driver, &buffer);
	}
	bench_sample("frame, wrapped anew", driver->name, "ns", (cpu_clock() - start) / frames);
}

static void wrap_once(const struct driver *driver, const struct pool *pool, unsigned int frames)
{
	struct buffer buffers[POOL];
	unsigned int i;
	uint64_t start;

	for (i = 0; i < POOL; i++)
		buffer_create(driver, &buffers[i], pool->memfds[i], pool->size);
	start = cpu_clock();
	for (i = 0; i < frames; i++)
		use(&buffers[i % POOL]);
	bench_sample("frame, wrapped once", driver->name, "ns", (cpu_clock() - start) / frames);
	for (i = 0; i < POOL; i++)
		buffer_close(driver, &buffers[i]);
}

static void copy_each(const struct driver *driver, const struct pool *pool, unsigned int frames)
{
	struct buffer buffers[POOL];
	void *from[POOL], *to[POOL];
	uint64_t start;
	unsigned int i;

	for (i = 0; i < POOL; i++) {
		buffer_create(driver, &buffers[i], -1, pool->size);
		to[i] = buffer_map(driver, &buffers[i]);
		from[i] = bench_check_pointer(mmap(NULL, pool->size, PROT_READ, MAP_SHARED,
						   pool->memfds[i], 0), "mmap of the memfd");
		memcpy(to[i], from[i], pool->size);
	}
	start = cpu_clock();
	for (i = 0; i < frames; i++) {
		memcpy(to[i % POOL], from[i % POOL], pool->size);
		use(&buffers[i % POOL]);
	}
	bench_sample("frame, copied", driver->name, "ns", (cpu_clock() - start) / frames);
	for (i = 0; i < POOL; i++) {
		munmap(to[i], pool->size);
		munmap(from[i], pool->size);
		buffer_close(driver, &buffers[i]);
	}
}

static void frames(const struct memory *memory, uint64_t size)
{
	unsigned int many = bench_options.frames, few = many / 50 ?: 1;
	struct pool pool = { .size = size };
	unsigned int i, r;

	for (i = 0; i < POOL; i++)
		pool.memfds[i] = memory_make_warm(memory, size);
	for (r = 0; r < bench_options.repeat; r++) {
		/* Where all frames take the same, a few of them tell as much. */
		wrap_each(&drivers[DRIVER_ZCGEM], &pool,
			  memory->page_size > SMALL_PAGE ? many : few);
		wrap_each(&drivers[DRIVER_UDMABUF], &pool, few);
		wrap_once(&drivers[DRIVER_ZCGEM], &pool, few);
		wrap_once(&drivers[DRIVER_UDMABUF], &pool, few);
		if (driver_available(&drivers[DRIVER_VGEM]))
			copy_each(&drivers[DRIVER_VGEM], &pool, 2 * POOL);
	}
	for (i = 0; i < POOL; i++)
		close(pool.memfds[i]);
	bench_report(memory->name, size);
}

int main(int argc, char **argv)
{
	/* 1280 by 720, 1920 by 1080 and 3840 by 2160 pixels of 4 bytes, to the next page. */
	static const uint64_t sizes[] = { 3686400, 8294400, 33177600 };
	unsigned int kind, i;

	bench_begin("frames", argc, argv);
	drivers_open();
	stopwatch = bench_check(open("/dev/stopwatch", O_RDWR | O_CLOEXEC), "/dev/stopwatch");
	for (kind = 0; kind < MEMORY_HUGETLB_1G; kind++) {
		const struct memory *memory = &memory_kinds[kind];

		for (i = 0; i < ARRAY_LENGTH(sizes); i++)
			if (bench_wants(memory->name, sizes[i]) &&
			    memory_available(memory, POOL * sizes[i]))
				frames(memory, sizes[i]);
	}
	return 0;
}
