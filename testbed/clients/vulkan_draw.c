// SPDX-License-Identifier: MIT
/*
 * A dma-buf of a memfd as the VkImage that lavapipe draws into, by shaders: the picture of
 * triangle.h is in the memfd then.
 */
#include <string.h>

#include "buffer.h"
#include "gpu.h"
#include "triangle.h"
#include "triangle_frag.h"
#include "triangle_vert.h"

#define WIDTH	250
#define HEIGHT	64
#define PITCH	1024		/* more than a row needs */
#define SIZE	(PITCH * HEIGHT)
#define FORMAT	VK_FORMAT_B8G8R8A8_UNORM

struct target {
	VkRenderPass pass;
	VkImageView view;
	VkFramebuffer framebuffer;
};

static void make_target(struct gpu *gpu, VkImage image, struct target *target)
{
	const VkImageViewCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.image = image,
		.viewType = VK_IMAGE_VIEW_TYPE_2D,
		.format = FORMAT,
		.subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
	};
	const VkAttachmentDescription attachment = {
		.format = FORMAT,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
		.finalLayout = VK_IMAGE_LAYOUT_GENERAL,
	};
	const VkAttachmentReference colour = {
		.layout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
	};
	const VkSubpassDescription subpass = {
		.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
		.colorAttachmentCount = 1,
		.pColorAttachments = &colour,
	};
	const VkRenderPassCreateInfo pass = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = &attachment,
		.subpassCount = 1,
		.pSubpasses = &subpass,
	};
	VkFramebufferCreateInfo framebuffer = {
		.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = &target->view,
		.width = WIDTH,
		.height = HEIGHT,
		.layers = 1,
	};

	VK(vkCreateImageView(gpu->device, &view, NULL, &target->view));
	VK(vkCreateRenderPass(gpu->device, &pass, NULL, &target->pass));
	framebuffer.renderPass = target->pass;
	VK(vkCreateFramebuffer(gpu->device, &framebuffer, NULL, &target->framebuffer));
}

static void free_target(struct gpu *gpu, struct target *target)
{
	vkDestroyFramebuffer(gpu->device, target->framebuffer, NULL);
	vkDestroyRenderPass(gpu->device, target->pass, NULL);
	vkDestroyImageView(gpu->device, target->view, NULL);
}

static VkShaderModule shader(struct gpu *gpu, const uint32_t *code, size_t size)
{
	const VkShaderModuleCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = size,
		.pCode = code,
	};
	VkShaderModule module;

	VK(vkCreateShaderModule(gpu->device, &info, NULL, &module));
	return module;
}

static VkPipeline make_pipeline(struct gpu *gpu, VkRenderPass pass, VkPipelineLayout layout)
{
	const VkPipelineShaderStageCreateInfo stages[] = {
		{
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_VERTEX_BIT,
			.module = shader(gpu, triangle_vert, sizeof(triangle_vert)),
			.pName = "main",
		}, {
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = VK_SHADER_STAGE_FRAGMENT_BIT,
			.module = shader(gpu, triangle_frag, sizeof(triangle_frag)),
			.pName = "main",
		},
	};
	const VkPipelineVertexInputStateCreateInfo vertices = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
	};
	const VkPipelineInputAssemblyStateCreateInfo assembly = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
	};
	const VkViewport port = { .width = WIDTH, .height = HEIGHT, .maxDepth = 1 };
	const VkRect2D all = { .extent = { WIDTH, HEIGHT } };
	const VkPipelineViewportStateCreateInfo viewport = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
		.viewportCount = 1,
		.pViewports = &port,
		.scissorCount = 1,
		.pScissors = &all,
	};
	const VkPipelineRasterizationStateCreateInfo raster = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
		.lineWidth = 1,
	};
	const VkPipelineMultisampleStateCreateInfo samples = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
		.rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
	};
	const VkPipelineColorBlendAttachmentState written = { .colorWriteMask = 0xf };
	const VkPipelineColorBlendStateCreateInfo blend = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
		.attachmentCount = 1,
		.pAttachments = &written,
	};
	const VkGraphicsPipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.stageCount = 2,
		.pStages = stages,
		.pVertexInputState = &vertices,
		.pInputAssemblyState = &assembly,
		.pViewportState = &viewport,
		.pRasterizationState = &raster,
		.pMultisampleState = &samples,
		.pColorBlendState = &blend,
		.layout = layout,
		.renderPass = pass,
	};
	VkPipeline pipeline;

	VK(vkCreateGraphicsPipelines(gpu->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
	vkDestroyShaderModule(gpu->device, stages[0].module, NULL);
	vkDestroyShaderModule(gpu->device, stages[1].module, NULL);
	return pipeline;
}

static void draw(struct gpu *gpu, const struct target *target)
{
	const VkPipelineLayoutCreateInfo empty = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
	};
	const VkClearValue background = { .color.float32 = { 0x20 / 255.0f, 0x40 / 255.0f,
							     0x80 / 255.0f, 1 } };
	const VkRenderPassBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
		.renderPass = target->pass,
		.framebuffer = target->framebuffer,
		.renderArea.extent = { WIDTH, HEIGHT },
		.clearValueCount = 1,
		.pClearValues = &background,
	};
	VkPipelineLayout layout;
	VkPipeline pipeline;
	VkCommandBuffer commands;

	VK(vkCreatePipelineLayout(gpu->device, &empty, NULL, &layout));
	pipeline = make_pipeline(gpu, target->pass, layout);
	commands = gpu_begin(gpu);
	vkCmdBeginRenderPass(commands, &begin, VK_SUBPASS_CONTENTS_INLINE);
	vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
	vkCmdDraw(commands, 3, 1, 0, 0);
	vkCmdEndRenderPass(commands);
	gpu_finish(gpu);
	vkDestroyPipeline(gpu->device, pipeline, NULL);
	vkDestroyPipelineLayout(gpu->device, layout, NULL);
}

int main(void)
{
	VkMemoryRequirements need;
	struct target target;
	struct buffer pixels;
	VkDeviceMemory memory;
	struct gpu gpu;
	VkImage image;
	int row;

	gpu_open(&gpu);
	buffer_create(&pixels, SIZE);
	memset(pixels.map, 0x33, SIZE);
	image = gpu_linear_image(&gpu, WIDTH, HEIGHT, PITCH, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT);
	vkGetImageMemoryRequirements(gpu.device, image, &need);
	if (need.size > pixels.size)
		die("the image wants %llu bytes", (unsigned long long)need.size);
	memory = gpu_import(&gpu, pixels.dmabuf, need.size, need.memoryTypeBits, image);
	VK(vkBindImageMemory(gpu.device, image, memory, 0));

	make_target(&gpu, image, &target);
	draw(&gpu, &target);
	triangle_expect(pixels.map, WIDTH, HEIGHT, PITCH, 0);
	/* what is between the rows stays the memfd's */
	for (row = 0; row < HEIGHT; row++)
		buffer_expect(&pixels, row * PITCH + WIDTH * 4, PITCH - WIDTH * 4, 0x33333333);

	free_target(&gpu, &target);
	vkDestroyImage(gpu.device, image, NULL);
	vkFreeMemory(gpu.device, memory, NULL);
	gpu_close(&gpu);
	buffer_destroy(&pixels);
	return 0;
}
