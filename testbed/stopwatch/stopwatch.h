/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _STOPWATCH_H_
#define _STOPWATCH_H_

#include <linux/ioctl.h>
#include <linux/types.h>

/* Attach as an importer that follows moves. */
#define STOPWATCH_DYNAMIC	(1u << 0)

/**
 * struct stopwatch_import - What an importer's calls take, each done once.
 */
struct stopwatch_import {
	/** @dmabuf: In, the dma-buf. */
	__s32 dmabuf;

	/** @flags: In, %STOPWATCH_DYNAMIC or 0. */
	__u32 flags;

	/** @map: Out, nanoseconds of attaching and mapping. */
	__u64 map;

	/** @unmap: Out, nanoseconds of unmapping and detaching. */
	__u64 unmap;

	/** @nents: Out, entries of the scatter list. */
	__u64 nents;
};

/**
 * struct stopwatch_vmap - What mapping a dma-buf into the kernel takes.
 */
struct stopwatch_vmap {
	/** @dmabuf: In, the dma-buf. */
	__s32 dmabuf;

	/** @pad: In, zero. */
	__u32 pad;

	/** @vmap: Out, nanoseconds. */
	__u64 vmap;

	/** @vunmap: Out, nanoseconds. */
	__u64 vunmap;
};

/**
 * struct stopwatch_pin - What the kernel's own part of wrapping a memfd takes.
 *
 * memfd_pin_folios() of all pages at once, and unpin_folio() of each folio: no driver
 * that holds memfd pages can take less.
 */
struct stopwatch_pin {
	/** @memfd: In, the memfd. */
	__s32 memfd;

	/** @pad: In, zero. */
	__u32 pad;

	/** @size: In, bytes from the start of the memfd. */
	__u64 size;

	/** @pin: Out, nanoseconds. */
	__u64 pin;

	/** @unpin: Out, nanoseconds. */
	__u64 unpin;

	/** @folios: Out, how many folios there were. */
	__u64 folios;
};

#define STOPWATCH_IMPORT	_IOWR('w', 1, struct stopwatch_import)
#define STOPWATCH_VMAP		_IOWR('w', 2, struct stopwatch_vmap)
#define STOPWATCH_PIN		_IOWR('w', 3, struct stopwatch_pin)

#endif /* _STOPWATCH_H_ */
