// SPDX-License-Identifier: MIT
/*
 * Objects: creation, import, export, and the table of handles that makes one
 * struct zcgem_bo of each GEM handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <xf86drm.h>

#include "internal.h"

static void close_handle(struct zcgem_device *dev, uint32_t handle)
{
	struct drm_gem_close argument = { .handle = handle };

	zcgem_ioctl(dev, DRM_IOCTL_GEM_CLOSE, &argument);
}

static struct zcgem_bo *bo_alloc(struct zcgem_device *dev)
{
	struct zcgem_bo *bo = calloc(1, sizeof(*bo));

	if (!bo)
		return NULL;

	atomic_init(&bo->refcount, 1);
	bo->dev = zcgem_device_ref(dev);
	pthread_mutex_init(&bo->map_lock, NULL);
	return bo;
}

static void bo_free(struct zcgem_bo *bo)
{
	pthread_mutex_destroy(&bo->map_lock);
	zcgem_device_unref(bo->dev);
	free(bo);
}

/* Give @bo the handle and put it in the table. Needs the table lock. */
static int table_add(struct zcgem_bo *bo, uint32_t handle, uint64_t size)
{
	int ret = drmHashInsert(bo->dev->table, handle, bo);

	bo->handle = handle;
	bo->size = size;
	/* A known handle that the kernel gives out as new was closed behind our back. */
	return ret > 0 ? -EEXIST : ret ? -ENOMEM : 0;
}

/* Look up a handle and take a reference. Needs the table lock. */
static struct zcgem_bo *table_get(struct zcgem_device *dev, uint32_t handle)
{
	void *bo;

	return drmHashLookup(dev->table, handle, &bo) ? NULL : zcgem_bo_ref(bo);
}

/*
 * Make an object by an ioctl, which stores at @handle and @size in its @argument. A
 * handle that it has just made is nobody else's yet, so the ioctl, which may take long,
 * runs without the table lock.
 */
int zcgem_bo_make(struct zcgem_device *dev, unsigned long request, void *argument,
		  const __u32 *handle, const __u64 *size, struct zcgem_bo **bo)
{
	struct zcgem_bo *fresh = bo_alloc(dev);
	int ret;

	if (!fresh)
		return -ENOMEM;

	ret = zcgem_ioctl(dev, request, argument);
	if (!ret) {
		pthread_mutex_lock(&dev->table_lock);
		ret = table_add(fresh, *handle, *size);
		if (ret)
			close_handle(dev, *handle);
		pthread_mutex_unlock(&dev->table_lock);
	}

	if (ret)
		bo_free(fresh);
	else
		*bo = fresh;
	return ret;
}

/**
 * zcgem_bo_new() - Make an object of zeroed pages of the driver's own.
 * @dev: the device.
 * @size: bytes, not zero, rounded up to the page size.
 * @flags: %DRM_ZCGEM_CREATE_WC, a hint, or 0.
 * @bo: where the new object is stored; it holds one reference.
 *
 * Return: 0; -EINVAL, -EFBIG or -ENOMEM as &struct drm_zcgem_gem_create says.
 */
drm_public int zcgem_bo_new(struct zcgem_device *dev, uint64_t size, uint32_t flags,
			    struct zcgem_bo **bo)
{
	struct drm_zcgem_gem_create argument = { .size = size, .flags = flags };

	return zcgem_bo_make(dev, DRM_IOCTL_ZCGEM_GEM_CREATE, &argument, &argument.handle,
			     &argument.size, bo);
}

/*
 * Turn a handle that may be known already into an object. Needs the table lock,
 * from before the handle was had: else the last user of an older bo with this
 * handle could close it in between.
 */
static int adopt_handle(struct zcgem_bo *fresh, uint32_t handle, struct zcgem_bo **known)
{
	struct drm_zcgem_gem_info info = { .handle = handle };
	int ret;

	*known = table_get(fresh->dev, handle);
	if (*known)
		return 0;

	ret = zcgem_ioctl(fresh->dev, DRM_IOCTL_ZCGEM_GEM_INFO, &info);
	return ret ? ret : table_add(fresh, handle, info.size);
}

static int finish_adoption(int ret, struct zcgem_bo *fresh, struct zcgem_bo *known,
			   struct zcgem_bo **bo)
{
	if (ret || known)
		bo_free(fresh);
	if (!ret)
		*bo = known ? known : fresh;
	return ret;
}

/**
 * zcgem_bo_import() - Make an object of a dma-buf.
 * @dev: the device.
 * @dmabuf: descriptor of a dma-buf of any driver; may be closed after the call.
 * @bo: where the object is stored, with a reference for the caller.
 *
 * Importing a buffer again, or one that was exported from @dev, gives the object
 * that exists already.
 *
 * Return: 0; -EBADF or -EINVAL if @dmabuf is not a dma-buf; what the exporter
 * says if it refuses; -ENOMEM.
 */
drm_public int zcgem_bo_import(struct zcgem_device *dev, int dmabuf, struct zcgem_bo **bo)
{
	struct drm_prime_handle argument = { .fd = dmabuf };
	struct zcgem_bo *fresh = bo_alloc(dev), *known = NULL;
	int ret;

	if (!fresh)
		return -ENOMEM;

	pthread_mutex_lock(&dev->table_lock);
	ret = zcgem_ioctl(dev, DRM_IOCTL_PRIME_FD_TO_HANDLE, &argument);
	if (!ret) {
		ret = adopt_handle(fresh, argument.handle, &known);
		if (ret)
			close_handle(dev, argument.handle);
	}
	pthread_mutex_unlock(&dev->table_lock);
	return finish_adoption(ret, fresh, known, bo);
}

/**
 * zcgem_bo_from_handle() - Make an object of a GEM handle.
 * @dev: the device.
 * @handle: a GEM handle of the device's open file.
 * @bo: where the object is stored, with a reference for the caller.
 *
 * The handle becomes the library's, which closes it with the last reference; on
 * failure it stays the caller's. A handle that the library knows already gives
 * the object that exists.
 *
 * Return: 0; -ENOENT if there is no such handle; -ENOMEM.
 */
drm_public int zcgem_bo_from_handle(struct zcgem_device *dev, uint32_t handle,
				    struct zcgem_bo **bo)
{
	struct zcgem_bo *fresh = bo_alloc(dev), *known = NULL;
	int ret;

	if (!fresh)
		return -ENOMEM;

	pthread_mutex_lock(&dev->table_lock);
	ret = adopt_handle(fresh, handle, &known);
	pthread_mutex_unlock(&dev->table_lock);
	return finish_adoption(ret, fresh, known, bo);
}

/**
 * zcgem_bo_ref() - Take another reference.
 * @bo: the object.
 *
 * Return: @bo.
 */
drm_public struct zcgem_bo *zcgem_bo_ref(struct zcgem_bo *bo)
{
	atomic_fetch_add_explicit(&bo->refcount, 1, memory_order_relaxed);
	return bo;
}

/* Drop a reference unless it is the last one. */
static bool unref_not_last(struct zcgem_bo *bo)
{
	unsigned int count = atomic_load_explicit(&bo->refcount, memory_order_relaxed);

	while (count > 1)
		if (atomic_compare_exchange_weak_explicit(&bo->refcount, &count, count - 1,
							  memory_order_release,
							  memory_order_relaxed))
			return true;
	return false;
}

/**
 * zcgem_bo_unref() - Drop a reference.
 * @bo: the object, or NULL, for which nothing happens.
 *
 * The last reference unmaps what zcgem_bo_map() gave and closes the handle. An
 * exported dma-buf lives on.
 */
drm_public void zcgem_bo_unref(struct zcgem_bo *bo)
{
	struct zcgem_device *dev;

	if (!bo || unref_not_last(bo))
		return;

	/* An import may find the bo in the table and revive it until we hold the lock. */
	dev = bo->dev;
	pthread_mutex_lock(&dev->table_lock);
	if (atomic_fetch_sub_explicit(&bo->refcount, 1, memory_order_acq_rel) != 1) {
		pthread_mutex_unlock(&dev->table_lock);
		return;
	}
	drmHashDelete(dev->table, bo->handle);
	close_handle(dev, bo->handle);
	pthread_mutex_unlock(&dev->table_lock);

	zcgem_bo_drop_maps(bo);
	bo_free(bo);
}

/**
 * zcgem_bo_device() - The device of an object.
 * @bo: the object.
 *
 * Return: the device, without a reference of its own.
 */
drm_public struct zcgem_device *zcgem_bo_device(const struct zcgem_bo *bo)
{
	return bo->dev;
}

/**
 * zcgem_bo_handle() - The GEM handle of an object.
 * @bo: the object.
 *
 * Return: the handle, not zero. It stays the library's: do not close it.
 */
drm_public uint32_t zcgem_bo_handle(const struct zcgem_bo *bo)
{
	return bo->handle;
}

/**
 * zcgem_bo_size() - The size of an object.
 * @bo: the object.
 *
 * Return: bytes, a multiple of the page size, not zero.
 */
drm_public uint64_t zcgem_bo_size(const struct zcgem_bo *bo)
{
	return bo->size;
}

/**
 * zcgem_bo_info() - What the kernel knows about an object at this moment.
 * @bo: the object.
 * @info: where it is stored; &struct drm_zcgem_gem_info states the units.
 * @size: size of what @info points to, bytes. The structure grows at its end: a caller that was built with
 *	a shorter one gets what it has room for, and fields that the library does not know
 *	are set to zero.
 *
 * Return: 0 or a negative errno, with @info untouched.
 */
drm_public int zcgem_bo_info(struct zcgem_bo *bo, struct drm_zcgem_gem_info *info, size_t size)
{
	struct drm_zcgem_gem_info argument = { .handle = bo->handle };
	int ret = zcgem_ioctl(bo->dev, DRM_IOCTL_ZCGEM_GEM_INFO, &argument);

	if (ret)
		return ret;
	memset(info, 0, size);
	memcpy(info, &argument, size < sizeof(argument) ? size : sizeof(argument));
	return 0;
}

/**
 * zcgem_bo_export() - Make a dma-buf of an object.
 * @bo: the object.
 * @flags: %ZCGEM_EXPORT_READONLY or 0.
 *
 * The descriptor is open for reading and writing, unless the flag is set or the
 * object is read-only, and is closed on exec. It is the caller's to close, and
 * keeps the memory alive by itself.
 *
 * Return: a descriptor; -EINVAL for an unknown flag; -EMFILE or -ENFILE; -EPERM
 * if this kind of object cannot be exported; -EACCES for a revoked object that
 * has no dma-buf yet; -ENOMEM.
 */
drm_public int zcgem_bo_export(struct zcgem_bo *bo, uint32_t flags)
{
	struct drm_prime_handle argument = { .handle = bo->handle, .flags = DRM_CLOEXEC };
	struct drm_zcgem_gem_info info;
	int ret;

	if (flags & ~ZCGEM_EXPORT_READONLY)
		return -EINVAL;

	ret = zcgem_bo_info(bo, &info, sizeof(info));
	if (ret)
		return ret;

	if (!(flags & ZCGEM_EXPORT_READONLY) && !(info.flags & DRM_ZCGEM_INFO_READONLY))
		argument.flags |= DRM_RDWR;

	ret = zcgem_ioctl(bo->dev, DRM_IOCTL_PRIME_HANDLE_TO_FD, &argument);
	return ret ? ret : argument.fd;
}
