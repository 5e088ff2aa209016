/* SPDX-License-Identifier: MIT */
/*
 * What the memory manager, or another thread, does to memory beside an object.
 */
#ifndef IGT_ZCGEM_MM_H
#define IGT_ZCGEM_MM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

void zcgem_run_ksm(void);
void zcgem_wait_for_ksm(void);
void zcgem_run_khugepaged(void);
void zcgem_check_dirty_zeroes(int fd, uint64_t size,
			      void (*write)(int fd, void *user, uint64_t size, uint64_t mark));

/**
 * struct zcgem_unmapper - A thread that unmaps memory and maps it again.
 * @map: where, none of it used otherwise
 * @size: bytes
 * @stop: set to end it
 * @thread: the thread
 */
struct zcgem_unmapper {
	char *map;
	uint64_t size;
	bool stop;
	pthread_t thread;
};

void zcgem_map_there(void *address, uint64_t size);
void zcgem_start_unmapper(struct zcgem_unmapper *unmapper, char *map, uint64_t size);
void zcgem_stop_unmapper(struct zcgem_unmapper *unmapper);

#endif /* IGT_ZCGEM_MM_H */
