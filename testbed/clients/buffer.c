// SPDX-License-Identifier: MIT
/*
 * A buffer as clients of /dev/udmabuf make one: a sealed memfd and the dma-buf of it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void buffer_create(struct buffer *buffer, size_t size)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (node < 0)
		die("/dev/udmabuf: %m");
	buffer->size = (size + 4095) & ~(size_t)4095;
	buffer->memfd = memfd_create("client", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (buffer->memfd < 0 || ftruncate(buffer->memfd, buffer->size) ||
	    fcntl(buffer->memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		die("memfd: %m");

	create.memfd = buffer->memfd;
	create.size = buffer->size;
	buffer->dmabuf = ioctl(node, UDMABUF_CREATE, &create);
	if (buffer->dmabuf < 0)
		die("UDMABUF_CREATE: %m");
	close(node);

	buffer->map = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   buffer->memfd, 0);
	if (buffer->map == MAP_FAILED)
		die("mmap of the memfd: %m");
}

void buffer_destroy(struct buffer *buffer)
{
	munmap(buffer->map, buffer->size);
	close(buffer->dmabuf);
	close(buffer->memfd);
}

void buffer_expect(const struct buffer *buffer, size_t offset, size_t size, uint32_t value)
{
	const volatile uint32_t *word = (void *)((char *)buffer->map + offset);
	size_t i;

	for (i = 0; i < size / sizeof(*word); i++)
		if (word[i] != value)
			die("word %zu is %#x, not %#x", offset / sizeof(*word) + i, word[i], value);
}
