// SPDX-License-Identifier: MIT
/*
 * Mappings are shared and counted, writable ones are kept apart from those to
 * read, and a dma-buf is mapped where huge entries fit.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "fake_drm.h"
#include "zcgem.h"

#define SIZE_2M		(2ull << 20)
#define SIZE_1G		(1ull << 30)

static bool is_mapped(void *address)
{
	unsigned char resident;

	return !mincore(address, 4096, &resident);
}

static void test_bo_map(void)
{
	struct zcgem_device *dev;
	struct zcgem_bo *bo;
	void *first, *second, *reading = NULL;
	int fd = fake_open();

	CHECK(!zcgem_device_new(fd, &dev));
	CHECK(!zcgem_bo_new(dev, 8192, 0, &bo));
	CHECK(zcgem_bo_map(bo, PROT_WRITE, &reading) == -EINVAL);
	CHECK(zcgem_bo_map(bo, PROT_READ | PROT_EXEC, &reading) == -EINVAL && !reading);

	CHECK(!zcgem_bo_map(bo, PROT_READ | PROT_WRITE, &first));
	CHECK(!zcgem_bo_map(bo, PROT_READ | PROT_WRITE, &second) && first == second);
	CHECK(!zcgem_bo_map(bo, PROT_READ, &reading) && reading != first);
	strcpy(first, "seen");
	CHECK(!strcmp(reading, "seen"));

	CHECK(zcgem_bo_unmap(bo, (char *)first + 4096) == -EINVAL);
	CHECK(!zcgem_bo_unmap(bo, first) && is_mapped(first));
	CHECK(!zcgem_bo_unmap(bo, second) && !is_mapped(first));
	CHECK(zcgem_bo_unmap(bo, first) == -EINVAL);
	CHECK(is_mapped(reading));
	zcgem_bo_unref(bo);
	CHECK(!is_mapped(reading));
	zcgem_device_unref(dev);
	close(fd);
}

static void check_alignment(int fd, uint64_t size, uint64_t align)
{
	void *address, *hole;

	CHECK(!zcgem_dmabuf_map(fd, size, PROT_READ, &address));
	CHECK((uintptr_t)address % align == 0);
	CHECK(is_mapped(address) && is_mapped((char *)address + size - 4096));
	/* What was reserved to find the place is free again. */
	hole = mmap((char *)address + size, 4096, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(hole == (char *)address + size || errno == EEXIST);
	if (hole != MAP_FAILED)
		munmap(hole, 4096);
	CHECK(!zcgem_dmabuf_unmap(address, size));
	CHECK(!is_mapped(address));
}

static void test_dmabuf_map(void)
{
	int fd = memfd_create("not a dma-buf", MFD_CLOEXEC);
	void *address = NULL;

	CHECK(fd >= 0 && !ftruncate(fd, 2 * SIZE_1G));
	check_alignment(fd, 4096, 4096);
	check_alignment(fd, SIZE_2M - 4096, 4096);
	check_alignment(fd, SIZE_2M, SIZE_2M);
	check_alignment(fd, SIZE_2M + 4096, SIZE_2M);
	check_alignment(fd, SIZE_1G, SIZE_1G);
	check_alignment(fd, 2 * SIZE_1G, SIZE_1G);
	CHECK(zcgem_dmabuf_map(fd, 0, PROT_READ, &address) == -EINVAL);
	CHECK(zcgem_dmabuf_map(fd, UINT64_MAX, PROT_READ, &address) == -EFBIG);
	CHECK(zcgem_dmabuf_map(-1, SIZE_2M, PROT_READ, &address) == -EBADF && !address);
	CHECK(zcgem_dmabuf_unmap(NULL, 0) == -EINVAL);

	CHECK(zcgem_dmabuf_begin_cpu_access(fd, 0) == -EINVAL);
	CHECK(zcgem_dmabuf_begin_cpu_access(fd, DMA_BUF_SYNC_END) == -EINVAL);
	CHECK(zcgem_dmabuf_begin_cpu_access(fd, DMA_BUF_SYNC_RW) == -ENOTTY);
	CHECK(zcgem_dmabuf_end_cpu_access(-1, DMA_BUF_SYNC_RW) == -EBADF);
	close(fd);
}

int main(void)
{
	test_bo_map();
	test_dmabuf_map();
	return 0;
}
