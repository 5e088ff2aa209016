// SPDX-License-Identifier: MIT
/*
 * Many small things: buffers of long lists of single pages, as the memory of a virtual
 * machine's guest is scattered, and ten thousand small buffers.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "drivers.h"
#include "memory.h"

#define SMALL_BUFFERS	10000

/* Every other page, backwards, so that no two can be merged. */
static void list(const char *step, uint32_t count)
{
	const struct memory *memory = &memory_kinds[MEMORY_SHMEM];
	int memfd = memory_make_warm(memory, 2 * count * SMALL_PAGE);
	struct range *ranges;
	void *lists[DRIVERS];
	unsigned int r, d;
	uint32_t i;

	ranges = bench_check_pointer(calloc(count, sizeof(*ranges)), "ranges");
	for (i = 0; i < count; i++) {
		ranges[i].memfd = memfd;
		ranges[i].offset = 2 * (count - 1 - i) * SMALL_PAGE;
		ranges[i].size = SMALL_PAGE;
	}
	for (d = 0; d < DRIVERS; d++)
		lists[d] = drivers[d].wraps ? list_make(&drivers[d], ranges, count) : NULL;

	for (r = 0; r < bench_options.repeat; r++) {
		for (d = 0; d < DRIVERS; d++) {
			struct buffer buffer;
			uint64_t start;

			if (!lists[d])
				continue;
			start = bench_clock();
			buffer_create_list(&drivers[d], &buffer, lists[d], count);
			bench_sample("create", drivers[d].name, "ns", bench_clock() - start);
			start = bench_clock();
			buffer_close(&drivers[d], &buffer);
			bench_sample("close", drivers[d].name, "ns", bench_clock() - start);
		}
	}
	bench_report(step, count * SMALL_PAGE);

	for (d = 0; d < DRIVERS; d++)
		free(lists[d]);
	free(ranges);
	close(memfd);
}

static void small_buffers(void)
{
	static struct buffer buffers[SMALL_BUFFERS];
	const struct memory *memory = &memory_kinds[MEMORY_SHMEM];
	int memfd = memory_make_warm(memory, 4 * SMALL_PAGE);
	unsigned int d, i;

	/* So many of them need no second look. */
	for (d = 0; d < DRIVERS; d++) {
		uint64_t start;

		if (!drivers[d].wraps)
			continue;
		start = bench_clock();
		for (i = 0; i < SMALL_BUFFERS; i++)
			buffer_create(&drivers[d], &buffers[i], memfd, 4 * SMALL_PAGE);
		bench_sample("create", drivers[d].name, "ns", bench_clock() - start);
		start = bench_clock();
		for (i = 0; i < SMALL_BUFFERS; i++)
			buffer_close(&drivers[d], &buffers[i]);
		bench_sample("close", drivers[d].name, "ns", bench_clock() - start);
	}
	close(memfd);
	bench_report("10000 buffers", 4 * SMALL_PAGE);
}

int main(int argc, char **argv)
{
	struct rlimit files = { SMALL_BUFFERS + 100, SMALL_BUFFERS + 100 };

	bench_begin("lists", argc, argv);
	drivers_open();
	bench_check(setrlimit(RLIMIT_NOFILE, &files), "RLIMIT_NOFILE");
	if (bench_wants("shmem", 4 * MIB))
		list("1024 ranges", 1024);
	if (bench_wants("shmem", 64 * MIB))
		list("16384 ranges", 16384);
	if (bench_wants("shmem", 256 * MIB))
		list("65536 ranges", 65536);
	if (bench_wants("shmem", 64 * MIB))
		small_buffers();
	return 0;
}
