// SPDX-License-Identifier: MIT
/*
 * Whoever waits until fences let an object's pages go, and what others can do with the object
 * meanwhile: everything, and be told what they cannot.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem waits
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that waiting for fences on an object leaves the object usable.
 *
 * SUBTEST: evict
 * Description: An object can be used and shared while its eviction waits for a fence.
 *
 * SUBTEST: revalidate
 * Description: The same while revalidation after a hole punch waits.
 *
 * SUBTEST: fault
 * Description: A fault that waits for a fence on old pages holds up nothing else of its process.
 *
 * SUBTEST: revoke
 * Description: A revocation that waits for somebody's fence is in force already.
 *
 * SUBTEST: revoke-behind
 * Description: Revocation does not wait for what is queued before, nor harm it.
 *
 * SUBTEST: revoke-between
 * Description: Of a queue that uses an object in turn with others only the submits on it end.
 *
 * SUBTEST: submit
 * Description: A submit that waits for fences on an import's old pages holds up none of its other objects.
 *
 * SUBTEST: import-of-stale
 * Description: An import of old pages with a fence pending is refused, and holds up no other import.
 *
 * SUBTEST: fences-without-end
 * Description: Eviction ends although there is never a time without a fence.
 */

IGT_TEST_DESCRIPTION("Check that waiting for fences on an object leaves the object usable");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define MIB(n)		((n) * 1024ull * 1024)
#define RW		(PROT_READ | PROT_WRITE)

/* A thread that does one thing, which has to wait. */
struct waiter {
	pthread_t thread;
	int (*call)(struct waiter *waiter);
	int fd;
	uint32_t handle;
	uint32_t source;
	uint64_t size;
	volatile uint32_t *map;
	volatile pid_t tid;
	volatile bool ended;
	int result;
};

static void *waiter_main(void *data)
{
	struct waiter *waiter = data;

	waiter->tid = syscall(SYS_gettid);
	waiter->result = waiter->call(waiter);
	waiter->ended = true;
	return NULL;
}

/* Or 0, if it has ended meanwhile. */
static char thread_state(pid_t tid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state;
}

/* Whether it comes to wait, and not for a lock that somebody had just then. */
static bool waits(const struct waiter *waiter)
{
	unsigned int asleep = 0;

	while (asleep < 10 && !waiter->ended) {
		asleep = waiter->tid && thread_state(waiter->tid) == 'S' ? asleep + 1 : 0;
		usleep(1000);
	}
	return !waiter->ended;
}

static bool start_and_look(struct waiter *waiter)
{
	waiter->tid = 0;
	waiter->ended = false;
	igt_assert_eq(pthread_create(&waiter->thread, NULL, waiter_main, waiter), 0);
	return waits(waiter);
}

static void start_waiter(struct waiter *waiter)
{
	igt_assert_f(start_and_look(waiter), "it did not wait: %d\n", waiter->result);
}

static int join_waiter(struct waiter *waiter)
{
	pthread_join(waiter->thread, NULL);
	return waiter->result;
}

static int call_evict(struct waiter *waiter)
{
	return __zcgem_advise(waiter->fd, waiter->handle, DRM_ZCGEM_ADVICE_EVICT, 0,
			      waiter->size, NULL);
}

static int call_revalidate(struct waiter *waiter)
{
	return __zcgem_revalidate(waiter->fd, waiter->handle, waiter->size);
}

static int call_read(struct waiter *waiter)
{
	return waiter->map[0];
}

static int call_revoke(struct waiter *waiter)
{
	struct drm_zcgem_gem_revoke arg = { .handle = waiter->handle };

	return drmIoctl(waiter->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg) ? -errno : 0;
}

/* All that another client can do with an object. */
static void use_meanwhile(int fd, uint32_t handle, uint64_t size)
{
	int other = drm_reopen_driver(fd), dmabuf = zcgem_export(fd, handle);
	struct drm_zcgem_gem_info info;
	volatile uint32_t *map;
	uint32_t theirs;

	zcgem_info(fd, handle, &info);
	igt_assert_eq(__zcgem_import(other, dmabuf, &theirs), 0);
	map = zcgem_mmap(other, theirs, size, RW);
	map[1] = 5;
	igt_assert_eq_u32(map[1], 5);
	munmap((void *)map, size);
	close(zcgem_submit_for_file(other, zcgem_op_fill32(theirs, 8, 4, 1), 0));
	close(other);
	close(dmabuf);
}

/* An object that is mapped, has a fence, and a thread that is to wait for that. */
struct held {
	int memfd, timeline, file;
	uint32_t *own;
	struct waiter waiter;
};

static void hold_object(const struct devices *dev, int (*call)(struct waiter *waiter),
			struct held *held)
{
	struct waiter *waiter = &held->waiter;

	*held = (struct held) {
		.memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), .timeline = sw_sync_open(),
		.waiter = { .call = call, .fd = dev->fd, .size = PAGES(4) },
	};
	held->own = zcgem_map_memfd(held->memfd, 0, PAGES(4));
	waiter->handle = zcgem_wrap_memfd(dev->fd, held->memfd, 0, PAGES(4), 0);
	waiter->map = zcgem_mmap(dev->fd, waiter->handle, PAGES(4), RW);
	held->file = zcgem_submit_for_file(dev->fd, zcgem_op_fill32(waiter->handle, 0, 4, 7),
					   syncobj_pending(dev->fd, held->timeline));
}

/* The thread has waited until now; what came of it. */
static int let_go(struct held *held)
{
	igt_assert_f(!held->waiter.ended, "it has not waited: %d\n", held->waiter.result);
	igt_assert_eq(sync_file_status(held->file), 0);
	sw_sync_advance(held->timeline, 1);
	return join_waiter(&held->waiter);
}

static void end_held(struct held *held)
{
	munmap((void *)held->waiter.map, PAGES(4));
	gem_close(held->waiter.fd, held->waiter.handle);
	munmap(held->own, PAGES(4));
	close(held->file);
	close(held->timeline);
	close(held->memfd);
}

static void test_evict(const struct devices *dev)
{
	struct held held;

	hold_object(dev, call_evict, &held);
	start_waiter(&held.waiter);
	use_meanwhile(dev->fd, held.waiter.handle, PAGES(4));
	igt_assert_eq(let_go(&held), 0);
	igt_assert_eq(sync_file_status(held.file), 1);
	igt_assert(!zcgem_is_resident(dev->fd, held.waiter.handle));
	igt_assert_eq_u32(held.own[0], 7);
	igt_assert_eq_u32(held.own[1], 5);
	end_held(&held);
}

static void test_revalidate(const struct devices *dev)
{
	struct drm_zcgem_gem_info info;
	struct held held;

	hold_object(dev, call_revalidate, &held);
	held.waiter.map[0] = 1;
	punch(held.memfd, 0, PAGES(1));
	held.own[0] = 2;
	start_waiter(&held.waiter);
	zcgem_info(dev->fd, held.waiter.handle, &info);
	close(zcgem_export(dev->fd, held.waiter.handle));
	igt_assert_eq(let_go(&held), 0);
	igt_assert_eq_u32(held.waiter.map[0], 2);
	end_held(&held);
}

static void test_fault(const struct devices *dev)
{
	struct drm_zcgem_gem_info info;
	struct held held;
	void *more;

	hold_object(dev, call_read, &held);
	punch(held.memfd, 0, PAGES(1));
	held.own[0] = 2;
	start_waiter(&held.waiter);
	/* these need its mmap_lock, for writing, and the object's lock */
	more = zcgem_mmap(dev->fd, held.waiter.handle, PAGES(4), RW);
	munmap(more, PAGES(4));
	zcgem_info(dev->fd, held.waiter.handle, &info);
	igt_assert_eq(let_go(&held), 2);
	end_held(&held);
}

static void test_revoke(const struct devices *dev)
{
	struct waiter waiter = { .call = call_revoke, .fd = dev->fd };
	struct drm_zcgem_gem_info info;
	struct drm_zcgem_op op;
	struct share share;

	begin_share(dev, SOURCE_MEMFD, IMPORTER_DYNAMIC, USE_FENCED, &share);
	waiter.handle = share.handle;
	start_waiter(&waiter);
	zcgem_info(dev->fd, share.handle, &info);
	igt_assert(info.flags & DRM_ZCGEM_INFO_REVOKED);
	igt_assert(zcgem_access_faults(share.views[VIEW_GEM], false));
	igt_assert(zcgem_access_faults(share.views[VIEW_DMABUF], true));
	igt_assert(__zcgem_mmap(dev->fd, share.handle, share.size, RW) == NULL);
	op = zcgem_op_fill32(share.handle, 0, 4, 1);
	igt_assert_eq(__zcgem_submit_ops(dev->fd, &op, 1), -EACCES);
	igt_assert_f(!waiter.ended, "it has not waited: %d\n", waiter.result);
	signal_later(&share.fence);
	igt_assert_eq(join_waiter(&waiter), 0);
	igt_assert(share.fence.signalled);
	igt_assert(!zcgem_is_resident(dev->fd, share.handle));
	close_views(&share);
	end_share(&share);
}

/* Submits that others queued first wait for a timeline as long as the test likes. */
static void test_revoke_behind(const struct devices *dev)
{
	int memfd = zcgem_memfd(MIB(1), F_SEAL_SHRINK), timeline = sw_sync_open();
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, MIB(1), 0), theirs, bystander;
	int dmabuf = zcgem_export(dev->fd, handle), client = drm_reopen_driver(dev->fd);
	struct zcgem_snapshot before, now;
	int files[4], i;

	/* another client's queue: first what has nothing to do with the object */
	bystander = zcgem_create(client, PAGES(1), 0);
	theirs = zcgem_import(client, dmabuf);
	zcgem_evict(dev->fd, handle, MIB(1));
	files[0] = zcgem_submit_for_file(client, zcgem_op_fill32(bystander, 0, 4, 1),
					 syncobj_pending(client, timeline));
	zcgem_take_snapshot(dev->fd, &before);
	for (i = 1; i < 3; i++)
		files[i] = zcgem_submit_for_file(client, zcgem_op_fill32(theirs, 0, MIB(1), 7), 0);
	files[3] = zcgem_submit_for_file(client, zcgem_op_fill32(bystander, 4, 4, 2), 0);

	igt_assert_eq(call_revoke(&(struct waiter){ .fd = dev->fd, .handle = handle }), 0);
	for (i = 0; i < 4; i++)
		igt_assert_eq(sync_file_status(files[i]), 0);
	zcgem_take_snapshot(dev->fd, &now);
	igt_assert_eq_u64(now.pinned_folios, before.pinned_folios);
	igt_assert_eq_u64(now.resident_bytes, before.resident_bytes);
	/* that a fence is pending is told of no submit on it any more */
	igt_assert_eq(__zcgem_wait(dev->fd, handle, 0, 0), 0);

	sw_sync_advance(timeline, 1);
	igt_assert_eq(sync_file_wait(files[0]), 1);
	igt_assert_eq(sync_file_wait(files[1]), -EACCES);
	igt_assert_eq(sync_file_wait(files[2]), -EACCES);
	igt_assert_eq(sync_file_wait(files[3]), 1);
	for (i = 0; i < 4; i++)
		close(files[i]);
	close(client);
	close(dmabuf);
	gem_close(dev->fd, handle);
	close(timeline);
	close(memfd);
}

static void test_revoke_between(const struct devices *dev)
{
	const uint64_t size = MIB(32);
	uint32_t mine = zcgem_create(dev->fd, size, 0), other = zcgem_create(dev->fd, size, 0);
	uint32_t *map = zcgem_mmap(dev->fd, other, size, RW);
	int files[16], i;

	for (i = 0; i < 16; i++)
		files[i] = zcgem_submit_for_file(dev->fd, i & 1 ?
						 zcgem_op_fill32(mine, 0, size, i) :
						 zcgem_op_fill32(other, 0, size, i), 0);
	igt_assert_eq(call_revoke(&(struct waiter){ .fd = dev->fd, .handle = mine }), 0);
	for (i = 0; i < 16; i++) {
		int status = sync_file_wait(files[i]);

		igt_assert_f(status == 1 || (i & 1 && status == -EACCES), "%d: %d\n", i, status);
		close(files[i]);
	}
	igt_assert_eq_u32(map[0], 14);
	igt_assert_eq_u32(map[size / 4 - 1], 14);
	munmap(map, size);
	gem_close(dev->fd, mine);
	gem_close(dev->fd, other);
}

static int call_submit(struct waiter *waiter)
{
	struct drm_zcgem_op op = zcgem_op_copy(waiter->handle, 0, waiter->source, 0, 4);

	return __zcgem_submit_ops(waiter->fd, &op, 1);
}

static void test_submit(const struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), timeline = sw_sync_open(), file, dmabuf;
	struct waiter waiter = { .call = call_submit, .fd = dev->other };
	uint32_t *own = zcgem_map_memfd(memfd, 0, PAGES(4)), *map, handle;

	handle = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(4), 0);
	dmabuf = zcgem_export(dev->fd, handle);
	waiter.source = zcgem_import(dev->other, dmabuf);
	waiter.handle = zcgem_create(dev->other, PAGES(4), 0);
	file = zcgem_submit_for_file(dev->fd, zcgem_op_fill32(handle, 0, 4, 7),
				     syncobj_pending(dev->fd, timeline));
	punch(memfd, 0, PAGES(1));
	own[0] = 2;
	start_waiter(&waiter);
	use_meanwhile(dev->other, waiter.handle, PAGES(4));
	igt_assert_f(!waiter.ended, "it has not waited: %d\n", waiter.result);
	igt_assert_eq(sync_file_status(file), 0);
	sw_sync_advance(timeline, 1);
	igt_assert_eq(join_waiter(&waiter), 0);
	zcgem_wait(dev->other, waiter.handle);
	map = zcgem_mmap(dev->other, waiter.handle, PAGES(4), RW);
	igt_assert_eq_u32(map[0], 2);
	munmap(map, PAGES(4));
	gem_close(dev->other, waiter.handle);
	gem_close(dev->other, waiter.source);
	gem_close(dev->fd, handle);
	munmap(own, PAGES(4));
	close(dmabuf);
	close(file);
	close(timeline);
	close(memfd);
}

/* A submit whose fence stays until the timeline has come so far; the result is a sync_file. */
static void test_import_of_stale(const struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK), timeline = sw_sync_open(), file;
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(4), 0), theirs;
	int dmabuf = zcgem_export(dev->fd, handle);

	file = zcgem_submit_for_file(dev->fd, zcgem_op_fill32(handle, 0, 4, 7),
				     syncobj_pending(dev->fd, timeline));
	punch(memfd, 0, PAGES(1));
	/* vgem knows nothing of moves: the pages would be pinned with its object_name_lock held */
	igt_assert_eq(__zcgem_import(dev->vgem, dmabuf, &theirs), -EBUSY);
	igt_assert_eq(sync_file_status(file), 0);
	sw_sync_advance(timeline, 1);
	igt_assert_eq(sync_file_wait(file), 1);
	igt_assert_eq(__zcgem_import(dev->vgem, dmabuf, &theirs), 0);
	gem_close(dev->vgem, theirs);
	close(file);
	close(timeline);
	close(dmabuf);
	gem_close(dev->fd, handle);
	zcgem_release_memfd(memfd);
}

static int call_submit_late(struct waiter *waiter)
{
	return zcgem_submit_for_file(waiter->fd, zcgem_op_fill32(waiter->handle, 0, 4, 1),
				     waiter->source);
}

static bool submit_late(struct waiter *waiter, int timeline, uint32_t value)
{
	int fence = sw_sync_fence(timeline, value);

	waiter->source = syncobj_new(waiter->fd);
	syncobj_import_file(waiter->fd, waiter->source, fence);
	close(fence);
	return start_and_look(waiter);
}

/*
 * A fence goes when the next one is there, and not before, until a submit has to wait itself:
 * for eviction, which holds the object and waits for the last of them.
 */
static void test_fences_without_end(const struct devices *dev)
{
	struct waiter client = { .call = call_submit_late, .fd = drm_reopen_driver(dev->fd) };
	struct waiter *waiter;
	bool waiting = false;
	struct held held;
	int dmabuf, step;

	hold_object(dev, call_evict, &held);
	waiter = &held.waiter;
	dmabuf = zcgem_export(dev->fd, waiter->handle);
	client.handle = zcgem_import(client.fd, dmabuf);
	start_waiter(waiter);
	for (step = 1; step < 64 && !waiting; step++) {
		waiting = submit_late(&client, held.timeline, step + 1);
		igt_assert_eq(sync_file_status(held.file), 0);
		igt_assert_f(!waiter->ended, "it has not waited: %d\n", waiter->result);
		sw_sync_advance(held.timeline, 1);
		igt_assert_eq(sync_file_wait(held.file), 1);
		if (!waiting) {
			close(held.file);
			held.file = join_waiter(&client);
			igt_assert_f(waits(waiter), "it has not waited: %d\n", waiter->result);
		}
	}
	igt_info("%d fences\n", step);
	igt_assert_f(waiting, "it waits for whatever comes\n");
	igt_assert_eq(join_waiter(waiter), 0);
	/* and there was no time without one */
	close(held.file);
	held.file = join_waiter(&client);
	igt_assert_eq(sync_file_status(held.file), 0);
	igt_assert_eq_u64(evictions(dev->fd, waiter->handle), 1);
	sw_sync_advance(held.timeline, 1);
	igt_assert_eq(sync_file_wait(held.file), 1);
	close(client.fd);
	close(dmabuf);
	end_held(&held);
}

int igt_main()
{
	struct devices devices = { .fd = -1, .other = -1, .vgem = -1 };

	igt_fixture()
		open_devices(&devices);

	igt_describe("An object can be used and shared while its eviction waits for a fence");
	igt_subtest("evict")
		run_shared(&devices, test_evict);

	igt_describe("The same while revalidation after a hole punch waits");
	igt_subtest("revalidate")
		run_shared(&devices, test_revalidate);

	igt_describe("A fault that waits for a fence on old pages holds up nothing else of its process");
	igt_subtest("fault")
		run_shared(&devices, test_fault);

	igt_describe("A revocation that waits for somebody's fence is in force already");
	igt_subtest("revoke")
		run_shared(&devices, test_revoke);

	igt_describe("Revocation does not wait for what is queued before, nor harm it");
	igt_subtest("revoke-behind")
		run_shared(&devices, test_revoke_behind);

	igt_describe("Of a queue that uses an object in turn with others only the submits on it end");
	igt_subtest("revoke-between")
		run_shared(&devices, test_revoke_between);

	igt_describe("A submit that waits for fences on an import's old pages holds up none of its other objects");
	igt_subtest("submit")
		run_shared(&devices, test_submit);

	igt_describe("An import of old pages with a fence pending is refused, and holds up no other import");
	igt_subtest("import-of-stale")
		run_shared(&devices, test_import_of_stale);

	igt_describe("Eviction ends although there is never a time without a fence");
	igt_subtest("fences-without-end")
		run_shared(&devices, test_fences_without_end);

	igt_fixture()
		close_devices(&devices);
}
