/* SPDX-License-Identifier: MIT */
/*
 * The pixel formats that pictures are shown in, and a picture's memory in one.
 */
#ifndef ZCGEM_PIXEL_H
#define ZCGEM_PIXEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pixel_format {
	uint32_t fourcc;
	char name[5];
	unsigned int bytes;
	/* As the kernel counts them for AddFB and dumb buffers. */
	unsigned int bits;
	void (*store)(uint8_t *at, const uint8_t *rgb);
	void (*load)(const uint8_t *at, uint8_t *rgb);
};

/* Best first. */
extern const struct pixel_format pixel_formats[];
extern const size_t pixel_format_count;

const struct pixel_format *pixel_format_by_name(const char *name);

/* Where a picture is in memory. */
struct surface {
	const struct pixel_format *format;
	uint32_t width;
	uint32_t height;
	uint32_t pitch;		/* bytes from one row to the next */
	uint8_t *pixels;
};

/* Replace every pixel by its complement. */
void surface_invert(const struct surface *surface);

/* Write the picture as a binary PPM. Returns 0 or a negative errno. */
int surface_dump(const struct surface *surface, const char *path);

#endif /* ZCGEM_PIXEL_H */
