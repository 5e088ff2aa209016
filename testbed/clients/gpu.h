/* SPDX-License-Identifier: MIT */
/*
 * A Vulkan device, one command buffer at a time, and memory of dma-bufs.
 */
#ifndef CLIENTS_GPU_H
#define CLIENTS_GPU_H

#include <vulkan/vulkan.h>

struct gpu {
	VkInstance instance;
	VkPhysicalDevice physical;
	VkDevice device;
	VkQueue queue;
	VkCommandPool pool;
	VkCommandBuffer commands;
};

#define VK(call) vk_check(call, #call)
void vk_check(VkResult result, const char *call);

void gpu_open(struct gpu *gpu);
void gpu_close(struct gpu *gpu);
PFN_vkVoidFunction gpu_function(struct gpu *gpu, const char *name);
VkCommandBuffer gpu_begin(struct gpu *gpu);
void gpu_finish(struct gpu *gpu);

uint32_t gpu_memory_type(struct gpu *gpu, uint32_t allowed);
VkBuffer gpu_buffer(struct gpu *gpu, VkDeviceSize size,
		    VkExternalMemoryHandleTypeFlagBits external);
VkImage gpu_linear_image(struct gpu *gpu, uint32_t width, uint32_t height, uint32_t pitch,
			 VkImageUsageFlags usage);
VkDeviceMemory gpu_import(struct gpu *gpu, int dmabuf, VkDeviceSize size, uint32_t types,
			  VkImage dedicated);

#endif
