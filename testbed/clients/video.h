/* SPDX-License-Identifier: MIT */
/*
 * A V4L2 queue, single-planar or multi-planar, as the two look the same to a test.
 */
#ifndef CLIENTS_VIDEO_H
#define CLIENTS_VIDEO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIDEO_PLANES	3U
#define VIDEO_BUFFERS	3U

struct video {
	int fd;
	uint32_t type;			/* V4L2_BUF_TYPE_* */
	uint32_t memory;		/* V4L2_MEMORY_* */
	bool multiplanar, output;
	uint32_t width, height;
	unsigned int planes;
	size_t size[VIDEO_PLANES];	/* bytes of a plane */
};

/* The node of a vivid instance that captures (or takes) pictures; ends the program without one. */
void video_open(struct video *video, unsigned int instance, bool output);
void video_close(struct video *video);

/* Sets a control by its name; a menu by the first item that contains the word. */
void video_set(struct video *video, const char *control, const char *item);

/* Width and height 0: those that the node has. */
void video_format(struct video *video, uint32_t fourcc, uint32_t width, uint32_t height);
void video_input(struct video *video, int index);

void video_request(struct video *video, uint32_t memory);
void video_release(struct video *video);

/* 0 or a negative errno. @fds: a dma-buf a plane, for V4L2_MEMORY_DMABUF. */
int video_queue(struct video *video, unsigned int index, const int *fds);
unsigned int video_dequeue(struct video *video);
void video_stream(struct video *video, bool on);

/* Of buffers that the driver allocates. */
void *video_map(struct video *video, unsigned int index, unsigned int plane);
int video_export(struct video *video, unsigned int index, unsigned int plane);

#endif
