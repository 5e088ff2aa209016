// SPDX-License-Identifier: MIT
/*
 * A 32-bit caller of the udmabuf ioctls, for zcgem_udmabuf. Without a C library, so that
 * every x86-64 compiler can make it. Descriptor 3 is the node, descriptor 4 a memfd of at
 * least two pages. Writes the letters of its name into them, through dma-bufs only: 'a' and
 * 'b' at the starts of the pages by a list in reverse order, 'c' to the second byte by a
 * single range. The exit status is the number of the step that failed.
 */
#include <asm/unistd_32.h>
#include <linux/mman.h>
#include <linux/udmabuf.h>

#define NODE	3
#define MEMFD	4
#define PAGE	4096
#define PROT_RW	(0x1 | 0x2)

static long call(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	/* The sixth argument, mmap2's offset, stays 0 by ebp's push. */
	__asm__ volatile("push %%ebp; xor %%ebp, %%ebp; int $0x80; pop %%ebp"
			 : "=a" (ret)
			 : "0" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (e)
			 : "memory");
	return ret;
}

static char *map(long dmabuf, long size)
{
	long ret = call(__NR_mmap2, 0, size, PROT_RW, MAP_SHARED, dmabuf);

	return (unsigned long)ret > -(unsigned long)PAGE ? (char *)0 : (char *)ret;
}

static int run(void)
{
	struct udmabuf_create one = { .memfd = MEMFD, .flags = UDMABUF_FLAGS_CLOEXEC,
				      .size = PAGE };
	struct {
		struct udmabuf_create_list head;
		struct udmabuf_create_item item[2];
	} list = {
		.head = { .count = 2 },
		.item = {
			{ .memfd = MEMFD, .offset = PAGE, .size = PAGE },
			{ .memfd = MEMFD, .size = PAGE },
		},
	};
	long fd;
	char *p;

	fd = call(__NR_ioctl, NODE, UDMABUF_CREATE_LIST, (long)&list, 0, 0);
	if (fd < 0)
		return 1;
	p = map(fd, 2 * PAGE);
	if (!p)
		return 2;
	p[0] = 'b';
	p[PAGE] = 'a';

	fd = call(__NR_ioctl, NODE, UDMABUF_CREATE, (long)&one, 0, 0);
	if (fd < 0)
		return 3;
	p = map(fd, PAGE);
	if (!p)
		return 4;
	p[1] = 'c';
	return 0;
}

void _start(void)
{
	call(__NR_exit, run(), 0, 0, 0, 0);
	__builtin_unreachable();
}
