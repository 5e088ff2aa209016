// SPDX-License-Identifier: MIT
/*
 * A V4L2 queue, single-planar or multi-planar, as the two look the same to a test.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "video.h"

static void call(const struct video *video, unsigned long request, void *argument,
		 const char *what)
{
	if (ioctl(video->fd, request, argument))
		die("%s: %m", what);
}

static bool is_node(struct video *video, unsigned int instance)
{
	struct v4l2_capability cap = { 0 };
	char bus[32];

	snprintf(bus, sizeof(bus), "platform:vivid-%03u", instance);
	if (ioctl(video->fd, VIDIOC_QUERYCAP, &cap) || strcmp((char *)cap.bus_info, bus))
		return false;

	if (cap.device_caps & (video->output ? V4L2_CAP_VIDEO_OUTPUT : V4L2_CAP_VIDEO_CAPTURE)) {
		video->type = video->output ? V4L2_BUF_TYPE_VIDEO_OUTPUT :
					      V4L2_BUF_TYPE_VIDEO_CAPTURE;
		return true;
	}
	video->multiplanar = true;
	video->type = video->output ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE :
				      V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
	return cap.device_caps & (video->output ? V4L2_CAP_VIDEO_OUTPUT_MPLANE :
						  V4L2_CAP_VIDEO_CAPTURE_MPLANE);
}

void video_open(struct video *video, unsigned int instance, bool output)
{
	glob_t nodes;
	size_t i;

	if (glob("/dev/video*", 0, NULL, &nodes))
		die("no video node");
	for (i = 0; i < nodes.gl_pathc; i++) {
		*video = (struct video) { .output = output };
		video->fd = open(nodes.gl_pathv[i], O_RDWR | O_CLOEXEC);
		if (video->fd >= 0 && is_node(video, instance))
			break;
		if (video->fd >= 0)
			close(video->fd);
	}
	if (i == nodes.gl_pathc)
		die("vivid %u has no %s node", instance, output ? "output" : "capture");
	globfree(&nodes);
}

void video_close(struct video *video)
{
	close(video->fd);
}

static int menu_item(const struct video *video, uint32_t id, const char *word)
{
	struct v4l2_querymenu item = { .id = id };

	for (item.index = 0; item.index < 64; item.index++)
		if (!ioctl(video->fd, VIDIOC_QUERYMENU, &item) &&
		    strstr((char *)item.name, word))
			return item.index;
	die("control %#x has no item %s", id, word);
}

void video_set(struct video *video, const char *control, const char *item)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };

	for (; !ioctl(video->fd, VIDIOC_QUERYCTRL, &query); query.id |= V4L2_CTRL_FLAG_NEXT_CTRL) {
		struct v4l2_control set = { .id = query.id };

		if (strcmp((char *)query.name, control))
			continue;
		set.value = menu_item(video, query.id, item);
		call(video, VIDIOC_S_CTRL, &set, control);
		return;
	}
	die("no control %s", control);
}

void video_input(struct video *video, int index)
{
	call(video, video->output ? VIDIOC_S_OUTPUT : VIDIOC_S_INPUT, &index, "input or output");
}

void video_format(struct video *video, uint32_t fourcc, uint32_t width, uint32_t height)
{
	struct v4l2_format format = { .type = video->type };
	unsigned int i;

	call(video, VIDIOC_G_FMT, &format, "VIDIOC_G_FMT");
	if (video->multiplanar) {
		struct v4l2_pix_format_mplane *pix = &format.fmt.pix_mp;

		pix->pixelformat = fourcc;
		pix->width = width ?: pix->width;
		pix->height = height ?: pix->height;
		/* Without bytes between the rows, which the driver would leave as they are. */
		memset(pix->plane_fmt, 0, sizeof(pix->plane_fmt));
		call(video, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
		if (pix->pixelformat != fourcc)
			die("format %#x is not there", fourcc);
		video->width = pix->width;
		video->height = pix->height;
		video->planes = pix->num_planes;
		for (i = 0; i < video->planes; i++)
			video->size[i] = pix->plane_fmt[i].sizeimage;
	} else {
		struct v4l2_pix_format *pix = &format.fmt.pix;

		pix->pixelformat = fourcc;
		pix->width = width ?: pix->width;
		pix->height = height ?: pix->height;
		pix->bytesperline = 0;
		pix->sizeimage = 0;
		call(video, VIDIOC_S_FMT, &format, "VIDIOC_S_FMT");
		if (pix->pixelformat != fourcc)
			die("format %#x is not there", fourcc);
		video->width = pix->width;
		video->height = pix->height;
		video->planes = 1;
		video->size[0] = pix->sizeimage;
	}
}

void video_request(struct video *video, uint32_t memory)
{
	struct v4l2_requestbuffers request = {
		.count = VIDEO_BUFFERS, .type = video->type, .memory = memory,
	};

	call(video, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
	if (request.count != VIDEO_BUFFERS)
		die("%u buffers, not %u", request.count, VIDEO_BUFFERS);
	video->memory = memory;
}

void video_release(struct video *video)
{
	struct v4l2_requestbuffers request = { .type = video->type, .memory = video->memory };

	call(video, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS for none");
}

static void describe(const struct video *video, struct v4l2_buffer *buffer,
		     struct v4l2_plane *planes, unsigned int index)
{
	*buffer = (struct v4l2_buffer) {
		.index = index, .type = video->type, .memory = video->memory,
		.field = V4L2_FIELD_NONE,
	};
	if (video->multiplanar) {
		memset(planes, 0, VIDEO_PLANES * sizeof(*planes));
		buffer->m.planes = planes;
		buffer->length = video->planes;
	}
}

int video_queue(struct video *video, unsigned int index, const int *fds)
{
	struct v4l2_plane planes[VIDEO_PLANES];
	struct v4l2_buffer buffer;
	unsigned int i;

	describe(video, &buffer, planes, index);
	for (i = 0; i < video->planes && video->multiplanar; i++) {
		if (fds)
			planes[i].m.fd = fds[i];
		planes[i].length = video->size[i];
		planes[i].bytesused = video->size[i];
	}
	if (!video->multiplanar) {
		if (fds)
			buffer.m.fd = fds[0];
		buffer.length = video->size[0];
		buffer.bytesused = video->size[0];
	}
	return ioctl(video->fd, VIDIOC_QBUF, &buffer) ? -errno : 0;
}

unsigned int video_dequeue(struct video *video)
{
	struct v4l2_plane planes[VIDEO_PLANES];
	struct v4l2_buffer buffer;

	describe(video, &buffer, planes, 0);
	call(video, VIDIOC_DQBUF, &buffer, "VIDIOC_DQBUF");
	if (buffer.flags & V4L2_BUF_FLAG_ERROR)
		die("buffer %u came back with an error", buffer.index);
	return buffer.index;
}

void video_stream(struct video *video, bool on)
{
	call(video, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &video->type, "streaming on or off");
}

void *video_map(struct video *video, unsigned int index, unsigned int plane)
{
	struct v4l2_plane planes[VIDEO_PLANES];
	struct v4l2_buffer buffer;
	void *map;

	describe(video, &buffer, planes, index);
	call(video, VIDIOC_QUERYBUF, &buffer, "VIDIOC_QUERYBUF");
	map = mmap(NULL, video->size[plane], PROT_READ | PROT_WRITE, MAP_SHARED, video->fd,
		   video->multiplanar ? planes[plane].m.mem_offset : buffer.m.offset);
	if (map == MAP_FAILED)
		die("mmap of buffer %u: %m", index);
	return map;
}

int video_export(struct video *video, unsigned int index, unsigned int plane)
{
	struct v4l2_exportbuffer export = {
		.type = video->type, .index = index, .plane = plane, .flags = O_RDWR | O_CLOEXEC,
	};

	call(video, VIDIOC_EXPBUF, &export, "VIDIOC_EXPBUF");
	return export.fd;
}
