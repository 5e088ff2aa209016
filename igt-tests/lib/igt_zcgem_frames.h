/* SPDX-License-Identifier: MIT */
/*
 * Where memory is: page frames behind addresses, what they are, and their zones.
 */
#ifndef IGT_ZCGEM_FRAMES_H
#define IGT_ZCGEM_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

uint64_t zcgem_frame(const void *address);
uint64_t *zcgem_frames(const void *map, uint64_t size);
bool zcgem_is_swapped(const void *address);
uint64_t zcgem_count_swapped(const void *map, uint64_t size);
bool zcgem_frame_is_huge(uint64_t frame);
void zcgem_check_frames(const void *map, uint64_t size, const uint64_t *frames);
bool zcgem_frame_is_movable(uint64_t frame);
uint64_t zcgem_count_movable(const void *map, uint64_t size);
void zcgem_require_movable_zone(void);

#endif /* IGT_ZCGEM_FRAMES_H */
