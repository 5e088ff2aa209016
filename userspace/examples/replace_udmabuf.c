// SPDX-License-Identifier: MIT
/*
 * A program that was written for /dev/udmabuf. zcgem's render node answers the same
 * ioctls, so the name of the node is all that changes:
 *
 *	replace_udmabuf /dev/udmabuf
 *	replace_udmabuf /dev/dri/renderD128
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/udmabuf.h>

#define PIECES	4

int main(int argc, char **argv)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	struct udmabuf_create_list *list;
	int device, memfd, dmabuf;
	char *mine, *shared;
	unsigned int i;

	if (argc != 2)
		error(2, 0, "usage: %s NODE", argv[0]);
	device = open(argv[1], O_RDWR | O_CLOEXEC);
	if (device < 0)
		error(1, errno, "%s", argv[1]);

	memfd = memfd_create("guest memory", MFD_ALLOW_SEALING);
	if (memfd < 0 || ftruncate(memfd, 2 * PIECES * page) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		error(1, errno, "memfd");
	mine = mmap(NULL, 2 * PIECES * page, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	list = calloc(1, sizeof(*list) + PIECES * sizeof(list->list[0]));
	if (mine == MAP_FAILED || !list)
		error(1, errno, "memory");

	/* Every second page, in reverse, as a virtual machine's picture may lie. */
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = PIECES;
	for (i = 0; i < PIECES; i++) {
		list->list[i].memfd = memfd;
		list->list[i].offset = 2 * (PIECES - 1 - i) * page;
		list->list[i].size = page;
		mine[list->list[i].offset] = 'a' + i;
	}
	dmabuf = ioctl(device, UDMABUF_CREATE_LIST, list);
	if (dmabuf < 0)
		error(1, errno, "UDMABUF_CREATE_LIST");

	shared = mmap(NULL, PIECES * page, PROT_READ, MAP_SHARED, dmabuf, 0);
	if (shared == MAP_FAILED)
		error(1, errno, "cannot map the dma-buf");
	for (i = 0; i < PIECES; i++)
		if (shared[i * page] != 'a' + (int)i)
			error(1, 0, "piece %u is not in its place", i);
	printf("%s: %u pieces of a memfd in one dma-buf\n", argv[1], PIECES);

	munmap(shared, PIECES * page);
	close(dmabuf);
	return 0;
}
