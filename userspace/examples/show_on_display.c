// SPDX-License-Identifier: MIT
/*
 * A memfd on a display: the display's driver scans out the memory that the program
 * paints in. It needs a console of its own and the right to set modes:
 *
 *	show_on_display /dev/dri/card0
 *
 * A display with video memory of its own reads the memory when it is told that it
 * changed (drmModeDirtyFB()); others read it all the time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>
#include <zcgem.h>

#define WIDTH	640
#define HEIGHT	480
#define PITCH	(WIDTH * 4)
#define SIZE	(PITCH * HEIGHT)	/* 300 pages */

/* The first connector with a display, its mode of that size, and a CRTC for it. */
static drmModeConnector *find_display(int card, drmModeModeInfo *mode, uint32_t *crtc)
{
	drmModeRes *resources = drmModeGetResources(card);
	drmModeConnector *connector;
	int i, j;

	if (!resources || !resources->count_crtcs)
		return NULL;
	*crtc = resources->crtcs[0];
	for (i = 0; i < resources->count_connectors; i++) {
		connector = drmModeGetConnector(card, resources->connectors[i]);
		for (j = 0; connector && connector->connection == DRM_MODE_CONNECTED &&
			    j < connector->count_modes; j++) {
			*mode = connector->modes[j];
			if (mode->hdisplay == WIDTH && mode->vdisplay == HEIGHT) {
				drmModeFreeResources(resources);
				return connector;
			}
		}
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(resources);
	return NULL;
}

/* A framebuffer of the card whose memory is the dma-buf's. */
static uint32_t make_framebuffer(int card, int dmabuf)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { PITCH }, offsets[4] = { 0 }, framebuffer;

	if (drmPrimeFDToHandle(card, dmabuf, &handles[0]))
		error(1, errno, "the display's driver cannot import it");
	if (drmModeAddFB2(card, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, handles, pitches, offsets,
			  &framebuffer, 0))
		error(1, errno, "the display's driver cannot show it");
	return framebuffer;
}

static void paint(uint32_t *pixels, uint32_t colour)
{
	int i;

	for (i = 0; i < WIDTH * HEIGHT; i++)
		pixels[i] = colour + i % WIDTH * 255 / WIDTH;
}

int main(int argc, char **argv)
{
	int card, memfd = memfd_create("picture", MFD_ALLOW_SEALING), dmabuf, ret;
	struct zcgem_device *dev;
	drmModeConnector *connector;
	uint32_t framebuffer, crtc;
	drmModeModeInfo mode;
	struct zcgem_bo *bo;
	void *pixels;

	if (argc != 2)
		error(2, 0, "usage: %s CARD", argv[0]);
	if (memfd < 0 || ftruncate(memfd, SIZE) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		error(1, errno, "memfd");
	pixels = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (pixels == MAP_FAILED)
		error(1, errno, "mmap");
	paint(pixels, 0x400000);

	ret = zcgem_device_open(&dev);
	if (!ret)
		ret = zcgem_bo_wrap_memfd(dev, memfd, 0, SIZE, 0, &bo);
	if (ret)
		error(1, -ret, "cannot wrap the memfd");
	dmabuf = zcgem_bo_export(bo, 0);
	if (dmabuf < 0)
		error(1, -dmabuf, "cannot export it");

	card = open(argv[1], O_RDWR | O_CLOEXEC);
	if (card < 0)
		error(1, errno, "%s", argv[1]);
	connector = find_display(card, &mode, &crtc);
	if (!connector)
		error(1, 0, "%s: no display of %dx%d", argv[1], WIDTH, HEIGHT);
	framebuffer = make_framebuffer(card, dmabuf);
	if (drmModeSetCrtc(card, crtc, framebuffer, 0, 0, &connector->connector_id, 1, &mode))
		error(1, errno, "cannot set the mode");

	/* Nothing is wrapped or set again: the display shows the memfd. */
	paint(pixels, 0x004000);
	if (drmModeDirtyFB(card, framebuffer, NULL, 0) && errno != ENOSYS)
		error(1, errno, "cannot tell the display");
	printf("shown on %s: a memfd of %d bytes\n", argv[1], SIZE);

	drmModeRmFB(card, framebuffer);
	drmModeFreeConnector(connector);
	close(dmabuf);
	zcgem_bo_unref(bo);
	zcgem_device_unref(dev);
	return 0;
}
