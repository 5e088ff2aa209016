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
#include "runner.h"
#include "stopwatch.h"

#define POOL	MAX_MEMFDS

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

/* Where all frames take the same, a few of them tell as much. */
static unsigned int few_frames(void)
{
	return bench_options.frames / 50 ?: 1;
}

static void wrap_each(const struct driver *driver, const struct trial *trial)
{
	/* In small pages all of zcgem's frames take the same. */
	bool many = driver == &drivers[DRIVER_ZCGEM] && trial->memory->page_size > SMALL_PAGE;
	unsigned int frames = many ? bench_options.frames : few_frames(), i;
	uint64_t start = cpu_clock();
	struct buffer buffer;

	for (i = 0; i < frames; i++) {
		buffer_create(driver, &buffer, trial->memfds[i % POOL], trial->size);
		use(&buffer);
		buffer_close(driver, &buffer);
	}
	bench_sample("frame, wrapped anew", driver->name, "ns", (cpu_clock() - start) / frames);
}

static void wrap_once(const struct driver *driver, const struct trial *trial)
{
	unsigned int frames = few_frames(), i;
	struct buffer buffers[POOL];
	uint64_t start;

	for (i = 0; i < POOL; i++)
		buffer_create(driver, &buffers[i], trial->memfds[i], trial->size);
	start = cpu_clock();
	for (i = 0; i < frames; i++)
		use(&buffers[i % POOL]);
	bench_sample("frame, wrapped once", driver->name, "ns", (cpu_clock() - start) / frames);
	for (i = 0; i < POOL; i++)
		buffer_close(driver, &buffers[i]);
}

static void copy_each(const struct driver *driver, const struct trial *trial)
{
	struct buffer buffers[POOL];
	const unsigned int frames = 2 * POOL;
	void *from[POOL], *to[POOL];
	uint64_t start;
	unsigned int i;

	for (i = 0; i < POOL; i++) {
		buffer_create(driver, &buffers[i], -1, trial->size);
		to[i] = buffer_map(driver, &buffers[i]);
		from[i] = bench_check_pointer(mmap(NULL, trial->size, PROT_READ, MAP_SHARED,
						   trial->memfds[i], 0), "mmap of the memfd");
		memcpy(to[i], from[i], trial->size);
	}
	start = cpu_clock();
	for (i = 0; i < frames; i++) {
		memcpy(to[i % POOL], from[i % POOL], trial->size);
		use(&buffers[i % POOL]);
	}
	bench_sample("frame, copied", driver->name, "ns", (cpu_clock() - start) / frames);
	for (i = 0; i < POOL; i++) {
		munmap(to[i], trial->size);
		munmap(from[i], trial->size);
		buffer_close(driver, &buffers[i]);
	}
}

int main(int argc, char **argv)
{
	/* 1280 by 720, 1920 by 1080 and 3840 by 2160 pixels of 4 bytes, to the next page. */
	static const uint64_t sizes[] = { 3686400, 8294400, 33177600 };
	static const struct row rows[] = {
		{ .measure = wrap_each, .drivers = WRAPPING },
		{ .measure = wrap_once, .drivers = WRAPPING },
		{ .measure = copy_each, .drivers = ONLY(DRIVER_VGEM) },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = POOL,
	};

	bench_begin("frames", argc, argv);
	stopwatch = bench_check(open("/dev/stopwatch", O_RDWR | O_CLOEXEC), "/dev/stopwatch");
	bench_run(&benchmark);
	return 0;
}
