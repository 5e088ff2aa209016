// SPDX-License-Identifier: MIT
/*
 * OpenGL ES 2 on llvmpipe: a context, and a triangle to know again.
 */
#include <string.h>

#include "buffer.h"
#include "gl.h"

void *gl_function(const char *name)
{
	void *function = (void *)eglGetProcAddress(name);

	if (!function)
		die("no %s", name);
	return function;
}

/* A config whose buffers have the format, or just any. */
static EGLConfig choose(EGLDisplay display, EGLint format)
{
	static const EGLint wanted[] = {
		EGL_RENDERABLE_TYPE, EGL_OPENGL_ES2_BIT, EGL_SURFACE_TYPE, 0, EGL_NONE
	};
	EGLConfig configs[128];
	EGLint count, id, i;

	if (!eglChooseConfig(display, wanted, configs, 128, &count) || !count)
		die("eglChooseConfig: %#x", eglGetError());
	for (i = 0; format && i < count; i++)
		if (eglGetConfigAttrib(display, configs[i], EGL_NATIVE_VISUAL_ID, &id) &&
		    id == format)
			return configs[i];
	if (format)
		die("no config of format %#x", format);
	return configs[0];
}

void gl_open(struct gl *gl, EGLenum platform, void *native, EGLint format)
{
	static const EGLint version[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	const char *renderer;

	gl->display = eglGetPlatformDisplay(platform, native, NULL);
	if (!eglInitialize(gl->display, NULL, NULL))
		die("eglInitialize: %#x", eglGetError());
	eglBindAPI(EGL_OPENGL_ES_API);
	gl->config = choose(gl->display, format);
	gl->context = eglCreateContext(gl->display, gl->config, EGL_NO_CONTEXT, version);
	if (!eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, gl->context))
		die("eglMakeCurrent: %#x", eglGetError());
	renderer = (const char *)glGetString(GL_RENDERER);
	if (!renderer || !strstr(renderer, "llvmpipe"))
		die("the renderer is %s, not llvmpipe", renderer ? renderer : "none");
}

void gl_close(struct gl *gl)
{
	eglMakeCurrent(gl->display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(gl->display, gl->context);
	eglTerminate(gl->display);
}

static GLuint shader(GLenum type, const char *text)
{
	GLuint name = glCreateShader(type);
	GLint good;

	glShaderSource(name, 1, &text, NULL);
	glCompileShader(name);
	glGetShaderiv(name, GL_COMPILE_STATUS, &good);
	if (!good)
		die("a shader does not compile");
	return name;
}

void gl_draw(void)
{
	static const GLfloat corners[] = { -1, -1, 1, -1, -1, 1 };
	GLuint program = glCreateProgram();

	glAttachShader(program, shader(GL_VERTEX_SHADER,
		"attribute vec2 at; void main() { gl_Position = vec4(at, 0.0, 1.0); }"));
	glAttachShader(program, shader(GL_FRAGMENT_SHADER,
		"void main() { gl_FragColor = vec4(64.0, 192.0, 224.0, 255.0) / 255.0; }"));
	glBindAttribLocation(program, 0, "at");
	glLinkProgram(program);
	glUseProgram(program);
	glClearColor(0x20 / 255.0f, 0x40 / 255.0f, 0x80 / 255.0f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, corners);
	glEnableVertexAttribArray(0);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glFinish();
	if (glGetError())
		die("drawing failed");
}
