// SPDX-License-Identifier: MIT
/*
 * Memory of malloc() as a dma-buf: a program that has its frames in ordinary memory
 * hands them to a device without changing where they come from. The memory stays
 * pinned for as long as the dma-buf exists, and is charged to RLIMIT_MEMLOCK.
 */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zcgem.h>

static int share(void *address, size_t size)
{
	struct zcgem_device *dev;
	struct zcgem_bo *bo;
	int ret;

	ret = zcgem_device_open(&dev);
	if (ret)
		return ret;

	ret = zcgem_bo_wrap_userptr(dev, address, size, 0, &bo);
	if (!ret) {
		ret = zcgem_bo_export(bo, 0);
		zcgem_bo_unref(bo);
	}
	zcgem_device_unref(dev);
	return ret;
}

int main(void)
{
	const size_t size = 1 << 20;
	char *frame = aligned_alloc(sysconf(_SC_PAGESIZE), size);
	void *shared;
	int dmabuf, ret;

	if (!frame)
		error(1, errno, "no memory");
	strcpy(frame, "before");

	dmabuf = share(frame, size);
	if (dmabuf < 0)
		error(1, -dmabuf, "cannot share the memory%s",
		      dmabuf == -ENOMEM ? "; is this more than the user may lock (zcgem info)?" : "");
	ret = zcgem_dmabuf_map(dmabuf, size, PROT_READ | PROT_WRITE, &shared);
	if (ret)
		error(1, -ret, "cannot map the dma-buf");

	printf("the dma-buf has: %s\n", (char *)shared);
	strcpy(shared, "written through the dma-buf");
	printf("the program has: %s\n", frame);
	ret = strcmp(frame, "written through the dma-buf");

	zcgem_dmabuf_unmap(shared, size);
	close(dmabuf);
	free(frame);
	return ret != 0;
}
