/* SPDX-License-Identifier: MIT */
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers.h"
#include "memory.h"

#define MAX_MEMFDS	4

/* What is measured on: one size of one kind of memory. */
struct trial {
	const struct memory *memory;
	uint64_t size;
	/* Of that size, with all pages. */
	int memfds[MAX_MEMFDS];
};

/* Whom a row is about: a set of drivers, of which those that are there are taken. */
#define ONLY(driver)	(1u << (driver))
#define WRAPPING	(ONLY(DRIVER_ZCGEM) | ONLY(DRIVER_UDMABUF))
#define EVERY_DRIVER	(ONLY(DRIVERS) - 1)
/* None of them; measure() is called once, without one. */
#define NO_DRIVER	0

/* What a benchmark measures, in this order, in each round. */
struct row {
	void (*measure)(const struct driver *driver, const struct trial *trial);
	unsigned int drivers;
	/* In rounds of its own before there are memfds. */
	bool before_memfds;
};

struct benchmark {
	const struct row *rows;
	unsigned int nr_rows;
	/* In bytes, of which the options choose. */
	const uint64_t *sizes;
	unsigned int nr_sizes;
	/* How many memfds a trial has, and room for how many more it wants. */
	unsigned int memfds, spare;
	/* One round is enough. */
	bool once;
	/* Around the rounds of a trial; may be NULL. */
	void (*prepare)(const struct trial *trial);
	void (*finish)(const struct trial *trial);
};

void bench_run(const struct benchmark *benchmark);

#endif
