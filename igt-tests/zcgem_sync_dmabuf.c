// SPDX-License-Identifier: MIT
/*
 * The fences that the engine leaves on objects and waits for there without being told: by
 * other submits, sync_files of dma-bufs, and poll.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_zcgem.h"
#include "igt_zcgem_blocked.h"
#include "igt_zcgem_submit.h"

/**
 * TEST: zcgem sync dmabuf
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Synchronization
 * Functionality: zcgem
 * Feature: zcgem
 * Test category: functionality test
 * Description: Check fences of the engine on objects and dma-bufs.
 *
 * SUBTEST: implicit
 * Description: Readers do not wait for readers, writers wait for all, and everybody for writers.
 *
 * SUBTEST: no-implicit
 * Description: Without implicit sync a submit neither waits nor is waited for.
 *
 * SUBTEST: export-sync-file
 * Description: A dma-buf gives the engine's fences as sync_files, by usage.
 *
 * SUBTEST: import-sync-file
 * Description: The engine waits for a sync_file that was put on a dma-buf.
 *
 * SUBTEST: poll
 * Description: Polling a dma-buf waits for the engine.
 */

IGT_TEST_DESCRIPTION("Check fences of the engine on objects and dma-bufs");

#define PAGES(n)	((n) * ZCGEM_PAGE)
#define RW		(PROT_READ | PROT_WRITE)
#define SOON_NS		20000000ll

static void test_implicit(int fd)
{
	int client = drm_reopen_driver(fd), dmabuf;
	struct drm_zcgem_op op;
	uint32_t handle, scratch = zcgem_create(client, PAGES(1), 0);
	uint32_t *map = zcgem_mmap(client, scratch, PAGES(1), RW);
	struct blocked b;

	/* one reads: another one may read, but not write */
	blocked_start(fd, &b, true);
	dmabuf = zcgem_export(fd, b.handle);
	igt_assert_eq(__zcgem_import(client, dmabuf, &handle), 0);
	close(dmabuf);
	b.map[0] = 5;
	op = zcgem_op_copy(scratch, 0, handle, 0, 4);
	igt_assert_eq(__zcgem_submit_ops(client, &op, 1), 0);
	zcgem_wait(client, scratch);
	igt_assert_eq_u32(map[0], 5);
	op = zcgem_op_fill32(handle, 0, 4, 6);
	igt_assert_eq(__zcgem_submit_ops(client, &op, 1), 0);
	igt_assert_eq(__zcgem_wait(client, handle, 0, zcgem_now() + SOON_NS), -ETIME);
	igt_assert_eq_u32(b.map[0], 5);
	blocked_release(fd, &b);
	zcgem_wait(client, handle);
	igt_assert_eq_u32(b.map[0], 6);
	igt_assert_eq_u32(b.other_map[0], 5);
	blocked_close(fd, &b);
	gem_close(client, handle);

	/* one writes: nobody may read */
	blocked_start(fd, &b, false);
	dmabuf = zcgem_export(fd, b.handle);
	igt_assert_eq(__zcgem_import(client, dmabuf, &handle), 0);
	close(dmabuf);
	op = zcgem_op_copy(scratch, 0, handle, 0, 4);
	igt_assert_eq(__zcgem_submit_ops(client, &op, 1), 0);
	igt_assert_eq(__zcgem_wait(client, scratch, 0, zcgem_now() + SOON_NS), -ETIME);
	blocked_release(fd, &b);
	zcgem_wait(client, scratch);
	igt_assert_eq_u32(map[0], 1);
	blocked_close(fd, &b);

	munmap(map, PAGES(1));
	close(client);
}

static void test_no_implicit(int fd)
{
	int client = drm_reopen_driver(fd), dmabuf;
	struct drm_zcgem_sync in = {};
	struct drm_zcgem_submit submit = { .flags = DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC };
	struct drm_zcgem_sync out = { .handle = syncobj_new(client) };
	struct drm_zcgem_op op;
	uint32_t handle;
	struct blocked b;

	blocked_start(fd, &b, false);
	dmabuf = zcgem_export(fd, b.handle);
	igt_assert_eq(__zcgem_import(client, dmabuf, &handle), 0);
	close(dmabuf);

	/* it does not wait */
	op = zcgem_op_fill32(handle, 0, 4, 9);
	submit.ops = (struct drm_zcgem_array) { sizeof(op), 1, (uintptr_t)&op };
	submit.out_syncs = (struct drm_zcgem_array) { sizeof(out), 1, (uintptr_t)&out };
	igt_assert_eq(__zcgem_submit(client, &submit), 0);
	igt_assert_eq(syncobj_error(client, out.handle), 0);
	igt_assert_eq_u32(b.map[0], 9);
	blocked_release(fd, &b);
	igt_assert_eq_u32(b.map[0], 1);
	blocked_close(fd, &b);

	/* and nobody waits for it */
	blocked_open(fd, &b);
	op.dst_handle = b.handle;
	in.handle = b.in;
	out.handle = b.out;
	submit.in_syncs = (struct drm_zcgem_array) { sizeof(in), 1, (uintptr_t)&in };
	igt_assert_eq(__zcgem_submit(fd, &submit), 0);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	blocked_release(fd, &b);
	igt_assert_eq_u32(b.map[0], 9);
	blocked_close(fd, &b);
	close(client);
}

static void test_export_sync_file(int fd)
{
	struct blocked b;
	int dmabuf, reader, writer;

	blocked_start(fd, &b, true);
	dmabuf = zcgem_export(fd, b.handle);
	reader = dmabuf_export_sync_file(dmabuf, DMA_BUF_SYNC_READ);
	writer = dmabuf_export_sync_file(dmabuf, DMA_BUF_SYNC_WRITE);
	igt_assert_eq(sync_file_status(reader), 1);
	igt_assert_eq(sync_file_status(writer), 0);
	blocked_release(fd, &b);
	igt_assert_eq(sync_file_wait(writer), 1);
	close(reader);
	close(writer);
	close(dmabuf);
	blocked_close(fd, &b);
}

static void test_import_sync_file(int fd)
{
	struct drm_zcgem_op op;
	struct blocked b;
	int dmabuf, file;

	blocked_open(fd, &b);
	dmabuf = zcgem_export(fd, b.handle);
	file = sw_sync_fence(b.timeline, 1);
	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, DMA_BUF_SYNC_WRITE, file), 0);
	close(file);

	op = zcgem_op_copy(b.other, 0, b.handle, 0, 4);
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), 0);
	igt_assert_eq(__zcgem_wait(fd, b.other, 0, zcgem_now() + SOON_NS), -ETIME);
	b.map[0] = 3;
	sw_sync_advance(b.timeline, 1);
	zcgem_wait(fd, b.other);
	igt_assert_eq_u32(b.other_map[0], 3);
	close(dmabuf);
	blocked_close(fd, &b);
}

static int poll_now(int dmabuf, short events)
{
	struct pollfd pollfd = { .fd = dmabuf, .events = events };

	return poll(&pollfd, 1, 0) ? pollfd.revents : 0;
}

static void test_poll(int fd)
{
	struct pollfd pollfd = { .events = POLLOUT };
	struct blocked b;

	blocked_start(fd, &b, true);
	pollfd.fd = zcgem_export(fd, b.handle);
	igt_assert_eq(poll_now(pollfd.fd, POLLIN), POLLIN);
	igt_assert_eq(poll_now(pollfd.fd, POLLOUT), 0);
	sw_sync_advance(b.timeline, 1);
	igt_assert_eq(poll(&pollfd, 1, WAIT_NS / 1000000), 1);
	igt_assert_eq(pollfd.revents, POLLOUT);
	igt_assert_eq(__zcgem_wait(fd, b.handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	close(pollfd.fd);
	blocked_close(fd, &b);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("Readers do not wait for readers, writers wait for all, and everybody for writers");
	igt_subtest("implicit")
		zcgem_run_counted(fd, test_implicit);

	igt_describe("Without implicit sync a submit neither waits nor is waited for");
	igt_subtest("no-implicit")
		zcgem_run_counted(fd, test_no_implicit);

	igt_describe("A dma-buf gives the engine's fences as sync_files, by usage");
	igt_subtest("export-sync-file")
		zcgem_run_counted(fd, test_export_sync_file);

	igt_describe("The engine waits for a sync_file that was put on a dma-buf");
	igt_subtest("import-sync-file")
		zcgem_run_counted(fd, test_import_sync_file);

	igt_describe("Polling a dma-buf waits for the engine");
	igt_subtest("poll")
		zcgem_run_counted(fd, test_poll);

	igt_fixture()
		drm_close_driver(fd);
}
