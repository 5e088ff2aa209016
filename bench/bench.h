/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIB	(1ull << 10)
#define MIB	(1ull << 20)
#define GIB	(1ull << 30)
#define SMALL_PAGE	4096ull

#define ARRAY_LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

/* What the command line asks for. */
struct bench_options {
	/* Repetitions of each measurement. */
	unsigned int repeat;
	/* Frames of one measurement of many. */
	unsigned int frames;
	/* Only buffers of these sizes, in bytes. */
	uint64_t min_size, max_size;
	/* Only this kind of memory, or NULL. */
	const char *memory;
	/* Tell between which marks of the clock each sample lies. */
	bool profile;
};

extern struct bench_options bench_options;

void bench_begin(const char *program, int argc, char **argv);
void bench_fail(const char *what) __attribute__((noreturn));
int bench_check(int ret, const char *what);
void *bench_check_pointer(void *pointer, const char *what);

uint64_t bench_clock(void);
uint64_t bench_faults(void);

void bench_sample(const char *step, const char *driver, const char *unit, uint64_t value);
void bench_report(const char *memory, uint64_t size);

bool bench_wants(const char *memory, uint64_t size);
bool bench_write_file(const char *path, const char *text);

#endif
