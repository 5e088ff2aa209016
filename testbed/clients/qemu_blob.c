// SPDX-License-Identifier: MIT
/*
 * virtio_gpu.c from outside of a QEMU that has no processor, and what QEMU shows then: from the
 * mapping of the dma-buf, or as EGL imports it if the display is an OpenGL one. Arguments:
 * QEMU's display, width, height, what the memory backend is to be told besides its size, and the
 * size.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "bus.h"
#include "pattern.h"
#include "qtest.h"
#include "rfb.h"
#include "virtio_gpu.h"

#define VNC		"/tmp/qemu-blob.vnc"
#define ARGUMENTS	8		/* of QEMU, without VNC */

static struct virtio_gpu gpu;
static int vnc;

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
	if (w != gpu.width || h != gpu.height)
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

	for (pixel = 0; pixel < gpu.width * gpu.height; pixel++) {
		uint32_t want = pixel < first ? colour :
				pattern(pixel % gpu.width, pixel / gpu.width, gpu.width, gpu.height);

		if ((pixels[pixel] ^ want) & 0xffffff)
			break;
	}
	return pixel;
}

/* The screen must be the picture, but for the first pixels, which have a colour of their own. */
static void check_screen(unsigned int first, uint32_t colour)
{
	uint32_t *pixels = malloc(gpu.width * gpu.height * sizeof(*pixels));
	unsigned int bad, tries = 0;

	if (!pixels)
		die("no memory");
	do {
		/* QEMU has no screendump of what OpenGL draws; VNC follows after a moment */
		if (vnc)
			rfb_screen(VNC, pixels, gpu.width, gpu.height);
		else
			read_dump(pixels);
		bad = compare(pixels, first, colour);
	} while (bad < gpu.width * gpu.height && vnc && tries++ < 50 && !usleep(200000));
	if (bad < gpu.width * gpu.height)
		die("pixel %u of the screen is %#x", bad, pixels[bad]);
	free(pixels);
}

int main(int argc, char **argv)
{
	const char *size = argc > 5 ? argv[5] : "64M";
	char backend[256];
	const char *arguments[] = {
		"-m", size, "-machine", "pc,memory-backend=mem1", "-object", backend,
		"-device", "virtio-gpu-pci,blob=true,addr=4", NULL, NULL, NULL
	};
	uint32_t other[16];

	if (argc < 4)
		die("usage: qemu_blob DISPLAY WIDTH HEIGHT [BACKEND [SIZE]]");
	gpu.width = atoi(argv[2]);
	gpu.height = atoi(argv[3]);
	snprintf(backend, sizeof(backend), "memory-backend-memfd,id=mem1,size=%s,share=on%s",
		 size, argc > 4 ? argv[4] : "");

	vnc = strcmp(argv[1], "none");
	if (vnc) {
		arguments[ARGUMENTS] = "-vnc";
		arguments[ARGUMENTS + 1] = "unix:" VNC;
	}

	qtest_start(argv[1], arguments);
	virtio_gpu_show(&gpu);
	check_screen(0, 0);

	/* nothing copies the picture: what the guest writes now is on the screen */
	memset(other, 0x99, sizeof(other));
	bus_write(virtio_gpu_place(&gpu, 0), other, sizeof(other));
	virtio_gpu_flush(&gpu);
	check_screen(16, 0x999999);

	virtio_gpu_forget();
	qtest_end();
	return 0;
}
