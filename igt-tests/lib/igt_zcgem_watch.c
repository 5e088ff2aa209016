// SPDX-License-Identifier: MIT
/*
 * Objects whose driver is told when pages leave the memfd. It acts on that by a work
 * item, so tests look until it has, or long enough to see that it does not.
 */
#include <string.h>
#include <unistd.h>

#include "igt_core.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_watch.h"

/* How long the driver may take to act on a watch: it has to get a CPU. */
#define SOON_STEP_US	5000
#define SOON_STEPS	6000

/**
 * wrap_watched:
 * @fd: zcgem descriptor
 * @memfd: a memfd
 * @offset: start in it, bytes
 * @size: bytes
 * @own: where this process has mapped that
 *
 * Returns: The handle of a new object.
 */
uint32_t wrap_watched(int fd, int memfd, uint64_t offset, uint64_t size, void *own)
{
	struct drm_zcgem_memfd_range range = {
		.fd = memfd, .offset = offset, .size = size,
		.watch_address = (uintptr_t)own,
	};

	return zcgem_wrap(fd, &range, 1, 0);
}

/**
 * same_soon:
 * @view: a mapping of an object
 * @own: a mapping of its memory
 * @size: bytes
 *
 * Returns: Whether they come to show the same.
 */
bool same_soon(const void *view, const void *own, uint64_t size)
{
	int step;

	for (step = 0; step < SOON_STEPS; step++) {
		if (!memcmp(view, own, size))
			return true;
		usleep(SOON_STEP_US);
	}
	return false;
}

/**
 * evicted_soon:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @before: how often it had been evicted
 *
 * Returns: Whether it is evicted again.
 */
bool evicted_soon(int fd, uint32_t handle, uint64_t before)
{
	int step;

	for (step = 0; step < SOON_STEPS; step++) {
		if (evictions(fd, handle) > before)
			return true;
		usleep(SOON_STEP_US);
	}
	return false;
}

/**
 * assert_not_evicted:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 * @before: how often it had been evicted
 *
 * Nothing happened; the driver's work would have had its turn by now.
 */
void assert_not_evicted(int fd, uint32_t handle, uint64_t before)
{
	usleep(100000);
	igt_assert_eq_u64(evictions(fd, handle), before);
}
