// SPDX-License-Identifier: MIT
/*
 * What a guest's display driver does to QEMU's virtio-gpu with blob=true: a picture in
 * scattered pages of guest memory becomes a resource, for which QEMU calls
 * UDMABUF_CREATE_LIST, and QEMU shows it: from the mapping of that dma-buf, or as EGL imports
 * it if the display is an OpenGL one. Arguments: QEMU's display, width, height, and what the
 * memory backend is to be told besides its size.
 */
#define _GNU_SOURCE
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "pattern.h"
#include "qtest.h"
#include "rfb.h"

#define PAGE		4096u
#define SLOT		4
#define BAR4		0xe0000000ull
/* The guest's memory */
#define QUEUE		0x100000ull
#define REQUEST		0x200000ull
#define ANSWER		0x300000ull
#define PICTURE		0x1000000ull
#define ENTRIES		8

#define VNC		"/tmp/qemu-blob.vnc"
#define ARGUMENTS	8		/* of QEMU, without VNC */

#define COMMON(field)	(common + offsetof(struct virtio_pci_common_cfg, field))

static uint64_t common, notify;
static uint32_t notify_step;
static unsigned int width, height, pages;
static uint16_t sent;
static int vnc;

static void config_select(unsigned int offset)
{
	qtest_out(0xcf8, 0x80000000u | SLOT << 11 | (offset & ~3u));
}

static uint32_t config_read(unsigned int offset)
{
	config_select(offset);
	return qtest_in(0xcfc) >> (offset & 3) * 8;
}

static void config_write(unsigned int offset, uint32_t value)
{
	config_select(offset);
	qtest_out(0xcfc, value);
}

static void find_registers(void)
{
	unsigned int at = config_read(0x34) & 0xff;

	if ((config_read(0) & 0xffff) != 0x1af4)
		die("no virtio device in the slot: %#x", config_read(0));
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
		die("the device has no registers");
}

static void start_device(void)
{
	const uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	find_registers();
	qtest_poke(COMMON(device_status), 1, 0);
	qtest_poke(COMMON(device_status), 1, status);
	qtest_poke(COMMON(device_feature_select), 4, 0);
	if (!(qtest_peek(COMMON(device_feature), 4) & 1u << VIRTIO_GPU_F_RESOURCE_BLOB))
		die("QEMU offers no blobs");
	qtest_poke(COMMON(guest_feature_select), 4, 0);
	qtest_poke(COMMON(guest_feature), 4, 1u << VIRTIO_GPU_F_RESOURCE_BLOB);
	qtest_poke(COMMON(guest_feature_select), 4, 1);
	qtest_poke(COMMON(guest_feature), 4, 1u << (VIRTIO_F_VERSION_1 - 32));
	qtest_poke(COMMON(device_status), 1, status | VIRTIO_CONFIG_S_FEATURES_OK);

	qtest_poke(COMMON(queue_select), 2, 0);
	qtest_poke(COMMON(queue_size), 2, ENTRIES);
	qtest_poke(COMMON(queue_desc_lo), 4, QUEUE);
	qtest_poke(COMMON(queue_avail_lo), 4, QUEUE + PAGE);
	qtest_poke(COMMON(queue_used_lo), 4, QUEUE + 2 * PAGE);
	qtest_poke(COMMON(queue_enable), 2, 1);
	notify += notify_step * qtest_peek(COMMON(queue_notify_off), 2);
	qtest_poke(COMMON(device_status), 1, status | VIRTIO_CONFIG_S_FEATURES_OK |
		   VIRTIO_CONFIG_S_DRIVER_OK);
}

/* One request of the control queue; its answer must be "good, and no data". */
static void request(const void *data, size_t size, const char *what)
{
	const struct vring_desc desc[2] = {
		{ REQUEST, size, VRING_DESC_F_NEXT, 1 },
		{ ANSWER, sizeof(struct virtio_gpu_ctrl_hdr), VRING_DESC_F_WRITE, 0 },
	};
	unsigned int tries = 0;
	uint32_t type;

	qtest_write(REQUEST, data, size);
	qtest_write(QUEUE, desc, sizeof(desc));
	/* the ring's entries are all descriptor 0, as memory is zero */
	qtest_poke(QUEUE + PAGE + offsetof(struct vring_avail, idx), 2, ++sent);
	qtest_poke(notify, 2, 0);
	while ((uint16_t)qtest_peek(QUEUE + 2 * PAGE + offsetof(struct vring_used, idx), 2) !=
	       sent) {
		if (tries++ > 6000)
			die("%s: no answer", what);
		usleep(10000);
	}
	type = qtest_peek(ANSWER, 4);
	if (type != VIRTIO_GPU_RESP_OK_NODATA)
		die("%s: QEMU answers %#x", what, type);
}

/* Where the picture's page n is: every other page, and not in order. */
static uint64_t place(unsigned int n)
{
	return PICTURE + (uint64_t)(n * 7 % pages) * 2 * PAGE;
}

static void write_picture(void)
{
	uint32_t page[PAGE / 4];
	unsigned int n, i;

	for (n = 0; n < pages; n++) {
		for (i = 0; i < PAGE / 4; i++) {
			unsigned int pixel = n * (PAGE / 4) + i;

			page[i] = pattern(pixel % width, pixel / width, width, height);
		}
		qtest_write(place(n), page, PAGE);
	}
}

static void create_blob(void)
{
	struct {
		struct virtio_gpu_resource_create_blob head;
		struct virtio_gpu_mem_entry entry[];
	} *blob;
	size_t size = sizeof(*blob) + pages * sizeof(blob->entry[0]);
	unsigned int i;

	blob = calloc(1, size);
	if (!blob)
		die("no memory");
	blob->head.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB;
	blob->head.resource_id = 1;
	blob->head.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST;
	blob->head.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE;
	blob->head.nr_entries = pages;
	blob->head.size = (uint64_t)pages * PAGE;
	for (i = 0; i < pages; i++) {
		blob->entry[i].addr = place(i);
		blob->entry[i].length = PAGE;
	}
	request(blob, size, "RESOURCE_CREATE_BLOB");
	free(blob);
}

static void show(void)
{
	const struct virtio_gpu_set_scanout_blob scanout = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = { 0, 0, width, height },
		.resource_id = 1,
		.width = width,
		.height = height,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { width * 4 },
	};

	request(&scanout, sizeof(scanout), "SET_SCANOUT_BLOB");
}

static void flush(void)
{
	const struct virtio_gpu_resource_flush all = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
		.r = { 0, 0, width, height },
		.resource_id = 1,
	};

	request(&all, sizeof(all), "RESOURCE_FLUSH");
}

static void read_dump(uint32_t *pixels)
{
	char name[] = "/tmp/qemu-blob-XXXXXX";
	unsigned int w, h, max, pixel;
	unsigned char rgb[3];
	FILE *file;

	close(mkstemp(name));
	qtest_screendump(name);
	file = fopen(name, "r");
	if (!file || fscanf(file, "P6 %u %u %u", &w, &h, &max) != 3 || fgetc(file) == EOF)
		die("%s is no screenshot", name);
	if (w != width || h != height)
		die("the screen is %u by %u", w, h);
	for (pixel = 0; pixel < w * h; pixel++) {
		if (fread(rgb, 3, 1, file) != 1)
			die("the screenshot is short");
		pixels[pixel] = rgb[0] << 16 | rgb[1] << 8 | rgb[2];
	}
	fclose(file);
	unlink(name);
}

/* The first pixel that is not as it should be, or how many there are. */
static unsigned int compare(const uint32_t *pixels, unsigned int first, uint32_t colour)
{
	unsigned int pixel;

	for (pixel = 0; pixel < width * height; pixel++) {
		uint32_t want = pixel < first ? colour :
				pattern(pixel % width, pixel / width, width, height);

		if ((pixels[pixel] ^ want) & 0xffffff)
			break;
	}
	return pixel;
}

/* The screen must be the picture, but for the first pixels, which have a colour of their own. */
static void check_screen(unsigned int first, uint32_t colour)
{
	uint32_t *pixels = malloc(width * height * sizeof(*pixels));
	unsigned int bad, tries = 0;

	if (!pixels)
		die("no memory");
	do {
		/* QEMU has no screendump of what OpenGL draws; VNC follows after a moment */
		if (vnc)
			rfb_screen(VNC, pixels, width, height);
		else
			read_dump(pixels);
		bad = compare(pixels, first, colour);
	} while (bad < width * height && vnc && tries++ < 50 && !usleep(200000));
	if (bad < width * height)
		die("pixel %u of the screen is %#x", bad, pixels[bad]);
	free(pixels);
}

int main(int argc, char **argv)
{
	const struct virtio_gpu_resource_unref unref = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = 1,
	};
	char backend[256];
	const char *arguments[] = {
		"-m", "64M", "-machine", "pc,memory-backend=mem1", "-object", backend,
		"-device", "virtio-gpu-pci,blob=true,addr=4", NULL, NULL, NULL
	};
	uint32_t other[16];

	if (argc < 4)
		die("usage: qemu_blob DISPLAY WIDTH HEIGHT [BACKEND]");
	width = atoi(argv[2]);
	height = atoi(argv[3]);
	pages = width * height * 4 / PAGE;
	if (pages * PAGE != width * height * 4 || pages % 7 == 0)
		die("%u by %u is no whole number of pages, or a multiple of 7", width, height);
	snprintf(backend, sizeof(backend), "memory-backend-memfd,id=mem1,size=64M,share=on%s",
		 argc > 4 ? argv[4] : "");

	vnc = strcmp(argv[1], "none");
	if (vnc) {
		arguments[ARGUMENTS] = "-vnc";
		arguments[ARGUMENTS + 1] = "unix:" VNC;
	}

	qtest_start(argv[1], arguments);
	start_device();
	write_picture();
	create_blob();
	show();
	flush();
	check_screen(0, 0);

	/* nothing copies the picture: what the guest writes now is on the screen */
	memset(other, 0x99, sizeof(other));
	qtest_write(place(0), other, sizeof(other));
	flush();
	check_screen(16, 0x999999);

	request(&unref, sizeof(unref), "RESOURCE_UNREF");
	qtest_end();
	return 0;
}
