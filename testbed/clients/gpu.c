// SPDX-License-Identifier: MIT
/*
 * A Vulkan device, one command buffer at a time, and memory of dma-bufs.
 */
#define _GNU_SOURCE
#include <drm_fourcc.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "gpu.h"

static const char *const extensions[] = {
	"VK_KHR_external_memory_fd", "VK_EXT_external_memory_dma_buf",
	"VK_EXT_image_drm_format_modifier", "VK_EXT_external_memory_host",
};

void vk_check(VkResult result, const char *call)
{
	if (result != VK_SUCCESS)
		die("%s: VkResult %d", call, result);
}

void gpu_open(struct gpu *gpu)
{
	const VkApplicationInfo app = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.apiVersion = VK_API_VERSION_1_2,
	};
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
		.enabledExtensionCount = sizeof(extensions) / sizeof(extensions[0]),
		.ppEnabledExtensionNames = extensions,
	};
	const VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
	};
	VkPhysicalDeviceProperties properties;
	uint32_t count = 1;

	VK(vkCreateInstance(&instance, NULL, &gpu->instance));
	vkEnumeratePhysicalDevices(gpu->instance, &count, &gpu->physical);
	if (!count)
		die("no Vulkan device");
	vkGetPhysicalDeviceProperties(gpu->physical, &properties);
	if (!strstr(properties.deviceName, "llvmpipe"))
		die("the device is %s, not lavapipe", properties.deviceName);
	VK(vkCreateDevice(gpu->physical, &device, NULL, &gpu->device));
	vkGetDeviceQueue(gpu->device, 0, 0, &gpu->queue);
	VK(vkCreateCommandPool(gpu->device, &pool, NULL, &gpu->pool));
}

void gpu_close(struct gpu *gpu)
{
	vkDestroyCommandPool(gpu->device, gpu->pool, NULL);
	vkDestroyDevice(gpu->device, NULL);
	vkDestroyInstance(gpu->instance, NULL);
}

PFN_vkVoidFunction gpu_function(struct gpu *gpu, const char *name)
{
	PFN_vkVoidFunction function = vkGetDeviceProcAddr(gpu->device, name);

	if (!function)
		die("no %s", name);
	return function;
}

VkCommandBuffer gpu_begin(struct gpu *gpu)
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

	VK(vkAllocateCommandBuffers(gpu->device, &allocate, &gpu->commands));
	VK(vkBeginCommandBuffer(gpu->commands, &begin));
	return gpu->commands;
}

void gpu_finish(struct gpu *gpu)
{
	const VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &gpu->commands,
	};

	VK(vkEndCommandBuffer(gpu->commands));
	VK(vkQueueSubmit(gpu->queue, 1, &submit, VK_NULL_HANDLE));
	VK(vkQueueWaitIdle(gpu->queue));
	vkFreeCommandBuffers(gpu->device, gpu->pool, 1, &gpu->commands);
}

uint32_t gpu_memory_type(struct gpu *gpu, uint32_t allowed)
{
	VkPhysicalDeviceMemoryProperties memory;
	uint32_t i;

	vkGetPhysicalDeviceMemoryProperties(gpu->physical, &memory);
	for (i = 0; i < memory.memoryTypeCount; i++)
		if (allowed & (1u << i) && memory.memoryTypes[i].propertyFlags &
		    VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)
			return i;
	die("no memory type of %#x is coherent", allowed);
}

VkBuffer gpu_buffer(struct gpu *gpu, VkDeviceSize size,
		    VkExternalMemoryHandleTypeFlagBits external)
{
	const VkExternalMemoryBufferCreateInfo memory = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = external,
	};
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = &memory,
		.size = size,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	VkBuffer buffer;

	VK(vkCreateBuffer(gpu->device, &info, NULL, &buffer));
	return buffer;
}

/* Linear, BGRA, for a dma-buf whose rows are pitch bytes apart. */
VkImage gpu_linear_image(struct gpu *gpu, uint32_t width, uint32_t height, uint32_t pitch,
			 VkImageUsageFlags usage)
{
	const VkSubresourceLayout plane = { .rowPitch = pitch };
	const VkImageDrmFormatModifierExplicitCreateInfoEXT modifier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
		.drmFormatModifier = DRM_FORMAT_MOD_LINEAR,
		.drmFormatModifierPlaneCount = 1,
		.pPlaneLayouts = &plane,
	};
	const VkExternalMemoryImageCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
		.pNext = &modifier,
		.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
	};
	const VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.pNext = &external,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = VK_FORMAT_B8G8R8A8_UNORM,
		.extent = { width, height, 1 },
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
		.usage = usage,
	};
	VkImage image;

	VK(vkCreateImage(gpu->device, &info, NULL, &image));
	return image;
}

/* The descriptor stays the caller's. */
VkDeviceMemory gpu_import(struct gpu *gpu, int dmabuf, VkDeviceSize size, uint32_t types,
			  VkImage dedicated)
{
	PFN_vkGetMemoryFdPropertiesKHR ask = (PFN_vkGetMemoryFdPropertiesKHR)
		gpu_function(gpu, "vkGetMemoryFdPropertiesKHR");
	VkMemoryFdPropertiesKHR properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR,
	};
	const VkMemoryDedicatedAllocateInfo only = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
		.image = dedicated,
	};
	const VkImportMemoryFdInfoKHR import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.pNext = dedicated ? &only : NULL,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
		.fd = fcntl(dmabuf, F_DUPFD_CLOEXEC, 0),
	};
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = size,
	};
	VkDeviceMemory memory;

	VK(ask(gpu->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, dmabuf, &properties));
	allocate.memoryTypeIndex = gpu_memory_type(gpu, types & properties.memoryTypeBits);
	VK(vkAllocateMemory(gpu->device, &allocate, NULL, &memory));
	return memory;
}
