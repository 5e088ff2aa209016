// SPDX-License-Identifier: MIT
/*
 * One thread and two: buffers that are made and let go of, each thread its own, and the
 * first touch of one buffer by both. Then one thread that touches a buffer which others
 * keep busy: 8 that bracket CPU access, and 4 importers that attach and map. Where there is
 * one processor there is nothing to see, and nothing is printed.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "runner.h"
#include "stopwatch.h"

#define ROUNDS	50
#define SYNCERS		8
#define IMPORTERS	4

struct job {
	const struct driver *driver;
	int memfd;
	uint64_t size;
	char *start;
};

static void *make_buffers(void *data)
{
	const struct job *job = data;
	struct buffer buffer;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		buffer_create(job->driver, &buffer, job->memfd, job->size);
		buffer_close(job->driver, &buffer);
	}
	return NULL;
}

static void *touch(void *data)
{
	const struct job *job = data;

	memory_read(job->start, job->size);
	return NULL;
}

/* Time of all of the jobs together. */
static uint64_t run(void *(*function)(void *data), struct job *jobs, unsigned int count)
{
	pthread_t threads[2];
	uint64_t start = bench_clock();
	unsigned int i;

	for (i = 0; i < count; i++)
		if (pthread_create(&threads[i], NULL, function, &jobs[i]))
			bench_fail("pthread_create");
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	return bench_clock() - start;
}

static void threads(const struct driver *driver, const struct trial *trial)
{
	uint64_t size = trial->size;
	struct job jobs[2];
	struct buffer buffer;
	unsigned int i;
	char *map;

	for (i = 0; i < 2; i++)
		jobs[i] = (struct job){ driver, trial->memfds[i], size, NULL };
	bench_sample("create and close, 1 thread", driver->name, "ns",
		     run(make_buffers, jobs, 1) / ROUNDS);
	bench_sample("create and close, 2 threads", driver->name, "ns",
		     run(make_buffers, jobs, 2) / (2 * ROUNDS));

	buffer_create(driver, &buffer, trial->memfds[0], size);
	map = buffer_map(driver, &buffer);
	jobs[0].start = map;
	bench_sample("first touch, 1 thread", driver->name, "ns", run(touch, jobs, 1));
	munmap(map, size);

	map = buffer_map(driver, &buffer);
	for (i = 0; i < 2; i++) {
		jobs[i].start = map + i * size / 2;
		jobs[i].size = size / 2;
	}
	bench_sample("first touch, 2 threads", driver->name, "ns", run(touch, jobs, 2));
	munmap(map, size);
	buffer_close(driver, &buffer);
}

static volatile bool calm;

static void *sync_on(void *data)
{
	const struct buffer *buffer = data;
	struct dma_buf_sync sync;

	while (!calm) {
		sync.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW;
		bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_START");
		sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
		bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_END");
	}
	return NULL;
}

static void *import_on(void *data)
{
	const struct buffer *buffer = data;
	int stopwatch = bench_check(open("/dev/stopwatch", O_RDWR | O_CLOEXEC), "/dev/stopwatch");

	while (!calm) {
		struct stopwatch_import args = {
			.dmabuf = buffer->dmabuf, .flags = STOPWATCH_DYNAMIC,
		};

		bench_check(ioctl(stopwatch, STOPWATCH_IMPORT, &args), "STOPWATCH_IMPORT");
	}
	close(stopwatch);
	return NULL;
}

/* Mapped anew for each touch, so that each is a fault. */
static void contended(const struct driver *driver, const struct trial *trial)
{
	pthread_t threads[SYNCERS + IMPORTERS];
	uint64_t took, sum = 0, longest = 0;
	struct buffer buffer;
	unsigned int i;
	char *map;

	buffer_create(driver, &buffer, trial->memfds[0], trial->size);
	calm = false;
	for (i = 0; i < ARRAY_LENGTH(threads); i++)
		if (pthread_create(&threads[i], NULL, i < SYNCERS ? sync_on : import_on, &buffer))
			bench_fail("pthread_create");
	for (i = 0; i < ROUNDS; i++) {
		map = buffer_map(driver, &buffer);
		took = bench_clock();
		(void)*(volatile char *)(map + i * SMALL_PAGE);
		took = bench_clock() - took;
		munmap(map, trial->size);
		sum += took;
		longest = took > longest ? took : longest;
	}
	calm = true;
	for (i = 0; i < ARRAY_LENGTH(threads); i++)
		pthread_join(threads[i], NULL);
	buffer_close(driver, &buffer);
	bench_sample("touch of a busy buffer", driver->name, "ns", sum / ROUNDS);
	bench_sample("longest touch of a busy buffer", driver->name, "ns", longest);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB };
	static const struct row rows[] = {
		{ .measure = threads, .drivers = WRAPPING },
		{ .measure = contended, .drivers = WRAPPING },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 2,
	};

	bench_begin("threads", argc, argv);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return 0;
	bench_run(&benchmark);
	return 0;
}
