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
#include "drivers.h"
#include "memory.h"
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

static void submit(const struct memory *memory, uint64_t size)
{
	const struct driver *driver = &drivers[DRIVER_ZCGEM];
	struct buffer buffers[2];
	unsigned int i, r;
	uint64_t start;
	void *maps[2];
	int memfds[2];

	for (i = 0; i < 2; i++) {
		memfds[i] = memory_make_warm(memory, size);
		buffer_create(driver, &buffers[i], memfds[i], size);
		maps[i] = bench_check_pointer(mmap(NULL, size, PROT_READ | PROT_WRITE,
						   MAP_SHARED, memfds[i], 0),
					      "mmap of the memfd");
		memory_write(maps[i], size);
	}
	for (r = 0; r < bench_options.repeat; r++) {
		start = bench_clock();
		copy_and_wait(driver, &buffers[0], &buffers[1], SMALL_PAGE);
		bench_sample("submit a page and wait", driver->name, "ns",
			     bench_clock() - start);

		start = bench_clock();
		copy_and_wait(driver, &buffers[0], &buffers[1], size);
		bench_sample("copy", driver->name, "ns", bench_clock() - start);
		start = bench_clock();
		memcpy(maps[0], maps[1], size);
		bench_sample("copy", "memcpy", "ns", bench_clock() - start);
	}
	for (i = 0; i < 2; i++) {
		munmap(maps[i], size);
		buffer_close(driver, &buffers[i]);
		close(memfds[i]);
	}
	bench_report(memory->name, size);
}

int main(int argc, char **argv)
{
	static const uint64_t sizes[] = { 4 * MIB, 64 * MIB };
	unsigned int kind, i;

	bench_begin("submit", argc, argv);
	drivers_open();
	for (kind = 0; kind < MEMORY_HUGETLB_1G; kind++) {
		const struct memory *memory = &memory_kinds[kind];

		for (i = 0; i < ARRAY_LENGTH(sizes); i++)
			if (bench_wants(memory->name, sizes[i]) &&
			    memory_available(memory, 2 * sizes[i]))
				submit(memory, sizes[i]);
	}
	return 0;
}
