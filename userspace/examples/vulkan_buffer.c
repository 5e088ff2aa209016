// SPDX-License-Identifier: MIT
/*
 * A memfd as a VkBuffer: the GPU fills it, and the program finds in its own memory what the
 * GPU wrote. The Vulkan driver needs VK_EXT_external_memory_dma_buf.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vulkan/vulkan.h>
#include <zcgem.h>

#define SIZE	65536
#define PATTERN	0x12345678u
#define DMABUF	VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

struct gpu {
	VkInstance instance;
	VkDevice device;
	VkQueue queue;
	VkCommandPool pool;
};

static void check(VkResult result, const char *what)
{
	if (result != VK_SUCCESS)
		error(1, 0, "%s: VkResult %d", what, result);
}

static void open_gpu(struct gpu *gpu)
{
	static const char * const extensions[] = {
		"VK_KHR_external_memory_fd", "VK_EXT_external_memory_dma_buf",
	};
	const VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
					.apiVersion = VK_API_VERSION_1_1 };
	const VkInstanceCreateInfo instance = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &app,
	};
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	const VkDeviceCreateInfo device = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = 2,
		.ppEnabledExtensionNames = extensions,
	};
	const VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
	};
	VkPhysicalDevice physical;
	uint32_t count = 1;

	check(vkCreateInstance(&instance, NULL, &gpu->instance), "vkCreateInstance");
	vkEnumeratePhysicalDevices(gpu->instance, &count, &physical);
	if (!count)
		error(1, 0, "no Vulkan device");
	check(vkCreateDevice(physical, &device, NULL, &gpu->device), "vkCreateDevice");
	vkGetDeviceQueue(gpu->device, 0, 0, &gpu->queue);
	check(vkCreateCommandPool(gpu->device, &pool, NULL, &gpu->pool), "vkCreateCommandPool");
}

/* A buffer whose memory is the dma-buf's. On success the descriptor belongs to Vulkan. */
static VkBuffer import_buffer(struct gpu *gpu, int dmabuf, VkDeviceMemory *memory)
{
	const VkExternalMemoryBufferCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = DMABUF,
	};
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = &external,
		.size = SIZE,
		.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	const VkImportMemoryFdInfoKHR import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.handleType = DMABUF,
		.fd = dmabuf,
	};
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
	};
	VkMemoryFdPropertiesKHR properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR,
	};
	PFN_vkGetMemoryFdPropertiesKHR get_properties = (PFN_vkGetMemoryFdPropertiesKHR)
		vkGetDeviceProcAddr(gpu->device, "vkGetMemoryFdPropertiesKHR");
	VkMemoryRequirements need;
	VkBuffer buffer;

	check(vkCreateBuffer(gpu->device, &info, NULL, &buffer), "vkCreateBuffer");
	vkGetBufferMemoryRequirements(gpu->device, buffer, &need);
	check(get_properties(gpu->device, DMABUF, dmabuf, &properties),
	      "vkGetMemoryFdPropertiesKHR");
	if (!(need.memoryTypeBits & properties.memoryTypeBits))
		error(1, 0, "the GPU cannot use this memory as a buffer");
	allocate.allocationSize = need.size;
	allocate.memoryTypeIndex = __builtin_ctz(need.memoryTypeBits & properties.memoryTypeBits);
	check(vkAllocateMemory(gpu->device, &allocate, NULL, memory), "vkAllocateMemory");
	check(vkBindBufferMemory(gpu->device, buffer, *memory, 0), "vkBindBufferMemory");
	return buffer;
}

static void fill(struct gpu *gpu, VkBuffer buffer)
{
	const VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = gpu->pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
	};
	VkCommandBuffer commands;
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &commands,
	};

	check(vkAllocateCommandBuffers(gpu->device, &allocate, &commands), "command buffer");
	check(vkBeginCommandBuffer(commands, &begin), "vkBeginCommandBuffer");
	vkCmdFillBuffer(commands, buffer, 0, VK_WHOLE_SIZE, PATTERN);
	check(vkEndCommandBuffer(commands), "vkEndCommandBuffer");
	check(vkQueueSubmit(gpu->queue, 1, &submit, VK_NULL_HANDLE), "vkQueueSubmit");
	check(vkQueueWaitIdle(gpu->queue), "vkQueueWaitIdle");
}

int main(void)
{
	int memfd = memfd_create("vertices", MFD_ALLOW_SEALING), dmabuf, ret;
	struct zcgem_device *dev;
	VkDeviceMemory memory;
	struct zcgem_bo *bo;
	struct gpu gpu;
	uint32_t *mine;
	VkBuffer buffer;
	unsigned int i;

	if (memfd < 0 || ftruncate(memfd, SIZE) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		error(1, errno, "memfd");
	mine = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (mine == MAP_FAILED)
		error(1, errno, "mmap");

	ret = zcgem_device_open(&dev);
	if (!ret)
		ret = zcgem_bo_wrap_memfd(dev, memfd, 0, SIZE, 0, &bo);
	if (ret)
		error(1, -ret, "cannot wrap the memfd");
	dmabuf = zcgem_bo_export(bo, 0);
	if (dmabuf < 0)
		error(1, -dmabuf, "cannot export it");

	open_gpu(&gpu);
	buffer = import_buffer(&gpu, dmabuf, &memory);
	fill(&gpu, buffer);
	for (i = 0; i < SIZE / sizeof(*mine); i++)
		if (mine[i] != PATTERN)
			error(1, 0, "word %u is %#x", i, mine[i]);
	printf("the memfd has what the GPU wrote: %u words of %#x\n", i, PATTERN);

	vkDestroyBuffer(gpu.device, buffer, NULL);
	vkFreeMemory(gpu.device, memory, NULL);
	vkDestroyCommandPool(gpu.device, gpu.pool, NULL);
	vkDestroyDevice(gpu.device, NULL);
	vkDestroyInstance(gpu.instance, NULL);
	zcgem_bo_unref(bo);
	zcgem_device_unref(dev);
	return 0;
}
