// SPDX-License-Identifier: MIT
/*
 * Pictures of every PNG kind end up where and as they should in every format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <png.h>

#include "picture.h"

#define CHECK(condition) do {							\
	if (!(condition)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);	\
		exit(1);							\
	}									\
} while (0)

#define PAINT	0xee

static char path[] = "/tmp/zcgem-picture-XXXXXX";

/* Left half red, right half blue; upper half at full strength, lower at 3/5. */
static void pixel(uint32_t x, uint32_t y, uint32_t width, uint32_t height, uint8_t *rgb)
{
	uint8_t value = y < height / 2 ? 255 : 153;

	rgb[0] = x < width / 2 ? value : 0;
	rgb[1] = 0;
	rgb[2] = x < width / 2 ? 0 : value;
}

static void write_png(uint32_t width, uint32_t height, int depth, int type, int interlace)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
	png_infop info = png_create_info_struct(png);
	static const png_color palette[] = { { 255, 0, 0 }, { 0, 0, 255 }, { 153, 0, 0 }, { 0, 0, 153 } };
	uint8_t *pixels, *at, **rows = calloc(height, sizeof(*rows));
	FILE *file = fopen(path, "wb");
	unsigned int bytes;
	uint32_t x, y;

	CHECK(file && rows);
	png_init_io(png, file);
	png_set_IHDR(png, info, width, height, depth, type, interlace, 0, 0);
	if (type == PNG_COLOR_TYPE_PALETTE)
		png_set_PLTE(png, info, palette, 4);
	png_write_info(png, info);
	bytes = png_get_rowbytes(png, info) / width;
	pixels = calloc((size_t)width * height, bytes);
	CHECK(pixels);
	for (y = 0, at = pixels; y < height; y++) {
		rows[y] = at;
		for (x = 0; x < width; x++, at += bytes) {
			uint8_t rgb[3];
			int i;

			pixel(x, y, width, height, rgb);
			memset(at, 0xff, bytes);
			if (type == PNG_COLOR_TYPE_PALETTE)
				at[0] = (x >= width / 2) + 2 * (y >= height / 2);
			else if (type == PNG_COLOR_TYPE_GRAY)
				at[0] = rgb[0] + rgb[2];
			else
				for (i = 0; i < 3; i++)
					memset(at + i * depth / 8, rgb[i], depth / 8);
		}
	}
	png_write_image(png, rows);
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	fclose(file);
	free(pixels);
	free(rows);
}

static uint8_t load(const struct surface *surface, uint32_t x, uint32_t y, int channel)
{
	uint8_t rgb[3];

	surface->format->load(surface->pixels + y * surface->pitch + x * surface->format->bytes, rgb);
	return rgb[channel];
}

static bool near(int value, int wanted)
{
	return abs(value - wanted) <= 8;
}

/* The corners have the colours that pixel() gave them, and nothing else was written. */
static void check_surface(const char *format, uint32_t width, uint32_t height, bool gray)
{
	struct surface surface = { pixel_format_by_name(format), width, height, 0, NULL };
	uint32_t row = width * surface.format->bytes, y, i;
	struct picture picture;

	surface.pitch = (row + 127) & ~63u;
	surface.pixels = malloc(surface.pitch * height);
	CHECK(surface.pixels);
	memset(surface.pixels, PAINT, surface.pitch * height);

	CHECK(!picture_decode(&picture, path, &surface));
	CHECK(near(load(&surface, 0, 0, 0), 255));
	CHECK(near(load(&surface, 0, height - 1, 0), 153));
	CHECK(near(load(&surface, width - 1, 0, 2), 255));
	CHECK(near(load(&surface, width - 1, height - 1, 2), 153));
	CHECK(near(load(&surface, 0, 0, 1), gray ? 255 : 0));
	CHECK(near(load(&surface, width - 1, 0, 0), gray ? 255 : 0));
	for (y = 0; y < height; y++)
		for (i = row; i < surface.pitch; i++)
			CHECK(surface.pixels[y * surface.pitch + i] == PAINT);

	surface_invert(&surface);
	CHECK(near(load(&surface, 0, 0, 0), 0));
	CHECK(near(load(&surface, 0, height - 1, 0), 102));
	free(surface.pixels);
}

static void check_all_sizes(bool gray)
{
	static const char * const formats[] = { "XR24", "RG24", "RG16" };
	int i;

	for (i = 0; i < 3; i++) {
		check_surface(formats[i], 64, 48, gray);	/* as it is */
		check_surface(formats[i], 16, 12, gray);	/* smaller */
		check_surface(formats[i], 200, 150, gray);	/* larger */
		check_surface(formats[i], 90, 20, gray);	/* cut above and below */
		check_surface(formats[i], 11, 97, gray);	/* cut left and right */
	}
}

static void check_dump(void)
{
	uint8_t pixels[] = { 3, 2, 1, 0, 6, 5, 4, 0 };
	static const char wanted[] = "P6\n2 1\n255\n\1\2\3\4\5\6";
	struct surface surface = { pixel_format_by_name("XR24"), 2, 1, 8, pixels };
	char found[64] = "";
	FILE *file;

	CHECK(!surface_dump(&surface, path));
	file = fopen(path, "rb");
	CHECK(file && fread(found, 1, sizeof(found), file) == sizeof(wanted) - 1);
	fclose(file);
	CHECK(!memcmp(found, wanted, sizeof(wanted) - 1));
	CHECK(surface_dump(&surface, "/nonexistent/file") < 0);
}

static void check_bad_files(void)
{
	struct surface surface = { pixel_format_by_name("XR24"), 64, 48, 256, malloc(256 * 48) };
	struct picture picture;

	write_png(64, 48, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE);
	CHECK(!truncate(path, 120));
	CHECK(picture_decode(&picture, path, &surface) && picture.error[0]);
	CHECK(!truncate(path, 0));
	CHECK(picture_decode(&picture, path, &surface) && picture.error[0]);
	CHECK(picture_decode(&picture, "/nonexistent/file", &surface) && picture.error[0]);
	free(surface.pixels);
}

int main(void)
{
	static const struct {
		int depth, type;
	} kinds[] = {
		{ 8, PNG_COLOR_TYPE_RGB }, { 8, PNG_COLOR_TYPE_RGB_ALPHA },
		{ 16, PNG_COLOR_TYPE_RGB }, { 8, PNG_COLOR_TYPE_PALETTE }, { 8, PNG_COLOR_TYPE_GRAY },
	};
	size_t i;

	CHECK(mkstemp(path) >= 0);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		write_png(64, 48, kinds[i].depth, kinds[i].type, PNG_INTERLACE_NONE);
		check_all_sizes(kinds[i].type == PNG_COLOR_TYPE_GRAY);
		write_png(64, 48, kinds[i].depth, kinds[i].type, PNG_INTERLACE_ADAM7);
		check_all_sizes(kinds[i].type == PNG_COLOR_TYPE_GRAY);
	}
	check_bad_files();
	check_dump();
	CHECK(!unlink(path));
	return 0;
}
