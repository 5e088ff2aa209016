// SPDX-License-Identifier: MIT
/*
 * CPU mappings of objects. An object has at most one mapping to read and one to
 * read and write, each shared by all who asked for it. They are two, so that who
 * asks to read never holds an address that can be written through.
 */
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "internal.h"

static int map_offset(struct zcgem_bo *bo, uint64_t *offset)
{
	struct drm_zcgem_gem_mmap_offset argument = { .handle = bo->handle };
	int ret = zcgem_ioctl(bo->dev, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &argument);

	if (!ret)
		*offset = argument.offset;
	return ret;
}

/*
 * The address is left to the kernel: the driver knows where the object's huge
 * pages start and places the mapping so that 1 GiB or 2 MiB entries fit it.
 */
static int map_create(struct zcgem_bo *bo, int prot, struct zcgem_map *map)
{
	uint64_t offset;
	void *address;
	int ret;

	if (bo->size > SIZE_MAX)
		return -EFBIG;

	ret = map_offset(bo, &offset);
	if (ret)
		return ret;

	address = mmap(NULL, bo->size, prot, MAP_SHARED, bo->dev->fd, offset);
	if (address == MAP_FAILED)
		return -errno;

	map->address = address;
	return 0;
}

/**
 * zcgem_bo_map() - Map an object for the CPU.
 * @bo: the object.
 * @prot: PROT_READ, or PROT_READ | PROT_WRITE.
 * @address: where the address of the object's first byte is stored.
 *
 * The whole object is mapped, where the largest page table entries that its
 * memory allows can be used. Calls with the same @prot give the same address;
 * each needs a zcgem_bo_unmap(), or the object's last reference ends them all.
 * Pages are filled in by faults, so nothing is read or copied here.
 *
 * Return: 0; -EINVAL for another @prot; -EACCES for PROT_WRITE on a read-only
 * object, or for a revoked one; -EPERM if this kind of object has no CPU mapping; -EFBIG if the object
 * does not fit the address space; -ENOMEM.
 */
drm_public int zcgem_bo_map(struct zcgem_bo *bo, int prot, void **address)
{
	struct zcgem_map *map = &bo->maps[!!(prot & PROT_WRITE)];
	int ret = 0;

	if (prot != PROT_READ && prot != (PROT_READ | PROT_WRITE))
		return -EINVAL;

	pthread_mutex_lock(&bo->map_lock);
	if (!map->users)
		ret = map_create(bo, prot, map);
	if (!ret) {
		map->users++;
		*address = map->address;
	}
	pthread_mutex_unlock(&bo->map_lock);
	return ret;
}

/**
 * zcgem_bo_unmap() - Give back what one zcgem_bo_map() gave.
 * @bo: the object.
 * @address: the address.
 *
 * Return: 0; -EINVAL if @address is not that of a mapping of @bo.
 */
drm_public int zcgem_bo_unmap(struct zcgem_bo *bo, void *address)
{
	unsigned int i;
	int ret = -EINVAL;

	pthread_mutex_lock(&bo->map_lock);
	for (i = 0; i < 2; i++) {
		struct zcgem_map *map = &bo->maps[i];

		if (!map->users || map->address != address)
			continue;
		if (!--map->users)
			munmap(map->address, bo->size);
		ret = 0;
		break;
	}
	pthread_mutex_unlock(&bo->map_lock);
	return ret;
}

/* For the last reference: nobody else can be here. */
void zcgem_bo_drop_maps(struct zcgem_bo *bo)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (bo->maps[i].users)
			munmap(bo->maps[i].address, bo->size);
}
