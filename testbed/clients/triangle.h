/* SPDX-License-Identifier: MIT */
/*
 * A picture that several programs draw, each its own way: the half of the picture below one
 * of its diagonals, from the upper left to the lower right corner.
 */
#ifndef CLIENTS_TRIANGLE_H
#define CLIENTS_TRIANGLE_H

#include <stdint.h>

#define TRIANGLE_BACKGROUND	0xff204080
#define TRIANGLE_COLOUR		0xff40c0e0

/* Checks rows of XRGB8888, from the top down or from the bottom up; ends the program if bad. */
void triangle_expect(const void *pixels, uint32_t width, uint32_t height, uint32_t pitch,
		     int bottom_up);

#endif
