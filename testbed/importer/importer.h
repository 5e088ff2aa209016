/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * A device that imports dma-bufs, for tests only: /dev/importer.
 *
 * An open descriptor is a device of its own with at most one attachment, which goes
 * with it. All calls return 0 or an errno; what the exporter says is passed on.
 */
#ifndef IMPORTER_H
#define IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* It is told of moves and lets go at once; without it, it must be pinned for. */
#define IMPORTER_FOLLOWS	(1u << 0)
/* Told of moves, it keeps its scatter list until IMPORTER_UNMAP. */
#define IMPORTER_KEEPS		(1u << 1)
/* It can do peer-to-peer DMA. */
#define IMPORTER_PEER2PEER	(1u << 2)
/* It cannot do DMA by itself, as a USB device. */
#define IMPORTER_NO_DMA		(1u << 3)
/* Notified of a move, it has the device finish something first: a fence that it adds then. */
#define IMPORTER_FENCES		(1u << 4)
/* It pins by itself and cannot be notified, which kernels before 7 do not know. */
#define IMPORTER_PINS		(1u << 5)
/* Notified of a move, it gives up its pins, too. */
#define IMPORTER_UNPINS		(1u << 6)
/* It is the device of another open descriptor, with an attachment of its own. */
#define IMPORTER_SHARES		(1u << 7)

/**
 * struct importer_attach - Attach the device to a dma-buf.
 * @dmabuf: descriptor of the dma-buf
 * @flags: IMPORTER_*
 * @dma_bits: how many bits of an address the device has, 0 for 64
 * @max_segment: bytes that an entry of its scatter lists may have, 0 for any number
 * @boundary: a power of two, no multiple of which an entry may cross, 0 for none
 * @device: with IMPORTER_SHARES, the other descriptor; its limits hold
 * @pad: 0
 */
struct importer_attach {
	__s32 dmabuf;
	__u32 flags;
	__u32 dma_bits;
	__u32 max_segment;
	__u64 boundary;
	__s32 device;
	__u32 pad;
};

/**
 * struct importer_state - What the device has.
 * @attached: whether there is an attachment
 * @mapped: how many scatter lists it has
 * @entries: entries of the scatter list that are mapped for DMA
 * @longest: bytes of the longest of them
 * @bytes: bytes of all of them
 * @last: the highest DMA address in it
 * @told: how often the exporter has told that the memory moves
 * @fence_pending: whether its fence has not signalled
 * @crossing: entries that cross the device's boundary
 */
struct importer_state {
	__u32 attached;
	__u32 mapped;
	__u32 entries;
	__u32 longest;
	__u64 bytes;
	__u64 last;
	__u64 told;
	__u32 fence_pending;
	__u32 crossing;
};

/**
 * struct importer_copy - Bytes read or written by the device, or by its driver.
 * @offset: where in the buffer
 * @size: bytes, at most IMPORTER_COPY_MAX
 * @data: address of the caller's memory
 * @flags: IMPORTER_COPY_*
 */
struct importer_copy {
	__u64 offset;
	__u64 size;
	__u64 data;
	__u32 flags;
	__u32 pad;
};

#define IMPORTER_COPY_MAX	(1u << 20)
/* Into the buffer and not out of it. */
#define IMPORTER_COPY_WRITE	(1u << 0)
/* By the kernel mapping of IMPORTER_VMAP and not by the scatter list. */
#define IMPORTER_COPY_VMAP	(1u << 1)

/* What IMPORTER_MAP takes. */
#define IMPORTER_BIDIRECTIONAL	0
#define IMPORTER_READS		1
#define IMPORTER_WRITES		2

#define IMPORTER_ATTACH		_IOW('Z', 1, struct importer_attach)
#define IMPORTER_DETACH		_IO('Z', 2)
#define IMPORTER_MAP		_IO('Z', 3)
#define IMPORTER_UNMAP		_IO('Z', 4)
#define IMPORTER_PIN		_IO('Z', 5)
#define IMPORTER_UNPIN		_IO('Z', 6)
#define IMPORTER_VMAP		_IO('Z', 7)
#define IMPORTER_VUNMAP		_IO('Z', 8)
#define IMPORTER_STATE		_IOR('Z', 9, struct importer_state)
#define IMPORTER_COPY		_IOW('Z', 10, struct importer_copy)
/* A fence of work that uses the buffer, until it is signalled or the file closed. */
#define IMPORTER_FENCE		_IO('Z', 11)
#define IMPORTER_SIGNAL		_IO('Z', 12)
/* A second scatter list of the attachment, beside that of IMPORTER_MAP. */
#define IMPORTER_MAP_MORE	_IO('Z', 13)
#define IMPORTER_UNMAP_MORE	_IO('Z', 14)
/* As IMPORTER_MAP, with the reservation of another dma-buf (a descriptor) locked as well, by ticket. */
#define IMPORTER_MAP_BESIDE	_IO('Z', 15)
/* The device goes away, as by an unplug; the attachment and what it has mapped stay. */
#define IMPORTER_REMOVE		_IO('Z', 16)

#endif /* IMPORTER_H */
