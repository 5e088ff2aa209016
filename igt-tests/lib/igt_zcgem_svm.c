// SPDX-License-Identifier: MIT
/*
 * Objects that mirror address ranges, and a look at them through jobs, the only way.
 */
#include <errno.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_svm.h"
#include "igt_zcgem_wrap.h"

/**
 * __zcgem_wrap_svm:
 * @fd: zcgem descriptor
 * @address: start of the only range
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP flags besides the one that is meant
 * @handle: filled with the handle
 *
 * Returns: 0 or -errno.
 */
int __zcgem_wrap_svm(int fd, const void *address, uint64_t size, uint32_t flags,
		     uint32_t *handle)
{
	return __zcgem_wrap_address(fd, address, size, flags | DRM_ZCGEM_WRAP_SVM, handle);
}

/**
 * svm_open:
 * @svm: filled
 * @fd: zcgem descriptor
 * @address: start of the range
 * @size: bytes
 * @flags: DRM_ZCGEM_WRAP_READONLY or 0
 */
void svm_open(struct svm *svm, int fd, void *address, uint64_t size, uint32_t flags)
{
	svm->fd = fd;
	svm->size = size;
	igt_assert_eq(__zcgem_wrap_svm(fd, address, size, flags, &svm->handle), 0);
	svm->buffer = zcgem_create(fd, size, 0);
	svm->map = zcgem_mmap(fd, svm->buffer, size, PROT_READ | PROT_WRITE);
}

/**
 * svm_close:
 * @svm: what svm_open() filled
 */
void svm_close(struct svm *svm)
{
	munmap(svm->map, svm->size);
	gem_close(svm->fd, svm->buffer);
	gem_close(svm->fd, svm->handle);
}

/**
 * __svm_submit:
 * @fd: zcgem descriptor
 * @op: what a job does to a mirror
 *
 * Waits for the job, and submits again what reclaim, KSM or compaction have ended before it
 * had begun.
 *
 * Returns: 0 or -errno of the submit.
 */
int __svm_submit(int fd, struct drm_zcgem_op op)
{
	const struct drm_zcgem_sync out = { .handle = syncobj_new(fd) };
	int err;

	do {
		err = __zcgem_submit_syncs(fd, &op, NULL, &out);
	} while (!err && syncobj_error(fd, out.handle) == -EAGAIN);
	syncobj_free(fd, out.handle);
	return err;
}

static int copy(struct svm *svm, uint32_t dst, uint32_t src)
{
	return __svm_submit(svm->fd, zcgem_op_copy(dst, 0, src, 0, svm->size));
}

/**
 * __svm_read:
 * @svm: a mirror
 *
 * Has a job copy it to the buffer, and waits.
 *
 * Returns: 0 or -errno of the submit.
 */
int __svm_read(struct svm *svm)
{
	return copy(svm, svm->buffer, svm->handle);
}

/**
 * svm_read:
 * @svm: a mirror
 */
void svm_read(struct svm *svm)
{
	igt_assert_eq(__svm_read(svm), 0);
}

/**
 * __svm_write:
 * @svm: a mirror
 *
 * Has a job copy the buffer to it, and waits.
 *
 * Returns: 0 or -errno of the submit.
 */
int __svm_write(struct svm *svm)
{
	return copy(svm, svm->handle, svm->buffer);
}

/**
 * svm_write:
 * @svm: a mirror
 */
void svm_write(struct svm *svm)
{
	igt_assert_eq(__svm_write(svm), 0);
}

/**
 * svm_check_marks:
 * @svm: a mirror
 * @value: what zcgem_mark_all() was given for the memory it should show
 */
void svm_check_marks(struct svm *svm, uint64_t value)
{
	zcgem_mark_all(svm->map, svm->size, ~value);
	svm_read(svm);
	zcgem_check_marks(svm->map, svm->size, value);
}

/**
 * svm_write_marks:
 * @svm: a mirror
 * @value: as for zcgem_mark_all(), done by a job
 */
void svm_write_marks(struct svm *svm, uint64_t value)
{
	zcgem_mark_all(svm->map, svm->size, value);
	svm_write(svm);
}

/**
 * svm_check_same:
 * @svm: a mirror
 * @memory: what it should show
 *
 * Writes by either and looks by the other.
 */
void svm_check_same(struct svm *svm, void *memory)
{
	static uint64_t round;

	round += 1ull << 40;
	zcgem_mark_all(memory, svm->size, round);
	svm_check_marks(svm, round);
	round += 1ull << 40;
	svm_write_marks(svm, round);
	zcgem_check_marks(memory, svm->size, round);
}

/**
 * svm_expect_gone:
 * @svm: a mirror of addresses that are not there now
 */
void svm_expect_gone(struct svm *svm)
{
	igt_assert_eq(__svm_read(svm), -EFAULT);
	igt_assert_eq(__svm_write(svm), -EFAULT);
}
