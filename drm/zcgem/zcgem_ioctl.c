// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: ioctls
 *
 * Checks what a client passes, calls the object layer, and makes handles. Nothing
 * is kept between calls. A handle is made last, when nothing can fail any more but
 * the copy of the result to the client, which the DRM core does.
 */

#include <kunit/visibility.h>

#include <linux/overflow.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_mode.h>
#include <drm/drm_print.h>

#include "zcgem_compat.h"
#include "zcgem_ioctl.h"
#include "zcgem_job.h"
#include "zcgem_mmap.h"
#include "zcgem_object.h"

#include <drm/zcgem_drm.h>

#define ZCGEM_MIN_STRIDE	8
#define ZCGEM_MAX_STRIDE	4096

/**
 * zcgem_array_check() - Is an array of ranges one that can be read?
 * @drm: the device, for messages
 * @array: what the client passed
 *
 * Return: 0, -EINVAL for no element or a bad stride, -E2BIG for too many.
 */
int zcgem_array_check(struct drm_device *drm, const struct drm_zcgem_array *array)
{
	if (!array->count || array->stride < ZCGEM_MIN_STRIDE ||
	    array->stride > ZCGEM_MAX_STRIDE || array->stride % 8) {
		return zcgem_refuse(drm, -EINVAL, "bad array: count %u stride %u", array->count,
				    array->stride);
	}
	if (array->count > ZCGEM_MAX_RANGES) {
		return zcgem_refuse(drm, -E2BIG, "%u ranges are more than %u", array->count,
				    ZCGEM_MAX_RANGES);
	}
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_array_check);

/**
 * zcgem_array_get() - Read one element of an array.
 * @array: an array that zcgem_array_check() found good
 * @index: which element
 * @element: where to put it
 * @size: bytes of an element as this kernel knows it
 *
 * Return: 0, -EFAULT, or -E2BIG if the element is longer and its tail not zero.
 */
int zcgem_array_get(const struct drm_zcgem_array *array, u32 index, void *element,
		    size_t size)
{
	u64 address;

	if (check_add_overflow(array->pointer, (u64)index * array->stride, &address))
		return -EFAULT;
	return copy_struct_from_user(element, size, u64_to_user_ptr(address),
				     array->stride);
}
EXPORT_SYMBOL_IF_KUNIT(zcgem_array_get);

/**
 * zcgem_array_get_some() - Read neighbouring elements of an array.
 * @array: an array that zcgem_array_check() found good
 * @first: the first of them
 * @elements: where to put them
 * @nr: how many
 * @size: bytes of an element as this kernel knows it
 *
 * Return: as zcgem_array_get().
 */
int zcgem_array_get_some(const struct drm_zcgem_array *array, u32 first, void *elements,
			 u32 nr, size_t size)
{
	u64 address;
	u32 i;
	int ret;

	/* The client has the same idea of an element: they lie side by side. */
	if (array->stride == size) {
		if (check_add_overflow(array->pointer, (u64)first * size, &address))
			return -EFAULT;
		return copy_from_user(elements, u64_to_user_ptr(address), nr * size) ?
			-EFAULT : 0;
	}

	for (i = 0; i < nr; i++) {
		ret = zcgem_array_get(array, first + i, elements + i * size, size);
		if (ret)
			return ret;
	}
	return 0;
}

static int zcgem_leaf_sizes(u64 *value)
{
	*value = PAGE_SIZE;
	if (zcgem_has_leaf(PMD_SHIFT - PAGE_SHIFT))
		*value |= PMD_SIZE;
	if (zcgem_has_leaf(PUD_SHIFT - PAGE_SHIFT))
		*value |= PUD_SIZE;
	return 0;
}

/**
 * zcgem_ioctl_get_param() - %DRM_IOCTL_ZCGEM_GET_PARAM.
 * @drm: the device
 * @data: &struct drm_zcgem_get_param
 * @file: the client
 *
 * Return: 0 or -EINVAL.
 */
int zcgem_ioctl_get_param(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_get_param *args = data;

	if (args->pad)
		return zcgem_refuse(drm, -EINVAL, "pad is %#x", args->pad);

	switch (args->param) {
	case DRM_ZCGEM_PARAM_UAPI_VERSION:
		args->value = DRM_ZCGEM_UAPI_VERSION;
		return 0;
	case DRM_ZCGEM_PARAM_MAX_RANGES:
		args->value = ZCGEM_MAX_RANGES;
		return 0;
	case DRM_ZCGEM_PARAM_MAX_SIZE:
		args->value = ZCGEM_MAX_SIZE;
		return 0;
	case DRM_ZCGEM_PARAM_BACKINGS:
		args->value = BIT_ULL(DRM_ZCGEM_BACKING_POOL) |
			      BIT_ULL(DRM_ZCGEM_BACKING_MEMFD) |
			      BIT_ULL(DRM_ZCGEM_BACKING_USERPTR) |
			      BIT_ULL(DRM_ZCGEM_BACKING_IMPORT);
		if (zcgem_has_engine())
			args->value |= BIT_ULL(DRM_ZCGEM_BACKING_SVM);
		return 0;
	case DRM_ZCGEM_PARAM_ADVICE:
		args->value = BIT_ULL(DRM_ZCGEM_ADVICE_POPULATE) |
			      BIT_ULL(DRM_ZCGEM_ADVICE_EVICT) |
			      BIT_ULL(DRM_ZCGEM_ADVICE_REVALIDATE);
		return 0;
	case DRM_ZCGEM_PARAM_LEAF_SIZES:
		return zcgem_leaf_sizes(&args->value);
	case DRM_ZCGEM_PARAM_LIVE_INVALIDATION:
		args->value = ZCGEM_LIVE_INVALIDATION;
		return 0;
	case DRM_ZCGEM_PARAM_REVOKE:
	case DRM_ZCGEM_PARAM_WATCH:
	case DRM_ZCGEM_PARAM_WAIT:
		args->value = 1;
		return 0;
	case DRM_ZCGEM_PARAM_SVM:
		args->value = zcgem_has_engine();
		return 0;
	case DRM_ZCGEM_PARAM_SUBMIT:
		args->value = zcgem_has_engine() ?
			BIT_ULL(DRM_ZCGEM_OP_COPY) | BIT_ULL(DRM_ZCGEM_OP_FILL) : 0;
		return 0;
	case DRM_ZCGEM_PARAM_MAX_OPS:
		args->value = ZCGEM_MAX_OPS;
		return 0;
	case DRM_ZCGEM_PARAM_MAX_SYNCS:
		args->value = ZCGEM_MAX_SYNCS;
		return 0;
	case DRM_ZCGEM_PARAM_IN_FENCE_TIMEOUT:
		args->value = ZCGEM_IN_FENCE_SECONDS * NSEC_PER_SEC;
		return 0;
	case DRM_ZCGEM_PARAM_JOB_TIMEOUT:
		args->value = ZCGEM_JOB_SECONDS * NSEC_PER_SEC;
		return 0;
	case DRM_ZCGEM_PARAM_USER_SHARE:
		args->value = zcgem_user_share();
		return 0;
	default:
		return zcgem_refuse(drm, -EINVAL, "unknown parameter %u", args->param);
	}
}

/* The new object's reference passes to the handle. */
static int zcgem_publish(struct drm_file *file, struct zcgem_object *obj, u32 *handle)
{
	int ret;

	obj->client = file->client_id;
	ret = drm_gem_handle_create(file, &obj->bo.base, handle);
	drm_gem_object_put(&obj->bo.base);
	return ret;
}

/**
 * zcgem_ioctl_gem_create() - %DRM_IOCTL_ZCGEM_GEM_CREATE.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_create
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_gem_create *args = data;
	struct zcgem_object *obj;

	obj = zcgem_pool_create(to_zcgem(drm), args->size, args->flags);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	args->size = obj->bo.base.size;
	return zcgem_publish(file, obj, &args->handle);
}

/**
 * zcgem_ioctl_gem_wrap_memfd() - %DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_wrap_memfd
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_wrap_memfd(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_gem_wrap_memfd *args = data;
	struct zcgem_object *obj;

	obj = zcgem_memfd_create(to_zcgem(drm), args);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	args->size = obj->bo.base.size;
	return zcgem_publish(file, obj, &args->handle);
}

/**
 * zcgem_ioctl_gem_wrap_userptr() - %DRM_IOCTL_ZCGEM_GEM_WRAP_USERPTR.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_wrap_userptr
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_wrap_userptr(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_gem_wrap_userptr *args = data;
	struct zcgem_object *obj;

	obj = zcgem_userptr_create(to_zcgem(drm), file->driver_priv, args);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	args->size = obj->bo.base.size;
	return zcgem_publish(file, obj, &args->handle);
}

/**
 * zcgem_ioctl_gem_mmap_offset() - %DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_mmap_offset
 * @file: the client
 *
 * Return: 0 or as that structure says.
 */
int zcgem_ioctl_gem_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_gem_mmap_offset *args = data;

	if (args->pad)
		return zcgem_refuse(drm, -EINVAL, "pad is %#x", args->pad);
	return zcgem_dumb_map_offset(file, drm, args->handle, &args->offset);
}

static void zcgem_info_pages(struct zcgem_object *obj, struct drm_zcgem_gem_info *info)
{
	const struct zcgem_extents *extents;

	if (!obj->pages)
		return;

	extents = &obj->pages->extents;
	info->flags |= DRM_ZCGEM_INFO_RESIDENT;
	/* A foreign object's pages are not known here, but there they are. */
	info->resident = extents->npages ? (u64)extents->npages << PAGE_SHIFT : info->size;
	info->extents = extents->count;
	zcgem_extents_histogram(extents, info->extents_by_order, DRM_ZCGEM_EXTENT_ORDERS);
}

/**
 * zcgem_ioctl_gem_info() - %DRM_IOCTL_ZCGEM_GEM_INFO.
 * @drm: the device
 * @data: &struct drm_zcgem_gem_info
 * @file: the client
 *
 * Return: 0, -EINVAL, -ENOENT, -EINTR.
 */
int zcgem_ioctl_gem_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_zcgem_gem_info *args = data, info = {};
	struct drm_gem_object *gem;
	struct zcgem_object *obj;
	int ret;

	if (args->pad)
		return zcgem_refuse(drm, -EINVAL, "pad is %#x", args->pad);
	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return zcgem_refuse(drm, -ENOENT, "no handle %u", args->handle);
	obj = to_zcgem_object(gem);

	ret = zcgem_object_lock(obj);
	if (ret)
		goto put;

	info.handle = args->handle;
	info.size = gem->size;
	info.backing = obj->ops->id;
	info.flags = (obj->readonly ? DRM_ZCGEM_INFO_READONLY : 0) |
		     (obj->wc ? DRM_ZCGEM_INFO_WC : 0) |
		     (gem->dma_buf ? DRM_ZCGEM_INFO_EXPORTED : 0) |
		     (obj->revoked ? DRM_ZCGEM_INFO_REVOKED : 0);
	info.charged = (u64)obj->charge.npages << PAGE_SHIFT;
	info.pins = obj->pins;
	info.mappings = atomic_read(&obj->mappings);
	info.attachments = atomic_read(&obj->attachments);
	info.faults_pte = atomic64_read(&obj->faults[ZCGEM_LEAF_PTE]);
	info.faults_pmd = atomic64_read(&obj->faults[ZCGEM_LEAF_PMD]);
	info.faults_pud = atomic64_read(&obj->faults[ZCGEM_LEAF_PUD]);
	info.evictions = atomic64_read(&obj->evictions);
	zcgem_info_pages(obj, &info);
	zcgem_object_unlock(obj);
	*args = info;
put:
	drm_gem_object_put(gem);
	return ret;
}

/**
 * zcgem_dumb_create() - &drm_driver.dumb_create: a pool object for a picture.
 * @file: the client
 * @drm: the device
 * @args: size of the picture; handle, pitch and size are filled in
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int zcgem_dumb_create(struct drm_file *file, struct drm_device *drm,
		      struct drm_mode_create_dumb *args)
{
	struct zcgem_object *obj;
	u64 pitch, size;

	if (check_mul_overflow((u64)args->width, (u64)DIV_ROUND_UP(args->bpp, 8), &pitch))
		pitch = U64_MAX;
	else	/* What GPUs that import it want of a linear picture. */
		pitch = ALIGN(pitch, 64);
	if (pitch > U32_MAX || check_mul_overflow(pitch, (u64)args->height, &size))
		return zcgem_refuse(drm, -EINVAL, "%ux%u pixels of %u bits are too many",
				    args->width, args->height, args->bpp);

	obj = zcgem_pool_create(to_zcgem(drm), size, 0);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	args->pitch = pitch;
	args->size = obj->bo.base.size;
	return zcgem_publish(file, obj, &args->handle);
}

/**
 * zcgem_dumb_map_offset() - &drm_driver.dumb_map_offset: where to mmap() a handle.
 * @file: the client
 * @drm: the device
 * @handle: GEM handle
 * @offset: set to what to pass to mmap()
 *
 * Unlike the DRM helper it works for imported objects too: Mesa 25's kms_swrast
 * asks for it on every import and does not survive a refusal.
 *
 * Return: 0, -ENOENT, or as zcgem_object_mmap_offset().
 */
int zcgem_dumb_map_offset(struct drm_file *file, struct drm_device *drm, u32 handle,
			  u64 *offset)
{
	struct drm_gem_object *gem;
	int ret;

	gem = drm_gem_object_lookup(file, handle);
	if (!gem)
		return zcgem_refuse(drm, -ENOENT, "no handle %u", handle);

	ret = zcgem_object_mmap_offset(to_zcgem_object(gem), offset);
	drm_gem_object_put(gem);
	return ret;
}
