/* SPDX-License-Identifier: MIT */
/*
 * Decodes a PNG file into a surface.
 */
#ifndef ZCGEM_PICTURE_H
#define ZCGEM_PICTURE_H

#include <stdint.h>

#include "pixel.h"

/* Room for what went wrong, and what the file was. */
struct picture {
	uint32_t width;
	uint32_t height;
	char error[160];
};

/*
 * Decode @path so that it fills @surface: scaled with its shape kept, what
 * sticks out cut off evenly. Every pixel is written once, straight to where it
 * stays; no decoded picture exists elsewhere, but for interlaced files, whose
 * rows do not come in order.
 *
 * Returns 0, or -1 with picture->error set.
 */
int picture_decode(struct picture *picture, const char *path, const struct surface *surface);

#endif /* ZCGEM_PICTURE_H */
