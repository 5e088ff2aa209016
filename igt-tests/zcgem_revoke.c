// SPDX-License-Identifier: MIT
/*
 * Objects that their creator withdraws from all who share them.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem revoke
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that an object can be withdrawn from all who share it.
 *
 * SUBTEST: revoke-dynamic
 * Description: Every memory and use, with an importer that follows moves.
 *
 * SUBTEST: revoke-static
 * Description: Every memory and use, with an importer that cannot follow.
 *
 * SUBTEST: revoke-slow
 * Description: Every memory and use, with an importer that lets go only later.
 *
 * SUBTEST: waits-for-unmap
 * Description: Importers that must unmap when they are notified hold nothing afterwards.
 *
 * SUBTEST: creator-only
 * Description: Other clients cannot revoke an object, nor can an importer.
 *
 * SUBTEST: bad-arguments
 * Description: Handles that do not exist and padding that is not zero are refused.
 *
 * SUBTEST: not-shared
 * Description: An object that nobody shares can be revoked, and not be shared then.
 *
 * SUBTEST: twice
 * Description: An object can be revoked again, and the memory be wrapped again.
 *
 * SUBTEST: memory-free
 * Description: The pages are free when nobody holds them, and never before.
 *
 * SUBTEST: fork-and-mremap
 * Description: Mappings that were inherited, split and moved end as well.
 *
 * SUBTEST: watched
 * Description: A revoked object that is watched stays revoked when it is punched.
 *
 * SUBTEST: vs-fault
 * Description: Class 13: a process that faults without end gets SIGBUS, every time.
 *
 * SUBTEST: vs-map
 * Description: Class 13: revocation races with importers that map and let go.
 */

IGT_TEST_DESCRIPTION("Check that an object can be withdrawn from all who share it");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)

static struct devices all;

static int __withdraw(int fd, uint32_t handle, uint64_t *holders)
{
	struct drm_zcgem_gem_revoke arg = { .handle = handle };
	int err = igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg) ? -errno : 0;

	errno = 0;
	if (holders)
		*holders = arg.holders;
	return err;
}

static uint64_t withdraw(int fd, uint32_t handle)
{
	uint64_t holders;

	igt_assert_eq(__withdraw(fd, handle, &holders), 0);
	return holders;
}

static void assert_no_mmap(int fd, uint64_t offset, uint64_t size)
{
	igt_assert(mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	igt_assert_eq(errno, EACCES);
	errno = 0;
}

/* Nobody gets at the object any more, by old ways or new ones. */
static void check_withdrawn(const struct share *share)
{
	const struct devices *dev = share->devices;
	struct drm_zcgem_gem_info info;
	uint32_t handle;
	int i, again, dmabuf;

	for (i = 0; i < VIEWS; i++) {
		if (!share->views[i])
			continue;
		igt_assert(zcgem_access_faults(share->views[i], false));
		igt_assert(zcgem_access_faults(share->views[i] + share->size - 8, true));
	}
	assert_no_mmap(dev->fd, zcgem_mmap_offset(dev->fd, share->handle), share->size);
	assert_no_mmap(share->dmabuf, 0, share->size);
	/* the core gives the dma-buf that is there, without asking the driver */
	igt_assert_eq(__zcgem_export(dev->fd, share->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), 0);
	assert_no_mmap(dmabuf, 0, share->size);
	close(dmabuf);
	if (share->importer == IMPORTER_DYNAMIC && share->theirs) {
		assert_no_mmap(dev->other, zcgem_mmap_offset(dev->other, share->theirs),
			       share->size);
		igt_assert_eq(__zcgem_advise(dev->other, share->theirs,
					     DRM_ZCGEM_ADVICE_POPULATE, 0, share->size, NULL),
			      -EACCES);
	}
	if (share->importer == IMPORTER_SLOW && !share->mapped)
		igt_assert_eq(importer_maps_again((struct share *)share), -EACCES);

	/* a new attachment */
	again = drm_reopen_driver(dev->other);
	igt_assert_eq(__zcgem_import(again, share->dmabuf, &handle), -EACCES);
	close(again);
	again = drm_reopen_driver(dev->vgem);
	igt_assert_eq(__zcgem_import(again, share->dmabuf, &handle), -EACCES);
	close(again);
	again = importer_open();
	igt_assert_eq(__importer_attach(again, share->dmabuf, 0, 0, 0), -EACCES);
	igt_assert_eq(__importer_attach(again, share->dmabuf, IMPORTER_FOLLOWS, 0, 0), -EACCES);
	close(again);

	igt_assert_eq(__zcgem_advise(dev->fd, share->handle, DRM_ZCGEM_ADVICE_POPULATE, 0,
				     share->size, NULL), -EACCES);
	igt_assert_eq(__zcgem_revalidate(dev->fd, share->handle, share->size), -EACCES);
	zcgem_info(dev->fd, share->handle, &info);
	igt_assert(info.flags & DRM_ZCGEM_INFO_REVOKED);
}

static void revoke_case(struct share *share, const struct zcgem_snapshot *before)
{
	int fd = share->devices->fd;
	struct zcgem_snapshot now;
	uint64_t holders;

	if (share->use == USE_FENCED)
		signal_later(&share->fence);
	holders = withdraw(fd, share->handle);
	if (share->use == USE_FENCED)
		igt_assert_f(share->fence.signalled, "revocation did not wait for a fence\n");

	/* an importer that follows at once has let go, whether it pinned or not */
	igt_assert_eq_u64(holders, share->importer != IMPORTER_DYNAMIC && share->mapped);
	check_withdrawn(share);

	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.dma_maps, before->dma_maps + holders);
	if (holders) {
		/* its pages stay where the importer's device may write to them */
		igt_assert_lt_u64(before->resident_bytes, now.resident_bytes);
		check_device(share, 1);
		importer_let_go(share);
		igt_assert_eq_u64(withdraw(fd, share->handle), 0);
		check_withdrawn(share);
		zcgem_take_snapshot(fd, &now);
	}
	igt_assert_eq_u64(now.dma_maps, before->dma_maps);
	igt_assert_eq_u64(now.pinned_folios, before->pinned_folios);
	igt_assert_eq_u64(now.resident_bytes, before->resident_bytes);

	/* the owner's memory is as it was */
	if (share->own) {
		zcgem_check(share->own, share->size, 1);
		zcgem_fill(share->own, share->size, 2);
	}
	igt_assert_eq_u64(withdraw(fd, share->handle), 0);
}

static void test_revoke_dynamic(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_DYNAMIC, revoke_case);
}

static void test_revoke_static(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_STATIC, revoke_case);
}

static void test_revoke_slow(const struct devices *dev)
{
	run_share_matrix(dev, IMPORTER_SLOW, revoke_case);
}

/* What a driver does that has to ask its device first. */
static void *unmap_when_notified(void *data)
{
	int device = *(int *)data;
	struct importer_state state;

	do {
		usleep(10000);
		importer_state(device, &state);
	} while (!state.told);
	importer_call(device, IMPORTER_UNMAP, 0);
	return NULL;
}

static void test_waits_for_unmap(const struct devices *dev)
{
	struct share share;
	pthread_t thread;

	igt_require_f(!system("grep -q ' dma_buf_attach_revocable$' /proc/kallsyms"),
		      "this kernel's importers need not unmap when they are notified\n");
	begin_share(dev, SOURCE_MEMFD, IMPORTER_SLOW, USE_MAPPED, &share);
	igt_assert_eq(pthread_create(&thread, NULL, unmap_when_notified, &share.device), 0);
	igt_assert_eq_u64(withdraw(dev->fd, share.handle), 0);
	pthread_join(thread, NULL);
	end_share(&share);
}

static void test_creator_only(const struct devices *dev)
{
	int client = drm_reopen_driver(dev->fd);
	uint32_t same, theirs;
	struct share share;

	igt_assert_eq_u64(zcgem_get_param(dev->fd, DRM_ZCGEM_PARAM_REVOKE), 1);
	begin_share(dev, SOURCE_MEMFD, IMPORTER_DYNAMIC, USE_MAPPED, &share);

	/* the same object, but not made by this client */
	igt_assert_eq(__zcgem_import(client, share.dmabuf, &same), 0);
	igt_assert_eq(__withdraw(client, same, NULL), -EPERM);

	/* another device's buffer was made by no client here */
	igt_assert_neq(__withdraw(dev->other, share.theirs, NULL), 0);
	theirs = share.theirs;
	share.theirs = 0;
	check_views(&share, 1);
	share.theirs = theirs;

	/* whoever forked has the very descriptor, and is the same client */
	igt_fork(child, 1)
		igt_assert_eq_u64(withdraw(dev->fd, share.handle), 0);
	igt_waitchildren();
	check_withdrawn(&share);
	close(client);
	end_share(&share);
}

static void test_bad_arguments(const struct devices *dev)
{
	uint32_t handle = zcgem_create(dev->fd, PAGES(2), 0);
	struct drm_zcgem_gem_revoke arg = { .handle = handle, .pad = 1 };
	struct drm_zcgem_gem_info info;

	do_ioctl_err(dev->fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &arg, EINVAL);
	igt_assert_eq(__withdraw(dev->fd, 0, NULL), -ENOENT);
	igt_assert_eq(__withdraw(dev->fd, handle + 1, NULL), -ENOENT);
	zcgem_info(dev->fd, handle, &info);
	igt_assert(!(info.flags & DRM_ZCGEM_INFO_REVOKED));
	gem_close(dev->fd, handle);
	igt_assert_eq(__withdraw(dev->fd, handle, NULL), -ENOENT);
}

static void test_not_shared(const struct devices *dev)
{
	int memfd = zcgem_memfd(PAGES(8), F_SEAL_SHRINK), dmabuf;
	void *own = zcgem_anonymous(PAGES(8));
	struct zcgem_snapshot before, now;
	uint32_t handles[3];
	unsigned int i;

	zcgem_take_snapshot(dev->fd, &before);
	handles[0] = zcgem_wrap_memfd(dev->fd, memfd, 0, PAGES(8), 0);
	handles[1] = zcgem_wrap_address(dev->fd, own, PAGES(8), 0);
	handles[2] = zcgem_create(dev->fd, PAGES(8), 0);
	for (i = 0; i < 3; i++) {
		igt_assert_eq_u64(withdraw(dev->fd, handles[i]), 0);
		igt_assert_eq(__zcgem_export(dev->fd, handles[i], DRM_CLOEXEC | DRM_RDWR,
					     &dmabuf), -EACCES);
		assert_no_mmap(dev->fd, zcgem_mmap_offset(dev->fd, handles[i]), PAGES(8));
	}
	zcgem_take_snapshot(dev->fd, &now);
	igt_assert_eq_u64(now.objects, before.objects + 3);
	igt_assert_eq_u64(now.resident_bytes, before.resident_bytes);
	igt_assert_eq_u64(now.pinned_folios, before.pinned_folios);
	munmap(own, PAGES(8));
	close(memfd);
}

static void test_twice(const struct devices *dev)
{
	struct share share;
	uint32_t handle;
	void *map;
	int i;

	begin_share(dev, SOURCE_MEMFD, IMPORTER_DYNAMIC, USE_MAPPED, &share);
	for (i = 0; i < 3; i++) {
		igt_assert_eq_u64(withdraw(dev->fd, share.handle), 0);
		check_withdrawn(&share);
	}

	/* the memory is nobody's but its owner's: a new object is a new start */
	handle = zcgem_wrap_memfd(dev->fd, share.memfd, 0, share.size, 0);
	map = zcgem_mmap(dev->fd, handle, share.size, PROT_RW);
	zcgem_check(map, share.size, 1);
	zcgem_check_same(map, share.own, share.size);
	check_withdrawn(&share);
	munmap(map, share.size);
	end_share(&share);
}

/* Free memory, with what each processor keeps on a list of its own. */
static long free_kilobytes(void)
{
	long free = 0, value;
	char line[128];
	FILE *file;

	file = fopen("/proc/zoneinfo", "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			free += value;
	fclose(file);
	return free * (long)(ZCGEM_PAGE >> 10);
}

static void test_memory_free(const struct devices *dev)
{
	const uint64_t size = 128ull << 20;
	struct drm_zcgem_gem_info info;
	struct zcgem_snapshot before, now;
	uint32_t handle, theirs;
	int memfd, dmabuf;
	long with, without;
	void *own, *map;

	zcgem_take_snapshot(dev->fd, &before);
	memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	own = zcgem_map_memfd(memfd, 0, size);
	handle = zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0);
	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	zcgem_populate(dev->other, theirs, size, NULL);
	map = zcgem_mmap(dev->other, theirs, size, PROT_RW);
	zcgem_mark_all(map, size, 5);

	/* punched, the pages are held by the object alone */
	punch(memfd, 0, size);
	with = free_kilobytes();
	igt_assert_eq_u64(withdraw(dev->fd, handle), 0);
	zcgem_take_snapshot(dev->fd, &now);
	igt_assert_eq_u64(now.pinned_folios, before.pinned_folios);
	igt_assert_eq_u64(now.resident_bytes, before.resident_bytes);
	without = free_kilobytes();
	igt_assert_f(without - with > (long)(size >> 10) / 2,
		     "%ld kB were free, and %ld kB are\n", with, without);
	zcgem_info(dev->fd, handle, &info);
	igt_assert_eq_u64(info.resident, 0);
	igt_assert(zcgem_access_faults(map, false));

	munmap(map, size);
	munmap(own, size);
	close(dmabuf);
	close(memfd);
}

static void test_fork_and_mremap(const struct devices *dev)
{
	const uint64_t size = PAGES(1024);
	uint32_t handle = zcgem_create(dev->fd, size, 0);
	char *map = zcgem_mmap(dev->fd, handle, size, PROT_RW), *moved;
	int ready[2], go[2], status;
	char byte = 0;
	pid_t child;

	zcgem_mark_all(map, size, 1);
	/* a hole, and a part that is somewhere else */
	moved = mremap(map + size / 2, size / 4, size / 4, MREMAP_MAYMOVE | MREMAP_FIXED,
		       zcgem_anonymous(size / 4));
	igt_assert(moved != MAP_FAILED);
	igt_assert_eq(munmap(map + PAGES(10), PAGES(10)), 0);
	zcgem_check_mark(moved, 0, 1 + 512);

	igt_assert_eq(pipe(ready), 0);
	igt_assert_eq(pipe(go), 0);
	child = fork();
	igt_assert(child >= 0);
	if (!child) {
		volatile uint64_t *word = (volatile uint64_t *)moved;
		bool good = *word == 1 + 512;

		if (write(ready[1], &byte, 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(2);
		_exit(!(good && zcgem_access_faults(moved, false) &&
			zcgem_access_faults(map, true)));
	}
	igt_assert(read(ready[0], &byte, 1) == 1);
	igt_assert_eq_u64(withdraw(dev->fd, handle), 0);
	igt_assert(zcgem_access_faults(moved, false));
	igt_assert(zcgem_access_faults(map, false));
	igt_assert(zcgem_access_faults(map + size - PAGES(1), true));
	igt_assert(write(go[1], &byte, 1) == 1);
	igt_assert_eq(waitpid(child, &status, 0), child);
	igt_assert_eq(status, 0);

	munmap(moved, size / 4);
	munmap(map, size);
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
}

static void test_watched(const struct devices *dev)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	void *own = zcgem_map_memfd(memfd, 0, size), *map;
	struct drm_zcgem_memfd_range range = {
		.fd = memfd, .size = size, .watch_address = (uintptr_t)own,
	};
	uint32_t handle = zcgem_wrap(dev->fd, &range, 1, 0);

	map = zcgem_mmap(dev->fd, handle, size, PROT_READ);
	zcgem_fill(own, size, 1);
	zcgem_check(map, size, 1);
	igt_assert_eq_u64(withdraw(dev->fd, handle), 0);
	punch(memfd, 0, PAGES(4));
	zcgem_fill(own, size, 2);
	usleep(50000);
	igt_assert(zcgem_access_faults(map, false));
	igt_assert_eq_u64(withdraw(dev->fd, handle), 0);
	munmap(own, size);
	munmap(map, size);
	close(memfd);
}

static void test_vs_fault(const struct devices *dev)
{
	const uint64_t size = PAGES(64);
	unsigned int round;

	for (round = 0; round < 30; round++) {
		int memfd = zcgem_memfd(size, F_SEAL_SHRINK), status, i;
		uint32_t handle = round & 1 ? zcgem_create(dev->fd, size, 0) :
				  zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0), theirs;
		int dmabuf = zcgem_export(dev->fd, handle);
		pid_t children[2];
		void *maps[2];

		igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
		maps[0] = zcgem_mmap(dev->fd, handle, size, PROT_RW);
		maps[1] = zcgem_mmap(dev->other, theirs, size, PROT_RW);
		for (i = 0; i < 2; i++) {
			children[i] = fork();
			igt_assert(children[i] >= 0);
			if (!children[i])
				zcgem_touch_until_sigbus(maps[i], size);
		}
		usleep(10000 + round * 1000);
		igt_assert_eq_u64(withdraw(dev->fd, handle), 0);
		for (i = 0; i < 2; i++) {
			igt_assert_eq(waitpid(children[i], &status, 0), children[i]);
			igt_assert_f(!status, "a child ended with status %#x\n", status);
			munmap(maps[i], size);
		}
		gem_close(dev->other, theirs);
		gem_close(dev->fd, handle);
		close(dmabuf);
		close(memfd);
	}
}

struct mapper {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size;
	const volatile bool *stop;
	bool refused;
	int wrong;
};

static void *map_until_refused(void *data)
{
	struct mapper *mapper = data;

	while (!*mapper->stop) {
		int err = __zcgem_advise(mapper->fd, mapper->handle, DRM_ZCGEM_ADVICE_POPULATE,
					 0, mapper->size, NULL);

		if (err == -EACCES)
			mapper->refused = true;
		else if (err || mapper->refused)
			mapper->wrong = err ?: -1;
		err = __zcgem_evict(mapper->fd, mapper->handle, mapper->size);
		if (err)
			mapper->wrong = err;
	}
	return NULL;
}

static void test_vs_map(const struct devices *dev)
{
	unsigned int round, i;

	for (round = 0; round < 30; round++) {
		enum share_source source = round % SOURCE_GIANT;
		struct mapper mappers[2] = {};
		volatile bool stop = false;
		struct zcgem_snapshot before, now;
		struct share share;
		int third = drm_reopen_driver(dev->other);

		zcgem_take_snapshot(dev->fd, &before);
		begin_share(dev, source, IMPORTER_DYNAMIC, USE_ATTACHED, &share);
		for (i = 0; i < 2; i++) {
			mappers[i].fd = i ? third : dev->other;
			mappers[i].size = share.size;
			mappers[i].stop = &stop;
			igt_assert_eq(__zcgem_import(mappers[i].fd, share.dmabuf,
						     &mappers[i].handle), 0);
			igt_assert_eq(pthread_create(&mappers[i].thread, NULL,
						     map_until_refused, &mappers[i]), 0);
		}
		usleep(5000);
		igt_assert_eq_u64(withdraw(dev->fd, share.handle), 0);
		usleep(5000);
		stop = true;
		for (i = 0; i < 2; i++) {
			pthread_join(mappers[i].thread, NULL);
			igt_assert_eq(mappers[i].wrong, 0);
		}
		check_withdrawn(&share);
		zcgem_take_snapshot(dev->fd, &now);
		igt_assert_eq_u64(now.pinned_folios, before.pinned_folios);
		igt_assert_eq_u64(now.resident_bytes, before.resident_bytes);
		igt_assert_eq_u64(now.dma_maps, before.dma_maps);
		close(third);
		end_share(&share);
	}
}

int igt_main()
{
	igt_fixture()
		open_devices(&all);

	igt_describe("Every memory and use, with an importer that follows moves");
	igt_subtest("revoke-dynamic")
		run_shared(&all, test_revoke_dynamic);

	igt_describe("Every memory and use, with an importer that cannot follow");
	igt_subtest("revoke-static")
		run_shared(&all, test_revoke_static);

	igt_describe("Every memory and use, with an importer that lets go only later");
	igt_subtest("revoke-slow")
		run_shared(&all, test_revoke_slow);

	igt_describe("Importers that must unmap when they are notified hold nothing afterwards");
	igt_subtest("waits-for-unmap")
		run_shared(&all, test_waits_for_unmap);

	igt_describe("Other clients cannot revoke an object, nor can an importer");
	igt_subtest("creator-only")
		run_shared(&all, test_creator_only);

	igt_describe("Handles that do not exist and padding that is not zero are refused");
	igt_subtest("bad-arguments")
		run_shared(&all, test_bad_arguments);

	igt_describe("An object that nobody shares can be revoked, and not be shared then");
	igt_subtest("not-shared")
		run_shared(&all, test_not_shared);

	igt_describe("An object can be revoked again, and the memory be wrapped again");
	igt_subtest("twice")
		run_shared(&all, test_twice);

	igt_describe("The pages are free when nobody holds them, and never before");
	igt_subtest("memory-free")
		run_shared(&all, test_memory_free);

	igt_describe("Mappings that were inherited, split and moved end as well");
	igt_subtest("fork-and-mremap")
		run_shared(&all, test_fork_and_mremap);

	igt_describe("A revoked object that is watched stays revoked when it is punched");
	igt_subtest("watched")
		run_shared(&all, test_watched);

	igt_describe("Class 13: a process that faults without end gets SIGBUS, every time");
	igt_subtest("vs-fault")
		run_shared(&all, test_vs_fault);

	igt_describe("Class 13: revocation races with importers that map and let go");
	igt_subtest("vs-map")
		run_shared(&all, test_vs_map);

	igt_fixture()
		close_devices(&all);
}
