// SPDX-License-Identifier: MIT
/*
 * Threads import, use, map and drop the same few buffers. If a last reference
 * raced with an import, a handle would be closed under its user or twice.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_drm.h"
#include "zcgem.h"

#define THREADS		4
#define BUFFERS		3
#define ROUNDS		4000

static struct zcgem_device *dev;
static int buffers[BUFFERS];

static void *worker(void *argument)
{
	unsigned int seed = (uintptr_t)argument, i;

	for (i = 0; i < ROUNDS; i++) {
		struct drm_zcgem_gem_info info;
		unsigned int n = rand_r(&seed) % BUFFERS;
		struct zcgem_bo *bo, *again;
		void *address;

		CHECK(!zcgem_bo_import(dev, buffers[n], &bo));
		CHECK(!zcgem_bo_info(bo, &info, sizeof(info)));
		CHECK(info.size == (n + 1) * 4096 && zcgem_bo_size(bo) == info.size);
		CHECK(!zcgem_bo_import(dev, buffers[n], &again) && again == bo);
		CHECK(!zcgem_bo_map(bo, PROT_READ, &address));
		zcgem_bo_unref(again);
		CHECK(*(volatile char *)address == 0);
		CHECK(!zcgem_bo_unmap(bo, address));
		zcgem_bo_unref(bo);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];
	unsigned int i;
	int fd = fake_open();

	CHECK(!zcgem_device_new(fd, &dev));
	for (i = 0; i < BUFFERS; i++) {
		struct zcgem_bo *bo;

		CHECK(!zcgem_bo_new(dev, (i + 1) * 4096, 0, &bo));
		buffers[i] = zcgem_bo_export(bo, 0);
		CHECK(buffers[i] >= 0);
		zcgem_bo_unref(bo);
	}
	for (i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, worker, (void *)(uintptr_t)(i + 1)));
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	CHECK(fake_open_handles() == 0);
	CHECK(fake_unknown_handles() == 0);
	zcgem_device_unref(dev);
	return 0;
}
