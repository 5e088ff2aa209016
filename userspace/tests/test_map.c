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
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "fake_drm.h"
#include "zcgem.h"

#define SIZE_2M		(2ull << 20)
#define SIZE_1G		(1ull << 30)

/* Another thread's mapping that comes in between, and what mapping the dma-buf then fails with. */
static void *intruder;
static bool intrude;
static int fail_after;

static void *map(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, address, size, prot, flags, fd, offset);
}

/* In the place of libc's, for the library: a driver that fails leaves nothing mapped. */
void *mmap(void *address, size_t size, int prot, int flags, int fd, off_t offset)
{
	const int here = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	int taken = fail_after;

	if (!intrude || fd < 0 || !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
		return map(address, size, prot, flags, fd, offset);
	intrude = false;
	if (!taken) {
		intruder = map(address, 4096, PROT_READ, here, -1, 0);
		return map(address, size, prot, flags, fd, offset);
	}
	munmap(address, size);
	intruder = map(address, 4096, PROT_READ, here, -1, 0);
	errno = taken;
	return MAP_FAILED;
}

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

/* What another thread maps meanwhile stays, whether mapping the dma-buf fails or not. */
static void test_intruder(int fd)
{
	void *address = NULL;

	intrude = true;
	fail_after = ENODEV;
	CHECK(zcgem_dmabuf_map(fd, SIZE_2M, PROT_READ, &address) == -ENODEV && !address);
	CHECK(intruder != MAP_FAILED && is_mapped(intruder));
	munmap(intruder, 4096);

	intrude = true;
	fail_after = 0;
	CHECK(!zcgem_dmabuf_map(fd, SIZE_2M, PROT_READ, &address) && is_mapped(address));
	CHECK(address != intruder && (intruder == MAP_FAILED || is_mapped(intruder)));
	CHECK(!zcgem_dmabuf_unmap(address, SIZE_2M));
	if (intruder != MAP_FAILED)
		munmap(intruder, 4096);
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
	test_intruder(fd);

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
