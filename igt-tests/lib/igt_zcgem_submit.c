// SPDX-License-Identifier: MIT
/*
 * Submits, waits and syncobjs for tests of the engine.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "igt.h"
#include "igt_zcgem_submit.h"

#define POLL_MS		120000

/**
 * zcgem_op_copy:
 * @dst: handle that is written
 * @dst_offset: first byte written
 * @src: handle that is read
 * @src_offset: first byte read
 * @size: bytes
 */
struct drm_zcgem_op zcgem_op_copy(uint32_t dst, uint64_t dst_offset, uint32_t src,
				  uint64_t src_offset, uint64_t size)
{
	return (struct drm_zcgem_op) {
		.type = DRM_ZCGEM_OP_COPY,
		.dst_handle = dst,
		.src_handle = src,
		.dst_offset = dst_offset,
		.src_offset = src_offset,
		.size = size,
	};
}

static struct drm_zcgem_op op_fill(uint32_t dst, uint64_t offset, uint64_t size,
				   uint64_t pattern, uint32_t pattern_size)
{
	return (struct drm_zcgem_op) {
		.type = DRM_ZCGEM_OP_FILL,
		.dst_handle = dst,
		.dst_offset = offset,
		.size = size,
		.pattern = pattern,
		.pattern_size = pattern_size,
	};
}

/**
 * zcgem_op_fill32:
 * @dst: handle that is written
 * @offset: first byte
 * @size: bytes
 * @pattern: what to repeat
 */
struct drm_zcgem_op zcgem_op_fill32(uint32_t dst, uint64_t offset, uint64_t size,
				    uint32_t pattern)
{
	return op_fill(dst, offset, size, pattern, sizeof(pattern));
}

/**
 * zcgem_op_fill64:
 * @dst: handle that is written
 * @offset: first byte
 * @size: bytes
 * @pattern: what to repeat
 */
struct drm_zcgem_op zcgem_op_fill64(uint32_t dst, uint64_t offset, uint64_t size,
				    uint64_t pattern)
{
	return op_fill(dst, offset, size, pattern, sizeof(pattern));
}

/**
 * __zcgem_submit:
 * @fd: zcgem descriptor
 * @submit: what to submit
 */
int __zcgem_submit(int fd, const struct drm_zcgem_submit *submit)
{
	struct drm_zcgem_submit arg = *submit;

	return drmIoctl(fd, DRM_IOCTL_ZCGEM_SUBMIT, &arg) ? -errno : 0;
}

static struct drm_zcgem_array array_of(const void *elements, uint32_t count, uint32_t stride)
{
	return (struct drm_zcgem_array) {
		.stride = stride,
		.count = count,
		.pointer = (uintptr_t)elements,
	};
}

/**
 * __zcgem_submit_ops:
 * @fd: zcgem descriptor
 * @ops: operations
 * @count: how many
 */
int __zcgem_submit_ops(int fd, const struct drm_zcgem_op *ops, uint32_t count)
{
	const struct drm_zcgem_submit submit = {
		.ops = array_of(ops, count, sizeof(*ops)),
	};

	return __zcgem_submit(fd, &submit);
}

/**
 * __zcgem_submit_syncs:
 * @fd: zcgem descriptor
 * @op: one operation
 * @in: what to wait for, or NULL
 * @out: what to signal, or NULL
 */
int __zcgem_submit_syncs(int fd, const struct drm_zcgem_op *op,
			 const struct drm_zcgem_sync *in,
			 const struct drm_zcgem_sync *out)
{
	const struct drm_zcgem_submit submit = {
		.ops = array_of(op, 1, sizeof(*op)),
		.in_syncs = array_of(in, !!in, sizeof(*in)),
		.out_syncs = array_of(out, !!out, sizeof(*out)),
	};

	return __zcgem_submit(fd, &submit);
}

/**
 * zcgem_submit_op:
 * @fd: zcgem descriptor
 * @op: what to do; not waited for
 */
void zcgem_submit_op(int fd, struct drm_zcgem_op op)
{
	igt_assert_eq(__zcgem_submit_ops(fd, &op, 1), 0);
}

/**
 * zcgem_submit_for_file:
 * @fd: zcgem descriptor
 * @op: what to do; not waited for
 * @in: syncobj to wait for, or 0
 *
 * Returns: A sync_file of the submit's fence.
 */
int zcgem_submit_for_file(int fd, struct drm_zcgem_op op, uint32_t in)
{
	const struct drm_zcgem_sync wait = { .handle = in };
	struct drm_zcgem_sync out = { .handle = syncobj_new(fd) };
	int file;

	igt_assert_eq(__zcgem_submit_syncs(fd, &op, in ? &wait : NULL, &out), 0);
	file = syncobj_file(fd, out.handle);
	syncobj_free(fd, out.handle);
	return file;
}

/**
 * zcgem_now:
 *
 * Returns: CLOCK_MONOTONIC in nanoseconds.
 */
int64_t zcgem_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/**
 * __zcgem_wait:
 * @fd: zcgem descriptor
 * @handle: object
 * @flags: DRM_ZCGEM_WAIT_WRITE or 0
 * @timeout_ns: when to give up, CLOCK_MONOTONIC
 */
int __zcgem_wait(int fd, uint32_t handle, uint32_t flags, int64_t timeout_ns)
{
	struct drm_zcgem_gem_wait arg = {
		.handle = handle,
		.flags = flags,
		.timeout_ns = timeout_ns,
	};

	return drmIoctl(fd, DRM_IOCTL_ZCGEM_GEM_WAIT, &arg) ? -errno : 0;
}

/**
 * zcgem_wait:
 * @fd: zcgem descriptor
 * @handle: object to wait for until it could be written
 */
void zcgem_wait(int fd, uint32_t handle)
{
	igt_assert_eq(__zcgem_wait(fd, handle, DRM_ZCGEM_WAIT_WRITE, zcgem_now() + WAIT_NS), 0);
}

/**
 * syncobj_new:
 * @fd: DRM descriptor
 *
 * Returns: Handle of a syncobj without a fence.
 */
uint32_t syncobj_new(int fd)
{
	uint32_t handle;

	igt_assert_eq(drmSyncobjCreate(fd, 0, &handle), 0);
	return handle;
}

/**
 * syncobj_free:
 * @fd: DRM descriptor
 * @handle: syncobj
 */
void syncobj_free(int fd, uint32_t handle)
{
	igt_assert_eq(drmSyncobjDestroy(fd, handle), 0);
}

/**
 * syncobj_wait_for:
 * @fd: DRM descriptor
 * @handle: syncobj
 * @point: on its timeline, or 0
 * @timeout_ns: when to give up, CLOCK_MONOTONIC
 *
 * Returns: 0 or -errno.
 */
int syncobj_wait_for(int fd, uint32_t handle, uint64_t point, int64_t timeout_ns)
{
	return drmSyncobjTimelineWait(fd, &handle, &point, 1, timeout_ns, 0, NULL);
}

/**
 * syncobj_file:
 * @fd: DRM descriptor
 * @handle: syncobj with a fence
 *
 * Returns: Descriptor of a sync_file with that fence.
 */
int syncobj_file(int fd, uint32_t handle)
{
	int file;

	igt_assert_eq(drmSyncobjExportSyncFile(fd, handle, &file), 0);
	return file;
}

/**
 * syncobj_import_file:
 * @fd: DRM descriptor
 * @handle: syncobj
 * @file: sync_file whose fence it gets
 */
void syncobj_import_file(int fd, uint32_t handle, int file)
{
	igt_assert_eq(drmSyncobjImportSyncFile(fd, handle, file), 0);
}

/**
 * sync_file_status:
 * @file: a sync_file
 *
 * Returns: 0 while it has not signalled, 1 when it has, -errno when with an error.
 */
int sync_file_status(int file)
{
	struct sync_file_info info = {};

	igt_assert_eq(ioctl(file, SYNC_IOC_FILE_INFO, &info), 0);
	return info.status;
}

/**
 * sync_file_time:
 * @file: a sync_file of one fence
 *
 * Returns: When it signalled, CLOCK_MONOTONIC in nanoseconds, or UINT64_MAX if it has not. Two of
 * these tell the order of their fences, whenever that is asked.
 */
uint64_t sync_file_time(int file)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };

	igt_assert_eq(ioctl(file, SYNC_IOC_FILE_INFO, &info), 0);
	return fence.status ? fence.timestamp_ns : UINT64_MAX;
}

/**
 * sync_file_wait:
 * @file: a sync_file
 *
 * Returns: Its status once it has signalled.
 */
int sync_file_wait(int file)
{
	struct pollfd pollfd = { .fd = file, .events = POLLIN };

	igt_assert_eq(poll(&pollfd, 1, POLL_MS), 1);
	return sync_file_status(file);
}

/**
 * syncobj_error:
 * @fd: DRM descriptor
 * @handle: syncobj with a fence
 *
 * Waits for the fence.
 *
 * Returns: 0 or the fence's error.
 */
int syncobj_error(int fd, uint32_t handle)
{
	int file = syncobj_file(fd, handle);
	int status = sync_file_wait(file);

	close(file);
	return status < 0 ? status : 0;
}

/**
 * __dmabuf_export_sync_file:
 * @dmabuf: a dma-buf
 * @flags: DMA_BUF_SYNC_READ for what a reader waits for, DMA_BUF_SYNC_WRITE
 * @file: set to a sync_file, or -1
 *
 * Returns: 0 or -errno.
 */
int __dmabuf_export_sync_file(int dmabuf, uint32_t flags, int *file)
{
	struct dma_buf_export_sync_file arg = { .flags = flags, .fd = -1 };
	int err = ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg) ? -errno : 0;

	*file = arg.fd;
	errno = 0;
	return err;
}

/**
 * dmabuf_export_sync_file:
 * @dmabuf: a dma-buf
 * @flags: DMA_BUF_SYNC_READ for what a reader waits for, DMA_BUF_SYNC_WRITE
 *
 * Returns: A sync_file.
 */
int dmabuf_export_sync_file(int dmabuf, uint32_t flags)
{
	int file;

	igt_assert_eq(__dmabuf_export_sync_file(dmabuf, flags, &file), 0);
	return file;
}

/**
 * __dmabuf_import_sync_file:
 * @dmabuf: a dma-buf
 * @flags: DMA_BUF_SYNC_READ for a fence of a reader, DMA_BUF_SYNC_WRITE
 * @file: a sync_file
 *
 * Returns: 0 or -errno.
 */
int __dmabuf_import_sync_file(int dmabuf, uint32_t flags, int file)
{
	struct dma_buf_import_sync_file arg = { .flags = flags, .fd = file };
	int err = ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg) ? -errno : 0;

	errno = 0;
	return err;
}

#define SW_SYNC		"/sys/kernel/debug/sync/sw_sync"

struct sw_sync_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_CREATE	_IOWR('W', 0, struct sw_sync_fence)
#define SW_SYNC_ADVANCE	_IOW('W', 1, uint32_t)

/**
 * sw_sync_open:
 *
 * Loads the test bed's module if the kernel was built without.
 *
 * Returns: A timeline whose fences signal when the test wants; skips without one.
 */
int sw_sync_open(void)
{
	int timeline = open(SW_SYNC, O_RDWR | O_CLOEXEC);

	if (timeline < 0 && !system("modprobe -q igt_sw_sync"))
		timeline = open(SW_SYNC, O_RDWR | O_CLOEXEC);
	igt_require_f(timeline >= 0, SW_SYNC ": %m\n");
	return timeline;
}

/**
 * sw_sync_fence:
 * @timeline: what sw_sync_open() returned
 * @value: at which the fence signals
 *
 * Returns: A sync_file.
 */
int sw_sync_fence(int timeline, uint32_t value)
{
	struct sw_sync_fence arg = { .value = value, .name = "test" };

	igt_assert_eq(ioctl(timeline, SW_SYNC_CREATE, &arg), 0);
	return arg.fence;
}

/**
 * sw_sync_advance:
 * @timeline: what sw_sync_open() returned
 * @count: by how much
 */
void sw_sync_advance(int timeline, uint32_t count)
{
	igt_assert_eq(ioctl(timeline, SW_SYNC_ADVANCE, &count), 0);
}

/**
 * syncobj_pending:
 * @fd: DRM descriptor
 * @timeline: what sw_sync_open() returned
 *
 * Returns: A syncobj whose fence signals when @timeline reaches 1.
 */
uint32_t syncobj_pending(int fd, int timeline)
{
	uint32_t handle = syncobj_new(fd);
	int file = sw_sync_fence(timeline, 1);

	syncobj_import_file(fd, handle, file);
	close(file);
	return handle;
}

/**
 * sync_file_names:
 * @file: a sync_file of one fence
 * @driver: gets its driver's name, 32 bytes
 * @timeline: gets its timeline's, 32 bytes
 */
void sync_file_names(int file, char *driver, char *timeline)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = { .num_fences = 1 };

	info.sync_fence_info = (uintptr_t)&fence;
	igt_assert_eq(ioctl(file, SYNC_IOC_FILE_INFO, &info), 0);
	memcpy(driver, fence.driver_name, sizeof(fence.driver_name));
	memcpy(timeline, fence.obj_name, sizeof(fence.obj_name));
}
