// SPDX-License-Identifier: MIT
/*
 * Runs a benchmark, which is a table: for each kind of memory and each size that the
 * options and the machine allow, the rows in rounds, A B A B, so that what changes while
 * they run meets all of them alike. It prints after each size.
 */
#include <unistd.h>

#include "bench.h"
#include "runner.h"

/* Drivers that only allocate are there for comparison, which large buffers do not need. */
#define LARGEST_ALLOCATED	(64 * MIB)

static bool takes_part(const struct row *row, unsigned int d, uint64_t size)
{
	return row->drivers & ONLY(d) && driver_available(&drivers[d]) &&
		(drivers[d].wraps || size <= LARGEST_ALLOCATED);
}

static void run_row(const struct row *row, const struct trial *trial)
{
	unsigned int d;

	if (row->drivers == NO_DRIVER)
		row->measure(NULL, trial);
	for (d = 0; d < DRIVERS; d++)
		if (takes_part(row, d, trial->size))
			row->measure(&drivers[d], trial);
}

static void run_rounds(const struct benchmark *benchmark, const struct trial *trial,
		       bool before_memfds)
{
	unsigned int rounds = benchmark->once ? 1 : bench_options.repeat, r, i;

	for (r = 0; r < rounds; r++)
		for (i = 0; i < benchmark->nr_rows; i++)
			if (benchmark->rows[i].before_memfds == before_memfds)
				run_row(&benchmark->rows[i], trial);
}

static void run_trial(const struct benchmark *benchmark, struct trial *trial)
{
	unsigned int i;

	run_rounds(benchmark, trial, true);
	for (i = 0; i < benchmark->memfds; i++)
		trial->memfds[i] = memory_make_warm(trial->memory, trial->size);
	if (benchmark->prepare)
		benchmark->prepare(trial);
	run_rounds(benchmark, trial, false);
	if (benchmark->finish)
		benchmark->finish(trial);
	for (i = 0; i < benchmark->memfds; i++)
		close(trial->memfds[i]);
	bench_report(trial->memory->name, trial->size);
}

static bool possible(const struct benchmark *benchmark, const struct trial *trial)
{
	uint64_t room = (benchmark->memfds + benchmark->spare) * trial->size;

	return bench_wants(trial->memory->name, trial->size) &&
		memory_available(trial->memory, room) &&
		memory_worthwhile(trial->memory, trial->size);
}

/* All of a benchmark. Call after bench_begin(). */
void bench_run(const struct benchmark *benchmark)
{
	unsigned int kind, i;

	drivers_open();
	for (kind = 0; kind < MEMORY_KINDS; kind++) {
		for (i = 0; i < benchmark->nr_sizes; i++) {
			struct trial trial = {
				.memory = &memory_kinds[kind], .size = benchmark->sizes[i]
			};

			if (possible(benchmark, &trial))
				run_trial(benchmark, &trial);
		}
	}
}
