/* SPDX-License-Identifier: MIT */
/*
 * Swap space for tests of reclaim.
 */
#ifndef IGT_ZCGEM_SWAP_H
#define IGT_ZCGEM_SWAP_H

#include <stdbool.h>
#include <stdint.h>

void zcgem_end_swap(void);
void zcgem_require_swap(uint64_t size);
bool zcgem_page_out(void *map, uint64_t size);

#endif /* IGT_ZCGEM_SWAP_H */
