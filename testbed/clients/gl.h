/* SPDX-License-Identifier: MIT */
/*
 * OpenGL ES 2 on llvmpipe: a context, and a triangle to know again.
 */
#ifndef CLIENTS_GL_H
#define CLIENTS_GL_H

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>
#include <stdint.h>

#define GL_BACKGROUND	0xff204080
#define GL_TRIANGLE	0xff40c0e0

struct gl {
	EGLDisplay display;
	EGLConfig config;
	EGLContext context;
};

void gl_open(struct gl *gl, EGLenum platform, void *native, EGLint format);
void gl_close(struct gl *gl);
void *gl_function(const char *name);

/* The lower left half of the viewport: where x is less than the height above the bottom. */
void gl_draw(void);

/* Rows from the top down; checks that they show what gl_draw() drew. */
void gl_expect(const void *pixels, uint32_t width, uint32_t height, uint32_t pitch,
	       int bottom_up);

#endif
