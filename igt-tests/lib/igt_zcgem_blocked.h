/* SPDX-License-Identifier: MIT */
/*
 * Submits that wait until the test lets them go.
 */
#ifndef IGT_ZCGEM_BLOCKED_H
#define IGT_ZCGEM_BLOCKED_H

#include <stdbool.h>
#include <stdint.h>

#include "igt_zcgem.h"

/**
 * struct blocked - An object with a submit on it that waits until the test lets it go.
 * @timeline: of sw_sync, on which the submit waits
 * @in: syncobj that it waits for
 * @out: syncobj of its fence
 * @handle: the object, of a page
 * @other: another one
 * @map: where the first is mapped
 * @other_map: where the other is mapped
 */
struct blocked {
	int timeline;
	uint32_t in;
	uint32_t out;
	uint32_t handle;
	uint32_t other;
	uint32_t *map;
	uint32_t *other_map;
};

void blocked_open(int fd, struct blocked *b);
void blocked_submit(int fd, const struct blocked *b, struct drm_zcgem_op op);
void blocked_start(int fd, struct blocked *b, bool read);
void blocked_release(int fd, struct blocked *b);
void blocked_close(int fd, struct blocked *b);

#endif /* IGT_ZCGEM_BLOCKED_H */
