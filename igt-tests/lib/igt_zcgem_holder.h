/* SPDX-License-Identifier: MIT */
/*
 * A thread that holds an object's dma_resv, as an importer does that waits for fences with it.
 */
#ifndef IGT_ZCGEM_HOLDER_H
#define IGT_ZCGEM_HOLDER_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct holder - Who holds the lock.
 * @thread: the thread
 * @tid: its number
 * @device: the importer that it has pin the object
 * @timeline: of sw_sync; zcgem_release_lock() or sw_sync_advance() lets it go on
 * @file: the fence that it waits for
 */
struct holder {
	pthread_t thread;
	volatile pid_t tid;
	int device;
	int timeline;
	int file;
};

void zcgem_hold_lock(int fd, uint32_t handle, int memfd, int dmabuf, struct holder *holder);
void zcgem_release_lock(struct holder *holder);
void zcgem_wait_until_asleep(pid_t tid);

#endif /* IGT_ZCGEM_HOLDER_H */
