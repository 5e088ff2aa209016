// SPDX-License-Identifier: MIT
/*
 * Submits reach the kernel as they were built, hold what they name, and fail as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "fake_drm.h"
#include "zcgem.h"

static struct zcgem_device *dev;

static unsigned char byte_of(struct zcgem_bo *bo, uint64_t offset)
{
	int fd = zcgem_bo_export(bo, 0);
	unsigned char byte;

	CHECK(fd >= 0 && pread(fd, &byte, 1, offset) == 1);
	close(fd);
	return byte;
}

static void test_ops(void)
{
	struct zcgem_submit *submit;
	struct zcgem_bo *from, *to;
	unsigned int i, before = fake_submits();

	CHECK(!zcgem_bo_new(dev, 4096, 0, &from) && !zcgem_bo_new(dev, 4096, 0, &to));
	CHECK(!zcgem_submit_new(dev, &submit));
	CHECK(zcgem_submit_run(submit, 0, 0) == -EINVAL);

	CHECK(!zcgem_submit_fill(submit, from, 8, 16, 0x1122334455667788, 8));
	CHECK(!zcgem_submit_copy(submit, to, 100, from, 8, 9));
	CHECK(!zcgem_submit_fill_rows(submit, from, 1024, 64, 4, 3, 0xaabbccdd, 4));
	CHECK(!zcgem_submit_copy_rows(submit, to, 2048, 8, from, 1024, 64, 4, 3));
	CHECK(!zcgem_submit_run(submit, 0, DRM_ZCGEM_PRIORITY_LOW));
	CHECK(fake_submits() == before + 1);
	CHECK(byte_of(to, 99) == 0 && byte_of(to, 100) == 0x88 && byte_of(to, 107) == 0x11 &&
	      byte_of(to, 108) == 0x88 && byte_of(to, 109) == 0);
	for (i = 0; i < 3; i++)
		CHECK(byte_of(to, 2048 + 8 * i) == 0xdd && byte_of(to, 2052 + 8 * i) == 0);
	CHECK(byte_of(from, 1024 + 63) == 0 && byte_of(from, 1024 + 128 + 3) == 0xaa);

	/* it may be run again, and emptied */
	CHECK(!zcgem_submit_run(submit, 0, 0) && fake_submits() == before + 2);
	zcgem_submit_reset(submit);
	CHECK(zcgem_submit_run(submit, 0, 0) == -EINVAL);
	CHECK(!zcgem_bo_wait(to, 0, 0));

	/* more than the first allocation holds; the submit keeps the objects */
	for (i = 0; i < 100; i++)
		CHECK(!zcgem_submit_copy(submit, to, i, from, 8, 1));
	zcgem_bo_unref(from);
	CHECK(fake_open_handles() == 2);
	fake_fail_next(DRM_IOCTL_ZCGEM_SUBMIT, EACCES);
	CHECK(zcgem_submit_run(submit, 0, 0) == -EACCES);
	CHECK(!zcgem_submit_run(submit, 0, 0) && byte_of(to, 99) == 0x88);
	CHECK(zcgem_submit_ref(submit) == submit);
	zcgem_submit_unref(submit);
	CHECK(fake_open_handles() == 2);
	zcgem_submit_unref(submit);
	CHECK(fake_open_handles() == 1);
	zcgem_bo_unref(to);
	zcgem_submit_unref(NULL);
}

static void test_syncs(void)
{
	struct zcgem_syncobj *in, *out;
	struct zcgem_submit *submit;
	struct zcgem_bo *bo;
	int file;

	CHECK(zcgem_syncobj_new(dev, 2, &in) == -EINVAL);
	CHECK(!zcgem_syncobj_new(dev, 0, &in) && !zcgem_syncobj_new(dev, 0, &out));
	CHECK(zcgem_syncobj_handle(in) != zcgem_syncobj_handle(out));
	CHECK(!zcgem_bo_new(dev, 4096, 0, &bo) && !zcgem_submit_new(dev, &submit));
	CHECK(!zcgem_submit_fill(submit, bo, 0, 4, 1, 4));
	CHECK(!zcgem_submit_wait_for(submit, in, 3) && !zcgem_submit_signal(submit, out, 7));

	/* without the in-fence nothing happens */
	CHECK(zcgem_submit_run(submit, 0, 0) == -EINVAL && byte_of(bo, 0) == 0);
	CHECK(zcgem_syncobj_wait(out, 7, 0) == -ETIME);
	CHECK(zcgem_syncobj_export_sync_file(out, 7) == -EINVAL);
	CHECK(zcgem_syncobj_export_sync_file(out, 0) == -EINVAL);
	CHECK(fake_open_syncobjs() == 2);
	CHECK(!zcgem_syncobj_signal(in, 3) && !zcgem_submit_run(submit, 0, 0));
	CHECK(byte_of(bo, 0) == 1 && !zcgem_syncobj_wait(out, 7, 0));

	file = zcgem_syncobj_export_sync_file(out, 7);
	CHECK(file >= 0 && fake_open_syncobjs() == 2);
	CHECK(!zcgem_syncobj_import_sync_file(in, 9, file) && !zcgem_syncobj_wait(in, 9, 0));
	CHECK(!zcgem_syncobj_import_sync_file(in, 0, file));

	/* a failure that the fence itself does not tell of */
	CHECK(zcgem_sync_file_status(file) == 1);
	fake_sync_status(1, -ECANCELED);
	CHECK(zcgem_sync_file_status(file) == -ECANCELED);
	fake_sync_status(-ETIMEDOUT, 1);
	CHECK(zcgem_sync_file_status(file) == -ETIMEDOUT);
	fake_sync_status(0, 1);
	CHECK(zcgem_sync_file_status(file) == 0);
	close(file);
	CHECK(zcgem_syncobj_import_sync_file(in, 0, file) == -EBADF);
	CHECK(zcgem_sync_file_status(file) == -EBADF);

	/* the submit keeps the syncobjs */
	zcgem_syncobj_unref(in);
	CHECK(fake_open_syncobjs() == 2);
	zcgem_submit_unref(submit);
	CHECK(zcgem_syncobj_ref(out) == out);
	zcgem_syncobj_unref(out);
	CHECK(fake_open_syncobjs() == 1);
	zcgem_syncobj_unref(out);
	zcgem_syncobj_unref(NULL);
	CHECK(fake_open_syncobjs() == 0);

	CHECK(!zcgem_syncobj_new(dev, ZCGEM_SYNCOBJ_SIGNALLED, &in));
	CHECK(!zcgem_syncobj_wait(in, 0, 0) && !zcgem_syncobj_signal(in, 0));
	zcgem_syncobj_unref(in);
	zcgem_bo_unref(bo);
}

static void test_shared_syncs(void)
{
	int sync_fd, event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct zcgem_syncobj *sync, *same;
	eventfd_t value;
	uint64_t point;

	CHECK(event >= 0 && !zcgem_syncobj_new(dev, 0, &sync));
	CHECK(!zcgem_syncobj_query(sync, &point) && point == 0);
	CHECK(!zcgem_syncobj_eventfd(sync, 5, event));
	CHECK(eventfd_read(event, &value) < 0);
	CHECK(!zcgem_syncobj_signal(sync, 5));
	CHECK(!zcgem_syncobj_query(sync, &point) && point == 5);
	CHECK(!zcgem_syncobj_eventfd(sync, 5, event));
	CHECK(!eventfd_read(event, &value) && value == 1);
	close(event);
	CHECK(zcgem_syncobj_eventfd(sync, 5, event) == -EBADF);

	sync_fd = zcgem_syncobj_export_fd(sync);
	CHECK(sync_fd >= 0 && !zcgem_syncobj_import_fd(dev, sync_fd, &same));
	CHECK(zcgem_syncobj_handle(same) != zcgem_syncobj_handle(sync));
	CHECK(!zcgem_syncobj_wait(same, 5, 0));
	zcgem_syncobj_unref(same);
	close(sync_fd);
	CHECK(zcgem_syncobj_import_fd(dev, sync_fd, &same) == -EBADF);
	zcgem_syncobj_unref(sync);
	CHECK(fake_open_syncobjs() == 0);
}

/* What belongs to another device is refused before the kernel could mistake it. */
static void test_devices(int fd)
{
	struct zcgem_device *other;
	struct zcgem_submit *submit;
	struct zcgem_syncobj *sync;
	struct zcgem_bo *bo;

	CHECK(!zcgem_device_new(fd, &other));
	CHECK(!zcgem_submit_new(other, &submit));
	CHECK(!zcgem_bo_new(dev, 4096, 0, &bo) && !zcgem_syncobj_new(dev, 0, &sync));
	CHECK(zcgem_submit_fill(submit, bo, 0, 4, 1, 4) == -EXDEV);
	CHECK(zcgem_submit_copy(submit, bo, 0, bo, 8, 8) == -EXDEV);
	CHECK(zcgem_submit_wait_for(submit, sync, 0) == -EXDEV);
	CHECK(zcgem_submit_signal(submit, sync, 0) == -EXDEV);
	zcgem_submit_unref(submit);
	zcgem_syncobj_unref(sync);
	zcgem_bo_unref(bo);
	zcgem_device_unref(other);
}

int main(void)
{
	int fd = fake_open();

	CHECK(!zcgem_device_new(fd, &dev));
	test_ops();
	test_syncs();
	test_shared_syncs();
	test_devices(fd);
	CHECK(fake_open_handles() == 0 && fake_unknown_handles() == 0);
	zcgem_device_unref(dev);
	close(fd);
	return 0;
}
