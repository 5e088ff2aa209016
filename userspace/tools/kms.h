/* SPDX-License-Identifier: MIT */
/*
 * A display that shows one framebuffer: choosing the card, its connector, mode
 * and plane, and putting an imported dma-buf there. Functions that return int
 * give 0 or a negative errno and have said on stderr what went wrong.
 */
#ifndef ZCGEM_KMS_H
#define ZCGEM_KMS_H

#include <stdbool.h>
#include <stdint.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "pixel.h"

struct kms {
	int fd;
	char node[64];
	char driver[32];
	bool atomic;

	uint32_t connector;
	char connector_name[32];
	drmModeModeInfo mode;
	uint32_t crtc;
	unsigned int crtc_index;
	uint32_t plane;		/* 0 if the driver does not tell its planes */

	uint32_t handle;
	uint32_t framebuffer;
	uint32_t mode_blob;
};

/* kms.c: open @node, or the first card with a display that is not zcgem. */
int kms_open(struct kms *kms, const char *node, bool legacy);
/* Choose connector, CRTC and plane; @mode is "WxH" or NULL for the preferred one. */
int kms_choose(struct kms *kms, const char *mode);
/* The format of this name, or the best if NULL, if the plane takes it. */
int kms_format(struct kms *kms, const char *name, const struct pixel_format **format);
/* Bytes from row to row that the driver's own buffers have. */
uint32_t kms_pitch(struct kms *kms, const struct pixel_format *format);
void kms_close(struct kms *kms);

/* kms_commit.c: import @dmabuf and make a framebuffer of it. */
int kms_import(struct kms *kms, int dmabuf, const struct surface *surface);
/* Show the framebuffer. */
int kms_show(struct kms *kms);
/* Have the framebuffer read again; *@dirty tells whether the driver flushes by DirtyFB. */
int kms_refresh(struct kms *kms, bool *dirty);

#endif /* ZCGEM_KMS_H */
