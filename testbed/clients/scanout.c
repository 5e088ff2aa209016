// SPDX-License-Identifier: MIT
/*
 * A picture of a dma-buf on a display: the first connected one of a card, in its mode of
 * that size, by the legacy calls, which every driver has.
 */
#include <drm_fourcc.h>
#include <fcntl.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "buffer.h"
#include "scanout.h"

static drmModeConnector *connected(int node, drmModeRes *resources)
{
	int i;

	for (i = 0; i < resources->count_connectors; i++) {
		drmModeConnector *connector =
			drmModeGetConnector(node, resources->connectors[i]);

		if (connector && connector->connection != DRM_MODE_DISCONNECTED &&
		    connector->count_modes)
			return connector;
		drmModeFreeConnector(connector);
	}
	die("no display is connected");
}

static drmModeModeInfo *mode_of(drmModeConnector *connector, uint32_t width, uint32_t height)
{
	int i;

	for (i = 0; i < connector->count_modes; i++)
		if (connector->modes[i].hdisplay == width && connector->modes[i].vdisplay == height)
			return &connector->modes[i];
	die("the display has no mode of %ux%u", width, height);
}

void scanout(const char *name, int dmabuf, uint32_t width, uint32_t height, uint32_t pitch)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { pitch }, offsets[4] = { 0 }, framebuffer;
	drmModeConnector *connector;
	drmModeRes *resources;
	int node = open(name, O_RDWR | O_CLOEXEC);

	if (node < 0)
		die("%s: %m", name);
	if (drmPrimeFDToHandle(node, dmabuf, &handles[0]))
		die("%s does not import the dma-buf: %m", name);
	if (drmModeAddFB2(node, width, height, DRM_FORMAT_XRGB8888, handles, pitches, offsets,
			  &framebuffer, 0))
		die("no framebuffer: %m");
	resources = drmModeGetResources(node);
	if (!resources || !resources->count_crtcs)
		die("%s has no display: %m", name);
	connector = connected(node, resources);
	if (drmModeSetCrtc(node, resources->crtcs[0], framebuffer, 0, 0,
			   &connector->connector_id, 1, mode_of(connector, width, height)))
		die("the mode cannot be set: %m");
	drmModeFreeConnector(connector);
	drmModeFreeResources(resources);
}
