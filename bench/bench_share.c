// SPDX-License-Identifier: MIT
/*
 * What sharing takes: an importer that attaches, maps, unmaps and detaches, one that
 * follows moves and one that does not; a mapping into the kernel; PRIME; and the bracket
 * around CPU access. The importer is the test bed's module stopwatch.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm.h>

#include "bench.h"
#include "runner.h"
#include "stopwatch.h"

static int stopwatch;

static void import(const struct driver *driver, const struct buffer *buffer,
		   unsigned int flags)
{
	const char *map = flags ? "attach and map, dynamic" : "attach and map";
	const char *unmap = flags ? "unmap and detach, dynamic" : "unmap and detach";
	struct stopwatch_import args = { .dmabuf = buffer->dmabuf, .flags = flags };

	bench_check(ioctl(stopwatch, STOPWATCH_IMPORT, &args), "STOPWATCH_IMPORT");
	bench_sample(map, driver->name, "ns", args.map);
	bench_sample(unmap, driver->name, "ns", args.unmap);
}

static void vmap(const struct driver *driver, const struct buffer *buffer)
{
	struct stopwatch_vmap args = { .dmabuf = buffer->dmabuf };

	bench_check(ioctl(stopwatch, STOPWATCH_VMAP, &args), "STOPWATCH_VMAP");
	bench_sample("vmap", driver->name, "ns", args.vmap);
	bench_sample("vunmap", driver->name, "ns", args.vunmap);
}

/* Into another driver, as a compositor hands its clients' buffers to a GPU. */
static void import_and_close(const struct driver *driver, const struct buffer *buffer)
{
	uint64_t start = bench_clock();
	uint32_t handle;

	if (gem_import(&drivers[DRIVER_VGEM], buffer->dmabuf, &handle))
		bench_fail("FD_TO_HANDLE");
	gem_close(&drivers[DRIVER_VGEM], handle);
	bench_sample("import by vgem and close", driver->name, "ns", bench_clock() - start);
}

/* There and back: another client of the same driver. */
static void round_trip(const struct driver *driver, const struct buffer *buffer)
{
	uint64_t start = bench_clock();
	struct drm_prime_handle export = { .handle = buffer->handle, .flags = DRM_CLOEXEC };
	uint32_t handle;

	bench_check(ioctl(driver->node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &export), "HANDLE_TO_FD");
	if (gem_import(driver, export.fd, &handle))
		bench_fail("FD_TO_HANDLE");
	close(export.fd);
	bench_sample("PRIME round trip", driver->name, "ns", bench_clock() - start);
}

static void cpu_access(const struct driver *driver, const struct buffer *buffer)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };
	uint64_t start;

	/* udmabuf maps its pages for itself at the first one. */
	start = bench_clock();
	bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_START");
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_END");
	bench_sample("first CPU access bracket", driver->name, "ns", bench_clock() - start);

	start = bench_clock();
	sync.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW;
	bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_START");
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW;
	bench_check(ioctl(buffer->dmabuf, DMA_BUF_IOCTL_SYNC, &sync), "SYNC_END");
	bench_sample("CPU access bracket", driver->name, "ns", bench_clock() - start);
}

static void share(const struct driver *driver, const struct trial *trial)
{
	struct buffer buffer;

	buffer_create(driver, &buffer, trial->memfds[0], trial->size);
	import(driver, &buffer, 0);
	import(driver, &buffer, STOPWATCH_DYNAMIC);
	vmap(driver, &buffer);
	if (driver->wraps && driver_available(&drivers[DRIVER_VGEM]))
		import_and_close(driver, &buffer);
	if (buffer.handle)
		round_trip(driver, &buffer);
	cpu_access(driver, &buffer);
	buffer_close(driver, &buffer);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = {
		64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, GIB
	};
	static const struct row rows[] = {
		{ .measure = share, .drivers = EVERY_DRIVER },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 1,
	};

	bench_begin("share", argc, argv);
	stopwatch = bench_check(open("/dev/stopwatch", O_RDWR | O_CLOEXEC), "/dev/stopwatch");
	bench_run(&benchmark);
	return 0;
}
