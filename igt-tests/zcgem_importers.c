// SPDX-License-Identifier: MIT
/*
 * Importers of kinds that are rare: one that adds a fence while it is notified, and one that
 * pins by itself and cannot be notified.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_holder.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem importers
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check importers of rare kinds.
 *
 * SUBTEST: fence-inside
 * Description: Eviction waits for a fence that an importer adds while it is notified.
 *
 * SUBTEST: pins-only
 * Description: An importer that cannot be notified holds the pages by its own pin.
 */

IGT_TEST_DESCRIPTION("Check importers of rare kinds");

#define SIZE	(4 * ZCGEM_PAGE)

struct evictor {
	pthread_t thread;
	int fd;
	uint32_t handle;
	volatile pid_t tid;
	volatile bool ended;
	int result;
};

static void *evict(void *data)
{
	struct evictor *evictor = data;

	evictor->tid = gettid();
	evictor->result = __zcgem_evict(evictor->fd, evictor->handle, SIZE);
	evictor->ended = true;
	return NULL;
}

static void test_fence_inside(const struct devices *dev)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK), dmabuf, device;
	struct evictor evictor = { .fd = dev->fd };
	struct importer_state state;

	igt_require_f(dev->live, "importers pin on this kernel and are not notified\n");
	evictor.handle = zcgem_wrap_memfd(dev->fd, memfd, 0, SIZE, 0);
	dmabuf = zcgem_export(dev->fd, evictor.handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS | IMPORTER_FENCES);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	igt_assert_eq(pthread_create(&evictor.thread, NULL, evict, &evictor), 0);
	do {
		usleep(1000);
		importer_state(device, &state);
	} while (!state.told);
	zcgem_wait_until_asleep(evictor.tid);
	igt_assert(!evictor.ended);
	igt_assert(state.fence_pending);
	igt_assert(zcgem_is_resident(dev->fd, evictor.handle));
	importer_call(device, IMPORTER_SIGNAL, 0);
	pthread_join(evictor.thread, NULL);
	igt_assert_eq(evictor.result, 0);
	igt_assert(!zcgem_is_resident(dev->fd, evictor.handle));
	importer_state(device, &state);
	igt_assert_eq_u64(state.told, 1);
	igt_assert(!state.mapped);
	close(device);
	close(dmabuf);
	gem_close(dev->fd, evictor.handle);
	zcgem_release_memfd(memfd);
}

static void test_pins_only(const struct devices *dev)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK), dmabuf, device, ret;
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, SIZE, 0);
	struct drm_zcgem_gem_revoke revoke = { .handle = handle };
	struct importer_state state;
	void *own;

	dmabuf = zcgem_export(dev->fd, handle);
	device = importer_open();
	ret = __importer_attach(device, dmabuf, IMPORTER_PINS, 0, 0);
	if (ret == -EOPNOTSUPP) {
		close(device);
		close(dmabuf);
		gem_close(dev->fd, handle);
		zcgem_release_memfd(memfd);
	}
	igt_require_f(ret != -EOPNOTSUPP, "the kernel knows no such importers\n");
	igt_assert_eq(ret, 0);
	importer_call(device, IMPORTER_PIN, 0);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	igt_assert_eq(__zcgem_evict(dev->fd, handle, SIZE), -EBUSY);
	own = zcgem_map_memfd(memfd, 0, SIZE);
	zcgem_fill(own, SIZE, 3);
	importer_check(device, SIZE, 3, 0);
	/* nothing makes it unmap, so nothing is waited for */
	igt_assert_eq(igt_ioctl(dev->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	igt_assert_eq_u64(revoke.holders, 1);
	importer_state(device, &state);
	igt_assert_eq_u64(state.told, 0);
	importer_check(device, SIZE, 3, 0);
	importer_call(device, IMPORTER_UNMAP, 0);
	importer_call(device, IMPORTER_UNPIN, 0);
	igt_assert_eq(igt_ioctl(dev->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	igt_assert_eq_u64(revoke.holders, 0);
	munmap(own, SIZE);
	close(device);
	close(dmabuf);
	gem_close(dev->fd, handle);
	zcgem_release_memfd(memfd);
}

int igt_main()
{
	struct devices devices = { .fd = -1, .other = -1, .vgem = -1 };

	igt_fixture() {
		open_devices(&devices);
		require_importer();
	}

	igt_describe("Eviction waits for a fence that an importer adds while it is notified");
	igt_subtest("fence-inside")
		run_shared(&devices, test_fence_inside);

	igt_describe("An importer that cannot be notified holds the pages by its own pin");
	igt_subtest("pins-only")
		run_shared(&devices, test_pins_only);

	igt_fixture()
		close_devices(&devices);
}
