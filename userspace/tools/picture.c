// SPDX-License-Identifier: MIT
/*
 * PNG to surface, row by row, see picture.h.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "picture.h"

/* The source's rows as 8 bit RGB; asked for in ascending order. */
struct source {
	struct picture *picture;
	FILE *file;
	png_structp png;
	png_infop info;
	uint8_t *row;		/* the row that was read last */
	uint32_t rows_read;
	uint8_t **image;	/* all rows, if the file is interlaced */
	uint32_t *sums;		/* of one row of the surface */
};

static void png_failed(png_structp png, png_const_charp message)
{
	struct source *source = png_get_error_ptr(png);

	snprintf(source->picture->error, sizeof(source->picture->error), "%s", message);
	png_longjmp(png, 1);
}

/* Libpng warns about harmless things, such as colour profiles it does not like. */
static void png_warned(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void *source_alloc(struct source *source, size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		png_error(source->png, "no memory");
	return memory;
}

static void source_start(struct source *source)
{
	struct picture *picture = source->picture;
	static const png_color_16 black;
	size_t row_size;
	uint32_t y;

	png_init_io(source->png, source->file);
	png_read_info(source->png, source->info);
	png_set_expand(source->png);
	png_set_scale_16(source->png);
	png_set_gray_to_rgb(source->png);
	if (png_get_color_type(source->png, source->info) & PNG_COLOR_MASK_ALPHA ||
	    png_get_valid(source->png, source->info, PNG_INFO_tRNS))
		png_set_background(source->png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 1.0);
	png_set_interlace_handling(source->png);
	png_read_update_info(source->png, source->info);

	picture->width = png_get_image_width(source->png, source->info);
	picture->height = png_get_image_height(source->png, source->info);
	row_size = png_get_rowbytes(source->png, source->info);
	if (row_size != (size_t)picture->width * 3)
		png_error(source->png, "pixels do not decode to RGB");

	if (png_get_interlace_type(source->png, source->info) == PNG_INTERLACE_NONE) {
		source->row = source_alloc(source, row_size, 1);
		return;
	}
	source->image = source_alloc(source, picture->height, sizeof(*source->image));
	for (y = 0; y < picture->height; y++)
		source->image[y] = source_alloc(source, row_size, 1);
	png_read_image(source->png, source->image);
}

static const uint8_t *source_row(struct source *source, uint32_t y)
{
	if (source->image)
		return source->image[y];
	for (; source->rows_read <= y; source->rows_read++)
		png_read_row(source->png, source->row, NULL);
	return source->row;
}

static void source_end(struct source *source)
{
	uint32_t y;

	if (source->image)
		for (y = 0; y < source->picture->height; y++)
			free(source->image[y]);
	free(source->image);
	free(source->row);
	free(source->sums);
	png_destroy_read_struct(&source->png, &source->info, NULL);
	fclose(source->file);
}

/* A length of the source that is stretched or shrunk onto @count pixels. */
struct span {
	uint32_t start;
	uint32_t length;
	uint32_t count;
};

/* The source pixels [from, to) that make up pixel @i; never empty. */
static void span_at(const struct span *span, uint32_t i, uint32_t *from, uint32_t *to)
{
	*from = span->start + (uint64_t)i * span->length / span->count;
	*to = span->start + (uint64_t)(i + 1) * span->length / span->count;
	if (*to <= *from)
		*to = *from + 1;
}

/* The largest middle part of the source that has the surface's shape. */
static void crop(const struct picture *picture, const struct surface *surface,
		 struct span *across, struct span *down)
{
	uint64_t width = picture->width, height = picture->height;

	if (width * surface->height > height * surface->width)
		width = height * surface->width / surface->height;
	else
		height = width * surface->height / surface->width;
	if (!width)
		width = 1;
	if (!height)
		height = 1;

	*across = (struct span){ (picture->width - width) / 2, width, surface->width };
	*down = (struct span){ (picture->height - height) / 2, height, surface->height };
}

static void add_row(uint32_t *sums, const uint8_t *row, const struct span *across)
{
	uint32_t x, from, to, i;

	for (x = 0; x < across->count; x++, sums += 3) {
		span_at(across, x, &from, &to);
		for (i = from; i < to; i++) {
			sums[0] += row[3 * i];
			sums[1] += row[3 * i + 1];
			sums[2] += row[3 * i + 2];
		}
	}
}

static void store_row(const struct surface *surface, uint32_t y, const uint32_t *sums,
		      const struct span *across, uint32_t rows)
{
	uint8_t *at = surface->pixels + (size_t)y * surface->pitch;
	uint32_t x, from, to, count;

	for (x = 0; x < surface->width; x++, sums += 3, at += surface->format->bytes) {
		uint8_t rgb[3];

		span_at(across, x, &from, &to);
		count = rows * (to - from);
		rgb[0] = sums[0] / count;
		rgb[1] = sums[1] / count;
		rgb[2] = sums[2] / count;
		surface->format->store(at, rgb);
	}
}

/* Each pixel is the mean of the source's pixels that it covers. */
static void decode(struct source *source, const struct surface *surface)
{
	struct span across, down;
	uint32_t y, from, to, i;

	source_start(source);
	crop(source->picture, surface, &across, &down);
	source->sums = source_alloc(source, surface->width, 3 * sizeof(uint32_t));

	for (y = 0; y < surface->height; y++) {
		memset(source->sums, 0, surface->width * 3 * sizeof(uint32_t));
		span_at(&down, y, &from, &to);
		for (i = from; i < to; i++)
			add_row(source->sums, source_row(source, i), &across);
		store_row(surface, y, source->sums, &across, to - from);
	}
}

/* Libpng comes back here by longjmp(); @source is outside of this frame for that. */
static int try_decode(struct source *source, const struct surface *surface)
{
	source->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, source, png_failed, png_warned);
	if (source->png)
		source->info = png_create_info_struct(source->png);
	if (!source->info) {
		snprintf(source->picture->error, sizeof(source->picture->error), "no memory");
		return -1;
	}
	if (setjmp(png_jmpbuf(source->png)))
		return -1;
	decode(source, surface);
	return 0;
}

int picture_decode(struct picture *picture, const char *path, const struct surface *surface)
{
	struct source source = { .picture = picture };
	int ret;

	memset(picture, 0, sizeof(*picture));
	source.file = fopen(path, "rb");
	if (!source.file) {
		snprintf(picture->error, sizeof(picture->error), "%s", strerror(errno));
		return -1;
	}
	ret = try_decode(&source, surface);
	source_end(&source);
	return ret;
}
