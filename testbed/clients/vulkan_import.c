// SPDX-License-Identifier: MIT
/*
 * A dma-buf of a memfd as VkBuffer and as VkImage: filled, cleared and copied by lavapipe,
 * and what that wrote is in the memfd.
 */
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "gpu.h"

#define WIDTH	250
#define HEIGHT	64
#define PITCH	1024		/* more than a row needs */
#define SIZE	(PITCH * HEIGHT)
#define DMABUF	VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define CLEAR	0xff4080c0u

struct bound {
	VkBuffer buffer;
	VkDeviceMemory memory;
};

static struct bound import_buffer(struct gpu *gpu, const struct buffer *from)
{
	struct bound bound = { .buffer = gpu_buffer(gpu, from->size, DMABUF) };
	VkMemoryRequirements need;

	vkGetBufferMemoryRequirements(gpu->device, bound.buffer, &need);
	bound.memory = gpu_import(gpu, from->dmabuf, need.size, need.memoryTypeBits,
				  VK_NULL_HANDLE);
	VK(vkBindBufferMemory(gpu->device, bound.buffer, bound.memory, 0));
	return bound;
}

static void free_bound(struct gpu *gpu, struct bound *bound)
{
	vkDestroyBuffer(gpu->device, bound->buffer, NULL);
	vkFreeMemory(gpu->device, bound->memory, NULL);
}

static void test_buffers(struct gpu *gpu)
{
	const VkBufferCopy copy = { .dstOffset = 4096, .size = 8192 };
	struct bound one, two;
	struct buffer a, b;
	VkCommandBuffer commands;

	buffer_create(&a, 65536);
	buffer_create(&b, 65536);
	one = import_buffer(gpu, &a);
	two = import_buffer(gpu, &b);

	vkCmdFillBuffer(gpu_begin(gpu), one.buffer, 0, VK_WHOLE_SIZE, 0xabcd1234);
	gpu_finish(gpu);
	buffer_expect(&a, 0, a.size, 0xabcd1234);

	/* what the CPU writes into the memfd is what the device reads */
	memset(a.map, 0x5a, 8192);
	commands = gpu_begin(gpu);
	vkCmdCopyBuffer(commands, one.buffer, two.buffer, 1, &copy);
	gpu_finish(gpu);
	buffer_expect(&b, 0, 4096, 0);
	buffer_expect(&b, 4096, 8192, 0x5a5a5a5a);
	buffer_expect(&b, 12288, 4096, 0);

	free_bound(gpu, &one);
	free_bound(gpu, &two);
	buffer_destroy(&a);
	buffer_destroy(&b);
}

static void test_image(struct gpu *gpu)
{
	const VkClearColorValue colour = { .float32 = { 0x40 / 255.0f, 0x80 / 255.0f,
							0xc0 / 255.0f, 1 } };
	const VkImageSubresourceRange all = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 };
	const VkBufferImageCopy corner = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageExtent = { 8, 8, 1 },
	};
	VkCommandBuffer commands;
	VkMemoryRequirements need;
	VkDeviceMemory memory;
	struct buffer pixels, out;
	struct bound target;
	VkImage image;
	int row;

	buffer_create(&pixels, SIZE);
	buffer_create(&out, 4096);
	target = import_buffer(gpu, &out);
	image = gpu_linear_image(gpu, WIDTH, HEIGHT, PITCH,
				 VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
				 VK_IMAGE_USAGE_TRANSFER_DST_BIT);
	vkGetImageMemoryRequirements(gpu->device, image, &need);
	if (need.size > pixels.size)
		die("the image wants %llu bytes", (unsigned long long)need.size);
	memory = gpu_import(gpu, pixels.dmabuf, need.size, need.memoryTypeBits, image);
	VK(vkBindImageMemory(gpu->device, image, memory, 0));

	commands = gpu_begin(gpu);
	vkCmdClearColorImage(commands, image, VK_IMAGE_LAYOUT_GENERAL, &colour, 1, &all);
	gpu_finish(gpu);
	for (row = 0; row < HEIGHT; row++) {
		buffer_expect(&pixels, row * PITCH, WIDTH * 4, CLEAR);
		/* what is between the rows stays the memfd's */
		buffer_expect(&pixels, row * PITCH + WIDTH * 4, PITCH - WIDTH * 4, 0);
	}

	for (row = 0; row < 8; row++)
		memset((char *)pixels.map + row * PITCH, 0x77, 32);
	commands = gpu_begin(gpu);
	vkCmdCopyImageToBuffer(commands, image, VK_IMAGE_LAYOUT_GENERAL, target.buffer, 1,
			       &corner);
	gpu_finish(gpu);
	buffer_expect(&out, 0, 8 * 8 * 4, 0x77777777);

	vkDestroyImage(gpu->device, image, NULL);
	vkFreeMemory(gpu->device, memory, NULL);
	free_bound(gpu, &target);
	buffer_destroy(&pixels);
	buffer_destroy(&out);
}

int main(void)
{
	struct gpu gpu;

	gpu_open(&gpu);
	test_buffers(&gpu);
	test_image(&gpu);
	gpu_close(&gpu);
	return 0;
}
