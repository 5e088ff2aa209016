// SPDX-License-Identifier: MIT
/*
 * zcgem objects as dma-bufs, for this process, other clients and other processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_process.h"
#include "igt_zcgem_share.h"

/**
 * TEST: zcgem prime
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check export and import of dma-bufs.
 *
 * SUBTEST: self-import
 * Description: Importing one's own dma-buf gives the handle back.
 *
 * SUBTEST: second-client
 * Description: Another client of the device gets the same object.
 *
 * SUBTEST: export-size
 * Description: The dma-buf says its size.
 *
 * SUBTEST: export-flags
 * Description: The dma-buf's descriptor has the access that was asked for.
 *
 * SUBTEST: export-bad
 * Description: Handles and descriptors that do not exist are refused.
 *
 * SUBTEST: mmap-coherent
 * Description: The memfd, the object's and the dma-buf's mapping are the same memory.
 *
 * SUBTEST: outlives-handle
 * Description: The dma-buf and its mapping outlive handle, memfd and client.
 *
 * SUBTEST: pass-to-process
 * Description: Another process gets the dma-buf over a socket and writes to it.
 *
 * SUBTEST: cpu-access-sync
 * Description: CPU access is begun and ended; wrong flags are refused (class 7).
 *
 * SUBTEST: import-bad
 * Description: What is no dma-buf is refused.
 */

IGT_TEST_DESCRIPTION("Check export and import of dma-bufs");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

static void test_self_import(int fd)
{
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	uint32_t handles[2], i;

	handles[0] = zcgem_create(fd, PAGES(4), 0);
	handles[1] = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), 0);
	for (i = 0; i < 2; i++) {
		int dmabuf = zcgem_export(fd, handles[i]);
		int again = zcgem_export(fd, handles[i]);

		igt_assert_eq_u32(zcgem_import(fd, dmabuf), handles[i]);
		igt_assert_eq_u32(zcgem_import(fd, again), handles[i]);
		close(dmabuf);
		igt_assert_eq_u32(zcgem_import(fd, again), handles[i]);
		close(again);
	}
	close(memfd);
}

static void test_second_client(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0), copy;
	int dmabuf = zcgem_export(fd, handle);
	int other = drm_reopen_driver(fd);
	struct drm_zcgem_gem_info info;
	void *map, *second;

	copy = zcgem_import(other, dmabuf);
	zcgem_info(other, copy, &info);
	/* the very object, not an import of it */
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_MEMFD);
	igt_assert_eq_u64(info.size, size);
	igt_assert_eq_u64(info.attachments, 0);

	map = zcgem_mmap(fd, handle, size, PROT_RW);
	second = zcgem_mmap(other, copy, size, PROT_RW);
	zcgem_fill(map, size, 1);
	zcgem_check(second, size, 1);
	munmap(map, size);
	gem_close(fd, handle);
	close(dmabuf);
	zcgem_fill(second, size, 2);
	munmap(second, size);
	close(other);

	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(map, size, 2);
	munmap(map, size);
	zcgem_release_memfd(memfd);
}

static void test_export_size(int fd)
{
	static const uint32_t pages[] = { 1, 3, 512, 513 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		uint32_t handle = zcgem_create(fd, PAGES(pages[i]), 0);
		int dmabuf = zcgem_export(fd, handle);

		igt_assert_eq_u64(lseek(dmabuf, 0, SEEK_END), PAGES(pages[i]));
		igt_assert_eq_u64(lseek(dmabuf, 0, SEEK_SET), 0);
		close(dmabuf);
	}
}

static void test_export_flags(int fd)
{
	static const struct {
		uint32_t flags;
		int access, cloexec;
	} tries[] = {
		{ 0, O_RDONLY, 0 },
		{ DRM_CLOEXEC, O_RDONLY, FD_CLOEXEC },
		{ DRM_RDWR, O_RDWR, 0 },
		{ DRM_RDWR | DRM_CLOEXEC, O_RDWR, FD_CLOEXEC },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tries); i++) {
		uint32_t handle = zcgem_create(fd, PAGES(2), 0);
		int dmabuf;
		void *map;

		igt_assert_eq(__zcgem_export(fd, handle, tries[i].flags, &dmabuf), 0);
		igt_assert_eq(fcntl(dmabuf, F_GETFL) & O_ACCMODE, tries[i].access);
		igt_assert_eq(fcntl(dmabuf, F_GETFD), tries[i].cloexec);

		map = mmap(NULL, PAGES(2), PROT_RW, MAP_SHARED, dmabuf, 0);
		if (tries[i].access == O_RDONLY) {
			igt_assert(map == MAP_FAILED);
			igt_assert_eq(errno, EACCES);
			map = mmap(NULL, PAGES(2), PROT_READ, MAP_SHARED, dmabuf, 0);
			igt_assert(map != MAP_FAILED);
			igt_assert_eq(mprotect(map, PAGES(2), PROT_RW), -1);
			igt_assert_eq(errno, EACCES);
		} else {
			igt_assert(map != MAP_FAILED);
			zcgem_fill(map, PAGES(2), 1);
		}
		munmap(map, PAGES(2));
		close(dmabuf);
	}
}

static void test_export_bad(int fd)
{
	uint32_t handle = zcgem_create(fd, PAGES(1), 0);
	int dmabuf;

	igt_assert_eq(__zcgem_export(fd, 0, DRM_RDWR, &dmabuf), -ENOENT);
	igt_assert_eq(__zcgem_export(fd, handle + 1, DRM_RDWR, &dmabuf), -ENOENT);
	igt_assert_eq(__zcgem_export(fd, handle, 1u << 30, &dmabuf), -EINVAL);
	gem_close(fd, handle);
	igt_assert_eq(__zcgem_export(fd, handle, DRM_RDWR, &dmabuf), -ENOENT);
}

static void test_mmap_coherent(int fd)
{
	const uint64_t size = PAGES(33);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(fd, handle);
	void *views[3];
	unsigned int from, to;

	views[0] = zcgem_map_memfd(memfd, 0, size);
	views[1] = zcgem_mmap(fd, handle, size, PROT_RW);
	views[2] = map_dmabuf(dmabuf, size);
	for (from = 0; from < 3; from++) {
		zcgem_fill(views[from], size, from + 1);
		for (to = 0; to < 3; to++)
			zcgem_check(views[to], size, from + 1);
	}
	for (from = 0; from < 3; from++)
		munmap(views[from], size);
	close(dmabuf);
	gem_close(fd, handle);
	zcgem_release_memfd(memfd);
}

static void test_outlives_handle(int fd)
{
	const uint64_t size = PAGES(16);
	struct zcgem_snapshot before;
	int memfd, own, dmabuf;
	uint32_t handle;
	void *map;

	zcgem_take_snapshot(fd, &before);
	memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	own = drm_reopen_driver(fd);
	handle = zcgem_wrap_memfd(own, memfd, 0, size, 0);
	map = zcgem_mmap(own, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	munmap(map, size);

	dmabuf = zcgem_export(own, handle);
	gem_close(own, handle);
	close(memfd);
	close(own);

	map = map_dmabuf(dmabuf, size);
	zcgem_check(map, size, 1);
	zcgem_fill(map, size, 2);
	munmap(map, size);

	handle = zcgem_import(fd, dmabuf);
	close(dmabuf);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_check(map, size, 2);

	/* the mapping of a dma-buf alone */
	dmabuf = zcgem_export(fd, handle);
	gem_close(fd, handle);
	munmap(map, size);
	map = map_dmabuf(dmabuf, size);
	close(dmabuf);
	zcgem_check(map, size, 2);
	zcgem_fill(map, size, 3);
	zcgem_check(map, size, 3);
	munmap(map, size);
	zcgem_check_leaks(fd, &before);
}

static void test_pass_to_process(int fd)
{
	const uint64_t size = PAGES(16);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	int pair[2], dmabuf;
	uint32_t handle;
	void *map;

	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	igt_fork(child, 1) {
		close(pair[0]);
		dmabuf = zcgem_receive_fd(pair[1]);
		map = map_dmabuf(dmabuf, size);
		zcgem_check(map, size, 1);
		zcgem_fill(map, size, 2);
	}
	close(pair[1]);

	/* made after the fork, so that the child has it from the socket only */
	handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	map = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(map, size, 1);
	munmap(map, size);
	dmabuf = zcgem_export(fd, handle);
	zcgem_send_fd(pair[0], dmabuf);
	/* from now on the message or the child holds it */
	close(dmabuf);
	gem_close(fd, handle);
	igt_waitchildren();
	close(pair[0]);

	map = zcgem_map_memfd(memfd, 0, size);
	zcgem_check(map, size, 2);
	munmap(map, size);
	zcgem_release_memfd(memfd);
}

static void test_cpu_access_sync(int fd)
{
	static const uint64_t accesses[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	const uint64_t size = PAGES(8);
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	uint32_t handle = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	int dmabuf = zcgem_export(fd, handle);
	void *map = map_dmabuf(dmabuf, size);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(accesses); i++) {
		igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | accesses[i]), 0);
		zcgem_fill(map, size, i + 1);
		igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_END | accesses[i]), 0);
		zcgem_check(map, size, i + 1);
	}
	igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_START), -EINVAL);
	igt_assert_eq(dmabuf_sync(dmabuf, DMA_BUF_SYNC_RW | 1 << 10), -EINVAL);

	munmap(map, size);
	close(dmabuf);
	close(memfd);
}

static void test_import_bad(int fd)
{
	int memfd = zcgem_memfd(PAGES(1), F_SEAL_SHRINK);
	uint32_t handle;

	igt_assert_eq(__zcgem_import(fd, memfd, &handle), -EINVAL);
	igt_assert_eq(__zcgem_import(fd, fd, &handle), -EINVAL);
	igt_assert_eq(__zcgem_import(fd, -1, &handle), -EBADF);
	close(memfd);
	igt_assert_eq(__zcgem_import(fd, memfd, &handle), -EBADF);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Importing one's own dma-buf gives the handle back");
	igt_subtest("self-import")
		zcgem_run_counted(fd, test_self_import);

	igt_describe("Another client of the device gets the same object");
	igt_subtest("second-client")
		zcgem_run_counted(fd, test_second_client);

	igt_describe("The dma-buf says its size");
	igt_subtest("export-size")
		zcgem_run_counted(fd, test_export_size);

	igt_describe("The dma-buf's descriptor has the access that was asked for");
	igt_subtest("export-flags")
		zcgem_run_counted(fd, test_export_flags);

	igt_describe("Handles and descriptors that do not exist are refused");
	igt_subtest("export-bad")
		zcgem_run_refused(fd, test_export_bad);

	igt_describe("The memfd, the object's and the dma-buf's mapping are the same memory");
	igt_subtest("mmap-coherent")
		zcgem_run_counted(fd, test_mmap_coherent);

	igt_describe("The dma-buf and its mapping outlive handle, memfd and client");
	igt_subtest("outlives-handle")
		zcgem_run_counted(fd, test_outlives_handle);

	igt_describe("Another process gets the dma-buf over a socket and writes to it");
	igt_subtest("pass-to-process")
		zcgem_run_counted(fd, test_pass_to_process);

	igt_describe("CPU access is begun and ended; wrong flags are refused (class 7)");
	igt_subtest("cpu-access-sync")
		zcgem_run_counted(fd, test_cpu_access_sync);

	igt_describe("What is no dma-buf is refused");
	igt_subtest("import-bad")
		zcgem_run_refused(fd, test_import_bad);

	igt_fixture()
		drm_close_driver(fd);
}
