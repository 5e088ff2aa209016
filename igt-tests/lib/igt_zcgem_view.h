/* SPDX-License-Identifier: MIT */
/*
 * Mappings by leaves of each size, for tests of what can be done to mappings.
 */
#ifndef IGT_ZCGEM_VIEW_H
#define IGT_ZCGEM_VIEW_H

#include <stdint.h>

#include "igt_zcgem_memory.h"

/* Of the stamps that the objects have. */
#define VIEW_SEED	1

/**
 * struct view - An object, stamped, and a mapping of it whose leaves are all there.
 * @memory: the object
 * @map: the mapping
 * @size: bytes
 * @step: distance of the stamps
 */
struct view {
	struct memory memory;
	char *map;
	uint64_t size, step;
};

void open_view(int fd, enum memory_kind kind, struct view *view);
void close_view(int fd, struct view *view);
void try_each_leaf(int fd, void (*test)(int fd, struct view *view));
void check_part(const struct view *view, const char *map, uint64_t first, uint64_t size);

#endif /* IGT_ZCGEM_VIEW_H */
