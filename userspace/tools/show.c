// SPDX-License-Identifier: MIT
/*
 * zcgem show: a PNG is decoded into a memfd, the memfd is wrapped as a zcgem
 * object, and another driver's display shows that object's dma-buf.
 */
#include <argp.h>
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"
#include "page_size.h"
#include "picture.h"
#include "share.h"
#include "tool.h"

struct options {
	const char *picture;
	const char *card;
	const char *mode;
	const char *format;
	const char *dump;
	bool wait;
	bool repaint;
	bool hugetlb;
	bool legacy;
};

/* What is kept from one step to the next. */
struct show {
	const struct options *options;
	struct kms kms;
	struct share share;
	struct surface surface;
	struct picture picture;
	uint64_t pages;
	uint64_t copies;
};

static const struct argp_option option_list[] = {
	{ "card", 'c', "NODE", 0, "Card to show it on (default: the first that is not zcgem)", 0 },
	{ "mode", 'm', "WxH", 0, "Mode to set (default: the display's preferred one)", 0 },
	{ "format", 'f', "FORMAT", 0, "XR24, RG24 or RG16 (default: the first the plane takes)", 0 },
	{ "dump", 'd', "FILE", 0, "Write what is in the memfd to FILE, as PPM", 0 },
	{ "wait", 'w', NULL, 0, "Print \"ready\" and keep showing until a line comes on stdin", 0 },
	{ "repaint", 'r', NULL, 0, "Like --wait, but the first line inverts the picture in the "
	  "memfd and prints \"repainted\", the second ends", 0 },
	{ "hugetlb", 'H', NULL, 0, "Take the memfd from huge pages of the size that a PMD maps", 0 },
	{ "legacy", 'l', NULL, 0, "Do not use the atomic modeset call", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'c':
		options->card = arg;
		return 0;
	case 'm':
		options->mode = arg;
		return 0;
	case 'f':
		if (!pixel_format_by_name(arg))
			argp_error(state, "unknown format '%s'", arg);
		options->format = arg;
		return 0;
	case 'd':
		options->dump = arg;
		return 0;
	case 'w':
		options->wait = true;
		return 0;
	case 'r':
		options->repaint = true;
		return 0;
	case 'H':
		options->hugetlb = true;
		return 0;
	case 'l':
		options->legacy = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->picture)
			argp_error(state, "one picture at a time");
		options->picture = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which picture?");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static int prepare_surface(struct show *show)
{
	struct surface *surface = &show->surface;
	int ret;

	ret = kms_open(&show->kms, show->options->card, show->options->legacy);
	if (!ret)
		ret = kms_choose(&show->kms, show->options->mode);
	if (!ret)
		ret = kms_format(&show->kms, show->options->format, &surface->format);
	if (ret)
		return ret;

	surface->width = show->kms.mode.hdisplay;
	surface->height = show->kms.mode.vdisplay;
	surface->pitch = kms_pitch(&show->kms, surface->format);
	ret = share_alloc(&show->share, (uint64_t)surface->pitch * surface->height,
			  show->options->hugetlb);
	surface->pixels = show->share.pixels;
	return ret;
}

static int paint(struct show *show)
{
	if (picture_decode(&show->picture, show->options->picture, &show->surface)) {
		error(0, 0, "%s: %s", show->options->picture, show->picture.error);
		return -EINVAL;
	}
	printf("picture: %s, %ux%u, decoded into a memfd of %llu bytes (%s), sealed against shrinking\n",
	       show->options->picture, show->picture.width, show->picture.height,
	       (unsigned long long)show->share.size, show->options->hugetlb ? "hugetlb" : "shmem");
	return 0;
}

static int display(struct show *show)
{
	struct kms *kms = &show->kms;
	const struct surface *surface = &show->surface;
	bool dirty;
	int ret;

	ret = kms_import(kms, show->share.dmabuf, surface);
	if (!ret)
		ret = kms_show(kms);
	if (!ret)
		ret = kms_refresh(kms, &dirty);
	if (ret)
		return ret;

	printf("display: %s on %s, %s, %ux%u %s, pitch %u, %s modeset\n", kms->driver, kms->node,
	       kms->connector_name, surface->width, surface->height, surface->format->name,
	       surface->pitch, kms->atomic ? "atomic" : "legacy");
	if (dirty)
		printf("flush: DirtyFB, at which %s reads the memfd's pages into its video memory\n",
		       kms->driver);
	else
		printf("flush: none needed, %s reads the memfd's pages for every frame\n",
		       kms->driver);
	return 0;
}

static const char *backing_name(uint32_t backing)
{
	static const char * const names[] = { "pool", "memfd", "userptr", "svm", "import" };

	return backing < sizeof(names) / sizeof(names[0]) ? names[backing] : "unknown";
}

static void print_extents(const struct drm_zcgem_gem_info *info)
{
	unsigned int i;

	printf("extents: %llu", (unsigned long long)info->extents);
	for (i = 0; i < DRM_ZCGEM_EXTENT_ORDERS; i++)
		if (info->extents_by_order[i])
			printf(", %llu of %s%s", (unsigned long long)info->extents_by_order[i],
			       size_text((uint64_t)sysconf(_SC_PAGESIZE) << i).text, i ? " and more" : "");
	printf("\n");
}

static void print_faults(const struct drm_zcgem_gem_info *info)
{
	const uint64_t page = sysconf(_SC_PAGESIZE), pmd = pmd_size();
	const struct {
		uint64_t size, faults;
	} entries[] = {
		{ page, info->faults_pte }, { pmd, info->faults_pmd },
		{ page / 8 * pmd, info->faults_pud },
	};
	unsigned int i;

	for (i = 0; i < 3; i++)
		printf("%s %llu by %s%s", i ? "," : "faults:",
		       (unsigned long long)entries[i].faults, size_text(entries[i].size).text,
		       i ? "" : " entries");
	printf("\npage sizes:");
	for (i = 0; i < 3; i++)
		if (entries[i].faults)
			printf(" %s", size_text(entries[i].size).text);
	printf("\n");
}

static int report(struct show *show)
{
	struct drm_zcgem_gem_info info;
	int ret;

	ret = share_count(&show->share, &show->pages, &show->copies);
	if (ret)
		return ret;
	ret = zcgem_bo_info(show->share.bo, &info, sizeof(info));
	if (ret) {
		error(0, -ret, "cannot ask for the object's state");
		return ret;
	}
	printf("object: handle %u, backing %s, bytes %llu, resident %llu, charged %llu\n",
	       info.handle, backing_name(info.backing), (unsigned long long)info.size,
	       (unsigned long long)info.resident, (unsigned long long)info.charged);
	print_extents(&info);
	print_faults(&info);
	/* Counted, not claimed: see share_count(). */
	printf("shared: %llu of %llu pages show a write to the memfd at once in the object and the dma-buf\n",
	       (unsigned long long)(show->pages - show->copies), (unsigned long long)show->pages);
	printf("copies: %llu\n", (unsigned long long)show->copies);
	if (show->copies) {
		error(0, 0, "the object is not the memfd's memory");
		return -EIO;
	}
	return 0;
}

static int dump(struct show *show)
{
	int ret = show->options->dump ? surface_dump(&show->surface, show->options->dump) : 0;

	if (ret)
		error(0, -ret, "%s", show->options->dump);
	return ret;
}

static int say_and_wait(const char *word)
{
	int c;

	printf("%s\n", word);
	fflush(stdout);
	do {
		c = getchar();
	} while (c != '\n' && c != EOF);
	if (c == '\n')
		return 0;
	error(0, 0, "no line came on stdin after \"%s\"", word);
	return -EPIPE;
}

/* Nothing is wrapped, imported or set anew: the display shows the same memory. */
static int repaint(struct show *show)
{
	bool dirty;
	int ret;

	ret = share_begin_write(&show->share);
	if (ret)
		return ret;
	surface_invert(&show->surface);
	ret = share_end_write(&show->share);
	if (!ret)
		ret = kms_refresh(&show->kms, &dirty);
	if (!ret)
		ret = dump(show);
	return ret;
}

static int run(struct show *show)
{
	const struct options *options = show->options;
	int ret;

	ret = prepare_surface(show);
	if (!ret)
		ret = paint(show);
	if (!ret)
		ret = share_wrap(&show->share);
	if (!ret)
		ret = display(show);
	if (!ret)
		ret = report(show);
	if (!ret)
		ret = dump(show);
	if (!ret && (options->wait || options->repaint))
		ret = say_and_wait("ready");
	if (!ret && options->repaint) {
		ret = repaint(show);
		if (!ret)
			ret = say_and_wait("repainted");
	}
	return ret;
}

int cmd_show(int argc, char **argv)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.args_doc = "PICTURE",
		.doc = "Show a PNG picture on a display without a copy.\v"
		       "The picture is decoded into a memfd, and the display's driver is given "
		       "that memory as a dma-buf.",
	};
	struct options options = { 0 };
	struct show show = { .options = &options, .kms.fd = -1, .share = { .memfd = -1, .dmabuf = -1 } };
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	/* What happened so far is to be seen when a later step hangs. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	ret = run(&show);
	kms_close(&show.kms);
	share_free(&show.share);
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
