// SPDX-License-Identifier: MIT
/*
 * A picture that several programs draw, each its own way: the half of the picture below one
 * of its diagonals, from the upper left to the lower right corner.
 */
#include <stddef.h>

#include "buffer.h"
#include "triangle.h"

void triangle_expect(const void *pixels, uint32_t width, uint32_t height, uint32_t pitch,
		     int bottom_up)
{
	uint32_t x, y;

	for (y = 0; y < height; y++) {
		const uint32_t *row = (const void *)((const char *)pixels +
				      (size_t)pitch * (bottom_up ? y : height - 1 - y));

		/* the edge itself may fall to either side */
		for (x = 0; x < width; x++) {
			uint64_t place = (uint64_t)x * height + (uint64_t)y * width;
			uint64_t edge = (uint64_t)width * height;
			uint32_t want = place < edge ? TRIANGLE_COLOUR : TRIANGLE_BACKGROUND;

			if (place + width + height > edge && place < edge + width + height)
				continue;
			if ((row[x] ^ want) & 0xffffff)
				die("pixel %u,%u from the bottom is %#x, not %#x", x, y, row[x],
				    want);
		}
	}
}
