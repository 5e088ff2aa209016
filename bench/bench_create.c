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
#include "runner.h"
#include "stopwatch.h"

static int stopwatch;

/* Nearly all of it is clearing pages: small buffers tell enough. */
static void cold(const struct driver *driver, const struct trial *trial)
{
	struct buffer buffer;
	uint64_t start;
	int memfd;

	if (trial->size > 4 * MIB || trial->memory->page_size == GIB)
		return;
	memfd = memory_make(trial->memory, trial->size);
	start = bench_clock();
	buffer_create(driver, &buffer, memfd, trial->size);
	bench_sample("create cold", driver->name, "ns", bench_clock() - start);
	buffer_close(driver, &buffer);
	close(memfd);
}

static void warm(const struct driver *driver, const struct trial *trial)
{
	struct buffer buffer;
	uint64_t start;

	start = bench_clock();
	buffer_create(driver, &buffer, trial->memfds[0], trial->size);
	bench_sample("create", driver->name, "ns", bench_clock() - start);
	start = bench_clock();
	buffer_close(driver, &buffer);
	bench_sample("close", driver->name, "ns", bench_clock() - start);
}

/* The part of it that is the kernel's: pinning alone. */
static void pin(const struct driver *driver, const struct trial *trial)
{
	struct stopwatch_pin args = { .memfd = trial->memfds[0], .size = trial->size };

	(void)driver;
	bench_check(ioctl(stopwatch, STOPWATCH_PIN, &args), "STOPWATCH_PIN");
	bench_sample("create", "kernel", "ns", args.pin);
	bench_sample("close", "kernel", "ns", args.unpin);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = {
		64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, GIB
	};
	static const struct row rows[] = {
		{ .measure = cold, .drivers = WRAPPING, .before_memfds = true },
		{ .measure = warm, .drivers = EVERY_DRIVER },
		{ .measure = pin, .drivers = NO_DRIVER },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 1,
	};

	bench_begin("create", argc, argv);
	stopwatch = bench_check(open("/dev/stopwatch", O_RDWR | O_CLOEXEC), "/dev/stopwatch");
	bench_run(&benchmark);
	return 0;
}
