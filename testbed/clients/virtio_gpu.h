/* SPDX-License-Identifier: MIT */
/*
 * What a guest's display driver does to QEMU's virtio-gpu with blob=true: a picture in
 * scattered pages of guest memory becomes a resource, for which QEMU calls
 * UDMABUF_CREATE_LIST, and is shown.
 */
#ifndef CLIENTS_VIRTIO_GPU_H
#define CLIENTS_VIRTIO_GPU_H

#include <stdint.h>

/* The picture's size; its pixels fill a number of pages that is no multiple of 7. */
struct virtio_gpu {
	unsigned int width;
	unsigned int height;
};

void virtio_gpu_show(const struct virtio_gpu *gpu);
void virtio_gpu_flush(const struct virtio_gpu *gpu);
void virtio_gpu_forget(void);
/* Where in the guest's memory a page of the picture is. */
uint64_t virtio_gpu_place(const struct virtio_gpu *gpu, unsigned int page);

#endif
