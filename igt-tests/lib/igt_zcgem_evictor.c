// SPDX-License-Identifier: MIT
/*
 * A thread that evicts an object again and again, beside a test that uses it.
 */
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem_evictor.h"
#include "igt_zcgem_wrap.h"

/* Between two evictions the test has time to come to something. */
#define PAUSE_US	2000
/* And where it never would, it does in the end. */
#define EVICTIONS	200

static void *evict_on(void *data)
{
	struct evictor *evictor = data;

	while (!evictor->stop && evictor->evictions < EVICTIONS) {
		evictor->evictions += !__zcgem_evict(evictor->fd, evictor->handle, evictor->size);
		usleep(PAUSE_US);
	}
	return NULL;
}

/**
 * evictor_start:
 * @evictor: filled; must live until evictor_stop()
 * @fd: zcgem descriptor
 * @handle: the object
 * @size: its size
 */
void evictor_start(struct evictor *evictor, int fd, uint32_t handle, uint64_t size)
{
	*evictor = (struct evictor) { .fd = fd, .handle = handle, .size = size };
	igt_assert_eq(pthread_create(&evictor->thread, NULL, evict_on, evictor), 0);
}

/**
 * evictor_stop:
 * @evictor: what evictor_start() filled
 */
void evictor_stop(struct evictor *evictor)
{
	evictor->stop = true;
	pthread_join(evictor->thread, NULL);
}
