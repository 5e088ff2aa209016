// SPDX-License-Identifier: MIT
/*
 * CPU access to a dma-buf by its descriptor, of zcgem or of any other driver.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "internal.h"

/*
 * Reserve @size bytes of address space at a multiple of @align, which is more
 * than a page: take enough to find an aligned start, give back what is around it.
 */
static void *reserve(uint64_t size, uint64_t align)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	uint64_t length = size + align - page;
	uintptr_t start, aligned;
	void *address;

	if (length < size || length > SIZE_MAX)
		return MAP_FAILED;

	address = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (address == MAP_FAILED)
		return MAP_FAILED;

	start = (uintptr_t)address;
	aligned = (start + align - 1) & ~(uintptr_t)(align - 1);
	if (aligned > start)
		munmap(address, aligned - start);
	if (aligned + size < start + length)
		munmap((void *)(aligned + (uintptr_t)size), start + length - aligned - size);
	return (void *)aligned;
}

/*
 * The best alignment that @size can use and that the address space has room for. A page
 * table has an entry of 8 bytes for each page: with pages of 4 KiB, a table maps 2 MiB and
 * the one above 1 GiB; with 16 KiB it is 32 MiB.
 */
static void *reserve_best(uint64_t size)
{
	uint64_t page = sysconf(_SC_PAGESIZE), table = page / 8 * page;
	void *address = MAP_FAILED;

	if (size >= table / 8 * page)
		address = reserve(size, table / 8 * page);
	if (address == MAP_FAILED && size >= table)
		address = reserve(size, table);
	return address;
}

/**
 * zcgem_dmabuf_map() - Map a dma-buf where huge page table entries fit.
 * @dmabuf: the descriptor.
 * @size: bytes from the buffer's start, not zero, rounded up to the page size.
 * @prot: PROT_READ, PROT_WRITE or both.
 * @address: where the address is stored.
 *
 * mmap() of a dma-buf picks the address without knowing the buffer, and so the
 * exporter's 1 GiB and 2 MiB pages get mapped by small entries. Here the address
 * is a multiple of 1 GiB or 2 MiB (with pages of 16 KiB: 32 MiB) if @size is at
 * least that and no other thread maps something there meanwhile.
 *
 * Between zcgem_dmabuf_begin_cpu_access() and zcgem_dmabuf_end_cpu_access() the
 * CPU sees what devices wrote, and the other way round.
 *
 * Return: 0; -EINVAL for a @size of zero or above that of the buffer; -EFBIG if
 * it does not fit the address space; what mmap() says, for instance -EACCES if
 * @prot is more than the descriptor allows.
 */
drm_public int zcgem_dmabuf_map(int dmabuf, uint64_t size, int prot, void **address)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	void *reserved, *mapped;

	if (!size)
		return -EINVAL;
	if (size > SIZE_MAX - page)
		return -EFBIG;
	size = (size + page - 1) & ~(page - 1);

	reserved = reserve_best(size);
	mapped = MAP_FAILED;
	errno = EEXIST;
	if (reserved != MAP_FAILED) {
		/*
		 * A mapping that fails may take the reservation away or leave it, so it must be
		 * gone before: what is there afterwards can be another thread's.
		 */
		munmap(reserved, size);
		mapped = mmap(reserved, size, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, dmabuf, 0);
	}
	if (mapped == MAP_FAILED && errno == EEXIST)
		mapped = mmap(NULL, size, prot, MAP_SHARED, dmabuf, 0);
	if (mapped == MAP_FAILED)
		return -errno;
	*address = mapped;
	return 0;
}

/**
 * zcgem_dmabuf_unmap() - Undo zcgem_dmabuf_map().
 * @address: the address it gave.
 * @size: the size it was given.
 *
 * Return: 0; -EINVAL for an address or size that munmap() does not take.
 */
drm_public int zcgem_dmabuf_unmap(void *address, uint64_t size)
{
	if (!size || size > SIZE_MAX)
		return -EINVAL;
	return munmap(address, size) ? -errno : 0;
}

/* The kernel returns EAGAIN or EINTR when a signal ends the wait for a fence. */
static int sync_access(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync argument = { .flags = flags };
	int ret;

	do {
		ret = ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &argument);
	} while (ret == -1 && (errno == EINTR || errno == EAGAIN));

	return ret ? -errno : 0;
}

/**
 * zcgem_dmabuf_begin_cpu_access() - Say that the CPU is about to use a dma-buf.
 * @dmabuf: the descriptor.
 * @flags: DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE or DMA_BUF_SYNC_RW.
 *
 * Waits for devices that still use the buffer, writers only if @flags is to read,
 * and makes their writes visible to the CPU. Signals do not end the wait.
 *
 * Return: 0; -EINVAL for other flags or none; -ENOTTY or -EBADF if @dmabuf is not
 * a dma-buf; what the exporter says if it fails.
 */
drm_public int zcgem_dmabuf_begin_cpu_access(int dmabuf, uint64_t flags)
{
	if (!flags || flags & ~(uint64_t)DMA_BUF_SYNC_RW)
		return -EINVAL;
	return sync_access(dmabuf, flags | DMA_BUF_SYNC_START);
}

/**
 * zcgem_dmabuf_end_cpu_access() - Say that the CPU is done with a dma-buf.
 * @dmabuf: the descriptor.
 * @flags: those that zcgem_dmabuf_begin_cpu_access() was given.
 *
 * Return: as zcgem_dmabuf_begin_cpu_access().
 */
drm_public int zcgem_dmabuf_end_cpu_access(int dmabuf, uint64_t flags)
{
	if (!flags || flags & ~(uint64_t)DMA_BUF_SYNC_RW)
		return -EINVAL;
	return sync_access(dmabuf, flags | DMA_BUF_SYNC_END);
}

/**
 * zcgem_dmabuf_export_sync_file() - The fences on a dma-buf as a sync_file.
 * @dmabuf: the descriptor.
 * @flags: DMA_BUF_SYNC_READ for those that a reader must wait for, DMA_BUF_SYNC_WRITE or
 *	DMA_BUF_SYNC_RW for those that a writer must.
 *
 * Return: a descriptor, which is the caller's; -EINVAL for other flags; -ENOTTY if @dmabuf
 * is not a dma-buf; -ENOMEM.
 */
drm_public int zcgem_dmabuf_export_sync_file(int dmabuf, uint32_t flags)
{
	struct dma_buf_export_sync_file argument = { .flags = flags, .fd = -1 };

	return ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &argument) ? -errno : argument.fd;
}

/**
 * zcgem_dmabuf_import_sync_file() - Put a sync_file's fence on a dma-buf.
 * @dmabuf: the descriptor.
 * @flags: DMA_BUF_SYNC_READ if the work behind it reads, DMA_BUF_SYNC_WRITE or
 *	DMA_BUF_SYNC_RW if it writes.
 * @file: the sync_file; it stays the caller's.
 *
 * Return: 0; -EINVAL for other flags or if @file is no sync_file; -ENOTTY if @dmabuf is not
 * a dma-buf; -ENOMEM.
 */
drm_public int zcgem_dmabuf_import_sync_file(int dmabuf, uint32_t flags, int file)
{
	struct dma_buf_import_sync_file argument = { .flags = flags, .fd = file };

	return ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &argument) ? -errno : 0;
}
