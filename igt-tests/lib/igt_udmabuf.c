// SPDX-License-Identifier: MIT
/*
 * udmabuf's ioctls, for /dev/udmabuf and for zcgem's nodes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "igt_core.h"
#include "igt_udmabuf.h"
#include "igt_zcgem.h"

/**
 * udmabuf_new_list:
 * @count: items
 *
 * Returns: A list of empty items, to be freed.
 */
struct udmabuf_create_list *udmabuf_new_list(uint32_t count)
{
	struct udmabuf_create_list *list;

	list = calloc(1, sizeof(*list) + count * sizeof(list->list[0]));
	igt_assert(list);
	list->count = count;
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	return list;
}

/**
 * udmabuf_set_item:
 * @list: a list
 * @i: which item
 * @memfd: its memfd
 * @page: its first page there
 * @pages: how many
 */
void udmabuf_set_item(struct udmabuf_create_list *list, uint32_t i, int memfd, uint64_t page,
		      uint64_t pages)
{
	list->list[i].memfd = memfd;
	list->list[i].offset = page * ZCGEM_PAGE;
	list->list[i].size = pages * ZCGEM_PAGE;
}

/**
 * __udmabuf_ioctl:
 * @fd: /dev/udmabuf or a node of zcgem
 * @request: UDMABUF_*
 * @arg: its argument
 *
 * Returns: The dma-buf, or -errno.
 */
int __udmabuf_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = ioctl(fd, request, arg);

	ret = ret < 0 ? -errno : ret;
	errno = 0;
	return ret;
}

/**
 * __udmabuf_create_list:
 * @fd: /dev/udmabuf or a node of zcgem
 * @list: the items
 *
 * Returns: The dma-buf, or -errno.
 */
int __udmabuf_create_list(int fd, struct udmabuf_create_list *list)
{
	return __udmabuf_ioctl(fd, UDMABUF_CREATE_LIST, list);
}

/**
 * __udmabuf_create:
 * @fd: /dev/udmabuf or a node of zcgem
 * @memfd: a memfd
 * @offset: start in it, bytes
 * @size: bytes
 * @flags: UDMABUF_FLAGS_*
 *
 * Returns: The dma-buf, or -errno.
 */
int __udmabuf_create(int fd, int memfd, uint64_t offset, uint64_t size, uint32_t flags)
{
	struct udmabuf_create arg = {
		.memfd = memfd,
		.flags = flags,
		.offset = offset,
		.size = size,
	};

	return __udmabuf_ioctl(fd, UDMABUF_CREATE, &arg);
}

/**
 * udmabuf_create_list:
 * @fd: /dev/udmabuf or a node of zcgem
 * @list: the items
 *
 * Returns: The dma-buf.
 */
int udmabuf_create_list(int fd, struct udmabuf_create_list *list)
{
	int dmabuf = __udmabuf_create_list(fd, list);

	igt_assert_f(dmabuf >= 0, "UDMABUF_CREATE_LIST: %s\n", strerror(-dmabuf));
	return dmabuf;
}

/**
 * udmabuf_create_pages:
 * @fd: /dev/udmabuf or a node of zcgem
 * @memfd: a memfd
 * @page: the first page in it
 * @pages: how many
 *
 * Returns: The dma-buf, which is closed on exec.
 */
int udmabuf_create_pages(int fd, int memfd, uint64_t page, uint64_t pages)
{
	int dmabuf = __udmabuf_create(fd, memfd, page * ZCGEM_PAGE, pages * ZCGEM_PAGE,
				      UDMABUF_FLAGS_CLOEXEC);

	igt_assert_f(dmabuf >= 0, "UDMABUF_CREATE: %s\n", strerror(-dmabuf));
	return dmabuf;
}
