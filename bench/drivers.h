/* SPDX-License-Identifier: MIT */
#ifndef BENCH_DRIVERS_H
#define BENCH_DRIVERS_H

#include <stdbool.h>
#include <stdint.h>

/* A buffer of one of the drivers. */
struct buffer {
	uint64_t size;
	int dmabuf;
	/* GEM handle, or 0. */
	uint32_t handle;
	/* How it is mapped: by the node, or by the dma-buf. */
	int map_fd;
	uint64_t map_offset;
};

/* One of those that are compared. */
struct driver {
	const char *name;
	/* It gives access to a memfd's memory; else it allocates its own. */
	bool wraps;
	/* The open node, or -1. */
	int node;
	/* The buffer and its dma-buf, of the first bytes of a memfd. */
	void (*create)(const struct driver *driver, struct buffer *buffer, int memfd,
		       uint64_t size);
	/* What it takes to be mapped, where that is more than the dma-buf. */
	void (*prepare_map)(const struct driver *driver, struct buffer *buffer);
};

enum {
	DRIVER_ZCGEM,
	DRIVER_UDMABUF,
	DRIVER_VGEM,
	DRIVER_HEAP,
	DRIVERS
};

extern struct driver drivers[DRIVERS];

void drivers_open(void);
bool driver_available(const struct driver *driver);
void buffer_create(const struct driver *driver, struct buffer *buffer, int memfd,
		   uint64_t size);
void *buffer_map(const struct driver *driver, struct buffer *buffer);
void buffer_close(const struct driver *driver, struct buffer *buffer);

/* One range of a memfd, for lists of them. */
struct range {
	int memfd;
	uint64_t offset;
	uint64_t size;
};

void *list_make(const struct driver *driver, const struct range *ranges, uint32_t count);
void buffer_create_list(const struct driver *driver, struct buffer *buffer, void *list,
			uint32_t count);

int gem_import(const struct driver *driver, int dmabuf, uint32_t *handle);
void gem_close(const struct driver *driver, uint32_t handle);

#endif
