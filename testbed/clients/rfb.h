/* SPDX-License-Identifier: MIT */
/*
 * What a VNC server shows.
 */
#ifndef CLIENTS_RFB_H
#define CLIENTS_RFB_H

#include <stdint.h>

/* Asks the server on a Unix socket once; the screen must be width by height. XRGB8888. */
void rfb_screen(const char *path, uint32_t *pixels, unsigned int width, unsigned int height);

#endif
