// SPDX-License-Identifier: MIT
/*
 * A memfd as a dma-buf: what is written to the memfd is what devices and other
 * programs see in the dma-buf, because it is the same memory. README.md quotes
 * share().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zcgem.h>

/* Returns a dma-buf of the memfd's memory, for a display, a GPU or a socket. */
int share(int memfd, uint64_t size)
{
	struct zcgem_device *dev;
	struct zcgem_bo *bo;
	int ret;

	ret = zcgem_device_open(&dev);
	if (ret)
		return ret;

	ret = zcgem_bo_wrap_memfd(dev, memfd, 0, size, 0, &bo);
	if (!ret) {
		ret = zcgem_bo_export(bo, 0);
		zcgem_bo_unref(bo);	/* the dma-buf keeps the memory */
	}
	zcgem_device_unref(dev);
	return ret;
}

int main(void)
{
	const size_t size = 2 << 20;
	int memfd = memfd_create("mine", MFD_ALLOW_SEALING), dmabuf, ret;
	void *shared;
	char *mine;

	/* zcgem takes memory only that cannot go away under a device. */
	if (memfd < 0 || ftruncate(memfd, size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		error(1, errno, "memfd");
	mine = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (mine == MAP_FAILED)
		error(1, errno, "mmap");

	dmabuf = share(memfd, size);
	if (dmabuf < 0)
		error(1, -dmabuf, "cannot share the memfd");

	ret = zcgem_dmabuf_map(dmabuf, size, PROT_READ, &shared);
	if (ret)
		error(1, -ret, "cannot map the dma-buf");
	strcpy(mine, "written to the memfd");
	printf("the dma-buf has: %s\n", (char *)shared);
	return strcmp(mine, shared) != 0;
}
