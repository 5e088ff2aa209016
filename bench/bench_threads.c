// SPDX-License-Identifier: MIT
/*
 * One thread and two: buffers that are made and let go of, each thread its own, and the
 * first touch of one buffer by both. Where there is one processor there is nothing to
 * see, and nothing is printed.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "drivers.h"
#include "memory.h"

#define ROUNDS	50

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

static void threads(const struct driver *driver, const int *memfds, uint64_t size)
{
	struct job jobs[2];
	struct buffer buffer;
	unsigned int i;
	char *map;

	for (i = 0; i < 2; i++)
		jobs[i] = (struct job){ driver, memfds[i], size, NULL };
	bench_sample("create and close, 1 thread", driver->name, "ns",
		     run(make_buffers, jobs, 1) / ROUNDS);
	bench_sample("create and close, 2 threads", driver->name, "ns",
		     run(make_buffers, jobs, 2) / (2 * ROUNDS));

	buffer_create(driver, &buffer, memfds[0], size);
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

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB };
	unsigned int kind, i, r, d;

	bench_begin("threads", argc, argv);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return 0;
	drivers_open();
	for (kind = 0; kind < MEMORY_HUGETLB_1G; kind++) {
		const struct memory *memory = &memory_kinds[kind];

		for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
			int memfds[2];

			if (!bench_wants(memory->name, sizes[i]) ||
			    !memory_available(memory, 2 * sizes[i]))
				continue;
			memfds[0] = memory_make_warm(memory, sizes[i]);
			memfds[1] = memory_make_warm(memory, sizes[i]);
			for (r = 0; r < bench_options.repeat; r++)
				for (d = 0; d < DRIVERS; d++)
					if (drivers[d].wraps)
						threads(&drivers[d], memfds, sizes[i]);
			close(memfds[0]);
			close(memfds[1]);
			bench_report(memory->name, sizes[i]);
		}
	}
	return 0;
}
