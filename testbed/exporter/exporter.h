/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Makes dma-bufs that the kernel cannot use as memory, for tests only: /dev/exporter.
 */
#ifndef EXPORTER_H
#define EXPORTER_H

#include <linux/ioctl.h>

/* The kernel cannot map it. */
#define EXPORTER_UNMAPPABLE	0
/* The kernel can, but as a device's memory. */
#define EXPORTER_IOMEM		1

/* Takes one of these; returns the descriptor of a dma-buf of one page, or an errno. */
#define EXPORTER_NEW		_IO('Z', 32)

#endif /* EXPORTER_H */
