// SPDX-License-Identifier: MIT
/*
 * What a program says about the use of an object: that it is about to be used, or
 * not for a while, that its memory was punched, that it must not be used any more.
 */
#include "internal.h"

/**
 * zcgem_bo_advise() - Say how an object will be used.
 * @bo: the object.
 * @advice: one of &enum drm_zcgem_advice.
 * @offset: first byte of the object that is meant, a multiple of the page size.
 * @size: how many bytes, a multiple of the page size, not zero.
 * @address: where the byte at @offset is mapped, for %DRM_ZCGEM_ADVICE_POPULATE to
 *	fill the page tables there; NULL if only pages are wanted, and with any
 *	other advice.
 *
 * Signals do not end the wait for the object's fences.
 *
 * Return: 0, or one of the errors that &struct drm_zcgem_gem_advise lists.
 */
drm_public int zcgem_bo_advise(struct zcgem_bo *bo, uint32_t advice, uint64_t offset,
			       uint64_t size, void *address)
{
	struct drm_zcgem_gem_advise argument = {
		.handle = bo->handle,
		.advice = advice,
		.offset = offset,
		.size = size,
		.address = (uintptr_t)address,
	};

	return zcgem_ioctl(bo->dev, DRM_IOCTL_ZCGEM_GEM_ADVISE, &argument);
}

/**
 * zcgem_bo_revoke() - Withdraw an object from everybody, for good.
 * @bo: an object that was made from the same open file.
 * @holders: where the number of importers' mappings is stored that still hold the
 *	pages, or NULL. Call again for a newer one.
 *
 * Whoever touches a CPU mapping of the object from here on gets SIGBUS, also the
 * addresses that zcgem_bo_map() gave. The reference stays the caller's. Signals do
 * not end the wait for the object's fences.
 *
 * Return: 0, or one of the errors that &struct drm_zcgem_gem_revoke lists.
 */
drm_public int zcgem_bo_revoke(struct zcgem_bo *bo, uint64_t *holders)
{
	struct drm_zcgem_gem_revoke argument = { .handle = bo->handle };
	int ret = zcgem_ioctl(bo->dev, DRM_IOCTL_ZCGEM_GEM_REVOKE, &argument);

	if (!ret && holders)
		*holders = argument.holders;
	return ret;
}
