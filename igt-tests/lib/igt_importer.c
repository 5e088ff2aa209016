// SPDX-License-Identifier: MIT
/*
 * The test bed's module "importer": a device that imports dma-bufs and does what it is
 * told. __importer_foo() returns 0 or -errno, importer_foo() fails the test instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"

#define DEVICE	"/dev/importer"

/**
 * require_importer:
 *
 * Skips where there is no such module.
 */
void require_importer(void)
{
	int ret = access(DEVICE, W_OK) ? system("modprobe -q importer") : 0;

	igt_require_f(!ret && !access(DEVICE, W_OK),
		      "no module 'importer', a device that imports\n");
	errno = 0;
}

/**
 * importer_open:
 *
 * Returns: A new device that is not attached to anything.
 */
int importer_open(void)
{
	int device = open(DEVICE, O_RDWR | O_CLOEXEC);

	igt_assert_f(device >= 0, DEVICE ": %m\n");
	return device;
}

/**
 * __importer_call:
 * @device: a device
 * @request: IMPORTER_*
 * @arg: what that takes
 *
 * Returns: 0 or -errno.
 */
int __importer_call(int device, unsigned long request, unsigned long arg)
{
	int err = ioctl(device, request, arg) ? -errno : 0;

	errno = 0;
	return err;
}

/**
 * importer_call:
 * @device: a device
 * @request: IMPORTER_*
 * @arg: what that takes
 */
void importer_call(int device, unsigned long request, unsigned long arg)
{
	igt_assert_eq(__importer_call(device, request, arg), 0);
}

/**
 * __importer_attach:
 * @device: a device
 * @dmabuf: what it imports
 * @flags: IMPORTER_FOLLOWS and so on
 * @dma_bits: how many bits of an address it has, or 0
 * @max_segment: bytes that an entry of its scatter lists may have, or 0
 *
 * Returns: 0 or -errno.
 */
int __importer_attach(int device, int dmabuf, uint32_t flags, uint32_t dma_bits,
		      uint32_t max_segment)
{
	struct importer_attach arg = {
		.dmabuf = dmabuf, .flags = flags, .dma_bits = dma_bits,
		.max_segment = max_segment,
	};

	return __importer_call(device, IMPORTER_ATTACH, (uintptr_t)&arg);
}

/**
 * importer_new:
 * @dmabuf: what it imports
 * @flags: IMPORTER_FOLLOWS and so on
 *
 * Returns: A new device that is attached.
 */
int importer_new(int dmabuf, uint32_t flags)
{
	int device = importer_open();

	igt_assert_eq(__importer_attach(device, dmabuf, flags, 0, 0), 0);
	return device;
}

/**
 * importer_state:
 * @device: a device
 * @state: filled
 */
void importer_state(int device, struct importer_state *state)
{
	importer_call(device, IMPORTER_STATE, (uintptr_t)state);
}

/**
 * __importer_copy:
 * @device: a device
 * @offset: where in the buffer, bytes
 * @data: the test's memory
 * @size: bytes
 * @flags: IMPORTER_COPY_*
 *
 * Returns: 0 or -errno, -ENODATA if the device has nothing to get at the buffer by.
 */
int __importer_copy(int device, uint64_t offset, void *data, uint64_t size, uint32_t flags)
{
	struct importer_copy arg = {
		.offset = offset, .size = size, .data = (uintptr_t)data, .flags = flags,
	};

	return __importer_call(device, IMPORTER_COPY, (uintptr_t)&arg);
}

/* The device takes so much at a time. */
static void copy_all(int device, char *data, uint64_t size, uint32_t flags)
{
	uint64_t at, part;

	for (at = 0; at < size; at += part) {
		part = size - at < IMPORTER_COPY_MAX ? size - at : IMPORTER_COPY_MAX;
		igt_assert_eq(__importer_copy(device, at, data + at, part, flags), 0);
	}
}

/**
 * importer_check:
 * @device: a device
 * @size: bytes of the buffer
 * @seed: what zcgem_fill() was given
 * @flags: IMPORTER_COPY_VMAP, or 0 for DMA
 */
void importer_check(int device, uint64_t size, uint64_t seed, uint32_t flags)
{
	void *data = aligned_alloc(ZCGEM_PAGE, size);

	igt_assert(data);
	copy_all(device, data, size, flags);
	zcgem_check(data, size, seed);
	free(data);
}

/**
 * importer_fill:
 * @device: a device
 * @size: bytes of the buffer
 * @seed: as for zcgem_fill()
 * @flags: IMPORTER_COPY_VMAP, or 0 for DMA
 */
void importer_fill(int device, uint64_t size, uint64_t seed, uint32_t flags)
{
	void *data = aligned_alloc(ZCGEM_PAGE, size);

	igt_assert(data);
	zcgem_fill(data, size, seed);
	copy_all(device, data, size, flags | IMPORTER_COPY_WRITE);
	free(data);
}
