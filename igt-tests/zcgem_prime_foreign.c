// SPDX-License-Identifier: MIT
/*
 * Sharing with other drivers: their buffers as objects here, objects here as theirs, and
 * fences that others put on an object.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter.h"
#include "igt.h"
#include "igt_vgem.h"
#include "igt_zcgem.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem prime foreign
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check sharing with other drivers.
 *
 * SUBTEST: import-vgem
 * Description: A vgem buffer is a zcgem object that can be mapped.
 *
 * SUBTEST: import-vgem-dumb-map
 * Description: The imported buffer can be mapped as a dumb buffer, too.
 *
 * SUBTEST: import-udmabuf
 * Description: A udmabuf buffer is a zcgem object that can be mapped.
 *
 * SUBTEST: submit-refused
 * Description: Submits on a buffer that is no memory to the kernel are refused as a whole (class 3).
 *
 * SUBTEST: export-to-vgem
 * Description: vgem attaches to a zcgem object and lets it go.
 *
 * SUBTEST: readonly-to-vgem
 * Description: A device that wants to write cannot have a read-only object.
 *
 * SUBTEST: sync-file
 * Description: Fences go out of and into an exported object.
 *
 * SUBTEST: foreign-fence
 * Description: A fence that vgem attached to an exported object is seen.
 */

IGT_TEST_DESCRIPTION("Check sharing with other drivers");

#define PAGES(n) ((n) * ZCGEM_PAGE)
#define PROT_RW (PROT_READ | PROT_WRITE)

/* All zcgem can do with a buffer of another driver whose memory is at @theirs. */
static void check_import(int fd, int dmabuf, char *theirs, uint64_t size)
{
	struct drm_zcgem_gem_info info;
	uint32_t handle = zcgem_import(fd, dmabuf);
	char *ours;
	int again;

	igt_assert_eq_u32(zcgem_import(fd, dmabuf), handle);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u32(info.backing, DRM_ZCGEM_BACKING_IMPORT);
	igt_assert_eq_u64(info.size, size);
	igt_assert_eq_u64(info.charged, 0);

	ours = zcgem_mmap(fd, handle, size, PROT_RW);
	zcgem_fill(theirs, size, 1);
	zcgem_check(ours, size, 1);
	zcgem_fill(ours, size, 2);
	zcgem_check(theirs, size, 2);

	igt_assert(mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd,
			zcgem_mmap_offset(fd, handle)) == MAP_FAILED);
	igt_assert_eq(errno, EINVAL);

	/* exported again it is the exporter's own dma-buf */
	again = zcgem_export(fd, handle);
	igt_assert_eq_u32(zcgem_import(fd, again), handle);
	close(again);

	/* the mapping holds what it needs */
	gem_close(fd, handle);
	zcgem_check(ours, size, 2);
	zcgem_fill(ours, size, 3);
	zcgem_check(theirs, size, 3);
	munmap(ours, size);
}

static int open_vgem(void)
{
	int vgem = __drm_open_driver(DRIVER_VGEM);

	igt_require_f(vgem >= 0, "no vgem device\n");
	return vgem;
}

static void make_vgem(int vgem, struct vgem_bo *bo)
{
	*bo = (struct vgem_bo) { .width = 64, .height = 100, .bpp = 32 };
	vgem_create(vgem, bo);
	bo->size = ALIGN(bo->size, ZCGEM_PAGE);
}

static void test_import_vgem(int fd)
{
	int vgem = open_vgem(), dmabuf;
	struct vgem_bo bo;
	char *theirs;

	make_vgem(vgem, &bo);
	theirs = vgem_mmap(vgem, &bo, PROT_RW);
	dmabuf = zcgem_export(vgem, bo.handle);
	check_import(fd, dmabuf, theirs, bo.size);
	munmap(theirs, bo.size);
	close(dmabuf);
	close(vgem);
}

static void test_import_vgem_dumb_map(int fd)
{
	int vgem = open_vgem(), card = zcgem_open_card(), dmabuf;
	struct drm_mode_map_dumb arg = {};
	struct vgem_bo bo;
	char *theirs, *ours;

	(void)fd;
	make_vgem(vgem, &bo);
	theirs = vgem_mmap(vgem, &bo, PROT_RW);
	dmabuf = zcgem_export(vgem, bo.handle);
	arg.handle = zcgem_import(card, dmabuf);
	do_ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &arg);
	ours = mmap(NULL, bo.size, PROT_RW, MAP_SHARED, card, arg.offset);
	igt_assert(ours != MAP_FAILED);
	zcgem_fill(theirs, bo.size, 1);
	zcgem_check(ours, bo.size, 1);
	munmap(ours, bo.size);
	munmap(theirs, bo.size);
	close(dmabuf);
	close(card);
	close(vgem);
}

static void test_import_udmabuf(int fd)
{
	const uint64_t size = PAGES(25);
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd, dmabuf;
	char *theirs;

	igt_require_f(device >= 0, "no /dev/udmabuf: %m\n");
	memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	create.memfd = memfd;
	create.size = size;
	dmabuf = ioctl(device, UDMABUF_CREATE, &create);
	igt_assert_fd(dmabuf);

	theirs = zcgem_map_memfd(memfd, 0, size);
	check_import(fd, dmabuf, theirs, size);
	munmap(theirs, size);
	close(dmabuf);
	zcgem_release_memfd(memfd);
	close(device);
}

static int open_exporter(void)
{
	const char *path = "/dev/exporter";
	int ret = access(path, W_OK) ? system("modprobe -q exporter") : 0, device;

	device = ret ? -1 : open(path, O_RDWR | O_CLOEXEC);
	igt_require_f(device >= 0, "no module 'exporter', whose buffers are no memory\n");
	errno = 0;
	return device;
}

static void refuse_submit(int fd, uint32_t handle)
{
	uint32_t good = zcgem_create(fd, ZCGEM_PAGE, 0), sync = syncobj_new(fd);
	const struct drm_zcgem_op ops[] = {
		zcgem_op_fill32(good, 0, 4, 1),
		zcgem_op_fill32(handle, 0, 4, 1),
		zcgem_op_copy(good, 0, handle, 0, 4),
		zcgem_op_copy(handle, 0, good, 0, 4),
	};
	const struct drm_zcgem_sync out = { .handle = sync };
	uint32_t *map = zcgem_mmap(fd, good, ZCGEM_PAGE, PROT_READ);
	unsigned int i;
	int file;

	for (i = 1; i < ARRAY_SIZE(ops); i++)
		igt_assert_eq(__zcgem_submit_syncs(fd, &ops[i], NULL, &out), -EOPNOTSUPP);
	igt_assert_eq(__zcgem_submit_ops(fd, ops, 2), -EOPNOTSUPP);
	/* no fence anywhere, and nothing done */
	igt_assert(drmSyncobjExportSyncFile(fd, sync, &file));
	igt_assert_eq(__zcgem_wait(fd, good, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	igt_assert_eq(__zcgem_wait(fd, handle, DRM_ZCGEM_WAIT_WRITE, 0), 0);
	igt_assert_eq_u32(map[0], 0);
	munmap(map, ZCGEM_PAGE);
	syncobj_free(fd, sync);
	gem_close(fd, good);
}

static void test_submit_refused(int fd)
{
	static const unsigned long kinds[] = { EXPORTER_UNMAPPABLE, EXPORTER_IOMEM };
	int exporter = open_exporter(), dmabuf;
	struct drm_zcgem_gem_info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t handle;

		dmabuf = ioctl(exporter, EXPORTER_NEW, kinds[i]);
		igt_assert_fd(dmabuf);
		handle = zcgem_import(fd, dmabuf);
		refuse_submit(fd, handle);
		/* a device can use it all the same */
		zcgem_populate(fd, handle, ZCGEM_PAGE, NULL);
		zcgem_info(fd, handle, &info);
		igt_assert(info.flags & DRM_ZCGEM_INFO_RESIDENT);
		refuse_submit(fd, handle);
		gem_close(fd, handle);
		close(dmabuf);
	}
	close(exporter);
}

static void test_export_to_vgem(int fd)
{
	const uint64_t size = PAGES(600);
	int vgem = open_vgem();
	int memfd = zcgem_memfd(size, F_SEAL_SHRINK);
	struct drm_zcgem_gem_info info;
	uint32_t handles[2], theirs, i;
	int dmabuf, again;
	char *map;

	handles[0] = zcgem_create(fd, size, 0);
	handles[1] = zcgem_wrap_memfd(fd, memfd, 0, size, 0);
	for (i = 0; i < 2; i++) {
		map = zcgem_mmap(fd, handles[i], size, PROT_RW);
		zcgem_fill(map, size, 1);
		munmap(map, size);

		dmabuf = zcgem_export(fd, handles[i]);
		theirs = zcgem_import(vgem, dmabuf);
		close(dmabuf);
		zcgem_info(fd, handles[i], &info);
		igt_assert_eq_u64(info.attachments, 1);
		igt_assert_eq_u32(info.flags & DRM_ZCGEM_INFO_RESIDENT,
				  DRM_ZCGEM_INFO_RESIDENT);
		igt_assert_eq_u64(info.resident, size);

		/* out of vgem it comes back as our own object */
		again = zcgem_export(vgem, theirs);
		igt_assert_eq_u32(zcgem_import(fd, again), handles[i]);
		close(again);

		/* vgem alone keeps it */
		gem_close(fd, handles[i]);
		again = zcgem_export(vgem, theirs);
		map = map_dmabuf(again, size);
		zcgem_check(map, size, 1);
		munmap(map, size);

		handles[i] = zcgem_import(fd, again);
		close(again);
		gem_close(vgem, theirs);
		zcgem_info(fd, handles[i], &info);
		igt_assert_eq_u64(info.attachments, 0);
		gem_close(fd, handles[i]);
	}
	zcgem_release_memfd(memfd);
	close(vgem);
}

static void test_readonly_to_vgem(int fd)
{
	int vgem = open_vgem(), dmabuf;
	int memfd = zcgem_memfd(PAGES(4), F_SEAL_SHRINK);
	struct zcgem_snapshot before, now;
	struct drm_zcgem_gem_info info;
	uint32_t handle, theirs;
	int ret;

	handle = zcgem_wrap_memfd(fd, memfd, 0, PAGES(4), DRM_ZCGEM_WRAP_READONLY);
	igt_assert_eq(__zcgem_export(fd, handle, DRM_CLOEXEC, &dmabuf), 0);
	zcgem_take_snapshot(fd, &before);

	/* vgem maps for both directions: at once, or on newer kernels never */
	ret = __zcgem_import(vgem, dmabuf, &theirs);
	igt_assert_f(!ret || ret == -EACCES, "error %d\n", ret);
	zcgem_take_snapshot(fd, &now);
	igt_assert_eq_u64(now.dma_maps, before.dma_maps);
	if (!ret)
		gem_close(vgem, theirs);
	zcgem_info(fd, handle, &info);
	igt_assert_eq_u64(info.attachments, 0);
	close(dmabuf);
	close(memfd);
	close(vgem);
}

/* poll() on a sync_file or a dma-buf: is there a fence that has not signalled? */
static bool is_busy(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	return poll(&pfd, 1, 0) == 0;
}

static bool has_busy_fence(int dmabuf, uint32_t flags)
{
	int fence = dmabuf_export_sync_file(dmabuf, flags);
	bool busy = is_busy(fence, POLLIN);

	close(fence);
	return busy;
}

static void test_sync_file(int fd)
{
	uint32_t handle = zcgem_create(fd, PAGES(2), 0);
	int dmabuf = zcgem_export(fd, handle), fence;

	/* nothing was done to it yet */
	igt_assert(!has_busy_fence(dmabuf, DMA_BUF_SYNC_READ));
	igt_assert(!has_busy_fence(dmabuf, DMA_BUF_SYNC_WRITE));
	igt_assert(!has_busy_fence(dmabuf, DMA_BUF_SYNC_RW));
	igt_assert(!is_busy(dmabuf, POLLIN));
	igt_assert(!is_busy(dmabuf, POLLOUT));

	fence = dmabuf_export_sync_file(dmabuf, DMA_BUF_SYNC_RW);
	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, DMA_BUF_SYNC_RW, fence), 0);
	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, DMA_BUF_SYNC_READ, fence), 0);
	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, 0, fence), -EINVAL);
	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, DMA_BUF_SYNC_RW, dmabuf), -EINVAL);
	close(fence);
	igt_assert_eq(__dmabuf_export_sync_file(dmabuf, 0, &fence), -EINVAL);
	igt_assert_eq(__dmabuf_export_sync_file(dmabuf, 1u << 30, &fence), -EINVAL);
	close(dmabuf);
}

static void test_foreign_fence(int fd)
{
	int vgem = open_vgem();
	uint32_t handle = zcgem_create(fd, PAGES(4), 0);
	uint32_t other = zcgem_create(fd, PAGES(4), 0);
	int dmabuf = zcgem_export(fd, handle);
	int second = zcgem_export(fd, other);
	struct vgem_bo bo = {};
	uint32_t fence;
	int sync_file;

	igt_require_f(vgem_has_fences(vgem), "vgem has no fences\n");
	bo.handle = zcgem_import(vgem, dmabuf);

	/* a reader: writers wait, other readers do not */
	fence = vgem_fence_attach(vgem, &bo, 0);
	igt_assert(!is_busy(dmabuf, POLLIN));
	igt_assert(is_busy(dmabuf, POLLOUT));
	igt_assert(!has_busy_fence(dmabuf, DMA_BUF_SYNC_READ));
	igt_assert(has_busy_fence(dmabuf, DMA_BUF_SYNC_WRITE));
	vgem_fence_signal(vgem, fence);
	igt_assert(!is_busy(dmabuf, POLLOUT));
	igt_assert(!has_busy_fence(dmabuf, DMA_BUF_SYNC_WRITE));

	/* a writer: everybody waits; the fence is passed on to another object */
	fence = vgem_fence_attach(vgem, &bo, VGEM_FENCE_WRITE);
	igt_assert(is_busy(dmabuf, POLLIN));
	igt_assert(has_busy_fence(dmabuf, DMA_BUF_SYNC_READ));
	igt_assert(!is_busy(second, POLLIN));
	sync_file = dmabuf_export_sync_file(dmabuf, DMA_BUF_SYNC_READ);
	igt_assert_eq(__dmabuf_import_sync_file(second, DMA_BUF_SYNC_WRITE, sync_file), 0);
	igt_assert(is_busy(second, POLLIN));
	igt_assert(has_busy_fence(second, DMA_BUF_SYNC_READ));
	vgem_fence_signal(vgem, fence);
	igt_assert(!is_busy(dmabuf, POLLIN));
	igt_assert(!is_busy(second, POLLIN));
	igt_assert(!is_busy(sync_file, POLLIN));

	/* objects whose fence is still running go away */
	fence = vgem_fence_attach(vgem, &bo, VGEM_FENCE_WRITE);
	close(sync_file);
	close(second);
	close(dmabuf);
	gem_close(fd, handle);
	gem_close(vgem, bo.handle);
	vgem_fence_signal(vgem, fence);
	close(vgem);
}

int igt_main()
{
	int fd = -1;

	igt_fixture()
		fd = zcgem_open();

	igt_describe("A vgem buffer is a zcgem object that can be mapped");
	igt_subtest("import-vgem")
		zcgem_run_counted(fd, test_import_vgem);

	igt_describe("The imported buffer can be mapped as a dumb buffer, too");
	igt_subtest("import-vgem-dumb-map")
		zcgem_run_counted(fd, test_import_vgem_dumb_map);

	igt_describe("A udmabuf buffer is a zcgem object that can be mapped");
	igt_subtest("import-udmabuf")
		zcgem_run_counted(fd, test_import_udmabuf);

	igt_describe("Submits on a buffer that is no memory to the kernel are refused as a whole (class 3)");
	igt_subtest("submit-refused")
		zcgem_run_counted(fd, test_submit_refused);

	igt_describe("vgem attaches to a zcgem object and lets it go");
	igt_subtest("export-to-vgem")
		zcgem_run_counted(fd, test_export_to_vgem);

	igt_describe("A device that wants to write cannot have a read-only object");
	igt_subtest("readonly-to-vgem")
		zcgem_run_counted(fd, test_readonly_to_vgem);

	igt_describe("Fences go out of and into an exported object");
	igt_subtest("sync-file")
		zcgem_run_counted(fd, test_sync_file);

	igt_describe("A fence that vgem attached to an exported object is seen");
	igt_subtest("foreign-fence")
		zcgem_run_counted(fd, test_foreign_fence);

	igt_fixture()
		drm_close_driver(fd);
}
