// SPDX-License-Identifier: MIT
/*
 * A Wayland window whose buffer is a dma-buf of a memfd, given through zwp_linux_dmabuf_v1.
 * The picture is pattern.h's, written into the memfd. Says "shown" after the compositor has
 * taken it, and stays until it is killed.
 */
#define _GNU_SOURCE
#include <drm_fourcc.h>
#include <stdio.h>
#include <string.h>
#include <wayland-client.h>

#include "buffer.h"
#include "linux-dmabuf-v1-client-protocol.h"
#include "pattern.h"
#include "xdg-shell-client-protocol.h"

static struct wl_compositor *compositor;
static struct zwp_linux_dmabuf_v1 *dmabuf;
static struct xdg_wm_base *shell;
static struct wl_surface *surface;
static uint32_t width = 640, height = 480;
static int configured, frames;

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
		      const char *interface, uint32_t version)
{
	(void)data;
	if (!strcmp(interface, "wl_compositor"))
		compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
	else if (!strcmp(interface, "zwp_linux_dmabuf_v1") && version >= 3)
		dmabuf = wl_registry_bind(registry, name, &zwp_linux_dmabuf_v1_interface, 3);
	else if (!strcmp(interface, "xdg_wm_base"))
		shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
}

static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	(void)data;
	(void)registry;
	(void)name;
}

static const struct wl_registry_listener registry_listener = {
	.global = on_global,
	.global_remove = on_global_remove,
};

static void on_ping(void *data, struct xdg_wm_base *base, uint32_t serial)
{
	(void)data;
	xdg_wm_base_pong(base, serial);
}

static const struct xdg_wm_base_listener shell_listener = { .ping = on_ping };

static void on_surface_configure(void *data, struct xdg_surface *xdg, uint32_t serial)
{
	(void)data;
	xdg_surface_ack_configure(xdg, serial);
	configured = 1;
}

static const struct xdg_surface_listener surface_listener = { .configure = on_surface_configure };

static void on_configure(void *data, struct xdg_toplevel *toplevel, int32_t w, int32_t h,
			 struct wl_array *states)
{
	(void)data;
	(void)toplevel;
	(void)states;
	if (w > 0 && h > 0) {
		width = w;
		height = h;
	}
}

static void on_close(void *data, struct xdg_toplevel *toplevel)
{
	(void)data;
	(void)toplevel;
	die("the compositor closed the window");
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = on_configure,
	.close = on_close,
};

static void on_frame(void *data, struct wl_callback *callback, uint32_t time)
{
	(void)data;
	(void)time;
	wl_callback_destroy(callback);
	frames++;
}

static const struct wl_callback_listener frame_listener = { .done = on_frame };

/* A row is a multiple of 256 bytes, as hardware would want it. */
static struct wl_buffer *make_buffer(struct buffer *buffer)
{
	uint32_t pitch = (width * 4 + 255) & ~255u, x, y;
	struct zwp_linux_buffer_params_v1 *params;

	buffer_create(buffer, (size_t)pitch * height);
	for (y = 0; y < height; y++) {
		uint32_t *row = (uint32_t *)((char *)buffer->map + (size_t)y * pitch);

		for (x = 0; x < width; x++)
			row[x] = pattern(x, y, width, height);
	}
	params = zwp_linux_dmabuf_v1_create_params(dmabuf);
	zwp_linux_buffer_params_v1_add(params, buffer->dmabuf, 0, 0, pitch,
				       DRM_FORMAT_MOD_LINEAR >> 32,
				       DRM_FORMAT_MOD_LINEAR & 0xffffffff);
	return zwp_linux_buffer_params_v1_create_immed(params, width, height,
						       DRM_FORMAT_XRGB8888, 0);
}

static void next_frame(struct wl_display *display)
{
	int seen = frames;

	wl_callback_add_listener(wl_surface_frame(surface), &frame_listener, NULL);
	wl_surface_damage_buffer(surface, 0, 0, width, height);
	wl_surface_commit(surface);
	while (frames == seen)
		if (wl_display_dispatch(display) < 0)
			die("the compositor: %m");
}

int main(void)
{
	struct wl_display *display = wl_display_connect(NULL);
	struct xdg_toplevel *toplevel;
	struct wl_registry *registry;
	struct xdg_surface *xdg;
	struct buffer buffer;

	if (!display)
		die("no compositor: %m");
	registry = wl_display_get_registry(display);
	wl_registry_add_listener(registry, &registry_listener, NULL);
	wl_display_roundtrip(display);
	if (!compositor || !shell || !dmabuf)
		die("the compositor has no %s", dmabuf ? "xdg_wm_base" : "zwp_linux_dmabuf_v1");

	xdg_wm_base_add_listener(shell, &shell_listener, NULL);
	surface = wl_compositor_create_surface(compositor);
	xdg = xdg_wm_base_get_xdg_surface(shell, surface);
	xdg_surface_add_listener(xdg, &surface_listener, NULL);
	toplevel = xdg_surface_get_toplevel(xdg);
	xdg_toplevel_add_listener(toplevel, &toplevel_listener, NULL);
	xdg_toplevel_set_fullscreen(toplevel, NULL);
	wl_surface_commit(surface);
	while (!configured)
		if (wl_display_dispatch(display) < 0)
			die("the compositor: %m");

	wl_surface_attach(surface, make_buffer(&buffer), 0, 0);
	next_frame(display);
	next_frame(display);
	printf("shown %ux%u\n", width, height);
	fflush(stdout);
	while (wl_display_dispatch(display) >= 0)
		;
	return 0;
}
