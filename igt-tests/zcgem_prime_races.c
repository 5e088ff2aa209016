// SPDX-License-Identifier: MIT
/*
 * Export, import, CPU access and closes of one device's objects by several threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"

/**
 * TEST: zcgem prime races
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check export and import of dma-bufs by threads at once.
 *
 * SUBTEST: concurrent-sync
 * Description: Threads begin and end CPU access, in pairs or not, while devices map and unmap (class 7).
 *
 * SUBTEST: reimport-vs-close
 * Description: Import races with closing the last handle (class 4).
 *
 * SUBTEST: export-vs-close
 * Description: Export races with closing the handle (class 4).
 */

IGT_TEST_DESCRIPTION("Check export and import of dma-bufs by threads at once");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

#define THREADS 8

struct worker {
	pthread_t thread;
	int fd, dmabuf, device;
	unsigned int number, rounds, wrong;
	char *map;
};

static void run_workers(struct worker *workers, unsigned int count,
			void *(*work)(void *data))
{
	unsigned int i;

	for (i = 0; i < count; i++)
		igt_assert_eq(pthread_create(&workers[i].thread, NULL, work,
					     &workers[i]), 0);
	for (i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < count; i++)
		igt_assert_eq(workers[i].wrong, 0);
}

static void *sync_often(void *data)
{
	static const uint64_t begins[] = { DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW, DMA_BUF_SYNC_READ };
	static const uint64_t ends[] = { DMA_BUF_SYNC_RW, DMA_BUF_SYNC_READ };
	struct worker *worker = data;
	char *page = worker->map + PAGES(worker->number);
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		/* an end without beginning, or of another direction, harms nobody else */
		if (i % 4 && dmabuf_sync(worker->dmabuf, DMA_BUF_SYNC_START |
					 begins[i % ARRAY_SIZE(begins)]))
			worker->wrong++;
		*(volatile uint64_t *)page = i;
		if (dmabuf_sync(worker->dmabuf, DMA_BUF_SYNC_END | ends[i % ARRAY_SIZE(ends)]))
			worker->wrong++;
		if (*(volatile uint64_t *)page != i)
			worker->wrong++;
	}
	return NULL;
}

/* Changes the list of those whose memory has to be synced. */
static void *remap_often(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		if (__importer_call(worker->device, IMPORTER_MAP, i % 3) ||
		    __importer_call(worker->device, IMPORTER_UNMAP, 0))
			worker->wrong++;
	}
	return NULL;
}

static void test_concurrent_sync(int fd)
{
	const uint64_t size = PAGES(THREADS);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(fd, handle), devices[3];
	struct worker workers[THREADS], remapper;
	char *map = map_dmabuf(dmabuf, size);
	struct drm_zcgem_gem_info info;
	struct zcgem_snapshot counts;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(devices); i++)
		devices[i] = importer_new(dmabuf, i ? IMPORTER_FOLLOWS : 0);
	importer_call(devices[0], IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
	importer_call(devices[1], IMPORTER_MAP, IMPORTER_READS);
	zcgem_take_snapshot(fd, &counts);
	igt_assert_eq_u64(counts.dma_maps, 2);

	remapper = (struct worker) { .device = devices[2], .rounds = zcgem_rounds(2000) };
	igt_assert_eq(pthread_create(&remapper.thread, NULL, remap_often, &remapper), 0);
	for (i = 0; i < THREADS; i++)
		workers[i] = (struct worker) {
			.dmabuf = dmabuf, .map = map, .number = i, .rounds = zcgem_rounds(500),
		};
	run_workers(workers, THREADS, sync_often);
	pthread_join(remapper.thread, NULL);
	igt_assert_eq(remapper.wrong, 0);

	/* all are mapped as before, and see what there is */
	zcgem_take_snapshot(fd, &counts);
	igt_assert_eq_u64(counts.dma_maps, 2);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.attachments, ARRAY_SIZE(devices));
	for (i = 0; i < THREADS; i++)
		igt_assert_eq_u64(*(uint64_t *)(map + PAGES(i)), workers[i].rounds - 1);
	zcgem_fill(map, size, 1);
	igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE), 0);
	importer_check(devices[0], size, 1, 0);
	importer_check(devices[1], size, 1, 0);
	importer_fill(devices[0], size, 2, 0);
	igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), 0);
	zcgem_check(map, size, 2);

	for (i = 0; i < ARRAY_SIZE(devices); i++)
		close(devices[i]);
	munmap(map, size);
	gem_close(fd, handle);
	close(dmabuf);
	zcgem_release_memfd(memfd);
}

/* Two threads have the same handle: one's close may take the other's away. */
static void *import_and_close(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		uint32_t handle;
		int err;

		err = __zcgem_import(worker->fd, worker->dmabuf, &handle);
		if (err) {
			worker->wrong++;
			continue;
		}
		err = __zcgem_close(worker->fd, handle);
		if (err && err != -EINVAL)
			worker->wrong++;
	}
	return NULL;
}

static void test_reimport_vs_close(int fd)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(fd, handle);
	struct worker workers[4];
	unsigned int i;
	void *map;

	gem_close(fd, handle);
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		workers[i] = (struct worker) {
			.fd = fd, .dmabuf = dmabuf, .rounds = zcgem_rounds(2000),
		};
	run_workers(workers, ARRAY_SIZE(workers), import_and_close);

	/* it is still the same memory */
	handle = zcgem_import(fd, dmabuf);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	munmap(map, size);
	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(map, size, 1);
	munmap(map, size);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void *export_and_close(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		uint64_t size = ZCGEM_PAGE;
		uint32_t handle, again;
		int dmabuf;

		if (__zcgem_create(worker->fd, &size, 0, &handle) ||
		    __zcgem_export(worker->fd, handle, DRM_CLOEXEC, &dmabuf)) {
			worker->wrong++;
			continue;
		}
		/* the dma-buf's last reference and the handle's, in both orders */
		if (i & 1)
			close(dmabuf);
		if (__zcgem_close(worker->fd, handle))
			worker->wrong++;
		if (!(i & 1)) {
			if (__zcgem_import(worker->fd, dmabuf, &again) ||
			    __zcgem_close(worker->fd, again))
				worker->wrong++;
			close(dmabuf);
		}
	}
	return NULL;
}

static void test_export_vs_close(int fd)
{
	struct worker workers[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workers); i++)
		workers[i] = (struct worker) { .fd = fd, .rounds = zcgem_rounds(500) };
	run_workers(workers, ARRAY_SIZE(workers), export_and_close);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Threads begin and end CPU access, in pairs or not, while devices map and unmap (class 7)");
	igt_subtest("concurrent-sync") {
		require_importer();
		zcgem_run_counted(fd, test_concurrent_sync);
	}

	igt_describe("Import races with closing the last handle (class 4)");
	igt_subtest("reimport-vs-close")
		zcgem_run_counted(fd, test_reimport_vs_close);

	igt_describe("Export races with closing the handle (class 4)");
	igt_subtest("export-vs-close")
		zcgem_run_counted(fd, test_export_vs_close);

	igt_fixture()
		drm_close_driver(fd);
}
