/* SPDX-License-Identifier: MIT */
/*
 * A thread that evicts an object again and again, beside a test that uses it.
 */
#ifndef IGT_ZCGEM_EVICTOR_H
#define IGT_ZCGEM_EVICTOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * struct evictor - Such a thread.
 * @thread: the thread
 * @fd: zcgem descriptor
 * @handle: the object
 * @size: its size
 * @stop: whether it is to end
 * @evictions: how often it has evicted the object
 */
struct evictor {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size;
	volatile bool stop;
	volatile unsigned int evictions;
};

void evictor_start(struct evictor *evictor, int fd, uint32_t handle, uint64_t size);
void evictor_stop(struct evictor *evictor);

#endif /* IGT_ZCGEM_EVICTOR_H */
