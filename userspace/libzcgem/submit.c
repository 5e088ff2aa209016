// SPDX-License-Identifier: MIT
/*
 * Submits: copies and fills are collected, with the fences to wait for and to signal,
 * and then handed to the kernel as a whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* A growing array; @kept are references that go with its elements. */
struct list {
	void *elements;
	void **kept;
	uint32_t count;
	uint32_t capacity;
};

struct zcgem_submit {
	atomic_uint refcount;
	struct zcgem_device *dev;

	/* Protects the lists. */
	pthread_mutex_t lock;
	struct list ops;		/* two references each: what is written, what is read */
	struct list in_syncs;
	struct list out_syncs;
};

static int grow(struct list *list, size_t size, size_t references)
{
	uint32_t capacity = list->capacity ? 2 * list->capacity : 4;
	void *elements, **kept;

	if (list->count < list->capacity)
		return 0;
	elements = reallocarray(list->elements, capacity, size);
	if (!elements)
		return -ENOMEM;
	list->elements = elements;
	kept = reallocarray(list->kept, capacity, references * sizeof(*kept));
	if (!kept)
		return -ENOMEM;
	list->kept = kept;
	list->capacity = capacity;
	return 0;
}

/**
 * zcgem_submit_new() - Begin a submit.
 * @dev: the device.
 * @submit: where the new submit is stored; it holds one reference.
 *
 * Return: 0 or -ENOMEM.
 */
drm_public int zcgem_submit_new(struct zcgem_device *dev, struct zcgem_submit **submit)
{
	struct zcgem_submit *new = calloc(1, sizeof(*new));

	if (!new)
		return -ENOMEM;
	atomic_init(&new->refcount, 1);
	new->dev = zcgem_device_ref(dev);
	pthread_mutex_init(&new->lock, NULL);
	*submit = new;
	return 0;
}

/**
 * zcgem_submit_ref() - Take another reference.
 * @submit: the submit.
 *
 * Return: @submit.
 */
drm_public struct zcgem_submit *zcgem_submit_ref(struct zcgem_submit *submit)
{
	atomic_fetch_add_explicit(&submit->refcount, 1, memory_order_relaxed);
	return submit;
}

static void clear(struct zcgem_submit *submit)
{
	uint32_t i;

	for (i = 0; i < 2 * submit->ops.count; i++)
		zcgem_bo_unref(submit->ops.kept[i]);
	for (i = 0; i < submit->in_syncs.count; i++)
		zcgem_syncobj_unref(submit->in_syncs.kept[i]);
	for (i = 0; i < submit->out_syncs.count; i++)
		zcgem_syncobj_unref(submit->out_syncs.kept[i]);
	submit->ops.count = 0;
	submit->in_syncs.count = 0;
	submit->out_syncs.count = 0;
}

/**
 * zcgem_submit_unref() - Drop a reference.
 * @submit: the submit, or NULL, for which nothing happens.
 *
 * What was run goes on.
 */
drm_public void zcgem_submit_unref(struct zcgem_submit *submit)
{
	struct list *lists[3];
	unsigned int i;

	if (!submit || atomic_fetch_sub_explicit(&submit->refcount, 1, memory_order_acq_rel) != 1)
		return;

	clear(submit);
	lists[0] = &submit->ops;
	lists[1] = &submit->in_syncs;
	lists[2] = &submit->out_syncs;
	for (i = 0; i < 3; i++) {
		free(lists[i]->elements);
		free(lists[i]->kept);
	}
	pthread_mutex_destroy(&submit->lock);
	zcgem_device_unref(submit->dev);
	free(submit);
}

/**
 * zcgem_submit_reset() - Take everything out of a submit again.
 * @submit: the submit.
 */
drm_public void zcgem_submit_reset(struct zcgem_submit *submit)
{
	pthread_mutex_lock(&submit->lock);
	clear(submit);
	pthread_mutex_unlock(&submit->lock);
}

static int add_op(struct zcgem_submit *submit, const struct drm_zcgem_op *op,
		  struct zcgem_bo *dst, struct zcgem_bo *src)
{
	struct list *list = &submit->ops;
	int ret;

	if (dst->dev != submit->dev || (src && src->dev != submit->dev))
		return -EXDEV;

	pthread_mutex_lock(&submit->lock);
	ret = grow(list, sizeof(*op), 2);
	if (!ret) {
		((struct drm_zcgem_op *)list->elements)[list->count] = *op;
		list->kept[2 * list->count] = zcgem_bo_ref(dst);
		list->kept[2 * list->count + 1] = src ? zcgem_bo_ref(src) : NULL;
		list->count++;
	}
	pthread_mutex_unlock(&submit->lock);
	return ret;
}

/**
 * zcgem_submit_copy() - Add a copy of bytes.
 * @submit: the submit.
 * @dst: the object that is written; the submit takes a reference.
 * @dst_offset: first byte written.
 * @src: the object that is read; the submit takes a reference.
 * @src_offset: first byte read.
 * @size: how many bytes, not zero.
 *
 * What the kernel would refuse is refused by zcgem_submit_run().
 *
 * Return: 0; -EXDEV if an object is of another device; -ENOMEM.
 */
drm_public int zcgem_submit_copy(struct zcgem_submit *submit, struct zcgem_bo *dst,
				 uint64_t dst_offset, struct zcgem_bo *src,
				 uint64_t src_offset, uint64_t size)
{
	return zcgem_submit_copy_rows(submit, dst, dst_offset, 0, src, src_offset, 0, size, 1);
}

/**
 * zcgem_submit_copy_rows() - Add a copy of a rectangle.
 * @submit: the submit.
 * @dst: the object that is written; the submit takes a reference.
 * @dst_offset: first byte written.
 * @dst_pitch: bytes from a row to the next there.
 * @src: the object that is read; the submit takes a reference.
 * @src_offset: first byte read.
 * @src_pitch: bytes from a row to the next there.
 * @size: bytes of a row, not zero.
 * @height: number of rows.
 *
 * Return: as zcgem_submit_copy().
 */
drm_public int zcgem_submit_copy_rows(struct zcgem_submit *submit, struct zcgem_bo *dst,
				      uint64_t dst_offset, uint64_t dst_pitch,
				      struct zcgem_bo *src, uint64_t src_offset,
				      uint64_t src_pitch, uint64_t size, uint64_t height)
{
	const struct drm_zcgem_op op = {
		.type = DRM_ZCGEM_OP_COPY,
		.dst_handle = dst->handle,
		.src_handle = src->handle,
		.dst_offset = dst_offset,
		.src_offset = src_offset,
		.size = size,
		.height = height,
		.dst_pitch = dst_pitch,
		.src_pitch = src_pitch,
	};

	return add_op(submit, &op, dst, src);
}

/**
 * zcgem_submit_fill() - Add a fill of bytes.
 * @submit: the submit.
 * @dst: the object; the submit takes a reference.
 * @offset: first byte, a multiple of @pattern_size.
 * @size: how many bytes, a multiple of @pattern_size, not zero.
 * @pattern: what to repeat, the first byte lowest.
 * @pattern_size: 4 or 8, the bytes of @pattern that are used; the others must be zero.
 *
 * Return: as zcgem_submit_copy().
 */
drm_public int zcgem_submit_fill(struct zcgem_submit *submit, struct zcgem_bo *dst,
				 uint64_t offset, uint64_t size, uint64_t pattern,
				 uint32_t pattern_size)
{
	return zcgem_submit_fill_rows(submit, dst, offset, 0, size, 1, pattern, pattern_size);
}

/**
 * zcgem_submit_fill_rows() - Add a fill of a rectangle.
 * @submit: the submit.
 * @dst: the object; the submit takes a reference.
 * @offset: first byte, a multiple of @pattern_size.
 * @pitch: bytes from a row to the next, a multiple of @pattern_size.
 * @size: bytes of a row, a multiple of @pattern_size, not zero.
 * @height: number of rows.
 * @pattern: what to repeat, the first byte lowest.
 * @pattern_size: 4 or 8, the bytes of @pattern that are used; the others must be zero.
 *
 * Return: as zcgem_submit_copy().
 */
drm_public int zcgem_submit_fill_rows(struct zcgem_submit *submit, struct zcgem_bo *dst,
				      uint64_t offset, uint64_t pitch, uint64_t size,
				      uint64_t height, uint64_t pattern,
				      uint32_t pattern_size)
{
	const struct drm_zcgem_op op = {
		.type = DRM_ZCGEM_OP_FILL,
		.dst_handle = dst->handle,
		.dst_offset = offset,
		.size = size,
		.height = height,
		.dst_pitch = pitch,
		.pattern = pattern,
		.pattern_size = pattern_size,
	};

	return add_op(submit, &op, dst, NULL);
}

static int add_sync(struct zcgem_submit *submit, struct list *list, struct zcgem_syncobj *sync,
		    uint64_t point)
{
	int ret;

	if (sync->dev != submit->dev)
		return -EXDEV;

	pthread_mutex_lock(&submit->lock);
	ret = grow(list, sizeof(struct drm_zcgem_sync), 1);
	if (!ret) {
		((struct drm_zcgem_sync *)list->elements)[list->count] =
			(struct drm_zcgem_sync){ .handle = sync->handle, .point = point };
		list->kept[list->count++] = zcgem_syncobj_ref(sync);
	}
	pthread_mutex_unlock(&submit->lock);
	return ret;
}

/**
 * zcgem_submit_wait_for() - Have a submit wait for a fence.
 * @submit: the submit.
 * @sync: the syncobj, which has the fence when the submit is run; the submit takes a
 *	reference.
 * @point: point on its timeline, 0 for a binary one.
 *
 * Return: 0; -EXDEV if the syncobj is of another device; -ENOMEM.
 */
drm_public int zcgem_submit_wait_for(struct zcgem_submit *submit, struct zcgem_syncobj *sync,
				     uint64_t point)
{
	return add_sync(submit, &submit->in_syncs, sync, point);
}

/**
 * zcgem_submit_signal() - Put a submit's fence into a syncobj.
 * @submit: the submit.
 * @sync: the syncobj; the submit takes a reference.
 * @point: point on its timeline, 0 for a binary one.
 *
 * Return: 0; -EXDEV if the syncobj is of another device; -ENOMEM.
 */
drm_public int zcgem_submit_signal(struct zcgem_submit *submit, struct zcgem_syncobj *sync,
				   uint64_t point)
{
	return add_sync(submit, &submit->out_syncs, sync, point);
}

/**
 * zcgem_submit_run() - Hand a submit to the kernel.
 * @submit: the submit; it stays as it is and may be run again.
 * @flags: %DRM_ZCGEM_SUBMIT_NO_IMPLICIT_SYNC or 0.
 * @priority: one of &enum drm_zcgem_priority.
 *
 * Returns when the work is queued. Wait for it by zcgem_bo_wait() or by a syncobj.
 * Signals do not end the wait for room in a full queue.
 *
 * Return: 0, or one of the errors that &struct drm_zcgem_submit lists; nothing of it
 * is done then.
 */
drm_public int zcgem_submit_run(struct zcgem_submit *submit, uint32_t flags, uint32_t priority)
{
	struct drm_zcgem_submit argument = { .flags = flags, .priority = priority };
	int ret;

	pthread_mutex_lock(&submit->lock);
	argument.ops.stride = sizeof(struct drm_zcgem_op);
	argument.ops.count = submit->ops.count;
	argument.ops.pointer = (uintptr_t)submit->ops.elements;
	argument.in_syncs.stride = sizeof(struct drm_zcgem_sync);
	argument.in_syncs.count = submit->in_syncs.count;
	argument.in_syncs.pointer = (uintptr_t)submit->in_syncs.elements;
	argument.out_syncs.stride = sizeof(struct drm_zcgem_sync);
	argument.out_syncs.count = submit->out_syncs.count;
	argument.out_syncs.pointer = (uintptr_t)submit->out_syncs.elements;
	ret = zcgem_ioctl(submit->dev, DRM_IOCTL_ZCGEM_SUBMIT, &argument);
	pthread_mutex_unlock(&submit->lock);
	return ret;
}

/**
 * zcgem_bo_wait() - Wait for the work on an object.
 * @bo: the object.
 * @flags: %DRM_ZCGEM_WAIT_WRITE to wait until it may be written, 0 until it may be read.
 * @timeout_ns: CLOCK_MONOTONIC nanoseconds at which to give up; INT64_MAX is never, 0
 *	asks without waiting.
 *
 * Return: 0; -ETIME when the time has come first.
 */
drm_public int zcgem_bo_wait(struct zcgem_bo *bo, uint32_t flags, int64_t timeout_ns)
{
	struct drm_zcgem_gem_wait argument = {
		.handle = bo->handle,
		.flags = flags,
		.timeout_ns = timeout_ns,
	};

	return zcgem_ioctl(bo->dev, DRM_IOCTL_ZCGEM_GEM_WAIT, &argument);
}
