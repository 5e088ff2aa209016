// SPDX-License-Identifier: MIT
/*
 * Pixel formats and what is done with a picture in memory, see pixel.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drm_fourcc.h>

#include "pixel.h"

static void store_rgb888(uint8_t *at, const uint8_t *rgb)
{
	at[0] = rgb[2];
	at[1] = rgb[1];
	at[2] = rgb[0];
}

static void store_xrgb8888(uint8_t *at, const uint8_t *rgb)
{
	store_rgb888(at, rgb);
	at[3] = 0xff;
}

static void load_rgb888(const uint8_t *at, uint8_t *rgb)
{
	rgb[0] = at[2];
	rgb[1] = at[1];
	rgb[2] = at[0];
}

static void store_rgb565(uint8_t *at, const uint8_t *rgb)
{
	uint16_t value = (rgb[0] >> 3) << 11 | (rgb[1] >> 2) << 5 | rgb[2] >> 3;

	at[0] = value & 0xff;
	at[1] = value >> 8;
}

/* The upper bits again as the lower ones, so that white comes back white. */
static void load_rgb565(const uint8_t *at, uint8_t *rgb)
{
	uint16_t value = at[0] | at[1] << 8;
	uint8_t r = value >> 11, g = (value >> 5) & 0x3f, b = value & 0x1f;

	rgb[0] = r << 3 | r >> 2;
	rgb[1] = g << 2 | g >> 4;
	rgb[2] = b << 3 | b >> 2;
}

const struct pixel_format pixel_formats[] = {
	{ DRM_FORMAT_XRGB8888, "XR24", 4, 32, store_xrgb8888, load_rgb888 },
	{ DRM_FORMAT_RGB888, "RG24", 3, 24, store_rgb888, load_rgb888 },
	{ DRM_FORMAT_RGB565, "RG16", 2, 16, store_rgb565, load_rgb565 },
};

const size_t pixel_format_count = sizeof(pixel_formats) / sizeof(pixel_formats[0]);

const struct pixel_format *pixel_format_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < pixel_format_count; i++)
		if (!strcmp(pixel_formats[i].name, name))
			return &pixel_formats[i];
	return NULL;
}

void surface_invert(const struct surface *surface)
{
	size_t row = (size_t)surface->width * surface->format->bytes;
	uint32_t y;
	size_t i;

	for (y = 0; y < surface->height; y++)
		for (i = 0; i < row; i++)
			surface->pixels[(size_t)y * surface->pitch + i] ^= 0xff;
}

int surface_dump(const struct surface *surface, const char *path)
{
	size_t row_size = (size_t)surface->width * 3;
	uint8_t *row = malloc(row_size);
	FILE *file;
	uint32_t x, y;
	int ret = 0;

	if (!row)
		return -ENOMEM;
	file = fopen(path, "wb");
	if (!file) {
		ret = -errno;
		free(row);
		return ret;
	}

	if (fprintf(file, "P6\n%u %u\n255\n", surface->width, surface->height) < 0)
		ret = -errno;
	for (y = 0; y < surface->height && !ret; y++) {
		const uint8_t *at = surface->pixels + (size_t)y * surface->pitch;

		for (x = 0; x < surface->width; x++, at += surface->format->bytes)
			surface->format->load(at, row + 3 * x);
		if (fwrite(row, row_size, 1, file) != 1)
			ret = -errno;
	}
	if (fclose(file) && !ret)
		ret = -errno;
	free(row);
	return ret;
}
