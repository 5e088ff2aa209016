// SPDX-License-Identifier: MIT
/*
 * A camera and a display of V4L2's test driver vivid, with buffers that are zcgem's.
 *
 *   camera capture INSTANCE MEMORY FOURCC   pictures are those that the driver's own buffers get
 *   camera refused INSTANCE FOURCC          a device that needs one contiguous run gets many
 *   camera loop INSTANCE MEMORY             what is output is what is captured
 *   camera export INSTANCE                  the engine copies from the driver's own buffers
 *
 * MEMORY is shmem, huge (one hugetlb page a plane) or pool (zcgem's own pages).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/memfd.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zcgem.h>

#include "buffer.h"
#include "video.h"

#define FRAMES		8
/* A busy host drops most of them. */
#define MAX_FRAMES	3000
#define HUGE_PAGE	((size_t)2 << 20)

/* A plane's memory: what the program sees, and the dma-buf of it. */
struct plane {
	int dmabuf;
	uint8_t *map;
	size_t size;
};

static struct zcgem_device *device;

static void need(int ret, const char *what)
{
	if (ret < 0)
		die("%s: %s", what, strerror(-ret));
}

static void plane_of_pool(struct plane *plane)
{
	struct zcgem_bo *bo;

	need(zcgem_bo_new(device, plane->size, 0, &bo), "zcgem_bo_new");
	need(plane->dmabuf = zcgem_bo_export(bo, 0), "export");
	zcgem_bo_unref(bo);
	plane->map = mmap(NULL, plane->size, PROT_READ | PROT_WRITE, MAP_SHARED, plane->dmabuf, 0);
	if (plane->map == MAP_FAILED)
		die("mmap of a dma-buf: %m");
}

/* In reverse: pages that lie side by side in memory do not in the object, nor the other way. */
static int wrap_reversed(int memfd, size_t size, struct zcgem_bo **bo)
{
	size_t page = sysconf(_SC_PAGESIZE), count = size / page, i;
	struct drm_zcgem_memfd_range *ranges = calloc(count, sizeof(*ranges));
	int ret;

	if (!ranges)
		die("no memory");
	for (i = 0; i < count; i++) {
		ranges[i].fd = memfd;
		ranges[i].offset = (i & 1 ? i / 2 : count - 1 - i / 2) * page;
		ranges[i].size = page;
	}
	ret = zcgem_bo_wrap_memfd_ranges(device, ranges, sizeof(*ranges), count, 0, bo);
	free(ranges);
	return ret;
}

static void plane_of_memfd(struct plane *plane, const char *memory)
{
	bool huge = !strcmp(memory, "huge");
	struct zcgem_bo *bo;
	int memfd;

	if (huge)
		plane->size = (plane->size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	memfd = memfd_create("camera", MFD_CLOEXEC | MFD_ALLOW_SEALING |
			     (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (memfd < 0 || ftruncate(memfd, plane->size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		die("memfd: %m");
	plane->map = mmap(NULL, plane->size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (plane->map == MAP_FAILED)
		die("mmap of the memfd: %m");
	if (!strcmp(memory, "reversed"))
		need(wrap_reversed(memfd, plane->size, &bo), "wrap of pages in reverse");
	else
		need(zcgem_bo_wrap_memfd(device, memfd, 0, plane->size, 0, &bo), "wrap");
	need(plane->dmabuf = zcgem_bo_export(bo, 0), "export");
	zcgem_bo_unref(bo);
	close(memfd);
}

static void plane_make(struct plane *plane, size_t size, const char *memory)
{
	size_t page = sysconf(_SC_PAGESIZE);

	plane->size = (size + page - 1) & ~(page - 1);
	if (!strcmp(memory, "pool"))
		plane_of_pool(plane);
	else
		plane_of_memfd(plane, memory);
}

static void plane_free(struct plane *plane)
{
	munmap(plane->map, plane->size);
	close(plane->dmabuf);
}

static void read_plane(const struct plane *plane, void *to, size_t size)
{
	need(zcgem_dmabuf_begin_cpu_access(plane->dmabuf, DMA_BUF_SYNC_READ), "begin");
	memcpy(to, plane->map, size);
	need(zcgem_dmabuf_end_cpu_access(plane->dmabuf, DMA_BUF_SYNC_READ), "end");
}

/* A picture into the driver's own buffers: pictures do not change without the text over them. */
static void capture_reference(struct video *video, uint8_t *to[VIDEO_PLANES])
{
	unsigned int i, plane, got;

	video_request(video, V4L2_MEMORY_MMAP);
	for (i = 0; i < VIDEO_BUFFERS; i++)
		need(video_queue(video, i, NULL), "queue");
	video_stream(video, true);
	got = video_dequeue(video);
	for (plane = 0; plane < video->planes; plane++) {
		void *map = video_map(video, got, plane);

		to[plane] = malloc(video->size[plane]);
		if (!to[plane])
			die("no memory");
		memcpy(to[plane], map, video->size[plane]);
		munmap(map, video->size[plane]);
	}
	video_stream(video, false);
	video_release(video);
}

static void compare(const uint8_t *seen, const uint8_t *expected, size_t size,
		    unsigned int frame, unsigned int plane)
{
	size_t i, wrong = 0, first = size;

	for (i = 0; i < size; i++) {
		if (seen[i] == expected[i])
			continue;
		wrong++;
		if (first == size)
			first = i;
	}
	if (wrong)
		die("frame %u plane %u: %zu bytes of %zu differ, the first at %zu: %#x, not %#x",
		    frame, plane, wrong, size, first, seen[first], expected[first]);
}

static uint32_t fourcc_of(const char *word)
{
	if (strlen(word) != 4)
		die("%s is no format", word);
	return v4l2_fourcc(word[0], word[1], word[2], word[3]);
}

static void open_camera(struct video *video, unsigned int instance, const char *format)
{
	video_open(video, instance, false);
	video_input(video, 0);
	video_set(video, "OSD Text Mode", "None");
	video_format(video, fourcc_of(format), 640, 360);
}

static void capture(unsigned int instance, const char *memory, const char *format)
{
	struct plane planes[VIDEO_BUFFERS][VIDEO_PLANES];
	uint8_t *reference[VIDEO_PLANES], *picture;
	int fds[VIDEO_BUFFERS][VIDEO_PLANES];
	unsigned int i, plane, frame;
	struct video video;

	open_camera(&video, instance, format);
	capture_reference(&video, reference);
	video_request(&video, V4L2_MEMORY_DMABUF);
	for (i = 0; i < VIDEO_BUFFERS; i++) {
		for (plane = 0; plane < video.planes; plane++) {
			plane_make(&planes[i][plane], video.size[plane], memory);
			fds[i][plane] = planes[i][plane].dmabuf;
		}
		need(video_queue(&video, i, fds[i]), "queue");
	}
	video_stream(&video, true);
	for (frame = 0; frame < FRAMES; frame++) {
		i = video_dequeue(&video);
		for (plane = 0; plane < video.planes; plane++) {
			size_t size = video.size[plane];

			picture = malloc(size);
			if (!picture)
				die("no memory");
			read_plane(&planes[i][plane], picture, size);
			compare(picture, reference[plane], size, frame, plane);
			free(picture);
			memset(planes[i][plane].map, 0xa5, size);
		}
		need(video_queue(&video, i, fds[i]), "queue again");
	}
	video_stream(&video, false);
	video_release(&video);
	for (plane = 0; plane < video.planes; plane++)
		free(reference[plane]);
	for (i = 0; i < VIDEO_BUFFERS; i++)
		for (plane = 0; plane < video.planes; plane++)
			plane_free(&planes[i][plane]);
	video_close(&video);
}

static void refused(unsigned int instance, const char *format)
{
	struct video video;
	struct plane plane;
	int ret;

	open_camera(&video, instance, format);
	video_request(&video, V4L2_MEMORY_DMABUF);
	plane_make(&plane, video.size[0], "reversed");
	ret = video_queue(&video, 0, &plane.dmabuf);
	if (ret != -EFAULT)
		die("queueing scattered memory gave %d, not EFAULT", ret);
	plane_free(&plane);
	/* Memory in one run is accepted in the same slot. */
	plane_make(&plane, video.size[0], "huge");
	need(video_queue(&video, 0, &plane.dmabuf), "queue of a huge page");
	video_release(&video);
	plane_free(&plane);
	video_close(&video);
}

static void fill(uint8_t *map, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size / 4; i++)
		((uint32_t *)map)[i] = (i * 2654435761U + seed) | 0xff000000;
}

/* The output's picture comes back from the input that it is connected to, byte for byte. */
static void loop(unsigned int instance, const char *memory)
{
	struct plane out[VIDEO_BUFFERS], in[VIDEO_BUFFERS];
	struct video sink, source;
	char control[32], item[32];
	unsigned int i, frame;
	bool seen = false;

	video_open(&sink, instance, true);
	video_input(&sink, 1);			/* HDMI, as the input below */
	video_format(&sink, V4L2_PIX_FMT_XBGR32, 0, 0);
	video_open(&source, instance, false);
	video_input(&source, 3);
	snprintf(control, sizeof(control), "HDMI %03u-0 Is Connected To", instance);
	snprintf(item, sizeof(item), "HDMI %03u", instance);
	video_set(&source, control, item);
	video_set(&source, "OSD Text Mode", "None");
	video_format(&source, V4L2_PIX_FMT_XBGR32, 0, 0);
	if (sink.width != source.width || sink.height != source.height)
		die("output %ux%u, input %ux%u", sink.width, sink.height, source.width,
		    source.height);

	video_request(&sink, V4L2_MEMORY_DMABUF);
	video_request(&source, V4L2_MEMORY_DMABUF);
	for (i = 0; i < VIDEO_BUFFERS; i++) {
		plane_make(&out[i], sink.size[0], memory);
		fill(out[i].map, sink.size[0], 7);
		need(video_queue(&sink, i, &out[i].dmabuf), "queue for output");
		plane_make(&in[i], source.size[0], memory);
		need(video_queue(&source, i, &in[i].dmabuf), "queue for capture");
	}
	video_stream(&sink, true);
	video_stream(&source, true);
	for (frame = 0; frame < MAX_FRAMES && !seen; frame++) {
		i = video_dequeue(&sink);
		need(video_queue(&sink, i, &out[i].dmabuf), "queue for output again");
		i = video_dequeue(&source);
		/* The connection is made by work: until then the input shows noise. */
		seen = !memcmp(in[i].map, out[0].map, source.size[0]);
		need(video_queue(&source, i, &in[i].dmabuf), "queue for capture again");
	}
	if (!seen)
		die("the picture did not come back in %u frames", frame);
	video_stream(&source, false);
	video_stream(&sink, false);
	video_release(&source);
	video_release(&sink);
	for (i = 0; i < VIDEO_BUFFERS; i++) {
		plane_free(&out[i]);
		plane_free(&in[i]);
	}
	video_close(&source);
	video_close(&sink);
}

static void export(unsigned int instance)
{
	struct zcgem_submit *submit;
	struct zcgem_bo *from, *to;
	struct video video;
	uint8_t *map, *copy;
	int dmabuf;

	open_camera(&video, instance, "XR24");
	video_request(&video, V4L2_MEMORY_MMAP);
	need(dmabuf = video_export(&video, 0, 0), "export");
	need(zcgem_bo_import(device, dmabuf, &from), "import");
	close(dmabuf);
	need(video_queue(&video, 0, NULL), "queue");
	need(video_queue(&video, 1, NULL), "queue");
	video_stream(&video, true);
	if (video_dequeue(&video) != 0)
		die("buffer 0 was not the first");
	video_stream(&video, false);

	need(zcgem_bo_new(device, zcgem_bo_size(from), 0, &to), "zcgem_bo_new");
	need(zcgem_submit_new(device, &submit), "zcgem_submit_new");
	need(zcgem_submit_copy(submit, to, 0, from, 0, video.size[0]), "zcgem_submit_copy");
	need(zcgem_submit_run(submit, 0, DRM_ZCGEM_PRIORITY_NORMAL), "zcgem_submit_run");
	need(zcgem_bo_wait(to, 0, INT64_MAX), "zcgem_bo_wait");
	need(zcgem_bo_map(to, PROT_READ, (void **)&copy), "zcgem_bo_map");
	map = video_map(&video, 0, 0);
	if (memcmp(map, copy, video.size[0]))
		die("the engine copied another picture");
	munmap(map, video.size[0]);
	need(zcgem_bo_unmap(to, copy), "zcgem_bo_unmap");
	zcgem_submit_unref(submit);
	zcgem_bo_unref(to);
	zcgem_bo_unref(from);
	video_release(&video);
	video_close(&video);
}

int main(int argc, char **argv)
{
	unsigned int instance;

	if (argc < 3)
		die("see the head of camera.c");
	instance = atoi(argv[2]);
	need(zcgem_device_open(&device), "zcgem");
	if (!strcmp(argv[1], "capture") && argc == 5)
		capture(instance, argv[3], argv[4]);
	else if (!strcmp(argv[1], "refused") && argc == 4)
		refused(instance, argv[3]);
	else if (!strcmp(argv[1], "loop") && argc == 4)
		loop(instance, argv[3]);
	else if (!strcmp(argv[1], "export") && argc == 3)
		export(instance);
	else
		die("see the head of camera.c");
	zcgem_device_unref(device);
	return 0;
}
