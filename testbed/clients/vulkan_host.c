// SPDX-License-Identifier: MIT
/*
 * VK_EXT_external_memory_host beside zcgem: one memfd is the device's memory by its address
 * and a dma-buf at the same time, and both are the same bytes.
 */
#include <string.h>
#include <sys/mman.h>

#include "buffer.h"
#include "gpu.h"

#define SIZE	65536
#define HOST	VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT

int main(void)
{
	VkMemoryHostPointerPropertiesEXT properties = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
	};
	VkImportMemoryHostPointerInfoEXT import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = HOST,
	};
	VkMemoryAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = SIZE,
	};
	PFN_vkGetMemoryHostPointerPropertiesEXT ask;
	VkMemoryRequirements need;
	VkDeviceMemory memory;
	struct buffer buffer, view;
	struct gpu gpu;
	VkBuffer vk;

	gpu_open(&gpu);
	buffer_create(&buffer, SIZE);
	view = buffer;
	view.map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, buffer.dmabuf, 0);
	if (view.map == MAP_FAILED)
		die("mmap of the dma-buf: %m");

	ask = (PFN_vkGetMemoryHostPointerPropertiesEXT)
		gpu_function(&gpu, "vkGetMemoryHostPointerPropertiesEXT");
	VK(ask(gpu.device, HOST, buffer.map, &properties));
	vk = gpu_buffer(&gpu, SIZE, HOST);
	vkGetBufferMemoryRequirements(gpu.device, vk, &need);
	import.pHostPointer = buffer.map;
	allocate.memoryTypeIndex = gpu_memory_type(&gpu, need.memoryTypeBits &
						   properties.memoryTypeBits);
	VK(vkAllocateMemory(gpu.device, &allocate, NULL, &memory));
	VK(vkBindBufferMemory(gpu.device, vk, memory, 0));

	vkCmdFillBuffer(gpu_begin(&gpu), vk, 0, SIZE, 0x600df00d);
	gpu_finish(&gpu);
	buffer_expect(&view, 0, SIZE, 0x600df00d);

	vkDestroyBuffer(gpu.device, vk, NULL);
	vkFreeMemory(gpu.device, memory, NULL);
	gpu_close(&gpu);
	munmap(view.map, SIZE);
	buffer_destroy(&buffer);
	return 0;
}
