// SPDX-License-Identifier: MIT
/*
 * What it takes to make a buffer with its dma-buf, and to let go of it.
 *
 * Cold: the memfd has no pages yet. Warm: the program has written to all of them, which
 * is how memory is shared that has something in it.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "drivers.h"
#include "memory.h"
#include "stopwatch.h"

static int stopwatch;

static void cold(const struct memory *memory, const struct driver *driver, uint64_t size)
{
	int memfd = memory_make(memory, size);
	struct buffer buffer;
	uint64_t start;

	start = bench_clock();
	buffer_create(driver, &buffer, memfd, size);
	bench_sample("create cold", driver->name, "ns", bench_clock() - start);
	buffer_close(driver, &buffer);
	close(memfd);
}

static void warm(const struct driver *driver, int memfd, uint64_t size)
{
	struct buffer buffer;
	uint64_t start;

	start = bench_clock();
	buffer_create(driver, &buffer, memfd, size);
	bench_sample("create", driver->name, "ns", bench_clock() - start);
	start = bench_clock();
	buffer_close(driver, &buffer);
	bench_sample("close", driver->name, "ns", bench_clock() - start);
}

/* The part of it that is the kernel's: pinning alone. */
static void pin(int memfd, uint64_t size)
{
	struct stopwatch_pin args = { .memfd = memfd, .size = size };

	bench_check(ioctl(stopwatch, STOPWATCH_PIN, &args), "STOPWATCH_PIN");
	bench_sample("create", "kernel", "ns", args.pin);
	bench_sample("close", "kernel", "ns", args.unpin);
}

static void create(const struct memory *memory, uint64_t size)
{
	unsigned int i, d;
	int memfd;

	/* Nearly all of it is clearing pages: small buffers tell enough. */
	for (i = 0; i < bench_options.repeat; i++)
		for (d = 0; d < DRIVERS; d++)
			if (drivers[d].wraps && size <= 4 * MIB && memory->page_size < GIB)
				cold(memory, &drivers[d], size);

	memfd = memory_make_warm(memory, size);
	for (i = 0; i < bench_options.repeat; i++) {
		for (d = 0; d < DRIVERS; d++)
			if (driver_available(&drivers[d]) &&
			    (drivers[d].wraps || size <= 64 * MIB))
				warm(&drivers[d], memfd, size);
		pin(memfd, size);
	}
	close(memfd);
	bench_report(memory->name, size);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = {
		64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, GIB
	};
	unsigned int kind, i;

	bench_begin("create", argc, argv);
	drivers_open();
	stopwatch = bench_check(open("/dev/stopwatch", O_RDWR | O_CLOEXEC), "/dev/stopwatch");
	for (kind = 0; kind < MEMORY_KINDS; kind++) {
		const struct memory *memory = &memory_kinds[kind];

		for (i = 0; i < ARRAY_LENGTH(sizes); i++)
			if (bench_wants(memory->name, sizes[i]) &&
			    memory_available(memory, sizes[i]) &&
			    memory_worthwhile(memory, sizes[i]))
				create(memory, sizes[i]);
	}
	return 0;
}
