// SPDX-License-Identifier: MIT
/*
 * What all benchmarks share: options, the clock, and the samples. Each figure is added
 * with bench_sample(); bench_report() prints one line of JSON for each step and candidate,
 * median and extremes. What is measured in which order is in runner.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

#include "bench.h"

#define MAX_SERIES	256
#define MAX_SAMPLES	64

struct series {
	const char *step;
	const char *driver;
	const char *unit;
	unsigned int count;
	uint64_t values[MAX_SAMPLES];
};

struct bench_options bench_options = {
	.repeat = 3, .frames = 10000, .max_size = 64 * MIB
};

static const char *bench_name;
static struct series all_series[MAX_SERIES];
static unsigned int nr_series;
/* How often the clock was read, and how often when the last sample was told of. */
static unsigned long nr_marks, told_marks;

static void usage(void)
{
	fprintf(stderr,
		"usage: %s [--repeat N] [--frames N] [--min-size MIB] [--max-size MIB]\n"
		"          [--memory KIND] [--profile 1]\n", bench_name);
	exit(2);
}

/* Read the options. */
void bench_begin(const char *program, int argc, char **argv)
{
	int i;

	bench_name = program;
	for (i = 1; i < argc; i++) {
		if (i + 1 == argc)
			usage();
		if (!strcmp(argv[i], "--repeat"))
			bench_options.repeat = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--frames"))
			bench_options.frames = strtoul(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--min-size"))
			bench_options.min_size = strtoull(argv[++i], NULL, 0) * MIB;
		else if (!strcmp(argv[i], "--max-size"))
			bench_options.max_size = strtoull(argv[++i], NULL, 0) * MIB;
		else if (!strcmp(argv[i], "--memory"))
			bench_options.memory = argv[++i];
		else if (!strcmp(argv[i], "--profile"))
			bench_options.profile = strtoul(argv[++i], NULL, 0);
		else
			usage();
	}
	if (!bench_options.repeat || bench_options.repeat > MAX_SAMPLES || !bench_options.frames)
		usage();

	/* What runs for the first time may run twice: let the plugin count from here. */
	bench_clock();
	nr_marks = 0;
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 'z', 'c', 'e', 'r'" : : : "memory");
}

/* Numbers of a benchmark of which a part failed are worth nothing. */
void bench_fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", bench_name, what, strerror(errno));
	exit(1);
}

int bench_check(int ret, const char *what)
{
	if (ret < 0)
		bench_fail(what);
	return ret;
}

void *bench_check_pointer(void *pointer, const char *what)
{
	if (!pointer || pointer == (void *)-1)
		bench_fail(what);
	return pointer;
}

/*
 * Nanoseconds; in the deterministic mode, instructions. A no-operation marks each reading
 * for the plugin of testbed/profiler/counter.c.
 */
uint64_t bench_clock(void)
{
	struct timespec now;

	nr_marks++;
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 'z', 'c', 'e', 'm'" : : : "memory");
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* Page faults that this process has had. */
uint64_t bench_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/* What was measured between the last two readings of the clock. */
static void tell_profile(const char *step, const char *driver)
{
	if (nr_marks == told_marks)
		return;
	told_marks = nr_marks;
	printf("{\"mark\": %lu, \"step\": \"%s\", \"driver\": \"%s\"}\n", nr_marks - 1,
	       step, driver);
}

/* Add a figure. The strings must live until bench_report(). */
void bench_sample(const char *step, const char *driver, const char *unit, uint64_t value)
{
	struct series *series;
	unsigned int i;

	for (i = 0; i < nr_series; i++) {
		series = &all_series[i];
		if (!strcmp(series->step, step) && !strcmp(series->driver, driver))
			break;
	}
	if (i == MAX_SERIES)
		bench_fail("too many series");
	series = &all_series[i];
	if (i == nr_series) {
		nr_series++;
		series->step = step;
		series->driver = driver;
		series->unit = unit;
	}
	if (series->count < MAX_SAMPLES)
		series->values[series->count++] = value;
	if (bench_options.profile)
		tell_profile(step, driver);
}

static int by_value(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

/* Print what was sampled, and forget it. */
void bench_report(const char *memory, uint64_t size)
{
	unsigned int i;

	for (i = 0; i < nr_series; i++) {
		struct series *series = &all_series[i];

		qsort(series->values, series->count, sizeof(series->values[0]), by_value);
		printf("{\"bench\": \"%s\", \"memory\": \"%s\", \"size\": %" PRIu64
		       ", \"step\": \"%s\", \"driver\": \"%s\", \"unit\": \"%s\""
		       ", \"median\": %" PRIu64 ", \"min\": %" PRIu64 ", \"max\": %" PRIu64
		       ", \"samples\": %u}\n",
		       bench_name, memory, size, series->step, series->driver, series->unit,
		       series->values[series->count / 2], series->values[0],
		       series->values[series->count - 1], series->count);
		series->count = 0;
	}
	fflush(stdout);
	nr_series = 0;
}

/* Do the options ask for this? */
bool bench_wants(const char *memory, uint64_t size)
{
	return size >= bench_options.min_size && size <= bench_options.max_size &&
		(!bench_options.memory || !strcmp(bench_options.memory, memory));
}

/* Write to a file in /proc or /sys. */
bool bench_write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool good;

	if (!file)
		return false;
	good = fputs(text, file) >= 0;
	return !fclose(file) && good;
}
