/* SPDX-License-Identifier: MIT */
/*
 * A picture of a dma-buf on a display: the first connected one of a card, in its mode of
 * that size, by the legacy calls, which every driver has.
 */
#ifndef CLIENTS_SCANOUT_H
#define CLIENTS_SCANOUT_H

#include <stdint.h>

/* The node stays open, and the picture on the display, until the program ends. */
void scanout(const char *node, int dmabuf, uint32_t width, uint32_t height, uint32_t pitch);

#endif
