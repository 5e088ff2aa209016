// SPDX-License-Identifier: MIT
/*
 * A driver of QEMU's virtio-gpu, as small as one can be. It runs as a guest too, without any
 * library.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "bus.h"
#include "pattern.h"
#include "virtio_gpu.h"

#define PAGE		4096u
#define SLOT		4
#define BAR4		0xe0000000ull
/* The guest's memory */
#define QUEUE		0x100000ull
#define REQUEST		0x200000ull
#define ANSWER		0x300000ull
#define PICTURE		0x1000000ull
#define ENTRIES		8

#define COMMON(field)	(common + offsetof(struct virtio_pci_common_cfg, field))

static uint64_t common, notify;
static uint32_t notify_step;
static uint16_t sent;

static void config_select(unsigned int offset)
{
	bus_out(0xcf8, 0x80000000u | SLOT << 11 | (offset & ~3u));
}

static uint32_t config_read(unsigned int offset)
{
	config_select(offset);
	return bus_in(0xcfc) >> (offset & 3) * 8;
}

static void config_write(unsigned int offset, uint32_t value)
{
	config_select(offset);
	bus_out(0xcfc, value);
}

static void find_registers(void)
{
	unsigned int at = config_read(0x34) & 0xff;

	if ((config_read(0) & 0xffff) != 0x1af4)
		bus_die("no virtio device in the slot", config_read(0));
	config_write(0x20, BAR4);
	config_write(0x24, 0);
	config_write(0x04, 0x6);
	for (; at; at = config_read(at + 1) & 0xff) {
		unsigned int type = config_read(at + 3) & 0xff;
		uint64_t place = BAR4 + config_read(at + 8);

		if ((config_read(at) & 0xff) != 0x09 || (config_read(at + 4) & 0xff) != 4)
			continue;
		if (type == VIRTIO_PCI_CAP_COMMON_CFG)
			common = place;
		if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
			notify = place;
			notify_step = config_read(at + 16);
		}
	}
	if (!common || !notify)
		bus_die("the device has no registers", 0);
}

static void start_device(void)
{
	const uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	find_registers();
	bus_poke(COMMON(device_status), 1, 0);
	bus_poke(COMMON(device_status), 1, status);
	bus_poke(COMMON(device_feature_select), 4, 0);
	if (!(bus_peek(COMMON(device_feature), 4) & 1u << VIRTIO_GPU_F_RESOURCE_BLOB))
		bus_die("QEMU offers no blobs", 0);
	bus_poke(COMMON(guest_feature_select), 4, 0);
	bus_poke(COMMON(guest_feature), 4, 1u << VIRTIO_GPU_F_RESOURCE_BLOB);
	bus_poke(COMMON(guest_feature_select), 4, 1);
	bus_poke(COMMON(guest_feature), 4, 1u << (VIRTIO_F_VERSION_1 - 32));
	bus_poke(COMMON(device_status), 1, status | VIRTIO_CONFIG_S_FEATURES_OK);

	bus_poke(COMMON(queue_select), 2, 0);
	bus_poke(COMMON(queue_size), 2, ENTRIES);
	bus_poke(COMMON(queue_desc_lo), 4, QUEUE);
	bus_poke(COMMON(queue_avail_lo), 4, QUEUE + PAGE);
	bus_poke(COMMON(queue_used_lo), 4, QUEUE + 2 * PAGE);
	bus_poke(COMMON(queue_enable), 2, 1);
	notify += notify_step * (uint32_t)bus_peek(COMMON(queue_notify_off), 2);
	bus_poke(COMMON(device_status), 1, status | VIRTIO_CONFIG_S_FEATURES_OK |
		 VIRTIO_CONFIG_S_DRIVER_OK);
}

/* Sends what is at REQUEST already; the answer must be "good, and no data". */
static void request_written(size_t size, const char *what)
{
	const struct vring_desc desc[2] = {
		{ REQUEST, size, VRING_DESC_F_NEXT, 1 },
		{ ANSWER, sizeof(struct virtio_gpu_ctrl_hdr), VRING_DESC_F_WRITE, 0 },
	};
	unsigned int tries = 0;
	uint32_t type;

	bus_write(QUEUE, desc, sizeof(desc));
	/* the ring's entries are all descriptor 0, as memory is zero */
	bus_poke(QUEUE + PAGE + offsetof(struct vring_avail, idx), 2, ++sent);
	bus_poke(notify, 2, 0);
	while ((uint16_t)bus_peek(QUEUE + 2 * PAGE + offsetof(struct vring_used, idx), 2) !=
	       sent) {
		if (tries++ > 6000)
			bus_die(what, 0);
		bus_pause();
	}
	type = bus_peek(ANSWER, 4);
	if (type != VIRTIO_GPU_RESP_OK_NODATA)
		bus_die(what, type);
}

static void request(const void *data, size_t size, const char *what)
{
	bus_write(REQUEST, data, size);
	request_written(size, what);
}

static unsigned int count_pages(const struct virtio_gpu *gpu)
{
	return gpu->width * gpu->height * 4 / PAGE;
}

/* Every other page, and not in order. */
uint64_t virtio_gpu_place(const struct virtio_gpu *gpu, unsigned int page)
{
	return PICTURE + (uint64_t)(page * 7 % count_pages(gpu)) * 2 * PAGE;
}

static void write_picture(const struct virtio_gpu *gpu)
{
	static uint32_t page[PAGE / 4];
	unsigned int pages = count_pages(gpu), n, i;

	if (pages * PAGE != gpu->width * gpu->height * 4 || pages % 7 == 0)
		bus_die("no whole number of pages, or a multiple of 7", pages);
	for (n = 0; n < pages; n++) {
		for (i = 0; i < PAGE / 4; i++) {
			unsigned int pixel = n * (PAGE / 4) + i;

			page[i] = pattern(pixel % gpu->width, pixel / gpu->width, gpu->width,
					  gpu->height);
		}
		bus_write(virtio_gpu_place(gpu, n), page, PAGE);
	}
}

static void create_blob(const struct virtio_gpu *gpu)
{
	const unsigned int pages = count_pages(gpu);
	const struct virtio_gpu_resource_create_blob blob = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		.resource_id = 1,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
		.nr_entries = pages,
		.size = (uint64_t)pages * PAGE,
	};
	uint64_t at = REQUEST;
	unsigned int i;

	bus_write(at, &blob, sizeof(blob));
	at += sizeof(blob);
	for (i = 0; i < pages; i++) {
		const struct virtio_gpu_mem_entry entry = {
			.addr = virtio_gpu_place(gpu, i), .length = PAGE,
		};

		bus_write(at, &entry, sizeof(entry));
		at += sizeof(entry);
	}
	request_written(at - REQUEST, "RESOURCE_CREATE_BLOB");
}

static void set_scanout(const struct virtio_gpu *gpu)
{
	const struct virtio_gpu_set_scanout_blob scanout = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = { 0, 0, gpu->width, gpu->height },
		.resource_id = 1,
		.width = gpu->width,
		.height = gpu->height,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { gpu->width * 4 },
	};

	request(&scanout, sizeof(scanout), "SET_SCANOUT_BLOB");
}

void virtio_gpu_flush(const struct virtio_gpu *gpu)
{
	const struct virtio_gpu_resource_flush all = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
		.r = { 0, 0, gpu->width, gpu->height },
		.resource_id = 1,
	};

	request(&all, sizeof(all), "RESOURCE_FLUSH");
}

void virtio_gpu_show(const struct virtio_gpu *gpu)
{
	start_device();
	write_picture(gpu);
	create_blob(gpu);
	set_scanout(gpu);
	virtio_gpu_flush(gpu);
}

void virtio_gpu_forget(void)
{
	const struct virtio_gpu_resource_unref unref = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = 1,
	};

	request(&unref, sizeof(unref), "RESOURCE_UNREF");
}
