// SPDX-License-Identifier: MIT
/*
 * Submits that cannot end as they should: fences that never signal, clients, objects and
 * devices that go, memory that is taken back meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_swap.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem cancel
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Command submission
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check what becomes of submits when something goes away.
 *
 * SUBTEST: hanging-fence
 * Description: A submit gives up on a fence that never signals, and what comes after it runs.
 *
 * SUBTEST: hanging-implicit
 * Description: The same for a fence that somebody has put on the object.
 *
 * SUBTEST: close-waiting
 * Description: Closing the device ends submits that wait for a fence that never signals (class 14).
 *
 * SUBTEST: close-running
 * Description: Closing the device ends submits that run, and leaves nothing behind (class 14).
 *
 * SUBTEST: exit
 * Description: A process that is killed does not wait for its submits, nor hold up others (class 14).
 *
 * SUBTEST: revoke-waiting
 * Description: Revoking an object ends the submits that wait, with EACCES.
 *
 * SUBTEST: revoke-running
 * Description: Revoking an object ends the submits that run.
 *
 * SUBTEST: evict
 * Description: Eviction waits for the submits on an object, and the data is right (class 10).
 *
 * SUBTEST: punch
 * Description: A hole that is punched while a submit waits is seen afterwards, by everybody (class 12).
 *
 * SUBTEST: reclaim
 * Description: Reclaim passes over objects with submits and does not wait for them (class 10).
 *
 * SUBTEST: dirty
 * Description: What a submit has written to a memfd survives eviction and reclaim (class 12).
 *
 * SUBTEST: storm
 * Description: Clients that submit, evict, revoke and close all at once harm nobody (class 14).
 *
 * SUBTEST: two-devices
 * Description: Copies between objects of two devices, by import, in both directions.
 *
 * SUBTEST: two-devices-revoked
 * Description: Submits on an import give EACCES once it is revoked, ENODEV once its device is gone.
 *
 * SUBTEST: unplug
 * Description: A device that goes ends its submits with ENODEV (class 13).
 *
 * SUBTEST: outlive
 * Description: A fence that outlives its client keeps the module, and only as long (class 13).
 */

IGT_TEST_DESCRIPTION("Check what becomes of submits when something goes away");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

/* A submit that waits for a fence of a timeline, and the sync_file of its own. */
struct waiting {
	int timeline;
	uint32_t in;
	int file;
};

static void submit_waiting(int fd, struct drm_zcgem_op op, struct waiting *w)
{
	w->timeline = sw_sync_open();
	w->in = syncobj_pending(fd, w->timeline);
	w->file = zcgem_submit_for_file(fd, op, w->in);
	igt_assert_eq(sync_file_status(w->file), 0);
}

static void close_waiting(struct waiting *w)
{
	close(w->file);
	close(w->timeline);
}

static void test_hanging_fence(int fd)
{
	uint64_t limit = zcgem_get_param(fd, DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT);
	uint32_t handle = zcgem_create(fd, PAGES(1), 0);
	uint32_t *map = zcgem_mmap(fd, handle, PAGES(1), RW);
	struct waiting w;
	int64_t start = zcgem_now();
	int next;

	submit_waiting(fd, zcgem_op_fill32(handle, 0, 8, 1), &w);
	next = zcgem_submit_for_file(fd, zcgem_op_fill32(handle, 4, 4, 2), 0);
	igt_assert_eq(sync_file_wait(w.file), -ETIMEDOUT);
	igt_assert_lte_u64(limit, zcgem_now() - start + 100000000);
	igt_assert_eq(sync_file_wait(next), 1);
	igt_assert_eq_u32(map[0], 0);
	igt_assert_eq_u32(map[1], 2);
	zcgem_wait(fd, handle);

	/* the fence comes too late */
	sw_sync_advance(w.timeline, 1);
	igt_assert_eq(sync_file_status(w.file), -ETIMEDOUT);
	igt_assert_eq_u32(map[0], 0);
	close(next);
	close_waiting(&w);
	munmap(map, PAGES(1));
}

static void test_hanging_implicit(int fd)
{
	uint32_t handle = zcgem_create(fd, PAGES(1), 0);
	uint32_t *map = zcgem_mmap(fd, handle, PAGES(1), RW);
	int dmabuf = zcgem_export(fd, handle), timeline = sw_sync_open();
	int file = sw_sync_fence(timeline, 1);

	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, DMA_BUF_SYNC_WRITE, file), 0);
	close(file);
	close(dmabuf);
	file = zcgem_submit_for_file(fd, zcgem_op_fill32(handle, 0, 4, 1), 0);
	igt_assert_eq(sync_file_wait(file), -ETIMEDOUT);
	igt_assert_eq_u32(map[0], 0);
	close(file);
	munmap(map, PAGES(1));
	sw_sync_advance(timeline, 1);
	close(timeline);
}

static void test_close_waiting(int fd)
{
	int client = drm_reopen_driver(fd), others[8], i;
	uint32_t handle = zcgem_create(client, PAGES(1), 0);
	struct drm_zcgem_op op = zcgem_op_fill32(handle, 0, 4, 1);
	struct waiting w;

	submit_waiting(client, op, &w);
	for (i = 0; i < 8; i++)
		others[i] = zcgem_submit_for_file(client, op, i & 1 ? w.in : 0);
	close(client);

	/* closing has waited for them, and the fence they waited for is still pending */
	igt_assert_eq(sync_file_status(w.file), -ECANCELED);
	for (i = 0; i < 8; i++) {
		igt_assert_eq(sync_file_status(others[i]), -ECANCELED);
		close(others[i]);
	}
	sw_sync_advance(w.timeline, 1);
	close_waiting(&w);
}

/* On a busy machine all jobs may be done before this program gets on, and it tries again. */
#define MORE_ROUNDS	100

static void test_close_running(int fd)
{
	const uint64_t size = MIB(32);
	int cancelled = 0, files[16], i, round;

	for (round = 0; round < 4 || (!cancelled && round < MORE_ROUNDS); round++) {
		int client = drm_reopen_driver(fd);
		uint32_t from = zcgem_create(client, size, 0);
		uint32_t to = zcgem_create(client, size, 0);

		for (i = 0; i < 16; i++)
			files[i] = zcgem_submit_for_file(client,
							 zcgem_op_copy(to, 0, from, 0, size), 0);
		if (round & 1)
			sync_file_wait(files[0]);
		close(client);
		for (i = 0; i < 16; i++) {
			int status = sync_file_status(files[i]);

			igt_assert_f(status == 1 || status == -ECANCELED, "%d\n", status);
			cancelled += status < 0;
			close(files[i]);
		}
	}
	igt_info("%d of %d submits were cancelled\n", cancelled, 16 * round);
	igt_assert_lt(0, cancelled);
}

static void test_exit(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), file, status;
	uint32_t mine = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	struct zcgem_line line;
	pid_t child;

	/* the child could not say that there are no such timelines */
	close(sw_sync_open());
	zcgem_open_line(&line);
	child = fork();
	igt_assert(child >= 0);
	if (!child) {
		int client = drm_reopen_driver(fd);
		struct drm_zcgem_op op;
		struct waiting w;
		int i;

		zcgem_take_end(&line, 1);
		op = zcgem_op_fill32(zcgem_wrap_memfd(client, memfd, 0, PAGES(4), 0), 0, 4, 1);
		submit_waiting(client, op, &w);
		for (i = 0; i < 100; i++) {
			op.dst_handle = zcgem_create(client, PAGES(1), 0);
			close(zcgem_submit_for_file(client, op, w.in));
		}
		zcgem_send_fd(line.end[1], w.file);
		/* so that it is the kill and not the timeline's end that ends it */
		zcgem_send_fd(line.end[1], w.timeline);
		pause();
		_exit(1);
	}
	zcgem_take_end(&line, 0);
	file = zcgem_receive_fd(line.end[0]);
	status = zcgem_receive_fd(line.end[0]);
	igt_assert_eq(sync_file_status(file), 0);
	kill(child, SIGKILL);
	igt_assert_eq(waitpid(child, NULL, 0), child);
	igt_assert_eq(sync_file_wait(file), -ECANCELED);
	close(status);
	close(file);
	zcgem_close_line(&line);

	zcgem_submit_op(fd, zcgem_op_fill32(mine, 0, 4, 2));
	zcgem_wait(fd, mine);
	close(memfd);
}

static uint64_t revoke_object(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_revoke arg = { .handle = handle };

	igt_assert_eq(drmIoctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg), 0);
	return arg.holders;
}

static void test_revoke_waiting(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), bystander;
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	uint32_t other = zcgem_create(fd, PAGES(4), 0);
	struct waiting w;

	submit_waiting(fd, zcgem_op_copy(other, 0, handle, 0, PAGES(4)), &w);
	bystander = zcgem_submit_for_file(fd, zcgem_op_fill32(other, 0, 4, 1), w.in);
	igt_assert_eq_u64(revoke_object(fd, handle), 0);
	igt_assert_eq(sync_file_wait(w.file), -EACCES);
	igt_assert_eq(sync_file_status(bystander), 0);
	sw_sync_advance(w.timeline, 1);
	igt_assert_eq(sync_file_wait(bystander), 1);
	close(bystander);
	close_waiting(&w);
	close(memfd);
}

static void test_revoke_running(int fd)
{
	const uint64_t size = MIB(64);
	uint32_t to = zcgem_create(fd, size, 0);
	int files[4], i, cancelled = 0, round;

	for (round = 0; !cancelled && round < MORE_ROUNDS; round++) {
		uint32_t from = zcgem_create(fd, size, 0);

		for (i = 0; i < 4; i++)
			files[i] = zcgem_submit_for_file(fd, zcgem_op_copy(to, 0, from, 0, size),
							 0);
		igt_assert_eq_u64(revoke_object(fd, from), 0);
		for (i = 0; i < 4; i++) {
			int status = sync_file_wait(files[i]);

			igt_assert_f(status == 1 || status == -EACCES, "%d\n", status);
			cancelled += status < 0;
			close(files[i]);
		}
		gem_close(fd, from);
	}
	igt_assert_lt(0, cancelled);
}

static void *advance_later(void *arg)
{
	struct waiting *w = arg;

	usleep(200000);
	sw_sync_advance(w->timeline, 1);
	return NULL;
}

static void test_evict(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	uint32_t *file = zcgem_map_memfd(memfd, 0, PAGES(4));
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	struct drm_zcgem_gem_info info;
	pthread_t thread;
	struct waiting w;

	submit_waiting(fd, zcgem_op_fill32(handle, 0, PAGES(4), 7), &w);
	igt_assert_eq(pthread_create(&thread, NULL, advance_later, &w), 0);
	zcgem_evict(fd, handle, PAGES(4));
	igt_assert_eq(sync_file_status(w.file), 1);
	pthread_join(thread, NULL);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_RESIDENT, 0);
	igt_assert_eq_u64(info.evictions, 1);
	igt_assert_eq_u32(file[0], 7);
	igt_assert_eq_u32(file[PAGES(4) / 4 - 1], 7);

	/* and a submit brings it back */
	zcgem_submit_op(fd, zcgem_op_fill32(handle, 0, 4, 8));
	zcgem_wait(fd, handle);
	igt_assert_eq_u32(file[0], 8);
	close_waiting(&w);
	munmap(file, PAGES(4));
	close(memfd);
}

static void test_punch(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	uint32_t *file = zcgem_map_memfd(memfd, 0, PAGES(4));
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	uint32_t copy = zcgem_create(fd, PAGES(4), 0);
	uint32_t *map = zcgem_mmap(fd, copy, PAGES(4), RW);
	pthread_t thread;
	struct waiting w;

	memset(file, 0x11, PAGES(4));
	submit_waiting(fd, zcgem_op_copy(copy, 0, handle, 0, PAGES(4)), &w);
	punch(memfd, PAGES(1), PAGES(1));
	igt_assert_eq_u32(file[1024], 0);
	file[1024] = 0x22222222;

	/* this has to wait for the submit, which uses what it was given */
	igt_assert_eq(pthread_create(&thread, NULL, advance_later, &w), 0);
	igt_assert_eq(__zcgem_revalidate(fd, handle, PAGES(4)), 0);
	igt_assert_eq(sync_file_status(w.file), 1);
	pthread_join(thread, NULL);
	igt_assert_eq_u32(map[0], 0x11111111);
	igt_assert_eq_u32(map[1024], 0x11111111);
	close_waiting(&w);

	/* the next one sees the file, also without advice */
	punch(memfd, PAGES(2), PAGES(1));
	zcgem_submit_op(fd, zcgem_op_copy(copy, 0, handle, 0, PAGES(4)));
	zcgem_wait(fd, copy);
	igt_assert_eq_u32(map[0], 0x11111111);
	igt_assert_eq_u32(map[1024], 0x22222222);
	igt_assert_eq_u32(map[2048], 0);
	igt_assert_eq_u32(map[3072], 0x11111111);
	munmap(map, PAGES(4));
	munmap(file, PAGES(4));
	close(memfd);
}

static bool is_resident(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.flags & DRM_ZCGEM_INFO_RESIDENT;
}

static void test_reclaim(int fd)
{
	int memfds[2] = { zcgem_memfd(MIB(4), F_SEAL_SHRINK), zcgem_memfd(MIB(4), F_SEAL_SHRINK) };
	uint32_t busy = zcgem_wrap_memfd(fd, memfds[0], 0, MIB(4), 0);
	uint32_t idle = zcgem_wrap_memfd(fd, memfds[1], 0, MIB(4), 0);
	uint64_t limit = zcgem_get_param(fd, DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT);
	int64_t start = zcgem_now();
	struct waiting w;
	int i;

	/* reclaim gains nothing from them without */
	zcgem_require_swap(MIB(16));
	zcgem_populate(fd, idle, MIB(4), NULL);
	submit_waiting(fd, zcgem_op_fill32(busy, 0, MIB(4), 7), &w);
	for (i = 0; i < 50 && is_resident(fd, idle); i++)
		__zcgem_write_setting("/proc/sys/vm/drop_caches", "2");
	igt_assert(!is_resident(fd, idle));
	if (zcgem_now() - start < (int64_t)limit)
		igt_assert(is_resident(fd, busy));
	sw_sync_advance(w.timeline, 1);
	sync_file_wait(w.file);
	for (i = 0; i < 50 && is_resident(fd, busy); i++)
		__zcgem_write_setting("/proc/sys/vm/drop_caches", "2");
	igt_assert(!is_resident(fd, busy));
	close_waiting(&w);
	close(memfds[0]);
	close(memfds[1]);
	zcgem_end_swap();
}

static void test_dirty(int fd)
{
	const uint64_t size = MIB(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), round;
	char *data = malloc(size);

	for (round = 1; round < 4; round++) {
		uint32_t from = zcgem_create(fd, size, 0);
		uint32_t to = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
		void *map = zcgem_mmap(fd, from, size, RW);

		zcgem_fill(map, size, round);
		munmap(map, size);
		zcgem_submit_op(fd, zcgem_op_copy(to, 0, from, 0, size));
		zcgem_wait(fd, to);
		zcgem_evict(fd, to, size);
		gem_close(fd, to);
		gem_close(fd, from);
		__zcgem_write_setting("/proc/sys/vm/drop_caches", "3");
		igt_assert_eq_u64(pread(memfd, data, size, 0), size);
		zcgem_check(data, size, round);
	}
	free(data);
	close(memfd);
}

#define STORM_CLIENTS	4
#define STORM_ROUNDS	60

static void storm(int fd, int memfd, unsigned int seed)
{
	unsigned int round, i;

	for (round = 0; round < STORM_ROUNDS; round++) {
		int client = drm_reopen_driver(fd);
		uint32_t wrapped = zcgem_wrap_memfd(client, memfd, 0, MIB(2), 0);
		uint32_t pool = zcgem_create(client, MIB(2), 0);
		int timeline = sw_sync_open();
		uint32_t in = syncobj_pending(client, timeline);

		for (i = 0; i < 8; i++) {
			struct drm_zcgem_op op = i & 1 ?
				zcgem_op_copy(pool, 0, wrapped, 0, MIB(2)) :
				zcgem_op_copy(wrapped, 0, pool, 0, MIB(2));
			const struct drm_zcgem_sync wait = { .handle = in };

			igt_assert_eq(__zcgem_submit_syncs(client, &op,
							   i == seed % 8 ? &wait : NULL, NULL),
				      0);
		}
		seed = seed * 1103515245 + 12345;
		switch (seed >> 16 & 3) {
		case 0:
			sw_sync_advance(timeline, 1);
			zcgem_evict(client, wrapped, MIB(2));
			break;
		case 1:
			revoke_object(client, wrapped);
			break;
		case 2:
			punch(memfd, MIB(1), PAGES(16));
			break;
		}
		close(client);
		close(timeline);
	}
}

static void test_storm(int fd)
{
	int memfd = zcgem_memfd(MIB(2), F_SEAL_SHRINK);

	igt_fork(child, STORM_CLIENTS)
		storm(fd, memfd, child + 1);
	igt_waitchildren();
	close(memfd);
}

/* A job gives back its mapping of an importer's object some time after its fence. */
static void wait_until_unpinned(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;
	int step;

	for (step = 0; step < 3000; step++) {
		zcgem_info(fd, handle, &info);
		if (!info.pins)
			return;
		usleep(10000);
	}
	igt_assert_f(false, "%llu times pinned after all jobs\n", info.pins);
}

/* Objects of each device that the other one has imported, by what they are made of. */
static void copy_across(int fd, int other, uint32_t theirs, int memfd)
{
	uint32_t here = zcgem_create(fd, MIB(2), 0), import;
	char *map = zcgem_mmap(fd, here, MIB(2), RW), *view;
	int dmabuf = zcgem_export(other, theirs);
	struct drm_zcgem_gem_info info;

	igt_assert_eq(__zcgem_import(fd, dmabuf, &import), 0);
	zcgem_info(fd, import, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_IMPORT);
	view = zcgem_mmap(other, theirs, MIB(2), RW);

	zcgem_fill(map, MIB(2), 1);
	zcgem_submit_op(fd, zcgem_op_copy(import, 0, here, 0, MIB(2)));
	/* the exporter sees the importer's fence */
	zcgem_wait(other, theirs);
	zcgem_check(view, MIB(2), 1);

	zcgem_fill(view, MIB(2), 2);
	zcgem_submit_op(fd, zcgem_op_copy(here, 4096, import, 0, MIB(1)));
	zcgem_submit_op(other, zcgem_op_fill32(theirs, 0, MIB(2), 3));
	zcgem_wait(fd, here);
	zcgem_check(map + 4096, MIB(1), 2);
	zcgem_wait(fd, import);
	igt_assert_eq_u32(*(uint32_t *)view, 3);
	if (memfd >= 0) {
		wait_until_unpinned(other, theirs);
		zcgem_evict(other, theirs, MIB(2));
	}

	munmap(view, MIB(2));
	munmap(map, MIB(2));
	close(dmabuf);
}

static void copy_both_ways(const struct devices *devices)
{
	int memfd = zcgem_memfd(MIB(2), F_SEAL_SHRINK);
	const int fds[2] = { devices->fd, devices->other };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		copy_across(fds[i], fds[!i], zcgem_create(fds[!i], MIB(2), 0), -1);
		copy_across(fds[i], fds[!i],
			    zcgem_create(fds[!i], MIB(2), DRM_ZCGEM_CREATE_WC), -1);
		copy_across(fds[i], fds[!i],
			    zcgem_wrap_memfd(fds[!i], memfd, 0, MIB(2), 0), memfd);
	}
	close(memfd);
}

static void test_two_devices(void)
{
	struct devices devices;

	open_devices(&devices);
	run_shared(&devices, copy_both_ways);
	close_devices(&devices);
}

static int fill_import(int fd, uint32_t import)
{
	struct drm_zcgem_op op = zcgem_op_fill32(import, 0, PAGES(4), 1);

	return __zcgem_submit_ops(fd, &op, 1);
}

static void test_two_devices_revoked(void)
{
	uint32_t theirs[2], imports[2];
	struct devices devices;
	struct waiting w;
	unsigned int i;

	open_devices(&devices);
	for (i = 0; i < 2; i++) {
		int dmabuf;

		theirs[i] = zcgem_create(devices.fd, PAGES(4), 0);
		dmabuf = zcgem_export(devices.fd, theirs[i]);
		igt_assert_eq(__zcgem_import(devices.other, dmabuf, &imports[i]), 0);
		close(dmabuf);
		igt_assert_eq(fill_import(devices.other, imports[i]), 0);
		zcgem_wait(devices.other, imports[i]);
	}

	/* the submit's mapping goes some time after its fence and may count as a holder */
	revoke_object(devices.fd, theirs[0]);
	igt_assert_eq(fill_import(devices.other, imports[0]), -EACCES);

	/* nor while a submit from before has it mapped */
	submit_waiting(devices.other, zcgem_op_fill32(imports[1], 0, 4, 1), &w);
	zcgem_unbind("zcgem");
	igt_assert_eq(fill_import(devices.other, imports[1]), -ENODEV);
	sw_sync_advance(w.timeline, 1);
	igt_assert_eq(sync_file_wait(w.file), 1);
	close_waiting(&w);
	zcgem_wait(devices.other, imports[1]);
	igt_assert_eq(fill_import(devices.other, imports[1]), -ENODEV);
	zcgem_bind("zcgem");
	close_devices(&devices);
}

static void test_unplug(void)
{
	const uint64_t size = MIB(64);
	int fd = open_device(0), running[2], i;
	uint32_t from, to;
	struct waiting w;

	igt_require_f(fd >= 0, "no zcgem device\n");
	from = zcgem_create(fd, size, 0);
	to = zcgem_create(fd, size, 0);
	submit_waiting(fd, zcgem_op_fill32(zcgem_create(fd, PAGES(1), 0), 0, 4, 1), &w);
	for (i = 0; i < 2; i++)
		running[i] = zcgem_submit_for_file(fd, zcgem_op_copy(to, 0, from, 0, size), 0);

	zcgem_unbind("zcgem");
	igt_assert_eq(sync_file_wait(w.file), -ENODEV);
	for (i = 0; i < 2; i++) {
		int status = sync_file_wait(running[i]);

		igt_assert_f(status == 1 || status == -ENODEV, "%d\n", status);
		close(running[i]);
	}
	igt_assert_eq(__zcgem_wait(fd, from, 0, 0), -ENODEV);
	zcgem_bind("zcgem");
	close_waiting(&w);
	close(fd);
	igt_assert_eq(zcgem_unload_soon(), 0);
	igt_assert(load_devices(1));
}

static void test_outlive(void)
{
	int fd = open_device(0), done, failed;
	char driver[32], timeline[32];
	uint32_t handle;
	struct waiting w;

	igt_require_f(fd >= 0, "no zcgem device\n");
	handle = zcgem_create(fd, PAGES(1), 0);
	done = zcgem_submit_for_file(fd, zcgem_op_fill32(handle, 0, 4, 1), 0);
	igt_assert_eq(sync_file_wait(done), 1);
	submit_waiting(fd, zcgem_op_fill32(handle, 0, 4, 1), &w);
	failed = dup(w.file);
	close_waiting(&w);
	close(fd);

	usleep(300000);
	igt_assert_neq(zcgem_unload(), 0);
	sync_file_names(done, driver, timeline);
	igt_assert_eq(sync_file_status(done), 1);
	close(done);
	usleep(300000);
	igt_assert_neq(zcgem_unload(), 0);
	igt_assert_lt(sync_file_wait(failed), 0);
	sync_file_names(failed, driver, timeline);
	close(failed);
	igt_assert_eq(zcgem_unload_soon(), 0);
	igt_assert(load_devices(1));
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A submit gives up on a fence that never signals, and what comes after it runs");
	igt_subtest("hanging-fence")
		zcgem_run_counted(fd, test_hanging_fence);

	igt_describe("The same for a fence that somebody has put on the object");
	igt_subtest("hanging-implicit")
		zcgem_run_counted(fd, test_hanging_implicit);

	igt_describe("Closing the device ends submits that wait for a fence that never signals (class 14)");
	igt_subtest("close-waiting")
		zcgem_run_counted(fd, test_close_waiting);

	igt_describe("Closing the device ends submits that run, and leaves nothing behind (class 14)");
	igt_subtest("close-running")
		zcgem_run_counted(fd, test_close_running);

	igt_describe("A process that is killed does not wait for its submits, nor hold up others (class 14)");
	igt_subtest("exit")
		zcgem_run_counted(fd, test_exit);

	igt_describe("Revoking an object ends the submits that wait, with EACCES");
	igt_subtest("revoke-waiting")
		zcgem_run_counted(fd, test_revoke_waiting);

	igt_describe("Revoking an object ends the submits that run");
	igt_subtest("revoke-running")
		zcgem_run_counted(fd, test_revoke_running);

	igt_describe("Eviction waits for the submits on an object, and the data is right (class 10)");
	igt_subtest("evict")
		zcgem_run_counted(fd, test_evict);

	igt_describe("A hole that is punched while a submit waits is seen afterwards, by everybody (class 12)");
	igt_subtest("punch")
		zcgem_run_counted(fd, test_punch);

	igt_describe("Reclaim passes over objects with submits and does not wait for them (class 10)");
	igt_subtest("reclaim")
		zcgem_run_counted(fd, test_reclaim);

	igt_describe("What a submit has written to a memfd survives eviction and reclaim (class 12)");
	igt_subtest("dirty")
		zcgem_run_counted(fd, test_dirty);

	igt_describe("Clients that submit, evict, revoke and close all at once harm nobody (class 14)");
	igt_subtest("storm")
		zcgem_run_counted(fd, test_storm);

	igt_fixture()
		drm_close_driver(fd);

	igt_describe("Copies between objects of two devices, by import, in both directions");
	igt_subtest("two-devices")
		test_two_devices();

	igt_describe("Submits on an import give EACCES once it is revoked, ENODEV once its device is gone");
	igt_subtest("two-devices-revoked")
		test_two_devices_revoked();

	igt_describe("A device that goes ends its submits with ENODEV (class 13)");
	igt_subtest("unplug")
		test_unplug();

	igt_describe("A fence that outlives its client keeps the module, and only as long (class 13)");
	igt_subtest("outlive")
		test_outlive();
}
