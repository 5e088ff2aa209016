// SPDX-License-Identifier: MIT
/*
 * Objects on a display whose driver copies them at each commit, through a kernel mapping. The
 * core warns when an exporter refuses that, so the memory may go, but not the mapping.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#include <drm_fourcc.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "igt.h"
#include "igt_importer.h"
#include "igt_zcgem.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

/**
 * TEST: zcgem scanout
 * Category: Core
 * Mega feature: General Core features
 * Sub-category: Memory management tests
 * Functionality: zcgem
 * Feature: zcgem, prime
 * Test category: functionality test
 * Description: Check objects on a display when their memory goes.
 *
 * SUBTEST: revoked
 * Description: A display of an object that was revoked is black and goes on.
 *
 * SUBTEST: removed
 * Description: So is one of an object whose device is gone.
 *
 * SUBTEST: punched
 * Description: A commit waits for the fences on punched pages, whatever signals come.
 */

IGT_TEST_DESCRIPTION("Check objects on a display when their memory goes");

#define WIDTH	640
#define HEIGHT	480
#define PITCH	(WIDTH * 4)
#define SIZE	((uint64_t)PITCH * HEIGHT)

struct display {
	int card;
	drmModeConnector *connector;
	drmModeModeInfo mode;
	uint32_t crtc;
	/* The object on it. */
	int memfd;
	uint32_t handle;
	int dmabuf;
	uint32_t imported;
	uint32_t framebuffer;
};

static const char *display_name(int card)
{
	static char name[32];
	drmVersion *version = drmGetVersion(card);

	snprintf(name, sizeof(name), "%s", version ? version->name : "");
	drmFreeVersion(version);
	return name;
}

/* Those whose drivers copy by the processor. */
static bool is_display(int card)
{
	static const char *const names[] = { "cirrus", "cirrus-qemu", "bochs-drm", "vkms" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(display_name(card), names[i]))
			return true;
	return false;
}

static bool find_mode(struct display *display)
{
	drmModeRes *resources = drmModeGetResources(display->card);
	int i, j;

	for (i = 0; resources && i < resources->count_connectors; i++) {
		drmModeConnector *connector = drmModeGetConnector(display->card,
								  resources->connectors[i]);

		for (j = 0; connector && j < connector->count_modes; j++) {
			display->mode = connector->modes[j];
			if (display->mode.hdisplay == WIDTH && display->mode.vdisplay == HEIGHT) {
				display->connector = connector;
				display->crtc = resources->crtcs[0];
				drmModeFreeResources(resources);
				return true;
			}
		}
		drmModeFreeConnector(connector);
	}
	drmModeFreeResources(resources);
	return false;
}

static int set_mode(struct display *display)
{
	return drmModeSetCrtc(display->card, display->crtc, display->framebuffer, 0, 0,
			      &display->connector->connector_id, 1, &display->mode);
}

/* The driver maps the framebuffer and copies what is in it. */
static void commit(struct display *display)
{
	int ret = drmModeDirtyFB(display->card, display->framebuffer, NULL, 0);

	/* vkms has no such call and copies all the time */
	if (ret == -ENOSYS)
		ret = set_mode(display);
	igt_assert_eq(ret, 0);
}

/* A driver may keep its mapping for as long as it shows the framebuffer: make it map anew. */
static void hide_and_show(struct display *display)
{
	commit(display);
	igt_assert_eq(drmModeSetCrtc(display->card, display->crtc, 0, 0, 0, NULL, 0, NULL), 0);
	igt_assert_eq(set_mode(display), 0);
	commit(display);
}

/* False if the card is no such display, or its driver imports nothing. */
static bool begin_display(int fd, int card, struct display *display)
{
	uint32_t handles[4] = { 0 }, pitches[4] = { PITCH }, offsets[4] = { 0 };

	*display = (struct display) { .card = card };
	if (!is_display(card) || !find_mode(display))
		return false;
	display->memfd = zcgem_memfd(SIZE, F_SEAL_SHRINK);
	display->handle = zcgem_wrap_memfd(fd, display->memfd, 0, SIZE, 0);
	display->dmabuf = zcgem_export(fd, display->handle);
	if (drmPrimeFDToHandle(card, display->dmabuf, &handles[0])) {
		igt_info("%s imports no dma-bufs: %m\n", display_name(card));
		drmModeFreeConnector(display->connector);
		close(display->dmabuf);
		gem_close(fd, display->handle);
		zcgem_release_memfd(display->memfd);
		return false;
	}
	display->imported = handles[0];
	igt_assert_eq(drmModeAddFB2(card, WIDTH, HEIGHT, DRM_FORMAT_XRGB8888, handles, pitches,
				    offsets, &display->framebuffer, 0), 0);
	igt_assert_eq(set_mode(display), 0);
	commit(display);
	return true;
}

static void end_display(int fd, struct display *display)
{
	drmModeSetCrtc(display->card, display->crtc, 0, 0, 0, NULL, 0, NULL);
	drmModeRmFB(display->card, display->framebuffer);
	gem_close(display->card, display->imported);
	drmModeFreeConnector(display->connector);
	close(display->dmabuf);
	/* where the device is gone the object goes with the descriptor */
	__zcgem_close(fd, display->handle);
}

/* What another driver sees that maps it as the display's does. */
static void check_black(int device)
{
	static uint64_t words[SIZE / sizeof(uint64_t)];
	size_t i;

	importer_call(device, IMPORTER_VMAP, 0);
	memset(words, 0xff, sizeof(words));
	for (i = 0; i < SIZE; i += ZCGEM_PAGE)
		igt_assert_eq(__importer_copy(device, i, (char *)words + i, ZCGEM_PAGE,
					      IMPORTER_COPY_VMAP), 0);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		igt_assert_eq_u64(words[i], 0);
	importer_call(device, IMPORTER_VUNMAP, 0);
}

static void paint(const struct display *display)
{
	void *map = zcgem_map_memfd(display->memfd, 0, SIZE);

	memset(map, 0x5a, SIZE);
	munmap(map, SIZE);
}

static void show_revoked(int fd, struct display *display)
{
	struct drm_zcgem_gem_revoke revoke = { .handle = display->handle };
	int device = importer_new(display->dmabuf, IMPORTER_FOLLOWS);

	paint(display);
	igt_assert_eq(igt_ioctl(fd, DRM_IOCTL_ZCGEM_GEM_REVOKE, &revoke), 0);
	hide_and_show(display);
	check_black(device);
	close(device);
}

static void show_removed(int fd, struct display *display)
{
	int device = importer_new(display->dmabuf, IMPORTER_FOLLOWS);

	(void)fd;
	paint(display);
	zcgem_unbind("zcgem");
	hide_and_show(display);
	check_black(device);
	close(device);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void *advance_in_time(void *timeline)
{
	usleep(1000000);
	sw_sync_advance(*(int *)timeline, 1);
	return NULL;
}

static void show_punched(int fd, struct display *display)
{
	struct itimerval timer = { .it_interval.tv_usec = 10000, .it_value.tv_usec = 10000 };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	int timeline = sw_sync_open(), file;
	pthread_t thread;

	paint(display);
	file = zcgem_submit_for_file(fd, zcgem_op_fill32(display->handle, 0, 4, 7),
				     syncobj_pending(fd, timeline));
	igt_assert_eq(drmModeSetCrtc(display->card, display->crtc, 0, 0, 0, NULL, 0, NULL), 0);
	punch(display->memfd, 0, SIZE);
	igt_assert_eq(pthread_create(&thread, NULL, advance_in_time, &timeline), 0);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	igt_assert_eq(set_mode(display), 0);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	pthread_join(thread, NULL);
	igt_assert_eq(sync_file_wait(file), 1);
	commit(display);
	close(file);
	close(timeline);
}

static void on_each_display(void (*show)(int fd, struct display *display))
{
	unsigned int shown = 0, i;
	struct display display;
	char path[32];
	int fd, card;
	bool good;

	require_importer();
	igt_debug("modprobe: %d\n", system("modprobe -q -a cirrus cirrus-qemu bochs vkms"));
	for (i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%u", i);
		card = open(path, O_RDWR | O_CLOEXEC);
		if (card < 0)
			continue;
		fd = zcgem_open();
		good = begin_display(fd, card, &display);
		if (good) {
			igt_info("%s\n", display_name(card));
			show(fd, &display);
			end_display(fd, &display);
		}
		drm_close_driver(fd);
		close(card);
		if (!good)
			continue;
		zcgem_release_memfd(display.memfd);
		if (show == show_removed)
			zcgem_bind("zcgem");
		shown++;
	}
	igt_require_f(shown, "no display whose driver copies by the processor and imports\n");
}

int igt_main()
{
	igt_describe("A display of an object that was revoked is black and goes on");
	igt_subtest("revoked")
		on_each_display(show_revoked);

	igt_describe("So is one of an object whose device is gone");
	igt_subtest("removed")
		on_each_display(show_removed);

	igt_describe("A commit waits for the fences on punched pages, whatever signals come");
	igt_subtest("punched")
		on_each_display(show_punched);
}
