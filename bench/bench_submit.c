// SPDX-License-Identifier: MIT
/*
 * What the engine takes: from a submit to its fence for a copy of one page, and a copy
 * of a whole buffer, beside which a program's own memcpy() stands.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>

#include "bench.h"
#include "runner.h"
#include "zcgem_drm.h"

static void copy_and_wait(const struct driver *driver, const struct buffer *to,
			  const struct buffer *from, uint64_t size)
{
	struct drm_zcgem_op op = {
		.type = DRM_ZCGEM_OP_COPY,
		.dst_handle = to->handle,
		.src_handle = from->handle,
		.size = size,
	};
	struct drm_zcgem_submit submit = {
		.ops = { .stride = sizeof(op), .count = 1, .pointer = (uintptr_t)&op },
	};
	struct drm_zcgem_gem_wait wait = { .handle = to->handle, .timeout_ns = INT64_MAX };

	bench_check(ioctl(driver->node, DRM_IOCTL_ZCGEM_SUBMIT, &submit), "SUBMIT");
	bench_check(ioctl(driver->node, DRM_IOCTL_ZCGEM_GEM_WAIT, &wait), "GEM_WAIT");
}

static struct buffer buffers[2];
static void *maps[2];

static void prepare(const struct trial *trial)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		buffer_create(&drivers[DRIVER_ZCGEM], &buffers[i], trial->memfds[i], trial->size);
		maps[i] = bench_check_pointer(mmap(NULL, trial->size, PROT_READ | PROT_WRITE,
						   MAP_SHARED, trial->memfds[i], 0),
					      "mmap of the memfd");
		memory_write(maps[i], trial->size);
	}
}

static void finish(const struct trial *trial)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		munmap(maps[i], trial->size);
		buffer_close(&drivers[DRIVER_ZCGEM], &buffers[i]);
	}
}

static void submit(const struct driver *driver, const struct trial *trial)
{
	uint64_t start;

	start = bench_clock();
	copy_and_wait(driver, &buffers[0], &buffers[1], SMALL_PAGE);
	bench_sample("submit a page and wait", driver->name, "ns", bench_clock() - start);

	start = bench_clock();
	copy_and_wait(driver, &buffers[0], &buffers[1], trial->size);
	bench_sample("copy", driver->name, "ns", bench_clock() - start);
	start = bench_clock();
	memcpy(maps[0], maps[1], trial->size);
	bench_sample("copy", "memcpy", "ns", bench_clock() - start);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB };
	static const struct row rows[] = {
		{ .measure = submit, .drivers = ONLY(DRIVER_ZCGEM) },
	};
	static const struct benchmark benchmark = {
		.rows = rows, .nr_rows = ARRAY_LENGTH(rows),
		.sizes = sizes, .nr_sizes = ARRAY_LENGTH(sizes),
		.memfds = 2,
		.prepare = prepare, .finish = finish,
	};

	bench_begin("submit", argc, argv);
	bench_run(&benchmark);
	return 0;
}
