/* SPDX-License-Identifier: MIT */
/*
 * A buffer as clients of /dev/udmabuf make one: a sealed memfd and the dma-buf of it.
 */
#ifndef CLIENTS_BUFFER_H
#define CLIENTS_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
	int memfd, dmabuf;
	size_t size;
	void *map;		/* of the memfd */
};

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void buffer_create(struct buffer *buffer, size_t size);
void buffer_destroy(struct buffer *buffer);

/* Is every word the value? Ends the program if not. */
void buffer_expect(const struct buffer *buffer, size_t offset, size_t size, uint32_t value);

#endif
