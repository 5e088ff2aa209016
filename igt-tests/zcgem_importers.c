// SPDX-License-Identifier: MIT
/*
 * Importers of kinds that are rare: one that adds a fence or gives up its pins while it is
 * notified, one that pins by itself and cannot be notified, several lists or attachments of one
 * device, reservations locked by ticket, a device that goes away.
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
 *
 * SUBTEST: unpin-inside
 * Description: An importer may give up its pins while it is notified of a revocation.
 *
 * SUBTEST: two-lists
 * Description: The pages stay until the last scatter list of an attachment is unmapped.
 *
 * SUBTEST: two-attachments
 * Description: Each attachment of a device is notified, and each holds the pages.
 *
 * SUBTEST: ticket
 * Description: Importers that lock two buffers by ticket get their pages beside evictions.
 *
 * SUBTEST: device-removed
 * Description: What a device has mapped is unmapped and evicted after the device has gone.
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

static void test_unpin_inside(const struct devices *dev)
{
	int memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK), dmabuf, device;
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, SIZE, 0);
	struct drm_zcgem_gem_revoke revoke = { .handle = handle };
	struct importer_state state;

	igt_require_f(dev->live, "importers pin on this kernel and are not notified\n");
	dmabuf = zcgem_export(dev->fd, handle);
	device = importer_new(dmabuf, IMPORTER_FOLLOWS | IMPORTER_UNPINS);
	importer_call(device, IMPORTER_PIN, 0);
	importer_call(device, IMPORTER_PIN, 0);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	igt_assert_eq(__zcgem_evict(dev->fd, handle, SIZE), -EBUSY);
	importer_state(device, &state);
	igt_assert_eq_u64(state.told, 0);
	igt_assert_eq_u32(state.mapped, 1);

	igt_assert_eq(igt_ioctl(dev->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	igt_assert_eq_u64(revoke.holders, 0);
	importer_state(device, &state);
	igt_assert_lt_u64(0, state.told);
	igt_assert_eq_u32(state.mapped, 0);
	igt_assert_eq(__importer_call(device, IMPORTER_UNPIN, 0), -ENODATA);
	igt_assert(!zcgem_is_resident(dev->fd, handle));
	close(device);
	close(dmabuf);
	gem_close(dev->fd, handle);
	zcgem_release_memfd(memfd);
}

/* An object whose pages two scatter lists have: of one device, or of one attachment of it. */
struct twice {
	int memfd;
	int dmabuf;
	uint32_t handle;
	void *own;
};

static void begin_twice(int fd, struct twice *twice)
{
	twice->memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	twice->own = zcgem_map_memfd(twice->memfd, 0, SIZE);
	zcgem_fill(twice->own, SIZE, 5);
	twice->handle = zcgem_wrap_memfd(fd, twice->memfd, 0, SIZE, 0);
	twice->dmabuf = zcgem_export(fd, twice->handle);
}

static void end_twice(int fd, struct twice *twice)
{
	munmap(twice->own, SIZE);
	close(twice->dmabuf);
	gem_close(fd, twice->handle);
	zcgem_release_memfd(twice->memfd);
}

static void test_two_lists(const struct devices *dev)
{
	struct importer_state state;
	struct twice twice;
	int device;

	begin_twice(dev->fd, &twice);
	device = importer_new(twice.dmabuf, 0);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(device, IMPORTER_MAP_MORE, 0);
	importer_call(device, IMPORTER_UNMAP_MORE, 0);
	igt_assert_eq(__zcgem_evict(dev->fd, twice.handle, SIZE), -EBUSY);
	importer_check(device, SIZE, 5, 0);
	importer_call(device, IMPORTER_MAP_MORE, 0);
	importer_call(device, IMPORTER_UNMAP, 0);
	igt_assert_eq(__zcgem_evict(dev->fd, twice.handle, SIZE), -EBUSY);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_check(device, SIZE, 5, 0);
	close(device);
	zcgem_evict(dev->fd, twice.handle, SIZE);

	device = importer_new(twice.dmabuf, IMPORTER_FOLLOWS);
	importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(device, IMPORTER_MAP_MORE, 0);
	igt_assert_eq(__zcgem_evict(dev->fd, twice.handle, SIZE), dev->live ? 0 : -EBUSY);
	importer_state(device, &state);
	igt_assert_eq_u64(state.told, dev->live);
	igt_assert_eq_u32(state.mapped, dev->live ? 0 : 2);
	close(device);
	zcgem_evict(dev->fd, twice.handle, SIZE);
	end_twice(dev->fd, &twice);
}

static void test_two_attachments(const struct devices *dev)
{
	static const uint32_t kinds[] = { 0, IMPORTER_FOLLOWS };
	struct importer_state states[2];
	struct twice twice;
	unsigned int i;

	begin_twice(dev->fd, &twice);
	for (i = 0; i < 2; i++) {
		int first = importer_new(twice.dmabuf, kinds[i]), second = importer_open();
		struct importer_attach attach = {
			.dmabuf = twice.dmabuf, .device = first, .flags = kinds[i] | IMPORTER_SHARES,
		};
		bool moves = kinds[i] && dev->live;

		importer_call(second, IMPORTER_ATTACH, (uintptr_t)&attach);
		importer_call(first, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_call(second, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_check(second, SIZE, 5, 0);
		igt_assert_eq(__zcgem_evict(dev->fd, twice.handle, SIZE), moves ? 0 : -EBUSY);
		importer_state(first, &states[0]);
		importer_state(second, &states[1]);
		igt_assert_eq_u64(states[0].told, moves);
		igt_assert_eq_u64(states[1].told, moves);
		if (!moves) {
			importer_call(first, IMPORTER_UNMAP, 0);
			igt_assert_eq(__zcgem_evict(dev->fd, twice.handle, SIZE), -EBUSY);
			importer_check(second, SIZE, 5, 0);
		}
		close(second);
		close(first);
		zcgem_evict(dev->fd, twice.handle, SIZE);
	}
	end_twice(dev->fd, &twice);
}

#define TICKET_ROUNDS	200

struct ticket {
	pthread_t thread;
	int device;
	int beside;
	int result;
};

static void *map_by_ticket(void *data)
{
	struct ticket *ticket = data;
	unsigned int i, rounds = zcgem_rounds(TICKET_ROUNDS);

	for (i = 0; i < rounds && !ticket->result; i++) {
		ticket->result = __importer_call(ticket->device, IMPORTER_MAP_BESIDE, ticket->beside);
		/* one that follows moves may have unmapped already */
		if (!ticket->result)
			__importer_call(ticket->device, IMPORTER_UNMAP, 0);
	}
	return NULL;
}

static void test_ticket(const struct devices *dev)
{
	struct ticket tickets[2] = {};
	struct twice both[2];
	unsigned int i, rounds = zcgem_rounds(TICKET_ROUNDS);

	for (i = 0; i < 2; i++)
		begin_twice(dev->fd, &both[i]);
	for (i = 0; i < 2; i++) {
		tickets[i].device = importer_new(both[i].dmabuf, IMPORTER_FOLLOWS);
		tickets[i].beside = both[!i].dmabuf;
		igt_assert_eq(pthread_create(&tickets[i].thread, NULL, map_by_ticket, &tickets[i]), 0);
	}
	for (i = 0; i < rounds; i++) {
		int ret = __zcgem_evict(dev->fd, both[i % 2].handle, SIZE);

		igt_assert(!ret || ret == -EBUSY);
	}
	/* each thread uses both buffers until its end */
	for (i = 0; i < 2; i++)
		pthread_join(tickets[i].thread, NULL);
	for (i = 0; i < 2; i++) {
		igt_assert_eq(tickets[i].result, 0);
		importer_call(tickets[i].device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		importer_check(tickets[i].device, SIZE, 5, 0);
		close(tickets[i].device);
		end_twice(dev->fd, &both[i]);
	}
}

static void test_device_removed(const struct devices *dev)
{
	static const uint32_t kinds[] = { 0, IMPORTER_FOLLOWS };
	struct twice twice;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		bool moves = kinds[i] && dev->live;
		int device, ret;

		begin_twice(dev->fd, &twice);
		device = importer_new(twice.dmabuf, kinds[i]);
		importer_call(device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
		ret = __importer_call(device, IMPORTER_REMOVE, 0);
		if (!ret) {
			importer_check(device, SIZE, 5, 0);
			igt_assert_eq(__zcgem_evict(dev->fd, twice.handle, SIZE), moves ? 0 : -EBUSY);
		}
		close(device);
		if (!ret)
			zcgem_evict(dev->fd, twice.handle, SIZE);
		end_twice(dev->fd, &twice);
		igt_require_f(ret != -EOPNOTSUPP, "the device is one of the machine's own\n");
		igt_assert_eq(ret, 0);
	}
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

	igt_describe("An importer may give up its pins while it is notified of a revocation");
	igt_subtest("unpin-inside")
		run_shared(&devices, test_unpin_inside);

	igt_describe("The pages stay until the last scatter list of an attachment is unmapped");
	igt_subtest("two-lists")
		run_shared(&devices, test_two_lists);

	igt_describe("Each attachment of a device is notified, and each holds the pages");
	igt_subtest("two-attachments")
		run_shared(&devices, test_two_attachments);

	igt_describe("Importers that lock two buffers by ticket get their pages beside evictions");
	igt_subtest("ticket")
		run_shared(&devices, test_ticket);

	igt_describe("What a device has mapped is unmapped and evicted after the device has gone");
	igt_subtest("device-removed")
		run_shared(&devices, test_device_removed);

	igt_fixture()
		close_devices(&devices);
}
