// SPDX-License-Identifier: MIT
/*
 * EGL_EXT_image_dma_buf_import: llvmpipe draws a triangle into a dma-buf of a memfd, and the
 * memfd has it; then the CPU changes the memfd, and llvmpipe reads that as a texture.
 */
#include <drm_fourcc.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "gl.h"
#include "triangle.h"

#define WIDTH	256
#define HEIGHT	128
#define PITCH	1280
#define CHANGED	0xff13579bu

int main(void)
{
	PFNGLEGLIMAGETARGETTEXTURE2DOESPROC bind_image;
	PFNEGLCREATEIMAGEKHRPROC create_image;
	uint32_t *word, back[16 * 16];
	struct buffer buffer;
	GLuint texture, fbo;
	EGLImageKHR image;
	struct gl gl;
	size_t i;

	buffer_create(&buffer, PITCH * HEIGHT);
	gl_open(&gl, EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, 0);
	create_image = (PFNEGLCREATEIMAGEKHRPROC)gl_function("eglCreateImageKHR");
	bind_image = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)
		gl_function("glEGLImageTargetTexture2DOES");

	const EGLint attributes[] = {
		EGL_WIDTH, WIDTH, EGL_HEIGHT, HEIGHT,
		EGL_LINUX_DRM_FOURCC_EXT, DRM_FORMAT_ARGB8888,
		EGL_DMA_BUF_PLANE0_FD_EXT, buffer.dmabuf,
		EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, PITCH, EGL_NONE
	};
	image = create_image(gl.display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attributes);
	if (!image)
		die("eglCreateImageKHR: %#x", eglGetError());

	glGenTextures(1, &texture);
	glBindTexture(GL_TEXTURE_2D, texture);
	bind_image(GL_TEXTURE_2D, image);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		die("the framebuffer is not complete");
	glViewport(0, 0, WIDTH, HEIGHT);
	gl_draw();
	triangle_expect(buffer.map, WIDTH, HEIGHT, PITCH, 1);

	for (i = 0; i < buffer.size / 4; i++)
		((uint32_t *)buffer.map)[i] = CHANGED;
	glReadPixels(32, 32, 16, 16, GL_BGRA_EXT, GL_UNSIGNED_BYTE, back);
	for (word = back; word < back + 256; word++)
		if (*word != CHANGED)
			die("llvmpipe reads %#x, not %#x", *word, CHANGED);

	gl_close(&gl);
	buffer_destroy(&buffer);
	return 0;
}
