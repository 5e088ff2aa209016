// SPDX-License-Identifier: MIT
/*
 * Making a framebuffer of a dma-buf and putting it on the display: atomic where
 * the driver has it, else the legacy call.
 */
#include <errno.h>
#include <error.h>
#include <string.h>

#include "kms.h"

int kms_import(struct kms *kms, int dmabuf, const struct surface *surface)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { surface->pitch }, offsets[4] = { 0 };
	int ret;

	ret = drmPrimeFDToHandle(kms->fd, dmabuf, &kms->handle);
	if (ret) {
		ret = -errno;
		error(0, -ret, "%s: %s does not take the dma-buf", kms->node, kms->driver);
		return ret;
	}
	handles[0] = kms->handle;
	ret = drmModeAddFB2(kms->fd, surface->width, surface->height, surface->format->fourcc,
			    handles, pitches, offsets, &kms->framebuffer, 0);
	if (ret) {
		ret = -errno;
		error(0, -ret, "%s: no framebuffer of %ux%u %s with pitch %u", kms->node,
		      surface->width, surface->height, surface->format->name, surface->pitch);
	}
	return ret;
}

struct setting {
	const char *name;
	uint64_t value;
};

/* Add properties of one KMS object by their names. */
static int add_settings(struct kms *kms, drmModeAtomicReqPtr request, uint32_t id, uint32_t type,
			const struct setting *settings, size_t count)
{
	drmModeObjectPropertiesPtr properties = drmModeObjectGetProperties(kms->fd, id, type);
	size_t added = 0, n;
	uint32_t i;

	for (i = 0; properties && i < properties->count_props; i++) {
		drmModePropertyPtr property = drmModeGetProperty(kms->fd, properties->props[i]);

		for (n = 0; property && n < count; n++)
			if (!strcmp(property->name, settings[n].name) &&
			    drmModeAtomicAddProperty(request, id, property->prop_id,
						     settings[n].value) >= 0)
				added++;
		drmModeFreeProperty(property);
	}
	drmModeFreeObjectProperties(properties);
	return added == count ? 0 : -EINVAL;
}

#define ADD(kms, request, id, type, settings) \
	add_settings(kms, request, id, type, settings, sizeof(settings) / sizeof((settings)[0]))

static int show_atomic(struct kms *kms)
{
	uint64_t width = kms->mode.hdisplay, height = kms->mode.vdisplay;
	drmModeAtomicReqPtr request;
	int ret;

	if (!kms->mode_blob && drmModeCreatePropertyBlob(kms->fd, &kms->mode, sizeof(kms->mode),
							 &kms->mode_blob))
		return -errno;

	const struct setting connector[] = { { "CRTC_ID", kms->crtc } };
	const struct setting crtc[] = { { "MODE_ID", kms->mode_blob }, { "ACTIVE", 1 } };
	const struct setting plane[] = {
		{ "FB_ID", kms->framebuffer }, { "CRTC_ID", kms->crtc },
		{ "SRC_X", 0 }, { "SRC_Y", 0 }, { "SRC_W", width << 16 }, { "SRC_H", height << 16 },
		{ "CRTC_X", 0 }, { "CRTC_Y", 0 }, { "CRTC_W", width }, { "CRTC_H", height },
	};

	request = drmModeAtomicAlloc();
	if (!request)
		return -ENOMEM;
	ret = ADD(kms, request, kms->connector, DRM_MODE_OBJECT_CONNECTOR, connector);
	if (!ret)
		ret = ADD(kms, request, kms->crtc, DRM_MODE_OBJECT_CRTC, crtc);
	if (!ret)
		ret = ADD(kms, request, kms->plane, DRM_MODE_OBJECT_PLANE, plane);
	if (!ret && drmModeAtomicCommit(kms->fd, request, DRM_MODE_ATOMIC_ALLOW_MODESET, NULL))
		ret = -errno;
	drmModeAtomicFree(request);
	return ret;
}

static int show_legacy(struct kms *kms)
{
	return drmModeSetCrtc(kms->fd, kms->crtc, kms->framebuffer, 0, 0, &kms->connector, 1,
			      &kms->mode) ? -errno : 0;
}

int kms_show(struct kms *kms)
{
	int ret = -EINVAL;

	if (kms->atomic) {
		ret = show_atomic(kms);
		kms->atomic = !ret;
	}
	if (ret)
		ret = show_legacy(kms);
	if (ret)
		error(0, -ret, "%s: cannot show %s on %s", kms->node, kms->mode.name,
		      kms->connector_name);
	return ret;
}

/*
 * A driver without DirtyFB reads the framebuffer for every frame. Setting it
 * again waits for the next one.
 */
int kms_refresh(struct kms *kms, bool *dirty)
{
	int ret = drmModeDirtyFB(kms->fd, kms->framebuffer, NULL, 0) ? -errno : 0;

	*dirty = !ret;
	if (ret == -ENOSYS)
		return kms_show(kms);
	if (ret)
		error(0, -ret, "%s: DirtyFB", kms->node);
	return ret;
}
