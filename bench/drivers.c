// SPDX-License-Identifier: MIT
/*
 * The drivers that are compared, behind one interface: a buffer and its dma-buf from a
 * memfd. By plain ioctls, so that nothing but the kernel is measured.
 *
 * vgem and the system heap know no memfds: they show what memory costs that a program
 * has to copy into.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>
#include <drm_mode.h>

#include "bench.h"
#include "drivers.h"
#include "zcgem_drm.h"

#define PARAMETERS	"/sys/module/udmabuf/parameters/"

static void zcgem_wrap(const struct driver *driver, struct buffer *buffer,
		       const struct drm_zcgem_memfd_range *ranges, uint32_t count)
{
	struct drm_zcgem_gem_wrap_memfd wrap = {
		.ranges = {
			.stride = sizeof(*ranges),
			.count = count,
			.pointer = (uintptr_t)ranges,
		},
	};
	struct drm_prime_handle export = { .flags = DRM_RDWR | DRM_CLOEXEC };

	bench_check(ioctl(driver->node, DRM_IOCTL_ZCGEM_GEM_WRAP_MEMFD, &wrap), "WRAP_MEMFD");
	buffer->handle = export.handle = wrap.handle;
	bench_check(ioctl(driver->node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export), "HANDLE_TO_FD");
	buffer->dmabuf = export.fd;
}

static void zcgem_create(const struct driver *driver, struct buffer *buffer, int memfd,
			 uint64_t size)
{
	struct drm_zcgem_memfd_range range = { .fd = memfd, .size = size };

	zcgem_wrap(driver, buffer, &range, 1);
}

static void zcgem_prepare_map(const struct driver *driver, struct buffer *buffer)
{
	struct drm_zcgem_gem_mmap_offset args = { .handle = buffer->handle };

	bench_check(ioctl(driver->node, DRM_IOCTL_ZCGEM_GEM_MMAP_OFFSET, &args), "MMAP_OFFSET");
	buffer->map_fd = driver->node;
	buffer->map_offset = args.offset;
}

static void udmabuf_create(const struct driver *driver, struct buffer *buffer, int memfd,
			   uint64_t size)
{
	struct udmabuf_create args = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = size,
	};

	buffer->dmabuf = bench_check(ioctl(driver->node, UDMABUF_CREATE, &args),
				     "UDMABUF_CREATE");
}

static void vgem_create(const struct driver *driver, struct buffer *buffer, int memfd,
			uint64_t size)
{
	/* A line must not be longer than 32 bits can count bits. */
	struct drm_mode_create_dumb create = {
		.width = 1024,
		.height = size / 4096,
		.bpp = 32,
	};
	struct drm_prime_handle export = { .flags = DRM_RDWR | DRM_CLOEXEC };

	(void)memfd;
	bench_check(ioctl(driver->node, DRM_IOCTL_MODE_CREATE_DUMB, &create), "CREATE_DUMB");
	buffer->handle = export.handle = create.handle;
	bench_check(ioctl(driver->node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export), "HANDLE_TO_FD");
	buffer->dmabuf = export.fd;
}

static void vgem_prepare_map(const struct driver *driver, struct buffer *buffer)
{
	struct drm_mode_map_dumb args = { .handle = buffer->handle };

	bench_check(ioctl(driver->node, DRM_IOCTL_MODE_MAP_DUMB, &args), "MAP_DUMB");
	buffer->map_fd = driver->node;
	buffer->map_offset = args.offset;
}

static void heap_create(const struct driver *driver, struct buffer *buffer, int memfd,
			uint64_t size)
{
	struct dma_heap_allocation_data args = {
		.len = size,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};

	(void)memfd;
	bench_check(ioctl(driver->node, DMA_HEAP_IOCTL_ALLOC, &args), "DMA_HEAP_IOCTL_ALLOC");
	buffer->dmabuf = args.fd;
}

struct driver drivers[DRIVERS] = {
	[DRIVER_ZCGEM] = { "zcgem", true, -1, zcgem_create, zcgem_prepare_map },
	[DRIVER_UDMABUF] = { "udmabuf", true, -1, udmabuf_create, NULL },
	[DRIVER_VGEM] = { "vgem", false, -1, vgem_create, vgem_prepare_map },
	[DRIVER_HEAP] = { "heap", false, -1, heap_create, NULL },
};

/* The DRM node of a driver, a render node if there is one. */
static int open_drm(const char *name)
{
	static const char * const kinds[] = { "renderD", "card" };
	unsigned int kind, i;

	for (kind = 0; kind < ARRAY_LENGTH(kinds); kind++) {
		for (i = 0; i < 16; i++) {
			struct drm_version version = { 0 };
			char path[32], found[32];
			int fd;

			snprintf(path, sizeof(path), "/dev/dri/%s%u", kinds[kind],
				 i + (kind ? 0 : 128));
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd < 0)
				continue;
			version.name = found;
			version.name_len = sizeof(found);
			/* Dumb buffers need a card node. */
			if (!ioctl(fd, DRM_IOCTL_VERSION, &version) &&
			    version.name_len == strlen(name) &&
			    !memcmp(found, name, strlen(name)) &&
			    (kind || strcmp(name, "vgem")))
				return fd;
			close(fd);
		}
	}
	return -1;
}

/* Open what there is; udmabuf's limits are lifted as far as they can be. */
void drivers_open(void)
{
	drivers[DRIVER_ZCGEM].node = bench_check(open_drm("zcgem"), "zcgem's render node");
	drivers[DRIVER_UDMABUF].node = bench_check(open("/dev/udmabuf", O_RDWR | O_CLOEXEC),
						   "/dev/udmabuf");
	drivers[DRIVER_VGEM].node = open_drm("vgem");
	drivers[DRIVER_HEAP].node = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	if (!bench_write_file(PARAMETERS "size_limit_mb", "2048") ||
	    !bench_write_file(PARAMETERS "list_limit", "65536"))
		bench_fail(PARAMETERS);
}

bool driver_available(const struct driver *driver)
{
	return driver->node >= 0;
}

/* A buffer, and its dma-buf, of the first bytes of a memfd or of the driver's own memory. */
void buffer_create(const struct driver *driver, struct buffer *buffer, int memfd, uint64_t size)
{
	memset(buffer, 0, sizeof(*buffer));
	buffer->size = size;
	driver->create(driver, buffer, memfd, size);
}

/* Map a whole buffer, the way that its driver means it to be mapped. */
void *buffer_map(const struct driver *driver, struct buffer *buffer)
{
	buffer->map_fd = buffer->dmabuf;
	buffer->map_offset = 0;
	if (driver->prepare_map)
		driver->prepare_map(driver, buffer);
	return bench_check_pointer(mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED,
					buffer->map_fd, buffer->map_offset), "mmap");
}

/* Let go of a buffer by all that was made for it. */
void buffer_close(const struct driver *driver, struct buffer *buffer)
{
	close(buffer->dmabuf);
	if (buffer->handle)
		gem_close(driver, buffer->handle);
}

/* A driver's form of a list of ranges, to be freed. Only of drivers that wrap. */
void *list_make(const struct driver *driver, const struct range *ranges, uint32_t count)
{
	struct drm_zcgem_memfd_range *list;
	struct udmabuf_create_list *head;
	uint32_t i;

	if (driver == &drivers[DRIVER_ZCGEM]) {
		list = bench_check_pointer(calloc(count, sizeof(*list)), "list");
		for (i = 0; i < count; i++) {
			list[i].fd = ranges[i].memfd;
			list[i].offset = ranges[i].offset;
			list[i].size = ranges[i].size;
		}
		return list;
	}

	head = bench_check_pointer(calloc(1, sizeof(*head) + count * sizeof(head->list[0])),
				   "list");
	head->flags = UDMABUF_FLAGS_CLOEXEC;
	head->count = count;
	for (i = 0; i < count; i++) {
		head->list[i].memfd = ranges[i].memfd;
		head->list[i].offset = ranges[i].offset;
		head->list[i].size = ranges[i].size;
	}
	return head;
}

/* A buffer of many ranges. */
void buffer_create_list(const struct driver *driver, struct buffer *buffer, void *list,
			uint32_t count)
{
	memset(buffer, 0, sizeof(*buffer));
	if (driver == &drivers[DRIVER_ZCGEM])
		zcgem_wrap(driver, buffer, list, count);
	else
		buffer->dmabuf = bench_check(ioctl(driver->node, UDMABUF_CREATE_LIST, list),
					     "UDMABUF_CREATE_LIST");
}

/* Import a dma-buf. Returns 0 or a negative errno: not every driver takes every one. */
int gem_import(const struct driver *driver, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle args = { .fd = dmabuf };

	if (ioctl(driver->node, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args))
		return -errno;
	*handle = args.handle;
	return 0;
}

void gem_close(const struct driver *driver, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	bench_check(ioctl(driver->node, DRM_IOCTL_GEM_CLOSE, &args), "GEM_CLOSE");
}
