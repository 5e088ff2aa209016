// SPDX-License-Identifier: MIT
/*
 * GBM and EGL on a card node without a GPU: buffers are the node's dumb buffers, llvmpipe
 * draws a triangle, and the exported dma-buf has it. Arguments: the node, and another
 * card, on whose display the dma-buf is then shown until somebody says go.
 */
#include <fcntl.h>
#include <gbm.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"
#include "gl.h"
#include "scanout.h"
#include "triangle.h"

#define WIDTH	640
#define HEIGHT	480

int main(int argc, char **argv)
{
	struct gbm_surface *surface;
	struct gbm_device *gbm;
	struct gbm_bo *bo;
	EGLSurface target;
	int node, dmabuf;
	struct gl gl;
	size_t size;
	void *map;

	node = argc > 1 ? open(argv[1], O_RDWR | O_CLOEXEC) : -1;
	if (node < 0)
		die("%s: %m", argv[1]);
	gbm = gbm_create_device(node);
	if (!gbm)
		die("gbm_create_device: %m");
	gl_open(&gl, EGL_PLATFORM_GBM_MESA, gbm, GBM_FORMAT_XRGB8888);
	surface = gbm_surface_create(gbm, WIDTH, HEIGHT, GBM_FORMAT_XRGB8888,
				     GBM_BO_USE_RENDERING | GBM_BO_USE_SCANOUT);
	if (!surface)
		die("gbm_surface_create: %m");
	target = eglCreateWindowSurface(gl.display, gl.config,
					(EGLNativeWindowType)surface, NULL);
	if (!eglMakeCurrent(gl.display, target, target, gl.context))
		die("eglMakeCurrent: %#x", eglGetError());
	gl_draw();
	if (!eglSwapBuffers(gl.display, target))
		die("eglSwapBuffers: %#x", eglGetError());

	bo = gbm_surface_lock_front_buffer(surface);
	dmabuf = bo ? gbm_bo_get_fd(bo) : -1;
	if (dmabuf < 0)
		die("gbm_bo_get_fd: %m");
	size = (size_t)gbm_bo_get_stride(bo) * HEIGHT;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	if (map == MAP_FAILED)
		die("mmap: %m");
	triangle_expect(map, WIDTH, HEIGHT, gbm_bo_get_stride(bo), 0);

	if (argc > 2) {
		scanout(argv[2], dmabuf, WIDTH, HEIGHT, gbm_bo_get_stride(bo));
		puts("shot triangle");
		fflush(stdout);
		getchar();
	}

	munmap(map, size);
	close(dmabuf);
	gbm_surface_release_buffer(surface, bo);
	eglDestroySurface(gl.display, target);
	gbm_surface_destroy(surface);
	gl_close(&gl);
	gbm_device_destroy(gbm);
	close(node);
	return 0;
}
