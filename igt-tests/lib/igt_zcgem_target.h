/* SPDX-License-Identifier: MIT */
/*
 * Mappings of every kind of object that others try to get at.
 */
#ifndef IGT_ZCGEM_TARGET_H
#define IGT_ZCGEM_TARGET_H

#include <stdint.h>

#include "igt_zcgem_memory.h"

/* Distance and seed of the stamps that a target has. */
#define TARGET_STEP	(16 * ZCGEM_PAGE)
#define TARGET_SEED	1

/**
 * struct target - An object and a mapping of it.
 * @memory: the object
 * @map: the mapping
 * @size: bytes
 * @inside: an address in it; a page from there is inside one leaf
 * @across: likewise; four pages from there are in two leaves
 */
struct target {
	struct memory memory;
	char *map;
	uint64_t size;
	char *inside;
	char *across;
};

/* A way to get at the memory, and what has to come of it. */
typedef void (*door)(struct target *target, void *data);

uint64_t target_size(enum memory_kind kind);
void open_target(int fd, enum memory_kind kind, struct target *target);
void close_target(int fd, struct target *target);
void try_each_target(int fd, door try, void *data);

#endif /* IGT_ZCGEM_TARGET_H */
