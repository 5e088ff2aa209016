// SPDX-License-Identifier: MIT
/*
 * Sharing by many threads at once: imports against closes, CPU access, and memory that is
 * taken back while importers map it.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_watch.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem share races
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check that sharing holds when threads race.
 *
 * SUBTEST: import-vs-close
 * Description: Class 4: import on another device races with closing the handle there.
 *
 * SUBTEST: export-vs-close
 * Description: Class 4: export, import elsewhere and close of both handles, in every order.
 *
 * SUBTEST: sync-many
 * Description: Class 7: 10^5 concurrent DMA_BUF_IOCTL_SYNC from 8 threads leak nothing.
 *
 * SUBTEST: invalidate-vs-map
 * Description: Class 13: eviction and hole punch race with map, unmap, attach and access.
 */

IGT_TEST_DESCRIPTION("Check that sharing holds when threads race");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define PROT_RW		(PROT_READ | PROT_WRITE)
static struct devices all;

struct importer {
	pthread_t thread;
	int fd;
	uint32_t handle;
	uint64_t size, rounds;
	const volatile bool *stop;
};

struct worker {
	pthread_t thread;
	const struct devices *dev;
	int fd, dmabuf, memfd;
	uint32_t handle, theirs;
	uint64_t size;
	unsigned int number, rounds, wrong;
	int error;
	void *map;
	const volatile bool *stop;
	pthread_barrier_t *barrier;
	/* the round that may run */
	const volatile unsigned int *gate;
};

static void start_worker(struct worker *worker, void *(*work)(void *data))
{
	igt_assert_eq(pthread_create(&worker->thread, NULL, work, worker), 0);
}

static void end_workers(struct worker *workers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	for (i = 0; i < count; i++)
		igt_assert_f(!workers[i].wrong, "thread %u: %u times wrong, error %d\n", i,
			     workers[i].wrong, workers[i].error);
}

static void note_error(struct worker *worker, int err)
{
	worker->wrong++;
	worker->error = err;
}

/* All threads have the same handle: one's close may take the others' away. */
static void *import_and_close(void *data)
{
	struct worker *worker = data;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		uint32_t handle;
		int err = __zcgem_import(worker->fd, worker->dmabuf, &handle);

		if (err) {
			note_error(worker, err);
			continue;
		}
		if ((i + worker->number) & 1) {
			err = __zcgem_advise(worker->fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0,
					     worker->size, NULL);
			if (err && err != -ENOENT)
				note_error(worker, err);
		}
		err = __zcgem_close(worker->fd, handle);
		if (err && err != -EINVAL)
			note_error(worker, err);
	}
	return NULL;
}

static void test_import_vs_close(const struct devices *dev)
{
	const uint64_t size = PAGES(4);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(dev->fd, handle);
	struct worker workers[4];
	void *map, *own;
	unsigned int i;

	gem_close(dev->fd, handle);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker) {
			.fd = dev->other, .dmabuf = dmabuf, .size = size, .rounds = zcgem_rounds(1000),
			.number = i,
		};
		start_worker(&workers[i], import_and_close);
	}
	end_workers(workers, ARRAY_SIZE(workers));

	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &handle), 0);
	map = zcgem_mmap(dev->other, handle, size, PROT_RW);
	own = zcgem_map_memfd(memfd, 0, size);
	zcgem_check_same(map, own, size);
	munmap(map, size);
	munmap(own, size);
	close(dmabuf);
	close(memfd);
}

static void *export_and_close(void *data)
{
	struct worker *worker = data;
	const struct devices *dev = worker->dev;
	unsigned int i;

	for (i = 0; i < worker->rounds; i++) {
		uint64_t size = ZCGEM_PAGE;
		uint32_t handle, theirs;
		int dmabuf, err;

		err = __zcgem_create(dev->fd, &size, 0, &handle);
		if (!err)
			err = __zcgem_export(dev->fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf);
		if (err) {
			note_error(worker, err);
			continue;
		}
		/* the handle goes before, or after, or between */
		if (i % 3 == 0)
			err = __zcgem_close(dev->fd, handle);
		err = err ?: __zcgem_import(dev->other, dmabuf, &theirs);
		if (i % 3 == 1)
			err = err ?: __zcgem_close(dev->fd, handle);
		if (i & 1)
			close(dmabuf);
		err = err ?: __zcgem_advise(dev->other, theirs, DRM_ZCGEM_ADVICE_POPULATE, 0,
					    size, NULL);
		err = err ?: __zcgem_close(dev->other, theirs);
		if (i % 3 == 2)
			err = err ?: __zcgem_close(dev->fd, handle);
		if (!(i & 1))
			close(dmabuf);
		if (err)
			note_error(worker, err);
	}
	return NULL;
}

static void test_export_vs_close(const struct devices *dev)
{
	struct worker workers[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i] = (struct worker) { .dev = dev, .rounds = zcgem_rounds(300) };
		start_worker(&workers[i], export_and_close);
	}
	end_workers(workers, ARRAY_SIZE(workers));
}

#define SYNC_THREADS	8
#define SYNC_ROUNDS	200
#define SYNC_CALLS	64

/* A fresh dma-buf each round, because the first calls on one are where it matters. */
static void *sync_often(void *data)
{
	struct worker *worker = data;
	static const uint64_t accesses[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	unsigned int round, i;

	for (round = 0; round < worker->rounds; round++) {
		pthread_barrier_wait(worker->barrier);
		/* on every CPU somebody is running when the gate opens */
		while (*worker->gate <= round)
			sched_yield();
		for (i = 0; i < SYNC_CALLS; i++) {
			uint64_t access = accesses[(i / 2 + worker->number) % 3];
			int err = dmabuf_sync(worker->dmabuf, access | (i & 1 ? DMA_BUF_SYNC_END :
									 DMA_BUF_SYNC_START));

			if (err)
				note_error(worker, err);
		}
		pthread_barrier_wait(worker->barrier);
	}
	return NULL;
}

static void write_one(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(value, file);
	fclose(file);
}

/*
 * What the kernel's own allocator has given out, without what it keeps in store and
 * without what waits to be freed, which dropping caches makes it hurry up with. The
 * smallest objects are names and the like, which come and go by hundreds, and what is
 * accounted to a group is in the driver's own counts.
 */
static uint64_t kernel_objects(void)
{
	char line[512], name[64];
	unsigned long long active;
	uint64_t sum = 0;
	glob_t found;
	FILE *file;
	size_t i;

	write_one("/proc/sys/vm/drop_caches", "2\n");
	usleep(300000);
	if (!glob("/sys/kernel/slab/kmalloc-*/shrink", 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++)
			write_one(found.gl_pathv[i], "1\n");
		globfree(&found);
	}
	file = fopen("/proc/slabinfo", "r");
	igt_require_f(file, "no /proc/slabinfo\n");
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%63s %llu", name, &active) == 2 &&
		    !strncmp(name, "kmalloc-", 8) && strcmp(name, "kmalloc-8") &&
		    strncmp(name, "kmalloc-cg-", 11)) {
			igt_debug("%s %llu\n", name, active);
			sum += active;
		}
	fclose(file);
	return sum;
}

/* KASAN keeps what was freed for a while, and then the kernel's allocator does not know. */
static bool frees_are_late(void)
{
	char line[512], name[256];
	bool found = false;
	FILE *file;

	file = fopen("/proc/kallsyms", "r");
	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %*s %255s", name) == 1 &&
			!strcmp(name, "kasan_quarantine_put");
	fclose(file);
	return found;
}

typedef int (*make_dmabuf_t)(const struct devices *dev, int memfd, uint64_t size);

static int make_zcgem(const struct devices *dev, int memfd, uint64_t size)
{
	uint32_t handle = zcgem_wrap_memfd(dev->fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(dev->fd, handle);

	gem_close(dev->fd, handle);
	return dmabuf;
}

static int make_udmabuf(const struct devices *dev, int memfd, uint64_t size)
{
	struct udmabuf_create create = {
		.memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), dmabuf;

	(void)dev;
	igt_assert_f(device >= 0, "/dev/udmabuf: %m\n");
	dmabuf = ioctl(device, UDMABUF_CREATE, &create);
	igt_assert_fd(dmabuf);
	close(device);
	return dmabuf;
}

/* Returns by how many objects the kernel's allocator has grown. */
static int64_t sync_many(const struct devices *dev, make_dmabuf_t make, unsigned int rounds,
			 bool import)
{
	const uint64_t size = PAGES(zcgem_dma_is_checked() ? 32 : 1024);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	struct worker workers[SYNC_THREADS];
	pthread_barrier_t barrier;
	uint64_t before;
	volatile unsigned int gate = 0;
	unsigned int round, i, step;
	int64_t left = 0;

	before = kernel_objects();
	igt_assert_eq(pthread_barrier_init(&barrier, NULL, SYNC_THREADS + 1), 0);
	for (i = 0; i < SYNC_THREADS; i++) {
		workers[i] = (struct worker) {
			.barrier = &barrier, .gate = &gate, .rounds = rounds, .number = i,
		};
		start_worker(&workers[i], sync_often);
	}
	for (round = 0; round < rounds; round++) {
		int dmabuf = make(dev, memfd, size);
		uint32_t theirs = 0;

		if (import) {
			igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
			zcgem_populate(dev->other, theirs, size, NULL);
		}
		for (i = 0; i < SYNC_THREADS; i++)
			workers[i].dmabuf = dmabuf;
		pthread_barrier_wait(&barrier);
		usleep(100);
		gate = round + 1;
		pthread_barrier_wait(&barrier);
		if (theirs)
			gem_close(dev->other, theirs);
		close(dmabuf);
	}
	end_workers(workers, SYNC_THREADS);
	pthread_barrier_destroy(&barrier);

	close(memfd);
	/* what was freed may wait for RCU, and others have objects that come and go */
	for (step = 0; step < (make == make_zcgem ? 100 : 1); step++) {
		left = kernel_objects() - before;
		if (left < (int64_t)rounds / 2)
			break;
	}
	return left;
}

static void test_sync_many(const struct devices *dev)
{
	const unsigned int rounds = zcgem_rounds(SYNC_ROUNDS);
	/* a kernel that sees for itself what udmabuf does wrong would complain of it */
	bool has_udmabuf = !zcgem_dma_is_checked() && !access("/dev/udmabuf", R_OK | W_OK);
	int64_t ours, imported, theirs = 0;

	/* so that every cache that is needed is there */
	sync_many(dev, make_zcgem, 5, true);
	if (has_udmabuf)
		sync_many(dev, make_udmabuf, 5, false);

	ours = sync_many(dev, make_zcgem, rounds, false);
	imported = sync_many(dev, make_zcgem, rounds, true);
	if (has_udmabuf)
		theirs = sync_many(dev, make_udmabuf, rounds, false);
	igt_info("%d calls by %d threads on %d buffers; kernel objects left: zcgem %" PRId64
		 ", zcgem with an importer %" PRId64 ", udmabuf %" PRId64 "\n",
		 SYNC_THREADS * rounds * SYNC_CALLS, SYNC_THREADS, rounds, ours,
		 imported, theirs);
	if (frees_are_late()) {
		igt_info("here these say nothing: KASAN keeps what was freed\n");
		return;
	}
	igt_assert_f(ours < rounds / 2, "zcgem leaves %" PRId64 " objects behind\n", ours);
	igt_assert_f(imported < rounds / 2, "zcgem leaves %" PRId64 " objects behind\n",
		     imported);
}

static bool is_expected(int err)
{
	/* EBUSY where an importer's mapping pins */
	return !err || err == -EBUSY;
}

static void *race_populate(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		int err = __zcgem_advise(worker->fd, worker->handle, DRM_ZCGEM_ADVICE_POPULATE,
					 0, worker->size, NULL);

		if (!is_expected(err))
			note_error(worker, err);
		worker->rounds++;
	}
	return NULL;
}

static void *race_evict(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		int err = __zcgem_evict(worker->fd, worker->handle, worker->size);

		if (!is_expected(err))
			note_error(worker, err);
		worker->rounds++;
		usleep(500);
	}
	return NULL;
}

static void *race_attach(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		uint32_t handle;
		int err = __zcgem_import(worker->fd, worker->dmabuf, &handle);

		if (!err && worker->rounds & 1)
			err = __zcgem_advise(worker->fd, handle, DRM_ZCGEM_ADVICE_POPULATE, 0,
					     worker->size, NULL);
		if (!is_expected(err))
			note_error(worker, err);
		__zcgem_close(worker->fd, handle);
		worker->rounds++;
	}
	return NULL;
}

static void *race_sync(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		int err = dmabuf_sync(worker->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START);

		err = err ?: dmabuf_sync(worker->dmabuf, DMA_BUF_SYNC_RW | DMA_BUF_SYNC_END);
		if (err)
			note_error(worker, err);
		worker->rounds++;
		usleep(500);
	}
	return NULL;
}

static void *race_access(void *data)
{
	struct worker *worker = data;

	while (!*worker->stop) {
		volatile uint64_t *word = worker->map + (worker->rounds * ZCGEM_PAGE) % worker->size;

		*word = *word + 1;
		worker->rounds++;
	}
	return NULL;
}

static void test_invalidate_vs_map(const struct devices *dev)
{
	const uint64_t size = PAGES(64);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK), dmabuf, third = drm_reopen_driver(dev->other);
	void *own = zcgem_map_memfd(memfd, 0, size), *maps[2];
	uint32_t handle = wrap_watched(dev->fd, memfd, 0, size, own), theirs;
	struct worker workers[7];
	volatile bool stop = false;
	unsigned int i;

	dmabuf = zcgem_export(dev->fd, handle);
	igt_assert_eq(__zcgem_import(dev->other, dmabuf, &theirs), 0);
	maps[0] = zcgem_mmap(dev->fd, handle, size, PROT_RW);
	maps[1] = zcgem_mmap(dev->other, theirs, size, PROT_RW);
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		workers[i] = (struct worker) {
			.fd = dev->other, .handle = theirs, .size = size, .dmabuf = dmabuf,
			.map = maps[i & 1], .stop = &stop,
		};
	workers[1].fd = dev->fd;
	workers[1].handle = handle;
	workers[3].fd = third;
	start_worker(&workers[0], race_populate);
	start_worker(&workers[1], race_evict);
	start_worker(&workers[2], race_evict);
	start_worker(&workers[3], race_attach);
	start_worker(&workers[4], race_access);
	start_worker(&workers[5], race_access);
	start_worker(&workers[6], race_sync);

	for (i = 0; i < 200; i++) {
		punch(memfd, PAGES(i % 64), ZCGEM_PAGE);
		usleep(10000);
	}
	stop = true;
	end_workers(workers, ARRAY_SIZE(workers));
	igt_info("%" PRIu64 " evictions; maps %u, attachments %u, accesses %u\n",
		 evictions(dev->fd, handle), workers[0].rounds, workers[3].rounds,
		 workers[4].rounds);

	zcgem_evict(dev->other, theirs, size);
	igt_assert_eq(__zcgem_revalidate(dev->fd, handle, size), 0);
	zcgem_check_same(maps[0], own, size);
	zcgem_check_same(maps[1], own, size);

	for (i = 0; i < 2; i++)
		munmap(maps[i], size);
	munmap(own, size);
	close(third);
	close(dmabuf);
	close(memfd);
}

int igt_main()
{
	igt_fixture()
		open_devices(&all);

	igt_describe("Class 4: import on another device races with closing the handle there");
	igt_subtest("import-vs-close")
		run_shared(&all, test_import_vs_close);

	igt_describe("Class 4: export, import elsewhere and close of both handles, in every order");
	igt_subtest("export-vs-close")
		run_shared(&all, test_export_vs_close);

	igt_describe("Class 7: 10^5 concurrent DMA_BUF_IOCTL_SYNC from 8 threads leak nothing");
	igt_subtest("sync-many")
		run_shared(&all, test_sync_many);

	igt_describe("Class 13: eviction and hole punch race with map, unmap, attach and access");
	igt_subtest("invalidate-vs-map")
		run_shared(&all, test_invalidate_vs_map);

	igt_fixture()
		close_devices(&all);
}
