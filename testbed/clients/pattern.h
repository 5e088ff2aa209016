/* SPDX-License-Identifier: MIT */
/*
 * The picture that clients draw and screenshots must show: four colours, and a diagonal.
 */
#ifndef CLIENTS_PATTERN_H
#define CLIENTS_PATTERN_H

#include <stdint.h>

static inline uint32_t pattern(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	static const uint32_t colours[] = { 0xffc02030, 0xff30b040, 0xff2040d0, 0xffe0d040 };

	if (x == y)
		return 0xffffffff;
	return colours[(x >= width / 2) + 2 * (y >= height / 2)];
}

#endif
