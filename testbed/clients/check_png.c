// SPDX-License-Identifier: MIT
/*
 * Judges a screenshot: "check_png FILE pattern" wants pattern.h's picture on all of it,
 * "check_png FILE colours N" wants N colours at least.
 */
#include <png.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "pattern.h"

static void check_pattern(const uint32_t *pixels, uint32_t width, uint32_t height)
{
	uint32_t x, y, wrong = 0;

	for (y = 0; y < height; y++)
		for (x = 0; x < width; x++)
			wrong += (pixels[y * width + x] ^ pattern(x, y, width, height)) & 0xffffff ?
				 1 : 0;
	if (wrong)
		die("%u of %u pixels are wrong; the first is %#x", wrong, width * height, pixels[0]);
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void check_colours(uint32_t *pixels, uint32_t count, unsigned int least)
{
	unsigned int colours = 1;
	uint32_t i;

	qsort(pixels, count, sizeof(*pixels), compare);
	for (i = 1; i < count; i++)
		colours += pixels[i] != pixels[i - 1];
	if (colours < least)
		die("only %u colours", colours);
}

int main(int argc, char **argv)
{
	png_image image = { .version = PNG_IMAGE_VERSION };
	uint32_t *pixels;

	if (argc < 3 || !png_image_begin_read_from_file(&image, argv[1]))
		die("%s: %s", argv[1], image.message);
	image.format = PNG_FORMAT_BGRA;
	pixels = malloc(PNG_IMAGE_SIZE(image));
	if (!pixels || !png_image_finish_read(&image, NULL, pixels, 0, NULL))
		die("%s: %s", argv[1], image.message);

	if (!strcmp(argv[2], "pattern"))
		check_pattern(pixels, image.width, image.height);
	else
		check_colours(pixels, image.width * image.height, atoi(argv[3]));
	free(pixels);
	return 0;
}
