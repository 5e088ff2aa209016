// SPDX-License-Identifier: MIT
/*
 * Objects that are shared: by a second zcgem device, which maps and lets go when it is
 * told to, or by the test bed's importer, which knows nothing of moves or takes its time
 * when it is told; with views, and with fences.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/dma-buf.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt_importer.h"
#include "igt_zcgem_module.h"
#include "igt_zcgem_settings.h"
#include "igt_zcgem_share.h"
#include "igt_zcgem_submit.h"
#include "igt_zcgem_wrap.h"

#define PROT_RW		(PROT_READ | PROT_WRITE)
#define DEVICE_KEEPS	(IMPORTER_FOLLOWS | IMPORTER_KEEPS)
#define SHARE_SIZE	(48 * ZCGEM_PAGE)
#define LARGE_SIZE	(2 * ZCGEM_HUGE)
#define GIANT		(1ull << 30)

/* How long a fence is pending while something waits for it. */
#define FENCE_US	100000

/**
 * load_devices:
 * @count: how many zcgem devices there shall be
 *
 * Loads the module again if there are not as many; nothing of it may be open.
 *
 * Returns: Whether there are.
 */
bool load_devices(unsigned int count)
{
	char parameters[32];
	unsigned int now = 0;
	FILE *file;

	file = fopen("/sys/module/zcgem/parameters/num_devices", "r");
	if (file) {
		if (fscanf(file, "%u", &now) != 1)
			now = 0;
		fclose(file);
	}
	if (now == count)
		return true;

	snprintf(parameters, sizeof(parameters), "num_devices=%u", count);
	return zcgem_load(parameters);
}

/**
 * open_device:
 * @number: which zcgem device
 *
 * Returns: A descriptor of its render node, or -1.
 */
int open_device(unsigned int number)
{
	char path[128], node[160];
	glob_t found;
	int fd = -1;

	if (number)
		snprintf(path, sizeof(path), "/sys/bus/zcgem/devices/zcgem.%u/drm/renderD*",
			 number);
	else
		snprintf(path, sizeof(path), "/sys/bus/zcgem/devices/zcgem/drm/renderD*");

	if (!glob(path, 0, NULL, &found)) {
		snprintf(node, sizeof(node), "/dev/dri/%s", strrchr(found.gl_pathv[0], '/') + 1);
		fd = open(node, O_RDWR | O_CLOEXEC);
	}
	globfree(&found);
	return fd;
}

static bool does_attach_map(const struct devices *devices)
{
	uint32_t handle = zcgem_create(devices->fd, ZCGEM_PAGE, 0);
	int dmabuf = zcgem_export(devices->fd, handle);
	int device = importer_new(dmabuf, 0);
	struct drm_zcgem_gem_info info;

	zcgem_info(devices->fd, handle, &info);
	close(device);
	gem_close(devices->fd, handle);
	close(dmabuf);
	return info.pins;
}

/**
 * open_devices:
 * @devices: filled
 *
 * Skips unless there are two zcgem devices, vgem and the importer.
 */
void open_devices(struct devices *devices)
{
	igt_require_f(load_devices(2), "cannot load zcgem with two devices\n");
	devices->fd = open_device(0);
	devices->other = open_device(1);
	igt_require_f(devices->fd >= 0 && devices->other >= 0, "no two zcgem devices\n");
	devices->vgem = __drm_open_driver(DRIVER_VGEM);
	igt_require_f(devices->vgem >= 0 && vgem_has_fences(devices->vgem),
		      "no vgem device with fences\n");
	devices->live = zcgem_get_param(devices->fd, DRM_ZCGEM_PARAM_LIVE_INVALIDATION);
	require_importer();
	devices->attach_maps = does_attach_map(devices);
}

/**
 * close_devices:
 * @devices: what open_devices() filled
 *
 * Leaves one zcgem device, as other tests expect.
 */
void close_devices(struct devices *devices)
{
	close(devices->fd);
	close(devices->other);
	drm_close_driver(devices->vgem);
	load_devices(1);
}

/**
 * run_shared:
 * @devices: descriptors that stay open
 * @test: body of a subtest
 *
 * Runs @test with descriptors of its own, closes those, and checks that nothing is
 * left on either device.
 */
void run_shared(const struct devices *devices, void (*test)(const struct devices *devices))
{
	struct zcgem_snapshot before[2];
	struct devices own = *devices;

	zcgem_take_snapshot(devices->fd, &before[0]);
	zcgem_take_snapshot(devices->other, &before[1]);
	own.fd = drm_reopen_driver(devices->fd);
	own.other = drm_reopen_driver(devices->other);
	own.vgem = drm_reopen_driver(devices->vgem);
	test(&own);
	close(own.fd);
	close(own.other);
	close(own.vgem);
	zcgem_check_leaks(devices->fd, &before[0]);
	zcgem_check_leaks(devices->other, &before[1]);
}

/**
 * begin_fence:
 * @vgem: vgem's descriptor
 * @dmabuf: a dma-buf, which all who want to read or write wait for from now on
 * @fence: filled
 *
 * vgem itself signals the fence after 10 s, so nothing can hang on it for good.
 */
void begin_fence(int vgem, int dmabuf, struct fence *fence)
{
	int buffer, file;

	*fence = (struct fence) {
		.vgem = vgem, .bo = { .width = 64, .height = 16, .bpp = 32 },
	};
	vgem_create(vgem, &fence->bo);
	fence->id = vgem_fence_attach(vgem, &fence->bo, VGEM_FENCE_WRITE);
	buffer = zcgem_export(vgem, fence->bo.handle);
	file = dmabuf_export_sync_file(buffer, DMA_BUF_SYNC_READ);
	igt_assert_eq(__dmabuf_import_sync_file(dmabuf, DMA_BUF_SYNC_WRITE, file), 0);
	close(file);
	close(buffer);
}

static void *signal_fence(void *data)
{
	struct fence *fence = data;

	usleep(FENCE_US);
	fence->signalled = true;
	vgem_fence_signal(fence->vgem, fence->id);
	return NULL;
}

/**
 * signal_later:
 * @fence: a pending fence
 *
 * Whatever waits for the fence meanwhile finds @fence->signalled set when it is done.
 */
void signal_later(struct fence *fence)
{
	igt_assert_eq(pthread_create(&fence->thread, NULL, signal_fence, fence), 0);
}

/**
 * end_fence:
 * @fence: a fence, pending or not, or none
 */
void end_fence(struct fence *fence)
{
	if (!fence->id)
		return;
	if (fence->thread) {
		pthread_join(fence->thread, NULL);
	} else {
		fence->signalled = true;
		vgem_fence_signal(fence->vgem, fence->id);
	}
	gem_close(fence->vgem, fence->bo.handle);
	fence->id = 0;
}

/**
 * dmabuf_sync:
 * @dmabuf: a dma-buf
 * @flags: DMA_BUF_SYNC flags
 *
 * Returns: 0 or -errno.
 */
int dmabuf_sync(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync arg = { .flags = flags };
	int err = ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &arg) ? -errno : 0;

	errno = 0;
	return err;
}

/**
 * map_dmabuf:
 * @dmabuf: a dma-buf
 * @size: bytes
 *
 * Returns: The start of a writable mapping.
 */
void *map_dmabuf(int dmabuf, uint64_t size)
{
	void *map = mmap(NULL, size, PROT_RW, MAP_SHARED, dmabuf, 0);

	igt_assert_f(map != MAP_FAILED, "mmap of a dma-buf: %m\n");
	return map;
}

/**
 * punch:
 * @memfd: a memfd
 * @offset: start of the hole, bytes
 * @size: bytes
 */
void punch(int memfd, uint64_t offset, uint64_t size)
{
	igt_assert_eq(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
				size), 0);
}

/**
 * evictions:
 * @fd: zcgem descriptor
 * @handle: GEM handle
 *
 * Returns: How often the object's pages were taken back.
 */
uint64_t evictions(int fd, uint32_t handle)
{
	struct drm_zcgem_gem_info info;

	zcgem_info(fd, handle, &info);
	return info.evictions;
}

/**
 * share_name:
 * @share: an object that is shared
 *
 * Returns: What it is, for people.
 */
const char *share_name(const struct share *share)
{
	static const char * const sources[] = {
		"memfd", "userptr", "pool", "ranges", "huge pages of tmpfs", "hugetlb",
		"write-combined pool", "pages of 64 KiB and less", "part of a page of 1 GiB",
	};
	static const char * const importers[] = { "dynamic", "static", "slow" };
	static const char * const uses[] = { "attached", "mapped", "fence pending" };
	static char name[80];

	snprintf(name, sizeof(name), "%s, %s importer, %s%s%s", sources[share->source],
		 importers[share->importer], uses[share->use],
		 share->mapped ? ", has a scatter list" : "", share->pinned ? ", pinned" : "");
	return name;
}

/*
 * A dynamic importer has a scatter list when it wants one, and pins only on kernels that
 * cannot tell it of moves. A static one pins with it, on older kernels from the start.
 */
static void look_at_importer(struct share *share, uint64_t maps_before)
{
	struct drm_zcgem_gem_info info;
	struct zcgem_snapshot now;

	zcgem_take_snapshot(share->devices->fd, &now);
	zcgem_info(share->devices->fd, share->handle, &info);
	igt_assert_eq_u64(info.attachments, 1);
	share->mapped = now.dma_maps > maps_before;
	share->pinned = info.pins;

	if (share->importer == IMPORTER_STATIC) {
		igt_assert_eq(share->mapped, share->use != USE_ATTACHED ||
					     share->devices->attach_maps);
		igt_assert_eq(share->pinned, share->mapped);
	} else {
		igt_assert_eq(share->mapped, share->use != USE_ATTACHED);
		igt_assert_eq(share->pinned, share->mapped && !share->devices->live);
	}
}

static void begin_import(struct share *share)
{
	const struct devices *devices = share->devices;

	if (share->importer == IMPORTER_DYNAMIC) {
		igt_assert_eq(__zcgem_import(devices->other, share->dmabuf, &share->theirs), 0);
		if (share->use != USE_ATTACHED)
			zcgem_populate(devices->other, share->theirs, share->size, NULL);
		share->views[VIEW_IMPORTER] = zcgem_mmap(devices->other, share->theirs,
							 share->size, PROT_RW);
		return;
	}

	share->device = importer_new(share->dmabuf, share->importer == IMPORTER_SLOW ?
						    DEVICE_KEEPS : 0);
	if (share->use != USE_ATTACHED)
		importer_call(share->device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
}

static void make_ranges(struct share *share)
{
	/* not one of them ends where a leaf does */
	const uint64_t ends[] = { 7 * ZCGEM_PAGE, 700 * ZCGEM_PAGE, share->size };
	struct drm_zcgem_memfd_range ranges[3] = {};
	uint64_t at = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ranges); at = ends[i++])
		ranges[i] = (struct drm_zcgem_memfd_range) {
			.fd = share->memfd, .offset = at, .size = ends[i] - at,
		};
	igt_assert_eq(__zcgem_wrap(share->devices->fd, ranges, ARRAY_SIZE(ranges), 0,
				   &share->handle), 0);
}

/* Mapped where huge pages can be, which the kernel may give or not. */
static void map_huge(struct share *share)
{
	char *start, *aligned;

	zcgem_change_setting("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "advise");
	start = mmap(NULL, share->size + ZCGEM_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(start != MAP_FAILED);
	aligned = (char *)ALIGN((uintptr_t)start, ZCGEM_HUGE);
	munmap(start, share->size + ZCGEM_HUGE);
	share->own = mmap(aligned, share->size, PROT_RW, MAP_SHARED | MAP_FIXED_NOREPLACE,
			  share->memfd, 0);
	igt_assert(share->own == aligned);
	igt_assert_eq(madvise(share->own, share->size, MADV_HUGEPAGE), 0);
}

#define MIXED_PAGE	65536ull
#define MIXED		"/sys/kernel/mm/transparent_hugepage/hugepages-64kB/shmem_enabled"

/* The kernel may give pages of 64 KiB for the first half or not. */
static void fill_mixed(struct share *share)
{
	char text[64];
	bool known = zcgem_read_setting(MIXED, text, sizeof(text));

	if (known)
		zcgem_change_setting(MIXED, "always");
	zcgem_fill(share->own, share->size / 2, 0);
	if (known)
		zcgem_change_setting(MIXED, "never");
}

static void make_shared_memory(struct share *share)
{
	int fd = share->devices->fd;

	switch (share->source) {
	case SOURCE_USERPTR:
		share->own = zcgem_anonymous(share->size);
		share->handle = zcgem_wrap_address(fd, share->own, share->size, 0);
		return;
	case SOURCE_POOL:
	case SOURCE_WC:
		share->handle = zcgem_create(fd, share->size, share->source == SOURCE_WC ?
							      DRM_ZCGEM_CREATE_WC : 0);
		return;
	case SOURCE_HUGETLB:
		/* one more, for what takes the place of a punched one that is held */
		close(zcgem_memfd_hugetlb(share->size + ZCGEM_HUGE, 0));
		share->memfd = zcgem_memfd_hugetlb(share->size, F_SEAL_SHRINK);
		share->hole_at = ZCGEM_HUGE;
		share->hole_size = ZCGEM_HUGE;
		break;
	case SOURCE_MIXED:
		/* here, too */
		share->hole_at = MIXED_PAGE;
		share->hole_size = MIXED_PAGE;
		share->memfd = zcgem_memfd(share->size, F_SEAL_SHRINK);
		break;
	case SOURCE_GIANT:
		share->file_size = GIANT;
		share->memfd = memfd_create("giant", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB |
					    MFD_HUGE_1GB);
		igt_assert_fd(share->memfd);
		igt_assert_eq(ftruncate(share->memfd, GIANT), 0);
		igt_assert_eq(fcntl(share->memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
		share->hole_at = 0;
		share->hole_size = share->size;
		break;
	default:
		share->memfd = zcgem_memfd(share->size, F_SEAL_SHRINK);
		break;
	}

	if (share->source == SOURCE_THP) {
		/* part of a pinned huge page of tmpfs would be zeroed in place */
		share->hole_at = ZCGEM_HUGE;
		share->hole_size = ZCGEM_HUGE;
		map_huge(share);
	} else {
		share->own = zcgem_map_memfd(share->memfd, 0, share->file_size);
	}
	if (share->source == SOURCE_MIXED)
		fill_mixed(share);
	/* the pages come in an order of their own, and huge ones if they can */
	zcgem_fill(share->own, share->size, 0);
	if (share->source == SOURCE_RANGES)
		make_ranges(share);
	else
		share->handle = zcgem_wrap_memfd(fd, share->memfd, 0, share->size, 0);
}

#define GIANT_PAGES	"/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages"

/* Two: one takes the place of one that is punched and held. */
static bool giant_pages_free(void)
{
	char text[32];
	int step;

	if (!zcgem_read_setting(GIANT_PAGES, text, sizeof(text)))
		return false;
	/* they come back a while after the object that had them is closed */
	for (step = 0; step < 200 && zcgem_read_number(GIANT_PAGES) == 1; step++)
		usleep(10000);
	return zcgem_read_number(GIANT_PAGES) >= 2;
}

/**
 * share_first_use:
 * @source: what an object is made of
 *
 * Returns: The first use to try: all of them take too long for large memory, and the last
 * one has what the others have. USES for memory that this machine has not.
 */
enum share_use share_first_use(enum share_source source)
{
	if (source == SOURCE_GIANT && !giant_pages_free())
		return USES;
	return source < SOURCE_RANGES ? USE_ATTACHED : USE_FENCED;
}

/**
 * begin_share:
 * @devices: the devices
 * @source: what to make the object of
 * @importer: who imports it
 * @use: what the importer does with it
 * @share: filled
 *
 * The memory is filled with seed 1, and every view has been looked at.
 */
void begin_share(const struct devices *devices, enum share_source source,
		 enum share_importer importer, enum share_use use, struct share *share)
{
	const uint64_t size = source < SOURCE_RANGES ? SHARE_SIZE : LARGE_SIZE;
	struct zcgem_snapshot before;

	*share = (struct share) {
		.devices = devices, .source = source, .importer = importer, .use = use,
		.size = size, .memfd = -1, .device = -1,
		.hole_at = 8 * ZCGEM_PAGE, .hole_size = 8 * ZCGEM_PAGE, .file_size = size,
	};
	zcgem_take_snapshot(devices->fd, &before);

	make_shared_memory(share);
	share->dmabuf = zcgem_export(devices->fd, share->handle);
	begin_import(share);
	share->views[VIEW_GEM] = zcgem_mmap(devices->fd, share->handle, size, PROT_RW);
	share->views[VIEW_DMABUF] = map_dmabuf(share->dmabuf, size);

	zcgem_fill(share->own ?: share->views[VIEW_GEM], size, 1);
	check_views(share, 1);
	check_device(share, 1);
	look_at_importer(share, before.dma_maps);

	if (use == USE_FENCED)
		begin_fence(devices->vgem, share->dmabuf, &share->fence);
	igt_debug("%s\n", share_name(share));
}

/**
 * check_device:
 * @share: an object that is shared
 * @seed: what zcgem_fill() was given
 *
 * What the importing device sees, if it has a scatter list that it can read by.
 */
void check_device(const struct share *share, uint64_t seed)
{
	struct importer_state state;

	if (share->device < 0)
		return;
	importer_state(share->device, &state);
	if (state.mapped)
		importer_check(share->device, share->size, seed, 0);
}

/**
 * importer_maps_again:
 * @share: an object that is shared
 *
 * A static importer attaches again, since older kernels keep what it was given first.
 *
 * Returns: 0 or -errno.
 */
int importer_maps_again(struct share *share)
{
	int ret;

	if (share->importer == IMPORTER_DYNAMIC)
		return __zcgem_advise(share->devices->other, share->theirs,
				      DRM_ZCGEM_ADVICE_POPULATE, 0, share->size, NULL);
	if (share->importer == IMPORTER_STATIC) {
		if (share->device >= 0)
			close(share->device);
		share->device = importer_open();
		ret = __importer_attach(share->device, share->dmabuf, 0, 0, 0);
		if (ret)
			return ret;
	}
	return __importer_call(share->device, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL);
}

/**
 * importer_let_go:
 * @share: an object that is shared
 *
 * The importer gives back its scatter list, a static one by going.
 */
void importer_let_go(struct share *share)
{
	if (share->importer == IMPORTER_DYNAMIC) {
		zcgem_evict(share->devices->other, share->theirs, share->size);
	} else if (share->importer == IMPORTER_STATIC) {
		close(share->device);
		share->device = -1;
	} else {
		importer_call(share->device, IMPORTER_UNMAP, 0);
	}
	share->mapped = false;
	share->pinned = false;
}

/**
 * punch_share:
 * @share: an object that is shared, of a memfd
 *
 * Takes the hole's pages out of the memfd.
 */
void punch_share(const struct share *share)
{
	punch(share->memfd, share->hole_at,
	      share->source == SOURCE_GIANT ? share->file_size : share->hole_size);
}

/**
 * close_views:
 * @share: an object that is shared
 */
void close_views(struct share *share)
{
	int i;

	for (i = 0; i < VIEWS; i++) {
		if (share->views[i])
			munmap(share->views[i], share->size);
		share->views[i] = NULL;
	}
}

/**
 * end_share:
 * @share: what begin_share() filled
 *
 * Handles of a device that is gone need not be closed: set them to 0 before.
 */
void end_share(struct share *share)
{
	end_fence(&share->fence);
	close_views(share);
	if (share->theirs)
		gem_close(share->devices->other, share->theirs);
	if (share->device >= 0)
		close(share->device);
	close(share->dmabuf);
	if (share->handle)
		gem_close(share->devices->fd, share->handle);
	if (share->own)
		munmap(share->own, share->file_size);
	if (share->memfd >= 0)
		close(share->memfd);
}

/**
 * check_views:
 * @share: an object that is shared
 * @seed: what zcgem_fill() was given
 */
void check_views(const struct share *share, uint64_t seed)
{
	int i;

	for (i = 0; i < VIEWS; i++)
		if (share->views[i])
			zcgem_check(share->views[i], share->size, seed);
}

/**
 * run_share_matrix:
 * @devices: the devices
 * @importer: who imports
 * @test: what is done to the object; gets the counts from before it was made
 *
 * Every memory and use, each with a look at what is left.
 */
void run_share_matrix(const struct devices *devices, enum share_importer importer,
		      void (*test)(struct share *share, const struct zcgem_snapshot *before))
{
	enum share_source source;
	enum share_use use;

	for (source = 0; source < SOURCES; source++) {
		for (use = share_first_use(source); use < USES; use++) {
			struct zcgem_snapshot before;
			struct share share;

			zcgem_take_snapshot(devices->fd, &before);
			begin_share(devices, source, importer, use, &share);
			igt_info("%s\n", share_name(&share));
			test(&share, &before);
			end_share(&share);
			zcgem_check_leaks(devices->fd, &before);
		}
	}
}
