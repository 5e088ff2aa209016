/* SPDX-License-Identifier: MIT */
/*
 * What the files of the library share and callers do not see.
 */
#ifndef ZCGEM_INTERNAL_H
#define ZCGEM_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "zcgem.h"

#define drm_public __attribute__((visibility("default")))

struct zcgem_device {
	atomic_uint refcount;
	int fd;
	bool owns_fd;

	/*
	 * Handle to struct zcgem_bo, for every object of this device. A GEM
	 * handle has no reference count in the kernel: importing a buffer twice
	 * gives the same handle and one close ends both. So there is exactly one
	 * struct zcgem_bo a handle, and these three happen under the lock:
	 * looking a handle up, the step of a bo's reference count to zero, and
	 * the ioctls that may return or close a handle that is in the table.
	 */
	pthread_mutex_t table_lock;
	void *table;
};

/* The CPU mapping of one protection, made at the first map, gone at the last unmap. */
struct zcgem_map {
	void *address;
	unsigned int users;
};

struct zcgem_bo {
	atomic_uint refcount;
	struct zcgem_device *dev;
	uint32_t handle;
	uint64_t size;

	/* Protects the maps: one for reading, one for reading and writing. */
	pthread_mutex_t map_lock;
	struct zcgem_map maps[2];
};

struct zcgem_syncobj {
	atomic_uint refcount;
	struct zcgem_device *dev;
	uint32_t handle;
};

int zcgem_ioctl(struct zcgem_device *dev, unsigned long request, void *argument);
int zcgem_node_check(int fd);
int zcgem_node_open(const char *path);
int zcgem_node_find(void);
int zcgem_bo_make(struct zcgem_device *dev, unsigned long request, void *argument,
		  const __u32 *handle, const __u64 *size, struct zcgem_bo **bo);
void zcgem_bo_drop_maps(struct zcgem_bo *bo);

#endif /* ZCGEM_INTERNAL_H */
