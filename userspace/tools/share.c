// SPDX-License-Identifier: MIT
/*
 * See share.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "page_size.h"
#include "share.h"
#include "tool.h"

/* Older libc headers have none of this: where the logarithm of the page size is. */
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT	26
#endif

int share_alloc(struct share *share, uint64_t size, bool hugetlb)
{
	uint64_t page = hugetlb ? pmd_size() : (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	void *pixels;
	int ret;

	memset(share, 0, sizeof(*share));
	share->dmabuf = -1;
	share->hugetlb = hugetlb;
	share->size = (size + page - 1) & ~(page - 1);
	if (hugetlb)
		flags |= MFD_HUGETLB | (unsigned int)__builtin_ctzll(pmd_size()) << MFD_HUGE_SHIFT;

	share->memfd = memfd_create("zcgem picture", flags);
	if (share->memfd < 0 || ftruncate(share->memfd, share->size) ||
	    fcntl(share->memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		error(0, -ret, "cannot make a memfd of %llu bytes",
		      (unsigned long long)share->size);
		return ret;
	}
	pixels = mmap(NULL, share->size, PROT_READ | PROT_WRITE, MAP_SHARED, share->memfd, 0);
	if (pixels == MAP_FAILED) {
		ret = -errno;
		error(0, -ret, "cannot map the memfd%s",
		      hugetlb ? "; are there free huge pages in /proc/sys/vm/nr_hugepages?" : "");
		return ret;
	}
	share->pixels = pixels;
	return 0;
}

int share_wrap(struct share *share)
{
	int ret = open_device(&share->dev);

	if (ret)
		return ret;
	ret = zcgem_bo_wrap_memfd(share->dev, share->memfd, 0, share->size, 0, &share->bo);
	if (ret) {
		error(0, -ret, "cannot wrap the memfd");
		return ret;
	}
	share->dmabuf = zcgem_bo_export(share->bo, 0);
	if (share->dmabuf < 0) {
		error(0, -share->dmabuf, "cannot export the object");
		return share->dmabuf;
	}
	return 0;
}

int share_begin_write(struct share *share)
{
	int ret = zcgem_dmabuf_begin_cpu_access(share->dmabuf, DMA_BUF_SYNC_WRITE);

	if (ret)
		error(0, -ret, "cannot begin access to the dma-buf");
	return ret;
}

int share_end_write(struct share *share)
{
	int ret = zcgem_dmabuf_end_cpu_access(share->dmabuf, DMA_BUF_SYNC_WRITE);

	if (ret)
		error(0, -ret, "cannot end access to the dma-buf");
	return ret;
}

/* Whether a change of the memfd's byte shows at once in both others. */
static bool follows(volatile uint8_t *memfd, const volatile uint8_t *object,
		    const volatile uint8_t *dmabuf)
{
	uint8_t before = *memfd, changed = before ^ 0xa5;
	bool same = *object == before && *dmabuf == before;

	*memfd = changed;
	same = same && *object == changed && *dmabuf == changed;
	*memfd = before;
	return same;
}

int share_count(struct share *share, uint64_t *pages, uint64_t *copies)
{
	uint64_t page = sysconf(_SC_PAGESIZE), at;
	void *object, *dmabuf;
	int ret;

	ret = zcgem_bo_map(share->bo, PROT_READ, &object);
	if (ret) {
		error(0, -ret, "cannot map the object");
		return ret;
	}
	ret = zcgem_dmabuf_map(share->dmabuf, share->size, PROT_READ, &dmabuf);
	if (ret) {
		error(0, -ret, "cannot map the dma-buf");
		zcgem_bo_unmap(share->bo, object);
		return ret;
	}

	ret = share_begin_write(share);
	*pages = share->size / page;
	*copies = 0;
	for (at = 0; at < share->size && !ret; at += page)
		if (!follows(share->pixels + at, (uint8_t *)object + at, (uint8_t *)dmabuf + at))
			++*copies;
	if (!ret)
		ret = share_end_write(share);

	zcgem_dmabuf_unmap(dmabuf, share->size);
	zcgem_bo_unmap(share->bo, object);
	return ret;
}

void share_free(struct share *share)
{
	if (share->dmabuf >= 0)
		close(share->dmabuf);
	zcgem_bo_unref(share->bo);
	zcgem_device_unref(share->dev);
	if (share->pixels)
		munmap(share->pixels, share->size);
	if (share->memfd >= 0)
		close(share->memfd);
}
