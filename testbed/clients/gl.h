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

struct gl {
	EGLDisplay display;
	EGLConfig config;
	EGLContext context;
};

void gl_open(struct gl *gl, EGLenum platform, void *native, EGLint format);
void gl_close(struct gl *gl);
void *gl_function(const char *name);

/* The picture of triangle.h in the viewport. */
void gl_draw(void);

#endif
