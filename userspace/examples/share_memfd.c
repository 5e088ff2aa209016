// SPDX-License-Identifier: MIT
/*
 * A memfd as a dma-buf: what is written to the memfd is what devices and other
 * programs see in the dma-buf, because it is the same memory.
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

int main(void)
{
	const size_t size = 2 << 20;
	struct zcgem_device *dev;
	struct zcgem_bo *bo;
	char *mine;
	void *shared;
	int ret, dmabuf, memfd = memfd_create("mine", MFD_ALLOW_SEALING);

	if (memfd < 0 || ftruncate(memfd, size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		error(1, errno, "memfd");
	mine = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (mine == MAP_FAILED)
		error(1, errno, "mmap");

	if ((ret = zcgem_device_open(&dev)) ||
	    (ret = zcgem_bo_wrap_memfd(dev, memfd, 0, size, 0, &bo)))
		error(1, -ret, "wrap");
	dmabuf = zcgem_bo_export(bo, 0);	/* hand this to a display, a GPU, a socket */
	if (dmabuf < 0)
		error(1, -dmabuf, "export");

	ret = zcgem_dmabuf_map(dmabuf, size, PROT_READ, &shared);
	if (ret)
		error(1, -ret, "map");
	strcpy(mine, "written to the memfd");
	printf("the dma-buf has: %s\n", (char *)shared);
	return strcmp(mine, shared) != 0;
}
