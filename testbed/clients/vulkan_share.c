// SPDX-License-Identifier: MIT
/*
 * Vulkan memory that one process exports and another imports: lavapipe makes it with
 * UDMABUF_CREATE, so behind the link it is zcgem's.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "gpu.h"

#define SIZE	(1u << 20)
#define FIRST	0x11223344
#define SECOND	0x55667788
#define DMABUF	VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static void send_fd(int sock, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(fd))] = {};
	struct iovec io = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != 1)
		die("sendmsg: %m");
}

static int receive_fd(int sock)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(sock, &msg, 0) != 1 || !CMSG_FIRSTHDR(&msg))
		die("recvmsg: %m");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void fill(struct gpu *gpu, VkBuffer buffer, uint32_t value)
{
	vkCmdFillBuffer(gpu_begin(gpu), buffer, 0, SIZE, value);
	gpu_finish(gpu);
}

static void expect(const uint32_t *word, uint32_t value, const char *who)
{
	unsigned int i;

	for (i = 0; i < SIZE / sizeof(*word); i++)
		if (word[i] != value)
			die("%s: word %u is %#x, not %#x", who, i, word[i], value);
}

static int importer(int sock)
{
	int dmabuf = receive_fd(sock);
	VkMemoryRequirements need;
	VkDeviceMemory memory;
	struct gpu gpu;
	VkBuffer buffer;
	void *map;

	gpu_open(&gpu);
	buffer = gpu_buffer(&gpu, SIZE, DMABUF);
	vkGetBufferMemoryRequirements(gpu.device, buffer, &need);
	memory = gpu_import(&gpu, dmabuf, need.size, need.memoryTypeBits, VK_NULL_HANDLE);
	VK(vkBindBufferMemory(gpu.device, buffer, memory, 0));
	VK(vkMapMemory(gpu.device, memory, 0, SIZE, 0, &map));
	expect(map, FIRST, "importer");
	fill(&gpu, buffer, SECOND);

	vkDestroyBuffer(gpu.device, buffer, NULL);
	vkFreeMemory(gpu.device, memory, NULL);
	gpu_close(&gpu);
	return 0;
}

int main(void)
{
	const VkExportMemoryAllocateInfo export = {
		.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		.handleTypes = DMABUF,
	};
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &export,
	};
	VkMemoryGetFdInfoKHR get = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		.handleType = DMABUF,
	};
	PFN_vkGetMemoryFdKHR get_fd;
	VkMemoryRequirements need;
	VkDeviceMemory memory;
	int socks[2], dmabuf, status;
	struct gpu gpu;
	VkBuffer buffer;
	pid_t child;
	void *map;

	/* before Vulkan has threads */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks))
		die("socketpair: %m");
	child = fork();
	if (!child)
		return importer(socks[1]);

	gpu_open(&gpu);
	buffer = gpu_buffer(&gpu, SIZE, DMABUF);
	vkGetBufferMemoryRequirements(gpu.device, buffer, &need);
	allocate.allocationSize = need.size;
	allocate.memoryTypeIndex = gpu_memory_type(&gpu, need.memoryTypeBits);
	VK(vkAllocateMemory(gpu.device, &allocate, NULL, &memory));
	VK(vkBindBufferMemory(gpu.device, buffer, memory, 0));
	fill(&gpu, buffer, FIRST);

	get.memory = memory;
	get_fd = (PFN_vkGetMemoryFdKHR)gpu_function(&gpu, "vkGetMemoryFdKHR");
	VK(get_fd(gpu.device, &get, &dmabuf));
	map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);
	if (map == MAP_FAILED)
		die("mmap of the exported dma-buf: %m");
	expect(map, FIRST, "dma-buf");

	send_fd(socks[0], dmabuf);
	if (waitpid(child, &status, 0) != child || status)
		die("the importer failed: %#x", status);
	expect(map, SECOND, "exporter");

	munmap(map, SIZE);
	close(dmabuf);
	vkDestroyBuffer(gpu.device, buffer, NULL);
	vkFreeMemory(gpu.device, memory, NULL);
	gpu_close(&gpu);
	return 0;
}
