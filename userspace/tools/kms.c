// SPDX-License-Identifier: MIT
/*
 * Choosing a card, and on it what will show the framebuffer.
 */
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kms.h"

#define MAX_CARDS	64

/* Open a card; 1 if it cannot show anything or is zcgem itself. */
static int try_card(struct kms *kms, const char *node)
{
	drmVersionPtr version;
	drmModeResPtr resources;
	int ret = 1;

	kms->fd = open(node, O_RDWR | O_CLOEXEC);
	if (kms->fd < 0)
		return -errno;

	version = drmGetVersion(kms->fd);
	resources = drmModeGetResources(kms->fd);
	if (version && strcmp(version->name, "zcgem") && resources &&
	    resources->count_connectors && resources->count_crtcs) {
		snprintf(kms->node, sizeof(kms->node), "%s", node);
		snprintf(kms->driver, sizeof(kms->driver), "%s", version->name);
		ret = 0;
	}
	drmModeFreeResources(resources);
	drmFreeVersion(version);
	if (ret) {
		close(kms->fd);
		kms->fd = -1;
	}
	return ret;
}

static int find_card(struct kms *kms)
{
	drmDevicePtr devices[MAX_CARDS];
	int count = drmGetDevices2(0, devices, MAX_CARDS), i, ret = 1;

	if (count > MAX_CARDS)
		count = MAX_CARDS;
	for (i = 0; i < count && ret; i++)
		if (devices[i]->available_nodes & (1 << DRM_NODE_PRIMARY))
			ret = try_card(kms, devices[i]->nodes[DRM_NODE_PRIMARY]);
	if (count > 0)
		drmFreeDevices(devices, count);

	if (ret > 0)
		error(0, 0, "no card with a display found; --card names one");
	else if (ret)
		error(0, -ret, "cannot open a card; --card names one");
	return ret > 0 ? -ENODEV : ret;
}

int kms_open(struct kms *kms, const char *node, bool legacy)
{
	uint64_t prime = 0;
	int ret;

	memset(kms, 0, sizeof(*kms));
	kms->fd = -1;
	if (node) {
		ret = try_card(kms, node);
		if (ret < 0) {
			error(0, -ret, "%s", node);
		} else if (ret) {
			error(0, 0, "%s: not a card that drives a display", node);
			ret = -ENODEV;
		}
	} else {
		ret = find_card(kms);
	}
	if (ret)
		return ret;

	if (drmGetCap(kms->fd, DRM_CAP_PRIME, &prime) || !(prime & DRM_PRIME_CAP_IMPORT)) {
		error(0, 0, "%s: %s does not import dma-bufs", kms->node, kms->driver);
		return -EOPNOTSUPP;
	}
	/* Only now do planes show up that legacy calls use silently. */
	drmSetClientCap(kms->fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1);
	kms->atomic = !legacy && !drmSetClientCap(kms->fd, DRM_CLIENT_CAP_ATOMIC, 1);
	return 0;
}

static drmModeConnectorPtr find_connector(struct kms *kms, drmModeResPtr resources)
{
	int i;

	for (i = 0; i < resources->count_connectors; i++) {
		drmModeConnectorPtr connector = drmModeGetConnector(kms->fd,
								    resources->connectors[i]);

		/* Virtual displays may not know whether anybody looks at them. */
		if (connector && connector->connection != DRM_MODE_DISCONNECTED &&
		    connector->count_modes)
			return connector;
		drmModeFreeConnector(connector);
	}
	return NULL;
}

static int choose_mode(struct kms *kms, drmModeConnectorPtr connector, const char *wanted)
{
	unsigned int width = 0, height = 0;
	int i, found = -1, end = 0;

	if (wanted && (sscanf(wanted, "%ux%u%n", &width, &height, &end) != 2 || wanted[end])) {
		error(0, 0, "--mode: '%s' is not WIDTHxHEIGHT", wanted);
		return -EINVAL;
	}
	for (i = 0; i < connector->count_modes; i++) {
		drmModeModeInfoPtr mode = &connector->modes[i];

		if (wanted ? mode->hdisplay == width && mode->vdisplay == height :
			     !!(mode->type & DRM_MODE_TYPE_PREFERRED)) {
			found = i;
			break;
		}
	}
	if (found < 0 && wanted) {
		error(0, 0, "%s: %s has no mode %s", kms->node, kms->connector_name, wanted);
		return -EINVAL;
	}
	kms->mode = connector->modes[found < 0 ? 0 : found];
	return 0;
}

static int choose_crtc(struct kms *kms, drmModeResPtr resources, drmModeConnectorPtr connector)
{
	uint32_t possible = 0;
	int i;

	for (i = 0; i < connector->count_encoders; i++) {
		drmModeEncoderPtr encoder = drmModeGetEncoder(kms->fd, connector->encoders[i]);

		if (encoder)
			possible |= encoder->possible_crtcs;
		drmModeFreeEncoder(encoder);
	}
	for (i = 0; i < resources->count_crtcs; i++) {
		if (!(possible & (1u << i)))
			continue;
		kms->crtc = resources->crtcs[i];
		kms->crtc_index = i;
		return 0;
	}
	error(0, 0, "%s: nothing drives %s", kms->node, kms->connector_name);
	return -ENODEV;
}

static bool is_primary(struct kms *kms, uint32_t plane)
{
	drmModeObjectPropertiesPtr properties =
		drmModeObjectGetProperties(kms->fd, plane, DRM_MODE_OBJECT_PLANE);
	bool primary = false;
	uint32_t i;

	for (i = 0; properties && i < properties->count_props; i++) {
		drmModePropertyPtr property = drmModeGetProperty(kms->fd, properties->props[i]);

		if (property && !strcmp(property->name, "type"))
			primary = properties->prop_values[i] == DRM_PLANE_TYPE_PRIMARY;
		drmModeFreeProperty(property);
	}
	drmModeFreeObjectProperties(properties);
	return primary;
}

static void choose_plane(struct kms *kms)
{
	drmModePlaneResPtr planes = drmModeGetPlaneResources(kms->fd);
	uint32_t i;

	for (i = 0; planes && i < planes->count_planes && !kms->plane; i++) {
		drmModePlanePtr plane = drmModeGetPlane(kms->fd, planes->planes[i]);

		if (plane && plane->possible_crtcs & (1u << kms->crtc_index) &&
		    is_primary(kms, plane->plane_id))
			kms->plane = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	if (!kms->plane)
		kms->atomic = false;
}

int kms_choose(struct kms *kms, const char *mode)
{
	drmModeResPtr resources = drmModeGetResources(kms->fd);
	drmModeConnectorPtr connector;
	int ret;

	if (!resources) {
		error(0, errno, "%s: cannot read its resources", kms->node);
		return -ENODEV;
	}
	connector = find_connector(kms, resources);
	if (!connector) {
		error(0, 0, "%s: no display is connected", kms->node);
		ret = -ENODEV;
		goto out;
	}
	kms->connector = connector->connector_id;
	snprintf(kms->connector_name, sizeof(kms->connector_name), "%s-%u",
		 drmModeGetConnectorTypeName(connector->connector_type) ?: "display",
		 connector->connector_type_id);

	ret = choose_mode(kms, connector, mode);
	if (!ret)
		ret = choose_crtc(kms, resources, connector);
	if (!ret)
		choose_plane(kms);
	drmModeFreeConnector(connector);
out:
	drmModeFreeResources(resources);
	return ret;
}

static bool plane_takes(drmModePlanePtr plane, uint32_t fourcc)
{
	uint32_t i;

	/* Without a list there is only the format that every driver has. */
	if (!plane)
		return fourcc == pixel_formats[0].fourcc;
	for (i = 0; i < plane->count_formats; i++)
		if (plane->formats[i] == fourcc)
			return true;
	return false;
}

int kms_format(struct kms *kms, const char *name, const struct pixel_format **format)
{
	drmModePlanePtr plane = kms->plane ? drmModeGetPlane(kms->fd, kms->plane) : NULL;
	int ret = -EINVAL;
	size_t i;

	for (i = 0; i < pixel_format_count && ret; i++) {
		if (name && strcmp(name, pixel_formats[i].name))
			continue;
		if (!plane_takes(plane, pixel_formats[i].fourcc))
			continue;
		*format = &pixel_formats[i];
		ret = 0;
	}
	drmModeFreePlane(plane);
	if (ret && name)
		error(0, 0, "%s: the plane does not take %s", kms->node, name);
	else if (ret)
		error(0, 0, "%s: the plane takes none of XR24, RG24, RG16", kms->node);
	return ret;
}

/*
 * Drivers do not state what pitch they need, but a dumb buffer has one that
 * fits. The buffer has no pages until it is mapped, so asking is cheap.
 */
uint32_t kms_pitch(struct kms *kms, const struct pixel_format *format)
{
	struct drm_mode_create_dumb create = {
		.width = kms->mode.hdisplay,
		.height = kms->mode.vdisplay,
		.bpp = format->bits,
	};
	struct drm_mode_destroy_dumb destroy = { 0 };
	uint32_t pitch = (kms->mode.hdisplay * format->bytes + 63) & ~63u;

	if (drmIoctl(kms->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return pitch;
	if (create.pitch >= kms->mode.hdisplay * format->bytes)
		pitch = create.pitch;
	destroy.handle = create.handle;
	drmIoctl(kms->fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	return pitch;
}

void kms_close(struct kms *kms)
{
	struct drm_gem_close close_handle = { .handle = kms->handle };

	if (kms->fd < 0)
		return;
	/* Removing the framebuffer turns the CRTC off; the console then comes back. */
	if (kms->framebuffer)
		drmModeRmFB(kms->fd, kms->framebuffer);
	if (kms->handle)
		drmIoctl(kms->fd, DRM_IOCTL_GEM_CLOSE, &close_handle);
	if (kms->mode_blob)
		drmModeDestroyPropertyBlob(kms->fd, kms->mode_blob);
	close(kms->fd);
	kms->fd = -1;
}
